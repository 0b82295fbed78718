import type { Stats } from "node:fs";
import { readlink, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { hasCode } from "./disk-error.js";
import { realPath } from "./real-path.js";

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

export async function identify(path: string, platform: NodeJS.Platform): Promise<Identity> {
  const stats = await statOf(path);
  const real = await realPathOf(path);
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
export async function realPathOf(path: string, links = 0): Promise<string> {
  const whole = resolve(path);
  const real = await orMissing(realOf(whole));
  if (real !== undefined) return real;
  const target = links < MOST_LINKS ? await linkTarget(whole) : undefined;
  if (target !== undefined) return realPathOf(resolve(dirname(whole), target), links + 1);
  const folder = await orMissing(realOf(dirname(whole)));
  return join(folder ?? dirname(whole), basename(whole));
}

async function realOf(path: string): Promise<string> {
  return realPath(path);
}

async function linkTarget(path: string): Promise<string | undefined> {
  try {
    return await readlink(path);
  } catch (error) {
    // EINVAL: it is no link.
    if (hasCode(error, [...NOT_TO_BE_SEEN, "EINVAL", "UNKNOWN"])) return undefined;
    throw error;
  }
}

/** There is nothing, or nothing that this user may see: whoever opens it says which. */
const NOT_TO_BE_SEEN = ["ENOENT", "ENOTDIR", "EACCES", "EPERM", "ELOOP", "ENAMETOOLONG"];

export async function statOf(path: string): Promise<Stats | undefined> {
  return orMissing(stat(path));
}

export async function orMissing<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if (hasCode(error, NOT_TO_BE_SEEN)) return undefined;
    throw error;
  }
}
