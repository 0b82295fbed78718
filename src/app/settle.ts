import type { TaskId, TenantRef } from "../domain/ids.js";
import type { CreateIntentRecord, LogEntry, ReportRow } from "../domain/log-record.js";
import type { Doubt } from "../domain/plan.js";
import { sameReports } from "../domain/shown-reports.js";
import type { ListedTask, TaskReport } from "../domain/source-task.js";
import type { TenantState } from "../domain/tenant-state.js";
import { doubtsOf, type PlanContext } from "./plan-context.js";
import type { Reading, TaskReader } from "./ports.js";
import type { Recorder } from "./recorder.js";
import { holdAgainst, observedEntry } from "./verify-copies.js";

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
  readonly context: Pick<PlanContext, "log" | "list" | "sources">;
  /** Throws where the run must end: asked before more is read. */
  readonly checkGoesOn: () => void;
}

/** Tasks found, each by one doubt, and read at the same time. */
const READS_AT_ONCE = 8;

type Reports = Reading<readonly TaskReport[]>;

/**
 * Looks these tenants' doubts up in one list, and takes what is found exactly into the log. Exact finds come first: a task
 * that is another tenant's exact find is nobody's candidate. Throws where something could not be looked at because the run
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
  for (const state of states) {
    if (findings.has(state.ref)) continue;
    const ids = doubtsOf(look.context, state).flatMap(candidatesOf);
    findings.set(state.ref, ids.length > 0 ? { kind: "candidates", ids: [...new Set(ids)] } : { kind: "none" });
  }
  return findings;
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
async function readFound(look: Look, states: readonly TenantState[]): Promise<ReadonlyMap<TaskId, Reports>> {
  const ids = new Set<TaskId>();
  for (const state of states) {
    const [only, ...others] = foundFor(look, state).keys();
    if (only !== undefined && others.length === 0) ids.add(only);
  }
  if (ids.size > 0) look.checkGoesOn();
  return new Map(await Promise.all([...ids].map(async (id) => [id, await look.reader.readReports(id)] as const)));
}

async function settleExact(
  look: Look,
  state: TenantState,
  read: ReadonlyMap<TaskId, Reports>,
): Promise<Finding | undefined> {
  const found = foundFor(look, state);
  const [only, ...others] = found.values();
  if (only === undefined) return undefined;
  if (others.length > 0) return { kind: "twins", ids: [...found.keys()] };
  // Not among them where it was one of several until another tenant took the others.
  const reports = read.get(only.task.id) ?? (await look.reader.readReports(only.task.id));
  const rows = look.context.sources?.get(state.sourceTaskId)?.reportRows ?? [];
  if (!hasReportsOf(only.intent, reports, rows)) return { kind: "candidates", ids: [only.task.id] };
  await look.recorder.record(settledEntries(state, only, reports));
  return { kind: "settled", newTaskId: only.task.id };
}

/**
 * Whether a found task has the reports that the intent's copy was to have. Where the source task's were not listed when the
 * intent was written, those that it maps: by IDs that the user gave, which may be those of the source task's `rows`. A server
 * that lists no reports then or now cannot be asked.
 */
function hasReportsOf(intent: CreateIntentRecord, reports: Reports, rows: readonly ReportRow[]): boolean {
  if (reports.kind !== "read") return intent.reports.length === 0;
  const shown = new Set(reports.value.map((report) => report.reportId));
  if (intent.reports.length > 0) return sameReports(shown, new Set(intent.reports.map((report) => report.reportId)));
  const published = new Map(rows.map((row) => [row.rowId as string, row.reportId]));
  return intent.mappings.every(({ reportId }) => shown.has(published.get(reportId) ?? reportId));
}

function settledEntries(
  state: TenantState,
  found: { readonly task: ListedTask; readonly intent: CreateIntentRecord },
  reports: Reports,
): readonly LogEntry[] {
  const newTaskId = found.task.id;
  const [first, ...rest] = state.openCreates;
  if (first === undefined) return [];
  const settled: LogEntry[] = [
    ...rest.map((intent): LogEntry => ({ type: "settled", write: intent.write, found: "abandoned" })),
    { type: "settled", write: first.write, found: "copy", newTaskId },
  ];
  if (reports.kind === "read") {
    // Shown as its intent wanted it; where today's manifest wants otherwise, a PATCH follows and takes this back.
    const verified = holdAgainst(reports.value, found.intent).kind === "equal";
    const of = { sourceTaskId: state.sourceTaskId, key: state.key, newTaskId };
    settled.push(observedEntry({ ...of, shown: reports.value, verified }));
  }
  return settled;
}

function candidatesOf(doubt: Doubt): readonly TaskId[] {
  return doubt.found?.kind === "candidates" ? doubt.found.tasks.map((task) => task.id) : [];
}
