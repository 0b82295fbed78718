import {
  closeSync,
  fchmodSync,
  fchownSync,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { codeOf, realPath } from "../../files/paths.js";

const flush = promisify(fdatasync);

/** What the log asks of a file's place: how long the file is, and which file it is. */
export interface FileFacts {
  readonly size: number;
  /** Device and number of the file. */
  readonly identity: string;
}

/** The log's file, open for appending only. */
export interface LogHandle {
  /** Appends, by one call; returns how many bytes were taken, which may be fewer. The bytes are valid until it returns. */
  write(bytes: Uint8Array): number;
  /** Resolves when all that was written is durable. Never tried again where it failed: the bytes may be lost by then. */
  datasync(): Promise<void>;
  /** The same, at once: for what is done before a run begins. */
  datasyncNow(): void;
  facts(): FileFacts;
  close(): void;
}

/** The few calls that the log makes to a disk, so that a test can lose any byte that was not flushed and fail any call. */
export interface LogDisk {
  /** The path without symbolic links, whether or not a file is there: two names of one log must have one lock. */
  realPath(path: string): string;
  facts(path: string): FileFacts | undefined;
  /** Where the symbolic link at `path` points; `undefined` where none is there. */
  linkTarget(path: string): string | undefined;
  /** Hands the file's bytes to `take`, piece by piece; a piece is valid only until `take` returns, unless copied. */
  read(path: string, from: number, take: (chunk: Buffer) => void): void;
  /** Makes a file that nobody else may read; fails where one is there. */
  create(path: string): LogHandle;
  /** Makes a file with the owner and the rights of `model`; fails where one is there, or where the rights cannot be given. */
  createLike(path: string, model: string): LogHandle;
  open(path: string): LogHandle;
  /** Puts a file in the place of another, at once. */
  rename(from: string, to: string): void;
  /** Removes a file; one that is gone already is well. */
  remove(path: string): void;
  /** Makes the file this short, durably. `check` is called when the file is open: what comes late cuts no other in its place. */
  truncate(path: string, size: number, check: () => void): void;
  /** Makes what was created in this folder durable. */
  syncFolder(folder: string): void;
  list(folder: string): readonly string[];
}

/** Big enough that a log of 400,000 records takes some 900 calls, small enough to stay in a processor's cache while it is read. */
const PIECE = 256 * 1024;
const NO_FOLDER_SYNC = new Set(["EISDIR", "EPERM", "EACCES", "EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EBADF"]);

/** The disk as Node gives it. */
export const nodeDisk: LogDisk = {
  realPath(path) {
    const absolute = resolve(path);
    try {
      return realPath(absolute);
    } catch (error) {
      if (codeOf(error) !== "ENOENT") throw error;
      return join(realPath(dirname(absolute)), basename(absolute));
    }
  },
  facts(path) {
    const facts = statSync(path, { bigint: true, throwIfNoEntry: false });
    if (facts !== undefined && !facts.isFile() && !facts.isDirectory())
      // A device or a pipe never ends: it is refused before it is read.
      throw Object.assign(new Error("it is no regular file"), { code: "EINVAL" });
    return facts === undefined ? undefined : { size: Number(facts.size), identity: `${facts.dev}:${facts.ino}` };
  },
  linkTarget(path) {
    if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return undefined;
    return resolve(dirname(path), readlinkSync(path));
  },
  read(path, from, take) {
    const fd = openSync(path, "r");
    try {
      const piece = Buffer.allocUnsafeSlow(PIECE);
      let position = from;
      for (;;) {
        const length = readSync(fd, piece, 0, PIECE, position);
        if (length === 0) return;
        position += length;
        take(piece.subarray(0, length));
      }
    } finally {
      closeSync(fd);
    }
  },
  create: (path) => new NodeLogHandle(openSync(path, "ax", 0o600)),
  createLike(path, model) {
    const fd = openSync(path, "ax", 0o600);
    try {
      const due = statSync(model);
      const found = fstatSync(fd);
      if (found.uid !== due.uid || found.gid !== due.gid) fchownSync(fd, due.uid, due.gid);
      if (found.mode !== due.mode) fchmodSync(fd, due.mode & 0o7777);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    return new NodeLogHandle(fd);
  },
  open: (path) => new NodeLogHandle(openSync(path, "a")),
  rename: (from, to) => renameSync(from, to),
  remove: (path) => rmSync(path, { force: true }),
  truncate(path, size, check) {
    const fd = openSync(path, "r+");
    try {
      check();
      ftruncateSync(fd, size);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  },
  syncFolder(folder) {
    let fd: number;
    try {
      fd = openSync(folder, "r");
    } catch (error) {
      if (NO_FOLDER_SYNC.has(codeOf(error))) return;
      throw error;
    }
    try {
      fsyncSync(fd);
    } catch (error) {
      // Windows and some network disks have no such call: there the file's own flush is all that can be had.
      if (!NO_FOLDER_SYNC.has(codeOf(error))) throw error;
    } finally {
      closeSync(fd);
    }
  },
  list: (folder) => readdirSync(folder),
};

/** Appends go by `O_APPEND`: should two processes ever write at once, neither overwrites the other. */
class NodeLogHandle implements LogHandle {
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  write(bytes: Uint8Array): number {
    return writeSync(this.#fd, bytes);
  }

  datasync(): Promise<void> {
    return flush(this.#fd);
  }

  datasyncNow(): void {
    fdatasyncSync(this.#fd);
  }

  facts(): FileFacts {
    const facts = fstatSync(this.#fd, { bigint: true });
    return { size: Number(facts.size), identity: `${facts.dev}:${facts.ino}` };
  }

  close(): void {
    closeSync(this.#fd);
  }
}
