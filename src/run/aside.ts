import type { TenantState } from "../log/tenant-state.js";
import * as conflict from "../plan/conflicts.js";
import type { PlanItem } from "../plan/decide.js";
import type { Plan } from "../plan/make-plan.js";
import { doubtsOf, type PlanContext } from "../plan/plan-context.js";
import type { TaskId, TenantRef } from "../shared/ids.js";
import { type Problem, problem } from "../shared/problems.js";
import { lookAtPatchDoubt } from "./read-back.js";
import type { Run } from "./run.js";
import { type Finding, settleFound } from "./settle.js";

/**
 * Looks every open create up in the plan's own list, also of tenants that this run does not carry out (orphan, skip, not
 * selected, beyond `--limit`, another manifest's): what is found is logged, nothing is sent for them.
 */
export async function settleFromPlan(
  run: Run,
  { items }: Plan,
  carried: readonly PlanItem[],
): Promise<ReadonlyMap<TenantRef, Finding>> {
  const isCarried = refsOf(carried, () => true);
  // A tenant of this run whose doubt its plan ends in another way (newTaskId, resolve --retry) is left to that.
  const endsOtherwise = refsOf(carried, ({ action }) => action.kind !== "settle");
  const isConflict = refsOf(items, ({ action }) => action.kind === "conflict");
  const states = [...run.recorder.state.tenants()].filter(
    ({ ref, openCreates }) => openCreates.length > 0 && !endsOtherwise.has(ref),
  );
  if (states.length === 0) return new Map();
  const isListed = run.server.context.list?.reading.kind !== "none";
  const found = isListed ? await run.abort.guard(() => settleFound(run, states)) : undefined;
  const findings = found ?? new Map<TenantRef, Finding>();
  run.server.refresh();
  for (const state of states) {
    const finding = findings.get(state.ref);
    if (finding?.kind === "settled") run.server.tookCopies = true;
    else if (isCarried.has(state.ref) || isConflict.has(state.ref)) continue;
    else if (finding?.kind === "twins") run.results.tellTrouble(state, conflict.twin(state, finding.ids));
    else run.results.warn(createAside(state, finding?.kind === "candidates" ? finding.ids[0] : undefined));
  }
  return findings;
}

/** PATCHes in doubt of tenants that this run does not carry out: looked up once, and told where they stay in doubt. */
export async function settlePatchesAside(run: Run, { items }: Plan, carried: readonly PlanItem[]): Promise<void> {
  const log = run.recorder.state;
  const isCarried = refsOf(carried, () => true);
  await run.abort.guard(async () => {
    for (const state of log.patchedInDoubt()) {
      run.abort.throwIfFinal();
      if (!isCarried.has(state.ref)) await lookAtPatchDoubt(run, state);
    }
  });
  for (const warning of patchesAside(log, items, isCarried)) run.results.warn(warning);
}

/** What a dry run tells of the doubts beside its plan: what its one list does not end, and two tasks where there should be one (`TWIN`). */
export function doubtsBesidePlan({ context, items }: Plan): readonly Problem[] {
  if (context.list === undefined) return [];
  const isReached = refsOf(items, ({ action }) => action.kind !== "skip" && action.kind !== "orphan");
  const told: Problem[] = [];
  for (const state of context.log.tenants()) {
    if (state.openCreates.length === 0 || isReached.has(state.ref)) continue;
    const found = doubtsOf(context, state).flatMap((doubt) => doubt.found ?? []);
    const several = new Set(found.flatMap((one) => (one.kind === "several" ? one.tasks.map(({ id }) => id) : [])));
    const candidates = found.flatMap((one) => (one.kind === "candidates" ? one.tasks : []));
    if (several.size > 1) told.push({ ...conflict.twin(state, [...several]), tenant: state.tenant });
    else if (!found.some(({ kind }) => kind === "found")) told.push(createAside(state, candidates[0]?.id));
  }
  return [...told, ...patchesAside(context.log, items, isReached)];
}

function refsOf(items: readonly PlanItem[], isMeant: (item: PlanItem) => boolean): ReadonlySet<TenantRef> {
  return new Set(items.filter(isMeant).map(({ ref }) => ref));
}

/** A create in doubt that stays open, and what may be its copy. */
function createAside(state: TenantState, candidate: TaskId | undefined): Problem {
  const { tenant, sourceTaskId } = state;
  const message = `tenant "${tenant}" (source task ${sourceTaskId}) is in doubt and not carried out by this run`;
  const hint =
    candidate === undefined
      ? `Sync its manifest again, or: ${conflict.resolveCommand(state, "--forget --reason TEXT")}`
      : `If the task ${candidate} is its copy: ${conflict.resolveCommand(state, `--task-id ${candidate}`)}`;
  return problem("DOUBT", message, { hint, tenant });
}

/** PATCHes in doubt of tenants that are neither carried out nor a conflict. */
function patchesAside(
  log: PlanContext["log"],
  items: readonly PlanItem[],
  isCarried: ReadonlySet<TenantRef>,
): readonly Problem[] {
  const inDoubt = log.patchedInDoubt();
  if (inDoubt.length === 0) return [];
  const isConflict = refsOf(items, ({ action }) => action.kind === "conflict");
  return inDoubt
    .filter(({ ref }) => !isCarried.has(ref) && !isConflict.has(ref))
    .map(({ tenant, sourceTaskId }) =>
      problem(
        "DOUBT",
        `a PATCH of the copy of tenant "${tenant}" (source task ${sourceTaskId}) is in doubt, and this run does not carry it out`,
        { hint: "Sync its manifest again, without --only and --limit", tenant },
      ),
    );
}
