import type { IdempotencyLog } from "../../src/app/ports.js";
import type { StopError } from "../../src/domain/errors.js";
import type { LogEntry, LogHead } from "../../src/domain/log-record.js";
import type { Random } from "./random.js";
import type { Owner, Scheduler } from "./scheduler.js";

export interface LoggedEntry {
  readonly run: string;
  readonly entry: LogEntry;
}

interface Waiter {
  readonly upTo: number;
  readonly resolve: () => void;
  readonly reject: (error: StopError) => void;
}

/** What a log model asks of the world around it. */
export interface LogWorld {
  readonly scheduler: Scheduler;
  readonly random: Random;
  /** The error that the core under test knows as a stop for the whole run. */
  readonly broken: () => StopError;
  readonly onWritten: (entry: LoggedEntry) => void;
  readonly onDurable: (entry: LoggedEntry) => void;
}

/**
 * The log on a disk that keeps only what was flushed: appended records are lost by a crash from any point after the last
 * flush. Concurrent appends share a flush.
 */
export class LogModel {
  #records: LoggedEntry[] = [];
  #durable = 0;
  #waiters: Waiter[] = [];
  #flushing = false;
  #broken = false;
  /** The append (counted from 1) at which the disk is full; 0: never. */
  #breaksAt = 0;
  #appends = 0;
  readonly #world: LogWorld;

  constructor(world: LogWorld) {
    this.#world = world;
  }

  get records(): readonly LoggedEntry[] {
    return this.#records;
  }

  get isBroken(): boolean {
    return this.#broken;
  }

  /** Opens the log for one process. */
  open(run: string, owner: Owner, breaksAt: number): IdempotencyLog {
    this.#breaksAt = breaksAt;
    this.#appends = 0;
    return {
      // What nothing is sent for may be written after what others, who came later, wait to send.
      append: (entries) =>
        new Promise((resolve, reject) =>
          this.#world.scheduler.after(this.#world.random.between(0, 1), owner, () =>
            this.#append(entries, run, owner).then(resolve, reject),
          ),
        ),
      prepare: (entries) => () => this.#append(entries, run, owner),
      head: (): LogHead => ({ path: "customers.csv.idempotency.jsonl", seq: this.#durable, digest: "-" }),
      checkMaySend: () => {},
    };
  }

  /** A person's own records (`resolve`): durable at once. */
  write(run: string, entries: readonly LogEntry[]): void {
    for (const entry of entries) this.#put({ run, entry });
    this.#makeDurable(this.#records.length);
  }

  /** A process ends, by a crash or not: any tail of what was not flushed is lost. */
  endProcess(): void {
    const kept = this.#world.random.between(this.#durable, this.#records.length);
    this.#records = this.#records.slice(0, kept);
    this.#makeDurable(kept);
    this.#waiters = [];
    this.#flushing = false;
    this.#broken = false;
  }

  /** The file is deleted. */
  lose(): void {
    this.#records = [];
    this.#durable = 0;
  }

  #put(logged: LoggedEntry): void {
    this.#records.push(logged);
    this.#world.onWritten(logged);
  }

  #append(entries: readonly LogEntry[], run: string, owner: Owner): Promise<void> {
    if (this.#broken) return Promise.reject(this.#world.broken());
    this.#appends += 1;
    for (const entry of entries) this.#put({ run, entry });
    if (this.#breaksAt > 0 && this.#appends >= this.#breaksAt) {
      this.#broken = true;
      for (const waiter of this.#waiters.splice(0)) waiter.reject(this.#world.broken());
      return Promise.reject(this.#world.broken());
    }
    return new Promise((resolve, reject) => {
      this.#waiters.push({ upTo: this.#records.length, resolve, reject });
      if (!this.#flushing) this.#flush(owner);
    });
  }

  #flush(owner: Owner): void {
    this.#flushing = true;
    const upTo = this.#records.length;
    this.#world.scheduler.after(this.#world.random.between(0, 3), owner, () => {
      this.#flushing = false;
      if (this.#broken) return;
      this.#makeDurable(upTo);
      const done = this.#waiters.filter((waiter) => waiter.upTo <= upTo);
      this.#waiters = this.#waiters.filter((waiter) => waiter.upTo > upTo);
      for (const waiter of done) waiter.resolve();
      if (this.#waiters.length > 0) this.#flush(owner);
    });
  }

  #makeDurable(upTo: number): void {
    for (let index = this.#durable; index < upTo; index += 1) {
      const logged = this.#records[index];
      if (logged !== undefined) this.#world.onDurable(logged);
    }
    this.#durable = Math.max(this.#durable, upTo);
  }
}
