import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { JsonText, membersOf } from "../../src/manifest/json-text.js";
import { Findings } from "../../src/manifest/manifest.js";
import { type Problem, StopError } from "../../src/shared/problems.js";
import { atOnce } from "../../src/shared/steps.js";

const readJson = (text: string) => atOnce(JsonText.read(text, new Findings("a.json")));

function plain(json: JsonText, node = json.root): unknown {
  if (node.type === "object")
    return Object.fromEntries(membersOf(node).map(([key, value]) => [key, plain(json, value)]));
  if (node.type === "array") return node.children?.map((item) => plain(json, item));
  return node.type === "null" ? null : node.type === "string" ? json.textOf(node) : JSON.parse(json.textOf(node) ?? "");
}

/** What is wrong with a text, or `undefined` where it is JSON. */
function faultOf(text: string): Problem | undefined {
  try {
    readJson(text);
    return undefined;
  } catch (error) {
    if (error instanceof StopError) return error.problems[0];
    throw error;
  }
}

function nativelyValid(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

describe("a JSON text", () => {
  it("reads what JSON.parse reads, as JSON.parse reads it", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), fc.constantFrom(undefined, 1), (text, indent) => {
        const expected: unknown = JSON.parse(text);
        const json = readJson(JSON.stringify(expected, undefined, indent));
        expect(JSON.stringify(plain(json))).toBe(JSON.stringify(expected));
      }),
    );
  });

  it("refuses what JSON.parse refuses", () => {
    const bits = fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      '"a"',
      "1",
      "01",
      "-",
      "true",
      "nul",
      "null",
      " ",
      "\\",
      '"',
      "\n",
      ".5",
      "1e3",
    );
    fc.assert(
      fc.property(fc.array(bits, { maxLength: 8 }), (parts) => {
        const text = parts.join("");
        expect(faultOf(text)?.code).toBe(nativelyValid(text) ? undefined : "JSON_SYNTAX");
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['{"a": 1,\n  }', 2, "property name expected"],
    ["", 1, "end of the file"],
    ['{"a" 1}', 1, "colon expected"],
    ["{'a': 1}", 1, "invalid symbol"],
    ['["a\nb"]', 1, "unexpected end of string"],
    ['["a\\x"]', 1, "invalid escape character"],
    ["[1]\n[2]", 2, "end of file expected"],
    ['[\n"a', 2, "unexpected end of string"],
  ])("tells where %j is wrong", (text, line, words) => {
    expect(faultOf(text)).toMatchObject({ line, message: expect.stringContaining(words) });
  });

  it("does not follow endless brackets", () => {
    for (const text of ["[".repeat(100_000), "[".repeat(100_000) + "]".repeat(100_000)])
      expect(faultOf(text)).toMatchObject({ code: "JSON_SYNTAX", message: expect.stringContaining("levels") });
  });

  it("is read in steps, that a signal may come between", () => {
    const text = JSON.stringify(Array.from({ length: 100_000 }, (_, n) => ({ n })));
    let steps = 0;
    for (const _ of JsonText.read(text, new Findings("a.json"))) steps += 1;
    expect(steps).toBeGreaterThan(50);
  });

  it("tells the line of each value, whatever ends the lines", () => {
    const json = readJson('[1,\r\n2,\n{"a":\r3}]');
    const [, two, object] = json.root.children ?? [];
    if (two === undefined || object === undefined) throw new Error("it was not read");
    const members = membersOf(object).map(([, value]) => value);
    expect([json.root, two, object, ...members].map((node) => json.lineOf(node))).toEqual([1, 2, 3, 4]);
  });
});
