import { type TaskId, type TenantKey, trimAround } from "../shared/ids.js";
import type { Problem } from "../shared/problems.js";
import { keptValue, quote } from "../shared/quotation.js";
import type { ColumnIndex } from "./columns.js";
import type { DesiredMapping, ManifestTenant } from "./manifest.js";
import type { SharedValues } from "./manifest-shared.js";
import type { Place, RawManifest } from "./raw-manifest.js";
import { RowColumns } from "./row-columns.js";
import type { ManifestRow } from "./rows.js";

/** All rows of one tenant under one source task, in the manifest's order. */
export interface TenantGroup {
  readonly key: TenantKey;
  readonly tenant: string;
  readonly sourceTaskId: TaskId | undefined;
  readonly rows: readonly [ManifestRow, ...ManifestRow[]];
  readonly enabled: boolean;
}

interface Context {
  readonly raw: RawManifest;
  readonly index: ColumnIndex;
  readonly shared: SharedValues;
}

/**
 * The rows grouped by source task and tenant. Left out: rows without a readable key, and enabled rows without a readable
 * source task. A disabled row that names no source task belongs to a group of its own.
 */
export function groupRows(rows: readonly ManifestRow[]): readonly TenantGroup[] {
  const groups: TenantGroup[] = [];
  const bySource = new Map<TaskId | undefined, Map<TenantKey, GrowingGroup>>();
  for (const row of rows) {
    if (row.key === undefined || (row.sourceTaskId === undefined && row.enabled !== false)) continue;
    const ofSource = bySource.get(row.sourceTaskId) ?? new Map<TenantKey, GrowingGroup>();
    bySource.set(row.sourceTaskId, ofSource);
    const group = ofSource.get(row.key);
    if (group === undefined) {
      const begun = beginGroup(row.key, row);
      ofSource.set(row.key, begun);
      groups.push(begun);
    } else {
      group.rows.push(row);
      group.enabled ||= row.enabled !== false;
    }
  }
  return groups;
}

interface GrowingGroup extends TenantGroup {
  readonly rows: [ManifestRow, ...ManifestRow[]];
  enabled: boolean;
}

function beginGroup(key: TenantKey, first: ManifestRow): GrowingGroup {
  return {
    key,
    tenant: first.tenant ?? "",
    sourceTaskId: first.sourceTaskId,
    rows: [first],
    enabled: first.enabled !== false,
  };
}

/** The tenant that a group of rows without contradictions means. */
export function tenantOf(group: TenantGroup, context: Context): ManifestTenant {
  const [first] = group.rows;
  const { key, tenant, enabled, sourceTaskId } = group;
  const only = group.rows.length === 1;
  const name = only ? first.name : group.rows.find((row) => row.name !== undefined)?.name;
  return {
    key,
    tenant,
    line: first.line,
    enabled,
    sourceTaskId,
    nameTemplate: name ?? context.shared.nameTemplate,
    newTaskId: only ? first.newTaskId : group.rows.find((row) => row.newTaskId !== undefined)?.newTaskId,
    desired: enabled ? desiredOnce(group.rows) : NONE_DESIRED,
    columns: new RowColumns(context.index.named, cellsOf(group.rows)),
  };
}

const NONE_DESIRED: readonly DesiredMapping[] = [];

/** The first row's cells; what it leaves empty is taken from the next row that says it, so that their order changes nothing. */
function cellsOf(rows: readonly [ManifestRow, ...ManifestRow[]]): readonly string[] {
  const [first, ...others] = rows;
  if (others.length === 0) return first.raw.cells;
  return first.raw.cells.map((cell, position) => {
    if (trimAround(cell) !== "") return cell;
    return others.find((row) => trimmedCell(row, position) !== "")?.raw.cells[position] ?? "";
  });
}

function desiredOnce(rows: readonly [ManifestRow, ...ManifestRow[]]): readonly DesiredMapping[] {
  if (rows.length === 1) return rows[0].desired;
  const once = new Map<string, DesiredMapping>();
  for (const mapping of rows.flatMap((row) => row.desired)) {
    const text = `${mapping.report ?? "*"} ${mapping.qlikAppId} ${mapping.newQlikAppId}`;
    if (!once.has(text)) once.set(text, mapping);
  }
  return [...once.values()];
}

function trimmedCell(row: ManifestRow, position: number): string {
  return trimAround(row.raw.cells[position] ?? "");
}

/** Where the rows of one tenant contradict each other or are repeated. One row does neither: all its mappings have one target. */
export function checkGroup(
  group: TenantGroup,
  raw: RawManifest,
): { readonly faults: readonly Problem[]; readonly warnings: readonly Problem[] } {
  if (group.rows.length === 1) return SOUND;
  const enabled = group.rows.filter((row) => row.enabled !== false);
  return {
    faults: [
      contradictionsIn("enabled", group, raw, (row) => row.enabled),
      contradictionsIn("name", { ...group, rows: enabled }, raw, (row) => row.name),
      contradictionsIn("newTaskId", { ...group, rows: enabled }, raw, (row) => row.newTaskId),
      contradictoryTargets(group, raw),
    ].flat(),
    warnings: repeatedRows(enabled, raw),
  };
}

const SOUND = { faults: [], warnings: [] };

type SettledOnce = "enabled" | "name" | "newTaskId";

function contradictionsIn(
  column: SettledOnce,
  group: { readonly tenant: string; readonly rows: readonly ManifestRow[] },
  raw: RawManifest,
  read: (row: ManifestRow) => string | boolean | undefined,
): readonly Problem[] {
  const said = group.rows.filter((row) => read(row) !== undefined);
  const [first, ...others] = said;
  if (first === undefined) return [];
  return others
    .filter((row) => read(row) !== read(first))
    .map((row) =>
      contradiction({
        raw,
        tenant: group.tenant,
        place: raw.place(row.raw, column),
        value: String(read(row)),
        message:
          `Tenant ${quote(group.tenant)} has ${column} ${quote(String(read(row)))} here, ` +
          `but ${quote(String(read(first)))} on line ${first.line}.`,
        hint: `All rows of one tenant make one copy: give them the same ${column}.`,
      }),
    );
}

interface Contradiction {
  readonly raw: RawManifest;
  readonly tenant: string;
  readonly place: Place;
  readonly value: string;
  readonly message: string;
  readonly hint: string;
}

function contradiction(one: Contradiction): Problem {
  return {
    code: "CONTRADICTION",
    message: one.message,
    hint: one.hint,
    tenant: one.tenant,
    file: one.raw.file,
    ...one.place,
    value: keptValue(one.value),
  };
}

/** What a tenant's rows so far want of one app. */
interface Targets {
  every: DesiredMapping | undefined;
  /** The first mapping of one report, and the first whose target is another than that one's. */
  readonly named: DesiredMapping[];
  readonly byReport: Map<string, DesiredMapping>;
}

/** One report and `qlikAppId` with two targets; one for every report covers each one. */
function contradictoryTargets(group: TenantGroup, raw: RawManifest): readonly Problem[] {
  const faults: Problem[] = [];
  const byApp = new Map<string, Targets>();
  for (const row of group.rows) {
    for (const mapping of row.desired) {
      const targets = byApp.get(mapping.qlikAppId) ?? { every: undefined, named: [], byReport: new Map() };
      byApp.set(mapping.qlikAppId, targets);
      const other = otherTarget(mapping, targets);
      if (other !== undefined) {
        faults.push(twoTargets({ group, raw, row, mapping, other }));
        break;
      }
      rememberTarget(mapping, targets);
    }
  }
  return faults;
}

function differing(
  mapping: DesiredMapping,
  others: readonly (DesiredMapping | undefined)[],
): DesiredMapping | undefined {
  return others.find((other) => other !== undefined && other.newQlikAppId !== mapping.newQlikAppId);
}

function otherTarget(mapping: DesiredMapping, targets: Targets): DesiredMapping | undefined {
  const named = mapping.report === undefined ? targets.named : [targets.byReport.get(mapping.report)];
  return differing(mapping, [targets.every, ...named]);
}

function rememberTarget(mapping: DesiredMapping, targets: Targets): void {
  if (mapping.report === undefined) {
    targets.every ??= mapping;
    return;
  }
  if (!targets.byReport.has(mapping.report)) targets.byReport.set(mapping.report, mapping);
  if (targets.named.length === 0 || (targets.named.length === 1 && differing(mapping, targets.named) !== undefined))
    targets.named.push(mapping);
}

function twoTargets(found: {
  readonly group: TenantGroup;
  readonly raw: RawManifest;
  readonly row: ManifestRow;
  readonly mapping: DesiredMapping;
  readonly other: DesiredMapping;
}): Problem {
  const { group, raw, row, mapping, other } = found;
  const report = mapping.report ?? other.report;
  return contradiction({
    raw,
    tenant: group.tenant,
    place: raw.place(row.raw, "newQlikAppId"),
    value: mapping.newQlikAppId,
    message:
      `Tenant ${quote(group.tenant)} maps app ${mapping.qlikAppId} of ${report === undefined ? "every report" : `report ${report}`} ` +
      `to ${mapping.newQlikAppId} here, but to ${other.newQlikAppId} on line ${other.line}.`,
    hint:
      (mapping.report === undefined) === (other.report === undefined)
        ? "One report can read one app instead of another: keep one of the two rows."
        : "A row without reportId means every report: give it a reportId too, or remove one of the two rows.",
  });
}

function repeatedRows(rows: readonly ManifestRow[], raw: RawManifest): readonly Problem[] {
  const first = new Map<string, ManifestRow>();
  const warnings: Problem[] = [];
  for (const row of rows) {
    const text = row.raw.cells.map((_, position) => trimmedCell(row, position)).join("\u0000");
    const same = first.get(text);
    if (same === undefined) first.set(text, row);
    else
      warnings.push({
        code: "ROW_REPEATED",
        message: `This row of tenant ${quote(row.tenant ?? "")} says the same as line ${same.line}; it counts once.`,
        hint: "Remove one of the two.",
        tenant: row.tenant,
        file: raw.file,
        line: row.line,
      });
  }
  return warnings;
}

/** A key with a disabled row that names no source task, and an enabled one: whether the tenant is enabled cannot be told. */
export function checkDisabledWithoutSource(groups: readonly TenantGroup[], raw: RawManifest): readonly Problem[] {
  const unplaced = groups.filter((group) => group.sourceTaskId === undefined);
  if (unplaced.length === 0) return [];
  const enabled = new Map(groups.filter((group) => group.enabled).map((group) => [group.key, group]));
  return unplaced.flatMap((group) => {
    const other = enabled.get(group.key);
    if (other === undefined) return [];
    const [row] = group.rows;
    return contradiction({
      raw,
      tenant: group.tenant,
      place: raw.place(row.raw, "enabled"),
      value: "false",
      message: `Tenant ${quote(group.tenant)} is disabled here, but enabled on line ${other.rows[0].line}.`,
      hint: "Give the disabled row its sourceTaskId, or remove one of the two.",
    });
  });
}
