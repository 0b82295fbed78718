import { type FoldedName, foldName, isPrintableAscii, type TaskId } from "./ids.js";
import type { ListedTask } from "./source-task.js";

/** How much of a sent name a listed name must keep to count as the same name cut short. */
const SHORTEST_CUT = 20;

/** A task list that can be asked by ID and by folded name. Made from one reading; never changed. */
export class TaskIndex {
  readonly tasks: readonly ListedTask[];
  readonly #byId: ReadonlyMap<TaskId, ListedTask>;
  readonly #byName: ReadonlyMap<FoldedName, readonly ListedTask[]>;
  readonly #byFoldedText: ReadonlyMap<string, readonly ListedTask[]>;
  /** Every folded name once, in order: what starts with a given text stands together. */
  readonly #names: readonly FoldedName[];
  readonly #bySuffix = new Map<number, ReadonlyMap<string, readonly ListedTask[]>>();

  constructor(tasks: readonly ListedTask[]) {
    this.tasks = tasks;
    this.#byId = new Map(tasks.map((task) => [task.id, task]));
    const byName = new Map<FoldedName, ListedTask[]>();
    for (const task of this.#byId.values()) {
      const name = foldName(task.name);
      const same = byName.get(name);
      if (same === undefined) byName.set(name, [task]);
      else same.push(task);
    }
    this.#byName = byName;
    this.#byFoldedText = byName;
    this.#names = [...byName.keys()].sort();
  }

  get(id: TaskId): ListedTask | undefined {
    return this.#byId.get(id);
  }

  has(id: TaskId): boolean {
    return this.#byId.has(id);
  }

  /** Tasks whose name is the same after folding. */
  named(name: string): readonly ListedTask[] {
    return this.#byName.get(foldName(name)) ?? [];
  }

  /**
   * Tasks whose name may be the sent one as a server changed it: it starts with the sent one (a suffix was added), or is its
   * first 20 characters or more (it was cut short).
   */
  similarTo(name: string): readonly ListedTask[] {
    const sent = foldName(name);
    const similar: ListedTask[] = [];
    for (let at = lowerBound(this.#names, sent); at < this.#names.length; at += 1) {
      const listed = this.#names[at];
      if (listed === undefined || !listed.startsWith(sent)) break;
      if (listed !== sent) similar.push(...(this.#byName.get(listed) ?? []));
    }
    // Beyond ASCII a part may fold otherwise than the whole (a sigma at its end): it is folded anew.
    const refold = isPrintableAscii(sent) ? (part: string) => part.trimEnd() : foldName;
    for (let length = sent.length - 1; length >= SHORTEST_CUT; length -= 1) {
      const cut = this.#byFoldedText.get(refold(sent.slice(0, length)));
      if (cut !== undefined) similar.push(...cut);
    }
    return [...new Set(similar)];
  }

  /** Tasks whose folded name is `before`, any text, `after` (both folded; at least one of them not empty). */
  fitting(before: string, after: string): readonly ListedTask[] {
    if (after === "") return before === "" ? [] : this.tasks.filter((task) => fits(task, before, after));
    return (this.#suffixes(after.length).get(after) ?? []).filter((task) => fits(task, before, after));
  }

  #suffixes(length: number): ReadonlyMap<string, readonly ListedTask[]> {
    const known = this.#bySuffix.get(length);
    if (known !== undefined) return known;
    const suffixes = new Map<string, ListedTask[]>();
    for (const [name, tasks] of this.#byName) {
      if (name.length <= length) continue;
      const suffix = name.slice(-length);
      const same = suffixes.get(suffix);
      if (same === undefined) suffixes.set(suffix, [...tasks]);
      else same.push(...tasks);
    }
    this.#bySuffix.set(length, suffixes);
    return suffixes;
  }
}

function fits(task: ListedTask, before: string, after: string): boolean {
  const name = foldName(task.name);
  return name.length > before.length + after.length && name.startsWith(before) && name.endsWith(after);
}

function lowerBound(sorted: readonly string[], text: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? "") < text) low = middle + 1;
    else high = middle;
  }
  return low;
}
