import pLimit from "p-limit";
import type { Recorder } from "../log/port.js";
import type { LogEntry, PlanShape } from "../log/records.js";
import type { LogState } from "../log/state.js";
import type { TenantState } from "../log/tenant-state.js";
import type { Manifest, ManifestTenant } from "../manifest/manifest.js";
import type { TaskReader } from "../server/ports.js";
import { hintOf, sameSync } from "../shared/hints.js";
import {
  type AppId,
  addTo,
  type ReportId,
  reportsNamed,
  type TaskId,
  type TenantKey,
  type TenantRef,
  tenantRef,
} from "../shared/ids.js";
import { EXIT, type Problem, problem, StopError } from "../shared/problems.js";
import type { TenantError } from "../shared/results.js";
import { nearestKeys, patternsWithout, tenantMatcher } from "../shared/spelling.js";
import { mapInSteps, type Steps } from "../shared/steps.js";
import type { ListedTask } from "../shared/tasks.js";
import { type Clock, inSteps } from "../shared/time.js";
import * as conflict from "./conflicts.js";
import {
  type CandidateReports,
  type Decision,
  decideEntry,
  type PlanContext,
  type PlanItem,
  refreshed,
  refuse,
  type Twins,
  twinsOfLog,
  unexplainedTasks,
} from "./decide.js";
import { byPublishedReport, type PlanEntry, planEntries } from "./desired.js";
import { listNotRead, listNotWhole, type Observation, READS_AT_ONCE, readUnlisted } from "./observe.js";
import { isNeverRead, readKnownCopies } from "./read-copies.js";
import { nameFindings, TenantNames } from "./tenant-names.js";
import { adoptionCandidate, looksCopied } from "./whose-task.js";

/** A plan: one item a tenant in the manifest's order, orphans last; and what was found beside it. Data, no closures. */
export interface Plan {
  readonly items: readonly PlanItem[];
  readonly warnings: readonly Problem[];
  /** A logged tenant has a twin, or a name that is crossed with another's, whether this plan carries it out or not. */
  readonly troubled: boolean;
  readonly context: PlanContext;
}

interface PlanRequest {
  readonly manifest: Manifest;
  readonly shape: PlanShape;
  readonly newLog: boolean;
  readonly verify: boolean;
  /** How many copies are read at once (`--concurrency`). */
  readonly concurrency: number;
  readonly recorder: Recorder;
  readonly clock: Pick<Clock, "now">;
  /** `undefined`: offline. */
  readonly server: { readonly reader: TaskReader; readonly observation: Observation } | undefined;
}

const NONE: readonly never[] = [];

/**
 * Makes a plan from the manifest, the log and what was observed. Is never given a writer. Throws a StopError (exit 2) for
 * faults that only the server's reports and names show.
 */
export async function makePlan(request: PlanRequest): Promise<Plan> {
  const { manifest, shape, recorder, server, verify } = request;
  const log = recorder.state;
  const sources = server?.observation.sources;
  const list = server?.observation.list;
  let entries = await inSteps(planEntries({ manifest, shape, log, sources }));
  const selects = selector(manifest, shape);
  if (server !== undefined) await recorder.record(presenceEntries(log, server.observation));
  const names = list && nameFindings(log, list.index, new TenantNames(log, entries));
  await recorder.record(names?.entries ?? NONE);
  // What a copy maps that nobody has read since it was taken over is in force as well.
  const toRead = entries.filter((entry) => (verify && selects(entry)) || isNeverRead(log.tenant(entry.ref)));
  const read = server && toRead.length > 0 ? await readKnownCopies(server, request, toRead) : undefined;
  // A report that only the copy has is wanted too.
  if (read !== undefined) entries = await inSteps(planEntries({ manifest, shape, log, sources }));
  const found: PlanContext = refreshed(
    {
      manifest,
      permissions: permissionsOf(request),
      entries: new Map(entries.map((entry) => [entry.ref, entry])),
      inManifest: new Set(manifest.tenants.map(({ sourceTaskId, key }) => tenantRef(sourceTaskId, key))),
      manifestSources: new Set(manifest.tenants.flatMap(({ sourceTaskId }) => sourceTaskId ?? NONE)),
      log,
      sources,
      list,
      reportNames: reportNamesOf(sources),
      crossed: new Map(),
      candidates: new Map(),
      mappedBy: new Map(),
      unread: NONE,
      unlisted: new Map(),
    },
    list,
  );
  const selected = entries.filter(selects);
  const context = server === undefined ? found : await withCandidates(server.reader, found, selected);
  const twins = twinsOfLog(context);
  const items = await inSteps(planItems(context, twins, selects, (verify ? read?.unread : undefined) ?? new Map()));
  const warnings = [
    ...planWarnings(context, items, twins),
    ...(names?.warnings ?? NONE),
    ...((verify ? read?.warnings : undefined) ?? NONE),
  ];
  return { items, warnings, troubled: twins.size > 0 || context.crossed.size > 0, context };
}

function reportNamesOf(sources: PlanContext["sources"]): PlanContext["reportNames"] {
  const names = new Map<ReportId, string>();
  for (const { task } of sources?.values() ?? NONE)
    for (const { reportId, name } of task.reports ?? NONE) if (name !== undefined) names.set(reportId, name);
  return names;
}

function permissionsOf({ shape, newLog, server }: PlanRequest): PlanContext["permissions"] {
  const rows = [...(server?.observation.sources.values() ?? NONE)].flatMap((source) => source.reportRows);
  const { adopt, recreate } = shape;
  return {
    adopt,
    recreate,
    newLog,
    allowSharedApps: new Set(shape.allowSharedApp),
    allowUnmappedReports: reportsNamed(shape.allowUnmappedReport, rows),
  };
}

/** Each takes a look at every key: a script may give 10,000 patterns. */
const NEAREST_TOLD = 12;

function selector(manifest: Manifest, shape: PlanShape): (row: ManifestTenant) => boolean {
  const matches = tenantMatcher(shape.only);
  const keys = manifest.tenants.map((row) => row.key);
  const faults = patternsWithout(keys, shape.only).map((pattern, index) => {
    const near = index < NEAREST_TOLD ? nearestKeys(pattern, keys, 3) : [];
    const hint = near.length === 0 ? undefined : `The nearest keys are ${near.join(", ")}`;
    const message = `--only ${pattern} matches no tenant of ${manifest.path}`;
    return problem("ONLY_MATCHES_NONE", message, { hint, value: pattern });
  });
  if (faults.length > 0) throw new StopError(EXIT.usage, faults);
  return (row) => matches(row.key);
}

/** What the log has to know of how its copies show. */
function presenceEntries(log: LogState, { list, sources }: Observation): readonly LogEntry[] {
  const entries: LogEntry[] = [];
  for (const { sourceTaskId, key, tenant, manifest, copy, retry, openCreates } of log.tenants()) {
    if (copy === undefined) continue;
    const { newTaskId, name } = copy;
    const presence = list.presence.get(newTaskId);
    // A copy that is provably gone holds no app, and is no longer in the way of a whole list. By a source task that this run has read:
    // a key that is blind to another shows nothing of that one's copies.
    if (presence === "absent" && sources.has(sourceTaskId) && list.wholenessOf(sourceTaskId).whole)
      entries.push({ type: "gone", sourceTaskId, key, newTaskId });
    // One that was logged as gone and is in the list is there: it is its tenant's as before, and what it maps is not known. Making it
    // anew (`--recreate`) would make two.
    if (copy.gone && list.index.has(newTaskId))
      entries.push({ type: "adopted", sourceTaskId, key, tenant, manifest, newTaskId, name, by: "adopt" });
    // `resolve --retry` allows one create where a copy is missing. Where it is seen, it must not allow one some day later.
    if (retry && openCreates.length === 0 && (presence === "listed" || presence === "answers"))
      entries.push({ type: "retry", sourceTaskId, key, tenant, withdrawn: true });
  }
  return entries;
}

/** The context with the reports of the tasks that may be taken over. */
async function withCandidates(
  reader: TaskReader,
  context: PlanContext,
  entries: readonly PlanEntry[],
): Promise<PlanContext> {
  const { log, list, permissions } = context;
  const limit = pLimit(READS_AT_ONCE);
  const readReports = async (ids: readonly TaskId[]): Promise<CandidateReports> =>
    new Map(await Promise.all(ids.map(async (id) => [id, await limit(() => reader.readReports(id))] as const)));
  // Where a tenant has no copy, any task that no record explains may be it, whatever its name: the log may be lost, or a part of it.
  const lacksCopy = entries.some(({ ref }) => log.tenant(ref)?.copy?.gone !== false);
  const strange = await readReports(permissions.adopt && lacksCopy ? unexplainedTasks(context) : NONE);
  const unread = [...strange].flatMap(([id, { kind }]) => (kind === "unreadable" ? id : NONE));
  const mappedBy = new Map<AppId, ListedTask[]>();
  for (const [id, reading] of strange) {
    const task = list?.index.get(id);
    const mappings = reading.kind === "read" ? reading.value.flatMap((report) => report.mappings ?? NONE) : NONE;
    const apps = new Set(mappings.map(({ newQlikAppId }) => newQlikAppId));
    if (task !== undefined) for (const app of apps) addTo(mappedBy, app, task);
  }
  const known = { ...context, candidates: strange, mappedBy, unread };
  const wanted = [...new Set(entries.flatMap((entry) => adoptionCandidate(known, entry) ?? NONE))];
  const others = await readReports(wanted.filter((id) => !strange.has(id)));
  const unlisted = wanted.filter((id) => list?.index.has(id) !== true);
  const named = await Promise.all(unlisted.map((id) => limit(() => readUnlisted(reader, id))));
  return {
    ...known,
    candidates: new Map([...strange, ...others]),
    unlisted: new Map(named.flatMap((task) => task ?? NONE).map((task) => [task.id, task])),
  };
}

const NOTHING: PlanItem["wanted"] = { mappings: NONE, named: NONE };
const DISABLED: Decision = { action: { kind: "skip" }, reason: "disabled in the manifest", missing: NONE };
const NOT_SELECTED: Decision = { action: { kind: "skip" }, reason: "not selected by --only", missing: NONE };

/** A plan's items: one a row in the manifest's order, orphans last. `unread`: copies that `--verify` could not read. */
function* planItems(
  context: PlanContext,
  twins: Twins,
  selects: (row: ManifestTenant) => boolean,
  unread: ReadonlyMap<TenantRef, TenantError>,
): Steps<readonly PlanItem[]> {
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
  const items = yield* mapInSteps(context.manifest.tenants, (row): PlanItem => {
    const { key, tenant, sourceTaskId, line } = row;
    const ref = tenantRef(sourceTaskId, key);
    const entry = context.entries.get(ref);
    const isSelected = selects(row);
    const decision = entry === undefined ? DISABLED : isSelected ? decisionFor(entry) : NOT_SELECTED;
    return {
      ref: entry?.ref ?? ref,
      key,
      tenant,
      sourceTaskId,
      line,
      name: context.log.tenant(ref)?.copy?.name ?? entry?.name,
      wanted: entry?.wanted ?? NOTHING,
      mapped: mappedNow(context, ref, decision),
      twins: twins.get(ref) ?? NONE,
      unread: isSelected ? unread.get(ref) : undefined,
      ...decision,
    };
  });
  return [...withoutLostLogs(context, items), ...orphansOf(context, twins)];
}

/** What a tenant's task maps before anything is done about it. */
function mappedNow(
  { log, sources, candidates }: PlanContext,
  ref: TenantRef,
  { action }: Decision,
): PlanItem["mapped"] {
  if (action.kind === "adopt") {
    const reading = candidates.get(action.task.id);
    const reports = reading?.kind === "read" ? reading.value : NONE;
    return new Map(reports.map(({ reportId, mappings }) => [reportId, { known: mappings }]));
  }
  const state = log.tenant(ref);
  if (state?.copy === undefined || state.copy.gone || action.kind === "create") return undefined;
  return byPublishedReport(state.reports, sources?.get(state.sourceTaskId)?.reportOfRow);
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
    mapped: state.reports,
    twins: twins.get(state.ref) ?? NONE,
    action: { kind: "orphan" },
    reason: `in the log, no longer in the manifest; ${conflict.leftBehind(state) ?? "left as it is"}`,
    missing: NONE,
  }));
}

function mappingsOf({ reports }: TenantState): PlanItem["wanted"]["mappings"] {
  return [...reports].flatMap(([reportId, { known = NONE }]) => known.map((swap) => ({ reportId, ...swap })));
}

/** What a plan tells besides its items: each once, however many tenants it concerns. */
function planWarnings(context: PlanContext, items: readonly PlanItem[], twins: Twins): readonly Problem[] {
  return [
    ...listWarnings(context),
    ...missingReports(items),
    ...troubleWarnings(context, items, twins),
    ...migrationWarnings(context),
    ...lostLogWarnings(items),
  ];
}

/** A list that proves nothing is told by every run that wanted it, also by one with nothing to do: nobody looked for twins. */
function listWarnings({ list, sources, log }: PlanContext): readonly Problem[] {
  if (list === undefined) return NONE;
  if (list.reading.kind === "none") return [listNotRead(list.reading.problem)];
  // A manifest without enabled rows names no source task: then the log's copies are looked for all the same.
  const ids = sources?.size ? [...sources.keys()] : [...log.tenants()].map((tenant) => tenant.sourceTaskId);
  const whys = [...new Set(ids)].map(list.wholenessOf).flatMap((wholeness) => (wholeness.whole ? NONE : wholeness.why));
  return [...new Set(whys)].map(listNotWhole);
}

/** A report that copies were born without is one warning for its source task, not an update. */
function missingReports(items: readonly PlanItem[]): readonly Problem[] {
  const missing = new Map<string, string[]>();
  for (const { sourceTaskId = "", missing: reports, tenant } of items)
    for (const report of reports) addTo(missing, `${sourceTaskId} ${report}`, tenant);
  return [...missing].map(([key, tenants]) => {
    const [sourceTaskId = "", report = ""] = key.split(" ");
    return conflict.copiesLackReport(sourceTaskId, report, tenants);
  });
}

/** Twins and crossed names that are not told as their tenants' conflicts. */
function troubleWarnings({ crossed, log }: PlanContext, items: readonly PlanItem[], twins: Twins): readonly Problem[] {
  const conflicts = refsInConflict(items);
  const withTwins = refsInConflict(items, "TWIN");
  const told: Problem[] = [];
  const tenantOf = (ref: TenantRef): string => log.tenant(ref)?.tenant ?? ref;
  for (const [ref, others] of twins) {
    const tenant = tenantOf(ref);
    const ids = [log.tenant(ref)?.copy?.newTaskId, ...others].join(", ");
    if (!withTwins.has(ref))
      told.push(problem("TWIN", `tenant "${tenant}" has more than one task: ${ids}`, { tenant }));
  }
  for (const [ref, error] of crossed) if (!conflicts.has(ref)) told.push({ ...error, tenant: tenantOf(ref) });
  return told;
}

function refsInConflict(items: readonly PlanItem[], code?: "TWIN" | "LOG_LOST"): ReadonlySet<TenantRef> {
  const isIt = ({ action }: PlanItem): boolean =>
    action.kind === "conflict" && (code === undefined || action.error.code === code);
  return new Set(items.filter(isIt).map((item) => item.ref));
}

/** No copy is there, but tasks of their names are: the vendor's migration tool writes all tasks anew, with new IDs. */
function migrationWarnings({ list, log, manifest }: PlanContext): readonly Problem[] {
  if (list === undefined) return NONE;
  const copies = [...log.tenants()].flatMap(({ copy }) => (copy === undefined || copy.gone ? NONE : copy));
  if (copies.some(({ newTaskId }) => list.index.has(newTaskId))) return NONE;
  const hasNamesake = (name: string): boolean => list.index.named(name).some(({ id }) => !log.explains(id));
  const namesakes = copies.filter(({ name }) => hasNamesake(name)).length;
  if (namesakes === 0) return NONE;
  const message = `none of the ${copies.length} logged copies is on the server, but tasks of ${namesakes} of their names are: the server seems to have been moved, which gives every task a new ID`;
  const hint = hintOf(
    "Keep this log, begin a new one that takes over the tasks by their names, and look at its plan first:",
    sameSync("--idempotency-log", `${manifest.fileName}.new.idempotency.jsonl`, "--adopt", "--dry-run"),
  );
  return [problem("SERVER_MIGRATED", message, { hint })];
}

/** Told once: the remedy is one for all of them. */
function lostLogWarnings(items: readonly PlanItem[]): readonly Problem[] {
  const lost = refsInConflict(items, "LOG_LOST").size;
  if (lost === 0) return NONE;
  const tenants = lost === 1 ? "1 tenant is" : `${lost} tenants are`;
  const message = `the log knows no copy, and the server has tasks that look like copies: ${tenants} not created beside them`;
  return [problem("LOG_LOST", message, { hint: conflict.LOG_LOST_HINT })];
}
