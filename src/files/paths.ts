import {
  type BigIntStats,
  closeSync,
  fsyncSync,
  openSync,
  readlinkSync,
  realpathSync,
  type Stats,
  statSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";

/** What the system said, as its code (`ENOENT`); empty where an error has none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EISDIR: "it is a folder",
  EACCES: "this user may not read it",
  EPERM: "this user may not read it",
  EBUSY: "another program holds it open",
};

/** Why a file cannot be read, for people. */
export function faultOf(error: unknown): string {
  const code = codeOf(error);
  return WORDS[code] ?? spokenCode(error);
}

/** What the system said, as messages show it: its code, or where it is our own refusal, that in words. */
export function spokenCode(error: unknown): string {
  const code = codeOf(error);
  return code === "EFTYPE" && error instanceof Error ? error.message : code || "unknown error";
}

export function hasCode(error: unknown, codes: readonly string[]): boolean {
  return codes.includes(codeOf(error));
}

/**
 * Whether two paths mean one file, whether or not one is there: by real path (folded where the file system does not tell cases
 * apart), or by device and inode.
 */
export function isSameFile(a: string, b: string, platform: NodeJS.Platform): boolean {
  if (isSameName(realPathOf(a), realPathOf(b), platform)) return true;
  const [one, other] = [a, b].map((path) => orMissing(() => statSync(path, { bigint: true })));
  return hasSameNumber(one, other);
}

/**
 * Whether two looks met one file, by device and inode. As whole numbers: Windows' are larger than a double holds, and files that were made
 * one after the other would be the same. Windows gives 0 where a file system has no inodes.
 */
export function hasSameNumber(one: BigIntStats | undefined, other: BigIntStats | undefined): boolean {
  return one !== undefined && one.ino !== 0n && one.ino === other?.ino && one.dev === other.dev;
}

/** Whether two names are one where Windows or macOS does not tell cases apart. */
export function isSameName(a: string, b: string, platform: NodeJS.Platform): boolean {
  const fold = (name: string): string =>
    platform === "win32" || platform === "darwin" ? name.normalize("NFC").toUpperCase().toLowerCase() : name;
  return fold(a) === fold(b);
}

/** As many links as an operating system follows. */
const MOST_LINKS = 40;

/** The real path of a file that may not be there yet: then its folder's. A link leads to its target, also where that is missing. */
export function realPathOf(path: string, links = 0): string {
  const whole = resolve(path);
  const real = orMissing(() => systemPath(whole));
  if (real !== undefined) return real;
  const target = links < MOST_LINKS ? orMissing(() => readlinkSync(whole)) : undefined;
  if (target !== undefined) return realPathOf(resolve(dirname(whole), target), links + 1);
  return join(orMissing(() => systemPath(dirname(whole))) ?? dirname(whole), basename(whole));
}

/** The path as the system has it: in its own case, without Windows' short names. Some disks (RAM disks) only know Node's own way. */
function systemPath(path: string): string {
  try {
    return realpathSync.native(path);
  } catch (error) {
    if (hasCode(error, ["ENOENT", "ENOTDIR", "ELOOP"])) throw error;
    return realpathSync(path);
  }
}

/** What is at a path; `undefined` where nothing is, or nothing that this user may see. */
export function statOf(path: string): Stats | undefined {
  return orMissing(() => statSync(path));
}

const NO_FOLDER_SYNC = ["EISDIR", "EPERM", "EACCES", "EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EBADF"];

/** Makes what was created in a folder durable. Windows and some network disks cannot: there the file's own flush is all there is. */
export function syncFolder(folder: string): void {
  let fd: number | undefined;
  try {
    fd = openSync(folder, "r");
    fsyncSync(fd);
  } catch (error) {
    if (!hasCode(error, NO_FOLDER_SYNC)) throw error;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/**
 * There is nothing, or nothing that this user may see: whoever opens it says which. EINVAL and UNKNOWN are what reading a link says
 * where the path is none; ESRCH and ENOSYS what `/proc` says; EFTYPE is our own word for what is no regular file.
 */
const NOT_TO_BE_SEEN = "ENOENT ENOTDIR EACCES EPERM ELOOP ENAMETOOLONG EINVAL UNKNOWN ESRCH ENOSYS EFTYPE".split(" ");

/** What a look finds; `undefined` where there is nothing to be seen. */
export function orMissing<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (hasCode(error, NOT_TO_BE_SEEN)) return undefined;
    throw error;
  }
}
