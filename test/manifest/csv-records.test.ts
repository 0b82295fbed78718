import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readCsvOpening, splitCsv } from "../../src/manifest/csv.js";
import { Findings } from "../../src/manifest/manifest.js";
import { atOnce } from "../../src/shared/steps.js";

function split(text: string, delimiter = ",") {
  const findings = new Findings("a.csv");
  const records = atOnce(splitCsv(text, delimiter, 1, findings));
  return { records, faults: findings.faults };
}
const cells = (text: string, delimiter = ",") => split(text, delimiter).records.map((record) => record.cells);
const lines = (text: string) => split(text).records.map((record) => record.line);

describe("splitCsv", () => {
  it.each([
    ["LF", "\n"],
    ["CRLF", "\r\n"],
    ["CR", "\r"],
  ])("ends lines at %s, and counts them", (_, end) => {
    const text = ["a,b", "c,d", "", "e,f"].join(end);
    expect(cells(text)).toEqual([
      ["a", "b"],
      ["c", "d"],
      ["e", "f"],
    ]);
    expect(lines(text)).toEqual([1, 2, 4]);
  });

  it("ends lines as they come, mixed", () => {
    expect(cells("a\r\nb\nc\rd")).toEqual([["a"], ["b"], ["c"], ["d"]]);
  });

  it("tells a record's first line where values hold line breaks", () => {
    const text = '"a\r\nb\rc\nd",x\ne,"f\n\n"\ng,h';
    expect(split(text).records).toEqual([
      { line: 1, cells: ["a\r\nb\rc\nd", "x"] },
      { line: 5, cells: ["e", "f\n\n"] },
      { line: 8, cells: ["g", "h"] },
    ]);
  });

  it("unquotes values, doubled quotes too, and ignores blanks around the quotes", () => {
    expect(cells('"a,b", "c ""d""" ,""')).toEqual([["a,b", 'c "d"', ""]]);
  });

  it("keeps a quote inside a bare value", () => {
    expect(cells('12" pipes,b')).toEqual([['12" pipes', "b"]]);
  });

  it("does not take a tab for a blank where it is the delimiter", () => {
    expect(cells('a\t\t"b"', "\t")).toEqual([["a", "", "b"]]);
  });

  it("leaves out blank lines and lines of delimiters only", () => {
    expect(cells(';;;\n \na;b\n"";""\n;;\u00a0;\u200b', ";")).toEqual([["a", "b"]]);
  });

  it("tells where a quote opens that is never closed", () => {
    expect(split('a,b\nc,"d\ne\nf')).toMatchObject({
      records: [{ line: 1, cells: ["a", "b"] }],
      faults: [
        { code: "QUOTE_UNCLOSED", line: 2, column: "b", value: "d\ne\nf", message: expect.stringContaining("line 4") },
      ],
    });
    expect(split('x,y\n"b\n","c').faults).toMatchObject([{ code: "QUOTE_UNCLOSED", line: 3, column: "y" }]);
  });

  it("tells text behind a closing quote, and goes on with the next line", () => {
    expect(split('x,y\n"a"b,c\nd,e')).toMatchObject({
      records: [
        { line: 1, cells: ["x", "y"] },
        { line: 3, cells: ["d", "e"] },
      ],
      faults: [{ code: "QUOTE_MISPLACED", line: 2, column: "x", value: '"a"b' }],
    });
  });

  it("gives no record where the header itself has a quote out of place", () => {
    expect(split('"a"b,c\nd,e')).toMatchObject({
      records: [],
      faults: [{ code: "QUOTE_MISPLACED", line: 1, column: undefined, value: '"a"b' }],
    });
  });

  it("tells every quote out of place, each with its lines, and keeps the rows between", () => {
    const text = 'a,b\r\n"c\r\nd" x,"e"y\r\nf,"g\r\n"\r\nh,12" i\r\nj,"k" l\r\nm,"n';
    expect(split(text)).toMatchObject({
      records: [
        { line: 1, cells: ["a", "b"] },
        { line: 4, cells: ["f", "g\r\n"] },
        { line: 6, cells: ["h", '12" i'] },
      ],
      faults: [
        { line: 2, column: "a", value: '"c\r\nd" x', message: expect.stringContaining("lines 2 to 3") },
        { line: 7, column: "b", value: '"k" l', code: "QUOTE_MISPLACED" },
        { line: 8, column: "b", value: "n", message: expect.stringContaining("(line 8)") },
      ],
    });
  });

  it.each([
    ["blank", '"a" , "b" '],
    ["no-break space", '\u00a0"a"\u00a0,"b"\u00a0'],
    ["zero-width space", '\u200b"a"\u200b,\u200b"b"'],
  ])("takes a %s around quotes for nothing", (_, line) => {
    expect(split(`${line}\n12" x,"""y"" "\n${line}`)).toEqual({
      records: [
        { line: 1, cells: ["a", "b"] },
        { line: 2, cells: ['12" x', '"y" '] },
        { line: 3, cells: ["a", "b"] },
      ],
      faults: [],
    });
  });

  const value = fc.string({ unit: fc.constantFrom("a", "é", " ", ",", ";", '"', "\n", "\r\n", "\r", "x") });
  const table = fc.array(fc.array(value, { minLength: 2, maxLength: 4 }), { minLength: 1 });
  const written = (rows: readonly (readonly string[])[], end: string) =>
    rows.map((row) => row.map((one) => `"${one.replaceAll('"', '""')}"`).join(",") + end).join("");

  /** Each row that is not blank, with the line on which it begins. */
  function expected(rows: readonly (readonly string[])[], firstLine: number) {
    let next = firstLine;
    const records = rows.map((row) => {
      const line = next;
      next += 1 + (row.join("_").match(/\r\n|\n|\r/g) ?? []).length;
      return { line, cells: row };
    });
    return records.filter((record) => record.cells.some((one) => one.trim() !== ""));
  }

  it("gives back whatever is written in quotes, each record with its first line", () => {
    fc.assert(
      fc.property(table, fc.constantFrom("\n", "\r\n", "\r"), (rows, end) => {
        expect(split(written(rows, end))).toEqual({ records: expected(rows, 1), faults: [] });
      }),
    );
  });

  it("reads the rows behind a quote out of place as it would without it", () => {
    fc.assert(
      fc.property(table, table, fc.constantFrom('12" x', '"a"b', '"a" ,b"c'), (above, below, odd) => {
        const { records, faults } = split(`x\n${written(above, "\n")}${odd}\n${written(below, "\n")}`);
        const oddLine = 2 + (written(above, "\n").match(/\r\n|\n|\r/g) ?? []).length;
        expect(records.filter((record) => record.line !== oddLine)).toEqual([
          { line: 1, cells: ["x"] },
          ...expected(above, 2),
          ...expected(below, oddLine + 1),
        ]);
        expect(faults.map((fault) => fault.line)).toEqual(odd === '"a"b' ? [oddLine] : []);
      }),
    );
  });
});

describe("readCsvOpening", () => {
  it.each([
    ["sep=;\r\na", { start: 7, line: 2, delimiter: ";" }],
    ['"sep=,"\na', { start: 8, line: 2, delimiter: "," }],
    ["sep=\t\na", { start: 6, line: 2, delimiter: "\t" }],
    ["#TYPE System.Management.Automation.PSCustomObject\r\na", { start: 51, line: 2, delimiter: undefined }],
    ["\n\nSEP=;\n#TYPE x\na", { start: 16, line: 5, delimiter: ";" }],
    ["separator,b", { start: 0, line: 1, delimiter: undefined }],
  ])("reads past %j", (text, opening) => {
    expect(readCsvOpening(text)).toEqual(opening);
  });
});
