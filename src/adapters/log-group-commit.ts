/** Who waits for a flush: `first` are told at once, the others when those have done what they waited to do. */
export type Told = "first" | "after";

/**
 * Gathers what many ask for at the same time into one flush: while one is under way, later calls wait and go out together
 * in the next. The first failure is the last word: nothing is flushed after it, and whoever waits or comes later is told.
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
  add(items: readonly Item[], told: Told = "first"): Promise<void> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken.error);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ items, told, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    // Once around the event loop: answers that came in together, and what the last flush set free, share the next.
    await aroundTheLoop();
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      await this.#flushGroup(group);
    }
    this.#running = undefined;
  }

  async #flushGroup(group: readonly Waiting<Item>[]): Promise<void> {
    try {
      await this.#flush(group.flatMap(({ items }) => items));
    } catch (error) {
      this.#broken = { error };
      const late = this.#waiting;
      this.#waiting = [];
      for (const { reject } of [...group, ...late]) reject(error);
      return;
    }
    for (const { told, resolve } of group) if (told === "first") resolve();
    // Twice: undici looks once around the loop whether a connection is still there before it sends.
    await aroundTheLoop();
    await aroundTheLoop();
    for (const { told, resolve } of group) if (told === "after") resolve();
  }
}

interface Waiting<Item> {
  readonly items: readonly Item[];
  readonly told: Told;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export function aroundTheLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
