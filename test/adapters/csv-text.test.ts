import { parse } from "csv-parse/sync";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readCsvOpening, splitCsv } from "../../src/adapters/csv-text.js";

const split = (text: string, delimiter = ",") => splitCsv(text, { delimiter, start: 0, line: 1 });
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
    expect(split('a,b\nc,"d\ne\nf')).toEqual({
      records: [{ line: 1, cells: ["a", "b"] }],
      faults: [{ kind: "unclosed", line: 2, endLine: 4, cell: 1, text: "d\ne\nf" }],
    });
    expect(split('a\n"b\n","c').faults).toMatchObject([{ kind: "unclosed", line: 3, cell: 1 }]);
  });

  it("tells text behind a closing quote, and goes on with the next line", () => {
    expect(split('"a"b,c\nd,e')).toEqual({
      records: [{ line: 2, cells: ["d", "e"] }],
      faults: [{ kind: "misplaced", line: 1, endLine: 1, cell: 0, text: "b" }],
    });
  });

  it("agrees with csv-parse on whatever is well formed", () => {
    const cell = fc.string({ unit: fc.constantFrom("a", "é", " ", ",", ";", '"', "\n", "\r\n", "x") });
    fc.assert(
      fc.property(fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { minLength: 1 }), (table) => {
        const text = table.map((one) => one.map((value) => `"${value.replaceAll('"', '""')}"`).join(",")).join("\n");
        const expected = parse(text, { relax_column_count: true, record_delimiter: "\n" }).filter((record) =>
          record.some((value) => value.trim() !== ""),
        );
        expect(cells(text)).toEqual(expected);
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
