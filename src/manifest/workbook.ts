/**
 * Reads one sheet of an Excel workbook (.xlsx: Office Open XML, ISO/IEC 29500), as Excel, LibreOffice, Google and WPS write it. The
 * libraries for this lose what a manifest's checks need (a cell's kind, hidden rows, formulas without a value) or are no longer kept:
 * ours are the few parts that are read, saxen's is the XML and Node's the inflating.
 */

import { Parser } from "saxen";
import { notRead } from "../files/read-file.js";
import { unzip, type ZipEntries, ZipFault, zipEntries } from "../files/zip.js";
import { EXIT, StopError, stopError } from "../shared/problems.js";
import { nearestSpellings } from "../shared/spelling.js";
import type { Steps } from "../shared/steps.js";
import { listed, quote } from "../shared/text-safety.js";
import { type Findings, MOST_CELLS, MOST_COLUMNS, MOST_ROWS } from "./manifest.js";

/** `uncalculated`: a formula whose value was not saved. */
export type CellKind = "text" | "number" | "date" | "boolean" | "error" | "uncalculated";

export interface SheetCell {
  readonly kind: CellKind;
  /** As text: a number's digits, a date as `2026-12-01`. */
  readonly text: string;
  /** A number's format code. */
  readonly format?: string | undefined;
}

export interface SheetRow {
  /** Its number in the sheet. */
  readonly line: number;
  readonly isHidden: boolean;
  /** By column; empty cells may be left out. */
  readonly cells: readonly (SheetCell | undefined)[];
}

export interface Sheet {
  readonly name: string;
  readonly rows: readonly SheetRow[];
}

/** All that is read of one workbook, unpacked. */
const MOST_UNPACKED = 128 * 1024 * 1024;
/** So much XML is read at once, and then the event loop has its turn. */
const TEXT_OF_STEP = 1024 * 1024;

/** Reads the sheet of this name, or the first that is visible. Throws a StopError (exit 2). */
export function* readSheet(bytes: Uint8Array, wanted: string | undefined, findings: Findings): Steps<Sheet> {
  const { file } = findings;
  try {
    return yield* sheetIn(new Parts(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)), wanted, findings);
  } catch (error) {
    if (!(error instanceof ZipFault)) throw error;
    throw stopError(EXIT.usage, "WORKBOOK_DAMAGED", `The workbook ${file} ${error.message}.`, { file }, error);
  }
}

type Attributes = Readonly<Record<string, string>>;

interface XmlHandler {
  readonly open: (name: string, attributes: () => Attributes) => void;
  readonly close?: (name: string) => void;
  readonly text?: (text: string) => void;
}

/** The workbook's parts, and how much of what may be unpacked is left. */
class Parts {
  readonly #bytes: Buffer;
  readonly entries: ZipEntries;
  #left = MOST_UNPACKED;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.entries = zipEntries(bytes);
  }

  /** Reads a part's XML. Names are told without their prefix. A part that is not there has nothing to tell. */
  *read(path: string | undefined, handler: XmlHandler): Steps<void> {
    const entry = path === undefined ? undefined : this.entries.get(path);
    if (entry === undefined) return;
    const content = unzip(this.#bytes, entry, this.#left);
    this.#left -= content.length;
    yield;
    const xml = decodeXml(content);
    const broken = new ZipFault(`is damaged: its part ${quote(entry.name)} is no XML that is read`);
    if (/<!(?:DOCTYPE|ENTITY)/i.test(xml)) throw broken;
    const parser = new Parser();
    const fail = (): void => {
      throw broken;
    };
    parser.on("error", fail);
    parser.on("warn", fail);
    parser.on("openTag", (name, attributes) =>
      handler.open(withoutPrefix(name), () => {
        const raw = attributes();
        return Object.fromEntries(Object.entries(raw).map(([key, value]) => [withoutPrefix(key), decoded(value)]));
      }),
    );
    parser.on("closeTag", (name) => handler.close?.(withoutPrefix(name)));
    parser.on("text", (text) => handler.text?.(decoded(text)));
    parser.on("cdata", (text) => handler.text?.(text));
    for (let at = 0; at < xml.length; at += TEXT_OF_STEP) {
      parser.write(xml.slice(at, at + TEXT_OF_STEP));
      yield;
    }
    parser.end();
  }

  /** What a part is related to: the last word of the kind, and the path, by the relation's ID. */
  *relations(path: string): Steps<ReadonlyMap<string, { readonly kind: string; readonly path: string }>> {
    const folder = path.slice(0, path.lastIndexOf("/") + 1);
    const found = new Map<string, { kind: string; path: string }>();
    yield* this.read(`${folder}_rels/${path.slice(folder.length)}.rels`, {
      open: (name, attributes) => {
        if (name !== "Relationship") return;
        const { Id = "", Type = "", Target = "", TargetMode } = attributes();
        if (TargetMode !== "External")
          found.set(Id, { kind: Type.slice(Type.lastIndexOf("/") + 1), path: resolved(folder, Target) });
      },
    });
    return found;
  }
}

function decodeXml(content: Buffer): string {
  const [a, b] = content;
  if (a === 0xff && b === 0xfe) return new TextDecoder("utf-16le").decode(content);
  if (a === 0xfe && b === 0xff) return new TextDecoder("utf-16be").decode(content);
  return new TextDecoder("utf-8").decode(content);
}

const ENTITIES = new Map(Object.entries({ amp: "&", apos: "'", gt: ">", lt: "<", quot: '"' }));

/** saxen's own cuts a letter beyond U+FFFF to 16 bits, which is another letter. */
function decoded(text: string): string {
  return text.replace(/&(?:#x([\da-f]{1,6})|#(\d{1,7})|([a-z]+));/gi, (all, hex, decimal, name) => {
    if (name !== undefined) return ENTITIES.get(name) ?? all;
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    return code > 0x10ffff ? "\ufffd" : String.fromCodePoint(code);
  });
}

function withoutPrefix(name: string): string {
  return name.slice(name.indexOf(":") + 1);
}

/** A target as the archive names it: from the root, or from the folder of what it is related to. */
function resolved(folder: string, target: string): string {
  const path: string[] = [];
  for (const step of (target.startsWith("/") ? target : folder + target).replaceAll("\\", "/").split("/"))
    if (step === "..") path.pop();
    else if (step !== "" && step !== ".") path.push(step);
  return path.join("/").toLowerCase();
}

function* sheetIn(parts: Parts, wanted: string | undefined, findings: Findings): Steps<Sheet> {
  const { file } = findings;
  const main = [...(yield* parts.relations("")).values()].find(({ kind }) => kind === "officeDocument")?.path;
  let types = "";
  yield* parts.read("[content_types].xml", {
    open: (_, attributes) => {
      types += ` ${attributes().ContentType ?? ""}`;
    },
  });
  const hasMacros =
    /macroEnabled/i.test(types) || [...parts.entries.keys()].some((name) => /vbaproject\.bin$/.test(name));
  if (/sheet\.binary/i.test(types))
    throw new StopError(EXIT.usage, notRead(file, "an Excel workbook in binary form (.xlsb)"));
  if (hasMacros) throw new StopError(EXIT.usage, notRead(file, "an Excel workbook with macros (.xlsm)"));
  if (parts.entries.has("content.xml")) throw new StopError(EXIT.usage, notRead(file, "an OpenDocument file (.ods)"));
  if (/wordprocessingml|presentationml/i.test(types) || main === undefined)
    throw new StopError(EXIT.usage, notRead(file, "an archive that is no Excel workbook"));
  const sheets: { readonly name: string; readonly isVisible: boolean; readonly id: string }[] = [];
  let is1904 = false;
  yield* parts.read(main, {
    open: (name, attributes) => {
      if (name === "workbookPr") is1904 = /^(?:1|true)$/.test(attributes().date1904 ?? "");
      if (name !== "sheet") return;
      const { name: title = "", state = "visible", id = "" } = attributes();
      sheets.push({ name: title, isVisible: state === "visible", id });
    },
  });
  const related = yield* parts.relations(main);
  const tables = sheets.filter(({ id }) => related.get(id)?.kind === "worksheet");
  const chosen = wanted === undefined ? tables.find(({ isVisible }) => isVisible) : sheetNamed(wanted, tables);
  if (chosen === undefined) {
    const names = tables.map(({ name }) => name);
    if (wanted === undefined) throw new ZipFault("has no visible sheet");
    const message = `The workbook ${file} has no sheet ${quote(wanted)}; it has ${listed(names.map(quote))}.`;
    const [near] = nearestSpellings(wanted, names, 1);
    const hint = near === undefined ? undefined : `Is ${quote(near)} meant?`;
    throw stopError(EXIT.usage, "SHEET_UNKNOWN", message, { file, hint, value: wanted });
  }
  const pathOf = (kind: string) => [...related.values()].find((one) => one.kind === kind)?.path;
  const texts = yield* sharedTexts(parts, pathOf("sharedStrings"));
  const formats = yield* numberFormats(parts, pathOf("styles"));
  const path = related.get(chosen.id)?.path ?? "";
  if (!parts.entries.has(path)) throw new ZipFault(`is damaged: its sheet ${quote(chosen.name)} is missing`);
  const rows = yield* sheetRows(parts, path, { texts, formats, is1904 }, findings);
  return { name: chosen.name, rows };
}

function sheetNamed<T extends { readonly name: string }>(wanted: string, sheets: readonly T[]): T | undefined {
  const fold = (name: string): string => name.normalize("NFC").toLowerCase();
  return sheets.find(({ name }) => name === wanted) ?? sheets.find(({ name }) => fold(name) === fold(wanted));
}

/** Gathers the text of `si` and `is`: all runs, without what stands above them to help with reading. */
class RichText {
  #text = "";
  #isText = false;
  #isPhonetic = false;

  open(name: string): void {
    if (name === "si" || name === "is") this.#text = "";
    if (name === "rPh") this.#isPhonetic = true;
    this.#isText = name === "t" && !this.#isPhonetic;
  }

  add(text: string): void {
    if (this.#isText) this.#text += text;
  }

  close(name: string): void {
    if (name === "rPh") this.#isPhonetic = false;
    this.#isText = false;
  }

  get text(): string {
    return unescaped(this.#text);
  }
}

/** `_x000D_`: how a workbook writes what XML cannot. */
function unescaped(text: string): string {
  return text.replace(/_x([\da-f]{4})_/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}

function* sharedTexts(parts: Parts, path: string | undefined): Steps<readonly string[]> {
  const texts: string[] = [];
  const rich = new RichText();
  yield* parts.read(path, {
    open: (name) => rich.open(name),
    text: (text) => rich.add(text),
    close: (name) => {
      rich.close(name);
      if (name === "si") texts.push(rich.text);
    },
  });
  return texts;
}

/** The format codes that have a number only; those of dates stand for all of their kind. */
function builtInFormat(id: number): string {
  const isDate = (id >= 14 && id <= 22) || (id >= 27 && id <= 36) || (id >= 45 && id <= 47) || (id >= 50 && id <= 58);
  if (isDate) return "yyyy-mm-dd";
  return (
    new Map([
      [0, "General"],
      [1, "0"],
      [49, "@"],
    ]).get(id) ?? `number format ${id}`
  );
}

/** The format code of each style. */
function* numberFormats(parts: Parts, path: string | undefined): Steps<readonly string[]> {
  const own = new Map<number, string>();
  const formats: string[] = [];
  let isStyles = false;
  yield* parts.read(path, {
    open: (name, attributes) => {
      if (name === "cellXfs") isStyles = true;
      if (name === "numFmt") own.set(Number(attributes().numFmtId), attributes().formatCode ?? "");
      if (name !== "xf" || !isStyles) return;
      const id = Number(attributes().numFmtId ?? 0);
      formats.push(own.get(id) ?? builtInFormat(id));
    },
    close: (name) => {
      if (name === "cellXfs") isStyles = false;
    },
  });
  return formats;
}

interface SheetContext {
  readonly texts: readonly string[];
  readonly formats: readonly string[];
  readonly is1904: boolean;
}

function* sheetRows(parts: Parts, path: string, context: SheetContext, findings: Findings): Steps<readonly SheetRow[]> {
  const rows: SheetRow[] = [];
  const rich = new RichText();
  let [line, column, count] = [0, -1, 0];
  let row: { line: number; isHidden: boolean; cells: (SheetCell | undefined)[] } | undefined;
  let cell: { type: string; style: number; value: string | undefined; isFormula: boolean } | undefined;
  let isValue = false;
  yield* parts.read(path, {
    open: (name, attributes) => {
      if (name === "row") {
        const { r, hidden = "" } = attributes();
        line = r === undefined ? line + 1 : place(Number(r));
        column = -1;
        row = { line, isHidden: /^(?:1|true)$/.test(hidden), cells: [] };
      } else if (name === "c") {
        const { r, t = "n", s = "0" } = attributes();
        column = r === undefined ? column + 1 : columnOf(r);
        cell = { type: t, style: Number(s), value: undefined, isFormula: false };
      } else if (name === "f" && cell !== undefined) cell.isFormula = true;
      rich.open(name);
      isValue = name === "v";
      if (isValue && cell !== undefined) cell.value = "";
    },
    text: (text) => {
      rich.add(text);
      if (isValue && cell?.value !== undefined) cell.value += text;
    },
    close: (name) => {
      isValue = false;
      rich.close(name);
      if (name === "is" && cell !== undefined) cell.value = rich.text;
      if (name === "c" && cell !== undefined && row !== undefined) {
        const made = cellFrom(cell, context);
        cell = undefined;
        if (made === undefined) return;
        if (column >= MOST_COLUMNS) findings.checkSize(column + 1, MOST_COLUMNS, "columns");
        while (row.cells.length < column) row.cells.push(undefined);
        row.cells[column] = made;
        count += 1;
        findings.checkSize(count, MOST_CELLS, "values");
      }
      if (name !== "row" || row === undefined) return;
      if (row.cells.length > 0) rows.push(row);
      row = undefined;
      findings.checkSize(rows.length, MOST_ROWS, "rows");
    },
  });
  return rows;
}

const DAMAGED_CELL = "is damaged: a cell of its sheet cannot be read";

function place(line: number): number {
  if (!Number.isSafeInteger(line) || line < 1) throw new ZipFault(DAMAGED_CELL);
  return line;
}

/** `AB7`: 27. */
function columnOf(reference: string): number {
  const letters = /^([A-Z]{1,3})\d+$/i.exec(reference)?.[1];
  if (letters === undefined) throw new ZipFault(DAMAGED_CELL);
  return [...letters.toUpperCase()].reduce((sum, letter) => sum * 26 + letter.charCodeAt(0) - 64, 0) - 1;
}

/** 27: `AB`. */
export function lettersOf(column: number): string {
  const last = String.fromCharCode(65 + (column % 26));
  return column < 26 ? last : lettersOf(Math.floor(column / 26) - 1) + last;
}

function cellFrom(
  { type, style, value, isFormula }: { type: string; style: number; value: string | undefined; isFormula: boolean },
  { texts, formats, is1904 }: SheetContext,
): SheetCell | undefined {
  if (value === undefined) return isFormula ? { kind: "uncalculated", text: "" } : undefined;
  if (type === "s") {
    const text = /^\s*\d+\s*$/.test(value) ? texts[Number(value)] : undefined;
    if (text === undefined) throw new ZipFault("is damaged: a cell's text is not in its list of texts");
    return { kind: "text", text };
  }
  if (type === "str") return { kind: "text", text: unescaped(value) };
  if (type === "inlineStr") return { kind: "text", text: value };
  if (type === "b") return { kind: "boolean", text: /^\s*(?:1|true)\s*$/.test(value) ? "TRUE" : "FALSE" };
  if (type === "e") return { kind: "error", text: value.trim() };
  if (type === "d") return { kind: "date", text: value.trim() };
  if (value.trim() === "") return undefined;
  const number = Number(value);
  if (!Number.isFinite(number)) throw new ZipFault(DAMAGED_CELL);
  const format = formats[style] ?? "General";
  if (isDateFormat(format)) return { kind: "date", text: dateText(number + (is1904 ? 1462 : 0)) };
  // As many digits as Excel keeps: the sum of 0.1 and 0.2 is 0.3.
  return { kind: "number", text: String(Number(number.toPrecision(15))), format };
}

function isDateFormat(format: string): boolean {
  const bare = format.replace(/"[^"]*"|\\.|_.|\*.|\[(?!(?:h+|m+|s+)\])[^\]]*\]/gi, "");
  return !/general/i.test(bare) && /[ymdhs]/i.test(bare);
}

const DAY = 86_400_000;

/** Excel counts days from 1899-12-30, for it takes 1900 for a leap year. */
function dateText(days: number): string {
  const date = new Date(Date.UTC(1899, 11, 30) + Math.round(days * 86_400) * 1000);
  if (Number.isNaN(date.getTime())) throw new ZipFault(DAMAGED_CELL);
  const text = date.toISOString();
  return date.getTime() % DAY === 0 ? text.slice(0, 10) : text.slice(0, 19).replace("T", " ");
}
