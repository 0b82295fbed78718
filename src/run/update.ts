import type { ReportIdMode } from "../log/records.js";
import type { OpenPatch, TenantState } from "../log/tenant-state.js";
import * as conflict from "../plan/conflicts.js";
import { copiesLackReport } from "../plan/conflicts.js";
import type { PlanEntry } from "../plan/desired.js";
import { type Drift, driftOf, type ReportChange } from "../plan/drift.js";
import { copyLacks, isNews, observeCopy, readCopy, rowsToBeShown } from "../plan/read-copies.js";
import type { Reading } from "../server/ports.js";
import type { ReportId, TaskId } from "../shared/ids.js";
import { sameSwaps } from "../shared/mapping.js";
import type { TenantError } from "../shared/outcome.js";
import type { TaskReport } from "../shared/source-task.js";
import type { Verdict } from "./canary.js";
import { conflictNow, noteShownApps } from "./in-use-now.js";
import { endShownPatches, lookAtPatchDoubt } from "./patch-doubts.js";
import { type Done, readBackPatches } from "./patch-read-back.js";
import { patchRow, type Row } from "./patch-row.js";
import { endOfRefusal } from "./run-stop.js";
import type { End, RunSession } from "./session.js";

/**
 * Brings one copy's mappings to what the manifest wants, by PATCHes of its own report rows, and reads them back where the
 * server shows mappings. Stops at the first report that fails. Reports with a PATCH in doubt wait for `--settle`: `settled`
 * says that it has passed. Never rejects but for a broken log.
 */
export async function updateCopy(
  session: RunSession,
  entry: PlanEntry,
  so: { readonly settled: boolean },
): Promise<End> {
  const state = session.deps.recorder.state.tenant(entry.ref);
  if (state?.copy === undefined) return { kind: "planned" };
  const drift = driftNow(session, entry, state);
  if (drift.refusedRemovals.length > 0)
    return endOfRefusal(session, entry, conflict.removalRefused(drift.refusedRemovals));
  if (drift.changes.length === 0) return { kind: "succeeded" };
  if (!so.settled && hasDoubt(state, drift)) {
    await lookAtPatchDoubt(session, state);
    const now = session.deps.recorder.state.tenant(entry.ref) ?? state;
    if (hasDoubt(now, driftNow(session, entry, now))) return { kind: "in-doubt", error: PATCH_IN_DOUBT };
  }
  const newTaskId = state.copy.newTaskId;
  const gate = session.patchGate(entry.sourceTaskId);
  const turn = await gate.enter();
  if (turn === "stopped" || session.halts.reason !== undefined) {
    gate.leave(turn, "pass");
    return { kind: "planned" };
  }
  let verdict: Verdict = "stop";
  try {
    const done = await patchAll(session, entry, { newTaskId, ...drift, settled: so.settled });
    verdict = done.verdict;
    return done.end;
  } finally {
    gate.leave(turn, verdict);
  }
}

/** Whether a report that must change has a PATCH in doubt, or an ID that is none of the copy's reports: it may be any one's row. */
function hasDoubt({ reports, originalRows }: TenantState, { changes }: Drift): boolean {
  const mustChange = new Set(changes.map(({ reportId }) => reportId));
  return [...reports].some(
    ([reportId, { openPatches }]) =>
      openPatches.length > 0 && (mustChange.has(reportId) || originalRows?.has(reportId) !== true),
  );
}

const PATCH_IN_DOUBT: TenantError = {
  code: "PATCH_IN_DOUBT",
  message:
    "a PATCH of this copy was sent and its answer never came; nothing else goes to that report until --settle has passed",
  hint: "Run the same command again",
};

interface Patches {
  readonly newTaskId: TaskId;
  readonly changes: readonly ReportChange[];
  /** Reports that the copy is known to lack: the plan has told of them. */
  readonly missing: readonly ReportId[];
  /** `--settle` has passed since the last PATCH that was given up. */
  readonly settled: boolean;
}

async function patchAll(session: RunSession, entry: PlanEntry, patches: Patches): Promise<Done> {
  const { reader, recorder } = session.deps;
  const known = recorder.state.tenant(entry.ref);
  const before = await readCopy(reader, patches.newTaskId, known?.originalRows);
  const cannot = (error: TenantError): Done => ({ end: endOfRefusal(session, entry, error), verdict: "pass" });
  if (before.kind === "absent") return cannot(copyMissing(patches.newTaskId));
  if (before.kind === "lacks") {
    const { sourceTaskId, row } = entry;
    return cannot(copyLacks({ tenant: row.tenant, sourceTaskId, newTaskId: patches.newTaskId }, before.reports));
  }
  if (patches.settled && known !== undefined && before.kind === "read")
    await endShownPatches(session, known, { shown: before.value, settled: true });
  await noteShown(session, entry, patches.newTaskId, before);
  const inUse = conflictNow(session, entry);
  if (inUse !== undefined) return cannot(inUse);
  const resolved = session.context.sources?.get(entry.sourceTaskId)?.task.reports !== undefined;
  const now = recorder.state.tenant(entry.ref);
  const drift = now && driftNow(session, entry, now);
  if (drift !== undefined && drift.refusedRemovals.length > 0)
    return cannot(conflict.removalRefused(drift.refusedRemovals));
  const missing = drift?.missing.filter((report) => !patches.missing.includes(report)) ?? [];
  // An ID that the user gave and nobody could resolve may be any of the copy's reports: it is not missing.
  const unplaced = resolved ? undefined : missing.find((report) => entry.wanted.named.includes(report));
  if (unplaced !== undefined) return cannot(rowUnknown(unplaced));
  warnMissing(session, { sourceTaskId: entry.sourceTaskId, tenant: entry.row.tenant, missing });
  const changes = drift?.changes ?? patches.changes;
  let sentAny = false;
  for (const change of changes) {
    const state = recorder.state.tenant(entry.ref);
    const rows = rowsOf(entry, change, { reports: before, mode: session.options.shape.reportId, resolved });
    if (rows === "missing") {
      // What the log knows of it stays: its app is free only once nobody can doubt that the report is gone.
      warnMissing(session, { sourceTaskId: entry.sourceTaskId, tenant: entry.row.tenant, missing: [change.reportId] });
      continue;
    }
    if (rows === undefined) return cannot(rowUnknown(change.reportId));
    const typed = typedDoubts(session, entry, state, change);
    if (isDone(state, change) && typed.length === 0) continue;
    // A copy that has shown its mappings once is read back: a PATCH's own answer proves nothing there.
    const canBeRead = before.kind === "read" || state?.showsMappings === true;
    for (const row of rows) {
      const moreRows = row !== rows.at(-1);
      const end = await patchRow(session, entry, { newTaskId: patches.newTaskId, change, row, moreRows, canBeRead });
      if (end !== undefined) return end;
    }
    sentAny = true;
    // What this PATCH has set is the report's last: the earlier ones have had their time.
    if (patches.settled)
      await recorder.record(
        typed.map(({ write }) => ({ type: "patch-outcome", write, outcome: "succeeded", moreRows: true })),
      );
  }
  const hides = before.kind === "read" && !before.value.some((report) => report.mappings !== undefined);
  if (hides && !sentAny) return { end: { kind: "succeeded" }, verdict: "pass" };
  return readBackPatches(session, entry, { ...patches, changes, sentAny, before });
}

/** What the copy shows before anything is sent counts: a report that is already right is not sent again. */
async function noteShown(
  session: RunSession,
  entry: PlanEntry,
  newTaskId: TaskId,
  before: Reading<readonly TaskReport[]>,
): Promise<void> {
  if (before.kind !== "read") return;
  const known = session.deps.recorder.state.tenant(entry.ref);
  if (known === undefined || !isNews(known, before.value)) return;
  const of = { sourceTaskId: entry.sourceTaskId, key: entry.row.key, newTaskId, shown: before.value };
  const mustShow = rowsToBeShown(known, session.context.sources?.get(entry.sourceTaskId));
  const { clock, recorder } = session.deps;
  await recorder.record([observeCopy({ ...of, wanted: entry.wanted, mustShow, clock }).record]);
  noteShownApps(session, known, before.value);
}

/** What must change after the copy was looked at: it may show drift that the log did not know of. */
function driftNow({ context }: RunSession, { sourceTaskId, wanted }: PlanEntry, state: TenantState): Drift {
  return driftOf(state, wanted, {
    allowUnmapped: context.permissions.allowUnmappedReports,
    reportOfRow: context.sources?.get(sourceTaskId)?.reportOfRow ?? new Map(),
  });
}

/** PATCHes in doubt that were sent by the ID of a row of this report, when nobody could place it. */
function typedDoubts(
  { context }: RunSession,
  { sourceTaskId }: PlanEntry,
  state: TenantState | undefined,
  { reportId }: ReportChange,
): readonly OpenPatch[] {
  const reportOfRow = context.sources?.get(sourceTaskId)?.reportOfRow;
  return [...(state?.reports ?? [])].flatMap(([typed, { openPatches }]) =>
    typed !== reportId && reportOfRow?.get(typed) === reportId ? openPatches : [],
  );
}

function isDone(state: TenantState | undefined, change: ReportChange): boolean {
  const report = state?.reports.get(change.reportId);
  return report?.known !== undefined && report.openPatches.length === 0 && sameSwaps(report.known, change.apps);
}

/** The copy's own rows of a report: mostly one. `missing`: the copy does not show it. `undefined`: nobody knows it. */
function rowsOf(
  entry: PlanEntry,
  change: ReportChange,
  from: {
    readonly reports: Reading<readonly TaskReport[]>;
    readonly mode: ReportIdMode;
    /** The source task's reports were read, so that the manifest's IDs are `reportID`s. */
    readonly resolved: boolean;
  },
): readonly Row[] | "missing" | undefined {
  if (from.reports.kind === "read") {
    const rows = from.reports.value.filter((report) => report.reportId === change.reportId);
    // An ID that the user gave and nobody could resolve may be any of the copy's reports: it is not missing.
    if (rows.length === 0) return from.resolved ? "missing" : undefined;
    return rows.map(({ rowId, reportId }) => ({ pathId: rowId, bodyId: from.mode === "row" ? rowId : reportId }));
  }
  // Where the list of reports cannot be read, what the user gave is sent.
  return entry.wanted.named.includes(change.reportId)
    ? [{ pathId: change.reportId, bodyId: change.reportId }]
    : undefined;
}

function copyMissing(newTaskId: TaskId): TenantError {
  return {
    code: "COPY_MISSING",
    message: `the copy ${newTaskId} does not answer by its ID (404)`,
    hint: "Run sync again: it finds out whether the copy is gone",
  };
}

function rowUnknown(reportId: ReportId): TenantError {
  return {
    code: "ROW_UNKNOWN",
    message: `the row of report ${reportId} in the copy is not known: the server did not list the reports`,
    hint: "Name the report's row in the manifest (column reportId), or give the API key the right to read the task's reports",
  };
}

/** Warns of reports that a copy turned out not to have only when it was to be updated. Once for each report of a source task. */
function warnMissing(
  session: RunSession,
  of: { readonly sourceTaskId: TaskId; readonly tenant: string; readonly missing: readonly ReportId[] },
): void {
  for (const report of of.missing) {
    const key = `${of.sourceTaskId} ${report}`;
    if (session.missingWarned.has(key)) continue;
    session.missingWarned.add(key);
    session.warn(copiesLackReport({ sourceTaskId: of.sourceTaskId, report, tenants: [of.tenant] }));
  }
}
