import { setImmediate as nextTurn } from "node:timers/promises";

/**
 * Gathers what many ask for at the same time into one flush: while one is under way, later calls wait and go out together in the
 * next, in their order. The first failure is the last word: nothing is flushed after it, and whoever waits or comes later is told.
 */
export class GroupCommit<Item> {
  readonly #flush: (items: readonly Item[]) => Promise<void>;
  #waiting: Item[] = [];
  /** The flush that takes what waits; `undefined` where nothing does. */
  #next: Promise<void> | undefined;
  /** The flush that was asked for last. */
  #last: Promise<void> = Promise.resolve();

  /** `flush` makes the items durable, in order; it is never called twice at a time, and never again once it rejected. */
  constructor(flush: (items: readonly Item[]) => Promise<void>) {
    this.#flush = flush;
  }

  /** Resolves when these items, as neighbours, went through a flush. */
  add(items: readonly Item[]): Promise<void> {
    for (const item of items) this.#waiting.push(item);
    if (this.#next === undefined) {
      this.#next = this.#flushAfter(this.#last);
      this.#last = this.#next;
    }
    return this.#next;
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await this.#last.catch(() => undefined);
  }

  async #flushAfter(before: Promise<void>): Promise<void> {
    // Rejects as that one did: then nothing is flushed any more.
    await before;
    // Once around the event loop: answers that came in together, and what the last flush set free, share this one.
    await nextTurn();
    const group = this.#waiting;
    this.#waiting = [];
    this.#next = undefined;
    await this.#flush(group);
  }
}
