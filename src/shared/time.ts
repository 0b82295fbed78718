import { randomUUID } from "node:crypto";
import { setMaxListeners } from "node:events";
import { setTimeout as wait } from "node:timers/promises";

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

/** The longest that one timer of Node waits. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** This machine's clock. The monotonic part is what waits and decides; the time of day is for people. */
export const systemClock: Clock = {
  now: () => new Date(),
  monotonic: () => performance.now(),
  sleep: async (ms, signal) => {
    // All that wait for one end share its signal, and Node takes more than ten listeners for a leak.
    if (signal !== undefined) setMaxListeners(0, signal);
    // An abort ends the wait, and is no fault.
    await wait(Math.min(Math.max(0, ms), LONGEST_TIMER_MS), undefined, signal && { signal }).catch(() => undefined);
  },
};

/** This machine's chance. */
export const systemChance: Chance = { fraction: () => Math.random(), uuid: () => randomUUID() };
