import { isDeepStrictEqual } from "node:util";
import pLimit from "p-limit";
import type { CreateIntentRecord, LogEntry } from "../log/records.js";
import { countRows, hasOpenPatch, type TenantState } from "../log/tenant-state.js";
import * as conflict from "../plan/conflicts.js";
import { doubtsOf, type PlanContext, type PlanItem } from "../plan/decide.js";
import type { Plan } from "../plan/make-plan.js";
import { READS_AT_ONCE } from "../plan/observe.js";
import { type CopyReading, observeCopy, readCopy } from "../plan/read-copies.js";
import type { Reading } from "../server/ports.js";
import { hintOf } from "../shared/hints.js";
import type { TaskId, TenantRef } from "../shared/ids.js";
import { type Problem, problem } from "../shared/problems.js";
import type { TenantError } from "../shared/results.js";
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
    limited(() => readCopy(look.reader, id, countRows(intent.reports)));
  const single = states.map((state) => foundFor(look.server.context, state)).filter((found) => found.length === 1);
  const readings = new Map(
    await Promise.all(single.flat().map(async (found) => [found.id, await readFound(found)] as const)),
  );
  const findings = new Map<TenantRef, Finding>();
  // One after the other: what one takes is found by no other any more.
  for (const state of states) {
    const [found, ...others] = foundFor(look.server.context, state);
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
function foundFor(context: Look["server"]["context"], state: TenantState): readonly Found[] {
  const found = new Map<TaskId, Found>();
  for (const { intent, found: lookUp } of doubtsOf(context, state)) {
    const tasks = lookUp?.kind === "found" || lookUp?.kind === "several" ? lookUp.tasks : [];
    for (const { id } of tasks) found.set(id, { id, intent });
  }
  return [...found.values()];
}

/**
 * Whether a newcomer may be what an intent's request has made. One that cannot be read, or not wholly, may be, also where its reports
 * answer 404; one that maps other apps only, or has other reports, is somebody else's.
 */
function mayBeMadeBy(look: Look, intent: CreateIntentRecord, reports: Reports | undefined): boolean {
  if (reports?.kind === "unreadable") return true;
  const shown = reports?.kind === "read" ? reports.value : [];
  // A request that was worked late copies what the source task has by then. What lacks a report may have come back short.
  const source = look.server.context.sources?.get(intent.sourceTaskId);
  const rows = [...intent.reports, ...(source?.reportRows ?? [])];
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
    const mustShow = intent.reports.length > 0 ? countRows(intent.reports) : undefined;
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
  const source = look.server.context.sources?.get(intent.sourceTaskId);
  if (reports.kind !== "read") return intent.reports.length === 0 && !source?.reportRows.length;
  const shown = new Set(reports.value.map((report) => report.reportId));
  if (intent.reports.length > 0)
    return isDeepStrictEqual(shown, new Set(intent.reports.map((report) => report.reportId)));
  return intent.mappings.every(({ reportId }) => shown.has(source?.reportOfRow.get(reportId) ?? reportId));
}

/**
 * Looks every doubt up before anything is sent, also those of tenants that this run does not carry out (orphan, skip, not selected,
 * beyond `--limit`, another manifest's): creates in the plan's own list, PATCHes of the others on their copies. What is found is logged.
 */
export async function settleFromPlan(run: Run, { items }: Plan, carried: readonly PlanItem[]): Promise<void> {
  const { results, server, abort } = run;
  const log = run.recorder.state;
  const isCarried = refsOf(carried, () => true);
  // A tenant of this run whose doubt its plan ends in another way (newTaskId, resolve --retry) is left to that.
  const endsOtherwise = refsOf(carried, ({ action }) => action.kind !== "settle");
  const states = [...log.tenants()].filter(({ ref, openCreates }) => openCreates.length > 0 && !endsOtherwise.has(ref));
  const isListed = states.length > 0 && server.context.list?.reading.kind !== "none";
  const findings = isListed ? await abort.guard(() => settleFound(run, states)) : undefined;
  if (states.length > 0) server.refresh();
  await abort.guard(async () => {
    for (const state of log.patchedInDoubt()) {
      abort.throwIfFinal();
      if (!isCarried.has(state.ref)) await lookAtPatchDoubt(run, state);
    }
  });
  for (const { state, error } of doubtsAside(log, items, isCarried, findings)) {
    if (error.code === "TWIN") results.tellTrouble(state, error);
    else results.warn({ ...error, tenant: state.tenant });
  }
}

/** What a dry run tells of the doubts beside its plan: what its one list does not end, and two tasks where there should be one (`TWIN`). */
export function doubtsBesidePlan({ context, items }: Plan): readonly Problem[] {
  if (context.list === undefined) return [];
  const findings = new Map<TenantRef, Finding>();
  for (const state of context.log.tenants()) {
    const ids = foundFor(context, state).map(({ id }) => id);
    const candidates = doubtsOf(context, state).flatMap(({ found }) =>
      found?.kind === "candidates" ? found.tasks.map(({ id }) => id) : [],
    );
    if (ids.length > 0) findings.set(state.ref, { kind: ids.length > 1 ? "twins" : "settled", ids });
    else if (candidates.length > 0) findings.set(state.ref, { kind: "candidates", ids: candidates });
  }
  const isReached = refsOf(items, ({ action }) => action.kind !== "skip" && action.kind !== "orphan");
  const aside = doubtsAside(context.log, items, isReached, findings);
  return aside.map(({ state, error }) => ({ ...error, tenant: state.tenant }));
}

function refsOf(items: readonly PlanItem[], isMeant: (item: PlanItem) => boolean): ReadonlySet<TenantRef> {
  return new Set(items.filter(isMeant).map(({ ref }) => ref));
}

/** The doubts of tenants that are neither carried out nor a conflict, as far as no finding ends them. */
function doubtsAside(
  log: PlanContext["log"],
  items: readonly PlanItem[],
  isCarried: ReadonlySet<TenantRef>,
  findings: ReadonlyMap<TenantRef, Finding> = new Map(),
): readonly { readonly state: TenantState; readonly error: TenantError }[] {
  const isConflict = refsOf(items, ({ action }) => action.kind === "conflict");
  return [...log.tenants()].flatMap((state) => {
    const { ref, tenant, sourceTaskId, openCreates } = state;
    if (isCarried.has(ref) || isConflict.has(ref)) return [];
    const finding = findings.get(ref);
    const who = `tenant "${tenant}" (source task ${sourceTaskId})`;
    const told: TenantError[] = [];
    if (openCreates.length > 0 && finding?.kind === "twins") told.push(conflict.twin(state, finding.ids));
    else if (openCreates.length > 0 && finding?.kind !== "settled") {
      const [candidate] = finding?.ids ?? [];
      const hint =
        candidate === undefined
          ? hintOf(
              "Sync its manifest again. Where you saw that it made nothing:",
              conflict.resolveCommand(state, "--forget", ...conflict.SEEN),
            )
          : hintOf(`Where the task ${candidate} is its copy:`, conflict.resolveCommand(state, "--task-id", candidate));
      told.push(problem("DOUBT", `${who} is in doubt and not carried out by this run`, { hint }));
    }
    if (hasOpenPatch(state)) {
      const message = `a PATCH of the copy of ${who} is in doubt, and this run does not carry it out`;
      told.push(problem("DOUBT", message, { hint: "Sync its manifest again, without --only and --limit" }));
    }
    return told.map((error) => ({ state, error }));
  });
}
