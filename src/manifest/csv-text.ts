/**
 * Splits CSV text into records by csv-parse. Ours is what it cannot do: each record's first line (its `info.lines` is the last, and
 * counts a CRLF in quotes twice), going on behind a quote that is out of place, and the lines above the header.
 */

import { CsvError, type InfoField, type InfoRecord, type Options, parse } from "csv-parse/sync";
import { trimAround } from "../shared/ids.js";

/** One record: its fields, unquoted, and the line on which it begins. */
export interface CsvRecord {
  readonly line: number;
  readonly cells: readonly string[];
}

/** A quote out of place. The record that it stands in is not among the records. */
export interface CsvFault {
  /** `unclosed`: the file ends inside the quotes. `misplaced`: the quotes that open the value do not close at its end. */
  readonly kind: "unclosed" | "misplaced";
  /** The line on which the value begins. */
  readonly line: number;
  /** The line on which it, or the file, ends. */
  readonly endLine: number;
  /** The field's place in its record, from 0. */
  readonly cell: number;
  /** The value as the file has it; of an unclosed one what stands behind its quote. */
  readonly text: string;
}

export interface CsvText {
  readonly records: readonly CsvRecord[];
  readonly faults: readonly CsvFault[];
}

export interface CsvSplitting {
  /** One character. */
  readonly delimiter: string;
  /** Where in the text to begin, and the line of that place. */
  readonly start: number;
  readonly line: number;
}

/**
 * Splits text into records; blank ones are left out. Lines end in LF, CRLF or CR, mixed as they come. Text is read strictly up
 * to the first quote that csv-parse does not expect; from that record on quotes out of place are text, and each is judged.
 */
export function splitCsv(text: string, splitting: CsvSplitting): CsvText {
  const records: CsvRecord[] = [];
  const faults: CsvFault[] = [];
  const take = (record: CsvRecord) => {
    if (!isBlank(record.cells)) records.push(record);
  };
  const source = { bytes: Buffer.from(text.slice(splitting.start)), delimiter: splitting.delimiter };
  const judge = (place: Place) => {
    const { record, fault } = readOne(source, place);
    if (fault === undefined) take(record);
    else faults.push(fault);
  };
  const odd = readRecords(source, { at: 0, line: splitting.line }, STRICT, take);
  if (odd === undefined) return { records, faults };
  const unclosed = readRecords(source, odd, RELAXED, (record, place) => {
    // Where a quote is out of place, csv-parse gives the value with its quotes; so is one whose content begins with a quote.
    if (record.cells.some((cell) => trimAround(cell).startsWith('"'))) judge(place);
    else take(record);
  });
  if (unclosed !== undefined) judge(unclosed);
  return { records, faults };
}

/** More text than any header has: a guess at the delimiter looks no further. */
const LONGEST_HEADER = 65_536;

/** The fields of the first record that is not blank, faulty or not; none where there is no such record. */
export function firstFields(text: string, splitting: CsvSplitting): readonly string[] {
  const bytes = Buffer.from(text.slice(splitting.start, splitting.start + LONGEST_HEADER));
  let place: Place = { at: 0, line: splitting.line };
  while (place.at < bytes.length) {
    const { record, end } = readOne({ bytes, delimiter: splitting.delimiter }, place);
    if (!isBlank(record.cells)) return record.cells;
    place = end;
  }
  return [];
}

/** Whether a record is a blank line, or one of delimiters only, as Excel writes them below a table. */
function isBlank(cells: readonly string[]): boolean {
  return cells.every((cell) => trimAround(cell) === "");
}

interface CsvSource {
  readonly bytes: Buffer;
  readonly delimiter: string;
}

/** Where a record begins: the byte and its line. */
interface Place {
  readonly at: number;
  readonly line: number;
}

/** Takes blanks around quotes for nothing, and ends at the first quote out of place. */
const STRICT: Options = { trim: true };
/** Takes a quote out of place for text, also one with a blank behind it. */
const RELAXED: Options = { relax_quotes: true, ltrim: true };

/** Rows with more or fewer fields than the header are records here: the table judges them, all in one go. */
function optionsOf(delimiter: string, quotes: Options): Options {
  return { ...quotes, delimiter, record_delimiter: ["\r\n", "\n", "\r"], relax_column_count: true };
}

/** Takes record by record. Returns the place of the one that csv-parse ends at for its quotes, if any. */
function readRecords(
  source: CsvSource,
  start: Place,
  quotes: Options,
  take: (record: CsvRecord, place: Place) => void,
): Place | undefined {
  let place = start;
  // Nothing is kept by csv-parse. A copy of its array holds no room to grow: with 200,000 rows that counts.
  const on_record = (cells: string[], { bytes }: InfoRecord) => {
    take({ line: place.line, cells: cells.slice() }, place);
    place = placeAt(source, place, start.at + bytes);
    return null;
  };
  try {
    parse(source.bytes.subarray(start.at), { ...optionsOf(source.delimiter, quotes), on_record });
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    return place;
  }
  return undefined;
}

interface OneRecord {
  readonly record: CsvRecord;
  /** The first of the record; what follows in it is likely to come of it. */
  readonly fault: CsvFault | undefined;
  readonly end: Place;
}

/** Reads one record whatever its quotes are like: csv-parse takes those out of place for text, each value is then judged. */
function readOne(source: CsvSource, start: Place): OneRecord {
  const cells: string[] = [];
  let fault: CsvFault | undefined;
  let at = start.at;
  const tell = (kind: CsvFault["kind"], end: number, text: string) => {
    const { line } = placeAt(source, start, at);
    fault ??= { kind, line, endLine: line + lineEndsIn(source.bytes, at, end), cell: cells.length, text };
  };
  const cast = (value: string, { bytes }: InfoField) => {
    const end = start.at + bytes;
    const written = trimAround(source.bytes.toString("utf8", at, end));
    const content = contentOf(written, value);
    if (content === undefined) tell("misplaced", end, written);
    cells.push(content ?? written);
    at = end + Buffer.byteLength(source.delimiter);
    return value;
  };
  let end = source.bytes.length;
  const on_record = (_: string[], { bytes }: InfoRecord) => {
    end = start.at + bytes;
    return null;
  };
  try {
    const options = { ...optionsOf(source.delimiter, RELAXED), to: 1, cast, on_record };
    parse(source.bytes.subarray(start.at), options);
  } catch (error) {
    if (!(error instanceof CsvError) || error.code !== "CSV_QUOTE_NOT_CLOSED") throw error;
    tell("unclosed", end, trimAround(source.bytes.toString("utf8", at)).slice(1));
  }
  return { record: { line: start.line, cells }, fault, end: placeAt(source, start, end) };
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

/** A place further on. */
function placeAt({ bytes }: CsvSource, { at, line }: Place, further: number): Place {
  return { at: further, line: line + lineEndsIn(bytes, at, further) };
}

const LF = 0x0a;
const CR = 0x0d;

function lineEndsIn(bytes: Buffer, start: number, end: number): number {
  let ends = 0;
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at];
    if (byte === LF || (byte === CR && bytes[at + 1] !== LF)) ends += 1;
  }
  return ends;
}

/** What a CSV file says of itself above its header. */
export interface CsvOpening {
  /** Where the header begins, and its line. */
  readonly start: number;
  readonly line: number;
  /** From a first line `sep=;`. */
  readonly delimiter: string | undefined;
}

const LINE_END = /\r\n|\n|\r/y;
const SEPARATOR_LINE = /^"?sep=([^"\r\n])"?[\t,; ]*$/i;
const TYPE_LINE = /^"?#TYPE(?:\s|$)/i;

/** Reads past blank lines, Excel's `sep=;` and PowerShell's `#TYPE …`. */
export function readCsvOpening(text: string): CsvOpening {
  let start = 0;
  let line = 1;
  let delimiter: string | undefined;
  while (start < text.length) {
    const end = endOfLine(text, start);
    const content = text.slice(start, end);
    const separator = SEPARATOR_LINE.exec(content)?.[1];
    if (separator !== undefined) delimiter = separator;
    else if (!TYPE_LINE.test(content) && trimAround(content) !== "") break;
    LINE_END.lastIndex = end;
    start = LINE_END.test(text) ? LINE_END.lastIndex : end;
    line += 1;
  }
  return { start, line, delimiter };
}

function endOfLine(text: string, start: number): number {
  for (let at = start; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === LF || code === CR) return at;
  }
  return text.length;
}
