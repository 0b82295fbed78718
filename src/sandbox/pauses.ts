/** The waits of a sandbox, so that closing it ends them all. */
export class Pauses {
  readonly #running = new Map<NodeJS.Timeout, (passed: boolean) => void>();
  #ended = false;

  /** Resolves with `true` after `ms` milliseconds, with `false` as soon as the sandbox closes. */
  pause(ms: number): Promise<boolean> {
    if (this.#ended) return Promise.resolve(false);
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#running.delete(timer);
        resolve(true);
      }, ms);
      this.#running.set(timer, resolve);
    });
  }

  /** Ends every wait, now and from now on. */
  end(): void {
    this.#ended = true;
    for (const [timer, resolve] of this.#running) {
      clearTimeout(timer);
      resolve(false);
    }
    this.#running.clear();
  }
}
