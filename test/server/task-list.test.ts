import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ListReads, readToEnd } from "../../src/server/reads.js";
import { hurriedClock } from "../support/qalyptus-client.js";

/** What a server may make of the same tasks. */
interface ServerList {
  /** Of so many tasks, in the order of its pages. */
  readonly count: number;
  /** Those that `get_all` leaves out. */
  readonly notAtOnce: readonly number[];
  readonly reversedAtOnce: boolean;
  /** No page has more rows, whatever is asked for. */
  readonly largestPage: number;
  readonly afterTheEnd: "empty" | "the last page again" | "the first page again";
}

const serverLists: fc.Arbitrary<ServerList> = fc.nat({ max: 400 }).chain((count) =>
  fc.record({
    count: fc.constant(count),
    notAtOnce: fc.oneof(
      fc.constant([]),
      fc.uniqueArray(fc.nat({ max: Math.max(0, count - 1) }), { maxLength: 3 }),
      fc.nat({ max: count }).map((kept) => Array.from({ length: count - kept }, (_, index) => kept + index)),
    ),
    reversedAtOnce: fc.boolean(),
    largestPage: fc.constantFrom(1, 7, 10, 25, 50, 100),
    afterTheEnd: fc.constantFrom("empty", "the last page again", "the first page again"),
  }),
);

function pageOf(list: ServerList, page: number, size: number): readonly number[] {
  const all = Array.from({ length: list.count }, (_, index) => index);
  const rows = (number: number) => all.slice((number - 1) * size, number * size);
  if (rows(page).length > 0 || list.afterTheEnd === "empty") return rows(page);
  return rows(list.afterTheEnd === "the first page again" ? 1 : Math.max(1, Math.ceil(list.count / size)));
}

function readsOf(list: ServerList, asked: string[]): ListReads {
  const hidden = new Set(list.notAtOnce);
  const answer = (path: string): readonly number[] => {
    const query = new URLSearchParams(path.split("?")[1]);
    const size = Math.min(Number(query.get("page_size")), list.largestPage);
    if (!query.has("get_all")) return pageOf(list, Number(query.get("page")), size);
    const atOnce = Array.from({ length: list.count }, (_, index) => index).filter((number) => !hidden.has(number));
    return list.reversedAtOnce ? atOnce.reverse() : atOnce;
  };
  return {
    read: ({ path }) => {
      asked.push(path.split("?")[1] ?? "");
      return Promise.resolve({ kind: "json", value: answer(path), problem: { code: "UNREADABLE", message: "" } });
    },
    recognise: () => undefined,
    suspect: () => undefined,
  };
}

async function numbersRead(list: ServerList): Promise<{ readonly numbers: number[]; readonly asked: string[] }> {
  const asked: string[] = [];
  const request = {
    route: "list",
    path: "/tasks",
    parse: Number,
    keyOf: String,
    wholeBelow: 0,
  } as const;
  const read = await readToEnd(readsOf(list, asked), request, hurriedClock());
  if (read.kind !== "rows" || read.problem !== undefined) throw new Error(`not read to its end: ${read.kind}`);
  return { numbers: [...read.rows].sort((a, b) => a - b), asked };
}

describe("a list that is read to its end", () => {
  it("holds every row, whatever comes at once and however its pages go", async () => {
    await fc.assert(
      fc.asyncProperty(serverLists, async (list) => {
        const { numbers } = await numbersRead(list);
        expect(numbers).toEqual(Array.from({ length: list.count }, (_, index) => index));
      }),
      { numRuns: 2000 },
    );
  });

  it("costs no more requests, however long it is, where everything comes at once", async () => {
    await fc.assert(
      fc.asyncProperty(serverLists, async (list) => {
        const { asked } = await numbersRead({ ...list, notAtOnce: [], afterTheEnd: "empty" });
        expect(asked.length).toBeLessThanOrEqual(5);
        expect(asked.slice(0, 3)).toEqual(["get_all=true", "page=1&page_size=50", "page=2&page_size=50"]);
      }),
    );
  });
});
