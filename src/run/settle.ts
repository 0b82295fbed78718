import pLimit from "p-limit";
import type { CreateIntentRecord, LogEntry, ReportRow } from "../log/records.js";
import { countRows, sameReports, type TenantState } from "../log/tenant-state.js";
import { doubtsOf } from "../plan/plan-context.js";
import { type CopyReading, observeCopy, readCopy } from "../plan/read-copies.js";
import type { Reading } from "../server/ports.js";
import type { TaskId, TenantRef } from "../shared/ids.js";
import type { TaskReport } from "../shared/source-task.js";
import type { Run } from "./run.js";

/** What one look at a list says of one tenant in doubt. */
export type Finding =
  /** Its copy was found and is in the log. */
  | { readonly kind: "settled"; readonly newTaskId: TaskId }
  | { readonly kind: "twins"; readonly ids: readonly TaskId[] }
  /** Something that may be its copy, and may not: the doubt stays. */
  | { readonly kind: "candidates"; readonly ids: readonly TaskId[] }
  /** Nothing of its name. Proves absence only in two whole lists. */
  | { readonly kind: "none" };

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

const READS_AT_ONCE = 8;

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
    findings.set(state.ref, ids.size > 0 ? { kind: "candidates", ids: [...ids] } : { kind: "none" });
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
  const { sourceTaskId, key } = state;
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
    const copy = { sourceTaskId, key, newTaskId, shown: reading.value };
    entries.push(observeCopy({ ...copy, wanted: intent, mustShow, clock: look.clock }).record);
  }
  await look.recorder.record(entries);
  return { kind: "settled", newTaskId };
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
