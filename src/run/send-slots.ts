import pLimit, { type LimitFunction } from "p-limit";
import type { Clock } from "../shared/time.js";

/** After so many successes one more write may be in flight again. */
const SUCCESSES_FOR_ONE_MORE = 20;

/**
 * The writes in flight: never more than `--concurrency`; halved when the server asks to slow down (429), and one more after
 * each 20 successes. A 429 also holds up every send until its wait is over.
 */
export class SendSlots {
  readonly #limit: LimitFunction;
  readonly #most: number;
  readonly #clock: Clock;
  readonly #turn: ((signal: AbortSignal) => Promise<void>) | undefined;
  #successes = 0;
  #resumeAt = 0;
  #lastSuccessAt = 0;

  /** `turn` waits for a write's turn among all requests, where there is a `--rate`. */
  constructor(most: number, clock: Clock, turn: ((signal: AbortSignal) => Promise<void>) | undefined) {
    this.#most = most;
    this.#clock = clock;
    this.#turn = turn;
    this.#limit = pLimit(most);
  }

  /**
   * Runs `send` in a slot, after any wait that a 429 asked for and its turn. `halted` ends both waits early: nothing is written
   * down or sent before, so that `send` may still do neither.
   */
  run<T>(send: () => Promise<T>, halted: AbortSignal): Promise<T> {
    return this.#limit(async () => {
      if (this.isHeldUp) await this.untilResumed(halted);
      while (this.#turn !== undefined && !halted.aborted) {
        await this.#turn(halted);
        if (!this.isHeldUp) break;
        // A 429 came meanwhile: this turn is over when its wait is.
        await this.untilResumed(halted);
      }
      return send();
    });
  }

  /** When some write of this run last succeeded, on the monotonic clock; 0: none yet. */
  get lastSuccessAt(): number {
    return this.#lastSuccessAt;
  }

  succeeded(): void {
    this.#lastSuccessAt = this.#clock.monotonic();
    this.#successes += 1;
    if (this.#successes < SUCCESSES_FOR_ONE_MORE || this.#limit.concurrency >= this.#most) return;
    this.#successes = 0;
    this.#limit.concurrency += 1;
  }

  /** Whether a 429 asked for a wait that is not over. */
  get isHeldUp(): boolean {
    return this.#resumeAt > this.#clock.monotonic();
  }

  /** Waits as long as a 429 asked for, or until `halted` is aborted. */
  async untilResumed(halted: AbortSignal): Promise<void> {
    while (this.isHeldUp && !halted.aborted) await this.#clock.sleep(this.#resumeAt - this.#clock.monotonic(), halted);
  }

  slowDown(waitMs: number): void {
    const now = this.#clock.monotonic();
    // Answers to writes that were already in flight when the server first said 429 do not halve again.
    if (now >= this.#resumeAt) this.#limit.concurrency = Math.max(1, Math.floor(this.#limit.concurrency / 2));
    this.#successes = 0;
    this.#resumeAt = Math.max(this.#resumeAt, now + waitMs);
  }
}
