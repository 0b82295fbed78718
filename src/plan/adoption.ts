import type { TenantState } from "../log/tenant-state.js";
import { renderName } from "../manifest/names.js";
import type { Reading } from "../server/ports.js";
import { foldAround, type TaskId } from "../shared/ids.js";
import type { ListedTask, TaskReport } from "../shared/source-task.js";
import { copyOf, mayBeMadeFor } from "./conflicts.js";
import type { PlanEntry } from "./desired.js";
import { finderOf, holderOf } from "./look-up.js";
import type { PlanContext } from "./plan-context.js";

const NONE: readonly never[] = [];

/** A character that no name holds: stands for "any text" in a name. */
const ANY_TEXT = "\u{f0000}";

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
  const { newTaskId } = entry.row;
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
  if (sources?.has(id) === true || log.isSource(id) || context.manifestSources.has(id)) return "it is a source task";
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
  const { nameTemplate, columns } = entry.row;
  const rendered = renderName(nameTemplate, { tenant: entry.tenant, task: ANY_TEXT, columns });
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
