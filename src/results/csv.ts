import { columnOf, type ManifestColumn, normalHeader } from "../manifest/columns.js";
import type { Manifest } from "../manifest/manifest.js";
import { foldTenantKey, normalGuid } from "../shared/ids.js";
import type { RunResult, TenantResult } from "../shared/outcome.js";
import { disarmFormula } from "../shared/spreadsheet-formula.js";
import { oneLine } from "../shared/text-safety.js";

/** The manifest's own columns and rows, as its reader found them. */
export type InputTable = Pick<Manifest, "header" | "rows">;

const ADDED = ["newTaskId", "action", "outcome", "reason"] as const;
const WITHOUT_INPUT = ["tenant", "sourceTaskId", "name", ...ADDED];
const MARK = "\ufeff";

/**
 * The result as a CSV that opens right in Excel (byte order mark, CRLF, formulas disarmed) and that can be fed back as a
 * manifest: every row and column of the input, then newTaskId, action, outcome, reason; a column of that name that the input
 * has already is filled instead. Orphans are no rows of the input and stay out. Without an input: one row a tenant.
 */
export function* csvResultPieces(result: RunResult, input: InputTable | undefined): Generator<string> {
  if (input === undefined || input.header.length === 0) {
    yield MARK + csvLine(WITHOUT_INPUT);
    for (const tenant of result.tenants)
      yield csvLine([tenant.tenant, tenant.sourceTaskId ?? "", tenant.name ?? "", ...addedCells(tenant, "")]);
    return;
  }
  const added = ADDED.map((title) => placeOfAdded(title, input.header));
  const extra = ADDED.filter((_, at) => added[at] === undefined);
  yield MARK + csvLine([...input.header.map(cleanCell), ...extra]);
  const resultOf = resultsByRow(result.tenants, input);
  for (const row of input.rows) {
    const cells = input.header.map((_, at) => cleanCell(row.cells[at] ?? ""));
    const taskIdAt = added[0];
    const values = addedCells(resultOf(row), taskIdAt === undefined ? "" : (cells[taskIdAt] ?? ""));
    for (const [at, value] of values.entries()) {
      const place = added[at];
      if (place === undefined) cells.push(value);
      else cells[place] = value;
    }
    yield csvLine(cells);
  }
}

/** {@link csvResultPieces} as one text. */
export function csvResult(result: RunResult, input: InputTable | undefined): string {
  return [...csvResultPieces(result, input)].join("");
}

function addedCells(tenant: TenantResult | undefined, given: string): readonly string[] {
  if (tenant === undefined) return [given, "", "", ""];
  const why = tenant.error === undefined ? tenant.reason : `${tenant.error.code}: ${tenant.error.message}`;
  return [tenant.newTaskId ?? given, tenant.action, tenant.outcome, oneLine(why)];
}

/** Where the input has a column of this meaning already. */
function placeOfAdded(title: string, header: readonly string[]): number | undefined {
  const at = header.findIndex((name) => normalHeader(name) === normalHeader(title));
  return at < 0 ? undefined : at;
}

type InputRow = InputTable["rows"][number];

/**
 * Finds the result of each row: by its key, and where that key stands under several source tasks, by the row's own source
 * task, else by the line at which the tenant's rows without one begin.
 */
function resultsByRow(
  tenants: readonly TenantResult[],
  input: InputTable,
): (row: InputRow) => TenantResult | undefined {
  const ofKey = new Map<string, TenantResult[]>();
  for (const tenant of tenants) {
    if (tenant.action === "orphan") continue;
    const key = foldTenantKey(tenant.tenant);
    const others = ofKey.get(key);
    if (others === undefined) ofKey.set(key, [tenant]);
    else others.push(tenant);
  }
  const sourceAt = positionOf("sourceTaskId", input.header);
  const sourceOf = (row: InputRow): string | undefined =>
    sourceAt === undefined ? undefined : normalGuid(row.cells[sourceAt] ?? "");
  const firstLine = new Map<string, number>();
  for (const row of input.rows)
    if (row.key !== undefined && sourceOf(row) === undefined && !firstLine.has(row.key))
      firstLine.set(row.key, row.line);
  return (row) => {
    const candidates = row.key === undefined ? [] : (ofKey.get(row.key) ?? []);
    if (candidates.length <= 1) return candidates[0];
    const source = sourceOf(row);
    if (source !== undefined) return candidates.find((tenant) => tenant.sourceTaskId === source);
    const line = row.key === undefined ? undefined : firstLine.get(row.key);
    return candidates.find((tenant) => tenant.line === line) ?? candidates[0];
  };
}

function positionOf(column: ManifestColumn, header: readonly string[]): number | undefined {
  const at = header.findIndex((name) => columnOf(normalHeader(name)) === column);
  return at < 0 ? undefined : at;
}

/** A cell of the input: its line breaks and tabs stay, other control characters go. */
function cleanCell(text: string): string {
  return text
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/g, "")
    .replace(/\p{Surrogate}/gu, "\ufffd");
}

function csvLine(cells: readonly string[]): string {
  return `${cells.map((cell) => csvCell(disarmFormula(cell))).join(",")}\r\n`;
}

function csvCell(text: string): string {
  return /[",\r\n;\t]|^\s|\s$/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}
