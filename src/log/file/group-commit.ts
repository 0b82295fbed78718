/**
 * Gathers what many ask for at the same time into one flush: while one is under way, later calls wait and go out together in the
 * next, in their order. The first failure is the last word: nothing is flushed after it, and whoever waits or comes later is told.
 */
export class GroupCommit<Item> {
  readonly #flush: (items: readonly Item[]) => Promise<void>;
  #waiting: Waiting<Item>[] = [];
  #running: Promise<void> | undefined;
  #broken: { readonly error: unknown } | undefined;

  /** `flush` makes the items durable, in order; it is never called twice at a time, and never again once it rejected. */
  constructor(flush: (items: readonly Item[]) => Promise<void>) {
    this.#flush = flush;
  }

  /** Resolves when these items, as neighbours, went through a flush. */
  add(items: readonly Item[]): Promise<void> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken.error);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ items, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      // Once around the event loop: answers that came in together, and what the last flush set free, share the next.
      await new Promise((resolve) => setImmediate(resolve));
      const group = this.#waiting;
      this.#waiting = [];
      try {
        await this.#flush(group.flatMap(({ items }) => items));
        for (const { resolve } of group) resolve();
      } catch (error) {
        this.#broken = { error };
        for (const { reject } of [...group, ...this.#waiting]) reject(error);
        this.#waiting = [];
      }
    }
    this.#running = undefined;
  }
}

interface Waiting<Item> {
  readonly items: readonly Item[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}
