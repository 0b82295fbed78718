import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import * as z from "zod/mini";
import { MOST_BYTES, openFile, readOpen, UnfitFile } from "../../files/open-file.js";
import { codeOf, hasCode, hasSameNumber } from "../../files/paths.js";

/**
 * The lock on disk, and the steps that change it, each atomic in the file system.
 *
 * `LOG.lock` holds a record with an ID that is never used again. Who takes over from the lock X creates `LOG.lock.X`, which
 * only one can (it is created with its content, and only where there is none); the current lock is the last of that chain.
 * A claim counts only if, read again from `LOG.lock` on, the chain ends in it: so a claim on a lock that is long gone is
 * void. Only the last of the chain may change `LOG.lock`: it moves its own record there, or removes it, and to remove it
 * first claims its own succession, so that nobody can take over a lock that is about to go.
 * "Read, see that it is dead, remove, create" would let two in; here the ID of what was seen is part of the name created.
 */

const optionalText = z.optional(z.string());

/** Who holds a lock. What a platform cannot tell is `undefined`. */
const processIdentity = {
  host: z.string(),
  /** The installation's ID (`/etc/machine-id`). */
  machine: optionalText,
  /** The kernel's start (`boot_id`): the same in every container of a machine. */
  boot: optionalText,
  /** When the machine was started, where there is no `boot_id` (Windows, macOS): now less the time it is up, UTC. */
  upSince: optionalText,
  /** The space in which `pid` counts (containers have their own), where `/proc` is of that space and of the machine's own time. */
  pidSpace: optionalText,
  pid: z.int(),
  /** When the process began, in the kernel's ticks since boot: tells a process from a later one of the same number. */
  start: optionalText,
};

const lockRecord = z.object({
  id: z.string().check(z.regex(/^[0-9a-f]{16}$/)),
  ...processIdentity,
  /** UTC, for people. */
  startedAt: z.string(),
  command: z.string(),
});

/** What a lock says of its owner. */
export type LockRecord = z.infer<typeof lockRecord>;
export type ProcessIdentity = Omit<LockRecord, "id" | "startedAt" | "command">;

/** One lock of the chain as it was read. */
export interface ChainLink {
  readonly path: string;
  /** The record's ID; for a file that holds no record one made from its bytes. */
  readonly id: string;
  /** `undefined`: the file holds no record (its writer crashed, or it is not ours). */
  readonly record: LockRecord | undefined;
  readonly text: string;
  /** When it was last written, by the clock of the disk. */
  readonly writtenMs: number;
}

/** What stands behind the lock's own name: a record that was prepared, or a claim. */
const BESIDE_LOCK = /^\.(new-)?([0-9a-f]{16}|unreadable-[0-9a-f]{16})$/;
const BEAT_DIGITS = 10;
/** What file systems without hard links say (FAT, some network disks; exFAT on Windows: EISDIR). */
const NO_HARD_LINKS = "EPERM ENOTSUP EOPNOTSUPP ENOSYS EINVAL EISDIR EXDEV EMLINK UNKNOWN".split(" ");
/** A lock that took longer to write than this may have been taken for dead meanwhile. */
const LONGEST_WRITE_MS = 10_000;

/** Where the successor of the lock `id` stands. */
export function successorPath(root: string, id: string): string {
  return `${root}.${id}`;
}

/** Whether there is a file; opens none, for a virus scanner may have it in hand. */
export function isThere(path: string): boolean {
  return fs.statSync(path, { throwIfNoEntry: false }) !== undefined;
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
    fd = openFile(path, fs.constants.O_RDONLY);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    // A name that is taken, where nothing can be read and nothing placed.
    if (fs.lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink())
      throw new UnfitFile(path, "it is a link that leads nowhere");
    return undefined;
  }
  try {
    const text = readOpen({ fd, path }, MOST_BYTES.lock).toString("utf8");
    const writtenMs = fs.fstatSync(fd).mtimeMs;
    const record = parseRecord(text);
    const id =
      record?.id ?? `unreadable-${createHash("sha256").update(`${writtenMs} ${text}`).digest("hex").slice(0, 16)}`;
    return { path, id, record, text, writtenMs };
  } finally {
    fs.closeSync(fd);
  }
}

function parseRecord(text: string): LockRecord | undefined {
  try {
    return lockRecord.safeParse(JSON.parse(text)).data;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** A record of this process: written beside the lock under a name of its own, then placed as the lock. */
export class OwnRecord {
  readonly record: LockRecord;
  /** Where it stands until it is placed. */
  readonly path: string;
  #fd: number;
  #beats = 0;

  /** Throws what the disk says. */
  constructor(root: string, record: LockRecord) {
    this.record = record;
    this.path = `${root}.new-${record.id}`;
    this.#fd = writeDurably(this.path, this.#text());
  }

  /** Always of the same length: written over itself it stays whole for whoever reads it. */
  #text(): string {
    const beat = String(this.#beats % 10 ** BEAT_DIGITS).padStart(BEAT_DIGITS, "0");
    return `${JSON.stringify({ v: 1, ...this.record, beat })}\n`;
  }

  /** Shows, durably, that its writer lives; returns when, by the clock of the disk. Clocks of other machines play no part. */
  touch(): number {
    fs.writeSync(this.#fd, this.#text(), 0);
    fs.fsyncSync(this.#fd);
    return fs.fstatSync(this.#fd).mtimeMs;
  }

  /** Shows the same of a lock, and waits for the disk without holding up the process. */
  async beat(flush: (fd: number) => Promise<void>): Promise<void> {
    this.#beats += 1;
    await promisify(fs.write)(this.#fd, this.#text(), 0, "utf8");
    await flush(this.#fd);
  }

  /** Whether this very file stands at a path; `false` also where a disk numbers its files anew at each look (some network disks). */
  isAt(path: string): boolean {
    const own = fs.fstatSync(this.#fd, { bigint: true });
    return hasSameNumber(own, fs.statSync(path, { bigint: true, throwIfNoEntry: false }));
  }

  /** Puts it at `target` if nothing is there; `false`: somebody was first. */
  place(target: string, link = fs.linkSync): boolean {
    try {
      link(this.path, target);
      return true;
    } catch (error) {
      const code = codeOf(error);
      // A network disk may have made the link and lost its answer.
      if (code === "EEXIST") return readLink(target)?.id === this.record.id;
      // Somebody who saw no sign of life in it swept the prepared record away.
      if (code === "ENOENT") return false;
      if (NO_HARD_LINKS.includes(code)) return this.#placeByWriting(target);
      throw error;
    }
  }

  /** For disks without hard links (FAT, some network disks): the record appears empty, then whole. */
  #placeByWriting(target: string): boolean {
    const began = performance.now();
    let fd: number;
    try {
      fd = writeDurably(target, this.#text());
    } catch (error) {
      if (codeOf(error) === "EEXIST") return false;
      throw error;
    }
    const isInTime = performance.now() - began < LONGEST_WRITE_MS;
    fs.closeSync(isInTime ? this.#fd : fd);
    if (isInTime) this.#fd = fd;
    else removeFile(target);
    return isInTime;
  }

  close(): void {
    fs.closeSync(this.#fd);
  }
}

/** Makes a file of this text; fails where one is there. Returns its open descriptor. */
function writeDurably(path: string, text: string): number {
  const fd = fs.openSync(path, "wx+", 0o644);
  try {
    fs.writeFileSync(fd, text);
    fs.fsyncSync(fd);
    return fd;
  } catch (error) {
    fs.closeSync(fd);
    removeFile(path);
    throw error;
  }
}

/** Removes a file; one that is gone already is well. `false`: Windows does not let it go while somebody has it open. */
export function removeFile(path: string): boolean {
  try {
    fs.unlinkSync(path);
    return true;
  } catch (error) {
    if (isBusy(error)) return false;
    if (codeOf(error) === "ENOENT") return true;
    throw error;
  }
}

/**
 * Removes what stands beside the lock by its name, but not in its chain: processes that were killed while they tried left it. None of it
 * can be, or become, a lock: whoever tries in this moment finds its record gone, and tries anew. What cannot be looked at for a moment is
 * left to the next holder: the lock is ours already, and to fail now would leave it there, held by a process that runs. `own`: where our
 * record and our claim stand; a chain that an earlier owner moves while it is read may lack the claim.
 */
export function removeStaleFiles(root: string, own: readonly string[]): void {
  const start = basename(root);
  try {
    // The chain is read last: a claim that comes into being meanwhile is none of these.
    const beside = fs
      .readdirSync(dirname(root))
      .filter((name) => name.startsWith(start) && BESIDE_LOCK.test(name.slice(start.length)));
    const inUse = new Set([...own, ...readChain(root).map(({ path }) => path)].map((path) => basename(path)));
    for (const name of beside) if (!inUse.has(name)) removeFile(join(dirname(root), name));
  } catch (error) {
    if (!isBusy(error)) throw error;
  }
}

/** Whether somebody else has the file in hand for a moment, as happens on Windows. */
export function isBusy(error: unknown): boolean {
  return hasCode(error, ["EPERM", "EACCES", "EBUSY", "ENOTEMPTY"]);
}
