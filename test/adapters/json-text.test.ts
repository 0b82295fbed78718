import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type JsonNode, lineFinder, readJsonText } from "../../src/adapters/json-text.js";

function plain(node: JsonNode): unknown {
  switch (node.kind) {
    case "object":
      return Object.fromEntries(node.members.map(({ key, value }) => [key, plain(value)]));
    case "array":
      return node.items.map(plain);
    case "string":
      return node.text;
    default:
      return JSON.parse(node.text);
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

describe("readJsonText", () => {
  it("reads what JSON.parse reads, as JSON.parse reads it", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), fc.constantFrom(undefined, 1), (text, indent) => {
        const expected: unknown = JSON.parse(text);
        const reading = readJsonText(JSON.stringify(expected, undefined, indent));
        expect(reading.kind === "read" && JSON.stringify(plain(reading.root))).toBe(JSON.stringify(expected));
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
        expect(readJsonText(text).kind).toBe(nativelyValid(text) ? "read" : "fault");
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['{"a": 1,\n  }', 1, "comma"],
    ["", 1, "end of the file"],
    ['{"a" 1}', 1, '":"'],
    ["{'a': 1}", 1, "double quotes"],
    ['["a\nb"]', 1, "line break"],
    ['["a\\x"]', 1, "backslash"],
    ["[1]\n[2]", 2, "follows"],
    ['[\n"a', 2, "never closed"],
  ])("tells where %j is wrong", (text, line, words) => {
    const reading = readJsonText(text);
    if (reading.kind !== "fault") throw new Error("it was accepted");
    expect(lineFinder(text)(reading.at).line).toBe(line);
    expect(reading.message).toContain(words);
  });

  it("does not follow endless brackets", () => {
    expect(readJsonText("[".repeat(100_000))).toMatchObject({
      kind: "fault",
      message: expect.stringContaining("levels"),
    });
  });

  it("hands an array's items over one by one where a sink is given", () => {
    const items: unknown[] = [];
    const reading = readJsonText('{"a":[1],"tenants":[{"b":2},[3]]}', (key) =>
      key === "tenants" ? (item, index) => items.push([index, plain(item)]) : undefined,
    );
    expect(items).toEqual([
      [0, { b: 2 }],
      [1, [3]],
    ]);
    expect(reading.kind === "read" && plain(reading.root)).toEqual({ a: [1], tenants: [] });
  });
});

describe("lineFinder", () => {
  it("finds line and column, whatever ends the lines", () => {
    const lineOf = lineFinder("a\r\nbc\nd\re");
    expect([0, 3, 4, 6, 8].map(lineOf)).toEqual([
      { line: 1, column: 1 },
      { line: 2, column: 1 },
      { line: 2, column: 2 },
      { line: 3, column: 1 },
      { line: 4, column: 1 },
    ]);
  });
});
