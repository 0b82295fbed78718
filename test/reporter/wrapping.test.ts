import fc from "fast-check";
import stringWidth from "string-width";
import { describe, expect, test } from "vitest";
import { toText } from "../../src/reporter/layout.js";
import { type Look, PLAIN } from "../../src/reporter/look.js";
import { holdsCommand } from "../results/hostile-text.js";

const terminal = (width: number | undefined): Look => ({ palette: PLAIN, width, unicode: true });

const wrapLines = (lines: readonly string[], look: Look): readonly string[] =>
  toText(lines, look).slice(0, -1).split("\n");

describe("lines on a terminal", () => {
  test("break between words, further lines stand in", () => {
    expect(wrapLines(["warning: what a copy keeps of this is not documented"], terminal(30))).toEqual([
      "warning: what a copy keeps of",
      "    this is not documented",
    ]);
  });
  test.each(["qalyptus-propagate", "npx qalyptus-propagate", "node ../bin/qalyptus-propagate.js"])(
    "give each command that can be pasted a line of its own, and leave it whole: %s",
    (program) => {
      const [one, other] = [`${program} resolve hooli --task-id ID`, `${program} resolve hooli --retry`];
      const hint = `  → Run sync again with --adopt, or where you know better: ${one} or ${other}`;
      expect(wrapLines([hint], terminal(40))).toEqual([
        "  → Run sync again with --adopt, or",
        "    where you know better:",
        `    ${one} or`,
        `    ${other}`,
      ]);
    },
  );
  test("are prose where an option is named outside a hint", () => {
    const [first] = wrapLines(["warning: --settle 2s: a server may still be at work"], terminal(30));
    expect(first).toBe("warning: --settle 2s: a server");
  });
  test("stay whole in files, pipes and CI logs", () => {
    const line = "word ".repeat(100);
    expect(wrapLines([line], terminal(undefined))).toEqual([line]);
  });
  test("are no wider for their colours", () => {
    const painted = `\u001b[33m${"word ".repeat(9)}\u001b[39m`;
    expect(wrapLines([painted], terminal(50))).toEqual([painted]);
  });
  test("lose no word, and are too wide only where one word is", () => {
    const words = fc.array(fc.constantFrom("a", "tenant", "日本の会社", "0123456789".repeat(4), "👩‍👩‍👧"), {
      minLength: 1,
    });
    fc.assert(
      fc.property(words, fc.integer({ min: 30, max: 120 }), (list, width) => {
        const lines = wrapLines([list.join(" ")], terminal(width));
        expect(lines.flatMap((line) => line.trim().split(" "))).toEqual(list);
        for (const line of lines) if (line.trim().includes(" ")) expect(stringWidth(line)).toBeLessThanOrEqual(width);
      }),
    );
  });
  test("never begin with a CI system's command that stood within a line", () => {
    const lines = wrapLines([`${"word ".repeat(6)}::error::forged`], terminal(30));
    expect(lines).toHaveLength(2);
    expect(holdsCommand(lines.join("\n"))).toBe(false);
  });
});
