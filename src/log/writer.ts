import { setImmediate as nextTurn } from "node:timers/promises";
import type { LogHead } from "../shared/results.js";
import { type ChainEnd, headerLine, nextLines } from "./chain.js";
import { entryFault, type LogEntry, type LogHeader } from "./records.js";

/**
 * Gathers what many ask for at the same time into one flush: while one is under way, later calls wait and go out together in the
 * next, in their order. The first failure is the last word: nothing is flushed after it, and whoever waits or comes later is told.
 */
export class GroupCommit<Item> {
  readonly #flush: (items: readonly Item[]) => Promise<void>;
  #waiting: Item[] = [];
  /** The flush that takes what waits; `undefined` where nothing does. */
  #next: Promise<void> | undefined;
  /** The flush that was asked for last. */
  #last: Promise<void> = Promise.resolve();

  /** `flush` makes the items durable, in order; it is never called twice at a time, and never again once it rejected. */
  constructor(flush: (items: readonly Item[]) => Promise<void>) {
    this.#flush = flush;
  }

  /** Resolves when these items, as neighbours, went through a flush. */
  add(items: readonly Item[]): Promise<void> {
    for (const item of items) this.#waiting.push(item);
    if (this.#next === undefined) {
      this.#next = this.#flushAfter(this.#last);
      this.#last = this.#next;
    }
    return this.#next;
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await this.#last.catch(() => undefined);
  }

  async #flushAfter(before: Promise<void>): Promise<void> {
    // Rejects as that one did: then nothing is flushed any more.
    await before;
    // Once around the event loop: answers that came in together, and what the last flush set free, share this one.
    await nextTurn();
    const group = this.#waiting;
    this.#waiting = [];
    this.#next = undefined;
    await this.#flush(group);
  }
}

/** Where a log stands when a run begins to write to it. */
export interface LogWriterStart {
  /** As the user gave it, for the head. */
  readonly path: string;
  readonly header: LogHeader;
  readonly run: string;
  readonly now: () => Date;
  /** The last line, durable; `undefined`: not even the header is there. */
  readonly last: ChainEnd | undefined;
  /** Makes lines durable behind those that are there; never called twice at a time, and never again once it rejected. */
  readonly write: (lines: string) => Promise<void>;
}

/** Adds to a log, wherever that is kept: one write for all entries that wait, chained to what is there. */
export class LogWriter {
  readonly #start: LogWriterStart;
  readonly #groups = new GroupCommit<LogEntry>((entries) => this.#writeGroup(entries));
  /** The last durable line. */
  #last: ChainEnd | undefined;

  constructor(start: LogWriterStart) {
    this.#start = start;
    this.#last = start.last;
  }

  /** Appends the entries as neighbours; resolves when they are durable. */
  async append(entries: readonly LogEntry[]): Promise<void> {
    for (const entry of entries) {
      const fault = entryFault(entry);
      // A record that the next run could not read must never get into the log: that is a defect of the caller.
      if (fault !== undefined)
        throw new TypeError(`not a log entry: field "${fault.field ?? "type"}" of ${entry.type}`);
    }
    await this.#groups.add(entries);
  }

  /** The last durable line; `seq` 0 and an empty digest where nothing was written yet. */
  head(): LogHead {
    return { path: this.#start.path, seq: this.#last?.seq ?? 0, digest: this.#last?.digest ?? "" };
  }

  /** Resolves when nothing is under way. */
  idle(): Promise<void> {
    return this.#groups.idle();
  }

  async #writeGroup(entries: readonly LogEntry[]): Promise<void> {
    const { header, run, now, write } = this.#start;
    if (this.#last === undefined) {
      // Durable by itself before any record: what is found without a whole header held nothing.
      const first = headerLine(header, now().toISOString(), run);
      await write(`${first.line}\n`);
      this.#last = first;
    }
    const group = { at: now().toISOString(), run, synced: this.#last.seq };
    const { text, end } = nextLines(this.#last, entries, group);
    await write(text);
    this.#last = end;
  }
}
