import type { CreateIntentRecord, LogEntry } from "../log/records.js";
import { countRows } from "../log/shown-reports.js";
import type { PlanEntry } from "../plan/desired.js";
import { copyLacks, notVerified, observeCopy, type ReadBack, readCopy } from "../plan/read-copies.js";
import { TaskIndex } from "../plan/task-index.js";
import type { ListReading } from "../server/ports.js";
import type { TaskId } from "../shared/ids.js";
import type { TenantError } from "../shared/outcome.js";
import { StopError } from "../shared/problems.js";
import type { TaskReport } from "../shared/source-task.js";
import { haltsOnError } from "./run-stop.js";
import type { RunSession } from "./session.js";
import { warnMappingsNotShown } from "./write-ends.js";

/** What a look at a new copy found wrong. `stops`: the creates of its source task are stopped. */
export interface WrongCopy {
  readonly error: TenantError;
  readonly stops: boolean;
}

/**
 * Reads a new copy back: its reports and mappings, and for the first of a source task its place and name in the list.
 * `undefined`: nothing that is shown is wrong. Creates that are stopped are so in later runs too.
 */
export async function readBackCreate(
  session: RunSession,
  entry: PlanEntry,
  made: { readonly intent: CreateIntentRecord; readonly newTaskId: TaskId; readonly first: boolean },
): Promise<WrongCopy | undefined> {
  const { reader, recorder, clock } = session.deps;
  const { intent, newTaskId } = made;
  const rows = intent.reports.map(({ reportId }) => reportId);
  const mustShow = rows.length > 0 ? countRows(rows) : undefined;
  const [copy, fresh] = await Promise.allSettled([
    haltsOnError(session, readCopy(reader, newTaskId, mustShow)),
    made.first ? haltsOnError(session, listWithNames(session)) : undefined,
  ]);
  if (fresh.status === "rejected") throw fresh.reason;
  const list = fresh.value;
  if (copy.status === "rejected") throw copy.reason;
  const reports = copy.value;
  const of = { sourceTaskId: entry.sourceTaskId, key: entry.row.key, newTaskId };
  const tenant = entry.row.tenant;
  const entries: LogEntry[] = [];
  let error = notListed(newTaskId, list);
  if (reports.kind === "lacks") error = copyLacks({ ...of, tenant }, reports.reports);
  else if (reports.kind === "read") {
    const { back, record } = observeCopy({ ...of, shown: reports.value, wanted: entry.wanted, mustShow, clock });
    error = wrongReports(intent, reports.value) ?? wrongMappings(intent, back) ?? error;
    if (reports.value.some((report) => report.mappings !== undefined))
      entries.push(error === undefined ? record : { ...record, verified: false, verifiedAt: undefined });
    if (error === undefined && back.kind !== "equal") warnMappingsNotShown(session, { ...of, tenant });
  } else warnMappingsNotShown(session, { ...of, tenant });
  if (error !== undefined) {
    const { reportIdMode, mappings } = intent;
    entries.push({ type: "source-stopped", ...of, code: error.code, reportIdMode, mappings });
  }
  try {
    await recorder.record(entries);
  } catch (cause) {
    // What was seen to be wrong is told, also where the log takes no more.
    if (error === undefined || !(cause instanceof StopError)) throw cause;
    session.halts.halt({ kind: "fatal", error: cause });
  }
  if (error !== undefined) {
    warnStopped(session, entry, error);
    return { error, stops: true };
  }
  if (reports.kind === "read" || reports.kind === "lacks" || !session.options.run.verify) return undefined;
  return { error: notVerified(newTaskId, reports.problem.message), stops: false };
}

/** Whose names the list shows counts at once, also where the copy's own answer comes late or stops the run. */
async function listWithNames(session: RunSession): Promise<ListReading> {
  const list = await session.freshList.begunFromNow();
  if (list.kind !== "none") await session.noteNames(new TaskIndex(list.tasks));
  return list;
}

function wrongReports(intent: CreateIntentRecord, shown: readonly TaskReport[]): TenantError | undefined {
  const sent = new Set(intent.reports.map((report) => report.reportId));
  const strange = [...new Set(shown.map((report) => report.reportId))].filter((id) => sent.size > 0 && !sent.has(id));
  if (strange.length === 0) return undefined;
  return {
    code: "REPORTS_DIFFER",
    message: `the first copy was read back, and its reports are not the source task's (${strange.map((id) => `${id} is new`).join(", ")})`,
    hint: "Look at the copy on the server",
  };
}

function wrongMappings(intent: CreateIntentRecord, back: ReadBack): TenantError | undefined {
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

function warnStopped(session: RunSession, entry: PlanEntry, error: TenantError): void {
  session.warn({
    code: "SOURCE_STOPPED",
    message: `the creates of source task ${entry.sourceTaskId} are stopped: ${error.message}`,
    hint: error.hint,
    tenant: entry.row.tenant,
  });
}
