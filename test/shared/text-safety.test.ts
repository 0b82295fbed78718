import fc from "fast-check";
import stringWidth from "string-width";
import { describe, expect, test } from "vitest";
import { fitWidth } from "../../src/reporter/layout.js";
import { escapeHtml, escapeMarkdown, escapeXml, oneLine, withoutCommand } from "../../src/shared/text-safety.js";
import { hasControls, holdsCommand, hostileText } from "../results/hostile-text.js";

describe("text from outside on one line", () => {
  test("line ends and tabs become a blank, other control characters go", () => {
    expect(oneLine("acme\r\n\tand\u001b[31m sons\u0000")).toBe("acme and[31m sons");
  });
  test("characters that reorder text go, letters and emoji stay", () => {
    expect(oneLine("abc\u202egnp.exe \u2066日本 👩‍👩‍👧")).toBe("abcgnp.exe 日本 👩‍👩‍👧");
  });
  test("half a character is replaced", () => {
    expect(oneLine("acme\ud83d")).toBe("acme\ufffd");
  });
  test("it cannot start a line as GitHub's command, nor hold Azure's", () => {
    expect(oneLine("::error::done")).toBe(": :error::done");
    expect(oneLine("x ##vso[task.complete]")).toBe("x # #vso[task.complete]");
    expect(withoutCommand("\u001b[31m ::error::x")).toBe("\u001b[31m : :error::x");
  });
  test("whatever comes, the line is one line and no command", () => {
    fc.assert(
      fc.property(hostileText, hostileText, (a, b) => {
        const line = withoutCommand(`${oneLine(a)} ${oneLine(b)}`);
        expect(hasControls(line) || line.includes("\n")).toBe(false);
        expect(holdsCommand(line)).toBe(false);
      }),
      { numRuns: 500 },
    );
  });
});

describe("escapes", () => {
  test("HTML and XML hold no markup of a name", () => {
    fc.assert(
      fc.property(hostileText, (text) => {
        expect(escapeHtml(text)).not.toMatch(/[<>"']/);
        expect(escapeXml(text)).not.toMatch(
          /[\ufffe\uffff\u0000-\u0008\ud800-\udfff](?![\udc00-\udfff])(?<![\ud800-\udbff][\udc00-\udfff])/,
        );
      }),
    );
  });
  test("HTML: what is escaped can be read back", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("<", ">", "&", '"', "'", "a", ";", "l", "t", "#") }), (text) => {
        const named: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" };
        const read = escapeHtml(text).replace(/&(amp|lt|gt|quot|#39);/g, (_, entity: string) => named[entity] ?? "");
        expect(read).toBe(text);
      }),
    );
  });
  test("Markdown: no table cell ends early, nobody is mentioned, nothing links", () => {
    expect(escapeMarkdown("a|b")).toBe("a\\|b");
    expect(escapeMarkdown("@everyone #123 [x](http://evil.example) <b>")).toBe(
      "@\u200beveryone #\u200b123 \\[x\\](http:\u200b//evil.example) &lt;b&gt;",
    );
    expect(escapeMarkdown("# title")).toBe("\\# title");
  });
});

describe("width on a terminal", () => {
  test.each([
    ["acme", 4],
    ["日本", 4],
    ["👩‍👩‍👧", 2],
    ["e\u0301", 1],
    ["\u001b[31mred\u001b[39m", 3],
    ["ﾊﾝ", 2],
  ])("%j takes %i columns", (text, width) => {
    expect(stringWidth(text)).toBe(width);
  });
  test("a text that is too wide is cut to fit, never through a character", () => {
    expect(fitWidth("日本の会社", 5)).toBe("日本…");
    fc.assert(
      fc.property(hostileText, fc.integer({ min: 1, max: 20 }), (text, columns) => {
        const line = oneLine(text);
        expect(stringWidth(fitWidth(line, columns))).toBeLessThanOrEqual(columns);
      }),
    );
  });
});
