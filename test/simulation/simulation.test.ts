import { afterAll, describe, expect, test } from "vitest";
import { INTACT } from "./intact-core.js";
import { runMany } from "./many.js";

/** Histories that `npm test` lives through; `npm run simulate` takes any number. */
const HISTORIES = Number(process.env.SIMULATED_HISTORIES ?? 2_000);
const CHUNK = 500;

describe("any history of faults, crashes and edits", () => {
  const met = new Map<string, number>();

  for (let from = 1; from <= HISTORIES; from += CHUNK)
    test(`keeps every rule, seeds ${from} to ${from + CHUNK - 1}`, { timeout: 300_000 }, async () => {
      const tally = await runMany(INTACT, { from, count: CHUNK });
      for (const [what, times] of tally.met) met.set(what, (met.get(what) ?? 0) + times);
      expect(tally.failures.map((failure) => failure.story).join("\n\n")).toBe("");
    });

  test.runIf(HISTORIES >= 2000)("meets all that it is about, so that it does not run on empty", () => {
    const never = MUST_BE_MET.filter((what) => (met.get(what) ?? 0) === 0);
    expect(never).toEqual([]);
  });

  afterAll(() => met.clear());
});

/** Records, results and ends that the histories of `npm test` must all come by. */
const MUST_BE_MET = [
  "crash",
  "dry run",
  "frozen: process",
  "frozen: disk",
  "taken over",
  "fault: answers crossed",
  "fault: reports come back short",
  "fault: reports answer 404",
  "person: migrate",
  "person: rename-copy",
  "person: lose-log",
  "create-intent",
  "patch-intent",
  "settled: copy",
  "settled: absent",
  "settled: abandoned",
  "adopted",
  "gone",
  "forgotten",
  "retry",
  "source-stopped",
  "source-cleared",
  "name-changed",
  "run: exit 0",
  "run: exit 3",
  "run: exit 4",
  "run: exit 5",
  "run: exit 6",
  "run: exit 7",
  "run: exit 130",
  "result: create in-doubt",
  "result: settle succeeded",
  "result: settle in-doubt",
  "result: adopt succeeded",
  "result: update in-doubt",
  "result: update succeeded",
  "error: APP_IN_USE",
  "error: CANDIDATE",
  "error: COPY_NOT_LISTED",
  "error: GONE",
  "error: LIST_NOT_WHOLE",
  "error: LOCK_LOST",
  "error: LOOKS_LIKE_COPY",
  "error: MAPPINGS_DIFFER",
  "error: MOVED",
  "error: NAME_TAKEN",
  "error: NOT_SEEN",
  "error: PATCH_IN_DOUBT",
  "error: PATCH_NO_EFFECT",
  "error: STRANGE_ID",
  "error: TWIN",
  "warning: DOUBT",
  "warning: TWIN",
];
