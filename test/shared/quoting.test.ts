import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { disarmFormula, rearmFormula, secretSpellings } from "../../src/shared/quoting.js";

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

describe("the spellings of a secret", () => {
  test("are one where it needs no escape", () => {
    expect(secretSpellings("plain-key_01.x~")).toEqual(["plain-key_01.x~"]);
  });

  test("are those of JSON and of URLs, whichever case the hex digits have", () => {
    const spelled = secretSpellings('a/b+c="d');
    for (const text of ['a/b+c="d', 'a/b+c=\\"d', 'a\\/b+c=\\"d', "a%2Fb%2Bc%3D%22d", "a%2fb%2bc%3d%22d"])
      expect(spelled).toContain(text);
  });

  test("are found for half a character too", () => {
    expect(secretSpellings("\ud800-secret")).toContain("\ud800-secret");
  });
});
