import type { PatchIntentRecord } from "../log/records.js";
import type { PlanEntry } from "../plan/desired.js";
import type { ReportChange } from "../plan/drift.js";
import { type TaskId, writeId } from "../shared/ids.js";
import { sameSwaps } from "../shared/mapping.js";
import type { TenantError } from "../shared/outcome.js";
import type { TaskReport } from "../shared/source-task.js";
import { type Done, readCopyOrHalt, stopPatches } from "./patch-read-back.js";
import { recordOrTell } from "./record-or-tell.js";
import { endOfRefusal } from "./run-stop.js";
import { type Sent, sendWrite } from "./send.js";
import type { RunSession } from "./session.js";
import { certainPatchEnd, errorOf, isHeldBack, nothingMade } from "./write-ends.js";

/** One PATCH: of one row of a report. */
export interface RowPatch {
  readonly newTaskId: TaskId;
  readonly change: ReportChange;
  readonly row: Row;
  /** The copy was read: then what this PATCH does is known when it was read back. */
  readonly canBeRead: boolean;
  /** The report has another row in the copy, which is PATCHed after this one. */
  readonly moreRows: boolean;
}

/** A copy's own row of a report, as it is named in a request. */
export interface Row {
  readonly pathId: string;
  readonly bodyId: string;
}

/** PATCHes one row of a copy, and puts what came of it down; `undefined`: it succeeded. Never rejects but for a broken log. */
export async function patchRow(session: RunSession, entry: PlanEntry, patch: RowPatch): Promise<Done | undefined> {
  const { writer } = session.deps;
  const gate = session.patchGate(entry.sourceTaskId);
  const intent = patchIntent(session, entry, patch);
  const send = writer.patchReport({
    taskId: patch.newTaskId,
    rowId: patch.row.pathId,
    reportId: patch.row.bodyId,
    apps: patch.change.apps,
  });
  const stopOthers = (why: string): void => stopPatches(session, entry, why);
  const sent = await sendWrite(session, { ref: entry.ref, intent, send, stopOthers });
  switch (sent.kind) {
    case "not-started":
      return { end: { kind: "planned" }, verdict: "pass" };
    case "succeeded":
      await recordOrTell(
        session,
        entry,
        [
          {
            type: "patch-outcome",
            write: intent.write,
            outcome: "succeeded",
            ...(patch.canBeRead && { toRead: true }),
            ...(patch.moreRows && { moreRows: true }),
          },
        ],
        {
          message: `its copy ${patch.newTaskId} took the PATCH of the report ${intent.reportId}, but the log could not`,
        },
      );
      session.slots.succeeded();
      return undefined;
    case "refused":
      return refusedPatch(session, entry, { patch, intent, sent });
    case "slow-down":
    case "not-sent":
      await recordOrTell(session, entry, [certainPatchEnd(intent, sent)], nothingMade(sent));
      if (isHeldBack(session, sent) || gate.isStopped)
        return { end: { kind: "planned", error: errorOf(sent) }, verdict: "pass" };
      return { end: endOfRefusal(session, entry, errorOf(sent)), verdict: "pass" };
    case "stop":
      if (sent.inDoubt) return doubted(session, intent, errorOf(sent));
      await recordOrTell(session, entry, [certainPatchEnd(intent, sent)], nothingMade(sent));
      return { end: { kind: "planned", error: errorOf(sent) }, verdict: "pass" };
    case "in-doubt":
      return doubted(session, intent, errorOf(sent));
    default:
      return sent satisfies never;
  }
}

/** A 409, or any refusal after an earlier doubt, is read back first: the copy may be as it shall be, by this PATCH or another. */
async function refusedPatch(
  session: RunSession,
  entry: PlanEntry,
  of: {
    readonly patch: RowPatch;
    readonly intent: PatchIntentRecord;
    readonly sent: Extract<Sent, { kind: "refused" }>;
  },
): Promise<Done | undefined> {
  const { patch, intent, sent } = of;
  const { recorder } = session.deps;
  const verdict = session.patchGate(entry.sourceTaskId).isStopped ? "stop" : "pass";
  const state = recorder.state.tenant(entry.ref);
  const open = state?.reports.get(intent.reportId)?.openPatches ?? [];
  const isUnsure = sent.httpStatus === 409;
  const reports =
    isUnsure || open.length > 1 ? await readCopyOrHalt(session, patch.newTaskId, state?.originalRows) : undefined;
  const shown = reports?.kind === "read" ? shownRows(intent, reports.value) : [];
  const isThere = ({ mappings }: TaskReport): boolean => mappings !== undefined && sameSwaps(mappings, intent.apps);
  const isClear =
    shown.length > 0 && shown.every((row) => row.mappings !== undefined && isThere(row) === shown.some(isThere));
  if (isUnsure && !isClear) return doubted(session, intent, errorOf(sent));
  if (reports?.kind === "read" && shown.length > 0 && shown.every(isThere)) {
    // The PATCHes' end is read back: other rows were not looked at, or are not listed.
    const others = reports.value.filter((row) => row.reportId === intent.reportId && row.mappings !== undefined);
    const more = {
      toRead: true as const,
      ...((patch.moreRows || !others.every(isThere)) && { moreRows: true as const }),
    };
    await recorder.record([{ type: "patch-outcome", write: intent.write, outcome: "succeeded", ...more }]);
    return undefined;
  }
  await recordOrTell(session, entry, [certainPatchEnd(intent, sent)], nothingMade(sent));
  return { end: endOfRefusal(session, entry, errorOf(sent)), verdict };
}

/** The row that was PATCHed; where its ID is one that the user gave, every row of the report. */
function shownRows({ rowId, reportId }: PatchIntentRecord, shown: readonly TaskReport[]): readonly TaskReport[] {
  const own = shown.filter((row) => row.rowId === rowId);
  return own.length > 0 ? own : shown.filter((row) => row.reportId === reportId);
}

async function doubted(session: RunSession, intent: PatchIntentRecord, error: TenantError): Promise<Done> {
  session.gaveUpOn(intent.write);
  const { code, message, httpStatus } = error;
  await session.deps.recorder.record([
    { type: "patch-outcome", write: intent.write, outcome: "in-doubt", code, message, httpStatus },
  ]);
  return { end: { kind: "in-doubt", error }, verdict: "pass" };
}

function patchIntent(session: RunSession, entry: PlanEntry, patch: RowPatch): PatchIntentRecord {
  const { chance, recorder } = session.deps;
  const open = recorder.state
    .tenant(entry.ref)
    ?.reports.get(patch.change.reportId)
    ?.openPatches.findLast(({ rowId, bodyId }) => rowId === patch.row.pathId && bodyId === patch.row.bodyId);
  const write = writeId(chance.uuid());
  return {
    type: "patch-intent",
    write,
    sourceTaskId: entry.sourceTaskId,
    key: entry.row.key,
    manifest: session.context.manifest.fileName,
    newTaskId: patch.newTaskId,
    reportId: patch.change.reportId,
    rowId: patch.row.pathId,
    apps: patch.change.apps,
    named: patch.change.named,
    idempotencyKey: open !== undefined && sameSwaps(open.apps, patch.change.apps) ? open.idempotencyKey : write,
    ...(patch.row.bodyId !== patch.row.pathId && { bodyId: patch.row.bodyId }),
  };
}
