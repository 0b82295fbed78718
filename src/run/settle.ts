import pLimit from "p-limit";
import type { CreateIntentRecord, LogEntry, ReportRow } from "../log/records.js";
import { countRows, sameReports, type TenantState } from "../log/tenant-state.js";
import * as conflict from "../plan/conflicts.js";
import type { PlanItem } from "../plan/decide.js";
import type { Plan } from "../plan/make-plan.js";
import { READS_AT_ONCE } from "../plan/observe.js";
import { doubtsOf, type PlanContext } from "../plan/plan-context.js";
import { type CopyReading, observeCopy, readCopy } from "../plan/read-copies.js";
import type { Reading } from "../server/ports.js";
import type { TaskId, TenantRef } from "../shared/ids.js";
import { type Problem, problem } from "../shared/problems.js";
import type { TaskReport } from "../shared/tasks.js";
import { lookAtPatchDoubt } from "./read-back.js";
import type { Run } from "./run.js";

/**
 * The tasks that one look at a list found for one tenant in doubt. `settled`: its copy, which is in the log now. `candidates`: they may
 * be its copy, and may not: the doubt stays. A tenant without a finding is absent only if two whole lists show none.
 */
export interface Finding {
  readonly kind: "settled" | "twins" | "candidates";
  readonly ids: readonly TaskId[];
}

/** What doubts are looked up with. */
export type Look = Pick<Run, "reader" | "recorder"> & {
  readonly clock: Pick<Run["clock"], "now">;
  readonly server: { readonly context: Pick<Run["server"]["context"], "log" | "list" | "sources" | "names"> };
  readonly abort: Pick<Run["abort"], "throwIfFinal">;
};

/** A task that may be what a create has made, and that create. */
interface Found {
  readonly id: TaskId;
  readonly intent: CreateIntentRecord;
}

type Reports = Reading<readonly TaskReport[]>;

/**
 * Looks these tenants' doubts up in one list, and takes what is found exactly into the log. Exact finds come first: a task
 * that is another tenant's exact find is nobody's candidate. Tasks that came since, under a name that nobody has, are candidates where
 * they may be what the create made: a server that changes some names may have made one of them for it. Throws where something could
 * not be looked at because the run must end: a doubt without a finding would pass for one of which nothing was found.
 */
export async function settleFound(
  look: Look,
  states: readonly TenantState[],
): Promise<ReadonlyMap<TenantRef, Finding>> {
  const limit = pLimit(READS_AT_ONCE);
  const limited = <T>(read: () => Promise<T>): Promise<T> =>
    limit(() => {
      look.abort.throwIfFinal();
      return read();
    });
  const readFound = ({ id, intent }: Found): Promise<CopyReading> =>
    limited(() => readCopy(look.reader, id, countRows(intent.reports.map(({ reportId }) => reportId))));
  const single = states.map((state) => foundFor(look, state)).filter((found) => found.length === 1);
  const readings = new Map(
    await Promise.all(single.flat().map(async (found) => [found.id, await readFound(found)] as const)),
  );
  const findings = new Map<TenantRef, Finding>();
  // One after the other: what one takes is found by no other any more.
  for (const state of states) {
    const [found, ...others] = foundFor(look, state);
    if (found === undefined) continue;
    if (others.length > 0) findings.set(state.ref, { kind: "twins", ids: [found, ...others].map(({ id }) => id) });
    // It was not read where it was one of several until another tenant took the others.
    else findings.set(state.ref, await settle(look, state, found, readings.get(found.id) ?? (await readFound(found))));
  }
  const newcomers = new Map<TaskId, Promise<Reports>>();
  const readNewcomer = (id: TaskId): Promise<Reports> => {
    const reading = newcomers.get(id) ?? limited(() => look.reader.readReports(id));
    newcomers.set(id, reading);
    return reading;
  };
  for (const state of states) {
    if (findings.has(state.ref)) continue;
    const ids = new Set<TaskId>();
    for (const { intent, found } of doubtsOf(look.server.context, state)) {
      if (found?.kind !== "candidates" && found?.kind !== "newcomers") continue;
      const tasks = found.tasks.map(({ id }) => id);
      const reports = found.kind === "newcomers" ? await Promise.all(tasks.map(readNewcomer)) : [];
      for (const [at, id] of tasks.entries())
        if (found.kind === "candidates" || mayBeMadeBy(look, intent, reports[at])) ids.add(id);
    }
    if (ids.size > 0) findings.set(state.ref, { kind: "candidates", ids: [...ids] });
  }
  return findings;
}

/** The tasks that may be what a tenant's creates have made, each with the last create that may have made it. */
function foundFor(look: Look, state: TenantState): readonly Found[] {
  const found = new Map<TaskId, Found>();
  for (const { intent, found: lookUp } of doubtsOf(look.server.context, state)) {
    const tasks = lookUp?.kind === "found" || lookUp?.kind === "several" ? lookUp.tasks : [];
    for (const { id } of tasks) found.set(id, { id, intent });
  }
  return [...found.values()];
}

function sourceRows(look: Look, sourceTaskId: TaskId): readonly ReportRow[] {
  return look.server.context.sources?.get(sourceTaskId)?.reportRows ?? [];
}

/**
 * Whether a newcomer may be what an intent's request has made. One that cannot be read, or not wholly, may be, also where its reports
 * answer 404; one that maps other apps only, or has other reports, is somebody else's.
 */
function mayBeMadeBy(look: Look, intent: CreateIntentRecord, reports: Reports | undefined): boolean {
  if (reports?.kind === "unreadable") return true;
  const shown = reports?.kind === "read" ? reports.value : [];
  // A request that was worked late copies what the source task has by then. What lacks a report may have come back short.
  const rows = [...intent.reports, ...sourceRows(look, intent.sourceTaskId)];
  const own = new Set(rows.map(({ reportId }) => reportId));
  if (own.size > 0 && shown.some(({ reportId }) => !own.has(reportId))) return false;
  const apps = new Set(intent.mappings.map(({ newQlikAppId }) => newQlikAppId));
  const mapped = shown.flatMap(({ mappings = [] }) => mappings);
  return mapped.length === 0 || mapped.some(({ newQlikAppId }) => apps.has(newQlikAppId));
}

/** Takes the only task that was found for a tenant into the log, if it has the reports of the intent. */
async function settle(look: Look, state: TenantState, found: Found, reading: CopyReading): Promise<Finding> {
  const { id: newTaskId, intent } = found;
  const [first, ...rest] = state.openCreates;
  if (first === undefined || reading.kind === "lacks" || !hasReportsOf(look, intent, reading))
    return { kind: "candidates", ids: [newTaskId] };
  const entries: LogEntry[] = [
    ...rest.map(({ write }): LogEntry => ({ type: "settled", write, found: "abandoned" })),
    { type: "settled", write: first.write, found: "copy", newTaskId },
  ];
  if (reading.kind === "read") {
    // Shown as its intent wanted it; where today's manifest wants otherwise, a PATCH follows and takes this back.
    const mustShow = intent.reports.length > 0 ? countRows(intent.reports.map(({ reportId }) => reportId)) : undefined;
    entries.push(observeCopy({ ...state, wanted: intent }, newTaskId, reading.value, mustShow, look.clock).record);
  }
  await look.recorder.record(entries);
  return { kind: "settled", ids: [newTaskId] };
}

/**
 * Whether a found task has the reports that the intent's copy was to have. Where the source task's were not listed when the
 * intent was written, those that it maps: by IDs that the user gave, which may be those of the source task's rows. A server
 * that lists no reports then or now cannot be asked.
 */
function hasReportsOf(look: Look, intent: CreateIntentRecord, reports: Reports): boolean {
  const rows = sourceRows(look, intent.sourceTaskId);
  if (reports.kind !== "read") return intent.reports.length === 0 && rows.length === 0;
  const shown = new Set(reports.value.map((report) => report.reportId));
  if (intent.reports.length > 0) return sameReports(shown, new Set(intent.reports.map((report) => report.reportId)));
  const published = new Map(rows.map((row) => [row.rowId as string, row.reportId]));
  return intent.mappings.every(({ reportId }) => shown.has(published.get(reportId) ?? reportId));
}

/**
 * Looks every open create up in the plan's own list, also of tenants that this run does not carry out (orphan, skip, not
 * selected, beyond `--limit`, another manifest's): what is found is logged, nothing is sent for them.
 */
export async function settleFromPlan(
  run: Run,
  { items }: Plan,
  carried: readonly PlanItem[],
): Promise<ReadonlyMap<TenantRef, Finding>> {
  const isCarried = refsOf(carried, () => true);
  // A tenant of this run whose doubt its plan ends in another way (newTaskId, resolve --retry) is left to that.
  const endsOtherwise = refsOf(carried, ({ action }) => action.kind !== "settle");
  const isConflict = refsOf(items, ({ action }) => action.kind === "conflict");
  const states = [...run.recorder.state.tenants()].filter(
    ({ ref, openCreates }) => openCreates.length > 0 && !endsOtherwise.has(ref),
  );
  if (states.length === 0) return new Map();
  const isListed = run.server.context.list?.reading.kind !== "none";
  const found = isListed ? await run.abort.guard(() => settleFound(run, states)) : undefined;
  const findings = found ?? new Map<TenantRef, Finding>();
  run.server.refresh();
  for (const state of states) {
    const finding = findings.get(state.ref);
    if (finding?.kind === "settled" || isCarried.has(state.ref) || isConflict.has(state.ref)) continue;
    else if (finding?.kind === "twins") run.results.tellTrouble(state, conflict.twin(state, finding.ids));
    else run.results.warn(createAside(state, finding?.ids[0]));
  }
  return findings;
}

/** PATCHes in doubt of tenants that this run does not carry out: looked up once, and told where they stay in doubt. */
export async function settlePatchesAside(run: Run, { items }: Plan, carried: readonly PlanItem[]): Promise<void> {
  const log = run.recorder.state;
  const isCarried = refsOf(carried, () => true);
  await run.abort.guard(async () => {
    for (const state of log.patchedInDoubt()) {
      run.abort.throwIfFinal();
      if (!isCarried.has(state.ref)) await lookAtPatchDoubt(run, state);
    }
  });
  for (const warning of patchesAside(log, items, isCarried)) run.results.warn(warning);
}

/** What a dry run tells of the doubts beside its plan: what its one list does not end, and two tasks where there should be one (`TWIN`). */
export function doubtsBesidePlan({ context, items }: Plan): readonly Problem[] {
  if (context.list === undefined) return [];
  const isReached = refsOf(items, ({ action }) => action.kind !== "skip" && action.kind !== "orphan");
  const told: Problem[] = [];
  for (const state of context.log.tenants()) {
    if (state.openCreates.length === 0 || isReached.has(state.ref)) continue;
    const found = doubtsOf(context, state).flatMap((doubt) => doubt.found ?? []);
    const several = new Set(found.flatMap((one) => (one.kind === "several" ? one.tasks.map(({ id }) => id) : [])));
    const candidates = found.flatMap((one) => (one.kind === "candidates" ? one.tasks : []));
    if (several.size > 1) told.push({ ...conflict.twin(state, [...several]), tenant: state.tenant });
    else if (!found.some(({ kind }) => kind === "found")) told.push(createAside(state, candidates[0]?.id));
  }
  return [...told, ...patchesAside(context.log, items, isReached)];
}

function refsOf(items: readonly PlanItem[], isMeant: (item: PlanItem) => boolean): ReadonlySet<TenantRef> {
  return new Set(items.filter(isMeant).map(({ ref }) => ref));
}

/** A create in doubt that stays open, and what may be its copy. */
function createAside(state: TenantState, candidate: TaskId | undefined): Problem {
  const { tenant, sourceTaskId } = state;
  const message = `tenant "${tenant}" (source task ${sourceTaskId}) is in doubt and not carried out by this run`;
  const hint =
    candidate === undefined
      ? `Sync its manifest again, or: ${conflict.resolveCommand(state, "--forget --reason TEXT")}`
      : `If the task ${candidate} is its copy: ${conflict.resolveCommand(state, `--task-id ${candidate}`)}`;
  return problem("DOUBT", message, { hint, tenant });
}

/** PATCHes in doubt of tenants that are neither carried out nor a conflict. */
function patchesAside(
  log: PlanContext["log"],
  items: readonly PlanItem[],
  isCarried: ReadonlySet<TenantRef>,
): readonly Problem[] {
  const inDoubt = log.patchedInDoubt();
  if (inDoubt.length === 0) return [];
  const isConflict = refsOf(items, ({ action }) => action.kind === "conflict");
  return inDoubt
    .filter(({ ref }) => !isCarried.has(ref) && !isConflict.has(ref))
    .map(({ tenant, sourceTaskId }) =>
      problem(
        "DOUBT",
        `a PATCH of the copy of tenant "${tenant}" (source task ${sourceTaskId}) is in doubt, and this run does not carry it out`,
        { hint: "Sync its manifest again, without --only and --limit", tenant },
      ),
    );
}
