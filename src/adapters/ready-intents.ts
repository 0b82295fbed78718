import { aroundTheLoop } from "./log-group-commit.js";

/** How long a record makes way while many intents are ready. The answers of one burst come within a few of these. */
const MANY_READY_MS = 1;

/**
 * The intents that are ready to be written as soon as their writes have a slot. A slow server's answers come in bursts: each sets
 * a slot free, and its outcome is to be written too. Those outcomes are flushed, taken in and told when the burst is over, and not
 * between an answer and the requests that take its place.
 */
export class ReadyIntents {
  #count = 0;
  #most = 0;

  enter(): void {
    this.#count += 1;
    this.#most = Math.max(this.#most, this.#count);
  }

  /** One is written now. One that never is (a halted run's) stays counted: then records make way once too often. */
  leave(): void {
    this.#count -= 1;
  }

  /**
   * Waits until a record may be written that nothing is sent for: once around the event loop; a millisecond while at least half as many
   * are ready as ever were. With fewer, the tenants at work would soon be too few to fill the slots: whose outcome waits is not
   * free for the next.
   */
  makeWay(): Promise<void> {
    const areMany = this.#count > 0 && 2 * this.#count >= this.#most;
    return areMany ? new Promise((resolve) => setTimeout(resolve, MANY_READY_MS)) : aroundTheLoop();
  }
}
