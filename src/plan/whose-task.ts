import type { LogState } from "../log/state.js";
import type { OpenCreate, SentName, TenantState } from "../log/tenant-state.js";
import { renderName } from "../manifest/names.js";
import type { Reading } from "../server/ports.js";
import { foldAround, type TaskId, type TenantRef } from "../shared/ids.js";
import type { ListedTask, TaskReport } from "../shared/tasks.js";
import { copyOf, mayBeMadeFor, type NamesInDoubt } from "./conflicts.js";
import type { PlanContext } from "./decide.js";
import type { PlanEntry } from "./desired.js";
import { TaskIndex } from "./task-index.js";
import type { TenantNames } from "./tenant-names.js";

const NONE: readonly never[] = [];

/** A character that no name holds: stands for "any text" in a name. */
const ANY_TEXT = "\u{f0000}";

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
    unexplained?.has(id) !== true && !log.explains(id) && !log.sourceTasks().has(id) && !names.explain(name);
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
): readonly TaskId[] {
  const twins = new Set<TaskId>();
  const isNobodyElses = (task: ListedTask): boolean => !names.isOfAnother(task.name, ref);
  for (const intent of log.sentNames(ref)) {
    // A server that cuts names gives those of several copies the same end.
    const isOthersToo = intent.listed === true && names.isLoggedOfAnother(intent.name, key);
    const exact = isOthersToo ? NONE : list.named(intent.name);
    for (const task of [...exact, ...list.numbered(intent.name).filter(isNobodyElses)])
      if (task.id !== own && mayBeOf(task.id, intent, log)) twins.add(task.id);
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
  at: LookedAt & { readonly but: TenantRef; readonly namesInDoubt: NamesInDoubt },
): TenantState | undefined {
  const list = at.list.has(task.id) ? at.list : new TaskIndex([task]);
  const mayHaveMade = (intent: OpenCreate): boolean =>
    lookUp(intent, { ...at, list }).tasks.some(({ id }) => id === task.id);
  return [...at.namesInDoubt.values()]
    .flat()
    .find(({ ref, openCreates }) => ref !== at.but && openCreates.some(mayHaveMade));
}

/**
 * The listed tasks that may be a tenant's copy already, and that a create would be made beside: those that have the name a create would
 * send; where there are none, those that look like its copy; and those that map one of its apps.
 */
export function possibleCopies(
  context: PlanContext,
  entry: PlanEntry,
): Readonly<Record<"namesakes" | "tasks", readonly ListedTask[]>> {
  const namesakes = namesakesIn(context, entry);
  const named = namesakes.length > 0 || context.permissions.newLog ? namesakes : lookAlikesIn(context, entry);
  const tasks = [...named, ...tasksThatMap(context, entry)];
  return { namesakes, tasks: [...new Map(tasks.map((task) => [task.id, task])).values()] };
}

/** The one task that a decision about this entry may ask to adopt, if any: its reports have to be read first. */
export function adoptionCandidate(context: PlanContext, entry: PlanEntry): TaskId | undefined {
  const { log, list, permissions } = context;
  const state = log.tenant(entry.ref);
  const { newTaskId } = entry;
  if (newTaskId !== undefined && state?.copy?.newTaskId !== newTaskId) return newTaskId;
  if (!permissions.adopt || list === undefined || isInDoubt(state)) return undefined;
  const copy = state?.copy;
  if (copy !== undefined && !copy.gone && list.presence.get(copy.newTaskId) !== "absent") return undefined;
  const { tasks } = possibleCopies(context, entry);
  return tasks.length === 1 ? tasks[0]?.id : undefined;
}

/**
 * Whether a task that no record explains has the name of an entry's copy, or looks like it. A task of a create in doubt is its own, and
 * what a person has decided about is no sign of a lost log. `taken`: the one that is its own by `newTaskId`, where nothing speaks against that.
 */
export function looksCopied(context: PlanContext, entry: PlanEntry, taken: TaskId | undefined): boolean {
  const state = context.log.tenant(entry.ref);
  if (state?.retry === true || isInDoubt(state)) return false;
  const isUnexplained = ({ id }: ListedTask): boolean => holderOf(context.log, id) === undefined && id !== taken;
  if (namesakesIn(context, entry).some(isUnexplained)) return true;
  return taken === undefined && lookAlikesIn(context, entry).length > 0;
}

/** Why a task that has the right name or ID may not be taken over; `undefined`: it may. */
export function whyNotACopy(context: PlanContext, entry: PlanEntry, id: TaskId): string | undefined {
  const { log, list, namesInDoubt, names, sources, candidates } = context;
  // Also one of another manifest, or of a disabled row: adopted, it would be mapped to a customer's app.
  if (sources?.has(id) === true || log.sourceTasks().has(id) || context.manifestSources.has(id))
    return "it is a source task";
  const holder = holderOf(log, id, entry.ref);
  if (holder !== undefined) return copyOf(holder);
  // One of which nobody knows the name may be any doubt's.
  const task = { id, name: nameOfTask(context, id) ?? "" };
  const finder = list && finderOf(task, { but: entry.ref, list: list.index, log, namesInDoubt, names });
  if (finder !== undefined) return mayBeMadeFor(finder.tenant);
  return checkReports(candidates.get(id), sources?.get(entry.sourceTaskId)?.task.reports);
}

/** Rule of adoption: at least one of the source's reports, and none that the source lacks. */
export function checkReports(
  candidate: Reading<readonly TaskReport[]> | undefined,
  source: readonly TaskReport[] | undefined,
): string | undefined {
  if (candidate === undefined) return "its reports were not read";
  if (candidate.kind === "absent") return "no task answers by this ID";
  if (candidate.kind === "unreadable") return `its reports cannot be read (${candidate.problem.message})`;
  if (source === undefined) return "the source task's reports cannot be read, so that nothing shows that it is a copy";
  const known = new Set(source.map((report) => report.reportId));
  const strange = candidate.value.find((report) => !known.has(report.reportId));
  if (strange !== undefined) return `it has the report ${strange.reportId}, which the source task lacks`;
  return candidate.value.length === 0 ? "it has none of the source task's reports" : undefined;
}

/** As the list shows it, or the task itself where no list does. */
export function nameOfTask({ list, unlisted }: PlanContext, id: TaskId): string | undefined {
  return (list?.index.get(id) ?? unlisted.get(id))?.name;
}

function isInDoubt(state: TenantState | undefined): boolean {
  return state !== undefined && state.openCreates.length > 0;
}

function namesakesIn({ list, log }: PlanContext, { name, ref }: PlanEntry): readonly ListedTask[] {
  if (list === undefined || name === undefined) return NONE;
  return list.index.named(name).filter(({ id }) => id !== log.tenant(ref)?.copy?.newTaskId);
}

/** Where the log knows no copy of the source task: the tasks that bear the tenant's name by its template, whatever the source task's name. */
function lookAlikesIn({ list, log, sources }: PlanContext, entry: PlanEntry): readonly ListedTask[] {
  if (list === undefined || entry.name === undefined || log.knowsCopyOf(entry.sourceTaskId)) return NONE;
  const rendered = renderName(entry.nameTemplate, { ...entry, task: ANY_TEXT });
  const parts = "name" in rendered ? rendered.name.split(ANY_TEXT) : [];
  if (parts.length < 2) return NONE;
  const [before, after] = foldAround(parts[0] ?? "", parts.at(-1) ?? "");
  return list.index.fitting(before, after).filter(({ id }) => !log.explains(id) && sources?.has(id) !== true);
}

/** With `--adopt` and a log that knows no copy: the tasks that no record explains and that map one of the tenant's apps. */
function tasksThatMap({ mappedBy, candidates, sources }: PlanContext, entry: PlanEntry): readonly ListedTask[] {
  if (mappedBy.size === 0) return NONE;
  const known = new Set(sources?.get(entry.sourceTaskId)?.task.reports?.map(({ reportId }) => reportId));
  // A copy of another source task has none of its reports.
  const sharesReport = ({ id }: ListedTask): boolean => {
    const reading = candidates.get(id);
    return reading?.kind !== "read" || known.size === 0 || reading.value.some(({ reportId }) => known.has(reportId));
  };
  const tasks = entry.wanted.mappings.flatMap(({ newQlikAppId }) => mappedBy.get(newQlikAppId) ?? NONE);
  return tasks.filter(sharesReport);
}
