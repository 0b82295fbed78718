import pLimit from "p-limit";
import { EXIT, type Problem, StopError } from "../domain/errors.js";
import { type AppId, parseAppId, type TaskId, type TenantRef, tenantRef, unplacedRef } from "../domain/ids.js";
import { appsInForce, namesInDoubt } from "../domain/in-force.js";
import type { PlanShape } from "../domain/log-record.js";
import type { Manifest, ManifestTenant } from "../domain/manifest.js";
import type { Decision, Permissions, PlanItem } from "../domain/plan.js";
import type { TaskReport } from "../domain/source-task.js";
import { nearestKeys, tenantMatcher } from "../domain/tenant-pattern.js";
import type { TenantState } from "../domain/tenant-state.js";
import type { Observation } from "./observe-server.js";
import { adoptionCandidate, decideEntry, namedUnderOf, type PlanContext, twinsInList } from "./plan-context.js";
import { type PlanEntry, planEntries } from "./plan-entries.js";
import type { Reading, TaskReader } from "./ports.js";
import type { Recorder } from "./recorder.js";
import { readBackKnownCopies } from "./verify-copies.js";

/** A plan: one item a tenant in the manifest's order, orphans last; and what was found beside it. Data, no closures. */
export interface Plan {
  readonly items: readonly PlanItem[];
  readonly entries: ReadonlyMap<TenantRef, PlanEntry>;
  readonly warnings: readonly Problem[];
  /** Logged tenants that have a twin, and that this plan carries out or not. */
  readonly twins: boolean;
  readonly context: PlanContext;
}

const READS_AT_ONCE = 8;

/**
 * Makes a plan from the manifest, the log and what was observed. Is never given a writer. Throws a StopError (exit 2) for
 * faults that only the server's reports and names show.
 */
export async function makePlan(from: {
  readonly manifest: Manifest;
  readonly shape: PlanShape;
  readonly newLog: boolean;
  readonly verify: boolean;
  readonly recorder: Recorder;
  /** `undefined`: offline. */
  readonly server: { readonly reader: TaskReader; readonly observation: Observation } | undefined;
}): Promise<Plan> {
  const { manifest, shape, recorder, server } = from;
  const log = recorder.state;
  const sources = server?.observation.sources;
  const entries = planEntries({ manifest, shape, log, sources });
  const byRef = new Map(entries.map((entry) => [entry.ref, entry]));
  const selects = selector(manifest, shape);
  if (server !== undefined) {
    await recordGone(recorder, server.observation);
    await withdrawRetries(recorder, server.observation);
  }
  const selected = entries.filter((entry) => selects(entry.row));
  const hidden =
    from.verify && server !== undefined
      ? await readBackKnownCopies({ reader: server.reader, recorder, entries: selected, list: server.observation.list })
      : [];
  const bare: PlanContext = {
    manifest,
    log,
    permissions: permissionsOf(shape, from.newLog),
    sources,
    list: server?.observation.list,
    inForce: appsInForce(log),
    namesInDoubt: namesInDoubt(log),
    namedUnder: namedUnderOf(manifest),
    candidates: new Map(),
  };
  const context =
    server === undefined ? bare : { ...bare, candidates: await readCandidates(server.reader, bare, selected) };
  const items = [
    ...claimOnce(manifest.tenants.map((row) => itemOf(context, row, { entries: byRef, selects }))),
    ...orphansOf(context),
  ];
  const { warnings, twins } = findingsOf(context, items);
  return { items, entries: byRef, warnings: [...hidden, ...warnings], twins, context };
}

function permissionsOf(shape: PlanShape, newLog: boolean): Permissions {
  return {
    adopt: shape.adopt,
    recreate: shape.recreate,
    newLog,
    allowSharedApps: new Set(
      shape.allowSharedApp.map((app) => parseAppId(app)).filter((app): app is AppId => app !== undefined),
    ),
    allowUnmappedReports: new Set(shape.allowUnmappedReport),
  };
}

function selector(manifest: Manifest, shape: PlanShape): (row: ManifestTenant) => boolean {
  const matches = tenantMatcher(shape.only);
  const keys = manifest.tenants.map((row) => row.key);
  const idle = shape.only.filter((pattern) => !keys.some(tenantMatcher([pattern])));
  if (idle.length > 0)
    throw new StopError(
      EXIT.usage,
      idle.map((pattern) => ({
        code: "ONLY_MATCHES_NONE",
        message: `--only ${pattern} matches no tenant of ${manifest.path}`,
        hint: `The nearest keys are ${nearestKeys(pattern, keys, 3).join(", ")}`,
        value: pattern,
      })),
    );
  return (row) => matches(row.key);
}

/** Copies that are provably gone are logged as gone: they hold no app, and are no longer in the way of a whole list. */
async function recordGone(recorder: Recorder, observation: Observation): Promise<void> {
  const gone = [...recorder.state.tenants()].flatMap(({ sourceTaskId, key, copy }) =>
    copy !== undefined &&
    !copy.gone &&
    observation.list.presence.get(copy.newTaskId) === "absent" &&
    wholeForAny(observation, sourceTaskId)
      ? [{ type: "gone" as const, sourceTaskId, key, newTaskId: copy.newTaskId }]
      : [],
  );
  await recorder.record(gone);
}

/** `resolve --retry` allows one create where a copy is missing. Where it is seen, it must not allow one some day later. */
async function withdrawRetries(recorder: Recorder, observation: Observation): Promise<void> {
  const seen = [...recorder.state.tenants()].flatMap(({ sourceTaskId, key, tenant, copy, retry, openCreates }) => {
    const presence = copy === undefined ? undefined : observation.list.presence.get(copy.newTaskId);
    return retry && openCreates.length === 0 && (presence === "listed" || presence === "answers")
      ? [{ type: "retry" as const, sourceTaskId, key, tenant, withdrawn: true }]
      : [];
  });
  await recorder.record(seen);
}

/** A tenant of a source task that this run did not read is judged by one that it did. */
function wholeForAny(observation: Observation, sourceTaskId: TaskId): boolean {
  const source = observation.sources.has(sourceTaskId) ? sourceTaskId : observation.sources.keys().next().value;
  return source !== undefined && observation.list.wholenessOf(source).whole;
}

async function readCandidates(
  reader: TaskReader,
  context: PlanContext,
  entries: readonly PlanEntry[],
): Promise<ReadonlyMap<TaskId, Reading<readonly TaskReport[]>>> {
  const wanted = new Set(entries.flatMap((entry) => adoptionCandidate(context, entry) ?? []));
  const limit = pLimit(READS_AT_ONCE);
  const readings = await Promise.all(
    [...wanted].map(async (id) => [id, await limit(() => reader.readReports(id))] as const),
  );
  return new Map(readings);
}

function itemOf(
  context: PlanContext,
  row: ManifestTenant,
  plan: { readonly entries: ReadonlyMap<TenantRef, PlanEntry>; readonly selects: (row: ManifestTenant) => boolean },
): PlanItem {
  const ref = row.sourceTaskId === undefined ? unplacedRef(row.key) : tenantRef(row.sourceTaskId, row.key);
  const entry = plan.entries.get(ref);
  const state = context.log.tenant(ref);
  const base = {
    ref,
    key: row.key,
    tenant: row.tenant,
    sourceTaskId: row.sourceTaskId,
    line: row.line,
    name: state?.copy?.name ?? entry?.name,
    wanted: entry?.wanted ?? { mappings: [], named: [] },
    twins: state === undefined ? [] : twinsInList(context, state).map((task) => task.id),
  };
  if (!row.enabled || entry === undefined) return { ...base, ...skipped("disabled in the manifest") };
  if (!plan.selects(row)) return { ...base, ...skipped("not selected by --only") };
  return { ...base, ...decideEntry(context, entry) };
}

function skipped(reason: string): Decision {
  return { action: { kind: "skip" }, reason, missing: [] };
}

/** Two tenants of one plan never take over the same task: the second is a conflict. */
function claimOnce(items: readonly PlanItem[]): readonly PlanItem[] {
  const claimed = new Map<TaskId, string>();
  return items.map((item) => {
    if (item.action.kind !== "adopt") return item;
    const holder = claimed.get(item.action.task.id);
    claimed.set(item.action.task.id, holder ?? item.tenant);
    if (holder === undefined) return item;
    const message = `the task ${item.action.task.id} is taken over by tenant "${holder}" in this same plan`;
    return { ...item, action: { kind: "conflict", error: { code: "NOT_A_COPY", message } }, reason: message };
  });
}

/** Logged tenants whose records came from a manifest of this file name, and which it lists no more. Reported, never touched. */
function orphansOf(context: PlanContext): readonly PlanItem[] {
  const listed = new Set<TenantRef>();
  const anywhere = new Set<string>();
  for (const row of context.manifest.tenants) {
    if (row.sourceTaskId === undefined) anywhere.add(row.key);
    else listed.add(tenantRef(row.sourceTaskId, row.key));
  }
  const orphans: PlanItem[] = [];
  for (const state of context.log.tenants()) {
    if (state.manifest !== context.manifest.fileName || listed.has(state.ref) || anywhere.has(state.key)) continue;
    const holds = (state.copy !== undefined && !state.copy.gone) || state.openCreates.length > 0;
    if (!holds) continue;
    orphans.push({
      ref: state.ref,
      key: state.key,
      tenant: state.tenant,
      sourceTaskId: state.sourceTaskId,
      line: undefined,
      name: state.copy?.name ?? state.openCreates[0]?.name,
      wanted: { mappings: mappingsOf(state), named: [] },
      twins: twinsInList(context, state).map((task) => task.id),
      action: { kind: "orphan" },
      reason: "in the log, no longer in the manifest; left as it is",
      missing: [],
    });
  }
  return orphans;
}

function mappingsOf(state: TenantState): PlanItem["wanted"]["mappings"] {
  return [...state.reports].flatMap(([reportId, report]) =>
    (report.known ?? []).map((swap) => ({ reportId, ...swap })),
  );
}

function findingsOf(
  context: PlanContext,
  items: readonly PlanItem[],
): { readonly warnings: readonly Problem[]; readonly twins: boolean } {
  const warnings: Problem[] = [...missingReports(items)];
  const carried = new Map(items.map((item) => [item.ref, item]));
  let twins = false;
  for (const state of context.log.tenants()) {
    const found = twinsInList(context, state);
    if (found.length === 0) continue;
    twins = true;
    if (carried.get(state.ref)?.action.kind === "conflict") continue;
    warnings.push({
      code: "TWIN",
      message: `tenant "${state.tenant}" has more than one task: ${[state.copy?.newTaskId, ...found.map((task) => task.id)].join(", ")}`,
      hint: "Look at them on the server and delete all but one",
      tenant: state.tenant,
    });
  }
  return { warnings, twins };
}

/** A report that copies were born without is one warning for its source task, not an update. */
function missingReports(items: readonly PlanItem[]): readonly Problem[] {
  const missing = new Map<
    string,
    { readonly sourceTaskId: string; readonly report: string; readonly tenants: string[] }
  >();
  for (const item of items)
    for (const report of item.missing) {
      const key = `${item.sourceTaskId} ${report}`;
      const found = missing.get(key) ?? { sourceTaskId: item.sourceTaskId ?? "", report, tenants: [] };
      found.tenants.push(item.tenant);
      missing.set(key, found);
    }
  return [...missing.values()].map(({ sourceTaskId, report, tenants }) => ({
    code: "COPY_LACKS_REPORT",
    message: `the source task ${sourceTaskId} has the report ${report}, which ${tenants.length} ${tenants.length === 1 ? "copy was" : "copies were"} born without (${tenants.slice(0, 3).join(", ")}${tenants.length > 3 ? ", …" : ""})`,
    hint: "Add the report to these copies on the server, or delete the copies and run sync --recreate",
  }));
}
