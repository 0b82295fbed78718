import { dirname } from "node:path";
import type { LogHead } from "../../shared/outcome.js";
import { StopError } from "../../shared/problems.js";
import { type ChainEnd, type EntryText, entryText, headerLine, LineMaker } from "../chain.js";
import type { LogEntry, LogHeader } from "../records.js";
import { entryFault } from "../schema.js";
import type { LogDisk, LogHandle } from "./disk.js";
import { GroupCommit } from "./group-commit.js";
import { changedLog, diskTrouble } from "./problem.js";

/** Where a log stands when its writing begins. */
export interface LogWriterStart {
  readonly disk: LogDisk;
  readonly path: string;
  /** The path as the user gave it, for messages. */
  readonly shownPath: string;
  /** Throws where the lock is not ours any more. */
  readonly checkLock: () => void;
  readonly header: LogHeader;
  readonly run: string;
  readonly now: () => Date;
  /** `undefined`: the file is made with the first append. */
  readonly handle: LogHandle | undefined;
  readonly size: number;
  /** The last line, durable; `undefined`: not even the header is there. */
  readonly last: ChainEnd | undefined;
  readonly newlineMissing: boolean;
}

const NEWLINE = Buffer.from("\n");

/** Appends to a log in groups: one write and one flush for all that wait. */
export class LogWriter {
  readonly #start: LogWriterStart;
  readonly #lines = new LineMaker();
  readonly #groups = new GroupCommit<EntryText>((texts) => this.#flush(texts));
  #handle: LogHandle | undefined;
  /** Where the file ends, in bytes, and which file it is. */
  #size: number;
  #identity: string | undefined;
  /** The last durable line. */
  #last: ChainEnd | undefined;
  #newlineMissing: boolean;

  constructor(start: LogWriterStart) {
    this.#start = start;
    this.#handle = start.handle;
    this.#size = start.size;
    this.#last = start.last;
    this.#newlineMissing = start.newlineMissing;
    if (start.handle !== undefined) this.#identity = this.#identityOf(start.handle);
  }

  /** Appends the entries as neighbours; resolves when they are durable. */
  async append(entries: readonly LogEntry[]): Promise<void> {
    await this.#groups.add(entries.map(soundText));
  }

  /** The last durable line; `seq` 0 and an empty digest where no file was made yet. */
  head(): LogHead {
    return { path: this.#start.shownPath, seq: this.#last?.seq ?? 0, digest: this.#last?.digest ?? "" };
  }

  /** Waits for what is under way and closes the file. */
  async close(): Promise<void> {
    await this.#groups.idle();
    this.#handle?.close();
    this.#handle = undefined;
  }

  async #flush(texts: readonly EntryText[]): Promise<void> {
    try {
      this.#start.checkLock();
      if (this.#last === undefined) this.#last = await this.#makeBeginning();
      if (texts.length === 0) return;
      await this.#writeGroup(texts, this.#last);
    } catch (error) {
      throw error instanceof StopError || !(error instanceof Error && "code" in error)
        ? error
        : diskTrouble(this.#start.shownPath, "write to the idempotency log", error);
    }
  }

  /** Makes the file where there is none, and its header durable, before any record. */
  async #makeBeginning(): Promise<ChainEnd> {
    const { disk, path, header, run, now } = this.#start;
    if (this.#handle === undefined) {
      if (disk.facts(path) !== undefined) throw this.#changed("a file appeared where there was none");
      this.#handle = disk.create(path);
      // Was this run frozen right before, the file is the next owner's to write, who found it or made it.
      this.#start.checkLock();
      this.#identity = this.#identityOf(this.#handle);
      disk.syncFolder(dirname(path));
    }
    const first = headerLine(header, now().toISOString(), run);
    await this.#write(this.#handle, Buffer.from(`${first.line}\n`));
    return first;
  }

  async #writeGroup(texts: readonly EntryText[], last: ChainEnd): Promise<void> {
    if (this.#handle === undefined) throw new Error("the log was closed");
    const group = { at: this.#start.now().toISOString(), run: this.#start.run, synced: last.seq };
    const { bytes, end } = this.#lines.next(last, texts, group);
    await this.#write(this.#handle, this.#newlineMissing ? Buffer.concat([NEWLINE, bytes]) : bytes);
    this.#newlineMissing = false;
    this.#last = end;
  }

  /** Writes at the end where this run left it, and flushes once. A failed flush is never tried again. */
  async #write(handle: LogHandle, bytes: Uint8Array): Promise<void> {
    const before = handle.facts();
    if (before.size !== this.#size) throw this.#changed(this.#lengthOf(before));
    let rest = bytes;
    while (rest.length > 0) rest = rest.subarray(handle.write(rest));
    this.#size += bytes.length;
    if (handle.facts().size !== this.#size) throw this.#changed("somebody else appended to it at the same time");
    const flushed = handle.datasync();
    try {
      // While the disk works. Nobody is told of the group, and so nothing is sent, before both are done.
      this.#verifyPath();
    } finally {
      await flushed;
    }
    // Who took the lock over meanwhile may have read the log without these lines: nothing is told on the strength of them.
    this.#start.checkLock();
  }

  #verifyPath(): void {
    const found = this.#start.disk.facts(this.#start.path);
    if (found === undefined) throw this.#changed("it was removed");
    if (this.#identity !== undefined && found.identity !== this.#identity)
      throw this.#changed("another file is in its place");
    if (found.size !== this.#size) throw this.#changed(this.#lengthOf(found));
  }

  #lengthOf({ size }: { readonly size: number }): string {
    return `it is ${size} bytes long where this run left it at ${this.#size}`;
  }

  /** Which file this is, where the disk gives it the same number whenever one looks. */
  #identityOf(handle: LogHandle): string | undefined {
    const { identity } = handle.facts();
    return this.#start.disk.facts(this.#start.path)?.identity === identity ? identity : undefined;
  }

  #changed(what: string): StopError {
    // Whoever took the lock over changes the log by right: then that is what is to be told.
    this.#start.checkLock();
    return changedLog(this.#start.shownPath, what);
  }
}

/** A record that the next run could not read must never get into the log: that is a defect of the caller. */
function soundText(entry: LogEntry): EntryText {
  const fault = entryFault(entry);
  if (fault === undefined) return entryText(entry);
  throw new TypeError(`not a log entry: ${fault.kind === "field" ? `field "${fault.field}" of ` : ""}${fault.type}`);
}
