import type { TaskId } from "./ids.js";
import type { CreateIntentRecord } from "./log-record.js";
import type { LogState } from "./log-state.js";
import type { ListedTask } from "./source-task.js";
import type { TaskIndex } from "./task-index.js";
import type { SentName, TenantState } from "./tenant-state.js";

const NONE: readonly never[] = [];

/**
 * What a list tells of a create whose answer never came, judged by what its intent says and never by today's manifest.
 * `found` still has to show the intent's reports before it may be adopted. `none` proves absence only in two whole lists.
 */
export type LookUp =
  | { readonly kind: "found"; readonly task: ListedTask }
  | { readonly kind: "several"; readonly tasks: readonly ListedTask[] }
  | { readonly kind: "candidates"; readonly tasks: readonly ListedTask[] }
  | { readonly kind: "none" };

/** Looks one intent up in a list. */
export function lookUp(intent: CreateIntentRecord, list: TaskIndex, log: LogState): LookUp {
  const exact = list.named(intent.name).filter((task) => mayBeOf(task.id, intent, log));
  // Where nobody saw which tasks had the name before the send, one that has it now may be anybody's.
  if (intent.before === null && exact.length > 0) return { kind: "candidates", tasks: exact };
  if (exact.length > 1) return { kind: "several", tasks: exact };
  const [only] = exact;
  if (only !== undefined) return { kind: "found", task: only };
  const similar = list.similarTo(intent.name).filter((task) => mayBeOf(task.id, intent, log));
  return similar.length > 0 ? { kind: "candidates", tasks: similar } : { kind: "none" };
}

/** Tasks that had an intent's name, or a similar one, before it is sent. */
export function namesakesOf(name: string, list: TaskIndex): readonly TaskId[] {
  return [...list.named(name), ...list.similarTo(name)].map((task) => task.id);
}

/**
 * Tasks that some create of this tenant may have made besides the copy that the log knows: explained by no record, not there
 * before the intent, and of its folded name. After an intent that saw no list, every task of its name counts: better told once too often.
 */
export function twinsOf(tenant: TenantState, list: TaskIndex, log: LogState): readonly ListedTask[] {
  let twins: Map<TaskId, ListedTask> | undefined;
  const own = tenant.copy?.newTaskId;
  for (const intent of tenant.intents)
    for (const task of list.named(intent.name))
      if (task.id !== own && mayBeOf(task.id, intent, log)) twins = (twins ?? new Map()).set(task.id, task);
  return twins === undefined ? NONE : [...twins.values()];
}

function mayBeOf(id: TaskId, intent: SentName, log: LogState): boolean {
  return id !== intent.sourceTaskId && !log.explains(id) && !(intent.before ?? []).includes(id);
}
