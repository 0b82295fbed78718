import type { LogState } from "../log/state.js";
import type { OpenCreate, SentName, TenantState } from "../log/tenant-state.js";
import type { TaskId } from "../shared/ids.js";
import type { ListedTask } from "../shared/source-task.js";
import type { TaskIndex } from "./task-index.js";
import type { TenantNames } from "./tenant-names.js";

const NONE: readonly never[] = [];

/**
 * What a list tells of a create whose answer never came, judged by what its intent says and never by today's manifest.
 * `found` still has to show the intent's reports before it may be adopted. `newcomers` came since the intent's run read its list, and
 * nobody's name explains them: a server that changes some names may have made one of them for this create, if it has the intent's
 * reports. `none` proves absence only in two whole lists.
 */
export type LookUp =
  | { readonly kind: "found"; readonly task: ListedTask }
  | { readonly kind: "several"; readonly tasks: readonly ListedTask[] }
  | { readonly kind: "candidates"; readonly tasks: readonly ListedTask[] }
  | { readonly kind: "newcomers"; readonly tasks: readonly ListedTask[] }
  | { readonly kind: "none" };

/** What a list is asked with. */
export interface LookedAt {
  readonly list: TaskIndex;
  readonly log: LogState;
  readonly names: TenantNames;
}

/** Looks one intent up in a list. */
export function lookUp(intent: OpenCreate, at: LookedAt): LookUp {
  const { list, log } = at;
  const exact = list.named(intent.name).filter((task) => mayBeOf(task.id, intent, log));
  // Where nobody saw which tasks had the name before the send, one that has it now may be anybody's.
  if (intent.before === null && exact.length > 0) return { kind: "candidates", tasks: exact };
  if (exact.length > 1) return { kind: "several", tasks: exact };
  const [only] = exact;
  if (only !== undefined) return { kind: "found", task: only };
  const similar = list.similarTo(intent.name).filter((task) => mayBeOf(task.id, intent, log));
  if (similar.length > 0) return { kind: "candidates", tasks: similar };
  const newcomers = newcomersSince(intent, at);
  return newcomers.length > 0 ? { kind: "newcomers", tasks: newcomers } : { kind: "none" };
}

function newcomersSince({ unexplained }: OpenCreate, { list, log, names }: LookedAt): readonly ListedTask[] {
  if (unexplained === null) return NONE;
  // Where nobody saw which tasks were there before, any of them may be new.
  return list.tasks.filter(
    ({ id, name }) => unexplained?.has(id) !== true && !log.explains(id) && !log.isSource(id) && !names.explain(name),
  );
}

/** Tasks that had an intent's name, or a similar one, before it is sent. */
export function namesakesOf(name: string, list: TaskIndex): readonly TaskId[] {
  return [...new Set([...list.named(name), ...list.similarTo(name)].map((task) => task.id))];
}

/**
 * Tasks that some create of this tenant may have made besides the copy that the log knows: explained by no record, not there before
 * the intent, and of its folded name, or of that name with what a server adds to a taken one where that is nobody else's name. After
 * an intent that saw no list, every task of its name counts: better told once too often.
 */
export function twinsOf(
  tenant: Pick<TenantState, "ref" | "key" | "intents"> & { readonly own: TaskId | undefined },
  { list, log, names }: LookedAt,
): readonly ListedTask[] {
  let twins: Map<TaskId, ListedTask> | undefined;
  for (const intent of tenant.intents) {
    const exact = list.named(intent.name);
    // A server that cuts names gives those of several copies the same end.
    const own = intent.listed !== true || !names.isLoggedOfAnother(intent.name, tenant.key) ? exact : NONE;
    for (const task of [...own, ...list.numbered(intent.name).filter(isNobodyElses)])
      if (task.id !== tenant.own && mayBeOf(task.id, intent, log)) twins = (twins ?? new Map()).set(task.id, task);
  }
  return twins === undefined ? NONE : [...twins.values()];

  function isNobodyElses(task: ListedTask): boolean {
    return !names.isOfAnother(task.name, tenant.ref);
  }
}

function mayBeOf(id: TaskId, intent: SentName, log: LogState): boolean {
  return id !== intent.sourceTaskId && !log.explains(id) && !(intent.before ?? []).includes(id);
}
