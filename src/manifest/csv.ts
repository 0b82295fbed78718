/**
 * Reads CSV by csv-parse. Ours is what it cannot do: each record's first line (its `info.lines` is the last, and counts a CRLF in
 * quotes twice), going on behind a quote that is out of place, the lines above the header, and finding the delimiter.
 */

import { CsvError, type InfoField, type InfoRecord, type Options, parse } from "csv-parse/sync";
import type { ProblemCode } from "../shared/codes.js";
import { trimAround } from "../shared/ids.js";
import { isArmed, rearmFormula } from "../shared/quoting.js";
import { quote } from "../shared/text-safety.js";
import { columnOf, normalHeader } from "./columns.js";
import type { Findings, RawManifest, RawRow } from "./manifest.js";

/** A CSV manifest as rows of text. A result's cells have a `'` before what looks like a formula: it is taken back here. */
export function readCsvManifest(text: string, findings: Findings): RawManifest {
  const table = readCsvTable(text, (header) => columnOf(normalHeader(header)) !== undefined, findings);
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

/** More text than any header has: the guess at the delimiter looks no further. */
const LONGEST_HEADER = 65_536;

function foundDelimiter(text: string, isKnown: (header: string) => boolean): string {
  const bytes = Buffer.from(text.slice(0, LONGEST_HEADER));
  const scored = [",", ";", "\t"].map((delimiter) => {
    const cells = readOne({ bytes, delimiter }, { at: 0, line: 1 }, () => {});
    return { delimiter, known: cells.filter((cell) => isKnown(trimAround(cell))).length, fields: cells.length };
  });
  scored.sort((a, b) => b.known - a.known || b.fields - a.fields);
  return scored[0]?.delimiter ?? ",";
}

interface CsvSource {
  readonly bytes: Buffer;
  readonly delimiter: string;
}

/** Where a record begins: the byte and its line. */
interface RecordStart {
  readonly at: number;
  readonly line: number;
}

/** Takes blanks around quotes for nothing, and ends at the first quote out of place. */
const STRICT: Options = { trim: true };
/** Takes a quote out of place for text, also one with a blank behind it. */
const RELAXED: Options = { relax_quotes: true, ltrim: true };
/** Rows with more or fewer fields than the header are records too: they are told all in one go. */
const ANY_RECORDS: Options = { record_delimiter: ["\r\n", "\n", "\r"], relax_column_count: true };

/**
 * Splits text into records, the header first; blank ones are left out. Lines end in LF, CRLF or CR, mixed as they come. Text is read
 * strictly up to the first quote that csv-parse does not expect; from that record on quotes out of place are text, and each is
 * judged. A record with a fault is left out; where that may be the header, all of them are.
 */
export function splitCsv(text: string, delimiter: string, line: number, findings: Findings): readonly RawRow[] {
  const source = { bytes: Buffer.from(text), delimiter };
  const records: RawRow[] = [];
  let isHeaderFaulty = false;
  let place: RecordStart = { at: 0, line };
  const add = (cells: readonly string[]): void => {
    // Excel writes lines of delimiters only below a table.
    if (cells.some((cell) => trimAround(cell) !== "")) records.push({ line: place.line, cells });
  };
  const judge = (): void => {
    let isFaulty = false;
    const cells = readOne(source, place, (code, message, at, cell, value) => {
      isFaulty = true;
      isHeaderFaulty ||= records.length === 0;
      const title = isHeaderFaulty ? undefined : records[0]?.cells[cell];
      findings.fault(code, message, { line: at, column: title && trimAround(title), value });
    });
    if (!isFaulty) add(cells);
  };
  /** Reads from `place` on. Returns false where csv-parse ends at a quote; `place` is that record's then. */
  const readOn = (quotes: Options, isPlain: (cells: readonly string[]) => boolean): boolean => {
    const start = place.at;
    // Nothing is kept by csv-parse. A copy of its array holds no room to grow: with 200,000 rows that counts.
    const on_record = (cells: string[], { bytes }: InfoRecord): null => {
      if (isPlain(cells)) add(cells.slice());
      else judge();
      place = { at: start + bytes, line: place.line + lineEndsIn(source.bytes, place.at, start + bytes) };
      return null;
    };
    try {
      parse(source.bytes.subarray(start), { ...ANY_RECORDS, ...quotes, delimiter, on_record });
      return true;
    } catch (error) {
      if (error instanceof CsvError) return false;
      throw error;
    }
  };
  // In relaxed text a value that begins with a quote has one out of place, or one that belongs to its content.
  const isPlain = (cells: readonly string[]) => !cells.some((cell) => trimAround(cell).startsWith('"'));
  if (!readOn(STRICT, () => true) && !readOn(RELAXED, isPlain)) judge();
  return isHeaderFaulty ? [] : records;
}

/** Tells a quote out of place: the line on which its value begins, that value's place in its record, from 0, and its text. */
type TellQuote = (code: ProblemCode, message: string, line: number, cell: number, value: string) => void;

/**
 * Reads one record whatever its quotes are like: csv-parse takes those out of place for text, each value is then judged by its
 * bytes in the file. Only the record's first fault is given: what follows in it is likely to come of it.
 */
function readOne({ bytes, delimiter }: CsvSource, start: RecordStart, tell: TellQuote): readonly string[] {
  const cells: string[] = [];
  let [at, isTold] = [start.at, false];
  const lineAt = (byte: number): number => start.line + lineEndsIn(bytes, start.at, byte);
  const cast = (read: string, info: InfoField): string => {
    const end = start.at + info.bytes;
    const value = trimAround(bytes.toString("utf8", at, end));
    const content = contentOf(value, read);
    if (content === undefined && !isTold) {
      const [line, endLine] = [lineAt(at), lineAt(end)];
      const lines = endLine === line ? "" : ` (lines ${line} to ${endLine})`;
      const message = `The value ${quote(value)}${lines} begins with a quote that does not close at its end.`;
      tell("QUOTE_MISPLACED", message, line, cells.length, value);
      isTold = true;
    }
    cells.push(content ?? value);
    at = end + Buffer.byteLength(delimiter);
    return read;
  };
  try {
    parse(bytes.subarray(start.at), { ...ANY_RECORDS, ...RELAXED, delimiter, to: 1, cast });
  } catch (error) {
    if (!(error instanceof CsvError) || error.code !== "CSV_QUOTE_NOT_CLOSED") throw error;
    const rest = `everything to the end of the file (line ${lineAt(bytes.length)}) is one value`;
    const message = `The quote that opens on line ${lineAt(at)} is never closed: ${rest}.`;
    const value = trimAround(bytes.toString("utf8", at)).slice(1);
    if (!isTold) tell("QUOTE_UNCLOSED", message, lineAt(at), cells.length, value);
  }
  return cells;
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
