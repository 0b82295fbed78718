import type { LogState } from "../log/state.js";
import type { OpenCreate, SentName, TenantState } from "../log/tenant-state.js";
import type { FoldedName, TaskId, TenantRef } from "../shared/ids.js";
import type { ListedTask } from "../shared/source-task.js";
import { TaskIndex } from "./task-index.js";
import type { TenantNames } from "./tenant-names.js";

const NONE: readonly never[] = [];

/**
 * What a list tells of a create whose answer never came, judged by what its intent says and never by today's manifest.
 * `found`, one task, still has to show the intent's reports before it may be adopted. `newcomers` came since the intent's run read its
 * list, and nobody's name explains them: a server that changes some names may have made one of them for this create, if it has the
 * intent's reports. `none` proves absence only in two whole lists.
 */
export interface LookUp {
  readonly kind: "found" | "several" | "candidates" | "newcomers" | "none";
  readonly tasks: readonly ListedTask[];
}

/** What a look-up is made in. */
export interface LookedAt {
  readonly list: TaskIndex;
  readonly log: LogState;
  readonly names: TenantNames;
}

/** Looks one intent up in a list. */
export function lookUp(intent: OpenCreate, { list, log, names }: LookedAt): LookUp {
  const exact = list.named(intent.name).filter((task) => mayBeOf(task.id, intent, log));
  // Where nobody saw which tasks had the name before the send, one that has it now may be anybody's.
  if (intent.before === null && exact.length > 0) return { kind: "candidates", tasks: exact };
  if (exact.length > 0) return { kind: exact.length === 1 ? "found" : "several", tasks: exact };
  const similar = list.similarTo(intent.name).filter((task) => mayBeOf(task.id, intent, log));
  if (similar.length > 0) return { kind: "candidates", tasks: similar };
  const { unexplained } = intent;
  const isNew = ({ id, name }: ListedTask): boolean =>
    unexplained?.has(id) !== true && !log.explains(id) && !log.isSource(id) && !names.explain(name);
  const newcomers = unexplained === null ? NONE : list.tasks.filter(isNew);
  return newcomers.length > 0 ? { kind: "newcomers", tasks: newcomers } : { kind: "none", tasks: NONE };
}

/** Tasks that had an intent's name, or a similar one, before it is sent. */
export function namesakesOf(name: string, list: TaskIndex): readonly TaskId[] {
  return [...new Set([...list.named(name), ...list.similarTo(name)].map((task) => task.id))];
}

/**
 * Tasks that some create of this tenant may have made besides its `own` copy: explained by no record, not there before the intent,
 * and of its folded name, or of that name with what a server adds to a taken one where that is nobody else's name. After an intent
 * that saw no list, every task of its name counts: better told once too often.
 */
export function twinsOf(
  { ref, key, own }: Pick<TenantState, "ref" | "key"> & { readonly own: TaskId | undefined },
  { list, log, names }: LookedAt,
): readonly ListedTask[] {
  const twins = new Set<ListedTask>();
  const isNobodyElses = (task: ListedTask): boolean => !names.isOfAnother(task.name, ref);
  for (const intent of log.sentNames(ref)) {
    // A server that cuts names gives those of several copies the same end.
    const isOthersToo = intent.listed === true && names.isLoggedOfAnother(intent.name, key);
    const exact = isOthersToo ? NONE : list.named(intent.name);
    for (const task of [...exact, ...list.numbered(intent.name).filter(isNobodyElses)])
      if (task.id !== own && mayBeOf(task.id, intent, log)) twins.add(task);
  }
  return [...twins];
}

function mayBeOf(id: TaskId, intent: SentName, log: LogState): boolean {
  return id !== intent.sourceTaskId && !log.explains(id) && !(intent.before ?? []).includes(id);
}

/** The tenant that holds a task as its copy, as it is spelled; none of those in `but`. */
export function holderOf(log: LogState, id: TaskId, ...but: readonly TenantRef[]): string | undefined {
  const ref = log.holdersOf(id).find((holder) => !but.includes(holder));
  return ref === undefined ? undefined : (log.tenant(ref)?.tenant ?? ref);
}

/** A tenant in doubt, other than `but`, one of whose creates may have made this task, under its name or a changed one. */
export function finderOf(
  task: ListedTask,
  at: LookedAt & { readonly but: TenantRef; readonly namesInDoubt: ReadonlyMap<FoldedName, readonly TenantState[]> },
): TenantState | undefined {
  const list = at.list.has(task.id) ? at.list : new TaskIndex([task]);
  const mayHaveMade = (intent: OpenCreate): boolean =>
    lookUp(intent, { ...at, list }).tasks.some(({ id }) => id === task.id);
  return [...at.namesInDoubt.values()]
    .flat()
    .find(({ ref, openCreates }) => ref !== at.but && openCreates.some(mayHaveMade));
}
