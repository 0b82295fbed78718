import pLimit from "p-limit";
import type { Recorder } from "../log/port.js";
import type { LogEntry, PlanShape } from "../log/records.js";
import type { Manifest, ManifestTenant } from "../manifest/manifest.js";
import type { TaskReader } from "../server/ports.js";
import { type AppId, parseAppId, reportsNamed, type TaskId, type TenantRef } from "../shared/ids.js";
import { EXIT, type Problem, StopError } from "../shared/problems.js";
import { shellWord } from "../shared/shell-word.js";
import type { ListedTask } from "../shared/source-task.js";
import { nearestKeys, patternsWithout, tenantMatcher } from "../shared/tenant-pattern.js";
import type { Clock } from "../shared/time.js";
import type { Permissions, PlanItem } from "./decide.js";
import { appsInForce, namesInDoubt } from "./in-force.js";
import { listNotRead, listNotWhole, nameFindings } from "./list-findings.js";
import { missingReports } from "./missing-reports.js";
import type { Observation, ObservedList } from "./observe.js";
import {
  adoptionCandidate,
  type CandidateReports,
  type MappedBy,
  namedUnderOf,
  type PlanContext,
  unexplainedTasks,
} from "./plan-context.js";
import { type PlanEntry, planEntries } from "./plan-entries.js";
import { planItems, type Twins, twinsOfLog } from "./plan-items.js";
import { TenantNames } from "./tenant-names.js";
import { isNeverRead, NOTHING_READ, readBackKnownCopies } from "./verify-copies.js";

/** A plan: one item a tenant in the manifest's order, orphans last; and what was found beside it. Data, no closures. */
export interface Plan {
  readonly items: readonly PlanItem[];
  readonly entries: Entries;
  readonly warnings: readonly Problem[];
  /** A logged tenant has a twin, or a name that is crossed with another's, whether this plan carries it out or not. */
  readonly troubled: boolean;
  readonly context: PlanContext;
}

/** A plan's entries by tenant. A dry run never asks: looked up when the first one is asked for. */
class Entries {
  readonly #entries: readonly PlanEntry[];
  #byRef: ReadonlyMap<TenantRef, PlanEntry> | undefined;

  constructor(entries: readonly PlanEntry[]) {
    this.#entries = entries;
  }

  get(ref: TenantRef): PlanEntry | undefined {
    this.#byRef ??= new Map(this.#entries.map((entry) => [entry.ref, entry]));
    return this.#byRef.get(ref);
  }
}

const READS_AT_ONCE = 8;
const NONE: readonly never[] = [];

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
  readonly clock: Pick<Clock, "now">;
  /** `undefined`: offline. */
  readonly server: { readonly reader: TaskReader; readonly observation: Observation } | undefined;
}): Promise<Plan> {
  const { manifest, shape, recorder, server } = from;
  const log = recorder.state;
  const sources = server?.observation.sources;
  const before = planEntries({ manifest, shape, log, sources });
  const selects = selector(manifest, shape);
  if (server !== undefined) {
    await recordGone(recorder, server.observation);
    await recordListedAgain(recorder, server.observation);
    await withdrawRetries(recorder, server.observation);
  }
  const list = server?.observation.list;
  const manifestNames = before.map(({ ref, row, sourceTaskId, name }) => ({ ...row, ref, sourceTaskId, name }));
  const names = list && nameFindings(log, list.index, manifestNames);
  await recorder.record(names?.entries ?? NONE);
  // What a copy maps that nobody has read since it was taken over is in force as well.
  const toRead = before.filter(({ ref, row }) => (from.verify && selects(row)) || isNeverRead(log.tenant(ref)));
  const read =
    server === undefined
      ? NOTHING_READ
      : await readBackKnownCopies({ ...server, recorder, clock: from.clock, entries: toRead });
  // A report that only the copy has is wanted too.
  const entries = toRead.length === 0 ? before : planEntries({ manifest, shape, log, sources });
  const bare: PlanContext = {
    manifest,
    log,
    permissions: permissionsOf(shape, from.newLog, sources),
    sources,
    list,
    inForce: appsInForce(log),
    namesInDoubt: namesInDoubt(log),
    namedUnder: namedUnderOf(manifest),
    candidates: new Map(),
    manifestNames,
    names: new TenantNames(log, manifestNames),
    crossed: names?.crossed ?? new Map(),
    mappedBy: new Map(),
    unread: NONE,
    unlistedNames: new Map(),
  };
  const context =
    server === undefined
      ? bare
      : await withCandidates(
          server.reader,
          bare,
          entries.filter(({ row }) => selects(row)),
        );
  const twins = twinsOfLog(context);
  const items = planItems(context, entries, { twins, selects, unread: from.verify ? read.unread : new Map() });
  const warnings = [
    ...listWarnings(context),
    ...(names?.warnings ?? NONE),
    ...(from.verify ? read.warnings : NONE),
    ...missingReports(items),
    ...twinWarnings(twins, items),
    ...crossedWarnings(context, items),
    ...migrationWarnings(context),
    ...lostLogWarnings(items),
  ];
  const troubled = twins.size > 0 || context.crossed.size > 0;
  return { items, entries: new Entries(entries), warnings, troubled, context };
}

function permissionsOf(shape: PlanShape, newLog: boolean, sources: PlanContext["sources"]): Permissions {
  const rows = [...(sources?.values() ?? [])].flatMap((source) => source.reportRows);
  return {
    adopt: shape.adopt,
    recreate: shape.recreate,
    newLog,
    allowSharedApps: new Set(
      shape.allowSharedApp.map((app) => parseAppId(app)).filter((app): app is AppId => app !== undefined),
    ),
    allowUnmappedReports: reportsNamed(shape.allowUnmappedReport, rows),
  };
}

function selector(manifest: Manifest, shape: PlanShape): (row: ManifestTenant) => boolean {
  if (shape.only.length === 0) return () => true;
  const matches = tenantMatcher(shape.only);
  const keys = manifest.tenants.map((row) => row.key);
  const idle = patternsWithout(keys, shape.only);
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
  const gone: LogEntry[] = [];
  for (const { sourceTaskId, key, copy } of recorder.state.tenants()) {
    if (copy === undefined || copy.gone || observation.list.presence.get(copy.newTaskId) !== "absent") continue;
    // By a source task that this run has read: a key that is blind to another shows nothing of that one's copies.
    if (observation.sources.has(sourceTaskId) && observation.list.wholenessOf(sourceTaskId).whole)
      gone.push({ type: "gone", sourceTaskId, key, newTaskId: copy.newTaskId });
  }
  await recorder.record(gone);
}

/**
 * A copy that was logged as gone and is in the list is there: it is its tenant's as before, and what it maps is not known. Making
 * it anew (`--recreate`) would make two.
 */
async function recordListedAgain(recorder: Recorder, observation: Observation): Promise<void> {
  const back: LogEntry[] = [];
  for (const { sourceTaskId, key, tenant, manifest, copy } of recorder.state.tenants()) {
    if (copy?.gone !== true || !observation.list.index.has(copy.newTaskId)) continue;
    const { newTaskId, name } = copy;
    back.push({ type: "adopted", sourceTaskId, key, tenant, manifest, newTaskId, name, by: "adopt" });
  }
  await recorder.record(back);
}

/** `resolve --retry` allows one create where a copy is missing. Where it is seen, it must not allow one some day later. */
async function withdrawRetries(recorder: Recorder, observation: Observation): Promise<void> {
  const seen: LogEntry[] = [];
  for (const { sourceTaskId, key, tenant, copy, retry, openCreates } of recorder.state.tenants()) {
    if (!retry || copy === undefined || openCreates.length > 0) continue;
    const presence = observation.list.presence.get(copy.newTaskId);
    if (presence === "listed" || presence === "answers")
      seen.push({ type: "retry", sourceTaskId, key, tenant, withdrawn: true });
  }
  await recorder.record(seen);
}

/** The context with the reports of the tasks that may be taken over. */
async function withCandidates(
  reader: TaskReader,
  context: PlanContext,
  entries: readonly PlanEntry[],
): Promise<PlanContext> {
  // Where a tenant has no copy, any task that no record explains may be it, whatever its name: the log may be lost, or a part of it.
  const lacksCopy = entries.some(({ ref }) => context.log.tenant(ref)?.copy?.gone !== false);
  const strange = await readReportsOf(
    reader,
    context.permissions.adopt && lacksCopy ? unexplainedTasks(context) : NONE,
  );
  const unread = [...strange].flatMap(([id, { kind }]) => (kind === "unreadable" ? id : []));
  const mapped = { ...context, candidates: strange, mappedBy: mappedBy(context, strange), unread };
  const wanted = new Set(entries.flatMap((entry) => adoptionCandidate(mapped, entry) ?? []));
  const others = await readReportsOf(
    reader,
    [...wanted].filter((id) => !strange.has(id)),
  );
  const unlisted = [...wanted].filter((id) => context.list?.index.has(id) !== true);
  return {
    ...mapped,
    candidates: new Map([...strange, ...others]),
    unlistedNames: await readNamesOf(reader, unlisted),
  };
}

function mappedBy({ list }: PlanContext, reports: CandidateReports): MappedBy {
  const byApp = new Map<AppId, ListedTask[]>();
  for (const [id, reading] of reports) {
    const task = list?.index.get(id);
    if (task === undefined || reading.kind !== "read") continue;
    const apps = new Set(
      reading.value.flatMap(({ mappings = [] }) => mappings.map(({ newQlikAppId }) => newQlikAppId)),
    );
    for (const app of apps) byApp.set(app, [...(byApp.get(app) ?? []), task]);
  }
  return byApp;
}

async function readReportsOf(reader: TaskReader, ids: readonly TaskId[]): Promise<CandidateReports> {
  const limit = pLimit(READS_AT_ONCE);
  return new Map(await Promise.all(ids.map(async (id) => [id, await limit(() => reader.readReports(id))] as const)));
}

/** Whose a task is that no list shows, its own answer says. */
async function readNamesOf(reader: TaskReader, ids: readonly TaskId[]): Promise<ReadonlyMap<TaskId, string>> {
  const limit = pLimit(READS_AT_ONCE);
  const named = await Promise.all(ids.map(async (id) => [id, await limit(() => reader.readTask(id))] as const));
  return new Map(named.flatMap(([id, task]) => (task.kind === "read" ? [[id, task.value.name]] : [])));
}

/** A list that proves nothing is told by every run that wanted it, also by one with nothing to do: nobody looked for twins. */
function listWarnings({ list, sources, log }: PlanContext): readonly Problem[] {
  if (list === undefined) return NONE;
  if (list.reading.kind === "none") return [listNotRead(list.reading.problem)];
  // A manifest without enabled rows names no source task: then the log's copies are looked for all the same.
  const named =
    sources === undefined || sources.size === 0 ? [...log.tenants()].map((one) => one.sourceTaskId) : sources.keys();
  const whys = new Set([...new Set(named)].flatMap((id) => whyNotWhole(list, id) ?? []));
  return [...whys].map(listNotWhole);
}

function whyNotWhole(list: ObservedList, sourceTaskId: TaskId): string | undefined {
  const wholeness = list.wholenessOf(sourceTaskId);
  return wholeness.whole ? undefined : wholeness.why;
}

function crossedWarnings({ crossed, log }: PlanContext, items: readonly PlanItem[]): readonly Problem[] {
  if (crossed.size === 0) return NONE;
  const conflicts = new Set(items.filter((item) => item.action.kind === "conflict").map((item) => item.ref));
  return [...crossed].flatMap(([ref, error]) =>
    conflicts.has(ref) ? [] : { ...error, tenant: log.tenant(ref)?.tenant ?? ref },
  );
}

/** Told once: the remedy is one for all of them. */
function lostLogWarnings(items: readonly PlanItem[]): readonly Problem[] {
  const lost = items.filter(({ action }) => action.kind === "conflict" && action.error.code === "LOG_LOST");
  if (lost.length === 0) return NONE;
  return [
    {
      code: "LOG_LOST",
      message: `the log knows no copy, and the server has tasks that look like copies: ${lost.length} ${lost.length === 1 ? "tenant is" : "tenants are"} not created beside them`,
      hint: "Name the right log with --idempotency-log. Where it is lost, look at what --adopt would take over: run the same command with --adopt --dry-run. Where those tasks are another's: --new-log",
    },
  ];
}

/** No copy is there, but tasks of their names are: the vendor's migration tool writes all tasks anew, with new IDs. */
function migrationWarnings({ list, log, manifest }: PlanContext): readonly Problem[] {
  if (list === undefined) return NONE;
  let copies = 0;
  let namesakes = 0;
  for (const { copy } of log.tenants()) {
    if (copy === undefined || copy.gone) continue;
    if (list.index.has(copy.newTaskId)) return NONE;
    copies += 1;
    if (list.index.named(copy.name).some(({ id }) => !log.explains(id))) namesakes += 1;
  }
  if (namesakes === 0) return NONE;
  return [
    {
      code: "SERVER_MIGRATED",
      message: `none of the ${copies} logged copies is on the server, but tasks of ${namesakes} of their names are: the server seems to have been moved, which gives every task a new ID`,
      hint: `Keep this log, begin a new one that takes over the tasks by their names, and look at its plan first: qalyptus-propagate sync ${shellWord(manifest.path)} --idempotency-log NEW-FILE --adopt --dry-run`,
    },
  ];
}

/** A twin of a tenant that is a conflict for it is told there. */
function twinWarnings(twins: Twins, items: readonly PlanItem[]): readonly Problem[] {
  if (twins.size === 0) return NONE;
  const conflicts = new Set(
    items.flatMap(({ action, ref }) => (action.kind === "conflict" && action.error.code === "TWIN" ? ref : [])),
  );
  return [...twins.values()].flatMap(({ state, tasks }) =>
    conflicts.has(state.ref)
      ? []
      : {
          code: "TWIN",
          message: `tenant "${state.tenant}" has more than one task: ${[state.copy?.newTaskId, ...tasks.map((task) => task.id)].join(", ")}`,
          hint: "Look at them on the server and delete all but one",
          tenant: state.tenant,
        },
  );
}
