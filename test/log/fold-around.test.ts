import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { foldAround, foldName } from "../../src/shared/ids.js";

const letter = fc.constantFrom("a", "B", " ", " ", "-", "é", "Σ", "ß", "\u00a0", "\t", "ﬁ");
const end = fc.oneof(
  fc.string({ unit: letter, maxLength: 5 }),
  fc.string({ unit: fc.constantFrom("a", "B", " ", "-"), maxLength: 5 }),
);

// No letters between: they would change how a sigma beside them is folded.
describe("foldAround", () => {
  test("begins and ends as the folded whole does, whatever stands between", () => {
    fc.assert(
      fc.property(end, end, fc.constantFrom("1 2", "(", "7"), (before, after, between) => {
        const [start, finish] = foldAround(before, after);
        expect(start + foldName(between) + finish).toBe(foldName(before + between + after));
      }),
      { numRuns: 2000 },
    );
  });
});
