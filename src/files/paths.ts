import { readlinkSync, realpathSync, type Stats, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";

/** What the system said, as its code (`ENOENT`); empty where an error has none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

export function hasCode(error: unknown, codes: readonly string[]): boolean {
  return codes.includes(codeOf(error));
}

/** Which file a path means, whether or not one is there. */
export interface Identity {
  /** The real path, folded where the file system does not tell cases apart. */
  readonly real: string;
  /** Device and inode; `undefined` where the file is not there yet. */
  readonly inode: string | undefined;
}

/** Whether two paths mean one file. */
export function isSame(a: Identity, b: Identity): boolean {
  return a.real === b.real || (a.inode !== undefined && a.inode === b.inode);
}

export function identify(path: string, platform: NodeJS.Platform): Identity {
  const stats = statOf(path);
  const real = realPathOf(path);
  const foldsCase = platform === "win32" || platform === "darwin";
  return {
    real: foldsCase ? real.normalize("NFC").toUpperCase().toLowerCase() : real,
    // Windows gives 0 where a file system has no inodes.
    inode: stats === undefined || stats.ino === 0 ? undefined : `${stats.dev}:${stats.ino}`,
  };
}

/** As many links as an operating system follows. */
const MOST_LINKS = 40;

/** The real path of a file that may not be there yet: then its folder's. A link leads to its target, also where that is missing. */
export function realPathOf(path: string, links = 0): string {
  const whole = resolve(path);
  const real = orMissing(() => realpathSync(whole));
  if (real !== undefined) return real;
  const target = links < MOST_LINKS ? orMissing(() => readlinkSync(whole)) : undefined;
  if (target !== undefined) return realPathOf(resolve(dirname(whole), target), links + 1);
  return join(orMissing(() => realpathSync(dirname(whole))) ?? dirname(whole), basename(whole));
}

/** What is at a path; `undefined` where nothing is, or nothing that this user may see. */
export function statOf(path: string): Stats | undefined {
  return orMissing(() => statSync(path));
}

/**
 * There is nothing, or nothing that this user may see: whoever opens it says which. EINVAL and UNKNOWN are what reading a link says
 * where the path is none.
 */
const NOT_TO_BE_SEEN = ["ENOENT", "ENOTDIR", "EACCES", "EPERM", "ELOOP", "ENAMETOOLONG", "EINVAL", "UNKNOWN"];

function orMissing<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (hasCode(error, NOT_TO_BE_SEEN)) return undefined;
    throw error;
  }
}
