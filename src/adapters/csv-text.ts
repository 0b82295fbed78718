/**
 * Splits CSV text into records. Our own, because every fault must be told in one go and with its line: csv-parse ends at
 * the first quote that is out of place, knows a record's last line only, and expects one kind of line end in a file.
 */

import { trimAround } from "../domain/ids.js";

/** One record: its fields, unquoted, and the line on which it begins. */
export interface CsvRecord {
  readonly line: number;
  readonly cells: readonly string[];
}

/** A quote out of place. The record that it stands in is not among the records. */
export interface CsvFault {
  /** `unclosed`: the file ends inside the quotes. `misplaced`: text follows the closing quote. */
  readonly kind: "unclosed" | "misplaced";
  /** The line on which the quotes open. */
  readonly line: number;
  /** The line on which they close, or the file ends. */
  readonly endLine: number;
  /** The field's place in its record, from 0. */
  readonly cell: number;
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

/** Whether a record is a blank line, or one of delimiters only, as Excel writes them below a table. */
function isBlank(cells: readonly string[]): boolean {
  return cells.every((cell) => trimAround(cell) === "");
}

/** Splits text into records; blank ones are left out. Lines end in LF, CRLF or CR, mixed as they come. */
export function splitCsv(text: string, splitting: CsvSplitting): CsvText {
  const reader = new RecordReader(text, splitting);
  const records: CsvRecord[] = [];
  const faults: CsvFault[] = [];
  while (!reader.atEnd()) {
    const { record, fault } = reader.next();
    if (fault !== undefined) faults.push(fault);
    else if (!isBlank(record.cells)) records.push(record);
  }
  return { records, faults };
}

/** The fields of the first record that is not blank, faulty or not; none where there is no such record. */
export function firstFields(text: string, splitting: CsvSplitting): readonly string[] {
  const reader = new RecordReader(text, splitting);
  while (!reader.atEnd()) {
    const { cells } = reader.next().record;
    if (!isBlank(cells)) return cells;
  }
  return [];
}

const QUOTE = '"';
const LF = 0x0a;
const CR = 0x0d;

/** Walks through the text, record by record. */
class RecordReader {
  readonly #text: string;
  readonly #delimiter: string;
  readonly #delimiterCode: number;
  #at: number;
  #line: number;
  #fault: CsvFault | undefined;

  constructor(text: string, splitting: CsvSplitting) {
    this.#text = text;
    this.#delimiter = splitting.delimiter;
    this.#delimiterCode = splitting.delimiter.charCodeAt(0);
    this.#at = splitting.start;
    this.#line = splitting.line;
  }

  atEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  next(): { readonly record: CsvRecord; readonly fault: CsvFault | undefined } {
    const line = this.#line;
    const cells: string[] = [];
    this.#fault = undefined;
    cells.push(this.#field(0));
    while (this.#text.charCodeAt(this.#at) === this.#delimiterCode) {
      this.#at += 1;
      cells.push(this.#field(cells.length));
    }
    this.#lineEnd();
    // A copy holds no room to grow: with 200,000 rows that counts.
    return { record: { line, cells: cells.slice() }, fault: this.#fault };
  }

  #lineEnd(): void {
    if (this.atEnd()) return;
    this.#at += this.#text.charCodeAt(this.#at) === CR && this.#text.charCodeAt(this.#at + 1) === LF ? 2 : 1;
    this.#line += 1;
  }

  #field(cell: number): string {
    const quote = this.#openingQuote();
    return quote === undefined ? this.#bareText() : this.#quoted(quote, cell);
  }

  /** Where the field's opening quote stands: at its start, or behind blanks (which no program means as content). */
  #openingQuote(): number | undefined {
    let at = this.#at;
    while (this.#isBlankAt(at)) at += 1;
    return this.#text[at] === QUOTE ? at : undefined;
  }

  #isBlankAt(at: number): boolean {
    const char = this.#text[at];
    return char !== this.#delimiter && (char === " " || char === "\t" || char === "\u00a0" || char === "\u200b");
  }

  /** Text up to the next delimiter or line end; quotes inside are text, as in Excel. */
  #bareText(): string {
    const start = this.#at;
    let at = start;
    for (; at < this.#text.length; at += 1) {
      const code = this.#text.charCodeAt(at);
      if (code === this.#delimiterCode || code === LF || code === CR) break;
    }
    this.#at = at;
    return this.#text.slice(start, at);
  }

  #quoted(opening: number, cell: number): string {
    const line = this.#line;
    const closing = this.#closingQuote(opening);
    const content = this.#text.slice(opening + 1, closing);
    this.#line += lineBreaksIn(content);
    this.#at = closing + 1;
    if (closing === this.#text.length) {
      this.#at = closing;
      this.#tell({ kind: "unclosed", line, endLine: this.#line, cell, text: content });
      return content;
    }
    const after = this.#bareText();
    if (after.trim() !== "") this.#tell({ kind: "misplaced", line, endLine: this.#line, cell, text: after });
    return content.includes(QUOTE) ? content.replaceAll('""', QUOTE) : content;
  }

  /** The quote that closes what opens here, or the text's length. A doubled quote is one in the value. */
  #closingQuote(opening: number): number {
    let at = this.#text.indexOf(QUOTE, opening + 1);
    while (at >= 0 && this.#text[at + 1] === QUOTE) at = this.#text.indexOf(QUOTE, at + 2);
    return at < 0 ? this.#text.length : at;
  }

  /** The first fault of a record is told; what follows in it is likely to come of it. */
  #tell(fault: CsvFault): void {
    this.#fault ??= fault;
  }
}

function lineBreaksIn(text: string): number {
  let breaks = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === LF || (code === CR && text.charCodeAt(at + 1) !== LF)) breaks += 1;
  }
  return breaks;
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
    else if (!TYPE_LINE.test(content) && content.trim() !== "") break;
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
