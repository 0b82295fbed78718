import type { ProblemCode } from "../shared/codes.js";
import { trimAround } from "../shared/ids.js";
import { isArmed, rearmFormula } from "../shared/quoting.js";
import { quote } from "../shared/text-safety.js";
import { isManifestColumn, meaningOf } from "./columns.js";
import type { Findings, RawManifest, RawRow } from "./manifest.js";

/** A CSV manifest as rows of text. A result's cells have a `'` before what looks like a formula: it is taken back here. */
export function readCsvManifest(text: string, findings: Findings): RawManifest {
  const table = readCsvTable(text, (header) => isManifestColumn(meaningOf(header)), findings);
  const rows = table.rows.map((row) =>
    row.cells.some(isArmed) ? { ...row, cells: row.cells.map(rearmFormula) } : row,
  );
  return { format: "csv", ...table, rows, shared: {} };
}

/** A CSV file's header (trimmed; empty where the file has none), and the rows that fit under it. */
export type CsvTable = Pick<RawManifest, "header" | "headerLine" | "rows">;

/** Reads a table. `isKnown` says of a header whether it means something: the delimiter is the one that finds most of these. */
export function readCsvTable(text: string, isKnown: (header: string) => boolean, findings: Findings): CsvTable {
  const { start, line, delimiter } = readCsvOpening(text);
  const content = text.slice(start, text.endsWith("\u001a") ? -1 : undefined);
  const [header, ...records] = splitCsv(content, delimiter ?? foundDelimiter(content, isKnown), line, findings);
  const titles = header?.cells.map(trimAround) ?? [];
  const rows = records.filter((record) => {
    const found = record.cells.length;
    if (found === titles.length) return true;
    const message = `This row has ${found} ${found === 1 ? "field" : "fields"}, the header has ${titles.length}.`;
    findings.fault("FIELD_COUNT", message, { line: record.line, value: record.cells.join(" | ") });
    return false;
  });
  return { header: titles, headerLine: header?.line ?? 1, rows };
}

/** Excel's `sep=;`, PowerShell's `#TYPE …`, or a blank line. */
const ABOVE_HEADER =
  /(?:"?sep=([^"\r\n])"?[\t,; ]*|"?#TYPE(?:[^\S\r\n][^\r\n]*)?|(?:[^\S\r\n]|[\u200b-\u200d\u2060])*)(?:\r\n|\r|\n|$)/iy;

/** Where the header begins, and its line; the delimiter that a first line `sep=;` names. */
export function readCsvOpening(text: string): { start: number; line: number; delimiter: string | undefined } {
  let [start, line, delimiter] = [0, 1, undefined as string | undefined];
  while (start < text.length) {
    ABOVE_HEADER.lastIndex = start;
    const found = ABOVE_HEADER.exec(text);
    if (found === null) break;
    start = ABOVE_HEADER.lastIndex;
    line += 1;
    delimiter = found[1] ?? delimiter;
  }
  return { start, line, delimiter };
}

function foundDelimiter(text: string, isKnown: (header: string) => boolean): string {
  const scored = [",", ";", "\t"].map((delimiter) => {
    const [[header] = []] = readRecords(text, delimiter, 1);
    const cells = header?.cells ?? [];
    return { delimiter, known: cells.filter((cell) => isKnown(trimAround(cell))).length, fields: cells.length };
  });
  scored.sort((a, b) => b.known - a.known || b.fields - a.fields);
  return scored[0]?.delimiter ?? ",";
}

/**
 * Splits text into records, the header first; blank ones are left out. Lines end in LF, CRLF or CR, mixed as they come. A record
 * with a quote out of place is told and left out; where that is the header, all of them are.
 */
export function splitCsv(text: string, delimiter: string, line: number, findings: Findings): readonly RawRow[] {
  const rows: RawRow[] = [];
  let titles: readonly string[] | undefined;
  for (const [row, fault] of readRecords(text, delimiter, line)) {
    titles ??= fault === undefined ? row.cells.map(trimAround) : [];
    if (fault === undefined) rows.push(row);
    else
      findings.fault(fault.code, fault.message, { line: fault.line, column: titles[fault.cell], value: fault.value });
  }
  return titles?.length === 0 ? [] : rows;
}

/** A quote out of place: the line on which its value begins, that value's place in its record, from 0, and its text. */
interface QuoteFault {
  readonly code: ProblemCode;
  readonly message: string;
  readonly line: number;
  readonly cell: number;
  readonly value: string;
}

/**
 * Reads every record that is not blank, with its first line. Blanks around quotes mean nothing; quotes inside a bare value are text,
 * as in Excel. Of several faults in a record only the first is kept: what follows in it is likely to come of it.
 */
function* readRecords(text: string, delimiter: string, firstLine: number): Generator<[RawRow, QuoteFault | undefined]> {
  const mark = `\\u${delimiter.charCodeAt(0).toString(16).padStart(4, "0")}`;
  const blanks = `(?:(?!${mark})[^\\S\\r\\n]|[\\u200b-\\u200d\\u2060])*`;
  const quoted = `"([^"]*(?:""[^"]*)*)("?)`;
  const field = new RegExp(`${blanks}(?:${quoted})?([^${mark}\\r\\n]*)(${mark}|\\r\\n|\\r|\\n|$)`, "gy");
  let [line, endLine] = [firstLine, firstLine];
  let cells: string[] = [];
  let fault: QuoteFault | undefined;
  for (const [, content, closing = "", rest = "", end] of text.matchAll(field)) {
    const at = endLine;
    if (content !== undefined) endLine += content.match(/\r\n?|\n/g)?.length ?? 0;
    if (content !== undefined && closing === "") {
      const whole = `everything to the end of the file (line ${endLine}) is one value`;
      const message = `The quote that opens on line ${at} is never closed: ${whole}.`;
      fault ??= { code: "QUOTE_UNCLOSED", message, line: at, cell: cells.length, value: trimAround(content) };
    } else if (content !== undefined && trimAround(rest) !== "") {
      const value = trimAround(`"${content}"${rest}`);
      const lines = endLine === at ? "" : ` (lines ${at} to ${endLine})`;
      const message = `The value ${quote(value)}${lines} begins with a quote that does not close at its end.`;
      fault ??= { code: "QUOTE_MISPLACED", message, line: at, cell: cells.length, value };
    }
    cells.push(content?.replaceAll('""', '"') ?? rest);
    if (end === delimiter) continue;
    // Excel writes lines of delimiters only below a table. A copy of the cells holds no room to grow: with 200,000 rows that counts.
    if (fault !== undefined || cells.some((cell) => trimAround(cell) !== ""))
      yield [{ line, cells: cells.slice() }, fault];
    endLine += 1;
    [line, cells, fault] = [endLine, [], undefined];
  }
}
