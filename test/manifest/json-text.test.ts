import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type JsonNode, readJsonText } from "../../src/manifest/json-text.js";

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
    ['{"a": 1,\n  }', 2, "a key in double quotes is expected"],
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
    expect(reading.line).toBe(line);
    expect(reading.message).toContain(words);
  });

  it("does not follow endless brackets", () => {
    expect(readJsonText("[".repeat(100_000))).toMatchObject({
      kind: "fault",
      message: expect.stringContaining("levels"),
    });
  });

  it("tells the line of each value, whatever ends the lines", () => {
    const reading = readJsonText('[1,\r\n2,\n{"a":\r3}]');
    if (reading.kind !== "read" || reading.root.kind !== "array") throw new Error("it was not read");
    const [, two, object] = reading.root.items;
    expect([reading.root.line, two?.line, object?.line]).toEqual([1, 2, 3]);
    expect(object?.kind === "object" && object.members[0]?.value.line).toBe(4);
  });
});
