import type { LogState } from "../log/state.js";
import type { TenantState } from "../log/tenant-state.js";
import type { TaskId, TenantRef } from "../shared/ids.js";
import type { ListedTask } from "../shared/source-task.js";
import type { namesInDoubt } from "./in-force.js";
import { type LookedAt, type LookUp, lookUp } from "./look-up.js";
import { TaskIndex } from "./task-index.js";

/** The tenant that holds a task as its copy, as it is spelled; none of those in `but`. */
export function holderOf(log: LogState, id: TaskId, ...but: readonly TenantRef[]): string | undefined {
  const ref = log.holdersOf(id).find((holder) => !but.includes(holder));
  return ref === undefined ? undefined : (log.tenant(ref)?.tenant ?? ref);
}

/** A tenant in doubt, other than `but`, one of whose creates may have made this task, under its name or a changed one. */
export function finderOf(
  task: ListedTask,
  of: LookedAt & { readonly but: TenantRef; readonly namesInDoubt: ReturnType<typeof namesInDoubt> },
): TenantState | undefined {
  const at = of.list.has(task.id) ? of : { ...of, list: new TaskIndex([task]) };
  const inDoubt = new Set([...of.namesInDoubt.values()].flat());
  return [...inDoubt].find(
    ({ ref, openCreates }) =>
      ref !== of.but && openCreates.some((intent) => tasksOf(lookUp(intent, at)).includes(task.id)),
  );
}

function tasksOf(found: LookUp): readonly TaskId[] {
  if (found.kind === "none") return [];
  return found.kind === "found" ? [found.task.id] : found.tasks.map((task) => task.id);
}
