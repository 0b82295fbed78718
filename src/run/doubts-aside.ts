import type { LogState } from "../log/state.js";
import type { TenantState } from "../log/tenant-state.js";
import * as conflict from "../plan/conflicts.js";
import type { PlanItem } from "../plan/decide.js";
import type { Plan } from "../plan/make-plan.js";
import { doubtsOf } from "../plan/plan-context.js";
import type { TaskId, TenantRef } from "../shared/ids.js";
import type { Problem } from "../shared/problems.js";

/* The doubts of tenants that a run does not carry out: orphan, skip, not selected, beyond `--limit`, another manifest's. */

/** A create in doubt that stays open, and what may be its copy. */
export function doubtAside(state: TenantState, candidate: TaskId | undefined): Problem {
  return {
    code: "DOUBT",
    message: `tenant "${state.tenant}" (source task ${state.sourceTaskId}) is in doubt and not carried out by this run`,
    hint:
      candidate === undefined
        ? `Sync its manifest again, or: ${conflict.resolveCommand(state, "--forget --reason TEXT")}`
        : `If the task ${candidate} is its copy: ${conflict.resolveCommand(state, `--task-id ${candidate}`)}`,
    tenant: state.tenant,
  };
}

/** PATCHes in doubt of tenants other than `mine` and those that are a conflict. */
export function patchesAside(
  log: LogState,
  items: readonly PlanItem[],
  mine: ReadonlySet<TenantRef>,
): readonly Problem[] {
  const inDoubt = log.patchedInDoubt().filter(({ ref }) => !mine.has(ref));
  if (inDoubt.length === 0) return [];
  const conflicts = new Set(items.filter((item) => item.action.kind === "conflict").map((item) => item.ref));
  return inDoubt
    .filter(({ ref }) => !conflicts.has(ref))
    .map(({ tenant, sourceTaskId }) => ({
      code: "DOUBT",
      message: `a PATCH of the copy of tenant "${tenant}" (source task ${sourceTaskId}) is in doubt, and this run does not carry it out`,
      hint: "Sync its manifest again, without --only and --limit",
      tenant,
    }));
}

/** What a dry run tells of them: what its one list does not end, and two tasks where there should be one (`TWIN`). */
export function doubtsBesidePlan(plan: Plan): readonly Problem[] {
  const { context, items } = plan;
  if (context.list === undefined) return [];
  const reached = new Set(
    items.filter(({ action }) => action.kind !== "skip" && action.kind !== "orphan").map((item) => item.ref),
  );
  const told: Problem[] = [];
  for (const state of context.log.tenants()) {
    if (state.openCreates.length === 0 || reached.has(state.ref)) continue;
    const found = doubtsOf(context, state).flatMap((doubt) => doubt.found ?? []);
    const several = found.flatMap((one) => (one.kind === "several" ? one.tasks : []));
    const candidate = found.flatMap((one) => (one.kind === "candidates" ? one.tasks : []))[0]?.id;
    const ids = [...new Set(several.map((task) => task.id))];
    if (ids.length > 1) told.push({ ...conflict.twin(state, ids), tenant: state.tenant });
    else if (!found.some((one) => one.kind === "found")) told.push(doubtAside(state, candidate));
  }
  return [...told, ...patchesAside(context.log, items, reached)];
}
