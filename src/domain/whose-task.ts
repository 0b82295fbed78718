import { foldName, type TaskId, type TenantRef } from "./ids.js";
import type { namesInDoubt } from "./in-force.js";
import type { LogState } from "./log-state.js";
import { lookUp } from "./look-up.js";
import type { TaskIndex } from "./task-index.js";
import type { TenantNames } from "./tenant-names.js";
import type { TenantState } from "./tenant-state.js";

/** The tenant that holds a task as its copy, as it is spelled; none of those in `but`. */
export function holderOf(log: LogState, id: TaskId, ...but: readonly TenantRef[]): string | undefined {
  const ref = log.holdersOf(id).find((holder) => !but.includes(holder));
  return ref === undefined ? undefined : (log.tenant(ref)?.tenant ?? ref);
}

/** A tenant in doubt, other than `but`, one of whose creates may have made a listed task of exactly its name. */
export function finderOf(
  id: TaskId,
  of: {
    readonly but: TenantRef;
    readonly list: TaskIndex;
    readonly log: LogState;
    readonly namesInDoubt: ReturnType<typeof namesInDoubt>;
    readonly names: TenantNames;
  },
): TenantState | undefined {
  const { list } = of;
  const task = list.get(id);
  if (task === undefined) return undefined;
  const others = (of.namesInDoubt.get(foldName(task.name)) ?? []).filter(({ ref }) => ref !== of.but);
  return others.find(({ openCreates }) =>
    openCreates.some((intent) => {
      const found = lookUp(intent, of);
      if (found.kind === "none" || found.kind === "newcomers") return false;
      return found.kind === "found" ? found.task.id === id : found.tasks.some((one) => one.id === id);
    }),
  );
}
