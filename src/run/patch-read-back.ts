import type { RowCounts } from "../log/shown-reports.js";
import type { PlanEntry } from "../plan/desired.js";
import type { ReportChange } from "../plan/drift.js";
import { type CopyReading, copyLacks, notVerified, observeCopy, readCopy, rowsToBeShown } from "../plan/read-copies.js";
import type { Reading } from "../server/ports.js";
import type { ReportId, TaskId } from "../shared/ids.js";
import { byReport, sameSwaps } from "../shared/mapping.js";
import type { TenantError } from "../shared/outcome.js";
import { StopError } from "../shared/problems.js";
import type { TaskReport } from "../shared/source-task.js";
import type { Verdict } from "./canary.js";
import type { End, RunSession } from "./session.js";
import { warnMappingsNotShown } from "./write-ends.js";

/** How a tenant's PATCHes ended, and what that means for the others of its source task. */
export interface Done {
  readonly end: End;
  readonly verdict: Verdict;
}

/** The PATCHes of one copy, and what it showed before them. */
export interface SentPatches {
  readonly newTaskId: TaskId;
  readonly changes: readonly ReportChange[];
  readonly sentAny: boolean;
  readonly before: Reading<readonly TaskReport[]>;
}

function failed(error: TenantError, verdict: Verdict): Done {
  return { end: { kind: "failed", error }, verdict };
}

/** Reads a copy's reports; what stops the run is its halt, and `undefined` here: it does not undo what was done. */
export async function readCopyOrHalt(
  session: RunSession,
  newTaskId: TaskId,
  originalRows: RowCounts | undefined,
): Promise<CopyReading | undefined> {
  try {
    return await readCopy(session.deps.reader, newTaskId, originalRows);
  } catch (error) {
    if (!(error instanceof StopError)) throw error;
    session.halts.halt({ kind: "fatal", error });
    return undefined;
  }
}

/**
 * Reads a copy back after its PATCHes, and holds all of it against the manifest: a server may take one PATCH for the whole
 * task's set.
 */
export async function readBackPatches(session: RunSession, entry: PlanEntry, patches: SentPatches): Promise<Done> {
  const { recorder, clock } = session.deps;
  const state = recorder.state.tenant(entry.ref);
  const { newTaskId } = patches;
  const { sourceTaskId, row } = entry;
  const after = await readCopyOrHalt(session, newTaskId, state?.originalRows);
  // What stops the run now does not undo what the log already says was done.
  if (after === undefined)
    return session.options.run.verify
      ? failed(notVerified(newTaskId, "the run was stopped before"), "stop")
      : { end: { kind: "succeeded" }, verdict: "stop" };
  if (after.kind === "lacks")
    return failed(copyLacks({ tenant: row.tenant, sourceTaskId, newTaskId }, after.reports), "pass");
  if (after.kind !== "read") {
    if (session.options.run.verify || (patches.sentAny && state?.showsMappings === true))
      return failed(notVerified(newTaskId, after.problem.message), "pass");
    warnMappingsNotShown(session, { sourceTaskId, newTaskId, tenant: row.tenant });
    return { end: { kind: "succeeded" }, verdict: patches.sentAny ? "open" : "pass" };
  }
  const mustShow = rowsToBeShown(state, session.context.sources?.get(sourceTaskId));
  const of = { sourceTaskId, key: row.key, newTaskId, shown: after.value };
  const { record: observed } = observeCopy({ ...of, wanted: entry.wanted, mustShow, clock });
  const { unequal, lost, hidden } = heldAgainstPatches(entry, patches, {
    after: after.value,
    showsMappings: state?.showsMappings === true,
  });
  // Shown a moment ago, and not any more: what it maps now is not known, whatever the PATCH was answered.
  const reports = [...observed.reports, ...lost.map((reportId) => ({ reportId, apps: null }))];
  await recorder.record([{ ...observed, reports }]);
  if (hidden && patches.sentAny) warnMappingsNotShown(session, { sourceTaskId, newTaskId, tenant: row.tenant });
  const late = reportsThatCameLate(entry, patches, after.value);
  if (late.length > 0) return failed(copyLacks({ tenant: row.tenant, sourceTaskId, newTaskId }, late), "pass");
  if (unequal.length === 0) return { end: { kind: "succeeded" }, verdict: patches.sentAny ? "open" : "pass" };
  stopPatches(session, entry, `a PATCH of the copy ${patches.newTaskId} had no effect`);
  return failed(
    {
      code: "PATCH_NO_EFFECT",
      message: `the server took the PATCH and still shows other mappings for the report${unequal.length === 1 ? "" : "s"} ${unequal.join(", ")}`,
      hint: `The server may want the report's other ID: try --report-id ${session.options.shape.reportId === "row" ? "report" : "row"}`,
    },
    "stop",
  );
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

interface Held {
  /** The reports that the manifest maps, or that were sent, of which a row shows something else now, or nothing any more. */
  readonly unequal: readonly ReportId[];
  /** Those of which a row showed its mappings before, and shows none now. */
  readonly lost: readonly ReportId[];
  /** Whether a row shows nothing. */
  readonly hidden: boolean;
}

function heldAgainstPatches(
  entry: PlanEntry,
  patches: SentPatches,
  { after, showsMappings }: { readonly after: readonly TaskReport[]; readonly showsMappings: boolean },
): Held {
  const expected = new Map(byReport(entry.wanted.mappings));
  for (const { reportId, apps } of patches.changes) expected.set(reportId, apps);
  const before = patches.before.kind === "read" ? patches.before.value : [];
  const showed = new Set(before.flatMap((row) => (row.mappings === undefined ? [] : row.rowId)));
  // A copy that showed its mappings in an earlier run, and shows none at all now, says nothing of what the PATCH did.
  const hidesAll = showsMappings && patches.sentAny && after.every(({ mappings }) => mappings === undefined);
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

/** Stops a source task's PATCHes, and says why. */
export function stopPatches(session: RunSession, entry: PlanEntry, why: string): void {
  const gate = session.patchGate(entry.sourceTaskId);
  if (gate.isStopped) return;
  gate.close();
  session.warn({
    code: "SOURCE_STOPPED",
    message: `the updates of source task ${entry.sourceTaskId} are stopped: ${why}; its other tenants stay planned`,
    hint: "Correct the cause, then run the same command again",
    tenant: entry.row.tenant,
  });
}
