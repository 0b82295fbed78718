import type { SourceStop } from "../log/state.js";
import type { PlanItem } from "../plan/decide.js";
import type { Plan } from "../plan/make-plan.js";
import { holdAgainst, readCopy } from "../plan/read-copies.js";
import type { TaskId } from "../shared/ids.js";
import type { RunSession } from "./session.js";

/**
 * Source tasks whose creates an earlier run stopped: they go on only when the copy that stopped them reads back right, is
 * gone, or `--report-id` has changed. The stopping copy's own update goes first, so that it may clear the way.
 */
export async function clearSourceStops(
  session: RunSession,
  plan: Plan,
  carried: readonly PlanItem[],
  work: (item: PlanItem) => Promise<unknown>,
): Promise<void> {
  for (const sourceTaskId of session.context.sources?.keys() ?? []) {
    const stop = session.deps.recorder.state.source(sourceTaskId).stop;
    if (stop === undefined) continue;
    const repair = carried.find((item) => item.ref === stop.ref && item.action.kind === "update");
    if (repair !== undefined) await work(repair);
    if (await isCleared(session, plan, stop)) {
      await session.deps.recorder.record([{ type: "source-cleared", sourceTaskId }]);
      continue;
    }
    keepStopped(session, sourceTaskId, stop);
  }
}

function keepStopped(session: RunSession, sourceTaskId: TaskId, stop: SourceStop): void {
  session.createGate(sourceTaskId).close();
  session.warn({
    code: "SOURCE_STOPPED",
    message: `the creates of source task ${sourceTaskId} stay stopped: an earlier run's copy ${stop.newTaskId} did not read back right (${stop.code})`,
    hint: `Put that copy right or delete it on the server, or change --report-id, then run the same command again`,
  });
}

async function isCleared(session: RunSession, plan: Plan, stop: SourceStop): Promise<boolean> {
  const { reader, recorder } = session.deps;
  const stopper = recorder.state.tenant(stop.ref);
  if (stopper?.copy?.newTaskId !== stop.newTaskId || stopper.copy.gone) return true;
  // The only copy of a log is never provably gone: whoever deleted it says so by `resolve --retry`. Not where the key saw no copy.
  if (stopper.retry && stop.code !== "COPY_NOT_LISTED") return true;
  if (session.options.shape.reportId !== stop.reportIdMode) return true;
  const listed = session.context.list;
  if (stop.code === "COPY_NOT_LISTED" && listed?.index.has(stop.newTaskId) !== true) return false;
  const copy = await readCopy(reader, stop.newTaskId, stopper.originalRows);
  if (copy.kind !== "read") return false;
  const wanted = plan.context.entries.get(stop.ref)?.wanted ?? { mappings: stop.mappings, named: [] };
  const back = holdAgainst(copy.value, wanted, stopper.originalRows);
  // Nothing that is shown was wrong with its mappings: what was missing is there.
  return back.kind === "equal" || (back.kind === "not-shown" && MISSING.has(stop.code));
}

const MISSING = new Set(["COPY_NOT_LISTED", "COPY_LACKS_REPORT"]);
