import type { PlanItem } from "../plan/decide.js";
import { judgeLiveSource } from "../plan/live-source.js";
import type { Plan } from "../plan/make-plan.js";
import type { TaskId } from "../shared/ids.js";
import { type Problem, problem } from "../shared/problems.js";
import { isWork } from "./apply-plan.js";
import type { SyncOptions } from "./run.js";

/** What the guards say of a finished plan: each refusal is exit 7, before any write. */
export interface GuardFindings {
  readonly refusals: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** Judges a finished plan, before any write. A dry run prints its plan first. */
export function judgePlan({ items, context }: Plan, { shape, run }: SyncOptions): GuardFindings {
  const refusals: Problem[] = [];
  const warnings: Problem[] = [];
  // The items that may make a copy, by source task. A doubt may end in a create.
  const copied = new Map<TaskId, PlanItem[]>();
  for (const item of items) {
    if (item.sourceTaskId === undefined || (item.action.kind !== "create" && item.action.kind !== "settle")) continue;
    const others = copied.get(item.sourceTaskId);
    if (others === undefined) copied.set(item.sourceTaskId, [item]);
    else others.push(item);
  }
  for (const { task } of context.sources?.values() ?? []) {
    const copies = copied.get(task.id);
    if (copies === undefined) continue;
    const live = judgeLiveSource({
      label: `the source task ${task.name === undefined ? task.id : `"${task.name}" (${task.id})`}`,
      mail: task.mail,
      masterApps: new Set(copies.flatMap(({ wanted }) => wanted.mappings.map(({ qlikAppId }) => qlikAppId))),
      allowed: shape.allowLiveSource,
    });
    if (live.refusal !== undefined) refusals.push(live.refusal);
    warnings.push(...live.warnings);
    const wholeness = context.list?.wholenessOf(task.id);
    // Without a whole list, and without a log that knows copies, nothing shows that the copies do not exist already.
    if (wholeness?.whole === false && !run.newLog && !context.log.knowsAnyCopy()) refusals.push(newLog(wholeness.why));
  }
  const changes = items.filter((item) => isWork(item.action)).length;
  if (run.maxChanges !== undefined && changes > run.maxChanges)
    refusals.push(
      problem("MAX_CHANGES", `the plan changes ${changes} tenants, more than --max-changes ${run.maxChanges}`),
    );
  return { refusals, warnings };
}

function newLog(why: string): Problem {
  const message = `the log knows no copy, and the server's task list does not show whether there are any (${why})`;
  const hint =
    "Where the server is only busy: run the same command later. Where this log is lost or elsewhere, name it with --idempotency-log. Where these really are the first copies: --new-log";
  return problem("NEW_LOG", message, { hint });
}
