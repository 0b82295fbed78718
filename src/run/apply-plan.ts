import type { LogEntry } from "../log/records.js";
import type { SourceStop } from "../log/state.js";
import * as conflict from "../plan/conflicts.js";
import { type PlanItem, twinsOfLog } from "../plan/decide.js";
import type { PlanEntry } from "../plan/desired.js";
import type { Plan } from "../plan/make-plan.js";
import { holdAgainst, observeCopy, readCopy } from "../plan/read-copies.js";
import { holderOf, namesakesOf } from "../plan/whose-task.js";
import { problem } from "../shared/problems.js";
import { type ActionKind, OUTCOME_OF_PLANNED } from "../shared/results.js";
import { carryOut, type InDoubt, settleDoubts } from "./doubts.js";
import { type End, PLANNED } from "./results.js";
import type { Run } from "./run.js";
import { settleFromPlan } from "./settle.js";
import { runPooled } from "./slots.js";

/** Actions that a run carries out. */
export function isWork(kind: ActionKind): boolean {
  return OUTCOME_OF_PLANNED[kind] === "planned";
}

/**
 * Carries out a plan's items (those that `--limit` lets through): doubts that the plan's list ends and adoptions, for what they show is
 * in force before anything is sent; then all the work, each tenant on its own; then one common settlement, and a last look for twins.
 */
export async function applyPlan(run: Run, plan: Plan, carried: readonly PlanItem[]): Promise<void> {
  await settleFromPlan(run, plan, carried);
  await adoptAll(run, plan, carried);
  const inDoubt: InDoubt[] = [];
  const work = (item: PlanItem): Promise<void> =>
    run.guardTenant(item, async () => {
      const entry = plan.context.entries.get(item.ref);
      if (entry === undefined) return;
      const end = await workOn(run, item, entry);
      const isTroubled = end.kind === "in-doubt" || end.kind === "failed";
      if (isTroubled && run.results.wasSent(item.ref)) run.breakers.countTrouble(item.ref);
      // The run settles all doubts together.
      if (end.kind === "in-doubt") inDoubt.push({ ...entry, item, error: end.error });
      else run.results.end(item, end);
    });
  await run.abort.guard(() => clearSourceStops(run, plan, carried, work));
  const isBegun = new Set(inDoubt.map(({ ref }) => ref));
  const left = carried.filter(({ ref }) => !run.results.isEnded(ref) && !isBegun.has(ref));
  // What waits for a source task's first copy, or its first PATCH, holds up nothing else.
  const keyOf = ({ action, sourceTaskId }: PlanItem): string => `${action.kind} ${sourceTaskId}`;
  await runPooled(run.options.run.concurrency, left, keyOf, work);
  await settleDoubts(run, inDoubt);
  if (!run.abort.isFinal && run.server.sentCreate) await run.abort.guard(() => run.server.lookLast());
  tellTroubles(run, plan);
}

/** One tenant's work, from its plan to its end. */
function workOn(run: Run, { action, ref }: PlanItem, entry: PlanEntry): End | Promise<End> {
  if (action.kind !== "settle") return run.abort.isAborted ? PLANNED : carryOut(run, entry);
  if (run.recorder.state.tenant(ref)?.openCreates.length === 0) return carryOut(run, entry);
  const error = problem("IN_DOUBT", "an earlier run sent its create, and the answer never came");
  return { kind: "in-doubt", error };
}

async function adoptAll(run: Run, plan: Plan, carried: readonly PlanItem[]): Promise<void> {
  const items = carried.filter(({ action }) => action.kind === "adopt");
  await Promise.all(
    items.map((item) => run.guardTenant(item, () => adopt(run, item, plan.context.entries.get(item.ref)))),
  );
  if (items.length > 0) run.server.refresh();
}

async function adopt(run: Run, item: PlanItem, entry: PlanEntry | undefined): Promise<void> {
  if (item.action.kind !== "adopt" || entry === undefined || run.abort.isAborted) return;
  const { task, by } = item.action;
  // A doubt that was settled after the plan was made may have shown whose it is.
  const holder = holderOf(run.recorder.state, task.id, item.ref);
  if (holder !== undefined) {
    const error = conflict.notACopy(task.id, conflict.copyOf(holder));
    return run.results.end(item, { kind: "failed", error });
  }
  const { candidates, list, manifest, sources } = run.server.context;
  const { sourceTaskId, key, tenant } = entry;
  const newTaskId = task.id;
  const name = list?.index.get(newTaskId)?.name ?? task.name;
  // The other listed tasks of its name, or a similar one: they were there before, and are no twins of it.
  const before = list?.reading.kind === "read" ? namesakesOf(name, list.index).filter((id) => id !== newTaskId) : null;
  const whose = { sourceTaskId, key, tenant, manifest: manifest.fileName };
  // The doubt ends with the adoption, in one group: neither is in the log without the other before it.
  const open = run.recorder.state.tenant(entry.ref)?.openCreates ?? [];
  const entries: LogEntry[] = [
    { type: "adopted", ...whose, newTaskId, name, by, before },
    ...open.map(({ write }): LogEntry => ({ type: "settled", write, found: "abandoned" })),
  ];
  const reports = candidates.get(newTaskId);
  const mustShow = sources?.get(sourceTaskId)?.rows;
  if (reports?.kind === "read") entries.push(observeCopy(entry, newTaskId, reports.value, mustShow, run.clock).record);
  await run.recorder.record(entries);
}

/**
 * Source tasks whose creates an earlier run stopped: they go on only when the copy that stopped them reads back right, is
 * gone, or `--report-id` has changed. The stopping copy's own update goes first, so that it may clear the way.
 */
async function clearSourceStops(
  run: Run,
  plan: Plan,
  carried: readonly PlanItem[],
  work: (item: PlanItem) => Promise<void>,
): Promise<void> {
  for (const sourceTaskId of run.server.context.sources?.keys() ?? []) {
    const stop = run.recorder.state.source(sourceTaskId).stop;
    if (stop === undefined) continue;
    const repair = carried.find((item) => item.ref === stop.ref && item.action.kind === "update");
    if (repair !== undefined) await work(repair);
    if (await isCleared(run, plan, stop)) await run.recorder.record([{ type: "source-cleared", sourceTaskId }]);
    else {
      run.source(sourceTaskId).creates.stop();
      const message = `the creates of source task ${sourceTaskId} stay stopped: an earlier run's copy ${stop.newTaskId} did not read back right (${stop.code})`;
      run.results.warn(problem("SOURCE_STOPPED", message));
    }
  }
}

async function isCleared(run: Run, plan: Plan, stop: SourceStop): Promise<boolean> {
  const stopper = run.recorder.state.tenant(stop.ref);
  if (stopper?.copy?.newTaskId !== stop.newTaskId || stopper.copy.gone) return true;
  // The only copy of a log is never provably gone: whoever deleted it says so by `resolve --retry`. Not where the key saw no copy.
  if (stopper.retry && stop.code !== "COPY_NOT_LISTED") return true;
  if (run.options.shape.reportId !== stop.reportIdMode) return true;
  if (stop.code === "COPY_NOT_LISTED" && run.server.context.list?.index.has(stop.newTaskId) !== true) return false;
  const copy = await readCopy(run.reader, stop.newTaskId, stopper.originalRows);
  if (copy.kind !== "read") return false;
  const wanted = plan.context.entries.get(stop.ref)?.wanted ?? { mappings: stop.mappings, named: [] };
  const back = holdAgainst(copy.value, wanted, stopper.originalRows);
  // Nothing that is shown was wrong with its mappings: what was missing is there.
  const wasMissing = stop.code === "COPY_NOT_LISTED" || stop.code === "COPY_LACKS_REPORT";
  return back.kind === "equal" || (back.kind === "not-shown" && wasMissing);
}

/** Tells of crossed names that the lists of this run showed, and, where it has read the list again, of twins. */
function tellTroubles(run: Run, plan: Plan): void {
  const { results, server } = run;
  const items = new Map(plan.items.map((item) => [item.ref, item]));
  for (const [ref, error] of server.context.crossed) {
    const item = items.get(ref);
    if (item?.action.kind === "conflict" && item.action.error.code === error.code) continue;
    // The plan has warned of it.
    if (plan.context.crossed.has(ref)) results.troubles.set(ref, error);
    else results.tellTrouble(item ?? run.recorder.state.tenant(ref) ?? { ref, tenant: ref }, error);
  }
  const { list } = server.context;
  if (list === undefined || list === plan.context.list) return;
  for (const [ref, others] of twinsOfLog(server.context)) {
    const state = run.recorder.state.tenant(ref);
    // Which of them is whose, a crossed name leaves open: that is told already.
    if (!state?.copy || items.get(ref)?.twins.length || server.context.crossed.has(ref)) continue;
    results.tellTrouble(state, conflict.twin(state, [state.copy.newTaskId, ...others]));
  }
}
