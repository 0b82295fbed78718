/**
 * Lets jobs through one at a time until one has shown that the way is right; from then on together. One for the creates of
 * each source task, and one for its PATCHes.
 */
export class Canary {
  #state: "closed" | "open" | "stopped" = "closed";
  #isTaken = false;
  readonly #waiting: (() => void)[] = [];

  /** Whether some job has shown that the way is right. */
  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** Whether everyone is sent away. */
  get isStopped(): boolean {
    return this.#state === "stopped";
  }

  /** Lets everyone in. Those who were stopped stay so. */
  open(): void {
    if (this.#state === "closed") this.#end("open");
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
    while (this.#state === "closed" && this.#isTaken) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (this.#state === "stopped") return undefined;
    const alone = this.#state === "closed";
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
    this.#state = state;
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
