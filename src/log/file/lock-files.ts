import { createHash } from "node:crypto";
import {
  closeSync,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { codeOf, hasCode } from "../../files/paths.js";
import type { ProcessIdentity } from "./process-identity.js";

/**
 * The lock on disk, and the steps that change it, each atomic in the file system.
 *
 * `LOG.lock` holds a note with an ID that is never used again. Who takes over from the lock X creates `LOG.lock.X`, which
 * only one can (it is created with its content, and only where there is none); the current lock is the last of that chain.
 * A claim counts only if, read again from `LOG.lock` on, the chain ends in it: so a claim on a lock that is long gone is
 * void. Only the last of the chain may change `LOG.lock`: it moves its own note there, or removes it, and to remove it
 * first claims its own succession, so that nobody can take over a lock that is about to go.
 * "Read, see that it is dead, remove, create" would let two in; here the ID of what was seen is part of the name created.
 */

/** What a lock says of its owner. */
export interface LockNote extends ProcessIdentity {
  readonly id: string;
  /** UTC, for people. */
  readonly startedAt: string;
  readonly command: string;
}

/** One lock of the chain as it was read. */
export interface ChainLink {
  readonly path: string;
  /** The note's ID; for a file that holds no note one made from its bytes. */
  readonly id: string;
  /** `undefined`: the file holds no note (its writer crashed, or it is not ours). */
  readonly note: LockNote | undefined;
  readonly text: string;
  /** When it was last written, by the clock of the disk. */
  readonly writtenMs: number;
}

/** A note that was prepared: on the disk, but not yet a lock. Its descriptor stays open, so that its inode is not used again. */
export interface PreparedNote {
  readonly id: string;
  readonly path: string;
  readonly text: string;
  readonly fd: number;
}

const ID = /^[0-9a-f]{16}$/;
/** What stands behind the lock's own name: a note that was prepared, or a claim. */
const LITTER = /^\.(new-)?([0-9a-f]{16}|unreadable-[0-9a-f]{16})$/;
const BEAT_DIGITS = 10;
/** How far before its end a note's beat stands. */
const BEAT_FROM_END = BEAT_DIGITS + '"}\n'.length;
/** What file systems without hard links say (FAT, some network disks; exFAT on Windows: EISDIR). */
const NO_HARD_LINKS = new Set("EPERM ENOTSUP EOPNOTSUPP ENOSYS EINVAL EISDIR EXDEV EMLINK UNKNOWN".split(" "));
/** A lock that took longer to write than this may have been taken for dead meanwhile. */
const LONGEST_WRITE_MS = 10_000;

/** Where the successor of the lock `id` stands. */
export function successorPath(root: string, id: string): string {
  return `${root}.${id}`;
}

/** The chain of locks from `LOG.lock` on; empty where there is none. The last is the current one. */
export function readChain(root: string): readonly ChainLink[] {
  const chain: ChainLink[] = [];
  let link = readLink(root);
  while (link !== undefined && !chain.some((seen) => seen.id === link?.id)) {
    chain.push(link);
    link = readLink(successorPath(root, link.id));
  }
  return chain;
}

function readLink(path: string): ChainLink | undefined {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
  try {
    const text = readFileSync(fd, "utf8");
    const writtenMs = fstatSync(fd).mtimeMs;
    const note = parseNote(text);
    const id =
      note?.id ?? `unreadable-${createHash("sha256").update(`${writtenMs} ${text}`).digest("hex").slice(0, 16)}`;
    return { path, id, note, text, writtenMs };
  } finally {
    closeSync(fd);
  }
}

/** Writes a note beside the lock, under a name of its own. Throws what the disk says. */
export function prepareNote(root: string, note: LockNote): PreparedNote {
  const path = `${root}.new-${note.id}`;
  const text = `${JSON.stringify({ v: 1, ...note, beat: "0".repeat(BEAT_DIGITS) })}\n`;
  const fd = openSync(path, "wx+", 0o644);
  try {
    writeAll(fd, text);
    fsyncSync(fd);
  } catch (error) {
    closeSync(fd);
    unlinkSync(path);
    throw error;
  }
  return { id: note.id, path, text, fd };
}

/** Now, by the clock of the disk: the time that a write to the note gets. Clocks of other machines play no part. */
export function diskNow(prepared: PreparedNote): number {
  writeSync(prepared.fd, prepared.text, 0);
  return fstatSync(prepared.fd).mtimeMs;
}

/** Shows, durably, that a prepared note's writer lives. */
export function touchNote(prepared: PreparedNote): void {
  writeSync(prepared.fd, prepared.text, 0);
  fsyncSync(prepared.fd);
}

/** Puts a note at `target` if nothing is there. Returns the lock's open descriptor, or `undefined`: somebody was first. */
export function place(prepared: PreparedNote, target: string, link = linkSync): number | undefined {
  try {
    link(prepared.path, target);
    return prepared.fd;
  } catch (error) {
    const code = codeOf(error);
    // A network disk may have made the link and lost its answer.
    if (code === "EEXIST") return readLink(target)?.id === prepared.id ? prepared.fd : undefined;
    // Somebody who saw no sign of life in it swept the prepared note away.
    if (code === "ENOENT") return undefined;
    if (NO_HARD_LINKS.has(code)) return placeByWriting(prepared, target);
    throw error;
  }
}

/** For disks without hard links (FAT, some network disks): the note appears empty, then whole. */
function placeByWriting(prepared: PreparedNote, target: string): number | undefined {
  let fd: number;
  try {
    fd = openSync(target, "wx+", 0o644);
  } catch (error) {
    if (codeOf(error) === "EEXIST") return undefined;
    throw error;
  }
  const began = performance.now();
  try {
    writeAll(fd, prepared.text);
    fsyncSync(fd);
  } catch (error) {
    closeSync(fd);
    removeFile(target);
    throw error;
  }
  if (performance.now() - began < LONGEST_WRITE_MS) return fd;
  closeSync(fd);
  removeFile(target);
  return undefined;
}

/** Moves a claim to `LOG.lock`; `false` where the disk does not let it (Windows, while a scanner holds the file open). */
export function moveToRoot(claim: string, root: string): boolean {
  try {
    renameSync(claim, root);
    return true;
  } catch (error) {
    if (isBusy(error)) return false;
    throw error;
  }
}

/** Shows that the owner lives: the beat's digits are written over, so the note stays whole for whoever reads it. */
export function beatAt(text: string, count: number): { readonly position: number; readonly digits: string } {
  const digits = String(count % 10 ** BEAT_DIGITS).padStart(BEAT_DIGITS, "0");
  return { position: Buffer.byteLength(text) - BEAT_FROM_END, digits };
}

/** Removes a file; one that is gone already is well. `false`: Windows does not let it go while somebody has it open. */
export function removeFile(path: string): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    if (isBusy(error)) return false;
    if (codeOf(error) === "ENOENT") return true;
    throw error;
  }
}

/** Notes that stand beside the lock by their name, but not in its chain: left by processes that were killed while they tried. */
export function readLitter(root: string, chain: readonly ChainLink[]): readonly ChainLink[] {
  const inUse = new Set(chain.map((link) => basename(link.path)));
  const isNote = (name: string): boolean => LITTER.test(name.slice(basename(root).length));
  const names = readdirSync(dirname(root)).filter(
    (name) => name.startsWith(basename(root)) && isNote(name) && !inUse.has(name),
  );
  return names.map((name) => readLink(join(dirname(root), name))).filter((link) => link !== undefined);
}

/** Which file stands at a path, or `undefined` where none does. */
export function fileIdentity(path: string): string | undefined {
  const facts = statSync(path, { bigint: true, throwIfNoEntry: false });
  return facts === undefined ? undefined : `${facts.dev}:${facts.ino}`;
}

/** Which file a descriptor is open on. */
export function openFileIdentity(fd: number): string {
  const facts = fstatSync(fd, { bigint: true });
  return `${facts.dev}:${facts.ino}`;
}

/** Whether somebody else has the file in hand for a moment, as happens on Windows. */
export function isBusy(error: unknown): boolean {
  return hasCode(error, ["EPERM", "EACCES", "EBUSY", "ENOTEMPTY"]);
}

function writeAll(fd: number, text: string): void {
  const bytes = Buffer.from(text, "utf8");
  let done = 0;
  while (done < bytes.length) done += writeSync(fd, bytes, done, bytes.length - done, done);
}

function parseNote(text: string): LockNote | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  return isNote(value) ? value : undefined;
}

function isNote(value: unknown): value is LockNote {
  if (typeof value !== "object" || value === null) return false;
  const note = value as Readonly<Record<string, unknown>>;
  const words = [note.host, note.startedAt, note.command];
  const mayLack = [note.machine, note.boot, note.upSince, note.pidSpace, note.start];
  return (
    typeof note.id === "string" &&
    ID.test(note.id) &&
    Number.isSafeInteger(note.pid) &&
    words.every((word) => typeof word === "string") &&
    mayLack.every((word) => word === undefined || typeof word === "string")
  );
}
