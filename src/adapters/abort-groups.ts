/** What is given up when a signal is aborted. */
export interface Abortable {
  abort(): void;
}

/**
 * Ends everything that goes by one signal by one listener: all writes in flight share a signal, and to add a listener and take it
 * away again costs each of them as much as reading its answer. Nothing is left on a signal that nobody goes by.
 */
export class AbortGroups {
  readonly #groups = new Map<AbortSignal, Group>();

  /** `member` is told when `signal` is aborted, until it leaves. */
  join(signal: AbortSignal, member: Abortable): void {
    const known = this.#groups.get(signal);
    if (known !== undefined) known.members.add(member);
    else this.#groups.set(signal, openGroup(signal, member));
  }

  leave(signal: AbortSignal, member: Abortable): void {
    const group = this.#groups.get(signal);
    if (group === undefined) return;
    group.members.delete(member);
    if (group.members.size > 0) return;
    signal.removeEventListener("abort", group.onAbort);
    this.#groups.delete(signal);
  }
}

interface Group {
  readonly members: Set<Abortable>;
  readonly onAbort: () => void;
}

function openGroup(signal: AbortSignal, first: Abortable): Group {
  const members = new Set([first]);
  const onAbort = () => {
    // Each leaves as it ends.
    for (const member of [...members]) member.abort();
  };
  signal.addEventListener("abort", onAbort);
  return { members, onAbort };
}
