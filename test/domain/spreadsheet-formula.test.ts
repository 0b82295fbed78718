import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { disarmFormula, rearmFormula } from "../../src/domain/spreadsheet-formula.js";

describe("a cell that a spreadsheet would take for a formula", () => {
  test.each(["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", " =1", "＝1", "'=1", "''-1"])(
    "%j gets a mark, and loses it again",
    (text) => {
      expect(disarmFormula(text)).toBe(`'${text}`);
      expect(rearmFormula(`'${text}`)).toBe(text);
    },
  );
  test.each(["acme", "3f2504e0-4f89-41d3-9a0c-0305e82c3301", "007", "", "'t Hooft", "'"])(
    "%j stays as it is",
    (text) => {
      expect(disarmFormula(text)).toBe(text);
      expect(rearmFormula(text)).toBe(text);
    },
  );
  test("whatever the text, what is taken back is what was written", () => {
    const text = fc.string({ unit: fc.constantFrom("'", "=", "-", "@", " ", "\t", "a", "\ufeff", "＝") });
    fc.assert(
      fc.property(text, (written) => {
        expect(rearmFormula(disarmFormula(written))).toBe(written);
      }),
    );
  });
});
