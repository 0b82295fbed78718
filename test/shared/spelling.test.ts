import { describe, expect, it } from "vitest";
import { trimAround } from "../../src/shared/ids.js";
import { nearestSpellings } from "../../src/shared/spelling.js";
import { quote } from "../../src/shared/text-safety.js";

describe("nearestSpellings", () => {
  it("offers what was probably meant, nearest first", () => {
    expect(nearestSpellings("globx", ["acme", "globex", "globe", "initech"])).toEqual(["globex", "globe"]);
    expect(nearestSpellings("eu-north", ["eu-north-1", "acme"])).toEqual(["eu-north-1"]);
    expect(nearestSpellings("zzz", ["acme"])).toEqual([]);
  });
});

describe("values from outside", () => {
  it("lose what Excel and PowerShell leave around them, and nothing else", () => {
    expect(trimAround("\ufeff\u00a0 \t\u200bacme  corp\u2060\u3000\r\n")).toBe("acme  corp");
    expect(trimAround("\u0000acme\u001b")).toBe("\u0000acme\u001b");
    expect(trimAround(" \u200b ")).toBe("");
  });

  it("are trimmed in time that does not grow with the square of their blanks", () => {
    const blanks = " ".repeat(1_000_000);
    expect(trimAround(`a${blanks}b`)).toHaveLength(1_000_002);
  });

  it("are shown in quotes, without control characters, and cut where they are long", () => {
    expect(quote('a"\n\u0085\u2028')).toBe('"a\\"\\n\\u0085\\u2028"');
    expect(quote("x".repeat(100))).toBe(`"${"x".repeat(80)}…"`);
  });
});
