import {
  type AppId,
  foldTenantKey,
  isPrintableAscii,
  normalGuid,
  parseAppId,
  parseTaskId,
  type TaskId,
  type TenantKey,
  trimAround,
} from "../shared/ids.js";
import type { Problem } from "../shared/problems.js";
import { keptValue, listed, quote } from "../shared/quotation.js";
import { nearestSpellings } from "../shared/spelling.js";
import { type ColumnIndex, columnOf, MANIFEST_COLUMNS, type ManifestColumn, normalHeader } from "./columns.js";
import type { DesiredMapping } from "./manifest.js";
import { notAGuid, type SharedValues } from "./manifest-shared.js";
import type { RawManifest, RawRow } from "./raw-manifest.js";
import { noValue, textFault } from "./value-faults.js";

/** One row with its values judged one by one. A value that is missing or faulty is `undefined`, and its fault is told. */
export interface ManifestRow {
  readonly raw: RawRow;
  readonly line: number;
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

const ENABLED_WORDS: ReadonlyMap<string, boolean> = new Map([
  ...["true", "yes", "y", "1", "on", "vrai", "oui", "wahr", "ja"].map((word) => [word, true] as const),
  ...["false", "no", "n", "0", "off", "faux", "non", "falsch", "nein"].map((word) => [word, false] as const),
]);

/** Judges rows one by one; what is wrong is collected in `faults` and `warnings`. */
export interface RowJudge {
  readonly judge: (raw: RawRow) => ManifestRow;
  readonly faults: readonly Problem[];
  readonly warnings: readonly Problem[];
}

interface Judging {
  readonly raw: RawManifest;
  readonly index: ColumnIndex;
  readonly shared: SharedValues;
  /** Most rows name the same source task and master app as the row above. */
  readonly parseSource: (text: string) => TaskId | undefined;
  readonly parseMaster: (text: string) => AppId | undefined;
  readonly faults: Problem[];
  readonly warnings: Problem[];
}

/** The same parser, which knows its last text again: one string for all rows, and no second look. */
function rememberingLast<Id>(parse: (text: string) => Id | undefined): (text: string) => Id | undefined {
  let last: { readonly text: string; readonly id: Id | undefined } | undefined;
  return (text) => {
    if (last?.text !== text) last = { text, id: parse(text) };
    return last.id;
  };
}

/** A judge for the rows of one manifest. */
export function judgeOfRows(raw: RawManifest, index: ColumnIndex, shared: SharedValues): RowJudge {
  const judging: Judging = {
    raw,
    index,
    shared,
    parseSource: rememberingLast(parseTaskId),
    parseMaster: rememberingLast(parseAppId),
    faults: [],
    warnings: [],
  };
  return { judge: (row) => validateRow(row, judging), faults: judging.faults, warnings: judging.warnings };
}

function validateRow(row: RawRow, judging: Judging): ManifestRow {
  const tenant = judgeTenant(row, judging);
  const enabled = judgeEnabled(row, tenant, judging);
  const values = { row, tenant, judging, lenient: enabled === false };
  const sourceTaskId = guidIn("sourceTaskId", judging.parseSource, values) ?? sharedSource(values);
  const qlikAppId = guidIn("qlikAppId", judging.parseMaster, values) ?? sharedMaster(values);
  const newQlikAppId = guidIn("newQlikAppId", parseAppId, values);
  const report = guidIn("reportId", normalGuid, values);
  if (!values.lenient) {
    if (newQlikAppId === undefined) tellMissing("newQlikAppId", values);
    if (qlikAppId === undefined) tellMissing("qlikAppId", values);
    if (sourceTaskId === undefined) tellMissing("sourceTaskId", values);
  }
  return {
    raw: row,
    line: row.line,
    tenant,
    key: tenant === undefined ? undefined : foldTenantKey(tenant),
    enabled,
    sourceTaskId,
    newQlikAppId,
    qlikAppId,
    desired:
      values.lenient || qlikAppId === undefined || newQlikAppId === undefined
        ? NONE_DESIRED
        : desiredOf(values, { report, qlikAppId, newQlikAppId }),
    name: textIn("name", row, judging) || undefined,
    newTaskId: guidIn("newTaskId", parseTaskId, values),
  };
}

interface RowValues {
  readonly row: RawRow;
  readonly tenant: string | undefined;
  readonly judging: Judging;
  /** A disabled row needs its tenant only: what else it holds is used where it can be read. */
  readonly lenient: boolean;
}

function textIn(column: ManifestColumn, row: RawRow, judging: Judging): string {
  const position = judging.index.positions[column];
  return position === undefined ? "" : trimAround(row.cells[position] ?? "");
}

function isSpoiled(column: ManifestColumn, row: RawRow): boolean {
  return row.spoiled?.includes(column) ?? false;
}

function judgeTenant(row: RawRow, judging: Judging): string | undefined {
  const text = textIn("tenant", row, judging);
  if (judging.index.positions.tenant === undefined || isSpoiled("tenant", row)) return undefined;
  const fault = textFault(text);
  if (fault === undefined && text !== "" && (isPrintableAscii(text) || foldTenantKey(text) !== "")) return text;
  const at = { file: judging.raw.file, ...judging.raw.place(row, "tenant") };
  if (fault !== undefined) {
    judging.faults.push(noValue(fault, text, at));
    return undefined;
  }
  judging.faults.push({
    code: "VALUE_MISSING",
    message: `${at.column} has no value: this row belongs to no tenant.`,
    hint: "Write the tenant's key, or remove the row.",
    ...at,
  });
  return undefined;
}

function judgeEnabled(row: RawRow, tenant: string | undefined, judging: Judging): boolean | undefined {
  if (isSpoiled("enabled", row)) return undefined;
  const text = textIn("enabled", row, judging);
  if (text === "") return true;
  const enabled = ENABLED_WORDS.get(text.normalize("NFKC").toLowerCase());
  if (enabled === undefined)
    judging.faults.push({
      code: "ENABLED_UNKNOWN",
      message: `${judging.raw.place(row, "enabled").column} is ${quote(text)}, which is neither yes nor no.`,
      hint: "Write true or false (or yes/no, 1/0, on/off, oui/non, ja/nein); empty means true.",
      tenant,
      file: judging.raw.file,
      ...judging.raw.place(row, "enabled"),
      value: keptValue(text),
    });
  return enabled;
}

function guidIn<Id extends string>(
  column: ManifestColumn,
  parse: (text: string) => Id | undefined,
  values: RowValues,
): Id | undefined {
  const { row, tenant, judging } = values;
  const text = textIn(column, row, judging);
  if (text === "") return undefined;
  const id = parse(text);
  if (id !== undefined) return id;
  const fault = notAGuid(text, { tenant, file: judging.raw.file, ...judging.raw.place(row, column) });
  if (values.lenient) judging.warnings.push(ignoredValue(fault));
  else judging.faults.push(fault);
  return undefined;
}

function ignoredValue(fault: Problem): Problem {
  return {
    ...fault,
    code: "VALUE_IGNORED",
    message: `${fault.message} The row is disabled, so this is ignored.`,
    hint: "Put it right before the row is enabled.",
  };
}

/** A row's own value, however faulty, keeps the shared one out. */
function saysNothing(column: ManifestColumn, values: RowValues): boolean {
  return textIn(column, values.row, values.judging) === "" && !isSpoiled(column, values.row);
}

function sharedSource(values: RowValues): TaskId | undefined {
  return saysNothing("sourceTaskId", values) ? values.judging.shared.sourceTaskId : undefined;
}

function sharedMaster(values: RowValues): AppId | undefined {
  return saysNothing("qlikAppId", values) ? values.judging.shared.masterApp : undefined;
}

const NONE_DESIRED: readonly DesiredMapping[] = [];
/** Every report, where nobody names any. */
const EVERY_REPORT: readonly undefined[] = [undefined];

function desiredOf(
  values: RowValues,
  said: { readonly report: string | undefined; readonly qlikAppId: AppId; readonly newQlikAppId: AppId },
): readonly DesiredMapping[] {
  const { qlikAppId, newQlikAppId } = said;
  const { line } = values.row;
  if (said.report !== undefined) return [{ report: said.report, qlikAppId, newQlikAppId, line }];
  if (!saysNothing("reportId", values)) return NONE_DESIRED;
  const { reports } = values.judging.shared;
  return (reports.length > 0 ? reports : EVERY_REPORT).map((report) => ({ report, qlikAppId, newQlikAppId, line }));
}

const REMEDY: Readonly<Partial<Record<ManifestColumn, string>>> = {
  newQlikAppId: "Write the ID of the tenant's own app, or disable the row (enabled = false).",
  qlikAppId: "Write the ID of the app to replace, or give --master-app for all rows that name none.",
  sourceTaskId: "Write the ID of the task to duplicate, or give --source-task for all rows that name none.",
};

/** Tells a required value that is empty. A column that the whole manifest lacks is told once, by {@link missingColumns}. */
function tellMissing(column: ManifestColumn, values: RowValues): void {
  const { row, tenant, judging } = values;
  if (judging.index.positions[column] === undefined || !saysNothing(column, values)) return;
  const place = judging.raw.place(row, column);
  judging.faults.push({
    code: "VALUE_MISSING",
    message: `${place.column} has no value${tenant === undefined ? "" : ` for tenant ${quote(tenant)}`}.`,
    hint: REMEDY[column],
    tenant,
    file: judging.raw.file,
    ...place,
  });
}

/** The columns that the manifest lacks although a row needs them, each once. */
export function missingColumns(raw: RawManifest, index: ColumnIndex, shared: SharedValues): readonly Problem[] {
  const required: readonly (readonly [ManifestColumn, boolean])[] = [
    ["tenant", true],
    ["newQlikAppId", true],
    ["qlikAppId", shared.masterApp === undefined && raw.shared.qlikAppId === undefined],
    ["sourceTaskId", shared.sourceTaskId === undefined && raw.shared.sourceTaskId === undefined],
  ];
  const columns = raw.header.filter((name) => name !== "");
  return required
    .filter(([column, needed]) => needed && index.positions[column] === undefined)
    .map(([column]) => ({
      code: "COLUMN_MISSING",
      message: `The manifest has no ${raw.format === "csv" ? "column" : "key"} ${quote(column)}; it has ${listed(columns.map(quote))}.`,
      hint: `${nearHeader(column, raw, index)}${missingHint(column)}`,
      file: raw.file,
      line: raw.headerLine,
      column,
    }));
}

function nearHeader(column: ManifestColumn, raw: RawManifest, index: ColumnIndex): string {
  const near = nearestSpellings(
    normalHeader(column),
    index.folded.filter((name) => name !== ""),
    1,
  )[0];
  const header =
    near === undefined || columnOf(near) !== undefined ? undefined : raw.header[index.folded.indexOf(near)];
  return header === undefined ? "" : `Is ${quote(header)} meant? Then name it ${column}. `;
}

function missingHint(column: ManifestColumn): string {
  switch (column) {
    case "qlikAppId":
      return "Add the column, or give --master-app with the ID of the app to replace.";
    case "sourceTaskId":
      return "Add the column, or give --source-task with the ID of the task to duplicate.";
    default:
      return `Add the column. The columns that have a meaning: ${MANIFEST_COLUMNS.join(", ")}.`;
  }
}
