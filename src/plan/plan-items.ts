import type { TenantState } from "../log/tenant-state.js";
import type { ManifestTenant } from "../manifest/manifest.js";
import { type TaskId, type TenantKey, type TenantRef, tenantRef, unplacedRef } from "../shared/ids.js";
import type { TenantError } from "../shared/results.js";
import * as conflict from "./conflicts.js";
import { type Decision, decideEntry, type PlanItem, refuse } from "./decide.js";
import type { PlanEntry } from "./desired.js";
import type { PlanContext, Twins } from "./plan-context.js";
import { looksCopied } from "./whose-task.js";

const NONE: readonly never[] = [];
const NOTHING: PlanItem["wanted"] = { mappings: NONE, named: NONE };
const DISABLED: Decision = { action: { kind: "skip" }, reason: "disabled in the manifest", missing: NONE };
const NOT_SELECTED: Decision = { action: { kind: "skip" }, reason: "not selected by --only", missing: NONE };

/** What a tenant of the manifest is known by, also where its rows name no source task. */
export function refOfRow({ sourceTaskId, key }: ManifestTenant): TenantRef {
  return sourceTaskId === undefined ? unplacedRef(key) : tenantRef(sourceTaskId, key);
}

interface Planning {
  readonly twins: Twins;
  /** `--only`. */
  readonly selects: (row: ManifestTenant) => boolean;
  /** Copies that `--verify` could not read. */
  readonly unread: ReadonlyMap<TenantRef, TenantError>;
}

/** A plan's items: one a row in the manifest's order, orphans last. */
export function planItems(context: PlanContext, { twins, selects, unread }: Planning): readonly PlanItem[] {
  const claimed = new Map<TaskId, string>();
  const decisionFor = (entry: PlanEntry): Decision => {
    const decision = decideEntry(context, entry);
    if (decision.action.kind !== "adopt") return decision;
    // Two tenants of one plan never take over the same task: the second is a conflict.
    const { id } = decision.action.task;
    const holder = claimed.get(id);
    if (holder !== undefined)
      return refuse(conflict.notACopy(id, `it is taken over by tenant "${holder}" in this same plan`));
    claimed.set(id, entry.tenant);
    return decision;
  };
  const items = context.manifest.tenants.map((row): PlanItem => {
    const { key, tenant, sourceTaskId, line } = row;
    const ref = refOfRow(row);
    const entry = context.entries.get(ref);
    const isSelected = selects(row);
    return {
      ref: entry?.ref ?? ref,
      key,
      tenant,
      sourceTaskId,
      line,
      name: context.log.tenant(ref)?.copy?.name ?? entry?.name,
      wanted: entry?.wanted ?? NOTHING,
      twins: twins.get(ref) ?? NONE,
      unread: isSelected ? unread.get(ref) : undefined,
      ...(entry === undefined ? DISABLED : isSelected ? decisionFor(entry) : NOT_SELECTED),
    };
  });
  return [...withoutLostLogs(context, items), ...orphansOf(context, twins)];
}

/**
 * Where the log knows no copy of a source task and any of its tenants' names is taken, or a task looks like a tenant's copy, the log
 * is lost: then a renamed tenant's copy bears its old name, and nobody can tell which tenants have none.
 */
function withoutLostLogs(context: PlanContext, items: readonly PlanItem[]): readonly PlanItem[] {
  const { permissions, log, entries } = context;
  if (permissions.adopt || permissions.newLog) return items;
  const lost = new Set<TaskId>();
  for (const { ref, action } of items) {
    const entry = entries.get(ref);
    if (entry === undefined || log.knowsCopyOf(entry.sourceTaskId) || lost.has(entry.sourceTaskId)) continue;
    const taken = action.kind === "conflict" ? undefined : entry.newTaskId;
    if (looksCopied(context, entry, taken)) lost.add(entry.sourceTaskId);
  }
  if (lost.size === 0) return items;
  const refused = refuse(conflict.logLost());
  const isLost = ({ action, sourceTaskId }: PlanItem): boolean =>
    action.kind === "create" && sourceTaskId !== undefined && lost.has(sourceTaskId);
  return items.map((item) => (isLost(item) ? { ...item, ...refused } : item));
}

/** Logged tenants whose records came from a manifest of this file name, and which it lists no more. Reported, never touched. */
function orphansOf({ manifest, inManifest, log }: PlanContext, twins: Twins): readonly PlanItem[] {
  const anywhere = new Set<TenantKey>();
  for (const { key, sourceTaskId } of manifest.tenants) if (sourceTaskId === undefined) anywhere.add(key);
  const isOrphan = ({ ref, key, manifest: fileName, copy, openCreates }: TenantState): boolean =>
    fileName === manifest.fileName &&
    !anywhere.has(key) &&
    !inManifest.has(ref) &&
    ((copy !== undefined && !copy.gone) || openCreates.length > 0);
  return [...log.tenants()].filter(isOrphan).map((state) => ({
    ref: state.ref,
    key: state.key,
    tenant: state.tenant,
    sourceTaskId: state.sourceTaskId,
    line: undefined,
    name: state.copy?.name ?? state.openCreates[0]?.name,
    wanted: { mappings: mappingsOf(state), named: NONE },
    twins: twins.get(state.ref) ?? NONE,
    action: { kind: "orphan" },
    reason: "in the log, no longer in the manifest; left as it is",
    missing: NONE,
  }));
}

function mappingsOf({ reports }: TenantState): PlanItem["wanted"]["mappings"] {
  return [...reports].flatMap(([reportId, { known = NONE }]) => known.map((swap) => ({ reportId, ...swap })));
}
