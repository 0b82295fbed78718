import { trimAround } from "../shared/ids.js";
import type { Problem } from "../shared/problems.js";
import { keptValue, quote } from "../shared/quotation.js";
import {
  type CsvFault,
  type CsvOpening,
  type CsvRecord,
  type CsvText,
  firstFields,
  readCsvOpening,
  splitCsv,
} from "./csv-text.js";

/** A CSV file with its delimiter found: the header, and the rows that fit under it. */
export interface CsvTable {
  /** Trimmed, as spelled. Empty where the file has no header at all. */
  readonly header: readonly string[];
  readonly headerLine: number;
  readonly rows: readonly CsvRecord[];
  /** Quotes out of place, rows with more or fewer fields than the header. */
  readonly faults: readonly Problem[];
}

const DELIMITERS = [",", ";", "\t"] as const;

/** Reads a table. `isKnown` says of a header whether it means something: the delimiter is the one that finds most of these. */
export function readCsvTable(text: string, file: string, isKnown: (header: string) => boolean): CsvTable {
  const content = text.endsWith("\u001a") ? text.slice(0, -1) : text;
  const opening = readCsvOpening(content);
  const delimiter = opening.delimiter ?? foundDelimiter(content, opening, isKnown);
  const split = splitCsv(content, { ...opening, delimiter });
  return tableOf(split, file);
}

function tableOf(split: CsvText, file: string): CsvTable {
  const headerFault = split.faults.find((fault) => fault.line <= (split.records[0]?.line ?? fault.line));
  const [first, ...rest] = split.records;
  const header = headerFault === undefined ? first : undefined;
  const names = header?.cells.map(trimAround) ?? [];
  const faults = split.faults.map((fault) => quoteFault(fault, { file, names }));
  const rows: CsvRecord[] = [];
  for (const record of header === undefined ? [] : rest) {
    if (record.cells.length === names.length) rows.push(record);
    else faults.push(fieldCount(record, names.length, file));
  }
  return { header: names, headerLine: header?.line ?? 1, rows, faults };
}

function foundDelimiter(text: string, opening: CsvOpening, isKnown: (header: string) => boolean): string {
  const scored = DELIMITERS.map((delimiter) => {
    const cells = firstFields(text, { ...opening, delimiter });
    return { delimiter, known: cells.filter((cell) => isKnown(trimAround(cell))).length, fields: cells.length };
  });
  scored.sort((a, b) => b.known - a.known || b.fields - a.fields);
  return scored[0]?.delimiter ?? ",";
}

function quoteFault(fault: CsvFault, table: { readonly file: string; readonly names: readonly string[] }): Problem {
  const at = { file: table.file, line: fault.line, column: table.names[fault.cell], value: keptValue(fault.text) };
  if (fault.kind === "unclosed")
    return {
      code: "QUOTE_UNCLOSED",
      message: `The quote that opens on line ${fault.line} is never closed: everything to the end of the file (line ${fault.endLine}) is one value.`,
      hint: 'Close it, or double it ("") if it belongs to the value.',
      ...at,
    };
  const where = fault.endLine === fault.line ? "" : ` (lines ${fault.line} to ${fault.endLine})`;
  return {
    code: "QUOTE_MISPLACED",
    message: `The value ${quote(fault.text)}${where} begins with a quote that does not close at its end.`,
    hint: 'A quote inside a quoted value is doubled (""); one that opens a value must also close it.',
    ...at,
  };
}

function fieldCount(record: CsvRecord, expected: number, file: string): Problem {
  const found = record.cells.length;
  return {
    code: "FIELD_COUNT",
    message: `This row has ${found} ${found === 1 ? "field" : "fields"}, the header has ${expected}.`,
    hint:
      found > expected
        ? "Put quotes around a value that holds the delimiter, or remove the surplus."
        : "Add what is missing; an empty value still needs its delimiter.",
    file,
    line: record.line,
    value: keptValue(record.cells.join(" | ")),
  };
}
