/** Time, for waiting only: nothing is decided by the wall clock. */
export interface Clock {
  /** UTC, for people. */
  now(): Date;
  /** This process's own monotonic clock, in milliseconds. */
  monotonic(): number;
  /** Resolves after `ms`, or at once when `signal` is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Chance, so that a simulation can be replayed. */
export interface Chance {
  /** From 0 up to, not including, 1. */
  fraction(): number;
  uuid(): string;
}
