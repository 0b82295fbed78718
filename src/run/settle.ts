import pLimit from "p-limit";
import type { Recorder } from "../log/port.js";
import type { CreateIntentRecord, LogEntry, ReportRow } from "../log/records.js";
import { countRows, sameReports } from "../log/shown-reports.js";
import type { TenantState } from "../log/tenant-state.js";
import { doubtsOf, type PlanContext } from "../plan/plan-context.js";
import { type CopyReading, readCopy } from "../plan/read-copy.js";
import { observeCopy } from "../plan/verify-copies.js";
import type { Reading, TaskReader } from "../server/ports.js";
import type { TaskId, TenantRef } from "../shared/ids.js";
import type { ListedTask, TaskReport } from "../shared/source-task.js";
import type { Clock } from "../shared/time.js";

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
export interface Look {
  readonly reader: TaskReader;
  readonly recorder: Recorder;
  readonly clock: Pick<Clock, "now">;
  readonly context: Pick<PlanContext, "log" | "list" | "sources" | "names">;
  /** Throws where the run must end: asked before more is read. */
  readonly checkGoesOn: () => void;
}

/** Tasks found, each by one doubt, and read at the same time. */
const READS_AT_ONCE = 8;

type Reports = Reading<readonly TaskReport[]>;

/**
 * Looks these tenants' doubts up in one list, and takes what is found exactly into the log. Exact finds come first: a task
 * that is another tenant's exact find is nobody's candidate. Tasks that came since, under a name that nobody has, are candidates where
 * they may be what the create made: a server that changes some names may have made one of them for it. Throws where something could not be looked at because the run
 * must end: a doubt without a finding would pass for one of which nothing was found.
 */
export async function settleFound(
  look: Look,
  states: readonly TenantState[],
): Promise<ReadonlyMap<TenantRef, Finding>> {
  const findings = new Map<TenantRef, Finding>();
  for (let from = 0; from < states.length; from += READS_AT_ONCE) {
    const some = states.slice(from, from + READS_AT_ONCE);
    const reports = await readFound(look, some);
    // One after the other: what one takes is found by no other any more.
    for (const state of some) {
      const finding = await settleExact(look, state, reports);
      if (finding !== undefined) findings.set(state.ref, finding);
    }
  }
  const newcomers = new Newcomers(look);
  for (const state of states) {
    if (findings.has(state.ref)) continue;
    const ids = new Set<TaskId>();
    for (const { intent, found } of doubtsOf(look.context, state)) {
      if (found?.kind === "candidates") for (const { id } of found.tasks) ids.add(id);
      if (found?.kind === "newcomers") for (const id of await newcomers.madeBy(intent, found.tasks)) ids.add(id);
    }
    findings.set(state.ref, ids.size > 0 ? { kind: "candidates", ids: [...ids] } : { kind: "none" });
  }
  return findings;
}

/** Tasks that came since, each read once for all doubts. */
class Newcomers {
  readonly #look: Look;
  readonly #limit = pLimit(READS_AT_ONCE);
  readonly #reports = new Map<TaskId, Promise<Reports>>();

  constructor(look: Look) {
    this.#look = look;
  }

  /** Those of these tasks that an intent's request may have made. */
  async madeBy(intent: CreateIntentRecord, tasks: readonly ListedTask[]): Promise<readonly TaskId[]> {
    const { sources } = this.#look.context;
    this.#look.checkGoesOn();
    const readings = await Promise.all(tasks.map(({ id }) => this.#read(id)));
    const rows = sources?.get(intent.sourceTaskId)?.reportRows ?? [];
    return tasks.flatMap(({ id }, at) => (mayBeMadeBy(intent, readings[at] as Reports, rows) ? [id] : []));
  }

  #read(id: TaskId): Promise<Reports> {
    const known = this.#reports.get(id) ?? this.#limit(() => this.#look.reader.readReports(id));
    this.#reports.set(id, known);
    return known;
  }
}

/** One that cannot be read, or not wholly, may be, also where it is listed and its reports answer 404; one that maps other apps only, or has other reports, is somebody else's. */
function mayBeMadeBy(intent: CreateIntentRecord, reports: Reports, rows: readonly ReportRow[]): boolean {
  if (reports.kind === "unreadable") return true;
  // A request that was worked late copies what the source task has by then. What lacks a report may have come back short.
  const own = new Set([...intent.reports, ...rows].map(({ reportId }) => reportId));
  const isStrange = reports.kind === "read" && reports.value.some(({ reportId }) => !own.has(reportId));
  if (own.size > 0 && isStrange) return false;
  const apps = new Set(intent.mappings.map(({ newQlikAppId }) => newQlikAppId));
  const shown = reports.kind === "read" ? reports.value.flatMap(({ mappings = [] }) => mappings) : [];
  return shown.length === 0 || shown.some(({ newQlikAppId }) => apps.has(newQlikAppId));
}

type Found = ReadonlyMap<TaskId, { readonly task: ListedTask; readonly intent: CreateIntentRecord }>;

/** The tasks that may be what a tenant's creates have made. */
function foundFor(look: Look, state: TenantState): Found {
  const found = new Map<TaskId, { readonly task: ListedTask; readonly intent: CreateIntentRecord }>();
  for (const { intent, found: lookedUp } of doubtsOf(look.context, state)) {
    if (lookedUp?.kind === "found") found.set(lookedUp.task.id, { task: lookedUp.task, intent });
    if (lookedUp?.kind === "several") for (const task of lookedUp.tasks) found.set(task.id, { task, intent });
  }
  return found;
}

/** The reports of the tasks that are the only ones found for a tenant. */
async function readFound(look: Look, states: readonly TenantState[]): Promise<ReadonlyMap<TaskId, CopyReading>> {
  const intents = new Map<TaskId, CreateIntentRecord>();
  for (const state of states) {
    const [only, ...others] = foundFor(look, state).values();
    if (only !== undefined && others.length === 0) intents.set(only.task.id, only.intent);
  }
  if (intents.size > 0) look.checkGoesOn();
  return new Map(
    await Promise.all([...intents].map(async ([id, intent]) => [id, await readFor(look, id, intent)] as const)),
  );
}

function readFor({ reader }: Look, id: TaskId, { reports }: CreateIntentRecord): Promise<CopyReading> {
  return readCopy(reader, id, countRows(reports.map(({ reportId }) => reportId)));
}

async function settleExact(
  look: Look,
  state: TenantState,
  read: ReadonlyMap<TaskId, CopyReading>,
): Promise<Finding | undefined> {
  const found = foundFor(look, state);
  const [only, ...others] = found.values();
  if (only === undefined) return undefined;
  if (others.length > 0) return { kind: "twins", ids: [...found.keys()] };
  // Not among them where it was one of several until another tenant took the others.
  const reports = read.get(only.task.id) ?? (await readFor(look, only.task.id, only.intent));
  const rows = look.context.sources?.get(state.sourceTaskId)?.reportRows ?? [];
  if (reports.kind === "lacks" || !hasReportsOf(only.intent, reports, rows))
    return { kind: "candidates", ids: [only.task.id] };
  await look.recorder.record(settledEntries(look, state, { ...only, reports }));
  return { kind: "settled", newTaskId: only.task.id };
}

/**
 * Whether a found task has the reports that the intent's copy was to have. Where the source task's were not listed when the
 * intent was written, those that it maps: by IDs that the user gave, which may be those of the source task's `rows`. A server
 * that lists no reports then or now cannot be asked.
 */
function hasReportsOf(intent: CreateIntentRecord, reports: Reports, rows: readonly ReportRow[]): boolean {
  if (reports.kind !== "read") return intent.reports.length === 0 && rows.length === 0;
  const shown = new Set(reports.value.map((report) => report.reportId));
  if (intent.reports.length > 0) return sameReports(shown, new Set(intent.reports.map((report) => report.reportId)));
  const published = new Map(rows.map((row) => [row.rowId as string, row.reportId]));
  return intent.mappings.every(({ reportId }) => shown.has(published.get(reportId) ?? reportId));
}

function settledEntries(
  look: Look,
  state: TenantState,
  found: { readonly task: ListedTask; readonly intent: CreateIntentRecord; readonly reports: Reports },
): readonly LogEntry[] {
  const { intent: wanted, reports } = found;
  const newTaskId = found.task.id;
  const [first, ...rest] = state.openCreates;
  if (first === undefined) return [];
  const settled: LogEntry[] = [
    ...rest.map((intent): LogEntry => ({ type: "settled", write: intent.write, found: "abandoned" })),
    { type: "settled", write: first.write, found: "copy", newTaskId },
  ];
  if (reports.kind === "read") {
    // Shown as its intent wanted it; where today's manifest wants otherwise, a PATCH follows and takes this back.
    const rows = wanted.reports.map(({ reportId }) => reportId);
    const mustShow = rows.length > 0 ? countRows(rows) : undefined;
    const of = { sourceTaskId: state.sourceTaskId, key: state.key, newTaskId, shown: reports.value };
    settled.push(observeCopy({ ...of, wanted, mustShow, clock: look.clock }).record);
  }
  return settled;
}
