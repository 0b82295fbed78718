import type { AppId, TaskId, TenantKey } from "../shared/ids.js";
import type { Problem } from "../shared/problems.js";
import { quote } from "../shared/quotation.js";
import type { ManifestDefaults } from "./manifest.js";
import type { SharedValues } from "./manifest-shared.js";
import type { RawManifest } from "./raw-manifest.js";
import type { ManifestRow } from "./rows.js";
import type { TenantGroup } from "./tenants.js";

/**
 * What a tenant's app may not be: one that is not in `--apps`, the master app or any row's `qlikAppId`, another tenant's.
 * Disabled rows take no part. At most one fault for one cell: the first of these.
 */
export function checkApps(
  rows: readonly ManifestRow[],
  raw: RawManifest,
  rules: { readonly shared: SharedValues; readonly defaults: ManifestDefaults },
): readonly Problem[] {
  const faults: Problem[] = [];
  const masters = mastersOf(rows, rules.shared);
  const masterAllowed = new Set<TenantKey>(rules.defaults.allowMasterAppFor);
  const sharedAllowed = new Set<AppId>(rules.defaults.allowSharedApps);
  const known = rules.defaults.knownApps;
  const owners = new Map<AppId, ManifestRow>();
  const told = new Set<string>();
  for (const row of rows) {
    const app = row.newQlikAppId;
    if (app === undefined || row.enabled === false) continue;
    const master = masters.get(app);
    const owner = owners.get(app);
    if (owner === undefined && row.key !== undefined) owners.set(app, row);
    const fault =
      known !== undefined && !known.has(app)
        ? appUnknown(row, app)
        : master !== undefined && !(row.key !== undefined && masterAllowed.has(row.key))
          ? onMasterApp(row, app, master)
          : owner !== undefined && row.key !== undefined && owner.key !== row.key && !sharedAllowed.has(app)
            ? appShared(row, app, owner)
            : undefined;
    if (fault === undefined) continue;
    const once = `${row.key ?? row.line} ${app}`;
    if (told.has(once)) continue;
    told.add(once);
    faults.push({ ...fault, tenant: row.tenant, file: raw.file, ...raw.place(row.raw, "newQlikAppId"), value: app });
  }
  return faults;
}

/** Each app that an enabled row replaces, with where it is named so: a line, or 0 for a flag or the manifest's top level. */
function mastersOf(rows: readonly ManifestRow[], shared: SharedValues): ReadonlyMap<AppId, number> {
  const masters = new Map<AppId, number>(shared.masters.map((app) => [app, 0]));
  for (const { qlikAppId, enabled, line } of rows)
    if (qlikAppId !== undefined && enabled !== false && !masters.has(qlikAppId)) masters.set(qlikAppId, line);
  return masters;
}

type Finding = Pick<Problem, "code" | "message" | "hint">;

function nameOf(row: ManifestRow): string {
  return row.tenant === undefined ? "This row's tenant" : `Tenant ${quote(row.tenant)}`;
}

function appUnknown(row: ManifestRow, app: AppId): Finding {
  return {
    code: "APP_UNKNOWN",
    message: `${nameOf(row)} shall read app ${app}, which is not in the list given by --apps.`,
    hint: "Correct the ID, or make the list of apps anew if the app is newer than it.",
  };
}

function onMasterApp(row: ManifestRow, app: AppId, master: number): Finding {
  const which = master === 0 ? "the master app" : `the app that line ${master} replaces (qlikAppId)`;
  return {
    code: "MASTER_APP",
    message: `${nameOf(row)} would read ${app}, ${which}: the customer would get the master's figures.`,
    hint:
      "Write the ID of the tenant's own app" +
      (row.tenant === undefined ? "." : `, or allow it with --allow-master-app ${quote(row.tenant)}.`),
  };
}

function appShared(row: ManifestRow, app: AppId, owner: ManifestRow): Finding {
  return {
    code: "APP_SHARED",
    message:
      `Tenants ${quote(owner.tenant ?? "")} (line ${owner.line}) and ${quote(row.tenant ?? "")} would both read app ${app}: ` +
      "one would get the other's figures.",
    hint: `Give each its own app, or allow it with --allow-shared-app ${app}.`,
  };
}

/** A `newTaskId` that two tenants claim, or that is a source task. Disabled rows take no part. */
export function checkNewTasks(
  groups: readonly TenantGroup[],
  raw: RawManifest,
  shared: SharedValues,
): readonly Problem[] {
  const claims = groups.flatMap((group) => {
    const row = group.enabled ? group.rows.find((one) => one.newTaskId !== undefined) : undefined;
    return row?.newTaskId === undefined ? [] : { group, row, task: row.newTaskId };
  });
  if (claims.length === 0) return [];
  const sources = new Set<TaskId>(groups.flatMap((group) => (group.enabled ? (group.sourceTaskId ?? []) : [])));
  if (shared.sourceTaskId !== undefined) sources.add(shared.sourceTaskId);
  const owners = new Map<TaskId, TenantGroup>();
  return claims.flatMap(({ group, row, task }) => {
    const owner = owners.get(task);
    if (owner === undefined) owners.set(task, group);
    const finding = sources.has(task)
      ? newTaskIsSource(group, task)
      : owner !== undefined
        ? newTaskShared(group, owner, task)
        : undefined;
    if (finding === undefined) return [];
    return { ...finding, tenant: group.tenant, file: raw.file, ...raw.place(row.raw, "newTaskId"), value: task };
  });
}

function newTaskIsSource(group: TenantGroup, task: TaskId): Finding {
  return {
    code: "NEW_TASK_IS_SOURCE",
    message: `The newTaskId ${task} of tenant ${quote(group.tenant)} is a source task: it is nobody's copy.`,
    hint: "Write the ID of the tenant's own copy, or leave newTaskId empty.",
  };
}

function newTaskShared(group: TenantGroup, owner: TenantGroup, task: TaskId): Finding {
  return {
    code: "NEW_TASK_SHARED",
    message: `Task ${task} is the newTaskId of tenant ${quote(group.tenant)} and of ${quote(owner.tenant)} (line ${owner.rows[0].line}).`,
    hint: "One task is one tenant's copy: correct one of the two.",
  };
}
