/** What is given up when a signal is aborted. */
export interface Abortable {
  abort(): void;
}

/**
 * Ends everything that goes by one signal by one listener, which stays: all writes in flight share a signal, and to add a listener
 * and take it away again costs each of them as much as reading its answer.
 */
export class AbortGroups {
  readonly #groups = new WeakMap<AbortSignal, Set<Abortable>>();

  /** `member` is told when `signal` is aborted, until it leaves. */
  join(signal: AbortSignal, member: Abortable): void {
    const known = this.#groups.get(signal);
    if (known !== undefined) known.add(member);
    else this.#groups.set(signal, openGroup(signal, member));
  }

  leave(signal: AbortSignal, member: Abortable): void {
    this.#groups.get(signal)?.delete(member);
  }
}

function openGroup(signal: AbortSignal, first: Abortable): Set<Abortable> {
  const members = new Set([first]);
  const onAbort = () => {
    // Each leaves as it ends.
    for (const member of [...members]) member.abort();
  };
  signal.addEventListener("abort", onAbort, { once: true });
  return members;
}
