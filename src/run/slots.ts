import pLimit, { type LimitFunction } from "p-limit";
import { groupBy } from "../shared/ids.js";
import type { Clock } from "../shared/time.js";

/** After so many successes one more write may be in flight again. */
const SUCCESSES_FOR_ONE_MORE = 20;

/**
 * The writes in flight: never more than `--concurrency`; halved when the server asks to slow down (429), and one more after
 * each 20 successes. A 429 also holds up every send until its wait is over.
 */
export class SendSlots {
  /** Writes that were sent and are not answered yet. */
  inFlight = 0;
  /** When some write of this run last succeeded, on the monotonic clock; 0: none yet. */
  lastSuccessAt = 0;
  readonly #limit: LimitFunction;
  readonly #most: number;
  readonly #clock: Clock;
  readonly #turn: ((signal: AbortSignal) => Promise<void>) | undefined;
  #successes = 0;
  #resumeAt = 0;

  /** `turn` waits for a write's turn among all requests, where there is a `--rate`. */
  constructor(most: number, clock: Clock, turn: ((signal: AbortSignal) => Promise<void>) | undefined) {
    this.#most = most;
    this.#clock = clock;
    this.#turn = turn;
    this.#limit = pLimit(most);
  }

  /**
   * Runs `send` in a slot, after any wait that a 429 asked for and its turn. `aborted` ends both waits early: nothing is written
   * down or sent before, so that `send` may still do neither.
   */
  run<T>(send: () => Promise<T>, aborted: AbortSignal): Promise<T> {
    return this.#limit(async () => {
      await this.untilResumed(aborted);
      while (this.#turn !== undefined && !aborted.aborted) {
        await this.#turn(aborted);
        if (!this.#isHeldUp) break;
        // A 429 came meanwhile: this turn is over when its wait is.
        await this.untilResumed(aborted);
      }
      return send();
    });
  }

  succeeded(): void {
    this.lastSuccessAt = this.#clock.monotonic();
    this.#successes += 1;
    if (this.#successes < SUCCESSES_FOR_ONE_MORE || this.#limit.concurrency >= this.#most) return;
    this.#successes = 0;
    this.#limit.concurrency += 1;
  }

  /** Waits as long as a 429 asked for, or until `aborted` is. */
  async untilResumed(aborted: AbortSignal): Promise<void> {
    while (this.#isHeldUp && !aborted.aborted)
      await this.#clock.sleep(this.#resumeAt - this.#clock.monotonic(), aborted);
  }

  /** Whether it holds writes up for longer than was known before. */
  slowDown(waitMs: number): boolean {
    const now = this.#clock.monotonic();
    // Answers to writes that were already in flight when the server first said 429 do not halve again.
    if (!this.#isHeldUp) this.#limit.concurrency = Math.max(1, Math.floor(this.#limit.concurrency / 2));
    this.#successes = 0;
    const isLonger = now + waitMs > this.#resumeAt;
    if (isLonger) this.#resumeAt = now + waitMs;
    return isLonger;
  }

  get #isHeldUp(): boolean {
    return this.#resumeAt > this.#clock.monotonic();
  }
}

/**
 * Lets jobs through one at a time until one has shown that the way is right; from then on together. One for the creates of
 * each source task, and one for its PATCHes.
 */
export class Canary {
  /** `open`: some job has shown that the way is right. `stopped`: everyone is sent away. */
  state: "closed" | "open" | "stopped" = "closed";
  #isTaken = false;
  readonly #waiting: (() => void)[] = [];

  /** Lets everyone in. Those who were stopped stay so. */
  open(): void {
    if (this.state === "closed") this.#end("open");
  }

  /** Sends everyone away, now and later. */
  stop(): void {
    this.#end("stopped");
  }

  /**
   * Works in its turn: alone, or together with others once the way is open. `undefined`: it was sent away. An error stops those that
   * have not started.
   */
  async inTurn<T>(work: (alone: boolean) => Promise<T>): Promise<T | undefined> {
    while (this.state === "closed" && this.#isTaken) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (this.state === "stopped") return undefined;
    const alone = this.state === "closed";
    if (alone) this.#isTaken = true;
    try {
      return await work(alone);
    } catch (error) {
      this.stop();
      throw error;
    } finally {
      if (alone) this.#isTaken = false;
      this.#waiting.shift()?.();
    }
  }

  #end(state: "open" | "stopped"): void {
    this.state = state;
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

/**
 * Works on all items, those of each key in their order; items of other keys never wait for them. Of each key twice as many are begun as
 * writes are in flight: one's outcome is flushed while another's request is under way. Not more: a promise for each of 100,000 tenants
 * would hold more memory than all that is known of them. `work` never rejects.
 */
export async function runPooled<Item>(
  concurrency: number,
  items: readonly Item[],
  keyOf: (item: Item) => string,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const workers = [...groupBy(items, keyOf).values()].flatMap((known) => {
    const left = known.values();
    return Array.from({ length: Math.min(concurrency * 2, known.length) }, async () => {
      for (const item of left) await work(item);
    });
  });
  await Promise.all(workers);
}
