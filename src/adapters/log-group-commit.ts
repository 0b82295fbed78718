/** Who waits for a flush: `first` are told at once, the others when those have done what they waited to do. */
export type Told = "first" | "after";

/**
 * Gathers what many ask for at the same time into one flush: while one is under way, later calls wait and go out in the next, in
 * their order. The first failure is the last word: nothing is flushed after it, and whoever waits or comes later is told.
 *
 * Of those that are told first, the first flush after a rest takes one, and each further one another more. For a burst of requests
 * sent together comes back as a burst of answers: each then waits for the others, here and at the server, in every round of the
 * run. So it is spread by the disk's own pace. Where somebody always waits (a server that answers at once, a slow disk), the
 * groups soon are as big as what waits, and the disk is never asked more often than it can.
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
    for (let most = 1; this.#waiting.length > 0; most += 1) await this.#flushGroup(this.#nextGroup(most));
    this.#running = undefined;
  }

  /** Takes from the front of what waits, up to `most` that are told first. */
  #nextGroup(most: number): readonly Waiting<Item>[] {
    let first = 0;
    const end = this.#waiting.findIndex(({ told }) => told === "first" && ++first > most);
    return this.#waiting.splice(0, end < 0 ? this.#waiting.length : end);
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
