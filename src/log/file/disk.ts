import * as fs from "node:fs";
import { promisify } from "node:util";
import { checkKind, openFile, openToAppend, piecesOf, UnfitFile } from "../../files/open-file.js";
import { codeOf, spokenCode, syncFolder } from "../../files/paths.js";
import { EXIT, type StopError, stopError } from "../../shared/problems.js";

const flush = promisify(fs.fdatasync);

/** What the log asks of a file's place: how long the file is, and which file it is (its device and number). */
export interface FileFacts {
  readonly size: number;
  readonly identity: string;
}

function factsOf(stats: { readonly size: bigint; readonly dev: bigint; readonly ino: bigint }): FileFacts {
  return { size: Number(stats.size), identity: `${stats.dev}:${stats.ino}` };
}

/** A file that is open for appending only. By `O_APPEND`: should two processes ever write at once, neither overwrites the other. */
function handleOf(fd: number) {
  return {
    /** Appends, by one call; returns how many bytes were taken, which may be fewer. */
    write: (bytes: Uint8Array): number => fs.writeSync(fd, bytes),
    /** Resolves when all that was written is durable. Never tried again where it failed: the bytes may be lost by then. */
    datasync: (): Promise<void> => flush(fd),
    facts: (): FileFacts => factsOf(fs.fstatSync(fd, { bigint: true })),
    close: (): void => fs.closeSync(fd),
  };
}

export type LogHandle = ReturnType<typeof handleOf>;
export type LogDisk = typeof nodeDisk;

/** The few calls that the log makes to a disk, in one place, so that a test can lose any byte that was not flushed and fail any call. */
export const nodeDisk = {
  facts(path: string): FileFacts | undefined {
    const stats = fs.statSync(path, { bigint: true, throwIfNoEntry: false });
    if (stats !== undefined) checkKind(path, stats);
    return stats && factsOf(stats);
  },
  /** The file's bytes from `start` on, piece by piece. */
  *read(path: string, start: number): Generator<Buffer, void> {
    const fd = openFile(path, fs.constants.O_RDONLY);
    try {
      yield* piecesOf({ fd, path }, { start });
    } finally {
      fs.closeSync(fd);
    }
  },
  /**
   * Makes a file that nobody else may read, or with the owner and the rights of `model`; fails where one is there, or where the rights
   * cannot be given.
   */
  create(path: string, model?: string): LogHandle {
    const fd = fs.openSync(path, "ax", 0o600);
    if (model === undefined) return handleOf(fd);
    try {
      const due = fs.statSync(model);
      const found = fs.fstatSync(fd);
      if (found.uid !== due.uid || found.gid !== due.gid) fs.fchownSync(fd, due.uid, due.gid);
      if (found.mode !== due.mode) fs.fchmodSync(fd, due.mode & 0o7777);
    } catch (error) {
      fs.closeSync(fd);
      throw error;
    }
    return handleOf(fd);
  },
  open: (path: string): LogHandle => handleOf(openToAppend(path)),
  /** Puts a file in the place of another, at once. */
  rename: (source: string, target: string): void => fs.renameSync(source, target),
  /** Makes the file this short, durably. `check` is called when the file is open: what comes late cuts no other in its place. */
  truncate(path: string, size: number, check: () => void): void {
    const fd = openFile(path, fs.constants.O_RDWR);
    try {
      check();
      fs.ftruncateSync(fd, size);
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
  },
  syncFolder,
};

export function writeAll(handle: LogHandle, bytes: Uint8Array): void {
  let rest = bytes;
  while (rest.length > 0) rest = rest.subarray(handle.write(rest));
}

/** Fills a new file with another's bytes from `start` on, durably, and closes it. */
export async function copyInto(handle: LogHandle, disk: LogDisk, path: string, start: number): Promise<void> {
  try {
    for (const piece of disk.read(path, start)) writeAll(handle, piece);
    await handle.datasync();
  } finally {
    handle.close();
  }
}

/** Runs a step on the disk; what the disk says no to becomes a stop (exit 6) with a remedy. `doing` completes "cannot …". */
export function onDisk<T>(path: string, doing: string, step: () => T): T {
  const refuse = (error: unknown): never => {
    throw isDiskError(error) ? diskTrouble(path, doing, error) : error;
  };
  try {
    const done = step();
    return done instanceof Promise ? (done.catch(refuse) as T) : done;
  } catch (error) {
    return refuse(error);
  }
}

/** Whether the disk said no; all else is a stop or a defect. */
export function isDiskError(error: unknown): error is Error {
  return codeOf(error) !== "";
}

/** What the disk said no to. What to do about it is never a new log: that would know nothing of the copies. */
export function diskTrouble(path: string, doing: string, cause: unknown): StopError {
  const code = doing.startsWith("read") ? "LOG_UNREADABLE" : "LOG_UNWRITABLE";
  const hint = cause instanceof UnfitFile ? "Look at what it is; where it is none of yours, take it away" : undefined;
  // One of the files beside it may be meant: a lock's successor.
  const file = cause instanceof UnfitFile && cause.path.startsWith(path) ? cause.path : path;
  return stopError(EXIT.log, code, `Cannot ${doing} ${file} (${spokenCode(cause)}).`, { file, hint }, cause);
}
