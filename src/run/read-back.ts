import type { CreateIntentRecord, LogEntry } from "../log/records.js";
import type { OpenPatch, TenantState } from "../log/tenant-state.js";
import type { PlanEntry, ReportChange } from "../plan/desired.js";
import { copyLacks, mappingsNotShown, notVerified, observeCopy, type ReadBack, readCopy } from "../plan/read-copies.js";
import type { Reading } from "../server/ports.js";
import { hintOf, sameSync } from "../shared/hints.js";
import type { ReportId, TaskId } from "../shared/ids.js";
import { problem } from "../shared/problems.js";
import type { TenantError } from "../shared/results.js";
import { byReport, sameSwaps, type TaskReport } from "../shared/tasks.js";
import { type End, SUCCEEDED } from "./results.js";
import type { Run } from "./run.js";

function failed(error: TenantError): End {
  return { kind: "failed", error };
}

/** What was made is made; a run with `--verify` calls it well only when it was read. */
function endOfUnread(run: Run, newTaskId: TaskId, why = "the run was stopped before"): End {
  return run.options.run.verify ? failed(notVerified(newTaskId, why)) : SUCCEEDED;
}

function warnNotShown(run: Run, { sourceTaskId, tenant }: PlanEntry, newTaskId: TaskId): void {
  run.results.warnOnce(`mappings of ${sourceTaskId}`, mappingsNotShown(newTaskId, tenant));
}

/** What to try where a server does not take a report's ID. `first`: what to look at before. */
export function otherReportId(mode: "row" | "report", first = "Look at the copy on the server."): string {
  return hintOf(
    `${first} It may want the report's other ID:`,
    sameSync("--report-id", mode === "row" ? "report" : "row"),
  );
}

/**
 * Reads a new copy back: its reports and mappings, and for the first of a source task its place and name in the list. Where nothing
 * that is shown is wrong, the others may come; else the creates of the source task are stopped, in later runs too.
 */
export async function readBackCreate(
  run: Run,
  entry: PlanEntry,
  made: { readonly intent: CreateIntentRecord; readonly newTaskId: TaskId; readonly isFirst: boolean },
): Promise<End> {
  const { intent, newTaskId, isFirst } = made;
  const { sourceTaskId, tenant } = entry;
  const { creates } = run.source(sourceTaskId);
  const mustShow = run.recorder.state.tenant(entry.ref)?.copy?.sourceRows;
  const [copy, list] = await Promise.all([
    run.abort.guard(() => readCopy(run.reader, newTaskId, mustShow)),
    isFirst ? run.abort.guard(() => run.server.listForNewCopy()) : undefined,
  ]);
  // What stops the run meanwhile does not unmake the copy: its creation is in the log, and is told.
  if (copy === undefined || (isFirst && list === undefined)) {
    creates.stop();
    return endOfUnread(run, newTaskId);
  }
  const entries: LogEntry[] = [];
  let error: TenantError | undefined;
  if (list?.kind === "read" && list.tasks.every(({ id }) => id !== newTaskId)) {
    const message = `the new copy ${newTaskId} is not in the server's task list, though that was read to its end`;
    error = problem("COPY_NOT_LISTED", message);
  }
  if (copy.kind === "lacks") error = copyLacks({ tenant, sourceTaskId, newTaskId }, copy.reports);
  else if (copy.kind === "read") {
    const { back, record } = observeCopy(entry, newTaskId, copy.value, mustShow, run.clock);
    error = wrongCopy(intent, copy.value, back) ?? error;
    if (copy.value.some((report) => report.mappings !== undefined))
      entries.push(error === undefined ? record : { ...record, verified: false, verifiedAt: undefined });
    if (error === undefined && back.kind !== "equal") warnNotShown(run, entry, newTaskId);
  } else warnNotShown(run, entry, newTaskId);
  if (error !== undefined) {
    const { reportIdMode, mappings } = intent;
    const stop = { sourceTaskId, key: entry.key, newTaskId, code: error.code, reportIdMode, mappings };
    entries.push({ type: "source-stopped", ...stop });
  }
  const isLogged = await run.abort.guard(() => run.recorder.record(entries).then(() => true));
  // What was seen to be wrong is told, also where the log takes no more.
  if (error !== undefined) {
    run.stopSource(sourceTaskId, "creates", error.message, { hint: error.hint, tenant });
    return failed(error);
  }
  if (isLogged === undefined) {
    creates.stop();
    return endOfUnread(run, newTaskId);
  }
  creates.open();
  if (copy.kind === "read" || copy.kind === "lacks") return SUCCEEDED;
  return endOfUnread(run, newTaskId, copy.problem.message);
}

/** What a new copy shows that was not sent. */
function wrongCopy(
  { reports, reportIdMode }: CreateIntentRecord,
  shown: readonly TaskReport[],
  back: ReadBack,
): TenantError | undefined {
  const sent = new Set(reports.map(({ reportId }) => reportId));
  const strange = new Set(shown.map(({ reportId }) => reportId).filter((id) => sent.size > 0 && !sent.has(id)));
  if (strange.size > 0) {
    const news = [...strange].map((id) => `${id} is new`).join(", ");
    const message = `the first copy was read back, and its reports are not the source task's (${news})`;
    return problem("REPORTS_DIFFER", message);
  }
  if (back.kind !== "different") return undefined;
  const message = `the copy was read back, and the server shows other mappings than were sent for the reports ${back.reports.join(", ")}`;
  const hint = otherReportId(reportIdMode, "The copy must not mail: look at it on the server.");
  return problem("MAPPINGS_DIFFER", message, { hint });
}

/** The PATCHes of one copy, and what it showed before them. */
export interface SentPatches {
  readonly newTaskId: TaskId;
  readonly changes: readonly ReportChange[];
  readonly sentAny: boolean;
  readonly before: Reading<readonly TaskReport[]>;
}

/**
 * Reads a copy back after its PATCHes, and holds all of it against the manifest: a server may take one PATCH for the whole
 * task's set.
 */
export async function readBackPatches(run: Run, entry: PlanEntry, patches: SentPatches): Promise<End> {
  const { newTaskId, sentAny } = patches;
  const { sourceTaskId, tenant } = entry;
  const { updates } = run.source(sourceTaskId);
  const state = run.recorder.state.tenant(entry.ref);
  const copy = await run.abort.guard(() => readCopy(run.reader, newTaskId, state?.originalRows));
  // What stops the run now does not undo what the log already says was done.
  if (copy === undefined) {
    updates.stop();
    return endOfUnread(run, newTaskId);
  }
  const lacks = (reports: readonly ReportId[]): End => failed(copyLacks({ tenant, sourceTaskId, newTaskId }, reports));
  if (copy.kind === "lacks") return lacks(copy.reports);
  if (copy.kind !== "read") {
    if (run.options.run.verify || (sentAny && state?.showsMappings === true))
      return failed(notVerified(newTaskId, copy.problem.message));
    warnNotShown(run, entry, newTaskId);
    if (sentAny) updates.open();
    return SUCCEEDED;
  }
  const mustShow = state && run.server.rowsToBeShown(state);
  const { record } = observeCopy(entry, newTaskId, copy.value, mustShow, run.clock);
  const { unequal, lost, hidden } = heldAgainstPatches(entry, patches, copy.value, state?.showsMappings === true);
  // Shown a moment ago, and not any more: what it maps now is not known, whatever the PATCH was answered.
  const reports = [...record.reports, ...lost.map((reportId) => ({ reportId, apps: null }))];
  await run.recorder.record([{ ...record, reports }]);
  if (hidden && sentAny) warnNotShown(run, entry, newTaskId);
  const late = reportsThatCameLate(entry, patches, copy.value);
  if (late.length > 0) return lacks(late);
  if (unequal.length === 0) {
    if (sentAny) updates.open();
    return SUCCEEDED;
  }
  const why = `a PATCH of the copy ${newTaskId} had no effect`;
  run.stopSource(sourceTaskId, "updates", why, { tenant });
  const message = `the server took the PATCH and still shows other mappings for the reports ${unequal.join(", ")}`;
  return failed(problem("PATCH_NO_EFFECT", message, { hint: otherReportId(run.options.shape.reportId) }));
}

/** Wanted reports that the copy did not list before its PATCHes, and lists now: none of them was sent. */
function reportsThatCameLate(
  { wanted }: PlanEntry,
  { before }: SentPatches,
  after: readonly TaskReport[],
): readonly ReportId[] {
  if (before.kind !== "read") return [];
  const listed = new Set(before.value.map(({ reportId }) => reportId));
  const missed = new Set(wanted.mappings.map(({ reportId }) => reportId).filter((reportId) => !listed.has(reportId)));
  return [...new Set(after.flatMap(({ reportId }) => (missed.has(reportId) ? reportId : [])))];
}

/**
 * `unequal`: the reports that the manifest maps, or that were sent, of which a row shows something else now, or nothing any more; `lost`:
 * those of which a row showed its mappings before, and shows none now; `hidden`: whether a row shows nothing.
 */
function heldAgainstPatches(
  entry: PlanEntry,
  { changes, sentAny, before }: SentPatches,
  after: readonly TaskReport[],
  showedMappings: boolean,
): { readonly unequal: readonly ReportId[]; readonly lost: readonly ReportId[]; readonly hidden: boolean } {
  const expected = new Map(byReport(entry.wanted.mappings));
  for (const { reportId, apps } of changes) expected.set(reportId, apps);
  const rowsBefore = before.kind === "read" ? before.value : [];
  const showed = new Set(rowsBefore.flatMap((row) => (row.mappings === undefined ? [] : row.rowId)));
  // A copy that showed its mappings in an earlier run, and shows none at all now, says nothing of what the PATCH did.
  const hidesAll = showedMappings && sentAny && after.every(({ mappings }) => mappings === undefined);
  const unequal = new Set<ReportId>();
  const lost = new Set<ReportId>();
  let hidden = false;
  for (const { rowId, reportId, mappings } of after) {
    const apps = expected.get(reportId);
    if (apps === undefined) continue;
    if (mappings === undefined) {
      hidden = true;
      if (!hidesAll && (apps.length === 0 || !showed.has(rowId))) continue;
      lost.add(reportId);
    } else if (sameSwaps(mappings, apps)) continue;
    unequal.add(reportId);
  }
  return { unequal: [...unequal], lost: [...lost], hidden };
}

/** Looks at a copy whose PATCHes are in doubt, once, without waiting and without sending anything. */
export async function lookAtPatchDoubt(run: Run, state: TenantState): Promise<void> {
  if (state.copy === undefined || state.copy.gone) return;
  const reading = await readCopy(run.reader, state.copy.newTaskId, state.originalRows);
  if (reading.kind === "read") await endShownPatches(run, state, reading.value, false);
}

/**
 * Ends PATCHes in doubt that the server shows as carried out: on every row of the report stands what the last of them wanted. None of
 * them has to be sent again. Before `--settle` has passed that holds for the only one in doubt, where something else stood there before:
 * else what is shown may be another's work, and this one may still arrive.
 */
export async function endShownPatches(
  run: Run,
  state: TenantState,
  shown: readonly TaskReport[],
  isSettled: boolean,
): Promise<void> {
  const ended: LogEntry[] = [];
  const mustShow = run.server.rowsToBeShown(state);
  for (const [reportId, { openPatches }] of state.reports) {
    const last = openPatches.at(-1);
    if (last === undefined) continue;
    const rows = shown.filter((row) => row.reportId === reportId);
    if (rows.length === 0) {
      // Sent by an ID that nobody could place. There is nothing that it could still change where the copy shows all that it maps, or
      // has no row of that ID either.
      const isPast = ({ rowId }: OpenPatch): boolean =>
        shown.every((row) => row.mappings !== undefined) || shown.every((row) => row.rowId !== rowId);
      if (isSettled) ended.push(...openPatches.filter(isPast).map(({ write }) => ({ ...NOTHING_TO_CHANGE, write })));
      continue;
    }
    const { known } = last.before;
    const isItsWork = openPatches.length === 1 && known !== undefined && !sameSwaps(known, last.apps);
    const isShown = rows.every(({ mappings }) => mappings !== undefined && sameSwaps(mappings, last.apps));
    if (!isShown || (!isSettled && !isItsWork)) continue;
    // What a row maps that is not listed, nobody sees.
    const isHidden = rows.length < (mustShow?.get(reportId) ?? 0);
    const { write } = last;
    ended.push({ type: "patch-outcome", write, outcome: "succeeded", ...(isHidden && { toRead: true }) });
  }
  await run.recorder.record(ended);
}

const NOTHING_TO_CHANGE = {
  type: "patch-outcome",
  outcome: "refused",
  code: "ROW_UNKNOWN",
  message: "the copy has no report of this ID",
} as const;
