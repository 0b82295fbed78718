import type { ProblemCode } from "../shared/codes.js";
import { hintOf, optionWords, sameLine } from "../shared/hints.js";
import { type AppId, addTo, type TaskId, type TenantKey } from "../shared/ids.js";
import type { Steps } from "../shared/steps.js";
import { linesOf, listed, quote } from "../shared/text-safety.js";
import { COLUMN_RULES, MANIFEST_COLUMNS, type ManifestColumn } from "./columns.js";
import type { DesiredMapping, ManifestTenant } from "./manifest.js";
import { checkNames } from "./names.js";
import { cellOf, isTenantless, type JudgedManifest, type JudgedTenant, type ManifestRow, placeOf } from "./rows.js";

/** Tells what is wrong with a manifest's rows and tenants against each other. Each check is linear in the rows. */
export function* checkManifest(manifest: JudgedManifest): Steps<void> {
  for (const check of [
    ...[
      checkColumns,
      checkTenantless,
      checkUnusedOptions,
      checkContradictions,
      checkSpellings,
      checkDisabledWithoutSource,
    ],
    ...[checkApps, checkNewTasks, checkNames],
  ]) {
    check(manifest);
    yield;
  }
}

/** The columns that the manifest lacks although a row needs them, each once. */
function checkColumns({ raw, columns, shared, rows, findings }: JudgedManifest): void {
  if (rows.length === 0 ? raw.format === "json" : rows.every((row) => row.enabled === false)) return;
  const isGiven: Partial<Record<ManifestColumn, boolean>> = {
    qlikAppId: shared.masterApp !== undefined || raw.shared.qlikAppId !== undefined,
    sourceTaskId: shared.sourceTaskId !== undefined || raw.shared.sourceTaskId !== undefined,
  };
  const titles = raw.header.filter((title) => title !== "").map(quote);
  for (const column of ["tenant", "newQlikAppId", "qlikAppId", "sourceTaskId"] as const) {
    if (isGiven[column] || columns.has(column)) continue;
    const { option } = COLUMN_RULES[column];
    const named = raw.format === "csv" ? ` Where another header means it, add --column ${column}=HEADER.` : "";
    const known = `Add the column. The columns that have a meaning: ${MANIFEST_COLUMNS.join(", ")}.${named}`;
    const hint = option === undefined ? known : `Add the column, or give ${option} for all rows that name none.`;
    const kind = raw.format === "csv" ? "column" : "key";
    findings.fault("COLUMN_MISSING", `The manifest has no ${kind} ${quote(column)}; it has ${listed(titles)}.`, {
      hint,
      line: raw.headerLine,
      column,
    });
  }
}

/** The rows of a CSV that have no tenant, in one fault: below a filled cell they are mostly what a spreadsheet's merged cells become. */
function checkTenantless(manifest: JudgedManifest): void {
  const { rows, findings } = manifest;
  const [first, ...others] = rows.filter((row) => isTenantless(row, manifest));
  if (first === undefined) return;
  const at = placeOf(manifest, first, "tenant");
  const lines = [first, ...others].map(({ line }) => line);
  const message =
    others.length === 0
      ? `${at.column} has no value: this row belongs to no tenant.`
      : `${at.column} has no value on ${linesOf(lines)}: these rows belong to no tenant.`;
  const merged =
    "Write the tenant into each row. Where the cells are merged in Excel: unmerge them (Home > Merge & Center), fill the empty ones, and save again.";
  findings.fault("VALUE_MISSING", message, { hint: rows[0] === first ? undefined : merged, ...at });
}

/** Options that give something to rows that name none, where every row names its own. */
function checkUnusedOptions({ rows, tenants, columns, shared: { options }, findings }: JudgedManifest): void {
  const enabled = rows.filter((row) => row.enabled !== false);
  if (enabled.length === 0) return;
  const unused = (option: string, column: ManifestColumn): void => {
    const message = `${option} serves no row: each has its own ${column}.`;
    findings.warn("OPTION_UNUSED", message, { column });
  };
  const allHave = (column: ManifestColumn, of = enabled) => of.every((row) => cellOf(row, columns.get(column)) !== "");
  if (options.sourceTaskId !== undefined && allHave("sourceTaskId", [...rows])) unused("--source-task", "sourceTaskId");
  if (options.masterApp !== undefined && allHave("qlikAppId")) unused("--master-app", "qlikAppId");
  if (options.reports.length > 0 && allHave("reportId")) unused("--report", "reportId");
  const isNamed = (tenant: JudgedTenant): boolean => tenant.rows.some(({ name }) => name !== undefined);
  if (options.nameTemplate !== undefined && tenants.filter((one) => one.enabled).every(isNamed))
    unused("--name", "name");
}

/** Where the rows of one tenant contradict each other. */
function checkContradictions(manifest: JudgedManifest): void {
  for (const tenant of manifest.tenants) {
    if (tenant.rows.length === 1) continue;
    const enabled = tenant.rows.filter((row) => row.enabled !== false);
    checkOneValue("enabled", tenant.rows, manifest);
    checkOneValue("name", enabled, manifest);
    checkOneValue("newTaskId", enabled, manifest);
    checkTargets(tenant, manifest);
  }
}

function checkOneValue(
  column: "enabled" | "name" | "newTaskId",
  rows: readonly ManifestRow[],
  manifest: JudgedManifest,
): void {
  const [first, ...others] = rows.filter((row) => row[column] !== undefined);
  for (const row of others) {
    const [here, there] = [String(row[column]), String(first?.[column])];
    if (here === there) continue;
    const values = `${quote(here)} here, but ${quote(there)} on line ${first?.line}`;
    manifest.findings.fault("CONTRADICTION", `Tenant ${quote(row.tenant ?? "")} has ${column} ${values}.`, {
      hint: `All rows of one tenant make one copy: give them the same ${column}.`,
      ...placeOf(manifest, row, column),
      value: here,
    });
  }
}

/** One report and `qlikAppId` with two targets; a mapping of every report covers each one. */
function checkTargets({ tenant, rows }: JudgedTenant, manifest: JudgedManifest): void {
  /** The first mapping of each app and report, and for each app those of them that differ in their target. */
  const first = new Map<string, DesiredMapping>();
  const targetsOf = new Map<AppId, DesiredMapping[]>();
  const findOther = (mapping: DesiredMapping): DesiredMapping | undefined => {
    const covered =
      mapping.report === undefined
        ? (targetsOf.get(mapping.qlikAppId) ?? [])
        : [first.get(`${mapping.qlikAppId} undefined`), first.get(`${mapping.qlikAppId} ${mapping.report}`)];
    return covered.find((one) => one !== undefined && one.newQlikAppId !== mapping.newQlikAppId);
  };
  const keep = (mapping: DesiredMapping): void => {
    first.set(`${mapping.qlikAppId} ${mapping.report}`, mapping);
    const [one, another] = targetsOf.get(mapping.qlikAppId) ?? [];
    // Two that differ are enough: no third has both targets.
    if (another === undefined && one?.newQlikAppId !== mapping.newQlikAppId)
      addTo(targetsOf, mapping.qlikAppId, mapping);
  };
  for (const row of rows) {
    for (const mapping of row.desired) {
      const other = findOther(mapping);
      if (other === undefined) {
        keep(mapping);
        continue;
      }
      const report = mapping.report ?? other.report;
      const what = `app ${mapping.qlikAppId} of ${report === undefined ? "every report" : `report ${report}`}`;
      const targets = `${mapping.newQlikAppId} here, but to ${other.newQlikAppId} on line ${other.line}`;
      manifest.findings.fault("CONTRADICTION", `Tenant ${quote(tenant)} maps ${what} to ${targets}.`, {
        hint: "Keep one of the two rows. A row without reportId means every report.",
        ...placeOf(manifest, row, "newQlikAppId"),
        value: mapping.newQlikAppId,
      });
      break;
    }
  }
}

/** A key with a disabled row that names no source task, and an enabled one: whether the tenant is enabled cannot be told. */
function checkDisabledWithoutSource(manifest: JudgedManifest): void {
  const unplaced = manifest.tenants.filter(({ sourceTaskId }) => sourceTaskId === undefined);
  if (unplaced.length === 0) return;
  const enabled = new Map(manifest.tenants.flatMap((one) => (one.enabled ? [[one.key, one]] : [])));
  for (const { tenant, key, rows } of unplaced) {
    const other = enabled.get(key);
    if (other === undefined) continue;
    const message = `Tenant ${quote(tenant)} is disabled here, but enabled on line ${other.line}.`;
    manifest.findings.fault("CONTRADICTION", message, {
      hint: "Give the disabled row its sourceTaskId, or remove one of the two.",
      ...placeOf(manifest, rows[0], "enabled"),
      value: "false",
    });
  }
}

/** One key written in two ways, under whatever source tasks. Disabled rows take no part. */
function checkSpellings(manifest: JudgedManifest): void {
  const firstOf = new Map<TenantKey, ManifestRow>();
  for (const row of manifest.rows) {
    if (row.key === undefined || row.enabled === false) continue;
    const first = firstOf.get(row.key);
    if (first === undefined) firstOf.set(row.key, row);
    else if (first.tenant !== row.tenant) {
      const [here, there] = [row.tenant ?? "", first.tenant ?? ""];
      const alike =
        asSeen(here) === asSeen(there) ? " They look alike, but are written with different characters." : "";
      const both = `${quote(here)} here, but ${quote(there)} on line ${first.line}`;
      manifest.findings.fault("TENANT_SPELLED_TWO_WAYS", `The tenant is spelled ${both}: both are one key.${alike}`, {
        ...placeOf(manifest, row, "tenant"),
        value: here,
      });
    }
  }
}

function asSeen(text: string): string {
  return text.replace(/\p{Default_Ignorable_Code_Point}/gu, "").normalize("NFC");
}

/**
 * What a tenant's app may not be: one that is not in `--apps`, the master app or any row's `qlikAppId`, another tenant's.
 * Disabled rows take no part. One tenant's app has at most one fault: the first of these.
 */
function checkApps(manifest: JudgedManifest): void {
  if (looksSwapped(manifest.rows)) {
    const message = "Each row replaces another app (qlikAppId), and all of them by the same one (newQlikAppId).";
    manifest.findings.fault("COLUMNS_SWAPPED", message, { line: manifest.raw.headerLine });
    return;
  }
  const masters = mastersOf(manifest);
  const owners = new Map<AppId, ManifestRow>();
  const told = new Set<string>();
  for (const row of manifest.rows) {
    const { newQlikAppId: app, key, line } = row;
    if (app === undefined || row.enabled === false) continue;
    const fault = appFault(row, app, masters.get(app), owners.get(app), manifest.shared);
    if (key !== undefined && !owners.has(app)) owners.set(app, row);
    if (fault === undefined) continue;
    const once = `${key ?? line} ${app}`;
    if (told.has(once)) continue;
    told.add(once);
    const [code, message, hint] = fault;
    manifest.findings.fault(code, message, { ...placeOf(manifest, row, "newQlikAppId"), hint, value: app });
  }
}

/** Whether the two columns of apps have changed places: there is one master app, and an app for each tenant. */
function looksSwapped(rows: readonly ManifestRow[]): boolean {
  const enabled = rows.filter((row) => row.enabled !== false && row.newQlikAppId !== undefined);
  const distinct = (column: "key" | "qlikAppId" | "newQlikAppId"): number =>
    new Set(enabled.map((row) => row[column])).size;
  return distinct("newQlikAppId") === 1 && distinct("key") > 1 && distinct("qlikAppId") >= distinct("key");
}

/** Each app that an enabled row replaces, as a message names it. */
function mastersOf({ rows, shared }: JudgedManifest): ReadonlyMap<AppId, string> {
  const masters = new Map<AppId, string>(shared.masters.map((app) => [app, "the master app"]));
  for (const { qlikAppId, enabled, line } of rows)
    if (qlikAppId !== undefined && enabled !== false && !masters.has(qlikAppId))
      masters.set(qlikAppId, `the app that line ${line} replaces (qlikAppId)`);
  return masters;
}

type AppFault = readonly [code: ProblemCode, message: string, hint?: string];

/** `owner`: the first row that has this app. */
function appFault(
  { tenant, key }: ManifestRow,
  app: AppId,
  master: string | undefined,
  owner: ManifestRow | undefined,
  { knownApps, allowMasterAppFor, allowSharedApps }: JudgedManifest["shared"],
): AppFault | undefined {
  const whose = tenant === undefined ? "This row's tenant" : `Tenant ${quote(tenant)}`;
  if (knownApps?.has(app) === false)
    return ["APP_UNKNOWN", `${whose} shall read app ${app}, which is not in the list given by --apps.`];
  if (master !== undefined && (key === undefined || !allowMasterAppFor.includes(key))) {
    const message = `${whose} would read ${app}, ${master}: the customer would get the master's figures.`;
    const own = "Write the ID of the tenant's own app.";
    if (tenant === undefined) return ["MASTER_APP", message, own];
    const allow = sameLine(...optionWords("--allow-master-app", tenant));
    return ["MASTER_APP", message, hintOf(`${own} Where it shall show the master's figures:`, allow)];
  }
  if (owner === undefined || key === undefined || owner.key === key || allowSharedApps.includes(app)) return undefined;
  const both = `Tenants ${quote(owner.tenant ?? "")} (line ${owner.line}) and ${quote(tenant ?? "")}`;
  const message = `${both} would both read app ${app}: one would get the other's figures.`;
  const allow = sameLine("--allow-shared-app", app);
  return ["APP_SHARED", message, hintOf("Give each its own app. Where both shall read it:", allow)];
}

/** A `newTaskId` that two tenants claim, or that is a source task. Disabled rows take no part. */
function checkNewTasks(manifest: JudgedManifest): void {
  const tenants = manifest.tenants.filter(({ enabled }) => enabled);
  const sources = new Set<TaskId | undefined>(tenants.map(({ sourceTaskId }) => sourceTaskId));
  sources.add(manifest.shared.sourceTaskId);
  const owners = new Map<TaskId, ManifestTenant>();
  for (const one of tenants) {
    const { tenant, newTaskId: task, rows } = one;
    if (task === undefined) continue;
    const row = rows.find(({ newTaskId }) => newTaskId !== undefined) ?? rows[0];
    const at = { ...placeOf(manifest, row, "newTaskId"), value: task };
    const owner = owners.get(task);
    if (owner === undefined) owners.set(task, one);
    if (sources.has(task)) {
      const message = `The newTaskId ${task} of tenant ${quote(tenant)} is a source task: it is nobody's copy.`;
      manifest.findings.fault("NEW_TASK_IS_SOURCE", message, at);
    } else if (owner !== undefined) {
      const both = `tenant ${quote(tenant)} and of ${quote(owner.tenant)} (line ${owner.line})`;
      manifest.findings.fault("NEW_TASK_SHARED", `Task ${task} is the newTaskId of ${both}.`, at);
    }
  }
}
