import { type FoldedName, foldName, isPrintableAscii, type TaskId } from "../shared/ids.js";
import type { ListedTask } from "../shared/source-task.js";
import { namesWithoutAddition } from "./numbered-name.js";
import { OrderedTexts } from "./ordered-texts.js";

/** How much of a sent name a listed name must keep to count as the same name cut short. */
const SHORTEST_CUT = 20;

/** So few names are looked at one by one. */
const FEW = 8;

const NONE: readonly ListedTask[] = [];

/** A task list that can be asked by ID and by folded name. Made from one reading; never changed. */
export class TaskIndex {
  readonly tasks: readonly ListedTask[];
  readonly #byId: ReadonlyMap<TaskId, ListedTask>;
  /** Nearly every name is one task's: an array of its own for each of 100,000 would cost more than the map. */
  readonly #byName: ReadonlyMap<string, ListedTask | ListedTask[]>;
  /** The lengths that folded names have. */
  readonly #lengths = new Set<number>();
  // What only some questions need is made when the first of them is asked.
  #ordered: OrderedTexts | undefined;
  #orderedFromEnd: OrderedTexts | undefined;
  #places: ReadonlyMap<TaskId, number> | undefined;
  #byTakenName: ReadonlyMap<string, readonly ListedTask[]> | undefined;

  constructor(tasks: readonly ListedTask[]) {
    this.tasks = tasks;
    const byId = new Map<TaskId, ListedTask>();
    for (const task of tasks) byId.set(task.id, task);
    this.#byId = byId;
    const byName = new Map<FoldedName, ListedTask | ListedTask[]>();
    for (const task of byId.values()) {
      const name = foldName(task.name);
      const same = byName.get(name);
      if (same === undefined) byName.set(name, task);
      else if (Array.isArray(same)) same.push(task);
      else byName.set(name, [same, task]);
      this.#lengths.add(name.length);
    }
    this.#byName = byName;
  }

  get(id: TaskId): ListedTask | undefined {
    return this.#byId.get(id);
  }

  has(id: TaskId): boolean {
    return this.#byId.has(id);
  }

  /** Tasks whose name is the same after folding. */
  named(name: string): readonly ListedTask[] {
    return this.#tasksOf(foldName(name));
  }

  /**
   * Tasks whose name may be the sent one as a server changed it: it starts with the sent one (a suffix was added), or is its
   * first 20 characters or more (it was cut short).
   */
  similarTo(name: string): readonly ListedTask[] {
    const sent = foldName(name);
    const similar: (readonly ListedTask[])[] = [];
    for (const listed of this.#inOrder().beginningWith(sent)) if (listed !== sent) similar.push(this.#tasksOf(listed));
    const isAscii = isPrintableAscii(sent);
    for (let length = sent.length - 1; length >= SHORTEST_CUT; length -= 1) {
      // A cut may end in the one blank that stands between two words.
      if (isAscii && !this.#lengths.has(length) && !this.#lengths.has(length - 1)) continue;
      const cut = sent.slice(0, length);
      // Beyond ASCII a part may fold otherwise than the whole (a sigma at its end): it is folded anew.
      const tasks = this.#tasksOf(isAscii ? cut.trimEnd() : foldName(cut));
      if (tasks.length > 0) similar.push(tasks);
    }
    return similar.length === 0 ? NONE : [...new Set(similar.flat())];
  }

  /** Tasks whose folded name is this one with what a server adds to a name that is taken. */
  numbered(name: string): readonly ListedTask[] {
    this.#byTakenName ??= byTakenName(this.#byId.values());
    return this.#byTakenName.size === 0 ? NONE : (this.#byTakenName.get(foldName(name)) ?? NONE);
  }

  /** Tasks whose folded name is `before`, any text, `after` (both folded; at least one of them not empty). */
  fitting(before: string, after: string): readonly ListedTask[] {
    if ((before === "" && after === "") || this.#byName.size === 0) return NONE;
    const shortest = before.length + after.length + 1;
    const names = this.#candidates(before, after).filter(
      (name) => name.length >= shortest && name.startsWith(before) && name.endsWith(after),
    );
    const [only, ...others] = names;
    if (only === undefined) return NONE;
    if (others.length === 0) return this.#tasksOf(only);
    const fitting = names.map((name) => this.#tasksOf(name));
    if (after === "") return fitting.flat().sort((a, b) => this.#placeOf(a) - this.#placeOf(b));
    return fitting.sort(([a], [b]) => this.#placeOf(a) - this.#placeOf(b)).flat();
  }

  /** The folded names that begin or end right, whichever are fewer: one of the two may be nearly all that are listed. */
  #candidates(before: string, after: string): readonly string[] {
    if (this.#byName.size <= FEW) return [...this.#byName.keys()];
    if (after === "") return this.#inOrder().beginningWith(before);
    const end = reversed(after);
    const fromEnd = this.#inOrderFromEnd();
    if (before !== "" && this.#inOrder().countOf(before) <= fromEnd.countOf(end))
      return this.#inOrder().beginningWith(before);
    return fromEnd.beginningWith(end).map(reversed);
  }

  #tasksOf(folded: string): readonly ListedTask[] {
    const found = this.#byName.get(folded);
    if (found === undefined) return NONE;
    return Array.isArray(found) ? found : [found];
  }

  #inOrder(): OrderedTexts {
    this.#ordered ??= new OrderedTexts(this.#byName.keys());
    return this.#ordered;
  }

  #inOrderFromEnd(): OrderedTexts {
    this.#orderedFromEnd ??= new OrderedTexts(Array.from(this.#byName.keys(), reversed));
    return this.#orderedFromEnd;
  }

  /** Where a task stands in the list. */
  #placeOf(task: ListedTask | undefined): number {
    this.#places ??= new Map(Array.from(this.#byId.keys(), (id, place) => [id, place]));
    return task === undefined ? 0 : (this.#places.get(task.id) ?? 0);
  }
}

/** Tasks by what their folded names are without an addition: `acme (2) copy` stands under `acme (2)` and under `acme`. */
function byTakenName(tasks: Iterable<ListedTask>): ReadonlyMap<string, readonly ListedTask[]> {
  const byName = new Map<string, ListedTask[]>();
  for (const task of tasks)
    for (const name of namesWithoutAddition(foldName(task.name))) {
      const same = byName.get(name);
      if (same === undefined) byName.set(name, [task]);
      else same.push(task);
    }
  return byName;
}

/** A text from its end, by code units: twice is the text itself, whatever it holds. */
function reversed(text: string): string {
  return text.split("").reverse().join("");
}
