import type { PlanItem } from "../plan/decide.js";
import { judgeLiveSource } from "../plan/live-source.js";
import type { Plan } from "../plan/make-plan.js";
import type { ObservedSource } from "../plan/observe.js";
import type { AppId, TaskId } from "../shared/ids.js";
import type { Problem } from "../shared/problems.js";
import { isWork } from "./apply-plan.js";
import type { SyncOptions } from "./sync-options.js";

/** What the guards say of a finished plan: each refusal is exit 7, before any write. */
export interface GuardFindings {
  readonly refusals: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** Judges a finished plan, before any write. A dry run prints its plan first. */
export function judgePlan(plan: Plan, options: SyncOptions): GuardFindings {
  const refusals: Problem[] = [];
  const warnings: Problem[] = [];
  const copiedOf = copiedBySource(plan.items);
  for (const source of plan.context.sources?.values() ?? []) {
    const copied = copiedOf.get(source.task.id);
    if (copied === undefined) continue;
    const live = judgeLiveSource({
      label: labelOf(source),
      mail: source.task.mail,
      masterApps: mappedApps(copied),
      allowed: options.shape.allowLiveSource,
    });
    if (live.refusal !== undefined) refusals.push(live.refusal);
    warnings.push(...live.warnings);
    const blind = blindStart(plan, source.task.id, options.run.newLog);
    if (blind !== undefined) refusals.push(blind);
  }
  const tooMany = tooManyChanges(plan, options.run.maxChanges);
  return { refusals: tooMany === undefined ? refusals : [...refusals, tooMany], warnings };
}

/** The items that may make a copy, by source task: looked through once, however many source tasks there are. */
function copiedBySource(items: readonly PlanItem[]): ReadonlyMap<TaskId, readonly PlanItem[]> {
  const copied = new Map<TaskId, PlanItem[]>();
  for (const item of items) {
    if (item.sourceTaskId === undefined || !mayCreate(item)) continue;
    const others = copied.get(item.sourceTaskId);
    if (others === undefined) copied.set(item.sourceTaskId, [item]);
    else others.push(item);
  }
  return copied;
}

/** Whether carrying this item out may make a copy. A doubt may end in one. */
function mayCreate(item: PlanItem): boolean {
  return item.action.kind === "create" || item.action.kind === "settle";
}

function labelOf(source: ObservedSource): string {
  return `the source task ${source.task.name === undefined ? source.task.id : `"${source.task.name}" (${source.task.id})`}`;
}

function mappedApps(items: readonly PlanItem[]): ReadonlySet<AppId> {
  const apps = new Set<AppId>();
  for (const item of items) for (const mapping of item.wanted.mappings) apps.add(mapping.qlikAppId);
  return apps;
}

/** Without a whole list, and without a log that knows copies, nothing shows that the copies do not exist already. */
function blindStart(plan: Plan, sourceTaskId: TaskId, newLog: boolean): Problem | undefined {
  if (newLog || plan.context.log.knowsAnyCopy()) return undefined;
  const wholeness = plan.context.list?.wholenessOf(sourceTaskId);
  if (wholeness === undefined || wholeness.whole) return undefined;
  return {
    code: "NEW_LOG",
    message: `the log knows no copy, and the server's task list does not show whether there are any (${wholeness.why})`,
    hint: "Where the server is only busy: run the same command later. Where this log is lost or elsewhere, name it with --idempotency-log. Where these really are the first copies: --new-log",
  };
}

function tooManyChanges(plan: Plan, most: number | undefined): Problem | undefined {
  if (most === undefined) return undefined;
  const changes = plan.items.filter((item) => isWork(item.action)).length;
  if (changes <= most) return undefined;
  return {
    code: "MAX_CHANGES",
    message: `the plan changes ${changes} tenants, more than --max-changes ${most}`,
    hint: "Look at the plan with --dry-run; raise --max-changes, or go in steps with --only or --limit",
  };
}
