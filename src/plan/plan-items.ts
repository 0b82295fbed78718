import type { TenantState } from "../log/tenant-state.js";
import type { ManifestTenant } from "../manifest/manifest.js";
import { type TaskId, type TenantKey, type TenantRef, tenantRef, unplacedRef } from "../shared/ids.js";
import type { TenantError } from "../shared/outcome.js";
import type { ListedTask } from "../shared/source-task.js";
import * as conflict from "./conflicts.js";
import type { Decision, PlanItem } from "./decide.js";
import { decideEntry, looksCopied, type PlanContext, twinsInList } from "./plan-context.js";
import type { PlanEntry } from "./plan-entries.js";

const NONE: readonly never[] = [];

/** The logged tenants that have listed twins, and these, in the log's order. */
export type Twins = ReadonlyMap<TenantRef, { readonly state: TenantState; readonly tasks: readonly ListedTask[] }>;

export function twinsOfLog(context: PlanContext): Twins {
  const twins = new Map<TenantRef, { readonly state: TenantState; readonly tasks: readonly ListedTask[] }>();
  for (const state of context.log.tenants()) {
    const tasks = twinsInList(context, state);
    if (tasks.length > 0) twins.set(state.ref, { state, tasks });
  }
  return twins;
}

/** A plan's items: one a row in the manifest's order, orphans last. */
export function planItems(context: PlanContext, entries: readonly PlanEntry[], plan: Planning): readonly PlanItem[] {
  const rows = itemsOf(context, entries, plan);
  return withoutLostLogs(context, entries, claimOnce(rows)).concat(orphansOf(context, rows, plan.twins));
}

interface Planning {
  readonly twins: Twins;
  readonly selects: (row: ManifestTenant) => boolean;
  /** Copies that `--verify` could not read. */
  readonly unread: ReadonlyMap<TenantRef, TenantError>;
}

/**
 * Where the log knows no copy of a source task and any of its tenants' names is taken, or a task looks like a tenant's copy, the log
 * is lost: then a renamed tenant's copy bears its old name, and nobody can tell which tenants have none.
 */
function withoutLostLogs(
  context: PlanContext,
  entries: readonly PlanEntry[],
  items: readonly PlanItem[],
): readonly PlanItem[] {
  const { permissions, log } = context;
  if (permissions.adopt || permissions.newLog) return items;
  const refused = new Set(items.flatMap(({ action, ref }) => (action.kind === "conflict" ? ref : [])));
  const lost = new Set<TaskId>();
  for (const entry of entries) {
    const { sourceTaskId } = entry;
    if (log.knowsCopyOf(sourceTaskId) || lost.has(sourceTaskId)) continue;
    const taken = refused.has(entry.ref) ? undefined : entry.row.newTaskId;
    if (looksCopied(context, entry, taken)) lost.add(sourceTaskId);
  }
  if (lost.size === 0) return items;
  const error = conflict.logLost();
  return items.map((item) =>
    item.action.kind === "create" && item.sourceTaskId !== undefined && lost.has(item.sourceTaskId)
      ? { ...item, action: { kind: "conflict", error }, reason: error.message }
      : item,
  );
}

/** One item a row. The entries come in the manifest's order, and some rows have none. */
function itemsOf(context: PlanContext, entries: readonly PlanEntry[], plan: Planning): readonly PlanItem[] {
  const items: PlanItem[] = [];
  let next = 0;
  for (const row of context.manifest.tenants) {
    const entry = entries[next]?.row === row ? entries[next] : undefined;
    if (entry !== undefined) next += 1;
    const ref = entry?.ref ?? refOf(row);
    const state = context.log.tenant(ref);
    const twins = plan.twins.get(ref)?.tasks ?? NONE;
    const { action, reason, missing } =
      entry === undefined ? DISABLED : plan.selects(row) ? decideEntry(context, entry, twins) : NOT_SELECTED;
    items.push({
      ref,
      key: row.key,
      tenant: row.tenant,
      sourceTaskId: row.sourceTaskId,
      line: row.line,
      name: state?.copy?.name ?? entry?.name,
      wanted: entry?.wanted ?? NOTHING,
      twins: idsOf(twins),
      unread: plan.selects(row) ? plan.unread.get(ref) : undefined,
      action,
      reason,
      missing,
    });
  }
  return items;
}

const NOTHING: PlanItem["wanted"] = { mappings: NONE, named: NONE };
const DISABLED = skipped("disabled in the manifest");
const NOT_SELECTED = skipped("not selected by --only");

function skipped(reason: string): Decision {
  return { action: { kind: "skip" }, reason, missing: NONE };
}

function refOf(row: ManifestTenant): TenantRef {
  return row.sourceTaskId === undefined ? unplacedRef(row.key) : tenantRef(row.sourceTaskId, row.key);
}

function idsOf(tasks: readonly ListedTask[]): readonly TaskId[] {
  return tasks.length === 0 ? NONE : tasks.map((task) => task.id);
}

/** Two tenants of one plan never take over the same task: the second is a conflict. */
function claimOnce(items: readonly PlanItem[]): readonly PlanItem[] {
  if (!items.some((item) => item.action.kind === "adopt")) return items;
  const claimed = new Map<TaskId, string>();
  return items.map((item) => {
    if (item.action.kind !== "adopt") return item;
    const holder = claimed.get(item.action.task.id);
    claimed.set(item.action.task.id, holder ?? item.tenant);
    if (holder === undefined) return item;
    const message = `the task ${item.action.task.id} is taken over by tenant "${holder}" in this same plan`;
    return {
      ...item,
      action: {
        kind: "conflict",
        error: { code: "NOT_A_COPY", message, hint: "One task is one tenant's copy: correct one of the two" },
      },
      reason: message,
    };
  });
}

/** Logged tenants whose records came from a manifest of this file name, and which it lists no more. Reported, never touched. */
function orphansOf(context: PlanContext, rows: readonly PlanItem[], twins: Twins): readonly PlanItem[] {
  let listed: ReadonlySet<TenantRef> | undefined;
  const anywhere = new Set<TenantKey>();
  for (const row of rows) if (row.sourceTaskId === undefined) anywhere.add(row.key);
  const orphans: PlanItem[] = [];
  for (const state of context.log.tenants()) {
    if (state.manifest !== context.manifest.fileName || anywhere.has(state.key)) continue;
    const holds = (state.copy !== undefined && !state.copy.gone) || state.openCreates.length > 0;
    if (!holds) continue;
    listed ??= new Set(rows.map((row) => row.ref));
    if (listed.has(state.ref)) continue;
    orphans.push({
      ref: state.ref,
      key: state.key,
      tenant: state.tenant,
      sourceTaskId: state.sourceTaskId,
      line: undefined,
      name: state.copy?.name ?? state.openCreates[0]?.name,
      wanted: { mappings: mappingsOf(state), named: [] },
      twins: idsOf(twins.get(state.ref)?.tasks ?? NONE),
      action: { kind: "orphan" },
      reason: "in the log, no longer in the manifest; left as it is",
      missing: NONE,
    });
  }
  return orphans;
}

function mappingsOf(state: TenantState): PlanItem["wanted"]["mappings"] {
  return [...state.reports].flatMap(([reportId, report]) =>
    (report.known ?? []).map((swap) => ({ reportId, ...swap })),
  );
}
