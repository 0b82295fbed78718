import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { TaskIndex } from "../../src/plan/task-index.js";
import { foldName, parseTaskId, type TaskId } from "../../src/shared/ids.js";
import type { ListedTask } from "../../src/shared/tasks.js";

function id(number: number): TaskId {
  const parsed = parseTaskId(`00000000-0000-4000-8000-${String(number).padStart(12, "0")}`);
  if (parsed === undefined) throw new Error("no GUID");
  return parsed;
}

const listOf = (names: readonly string[]): readonly ListedTask[] =>
  names.map((name, number) => ({ id: id(number), name }));

/** What is asked, as its words say it: every task is looked at. */
const plain = {
  named: (tasks: readonly ListedTask[], name: string) => tasks.filter((task) => foldName(task.name) === foldName(name)),
  similarTo: (tasks: readonly ListedTask[], name: string) => {
    const sent = foldName(name);
    const cuts = new Set<string>();
    for (let length = 20; length < sent.length; length += 1) cuts.add(foldName(sent.slice(0, length)));
    return tasks.filter((task) => {
      const listed = foldName(task.name);
      return (listed !== sent && listed.startsWith(sent)) || cuts.has(listed);
    });
  },
  fitting: (tasks: readonly ListedTask[], before: string, after: string) =>
    tasks.filter((task) => {
      const name = foldName(task.name);
      return name.length > before.length + after.length && name.startsWith(before) && name.endsWith(after);
    }),
};

const part = fc.constantFrom(
  "monthly ",
  "MONTHLY",
  "report",
  " - ",
  "acme",
  "Globex ",
  "ΣΑΣ",
  "é",
  "👍",
  "x",
  "\uffff",
  " ",
);
const name = fc.array(part, { minLength: 1, maxLength: 8 }).map((parts) => parts.join(""));
const names = fc.array(name, { maxLength: 30 });
const ids = (tasks: readonly ListedTask[]) => tasks.map((task) => task.id).sort();

describe("TaskIndex", () => {
  test("finds by name what a look at every task finds", () => {
    fc.assert(
      fc.property(names, name, (list, asked) => {
        const tasks = listOf(list);
        expect(new TaskIndex(tasks).named(asked)).toEqual(plain.named(tasks, asked));
      }),
    );
  });

  test("finds the same similar names as a look at every task", () => {
    fc.assert(
      fc.property(names, name, fc.nat(60), (list, asked, length) => {
        const cut = asked.slice(0, length);
        const tasks = listOf(cut === "" ? list : [...list, cut, `${asked} (2)`]);
        expect(ids(new TaskIndex(tasks).similarTo(asked))).toEqual(ids(plain.similarTo(tasks, asked)));
      }),
    );
  });

  const text = fc.array(part, { maxLength: 2 }).map((parts) => foldName(parts.join("")));

  test("finds by how a name begins and ends what a look at every task finds", () => {
    fc.assert(
      fc.property(names, text, text, (list, before, after) => {
        fc.pre(before !== "" || after !== "");
        const tasks = listOf(list);
        const found = new TaskIndex(tasks).fitting(before, after);
        expect(ids(found)).toEqual(ids(plain.fitting(tasks, before, after)));
      }),
    );
  });

  test("tells what fits in the order of the names, and of one name in the list's", () => {
    const tasks = listOf(["b acme", "a acme", "B  Acme", "acme x", "acme a", "ACME X"]);
    const index = new TaskIndex(tasks);
    expect(index.fitting("acme", "").map((task) => task.name)).toEqual(["acme a", "acme x", "ACME X"]);
    expect(index.fitting("", "acme").map((task) => task.name)).toEqual(["a acme", "b acme", "B  Acme"]);
    expect(index.fitting("b", "acme").map((task) => task.name)).toEqual(["b acme", "B  Acme"]);
  });

  test("takes any number of tasks of one name", () => {
    const tasks = listOf(Array.from({ length: 200_000 }, () => "acme"));
    const index = new TaskIndex(tasks);
    expect(index.named("ACME")).toHaveLength(200_000);
    expect(index.similarTo("acm")).toHaveLength(200_000);
    expect(index.fitting("a", "e")).toHaveLength(200_000);
  });

  test("looks at few names, whichever of beginning and end is the longer text", () => {
    const index = new TaskIndex(
      listOf(Array.from({ length: 10_000 }, (_, n) => `Monthly figures, Europe: customer ${n}`)),
    );
    index.fitting("x", "x");
    for (const [before, after] of [
      ["monthly figures, ", "customer 77"],
      ["monthly figures, europe: customer 77", " "],
    ] as const) {
      const looks = vi.spyOn(String.prototype, "startsWith");
      index.fitting(before, after);
      const { length } = looks.mock.calls;
      looks.mockRestore();
      expect(length).toBeLessThan(200);
    }
  });
});
