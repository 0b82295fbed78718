import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { disarmFormula, mistyped, rearmFormula } from "../../src/shared/quoting.js";

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
    const text = fc.string({
      unit: fc.constantFrom("'", '"', "=", "-", "@", " ", "\t", ",", ";", "\n", "a", "\ufeff", "＝"),
    });
    fc.assert(
      fc.property(text, (written) => {
        expect(rearmFormula(disarmFormula(written))).toBe(written);
      }),
    );
  });
});

describe("Excel's formula of a text", () => {
  test.each([
    ['="007"', "007"],
    ['="a ""b"""', 'a "b"'],
    ['=""', ""],
  ])("%j means %j", (cell, text) => {
    expect(rearmFormula(cell)).toBe(text);
  });
  test.each(['="a"&"b"', "=A1", '="007', `'="007"`])("%j is no such formula", (cell) => {
    expect(rearmFormula(cell)).toBe(cell.replace(/^'/, ""));
  });
});

describe("a text that a shell or a pipeline read wrong", () => {
  test.each(['"abc"', "'abc'", "\u201cabc\u201d"])("%s stands in quotes", (text) => {
    expect(mistyped(text)?.why).toContain("quotes");
    expect(mistyped(text)?.why).not.toContain("abc");
  });
  test.each(["$(QALYPTUS_API_KEY)", "\u0024{API_KEY}", "%API_KEY%", "\u0024{{ secrets.KEY }}", "$(vault.key)"])(
    "%s is a variable that was not filled in",
    (text) => {
      expect(mistyped(text)).toMatchObject({ why: expect.stringContaining(text) });
    },
  );
  test.each(["abc", 'a"b"', '"', "$abc", "%41%42", "https://reports.example"])("%s is neither", (text) => {
    expect(mistyped(text)).toBeUndefined();
  });
});
