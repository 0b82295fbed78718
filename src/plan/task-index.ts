import { addTo, type FoldedName, foldName, type TaskId } from "../shared/ids.js";
import type { ListedTask } from "../shared/tasks.js";

/** How much of a sent name a listed name must keep to count as the same name cut short. */
const SHORTEST_CUT = 20;

/** What a server adds to a name that is taken: a number, in brackets or behind a blank, `-` or `_`; or a word for a copy. */
const ADDITION =
  /(?<![ _-])(?:[ _-]*(?:\(\d+\)|\[\d+\]|\((?:copy|copie|kopie)\)|\[(?:copy|copie|kopie)\])|[ _-]+(?:\d+|copy|copie|kopie))$/u;

/** No server adds more at once, nor so many of them one behind the other: a name that is made of additions ends here. */
const LONGEST_ADDITION = 64;
const MOST_ADDITIONS = 8;

/** The names that a folded name may have been made from: `acme (2) copy` from `acme (2)` and from `acme`. */
export function namesWithoutAddition(folded: FoldedName): readonly string[] {
  const names: string[] = [];
  for (let name = withoutAddition(folded); name !== "" && name !== (names.at(-1) ?? folded); ) {
    names.push(name);
    if (names.length === MOST_ADDITIONS) break;
    name = withoutAddition(name);
  }
  return names;
}

function withoutAddition(name: string): string {
  const end = name.slice(-LONGEST_ADDITION);
  return name.slice(0, name.length - end.length) + end.replace(ADDITION, "");
}

const NONE: readonly ListedTask[] = [];

/** A task list that can be asked by ID and by folded name. Made from one reading; never changed. */
export class TaskIndex {
  readonly tasks: readonly ListedTask[];
  readonly #byId: ReadonlyMap<TaskId, ListedTask>;
  readonly #byName = new Map<string, ListedTask[]>();
  // Many lists are asked by ID and whole name only: the orders are made when the first question needs them.
  #byTakenName: Map<string, ListedTask[]> | undefined;
  #names: readonly string[] | undefined;
  #reversedNames: readonly string[] | undefined;

  constructor(tasks: readonly ListedTask[]) {
    this.tasks = tasks;
    this.#byId = new Map(tasks.map((task) => [task.id, task]));
    for (const task of this.#byId.values()) addTo(this.#byName, foldName(task.name), task);
  }

  get(id: TaskId): ListedTask | undefined {
    return this.#byId.get(id);
  }

  has(id: TaskId): boolean {
    return this.#byId.has(id);
  }

  /** Tasks whose name is the same after folding. */
  named(name: string): readonly ListedTask[] {
    return this.#byName.get(foldName(name)) ?? NONE;
  }

  /**
   * Tasks whose name may be the sent one as a server changed it: it starts with the sent one (a suffix was added), or is its
   * first 20 characters or more (it was cut short).
   */
  similarTo(name: string): readonly ListedTask[] {
    const sent = foldName(name);
    const names = this.#namesInOrder();
    const similar = new Set<string>(names.slice(...beginningWith(names, sent)));
    similar.delete(sent);
    // Beyond ASCII a part may fold otherwise than the whole (a sigma at its end): it is folded anew.
    for (let length = sent.length - 1; length >= SHORTEST_CUT; length -= 1)
      similar.add(foldName(sent.slice(0, length)));
    return [...similar].flatMap((listed) => this.#byName.get(listed) ?? NONE);
  }

  /** Tasks whose folded name is this one with what a server adds to a name that is taken; `acme (2) copy` is `acme (2)`, and `acme`. */
  numbered(name: string): readonly ListedTask[] {
    if (this.#byTakenName === undefined) {
      this.#byTakenName = new Map();
      for (const task of this.#byId.values())
        for (const taken of namesWithoutAddition(foldName(task.name))) addTo(this.#byTakenName, taken, task);
    }
    return this.#byTakenName.get(foldName(name)) ?? NONE;
  }

  /** Tasks whose folded name is `before`, any text, `after` (both folded; at least one of them not empty), in their names' order. */
  fitting(before: string, after: string): readonly ListedTask[] {
    if (before === "" && after === "") return NONE;
    this.#reversedNames ??= Array.from(this.#byName.keys(), reversed).sort();
    const names = this.#namesInOrder();
    const beginning = beginningWith(names, before);
    const ending = beginningWith(this.#reversedNames, reversed(after));
    // Those that begin right, or those that end right, may be nearly all names: the fewer of them are looked at.
    const candidates =
      ending[1] - ending[0] < beginning[1] - beginning[0]
        ? this.#reversedNames
            .slice(...ending)
            .map(reversed)
            .sort()
        : names.slice(...beginning);
    return candidates
      .filter((name) => name.length > before.length + after.length && name.startsWith(before) && name.endsWith(after))
      .flatMap((name) => this.#byName.get(name) ?? NONE);
  }

  #namesInOrder(): readonly string[] {
    this.#names ??= [...this.#byName.keys()].sort();
    return this.#names;
  }
}

/** Where in a list of texts in order those stand that begin with a text: from here, up to there. */
function beginningWith(texts: readonly string[], beginning: string): readonly [from: number, to: number] {
  return [
    firstPlace(texts, (text) => text >= beginning),
    firstPlace(texts, (text) => text > beginning && !text.startsWith(beginning)),
  ];
}

/** The place of the first text for which a test is true, as it is for all that stand behind it. */
function firstPlace(texts: readonly string[], test: (text: string) => boolean): number {
  let low = 0;
  let high = texts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (test(texts[middle] ?? "")) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** A text from its end, by code units: twice is the text itself, whatever it holds. */
function reversed(text: string): string {
  return text.split("").reverse().join("");
}
