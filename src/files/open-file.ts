import { closeSync, constants, fstatSync, openSync, readSync, type StatsBase, statSync } from "node:fs";
import { statOf } from "./paths.js";

/*
 * How every file is opened, to be read or to be added to. What is no regular file may never end (a device), or hold the program up
 * until somebody else opens it (a pipe), deaf to every signal: so it is refused before it is opened, and once more when it is open.
 */

const { O_RDONLY, O_WRONLY, O_APPEND, O_CREAT } = constants;
/** Windows has no such flag, and no such files. */
const O_NONBLOCK = constants.O_NONBLOCK ?? 0;

/** A file that the system would take, but that is of another kind than it must be, or too large. `message`: "it is a pipe". */
export class UnfitFile extends Error {
  /** As systems say it that have a word for it. */
  readonly code = "EFTYPE";
  readonly path: string;

  constructor(path: string, why: string) {
    super(why);
    this.path = path;
  }
}

const FITS = {
  file: (stats: StatsBase<unknown>) => stats.isFile(),
  stream: (stats: StatsBase<unknown>) => stats.isFile() || stats.isFIFO(),
};

/** Throws an {@link UnfitFile} for what is no regular file; `as` a stream it may be a pipe as well. */
export function checkKind(path: string, stats: StatsBase<unknown>, as: keyof typeof FITS = "file"): void {
  if (FITS[as](stats)) return;
  if (stats.isDirectory()) throw new UnfitFile(path, "it is a folder");
  if (stats.isSymbolicLink()) throw new UnfitFile(path, "it is a link");
  if (stats.isFIFO()) throw new UnfitFile(path, "it is a pipe, not a file");
  throw new UnfitFile(path, stats.isSocket() ? "it is a socket, not a file" : "it is a device, not a file");
}

/** Opens a file, without waiting for anybody. Throws what the system says, and an {@link UnfitFile}. */
export function openFile(path: string, flags: number, as?: keyof typeof FITS): number {
  const found = flags & O_CREAT ? statOf(path) : statSync(path);
  if (found !== undefined) checkKind(path, found, as);
  const fd = openSync(path, flags | O_NONBLOCK, 0o644);
  try {
    checkKind(path, fstatSync(fd), as);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Opens a file that is only added to: should two processes ever write at once, neither overwrites the other. */
export function openToAppend(path: string, mayCreate = false): number {
  return openFile(path, O_WRONLY | O_APPEND | (mayCreate ? O_CREAT : 0));
}

/** An open file, and what it was opened as. */
interface OpenFile {
  readonly fd: number;
  readonly path: string;
}

const KB = 1024;
const MB = 1024 * KB;
const PIECE = 256 * KB;

/** The most bytes that are read of each kind of file: far more than any real one has. A text of 256 MB is about what Node can hold. */
export const MOST_BYTES = {
  table: 256 * MB,
  authorities: 8 * MB,
  passwords: MB,
  key: 64 * KB,
  lock: 64 * KB,
} as const;

function tooLarge(path: string, most: number): UnfitFile {
  return new UnfitFile(path, `it is larger than ${most < MB ? `${most / KB} KB` : `${most / MB} MB`}`);
}

/** An open file's bytes from `start` on, piece by piece. Throws an {@link UnfitFile} where there are more than `most`, also as it grows. */
export function* piecesOf({ fd, path }: OpenFile, { start = 0, most = Infinity } = {}): Generator<Buffer, void> {
  const { size } = fstatSync(fd);
  if (size > most) throw tooLarge(path, most);
  // What the system makes up while it is read (/proc) has no size.
  const room = Math.min(PIECE, Math.max(4 * KB, size - start + 1));
  for (let position = start; ; ) {
    const piece = Buffer.allocUnsafeSlow(room);
    const length = readSync(fd, piece, 0, room, position);
    if (length === 0) return;
    position += length;
    if (position > most) throw tooLarge(path, most);
    yield piece.subarray(0, length);
  }
}

/** All bytes of an open file. */
export function readOpen(file: OpenFile, most: number): Buffer {
  const pieces = [...piecesOf(file, { most })];
  return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces);
}

/** Opens a file to read it, does so, and closes it. */
export function withOpenFile<T>(path: string, work: (file: OpenFile) => T): T {
  const fd = openFile(path, O_RDONLY);
  try {
    return work({ fd, path });
  } finally {
    closeSync(fd);
  }
}

/** All bytes of a stream: standard input, or a pipe. */
export async function readStream(path: string, chunks: AsyncIterable<Uint8Array>, most: number): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    length += chunk.length;
    if (length > most) throw tooLarge(path, most);
    pieces.push(chunk);
  }
  return Buffer.concat(pieces);
}

/** The bytes of a file or a pipe, and the rights that a file has. */
export interface ReadFile {
  readonly bytes: Buffer;
  /** `undefined`: it is no file, but a pipe. */
  readonly mode: number | undefined;
}

/**
 * Reads a file to its end. A pipe (`<(vault …)`, mkfifo) may not end for a long time: it is read as the event loop reads, for a
 * thread that waits in the middle of a read keeps the process from ending.
 */
export async function readFileOrPipe(path: string, most: number): Promise<ReadFile> {
  const fd = openFile(path, O_RDONLY, "stream");
  const stats = fstatSync(fd);
  if (stats.isFIFO()) {
    // Loaded only here: nothing else needs it before there is a server.
    const { Socket } = await import("node:net");
    return {
      bytes: await readStream(path, new Socket({ fd, readable: true, writable: false }), most),
      mode: undefined,
    };
  }
  try {
    return { bytes: readOpen({ fd, path }, most), mode: stats.mode };
  } finally {
    closeSync(fd);
  }
}
