import type { LogEntry, PatchIntentRecord, WriteEnd } from "../log/records.js";
import type { OpenPatch, TenantState } from "../log/tenant-state.js";
import { copiesLackReport } from "../plan/conflicts.js";
import { decideEntry } from "../plan/decide.js";
import { type Drift, driftOf, type PlanEntry, type ReportChange } from "../plan/desired.js";
import { type CopyReading, copyLacks, isNews, observeCopy, readCopy } from "../plan/read-copies.js";
import { type ReportId, type TaskId, writeId } from "../shared/ids.js";
import { problem } from "../shared/problems.js";
import type { TenantError } from "../shared/results.js";
import { sameSwaps, type TaskReport } from "../shared/tasks.js";
import { endShownPatches, lookAtPatchDoubt, readBackPatches } from "./read-back.js";
import { type End, PLANNED, SUCCEEDED } from "./results.js";
import type { Run } from "./run.js";
import { recordOrTell, send } from "./send.js";

/**
 * Brings one copy's mappings to what the manifest wants, by PATCHes of its own report rows, and reads them back where the
 * server shows mappings. Stops at the first report that fails. Reports with a PATCH in doubt wait for `--settle`: `isSettled`
 * says that it has passed. Rejects only for a broken log.
 */
export async function updateCopy(run: Run, entry: PlanEntry, isSettled = false): Promise<End> {
  const state = run.recorder.state.tenant(entry.ref);
  if (state?.copy === undefined) return PLANNED;
  const drift = driftOf(state, entry.wanted, run.server.context);
  if (drift.changes.length + drift.refusedRemovals.length === 0) return SUCCEEDED;
  if (!isSettled && hasDoubt(state, drift)) {
    await lookAtPatchDoubt(run, state);
    const now = run.recorder.state.tenant(entry.ref) ?? state;
    const message =
      "a PATCH of this copy was sent and its answer never came; nothing else goes to that report until --settle has passed";
    if (hasDoubt(now, driftOf(now, entry.wanted, run.server.context)))
      return { kind: "in-doubt", error: problem("PATCH_IN_DOUBT", message) };
  }
  const { updates } = run.source(entry.sourceTaskId);
  return (await updates.inTurn(() => updateInTurn(run, entry, drift.missing, isSettled))) ?? PLANNED;
}

/** Whether a report that must change has a PATCH in doubt, or an ID that is none of the copy's reports: it may be any one's row. */
function hasDoubt({ reports, originalRows }: TenantState, { changes }: Drift): boolean {
  const mustChange = new Set(changes.map(({ reportId }) => reportId));
  return [...reports].some(
    ([reportId, { openPatches }]) =>
      openPatches.length > 0 && (mustChange.has(reportId) || originalRows?.has(reportId) !== true),
  );
}

/** `knownMissing`: reports that the copy is known to lack, of which the plan has told. */
async function updateInTurn(
  run: Run,
  entry: PlanEntry,
  knownMissing: readonly ReportId[],
  isSettled: boolean,
): Promise<End> {
  const { sourceTaskId, tenant, wanted } = entry;
  const { recorder } = run;
  const stateNow = (): TenantState => recorder.state.tenant(entry.ref) as TenantState;
  const cannot = (error: TenantError): End => run.endOfRefusal(entry.ref, error);
  const newTaskId = stateNow().copy?.newTaskId;
  if (run.abort.isAborted || newTaskId === undefined) return PLANNED;
  const before = await readCopy(run.reader, newTaskId, stateNow().originalRows);
  if (before.kind === "absent")
    return cannot(problem("COPY_MISSING", `the copy ${newTaskId} does not answer by its ID (404)`));
  if (before.kind === "lacks") return cannot(copyLacks({ tenant, sourceTaskId, newTaskId }, before.reports));
  if (before.kind === "read") {
    if (isSettled) await endShownPatches(run, stateNow(), before.value, true);
    // What the copy shows before anything is sent counts: a report that is already right is not sent again.
    const state = stateNow();
    if (isNews(state, before.value)) {
      const mustShow = run.server.rowsToBeShown(state);
      await recorder.record([observeCopy(entry, newTaskId, before.value, mustShow, run.clock).record]);
      run.server.noteShownApps(state, before.value);
    }
  }
  // The copy may show drift that the log did not know of, and another tenant may have got its apps.
  const { action, missing } = decideEntry(run.server.context, entry);
  if (action.kind === "conflict") return cannot(action.error);
  if (action.kind !== "update" && action.kind !== "unchanged") return PLANNED;
  const changes = action.kind === "update" ? action.changes : [];
  const isResolved = run.server.context.sources?.get(sourceTaskId)?.task.reports !== undefined;
  const news = missing.filter((reportId) => !knownMissing.includes(reportId));
  // An ID that the user gave and nobody could resolve may be any of the copy's reports: it is not missing.
  const unplaced = isResolved ? undefined : news.find((reportId) => wanted.named.includes(reportId));
  if (unplaced !== undefined) return cannot(rowUnknown(unplaced));
  for (const reportId of news) warnMissing(run, entry, reportId);
  let sentAny = false;
  for (const change of changes) {
    const rows = rowsOf(run, entry, change.reportId, before);
    if (rows === undefined && isResolved && before.kind === "read") {
      // What the log knows of it stays: its app is free only once nobody can doubt that the report is gone.
      warnMissing(run, entry, change.reportId);
      continue;
    }
    if (rows === undefined) return cannot(rowUnknown(change.reportId));
    const typed = typedDoubts(run, entry, stateNow(), change.reportId);
    if (isDone(stateNow(), change) && typed.length === 0) continue;
    // A copy that has shown its mappings once is read back: a PATCH's own answer proves nothing there.
    const canBeRead = before.kind === "read" || stateNow().showsMappings;
    for (const target of rows) {
      const hasMoreRows = target !== rows.at(-1);
      const end = await patchRow(run, entry, { newTaskId, change, row: target, hasMoreRows, canBeRead });
      if (end !== undefined) return end;
    }
    sentAny = true;
    // What this PATCH has set is the report's last: the earlier ones have had their time.
    if (isSettled)
      await recorder.record(
        typed.map(({ write }) => ({ type: "patch-outcome", write, outcome: "succeeded", moreRows: true })),
      );
  }
  const hides = before.kind === "read" && before.value.every((report) => report.mappings === undefined);
  return hides && !sentAny ? SUCCEEDED : readBackPatches(run, entry, { newTaskId, changes, sentAny, before });
}

/** PATCHes in doubt that were sent by the ID of a row of this report, when nobody could place it. */
function typedDoubts(
  run: Run,
  { sourceTaskId }: PlanEntry,
  { reports }: TenantState,
  reportId: ReportId,
): readonly OpenPatch[] {
  const reportOfRow = run.server.context.sources?.get(sourceTaskId)?.reportOfRow;
  return [...reports].flatMap(([typed, { openPatches }]) =>
    typed !== reportId && reportOfRow?.get(typed) === reportId ? openPatches : [],
  );
}

function isDone({ reports }: TenantState, { reportId, apps }: ReportChange): boolean {
  const report = reports.get(reportId);
  return report?.known !== undefined && report.openPatches.length === 0 && sameSwaps(report.known, apps);
}

/** A copy's own row of a report, as it is named in a request's path and body. */
type Row = Pick<OpenPatch, "rowId" | "bodyId">;

/** The copy's own rows of a report: mostly one. `undefined`: the copy does not show it, or nobody knows. */
function rowsOf(run: Run, entry: PlanEntry, reportId: ReportId, copy: CopyReading): readonly Row[] | undefined {
  if (copy.kind === "read") {
    const mode = run.options.shape.reportId;
    const rows = copy.value.filter((report) => report.reportId === reportId);
    const named = rows.map(({ rowId }) => ({ rowId, bodyId: mode === "row" ? rowId : reportId }));
    return named.length === 0 ? undefined : named;
  }
  // Where the list of reports cannot be read, what the user gave is sent.
  return entry.wanted.named.includes(reportId) ? [{ rowId: reportId, bodyId: reportId }] : undefined;
}

function rowUnknown(reportId: ReportId): TenantError {
  const message = `the row of report ${reportId} in the copy is not known: the server did not list the reports`;
  return problem("ROW_UNKNOWN", message);
}

/** Warns of a report that a copy turned out not to have only when it was to be updated. */
function warnMissing(run: Run, { sourceTaskId, tenant }: PlanEntry, report: ReportId): void {
  const warning = copiesLackReport(sourceTaskId, report, [tenant]);
  run.results.warnOnce(`report ${report} of ${sourceTaskId}`, warning);
}

/** One PATCH: of one row of a report. */
interface RowPatch {
  readonly newTaskId: TaskId;
  readonly change: ReportChange;
  readonly row: Row;
  /** The copy was read: then what this PATCH does is known when it was read back. */
  readonly canBeRead: boolean;
  /** The report has another row in the copy, which is PATCHed after this one. */
  readonly hasMoreRows: boolean;
}

/** PATCHes one row of a copy, and writes down what came of it; `undefined`: it succeeded. Rejects only for a broken log. */
async function patchRow(run: Run, entry: PlanEntry, patch: RowPatch): Promise<End | undefined> {
  const { newTaskId: taskId, change, row } = patch;
  const intent = patchIntent(run, entry, patch);
  let { canBeRead, hasMoreRows } = patch;
  // A 409, or any refusal after an earlier doubt, is read back first: the copy may be as it shall be, by this PATCH or another.
  const lookBack = async (httpStatus: number): Promise<WriteEnd> => {
    const state = run.recorder.state.tenant(entry.ref);
    const isUnsure = httpStatus === 409;
    const openPatches = state?.reports.get(intent.reportId)?.openPatches ?? [];
    if (!isUnsure && openPatches.length <= 1) return "refused";
    const copy = await run.abort.guard(() => readCopy(run.reader, taskId, state?.originalRows));
    const listed = copy?.kind === "read" ? copy.value : [];
    const ofReport = listed.filter(({ reportId }) => reportId === intent.reportId);
    const own = listed.filter(({ rowId }) => rowId === intent.rowId);
    // Where the row's ID is one that the user gave, every row of the report.
    const rows = own.length > 0 ? own : ofReport;
    const isThere = ({ mappings }: TaskReport): boolean => mappings !== undefined && sameSwaps(mappings, intent.apps);
    if (rows.length > 0 && rows.every(isThere)) {
      // The PATCHes' end is read back: other rows were not looked at, or are not listed.
      canBeRead = true;
      hasMoreRows ||= ofReport.some((other) => other.mappings !== undefined && !isThere(other));
      return "succeeded";
    }
    const isClear = rows.length > 0 && rows.every((other) => other.mappings !== undefined && !isThere(other));
    return isUnsure && !isClear ? "in-doubt" : "refused";
  };
  const attempt = run.writer.patchReport({ taskId, rowId: row.rowId, reportId: row.bodyId, apps: change.apps });
  const sent = await send(run, entry, intent, attempt, lookBack);
  if (sent.kind === "ended") return sent.end;
  const outcome: LogEntry = {
    type: "patch-outcome",
    write: intent.write,
    outcome: "succeeded",
    ...(canBeRead && { toRead: true }),
    ...(hasMoreRows && { moreRows: true }),
  };
  const message = `its copy ${taskId} took the PATCH of the report ${intent.reportId}, but the log could not`;
  await recordOrTell(run, entry, [outcome], { message });
  run.slots.succeeded();
  return undefined;
}

function patchIntent(run: Run, entry: PlanEntry, { newTaskId, change, row }: RowPatch): PatchIntentRecord {
  const { reportId, apps, named } = change;
  const { rowId, bodyId } = row;
  const open = run.recorder.state
    .tenant(entry.ref)
    ?.reports.get(reportId)
    ?.openPatches.findLast((patch) => patch.rowId === rowId && patch.bodyId === bodyId);
  const write = writeId(run.chance.uuid());
  return {
    type: "patch-intent",
    write,
    sourceTaskId: entry.sourceTaskId,
    key: entry.key,
    manifest: run.server.context.manifest.fileName,
    newTaskId,
    reportId,
    rowId,
    apps,
    named,
    idempotencyKey: open !== undefined && sameSwaps(open.apps, apps) ? open.idempotencyKey : write,
    ...(bodyId !== rowId && { bodyId }),
  };
}
