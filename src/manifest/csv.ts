/**
 * Reads CSV by csv-parse. Ours is what it cannot do: each record's first line (its `info.lines` is the last, and counts a CRLF in
 * quotes twice), going on behind a quote that is out of place, the lines above the header, and finding the delimiter.
 */

import { CsvError, type InfoField, type InfoRecord, parse } from "csv-parse/sync";
import type { ProblemCode } from "../shared/codes.js";
import { trimAround } from "../shared/ids.js";
import { EXIT, stopError } from "../shared/problems.js";
import { CSV_DELIMITERS, isArmed, rearmFormula } from "../shared/quoting.js";
import { atOnce, type Steps } from "../shared/steps.js";
import { cutText, excessOf, LONGEST_CELL, LONGEST_NAME } from "../shared/text-limits.js";
import { counted, linesOf, listed, quote } from "../shared/text-safety.js";
import { isManifestColumn, meaningOf, type NamedColumns, normalHeader } from "./columns.js";
import {
  type Findings,
  MOST_CELLS,
  MOST_COLUMNS,
  MOST_FAULTS,
  MOST_ROWS,
  type Place,
  type RawManifest,
  type RawRow,
} from "./manifest.js";

/** A CSV manifest as rows of text. */
export function* readCsvManifest(text: string, named: NamedColumns, findings: Findings): Steps<RawManifest> {
  return asManifest(yield* readCsvTable(text, (header) => isKnownHeader(header, named), findings));
}

export function isKnownHeader(header: string, named: NamedColumns): boolean {
  return named.has(normalHeader(header)) || isManifestColumn(meaningOf(header));
}

/** A table's cells have a `'` before what looks like a formula, where a result was written so: it is taken back here. */
export function asManifest(table: CsvTable): RawManifest {
  const rows = table.rows.map((row) =>
    row.cells.some(isArmed) ? { ...row, cells: row.cells.map(rearmFormula) } : row,
  );
  return { format: "csv", ...table, rows, shared: {} };
}

/** A CSV file's header (trimmed; empty where the file has none), and the rows that fit under it. */
export type CsvTable = Pick<RawManifest, "header" | "headerLine" | "rows" | "delimiter">;

/** Reads a table. `isKnown` says of a header whether it means something: the delimiter is the one that finds most of these. */
export function* readCsvTable(text: string, isKnown: (header: string) => boolean, findings: Findings): Steps<CsvTable> {
  const opening = readCsvOpening(text);
  // What DOS programs end a file with.
  const content = text.slice(opening.start).replace(/\u001a[\s\u001a]*$/, "");
  const isCut = !/[\r\n]$/.test(content);
  const delimiter = opening.delimiter ?? foundDelimiter(content, isKnown);
  const records = yield* splitCsv(content, delimiter, opening.line, findings);
  return fitTable(records, { delimiter, isCut, isKnown }, findings);
}

/** Fits rows under the first of them, which is the header. `isCut`: the last one may have lost its end. */
export function fitTable(
  [header, ...records]: readonly RawRow[],
  { delimiter, isCut, isKnown }: { delimiter: string; isCut: boolean; isKnown: (header: string) => boolean },
  findings: Findings,
): CsvTable {
  const titles = header?.cells.map(trimAround) ?? [];
  const headerLine = header?.line ?? 1;
  refuseTitles([header, ...records], isKnown, findings);
  findings.checkSize(titles.length, MOST_COLUMNS, "columns");
  for (const title of titles) tellExcess(title, LONGEST_NAME, { line: headerLine, column: title }, findings);
  /** Where the last header stands that has a name: a row may end behind it. */
  const lastNamed = titles.findLastIndex((title) => title !== "");
  const surplus: number[] = [];
  const fitted = records.map((record) => {
    const { cells, line } = record;
    if (cells.length === titles.length) return record;
    const extra = cells.slice(titles.length);
    const isLast = isCut && record === records.at(-1);
    const isShort =
      cells.length < titles.length && (cells.length > lastNamed || (line - headerLine >= BLOCK_OF_EXCEL && !isLast));
    if (!isShort && (extra.length === 0 || extra.some((cell) => trimAround(cell) !== ""))) return record;
    if (extra.length > 0) surplus.push(line);
    return { ...record, cells: titles.map((_, at) => cells[at] ?? "") };
  });
  if (surplus.length > 0) {
    const message = `${counted(surplus.length, "row")} end with empty cells under no header; they are left out: ${linesOf(surplus)}.`;
    findings.warn("SURPLUS_CELLS", message, { line: surplus[0] });
  }
  const rows = fitted.filter((record) => {
    const { cells, line } = record;
    if (cells.length === titles.length) {
      const long = cells.findIndex((cell) => cell.length > LONGEST_CELL);
      return long < 0 || !tellExcess(cells[long] ?? "", LONGEST_CELL, { line, column: titles[long] ?? "" }, findings);
    }
    const fields = counted(cells.length, "field");
    const message = `This row has ${fields}, the header has ${titles.length}.`;
    findings.fault("FIELD_COUNT", message, { line, value: cells.join(" | ") });
    return false;
  });
  return { header: titles, headerLine, rows, delimiter };
}

/**
 * Excel looks at this many rows at a time, the header among the first, and writes no delimiters for cells that are empty at the end of
 * all of them. So a short row further up, or one that ends without a line break, is not Excel's work but a fault.
 */
const BLOCK_OF_EXCEL = 16;

/** A header is looked for below so many lines. */
const MOST_TITLES = 10;

function countKnown(record: RawRow | undefined, isKnown: (header: string) => boolean): number {
  return record?.cells.filter((cell) => isKnown(trimAround(cell))).length ?? 0;
}

/**
 * Titles above the header are told, and nothing else of such a file: all else would follow from them. It is not read from there on, for
 * whoever reads it next would take its first line for the header.
 */
function refuseTitles(
  [first, ...below]: readonly (RawRow | undefined)[],
  isKnown: (header: string) => boolean,
  { file }: Findings,
): void {
  const known = countKnown(first, isKnown);
  const header = below.slice(0, MOST_TITLES).find((record) => countKnown(record, isKnown) >= 2);
  if (first === undefined || known > 1 || header === undefined) return;
  const { line, cells } = header;
  const shown = listed(cells.map(trimAround).flatMap((cell) => (cell === "" ? [] : quote(cell))));
  const above = first.line === line - 1 ? `line ${first.line}` : `lines ${first.line} to ${line - 1}`;
  const message = `The header seems to stand on line ${line} (${shown}), and not on line ${first.line}.`;
  const hint = `Remove ${above}, so that the file begins with its header, and save it again.`;
  throw stopError(EXIT.usage, "HEADER_BELOW", message, { hint, file, line });
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

/** More text than any header has: the guess at the delimiter looks no further. */
const LONGEST_HEADER = 65_536;
/** More lines of delimiters than mostly stand above a header: so many are read first. */
const FEW_ABOVE_HEADER = 20;

function foundDelimiter(text: string, isKnown: (header: string) => boolean): string {
  const start = text.slice(0, LONGEST_HEADER);
  const scored = CSV_DELIMITERS.map((delimiter) => {
    const read = (to?: number) => atOnce(readRecords(start, delimiter, { line: 1, to }));
    const some = read(FEW_ABOVE_HEADER);
    const [first, ...others] = some.length > 0 ? some : read();
    const below = Math.max(0, ...others.slice(0, MOST_TITLES).map((record) => countKnown(record, isKnown)));
    return { delimiter, known: countKnown(first, isKnown), below, fields: first?.cells.length ?? 0 };
  });
  scored.sort((a, b) => b.known - a.known || b.below - a.below || b.fields - a.fields);
  return scored[0]?.delimiter ?? ",";
}

/**
 * Splits text into records, the header first; blank ones are left out. Lines end in LF, CRLF or CR, mixed as they come. A record
 * with a quote out of place is told and left out; where that is the header, all of them are.
 */
export function* splitCsv(text: string, delimiter: string, line: number, findings: Findings): Steps<readonly RawRow[]> {
  const records = yield* readRecords(text, delimiter, { line, findings });
  const [header] = records;
  for (const { fault } of records) {
    if (fault === undefined) continue;
    const title = header?.fault === undefined ? header?.cells[fault.cell] : undefined;
    findings.fault(fault.code, fault.message, {
      line: fault.line,
      column: title && trimAround(title),
      value: fault.value,
    });
  }
  return header?.fault === undefined ? records.filter(({ fault }) => fault === undefined) : [];
}

/** A quote out of place: the line on which its value begins, that value's place in its record, from 0, and its text. */
interface QuoteFault {
  readonly code: ProblemCode;
  readonly message: string;
  readonly line: number;
  readonly cell: number;
  readonly value: string;
}

/** Of several faults in a record only the first is kept: what follows in it is likely to come of it. */
interface CsvRecord extends RawRow {
  readonly fault?: QuoteFault;
}

/** Rows with more or fewer fields than the header are records too: they are told all in one go. */
const OPTIONS = {
  ...{ record_delimiter: ["\r\n", "\n", "\r"], relax_column_count: true },
  ...{ relax_quotes: true, ltrim: true },
};

/** csv-parse reads so much at once, and then the event loop has its turn. */
const BYTES_OF_STEP = 64 * 1024;

/**
 * Reads the records (all, or from the first `to`) that are not blank, whatever their quotes are like: csv-parse takes those out of
 * place for text. It is given some whole lines at a time; where these end within quotes, they are read once more with as many again.
 */
function* readRecords(
  text: string,
  delimiter: string,
  { line: firstLine, to = -1, findings }: { line: number; to?: number | undefined; findings?: Findings },
): Steps<readonly CsvRecord[]> {
  const bytes = Buffer.from(text);
  yield;
  const records: CsvRecord[] = [];
  let [start, line, left, cellCount, faultCount] = [0, firstLine, to, 0, 0];
  const add = (record: CsvRecord): void => {
    // Excel writes lines of delimiters only below a table.
    if (record.fault === undefined && record.cells.every((cell) => trimAround(cell) === "")) return;
    records.push(record);
    cellCount += record.cells.length;
    faultCount += record.fault === undefined ? 0 : 1;
    findings?.checkSize(records.length - 1, MOST_ROWS, "rows");
    findings?.checkSize(cellCount, MOST_CELLS, "values");
  };
  for (let size = BYTES_OF_STEP; start < bytes.length && left !== 0 && faultCount <= MOST_FAULTS; yield) {
    const from = start;
    const upTo = lineEndFrom(bytes, from + size);
    // Nothing is kept by csv-parse. A copy of its array holds no room to grow: with 200,000 rows that counts.
    const on_record = (cells: string[], { bytes: taken }: InfoRecord): null => {
      const end = from + taken;
      // Such a value has a quote out of place, or one that belongs to its content.
      const isOdd = cells.some((cell) => trimAround(cell).startsWith('"'));
      add(isOdd ? readOddRecord(bytes.subarray(start, end), delimiter, line) : { line, cells: cells.slice() });
      line += lineEndsIn(bytes, start, end);
      start = end;
      if (left > 0) left -= 1;
      return null;
    };
    try {
      parse(bytes.subarray(from, upTo), { ...OPTIONS, delimiter, to: left, on_record });
      start = upTo;
      size = BYTES_OF_STEP;
    } catch (error) {
      if (!isUnclosed(error)) throw error;
      if (upTo === bytes.length) {
        add(readOddRecord(bytes.subarray(start), delimiter, line));
        break;
      }
      size = 2 * (upTo - start);
    }
  }
  return records;
}

/** Where the first line ends that ends at or behind a place. */
function lineEndFrom(bytes: Buffer, place: number): number {
  for (let at = place; at < bytes.length; at += 1) {
    if (bytes[at] === LF) return at + 1;
    if (bytes[at] === CR) return bytes[at + 1] === LF ? at + 2 : at + 1;
  }
  return bytes.length;
}

/** Tells a text that is too long; whether it is. */
function tellExcess(text: string, longest: number, at: Place, findings: Findings): boolean {
  const excess = excessOf(text, longest);
  if (excess === undefined) return false;
  const column = cutText(at.column, LONGEST_COLUMN_SHOWN);
  findings.fault("TEXT_TOO_LONG", `${column} is ${quote(text)}${excess}.`, { line: at.line, column, value: text });
  return true;
}

const LONGEST_COLUMN_SHOWN = 80;

/** Reads the first record of a text; each of its values is judged by its bytes in the file. */
function readOddRecord(bytes: Buffer, delimiter: string, line: number): CsvRecord {
  const cells: string[] = [];
  let start = 0;
  let fault: QuoteFault | undefined;
  const lineAt = (byte: number): number => line + lineEndsIn(bytes, 0, byte);
  const cast = (read: string, { bytes: end }: InfoField): string => {
    const value = trimAround(bytes.toString("utf8", start, end));
    const content = contentOf(value, read);
    if (content === undefined && fault === undefined) {
      const [at, endLine] = [lineAt(start), lineAt(end)];
      const lines = endLine === at ? "" : ` (lines ${at} to ${endLine})`;
      const message = `The value ${quote(value)}${lines} begins with a quote that does not close at its end.`;
      fault = { code: "QUOTE_MISPLACED", message, line: at, cell: cells.length, value };
    }
    cells.push(content ?? value);
    start = end + Buffer.byteLength(delimiter);
    return read;
  };
  try {
    parse(bytes, { ...OPTIONS, delimiter, to: 1, cast });
  } catch (error) {
    if (!isUnclosed(error)) throw error;
    const at = lineAt(start);
    const rest = `everything to the end of the file (line ${lineAt(bytes.length)}) is one value`;
    const message = `The quote that opens on line ${at} is never closed: ${rest}.`;
    const value = trimAround(bytes.toString("utf8", start)).slice(1);
    fault ??= { code: "QUOTE_UNCLOSED", message, line: at, cell: cells.length, value };
  }
  return { line, cells, ...(fault && { fault }) };
}

function isUnclosed(error: unknown): boolean {
  return error instanceof CsvError && error.code === "CSV_QUOTE_NOT_CLOSED";
}

/**
 * What a field means, or `undefined` where the quotes that open it do not close at its end. `written` is the field in the file,
 * `read` what csv-parse made of it: the content, or where a quote is out of place (blanks behind it suffice) the text with
 * its outer quotes. Quotes inside a bare value are text, as in Excel.
 */
function contentOf(written: string, read: string): string | undefined {
  if (!written.startsWith('"')) return written;
  const contents = [read, trimAround(read).slice(1, -1)];
  return contents.find((content) => written === `"${content.replaceAll('"', '""')}"`);
}

const [LF, CR] = [0x0a, 0x0d];

function lineEndsIn(bytes: Buffer, start: number, end: number): number {
  let ends = 0;
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at];
    if (byte === LF || (byte === CR && bytes[at + 1] !== LF)) ends += 1;
  }
  return ends;
}
