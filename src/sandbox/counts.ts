import type { FaultName } from "./faults.js";
import type { CallKind } from "./route.js";

/** What a sandbox has seen since its start. Requests are counted as they arrive, whatever is answered. */
export interface Counts {
  /** Requests to the API, also those to routes that do not exist. */
  readonly requests: number;
  readonly lists: number;
  readonly taskReads: number;
  /** Of a task's reports, and of a single one. */
  readonly reportReads: number;
  readonly recipientReads: number;
  readonly triggerReads: number;
  readonly creates: number;
  readonly patches: number;
  readonly writes: number;
  /** Copies that were made. */
  readonly made: number;
  /** Refused for their key: 401 and 417. */
  readonly keyRefusals: number;
  /** The most writes that were on their way at the same time, from arrival to the end of their answer. */
  readonly mostWritesAtOnce: number;
  /** How many requests each fault befell. */
  readonly faults: Readonly<Partial<Record<FaultName, number>>>;
}

/** Counts what a sandbox sees. */
export class Counter {
  readonly #calls = new Map<CallKind, number>();
  readonly #faults = new Map<FaultName, number>();
  #requests = 0;
  #made = 0;
  #keyRefusals = 0;
  #writesNow = 0;
  #mostWrites = 0;

  /** A request under `/api` that leads nowhere. */
  stray(): void {
    this.#requests += 1;
  }

  /** A request that leads somewhere. Returns what must be called when it ends; calling that again does nothing. */
  call(kind: CallKind): () => void {
    this.#requests += 1;
    this.#calls.set(kind, this.#of(kind) + 1);
    let isOnItsWay = kind === "duplicate" || kind === "patch";
    if (isOnItsWay) this.#writesNow += 1;
    this.#mostWrites = Math.max(this.#mostWrites, this.#writesNow);
    return () => {
      if (isOnItsWay) this.#writesNow -= 1;
      isOnItsWay = false;
    };
  }

  madeCopy(): void {
    this.#made += 1;
  }

  refusedKey(): void {
    this.#keyRefusals += 1;
  }

  fault(name: FaultName): void {
    this.#faults.set(name, (this.#faults.get(name) ?? 0) + 1);
  }

  counts(): Counts {
    return {
      requests: this.#requests,
      lists: this.#of("list"),
      taskReads: this.#of("task"),
      reportReads: this.#of("reports") + this.#of("report"),
      recipientReads: this.#of("recipients"),
      triggerReads: this.#of("triggers"),
      creates: this.#of("duplicate"),
      patches: this.#of("patch"),
      writes: this.#of("duplicate") + this.#of("patch"),
      made: this.#made,
      keyRefusals: this.#keyRefusals,
      mostWritesAtOnce: this.#mostWrites,
      faults: Object.fromEntries(this.#faults),
    };
  }

  #of(kind: CallKind): number {
    return this.#calls.get(kind) ?? 0;
  }
}
