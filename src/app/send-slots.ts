import pLimit, { type LimitFunction } from "p-limit";
import type { Clock } from "./ports.js";

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
  #successes = 0;
  #resumeAt = 0;
  #lastSuccessAt = 0;

  constructor(most: number, clock: Clock) {
    this.#most = most;
    this.#clock = clock;
    this.#limit = pLimit(most);
  }

  /** Runs `send` in a slot, after any wait that a 429 asked for. `halted` ends that wait early. */
  run<T>(send: () => Promise<T>, halted: AbortSignal): Promise<T> {
    return this.#limit(async () => {
      for (;;) {
        const wait = this.#resumeAt - this.#clock.monotonic();
        if (wait <= 0 || halted.aborted) break;
        await this.#clock.sleep(wait, halted);
      }
      return send();
    });
  }

  /** Writes that have a slot now. */
  get inFlight(): number {
    return this.#limit.activeCount;
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

  slowDown(waitMs: number): void {
    const now = this.#clock.monotonic();
    // Answers to writes that were already in flight when the server first said 429 do not halve again.
    if (now >= this.#resumeAt) this.#limit.concurrency = Math.max(1, Math.floor(this.#limit.concurrency / 2));
    this.#successes = 0;
    this.#resumeAt = Math.max(this.#resumeAt, now + waitMs);
  }
}
