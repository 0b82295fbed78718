/** How a turn went: `open` lets everyone in at once, `pass` hands the turn on, `stop` sends everyone away. */
export type Verdict = "open" | "pass" | "stop";

/** What a caller is told: it goes alone, together with others, or not at all. */
export type Turn = "alone" | "together" | "stopped";

/**
 * Lets jobs through one at a time until one has shown that the way is right; from then on together. One for the creates of
 * each source task, and one for its PATCHes.
 */
export class Canary {
  #state: "closed" | "open" | "stopped" = "closed";
  #taken = false;
  #waiting: (() => void)[] = [];

  /** Whether some job has shown that the way is right. */
  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** Whether everyone is sent away. */
  get isStopped(): boolean {
    return this.#state === "stopped";
  }

  /** Sends everyone away, now and later. */
  close(): void {
    this.#state = "stopped";
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async enter(): Promise<Turn> {
    while (this.#state === "closed") {
      if (!this.#taken) {
        this.#taken = true;
        return "alone";
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    return this.#state === "open" ? "together" : "stopped";
  }

  /** Ends a turn. A job that went together with others may still stop those that have not started. */
  leave(turn: Turn, verdict: Verdict): void {
    if (verdict === "stop") this.close();
    else if (turn === "alone" && verdict === "open" && this.#state === "closed") this.#state = "open";
    if (turn === "alone") this.#taken = false;
    if (this.#state === "closed") this.#waiting.shift()?.();
    else for (const wake of this.#waiting.splice(0)) wake();
  }
}
