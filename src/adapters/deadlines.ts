/** What is ended when its time is up. */
export interface Expirable {
  expire(): void;
}

/**
 * Ends what has taken longer than it may, all by one timer: to start a timer for each request and to stop it costs as much as
 * reading its answer. All may take equally long, so that whoever began first is over first.
 */
export class Deadlines {
  readonly #afterMs: number;
  readonly #now: () => number;
  /** Who is not over yet, in the order of their beginning, and when each must be. */
  readonly #ends = new Map<Expirable, number>();
  #timer: NodeJS.Timeout | undefined;

  /** `afterMs`: how long each may take. `now`: a monotonic clock, in milliseconds. */
  constructor(afterMs: number, now: () => number) {
    this.#afterMs = afterMs;
    this.#now = now;
  }

  /** `member`'s time begins; once it is up it is told, if it has not left. Who is here already keeps its own. */
  begin(member: Expirable): void {
    if (this.#ends.has(member)) return;
    this.#ends.set(member, this.#now() + this.#afterMs);
    this.#timer ??= this.#wake(this.#afterMs);
  }

  leave(member: Expirable): void {
    this.#ends.delete(member);
  }

  /** Nobody is told any more. */
  close(): void {
    this.#ends.clear();
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** What is waited for keeps the process alive by its own connection. */
  #wake(ms: number): NodeJS.Timeout {
    // An answer that has come while this process could not look (a suspended machine) is read first: once around the loop.
    return setTimeout(() => setImmediate(() => this.#expire()), ms).unref();
  }

  #expire(): void {
    this.#timer = undefined;
    const now = this.#now();
    for (const [member, end] of this.#ends) {
      if (end > now) {
        this.#timer = this.#wake(Math.ceil(end - now));
        return;
      }
      this.#ends.delete(member);
      member.expire();
    }
  }
}
