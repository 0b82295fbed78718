import type { ProblemCode } from "../shared/codes.js";
import {
  type AppId,
  foldTenantKey,
  isPrintableAscii,
  normalGuid,
  parseAppId,
  parseTaskId,
  type TaskId,
  type TenantKey,
  tenantRef,
  trimAround,
} from "../shared/ids.js";
import { excessOf, excessOfName, nfkc } from "../shared/text-limits.js";
import { firstOf, firstUnfit, quote } from "../shared/text-safety.js";
import { COLUMN_RULES, type ColumnIndex, MANIFEST_COLUMNS, type ManifestColumn } from "./columns.js";
import {
  DEFAULT_NAME_TEMPLATE,
  type DesiredMapping,
  type Findings,
  type ManifestDefaults,
  type ManifestTenant,
  type Place,
  type RawManifest,
  type RawRow,
  type SharedText,
} from "./manifest.js";

/** Why a text is no value. `is` follows the text in a sentence. */
export interface ValueFault {
  readonly code: ProblemCode;
  readonly is: string;
}

/** The error words of spreadsheets, in whatever language they were written (`#REF!`, `#¡VALOR!`, `#NAME?`), and Office's own. */
const FORMULA_ERROR = /^(?:#[¡¿]?[\p{Lu}/0]+[!?]|#N\/[ABD]|#NV|#GETTING_DATA|Err ?:\d{3})$/u;

/**
 * What stands where a value should, and is none: a formula's error, a database's NULL, a text of which letters were lost.
 * Neither a tenant's key nor a name or an ID.
 */
export function lostValue(text: string): ValueFault | undefined {
  if (FORMULA_ERROR.test(text))
    return { code: "FORMULA_ERROR", is: ": the error of a spreadsheet's formula, and no value" };
  if (text === "NULL" || text === "\\N")
    return { code: "NULL_VALUE", is: ": what a database writes where it has no value" };
  const lost = firstOf(/\ufffd/, text);
  if (lost === undefined) return undefined;
  const why = "stands for a letter that was lost when the file was saved or read in the wrong encoding";
  return { code: "LETTER_LOST", is: `: its character ${lost.place} is ${lost.codePoint}, which ${why}` };
}

/** Why a text can be neither a tenant's key nor a copy's name. */
export function textFault(text: string): ValueFault | undefined {
  const excess = excessOfName(text);
  if (excess !== undefined) return { code: "TEXT_TOO_LONG", is: excess };
  const lost = lostValue(text);
  const unfit = lost !== undefined || isPrintableAscii(text) ? undefined : firstUnfit(text);
  if (unfit === undefined) return lost;
  const is = `: its character ${unfit.place} is ${unfit.codePoint}, which cannot be seen or breaks the line`;
  return { code: "CONTROL_CHARACTER", is };
}

/** Why a text is no GUID. It may look like one: then its first character that no GUID has (a letter O, U+2011) tells why it is none. */
function guidFault(text: string): ValueFault {
  const odd = firstOf(/[^ -~]/u, text);
  const letter = odd ?? (/^[\w{}-]{32,40}$/.test(text) ? firstOf(/[^\da-f{}-]/i, text) : undefined);
  const shown = odd === undefined ? quote(text.charAt((letter?.place ?? 0) - 1)) : odd.codePoint;
  const why = letter === undefined ? "" : `: its character ${letter.place} is ${shown}`;
  return lostValue(text) ?? { code: "NOT_A_GUID", is: `, which is no GUID${why}` };
}

/** What the command line says, and for rows that say nothing themselves also what the manifest's top level says. */
export interface SharedValues extends ManifestDefaults {
  readonly nameTemplate: string;
  /** Where the top level has this template. */
  readonly nameAt: SharedText | undefined;
  /** What the command line says, without the top level. */
  readonly options: ManifestDefaults;
  /** Every master app that a flag or the top level names, also where rows override it. */
  readonly masters: readonly AppId[];
}

/** Settles what the rows share. A flag wins over the top level; where both are given and differ, that is a warning. */
export function shareValues({ shared }: RawManifest, defaults: ManifestDefaults, findings: Findings): SharedValues {
  const guidAtTop = <Id extends string>(parse: (text: string) => Id | undefined, given: SharedText | undefined) => {
    const text = trimAround(given?.text ?? "");
    const id = parse(text);
    if (given === undefined || text === "" || id !== undefined) return id;
    tellNoValue(guidFault(text), text, { line: given.line, column: given.column }, findings);
    return undefined;
  };
  const warnWhereOverruled = (option: string, given: string | undefined, top: string | undefined, at?: SharedText) => {
    if (!given || !top || given === top) return;
    const message = `${option} says ${quote(given)}, the manifest's top level ${quote(top)}: the flag is used.`;
    findings.warn("FLAG_OVERRIDES_MANIFEST", message, { line: at?.line, column: at?.column, value: top });
  };
  const asSet = (reports: readonly string[]) => [...new Set(reports)].sort().join(", ");
  const source = guidAtTop(parseTaskId, shared.sourceTaskId);
  const master = guidAtTop(parseAppId, shared.qlikAppId);
  const reports = (shared.reportIds ?? []).flatMap((report) => guidAtTop(normalGuid, report) ?? []);
  const name = trimAround(shared.name?.text ?? "");
  const excess = excessOf(name);
  if (shared.name !== undefined && excess !== undefined)
    tellNoValue({ code: "TEXT_TOO_LONG", is: excess }, name, shared.name, findings);
  warnWhereOverruled("--source-task", defaults.sourceTaskId, source, shared.sourceTaskId);
  warnWhereOverruled("--master-app", defaults.masterApp, master, shared.qlikAppId);
  warnWhereOverruled("--name", defaults.nameTemplate, name, shared.name);
  warnWhereOverruled("--report", asSet(defaults.reports), asSet(reports), shared.reportIds?.[0]);
  return {
    ...defaults,
    options: defaults,
    sourceTaskId: defaults.sourceTaskId ?? source,
    masterApp: defaults.masterApp ?? master,
    reports: [...new Set(defaults.reports.length > 0 ? defaults.reports : reports)],
    nameTemplate: defaults.nameTemplate ?? (name || DEFAULT_NAME_TEMPLATE),
    nameAt: defaults.nameTemplate === undefined ? shared.name : undefined,
    masters: [defaults.masterApp, master].filter((app) => app !== undefined),
  };
}

/** One row with its values judged one by one. A value that is missing or faulty is `undefined`, and its fault is told. */
export interface ManifestRow extends RawRow {
  readonly tenant: string | undefined;
  readonly key: TenantKey | undefined;
  /** `undefined` where the word is none that is known. */
  readonly enabled: boolean | undefined;
  readonly sourceTaskId: TaskId | undefined;
  readonly newQlikAppId: AppId | undefined;
  readonly qlikAppId: AppId | undefined;
  /** Empty for a disabled row, and where an app is missing or faulty. */
  readonly desired: readonly DesiredMapping[];
  /** The row's own template. */
  readonly name: string | undefined;
  readonly newTaskId: TaskId | undefined;
}

/** A tenant with the rows that it was made from. */
export interface JudgedTenant extends ManifestTenant {
  readonly rows: readonly [ManifestRow, ...ManifestRow[]];
}

/** What the rows of one manifest are judged with. */
export interface RowContext {
  readonly raw: RawManifest;
  readonly columns: ColumnIndex;
  readonly shared: SharedValues;
  readonly findings: Findings;
}

/** A manifest whose rows were judged one by one, for the checks of its rows and tenants against each other. */
export interface JudgedManifest extends RowContext {
  readonly rows: readonly ManifestRow[];
  readonly tenants: readonly JudgedTenant[];
}

/** Where a problem of a row's column is: its line and column, and its tenant. */
export function placeOf(
  { raw, columns }: RowContext,
  row: RawRow & Pick<ManifestRow, "tenant">,
  column: ManifestColumn,
): Place & { readonly tenant: string | undefined } {
  const title = raw.header[columns.get(column) ?? -1] ?? column;
  return { tenant: row.tenant, ...(row.placeOf?.(column) ?? { line: row.line, column: title }) };
}

/** A row's text in a column of the header, without blanks around it; empty where there is no such column. */
export function cellOf({ cells }: RawRow, position = -1): string {
  return trimAround(cells[position] ?? "");
}

/** Whether a row of a CSV has nothing in its tenant's cell. */
export function isTenantless(row: RawRow & Pick<ManifestRow, "tenant">, { raw, columns }: RowContext): boolean {
  if (raw.format !== "csv" || row.tenant !== undefined || !columns.has("tenant") || row.spoiled?.includes("tenant"))
    return false;
  const text = cellOf(row, columns.get("tenant"));
  return textFault(text) === undefined && foldTenantKey(text) === "";
}

/** Tells that the value at a place is none. */
function tellNoValue({ code, is }: ValueFault, value: string, at: Place, findings: Findings): void {
  findings.fault(code, `${at.column} is ${quote(value)}${is}.`, { ...at, value });
}

const ENABLED_WORDS: ReadonlyMap<string, boolean> = new Map([
  ...["true", "yes", "y", "1", "on", "vrai", "oui", "wahr", "ja"].map((word) => [word, true] as const),
  ...["false", "no", "n", "0", "off", "faux", "non", "falsch", "nein"].map((word) => [word, false] as const),
]);

/** Judges the values of one row. A disabled row needs its tenant only: what else it holds is used where it can be read. */
export function readRow(raw: RawRow, context: RowContext): ManifestRow {
  const { columns, shared, findings } = context;
  const long = MANIFEST_COLUMNS.filter((column) => excessOf(raw.cells[columns.get(column) ?? -1] ?? "") !== undefined);
  const isSpoiled = (column: ManifestColumn) => long.includes(column) || (raw.spoiled?.includes(column) ?? false);
  const textIn = (column: ManifestColumn) => (isSpoiled(column) ? "" : cellOf(raw, columns.get(column)));
  /** A row's own value, however faulty, keeps the shared one out. */
  const saysNothing = (column: ManifestColumn) => textIn(column) === "" && !isSpoiled(column);
  const tenant = readTenant();
  const at = (column: ManifestColumn) => placeOf(context, { ...raw, tenant }, column);
  for (const column of long) {
    const text = raw.cells[columns.get(column) ?? -1] ?? "";
    tellNoValue({ code: "TEXT_TOO_LONG", is: excessOf(text) ?? "" }, text, at(column), findings);
  }
  const enabled = readEnabled();

  function readTenant(): string | undefined {
    if (!columns.has("tenant") || isSpoiled("tenant")) return undefined;
    const text = textIn("tenant");
    const fault = textFault(text);
    if (fault === undefined && foldTenantKey(text) !== "") return text;
    // Told once for all rows of a CSV: they may be the merged cells of a spreadsheet.
    if (fault === undefined && context.raw.format === "csv") return undefined;
    const where = placeOf(context, { ...raw, tenant: undefined }, "tenant");
    if (fault !== undefined) tellNoValue(fault, text, where, findings);
    else findings.fault("VALUE_MISSING", `${where.column} has no value: this row belongs to no tenant.`, where);
    return undefined;
  }

  function readEnabled(): boolean | undefined {
    const text = textIn("enabled");
    if (text === "") return isSpoiled("enabled") ? undefined : true;
    const word = ENABLED_WORDS.get(nfkc(text).toLowerCase());
    const fault = { code: "ENABLED_UNKNOWN", is: ", which is neither yes nor no" } as const;
    if (word === undefined) tellNoValue(fault, text, at("enabled"), findings);
    return word;
  }

  function guidIn<Id extends string>(column: ManifestColumn, parse: (text: string) => Id | undefined): Id | undefined {
    const text = textIn(column);
    const id = parse(text);
    if (id === undefined && text !== "" && enabled !== false) tellNoValue(guidFault(text), text, at(column), findings);
    return id;
  }

  /** Tells a required value that is empty. A column that the whole manifest lacks is told once for all rows. */
  function tellMissing(column: ManifestColumn): void {
    // A row of no tenant lacks its tenant first of all.
    if (!columns.has(column) || !saysNothing(column) || isTenantless({ ...raw, tenant }, context)) return;
    const { option } = COLUMN_RULES[column];
    const hint = option === undefined ? undefined : `Write it, or give ${option} for all rows that name none.`;
    const whose = tenant === undefined ? "" : ` for tenant ${quote(tenant)}`;
    findings.fault("VALUE_MISSING", `${at(column).column} has no value${whose}.`, { hint, ...at(column) });
  }

  const sourceTaskId =
    guidIn("sourceTaskId", parseTaskId) ?? (saysNothing("sourceTaskId") ? shared.sourceTaskId : undefined);
  const qlikAppId = guidIn("qlikAppId", parseAppId) ?? (saysNothing("qlikAppId") ? shared.masterApp : undefined);
  const newQlikAppId = guidIn("newQlikAppId", parseAppId);
  const report = guidIn("reportId", normalGuid);
  let desired: readonly DesiredMapping[] = [];
  if (enabled !== false) {
    if (newQlikAppId === undefined) tellMissing("newQlikAppId");
    if (qlikAppId === undefined) tellMissing("qlikAppId");
    if (sourceTaskId === undefined) tellMissing("sourceTaskId");
    // Where neither the row nor anything that it shares names a report, every report is meant.
    const everyReport = shared.reports.length > 0 ? shared.reports : [undefined];
    const reports = report !== undefined ? [report] : saysNothing("reportId") ? everyReport : [];
    if (qlikAppId !== undefined && newQlikAppId !== undefined)
      desired = reports.map((one) => ({ report: one, qlikAppId, newQlikAppId, line: raw.line }));
  }
  // Written out: with 200,000 rows a spread object costs seconds of garbage collection.
  return {
    line: raw.line,
    cells: raw.cells,
    spoiled: raw.spoiled,
    placeOf: raw.placeOf,
    tenant,
    key: tenant === undefined ? undefined : foldTenantKey(tenant),
    enabled,
    sourceTaskId,
    newQlikAppId,
    qlikAppId,
    desired,
    name: textIn("name") || undefined,
    newTaskId: guidIn("newTaskId", parseTaskId),
  };
}

/**
 * The tenants that the rows mean, by source task and key. Left out: rows without a readable key, and enabled rows without a readable
 * source task. A disabled row that names no source task belongs to a tenant of its own.
 */
export function tenantsOf(rows: readonly ManifestRow[], context: RowContext): readonly JudgedTenant[] {
  const rowsOf = new Map<string, [ManifestRow, ...ManifestRow[]]>();
  for (const row of rows) {
    const { key, sourceTaskId } = row;
    if (key === undefined || (sourceTaskId === undefined && row.enabled !== false)) continue;
    const ref = tenantRef(sourceTaskId, key);
    const others = rowsOf.get(ref);
    if (others === undefined) rowsOf.set(ref, [row]);
    else others.push(row);
  }
  return [...rowsOf.values()].map((own) => tenantOf(own, context));
}

/** The tenant that rows without contradictions mean. What one row leaves empty, another may say: their order changes nothing. */
function tenantOf(rows: JudgedTenant["rows"], { columns, shared }: RowContext): JudgedTenant {
  const [first] = rows;
  const { key, tenant = "", line, sourceTaskId } = first;
  const { cells, desired } = rows.length === 1 ? first : joined(rows);
  return {
    key: key as TenantKey,
    tenant,
    line,
    enabled: rows.some((row) => row.enabled !== false),
    sourceTaskId,
    nameTemplate: rows.find((row) => row.name !== undefined)?.name ?? shared.nameTemplate,
    newTaskId: rows.find((row) => row.newTaskId !== undefined)?.newTaskId,
    desired,
    // Looks into the row itself: a map of its own for each of 200,000 tenants costs more memory than the rest of the manifest.
    columns: {
      get: (meaning) => {
        const position = columns.get(meaning);
        return position === undefined ? undefined : trimAround(cells[position] ?? "");
      },
    },
    rows,
  };
}

/** By itself: what it works with would be kept, by 200,000 tenants, with what looks into their columns. */
function joined(rows: JudgedTenant["rows"]): Pick<ManifestRow, "cells" | "desired"> {
  const told = new Set<string>();
  const isNew = ({ report, qlikAppId, newQlikAppId }: DesiredMapping): boolean =>
    told.size < told.add(`${report} ${qlikAppId} ${newQlikAppId}`).size;
  const cellAt = (position: number) => rows.map((row) => cellOf(row, position)).find((text) => text !== "") ?? "";
  const cells = rows[0].cells.map((_, position) => cellAt(position));
  return { cells, desired: rows.flatMap((row) => row.desired).filter(isNew) };
}
