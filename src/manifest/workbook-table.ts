import { addTo, trimAround } from "../shared/ids.js";
import type { Steps } from "../shared/steps.js";
import { counted, linesOf, quote } from "../shared/text-safety.js";
import { isManifestColumn, type ManifestColumn, meaningOf, type NamedColumns, normalHeader } from "./columns.js";
import { asManifest, fitTable, isKnownHeader } from "./csv.js";
import type { Findings, RawManifest, RawRow } from "./manifest.js";
import { lettersOf, readSheet, type Sheet, type SheetCell, type SheetRow } from "./workbook.js";

/** A manifest of a workbook's sheet, as rows of text. Every later finding names its cell. */
export function* readWorkbookManifest(
  bytes: Uint8Array,
  { named, sheet: wanted }: { readonly named: NamedColumns; readonly sheet: string | undefined },
  findings: Findings,
): Steps<RawManifest> {
  const sheet = yield* readSheet(bytes, wanted, findings);
  const rows = sheet.rows.filter(({ cells }) => cells.some((cell) => !isBlank(cell)));
  const [head, ...below] = rows;
  const { name } = sheet;
  const titles = textsOf(head);
  findings.cellAt = (line, column) => {
    // Of two headers that are the same the second one is told, and the first one is read.
    const position = line === head?.line ? titles.lastIndexOf(column) : titles.indexOf(column);
    return position < 0 ? undefined : nameOf(name, line, position);
  };
  const isKnown = (header: string): boolean => isKnownHeader(header, named);
  const columns = titles.map((title) => {
    const meaning = named.get(normalHeader(title)) ?? meaningOf(title);
    return isManifestColumn(meaning) ? meaning : undefined;
  });
  const texts = below.map((row): RawRow => {
    const cells = textsOf(row);
    while (cells.length < titles.length) cells.push("");
    return { line: row.line, cells };
  });
  yield;
  const header = head === undefined ? [] : [{ line: head.line, cells: titles }];
  const table = fitTable([...header, ...texts], { delimiter: ",", isCut: false, isKnown }, findings);
  const spoiled = tellKinds(below, { sheet, titles, columns }, findings);
  tellHidden(below, findings);
  return asManifest({
    ...table,
    rows: table.rows.map((row) => ({ ...row, spoiled: spoiled.get(row.line) })),
  });
}

function isBlank(cell: SheetCell | undefined): boolean {
  return cell === undefined || (cell.kind !== "uncalculated" && trimAround(cell.text) === "");
}

/** A row's texts up to its last cell that is not blank. */
function textsOf(row: SheetRow | undefined): string[] {
  const cells = row?.cells ?? [];
  const end = cells.findLastIndex((cell) => !isBlank(cell)) + 1;
  return Array.from({ length: end }, (_, at) => cells[at]?.text ?? "").map((text, at) =>
    row?.cells[at] === undefined ? "" : trimAround(text),
  );
}

function nameOf(name: string, line: number, position: number): string {
  const quoted = /^[\p{L}_][\p{L}\p{N}_.]*$/u.test(name) ? name : `'${name.replaceAll("'", "''")}'`;
  return `${quoted}!${lettersOf(position)}${line}`;
}

interface Columns {
  readonly sheet: Sheet;
  readonly titles: readonly string[];
  readonly columns: readonly (ManifestColumn | undefined)[];
}

/**
 * Tells the cells whose kind says that their text is not what was meant: a date, or a number whose zeros its format adds, as a
 * tenant. Returns the columns of each row of which a fault is told.
 */
function tellKinds(
  rows: readonly SheetRow[],
  { sheet, titles, columns }: Columns,
  findings: Findings,
): ReadonlyMap<number, readonly ManifestColumn[]> {
  const spoiled = new Map<number, ManifestColumn[]>();
  const numbers = new Map<string, number[]>();
  for (const { line, cells } of rows) {
    for (const [at, title] of titles.entries()) {
      const [cell, column] = [cells[at], columns[at]];
      if (cell === undefined || title === "" || cell.kind === "text" || cell.kind === "error") continue;
      const why = misfit(cell, column);
      if (why === "number") {
        addTo(numbers, title, line);
        continue;
      }
      if (why === undefined) continue;
      const code = cell.kind === "uncalculated" ? "FORMULA_UNCALCULATED" : "CELL_NOT_TEXT";
      findings.fault(code, `${nameOf(sheet.name, line, at)} ${why}.`, { line, column: title, value: cell.text });
      if (column !== undefined) addTo(spoiled, line, column);
    }
  }
  for (const [title, lines] of numbers) {
    const [first] = lines;
    const message = `${title} holds ${lines.length === 1 ? "a number" : "numbers"} on ${linesOf(lines)}: read as the digits.`;
    findings.warn("NUMBERS_AS_TEXT", message, { line: first, column: title });
  }
  return spoiled;
}

/** Excel shows so many digits of a number whose format is General. */
const SHOWN_BY_GENERAL = 1e11;

/** Why a cell is no text of this column, as it follows the cell's name; `number`: its digits are. */
function misfit({ kind, text, format = "General" }: SheetCell, column: ManifestColumn | undefined): string | undefined {
  if (kind === "uncalculated") return "holds a formula whose value was not saved";
  if (column === undefined) return undefined;
  if (column === "enabled" && (kind === "boolean" || (kind === "number" && /^[01]$/.test(text)))) return undefined;
  if (kind !== "number") return `holds a ${kind === "date" ? "date" : "truth value"} (${text}), and no text`;
  const isPlain =
    /^(?:General|@|0)$/i.test(format) && Math.abs(Number(text)) < SHOWN_BY_GENERAL && /^-?\d+$/.test(text);
  if ((column === "tenant" || column === "name") && isPlain) return "number";
  return `holds the number ${text}${/^(?:General|@|0)$/i.test(format) ? "" : `, which Excel shows in another form (${quote(format)})`}, and no text`;
}

/** Rows that a filter hides are rows of the manifest. */
function tellHidden(rows: readonly SheetRow[], findings: Findings): void {
  const hidden = rows.filter(({ isHidden }) => isHidden).map(({ line }) => line);
  if (hidden.length === 0) return;
  const message = `${counted(hidden.length, "hidden row")} of the sheet ${hidden.length === 1 ? "is" : "are"} read as the others: ${linesOf(hidden)}.`;
  findings.warn("HIDDEN_ROWS", message, { line: hidden[0] });
}
