import { foldName, type TaskId } from "../domain/ids.js";
import type { CreateIntentRecord, LogEntry } from "../domain/log-record.js";
import type { TenantError } from "../domain/outcome.js";
import type { TaskReport } from "../domain/source-task.js";
import type { PlanEntry } from "./plan-entries.js";
import type { ListReading, Reading } from "./ports.js";
import type { RunSession } from "./run-session.js";
import { holdAgainst, observedEntry } from "./verify-copies.js";
import { warnMappingsNotShown } from "./write-ends.js";

/**
 * Reads a new copy back: its reports and mappings, and for the first of a source task its place and name in the list.
 * `undefined`: nothing that is shown is wrong. An error stops that source task's creates, in later runs too.
 */
export async function readBackCreate(
  session: RunSession,
  entry: PlanEntry,
  made: { readonly intent: CreateIntentRecord; readonly newTaskId: TaskId; readonly first: boolean },
): Promise<TenantError | undefined> {
  const { reader, recorder } = session.deps;
  const [reports, list] = await Promise.all([
    reader.readReports(made.newTaskId),
    made.first ? session.freshList.begunFromNow() : undefined,
  ]);
  const of = { sourceTaskId: entry.sourceTaskId, key: entry.row.key, newTaskId: made.newTaskId };
  const entries: LogEntry[] = [];
  const error = wrongReports(made.intent, entry, reports) ?? notListed(made.newTaskId, list);
  if (reports.kind === "read") {
    const verified = error === undefined && holdAgainst(reports.value, entry.wanted).kind === "equal";
    if (reports.value.some((report) => report.mappings !== undefined))
      entries.push(observedEntry({ ...of, shown: reports.value, verified }));
    if (!verified && error === undefined) warnMappingsNotShown(session, { ...of, tenant: entry.row.tenant });
  } else warnMappingsNotShown(session, { ...of, tenant: entry.row.tenant });
  const listed = list?.kind === "read" ? list.tasks.find((task) => task.id === made.newTaskId) : undefined;
  if (listed !== undefined && foldName(listed.name) !== foldName(made.intent.name)) {
    entries.push({ type: "name-changed", ...of, sent: made.intent.name, listed: listed.name });
    warnNameChanged(session, entry, { sent: made.intent.name, listed: listed.name });
  }
  if (error !== undefined)
    entries.push({
      type: "source-stopped",
      ...of,
      code: error.code,
      reportIdMode: made.intent.reportIdMode,
      mappings: made.intent.mappings,
    });
  await recorder.record(entries);
  if (error !== undefined) warnStopped(session, entry, error);
  return error;
}

function wrongReports(
  intent: CreateIntentRecord,
  entry: PlanEntry,
  reports: Reading<readonly TaskReport[]>,
): TenantError | undefined {
  if (reports.kind !== "read") return undefined;
  const sent = new Set(intent.reports.map((report) => report.reportId));
  const shown = new Set(reports.value.map((report) => report.reportId));
  const missing = [...sent].filter((id) => !shown.has(id));
  const strange = [...shown].filter((id) => sent.size > 0 && !sent.has(id));
  if (missing.length > 0 || strange.length > 0)
    return {
      code: "REPORTS_DIFFER",
      message: `the first copy was read back, and its reports are not the source task's (${[...missing.map((id) => `${id} is missing`), ...strange.map((id) => `${id} is new`)].join(", ")})`,
      hint: "Look at the copy on the server; the API key's role may see too little",
    };
  const back = holdAgainst(reports.value, entry.wanted);
  if (back.kind !== "different") return undefined;
  return {
    code: "MAPPINGS_DIFFER",
    message: `the copy was read back, and the server shows other mappings than were sent for the report${back.reports.length === 1 ? "" : "s"} ${back.reports.join(", ")}`,
    hint: `The server may want the report's other ID: try --report-id ${intent.reportIdMode === "row" ? "report" : "row"}. The copy must not mail: look at it on the server`,
  };
}

function notListed(newTaskId: TaskId, list: ListReading | undefined): TenantError | undefined {
  if (list?.kind !== "read" || list.tasks.some((task) => task.id === newTaskId)) return undefined;
  return {
    code: "COPY_NOT_LISTED",
    message: `the new copy ${newTaskId} is not in the server's task list, though that was read to its end`,
    hint: "The API key's role may see too little: nothing could be looked up after a lost answer. Give it the whole project, then run the same command again",
  };
}

function warnNameChanged(
  session: RunSession,
  entry: PlanEntry,
  name: { readonly sent: string; readonly listed: string },
): void {
  session.warn({
    code: "NAME_CHANGED",
    message: `the server named the copy "${name.listed}" instead of "${name.sent}"`,
    hint: "Absence by name proves nothing for this source task from now on: a doubt stays a doubt until resolve. Shorter, plain names may help",
    tenant: entry.row.tenant,
  });
}

function warnStopped(session: RunSession, entry: PlanEntry, error: TenantError): void {
  session.warn({
    code: "SOURCE_STOPPED",
    message: `the creates of source task ${entry.sourceTaskId} are stopped: ${error.message}`,
    hint: error.hint,
    tenant: entry.row.tenant,
  });
}
