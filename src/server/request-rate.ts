import type { Clock } from "../shared/time.js";

/**
 * Spaces requests evenly (`--rate N`): each takes the next free slot, so that there is never a burst, and a request that waits
 * long does not slow those behind it. Made by the client, one for all of a run's requests.
 */
export class RequestRate {
  readonly #clock: Clock;
  readonly #gapMs: number;
  #nextSlot = Number.NEGATIVE_INFINITY;

  constructor(perSecond: number, clock: Clock) {
    this.#clock = clock;
    this.#gapMs = 1000 / perSecond;
  }

  /** Resolves when this request may go, or at once when `signal` is aborted. */
  async turn(signal: AbortSignal): Promise<void> {
    const now = this.#clock.monotonic();
    const slot = Math.max(now, this.#nextSlot);
    this.#nextSlot = slot + this.#gapMs;
    // A timer cannot wait less than a millisecond; the slots keep the pace all the same.
    if (slot - now >= 1) await this.#clock.sleep(slot - now, signal);
  }
}
