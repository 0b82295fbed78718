import type { IdempotencyLog } from "../../src/log/port.js";
import type { LogEntry } from "../../src/log/records.js";
import type { StopError } from "../../src/shared/problems.js";
import type { LogHead } from "../../src/shared/results.js";
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
  /**
   * Where it is kept. In a database the last look before a send sees no take-over, only how old the last beat is; and of an append whose
   * answer is lost for good, the lines may be there.
   */
  readonly place: "file" | "database";
  readonly scheduler: Scheduler;
  readonly random: Random;
  /** The error that the core under test knows as a stop for the whole run. */
  readonly broken: (code: "LOG_BROKEN" | "LOCK_LOST" | "LOCK_SILENT") => StopError;
  readonly onWritten: (entry: LoggedEntry) => void;
  readonly onDurable: (entry: LoggedEntry) => void;
}

/* The lock's times, as short as all others here: a beat every 10 s, no send 45 s after the last, taken over after 60 s. */
const BEAT_MS = 100;
const SILENT_MS = 450;
export const LEASE_MS = 600;

/**
 * The log on a disk that keeps only what was flushed: appended records are lost by a crash from any point after the last
 * flush. Concurrent appends share a flush. One process holds it at a time; who takes it over writes to a new file, and what the
 * last holder writes from then on is lost.
 */
export class LogModel {
  readonly #world: LogWorld;
  #records: LoggedEntry[] = [];
  #durable = 0;
  #holder: OpenLog | undefined;

  constructor(world: LogWorld) {
    this.#world = world;
  }

  get records(): readonly LoggedEntry[] {
    return this.#records;
  }

  get durable(): number {
    return this.#durable;
  }

  /** Takes the lock for one process, and opens the log for it. `disk` does what it writes. */
  open(run: string, disk: Owner, breaksAt: number): OpenLog {
    this.#holder = new OpenLog(this, this.#world, { run, disk, breaksAt });
    return this.#holder;
  }

  isHeldBy(open: OpenLog): boolean {
    return this.#holder === open;
  }

  /** A person's own records (`resolve`): durable at once. */
  write(run: string, entries: readonly LogEntry[]): void {
    for (const entry of entries) this.put({ run, entry });
    this.makeDurable(this.#records.length);
  }

  /** The holder ends, by a crash or not, or somebody else takes the log over: any tail of what was not flushed is lost. */
  release(open: OpenLog): void {
    if (!this.isHeldBy(open)) return;
    const kept = this.#world.random.between(this.#durable, this.#records.length);
    this.#records = this.#records.slice(0, kept);
    this.makeDurable(kept);
    this.#holder = undefined;
  }

  /** The file is deleted. */
  lose(): void {
    this.#records = [];
    this.#durable = 0;
  }

  put(logged: LoggedEntry): void {
    this.#records.push(logged);
    this.#world.onWritten(logged);
  }

  makeDurable(upTo: number): void {
    for (let index = this.#durable; index < upTo; index += 1) {
      const logged = this.#records[index];
      if (logged !== undefined) this.#world.onDurable(logged);
    }
    this.#durable = Math.max(this.#durable, upTo);
  }
}

/** The log as one process has it open. */
export class OpenLog implements IdempotencyLog {
  readonly #log: LogModel;
  readonly #world: LogWorld;
  readonly #run: string;
  readonly disk: Owner;
  /** The append (counted from 1) at which the disk is full; 0: never. */
  readonly #breaksAt: number;
  #waiters: Waiter[] = [];
  #flushing = false;
  #broken = false;
  #appends = 0;
  #refused = 0;
  /** The last beat before the disk hung, and when the next one comes. */
  #lastBeat = 0;
  #beatsFrom = 0;

  constructor(
    log: LogModel,
    world: LogWorld,
    of: { readonly run: string; readonly disk: Owner; readonly breaksAt: number },
  ) {
    this.#log = log;
    this.#world = world;
    this.#run = of.run;
    this.disk = of.disk;
    this.#breaksAt = of.breaksAt;
  }

  /** The last lines are there, and the answer that said so was lost for good. */
  landedUnheard = false;

  get isBroken(): boolean {
    return this.#broken;
  }

  /** Somebody else has taken it over. */
  get isLost(): boolean {
    return !this.#log.isHeldBy(this);
  }

  /** How many appends found the log taken over. */
  get refused(): number {
    return this.#refused;
  }

  /** Why nothing may be sent now; `undefined`: the lock is held, and its last beat is young. */
  get forbids(): "LOCK_LOST" | "LOCK_SILENT" | undefined {
    if (this.isLost) return "LOCK_LOST";
    const { now } = this.#world.scheduler;
    return now < this.#beatsFrom && now - this.#lastBeat >= SILENT_MS ? "LOCK_SILENT" : undefined;
  }

  head(): LogHead {
    return { path: "customers.csv.idempotency.jsonl", seq: this.#log.durable, digest: "-" };
  }

  checkMaySend(): void {
    const why = this.#world.place === "file" ? this.forbids : this.#seen;
    if (why !== undefined) throw this.#world.broken(why);
  }

  /** What the holder of a lease can know without asking: its own last beat, and what that beat, or an append, was told. */
  get #seen(): "LOCK_LOST" | "LOCK_SILENT" | undefined {
    const { now } = this.#world.scheduler;
    if (now < this.#beatsFrom) return now - this.#lastBeat >= SILENT_MS ? "LOCK_SILENT" : undefined;
    return this.isLost ? "LOCK_LOST" : undefined;
  }

  /** Nothing reaches the disk any more, no beat either. */
  hang(): void {
    const { scheduler, random } = this.#world;
    scheduler.freeze(this.disk);
    this.#lastBeat = scheduler.now - random.between(0, BEAT_MS);
    this.#beatsFrom = Number.POSITIVE_INFINITY;
  }

  /** The disk goes on; what else waits for it may come before the next beat. */
  goOn(): void {
    const { scheduler, random } = this.#world;
    scheduler.thaw(this.disk);
    this.#beatsFrom = scheduler.now + random.pick([0, 1, 20]);
  }

  append(entries: readonly LogEntry[]): Promise<void> {
    if (this.#broken) return Promise.reject(this.#world.broken("LOG_BROKEN"));
    if (this.isLost) return Promise.reject(this.#lost());
    this.#appends += 1;
    for (const entry of entries) this.#log.put({ run: this.#run, entry });
    if (this.#breaksAt > 0 && this.#appends >= this.#breaksAt) {
      this.landedUnheard = this.#world.place === "database" && this.#appends % 2 === 0;
      if (this.landedUnheard) this.#log.makeDurable(this.#log.records.length);
      return Promise.reject(this.#break("LOG_BROKEN"));
    }
    return new Promise((resolve, reject) => {
      this.#waiters.push({ upTo: this.#log.records.length, resolve, reject });
      if (!this.#flushing) this.#flush();
    });
  }

  #lost(): StopError {
    this.#refused += 1;
    return this.#world.broken("LOCK_LOST");
  }

  /** The log can be written no more: whoever waits for it is told. */
  #break(code: "LOG_BROKEN" | "LOCK_LOST"): StopError {
    this.#broken = true;
    for (const waiter of this.#waiters.splice(0)) waiter.reject(this.#world.broken(code));
    return this.#world.broken(code);
  }

  #flush(): void {
    this.#flushing = true;
    const upTo = this.#log.records.length;
    this.#world.scheduler.after(this.#world.random.between(0, 3), this.disk, () => {
      this.#flushing = false;
      if (this.#broken) return;
      if (this.isLost) {
        this.#refused += 1;
        this.#break("LOCK_LOST");
        return;
      }
      this.#log.makeDurable(upTo);
      const done = this.#waiters.filter((waiter) => waiter.upTo <= upTo);
      this.#waiters = this.#waiters.filter((waiter) => waiter.upTo > upTo);
      for (const waiter of done) waiter.resolve();
      if (this.#waiters.length > 0) this.#flush();
    });
  }
}
