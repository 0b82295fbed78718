import { randomUUID } from "node:crypto";
import { setMaxListeners } from "node:events";
import { setImmediate as nextTurn, setTimeout as wait } from "node:timers/promises";
import type { Steps } from "./steps.js";

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

/** A signal waits no longer than this for its turn. */
const LONGEST_STEP_MS = 50;

/** Carries long work out, and lets the event loop have its turn between its steps. */
export async function inSteps<T>(work: Steps<T>): Promise<T> {
  for (let begun = performance.now(); ; ) {
    const step = work.next();
    if (step.done === true) return step.value;
    if (performance.now() - begun < LONGEST_STEP_MS) continue;
    await nextTurn();
    begun = performance.now();
  }
}

/** This machine's chance. */
export const systemChance: Chance = { fraction: () => Math.random(), uuid: () => randomUUID() };
