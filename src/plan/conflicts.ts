import type { AppId, ReportId, TaskId } from "../shared/ids.js";
import type { TenantError } from "../shared/outcome.js";
import { optionWord, shellWord } from "../shared/shell-word.js";
import type { ListedTask } from "../shared/source-task.js";
import type { Holding } from "./in-force.js";

/** A tenant as the messages' commands name it. */
export interface Named {
  readonly tenant: string;
  readonly sourceTaskId: TaskId;
}

/** A `resolve` command for one tenant, typed so that it can be pasted. */
export function resolveCommand(of: Named, rest: string): string {
  const options = `--source-task ${of.sourceTaskId} ${rest}`;
  // A tenant that begins like an option has to stand behind all options.
  if (of.tenant.startsWith("-")) return `qalyptus-propagate resolve ${options} -- ${shellWord(of.tenant)}`;
  return `qalyptus-propagate resolve ${shellWord(of.tenant)} ${options}`;
}

export function nameTaken(
  of: Named,
  name: string,
  tasks: readonly ListedTask[],
  holder: string | undefined,
): TenantError {
  const ids = tasks.map((task) => task.id).join(", ");
  if (holder !== undefined)
    return {
      code: "NAME_TAKEN",
      message: `the name "${name}" is already that of the copy ${ids}, which the log knows as tenant "${holder}"`,
      hint: `Give this tenant another name (column "name"), or, where it is the same customer renamed: ${resolveCommand(of, `--task-id ${ids} ${optionWord("--from", holder)}`)}`,
    };
  return {
    code: "NAME_TAKEN",
    message: `the server already has ${tasks.length === 1 ? "a task" : `${tasks.length} tasks`} named "${name}" that no record of the log explains: ${ids}`,
    hint:
      tasks.length === 1
        ? `Run sync again with --adopt to take it over, or: ${resolveCommand(of, `--task-id ${ids}`)}. To make another one in spite of it: ${resolveCommand(of, "--retry")}`
        : `Choose the right one: ${resolveCommand(of, "--task-id ID")}, and remove or rename the others on the server`,
  };
}

/** A task of this name may turn up that is the other tenant's: nobody could tell the two apart. */
export function nameInDoubt(name: string, other: Named): TenantError {
  return {
    code: "NAME_TAKEN",
    message: `the name "${name}" was sent for tenant "${other.tenant}", whose create is in doubt: a task of that name may be its copy`,
    hint: `Give this tenant another name (column "name"), or end that doubt first: sync its manifest again, or ${resolveCommand(other, "--task-id ID")}, or ${resolveCommand(other, "--forget --reason TEXT")}`,
  };
}

export function looksLikeCopy(of: Named, tasks: readonly ListedTask[]): TenantError {
  const shown = tasks.map((task) => `"${task.name}" (${task.id})`).join(", ");
  const [first] = tasks;
  return {
    code: "LOOKS_LIKE_COPY",
    message: `the log knows no copy of this source task, but the server has ${shown}, which looks like this tenant's copy`,
    hint: `Run sync again with --adopt to take it over${tasks.length > 1 || first === undefined ? ` (or choose: ${resolveCommand(of, "--task-id ID")})` : ""}, or with --new-log where it is another's`,
  };
}

export function twin(of: Named, ids: readonly TaskId[]): TenantError {
  return {
    code: "TWIN",
    message:
      ids.length === 1
        ? `the server has a task that an earlier create of this tenant may have made: ${ids.join()}; another one would mail the customer twice`
        : `the server has ${ids.length} tasks that may be this tenant's copy: ${ids.join(", ")}; each may mail the customer`,
    hint: `Look at them on the server and delete all but one, then run sync again; to choose which one the log holds: ${resolveCommand(of, `--task-id ${ids[0] ?? "ID"}`)}`,
  };
}

export function gaveUp(of: Named, absences: number): TenantError {
  return {
    code: "GAVE_UP",
    message: `the create was sent ${absences} times and never arrived`,
    hint: `Find out what stands between this machine and the server, then: ${resolveCommand(of, "--retry")}`,
  };
}

export function gone(of: Named, newTaskId: TaskId, namesake: TaskId | undefined): TenantError {
  return {
    code: "GONE",
    message: `the copy ${newTaskId} is no longer on the server`,
    hint: `${namesake === undefined ? `To make it anew: run sync with --recreate, or ${resolveCommand(of, "--retry")}` : `The task ${namesake} has its name; to take it: ${resolveCommand(of, `--task-id ${namesake}`)}`}; where the customer left: ${resolveCommand(of, "--forget")}`,
  };
}

export function notSeen(
  of: Named,
  newTaskId: TaskId,
  at: { readonly why: string; readonly namesake: TaskId | undefined },
): TenantError {
  const { why, namesake } = at;
  const anew =
    namesake === undefined
      ? `${resolveCommand(of, "--retry")} (it is gone, make it anew)`
      : `${resolveCommand(of, `--task-id ${namesake}`)} (the task ${namesake} has its name)`;
  return {
    code: "NOT_SEEN",
    message: `the copy ${newTaskId} is not in the server's task list, and its absence cannot be shown (${why})`,
    hint: `Check that the API key may see it. Where you know better: ${anew} or ${resolveCommand(of, "--forget")}`,
  };
}

/** A tenant and the task that the log has for it. */
interface Holder extends Named {
  readonly newTaskId: TaskId | undefined;
}

/** A tenant's copy bears another tenant's name. */
export function crossed(of: Holder, other: Holder, listed: string): TenantError {
  const own =
    other.newTaskId === undefined
      ? ""
      : ` Where the log has the two the wrong way round: ${resolveCommand(of, `--task-id ${other.newTaskId} ${optionWord("--from", other.tenant)} --reason TEXT`)}`;
  return {
    code: "CROSSED",
    message: `the server names its copy ${of.newTaskId ?? ""} "${listed}", which is the name of tenant "${other.tenant}": whose task it is cannot be told, and nothing is sent to either`,
    hint: `Look at both tasks on the server, and put their names right there.${own} Where the name is meant so: ${resolveCommand(of, `--task-id ${of.newTaskId ?? "ID"} --reason TEXT`)}`,
  };
}

/** The same, told to the tenant whose name it is. */
export function namedForAnother(of: Named, holder: Holder, listed: string): TenantError {
  const id = holder.newTaskId ?? "ID";
  return {
    code: "CROSSED",
    message: `the server has this tenant's name "${listed}" on the copy ${id} of tenant "${holder.tenant}": whose task it is cannot be told, and nothing is sent to either`,
    hint: `Look at both tasks on the server, and put their names right there. Where the two are one customer, renamed: ${resolveCommand(of, `--task-id ${id} ${optionWord("--from", holder.tenant)}`)} Where the name is meant so: ${resolveCommand(holder, `--task-id ${id} --reason TEXT`)}`,
  };
}

/** A task that shall be taken over bears another tenant's name. */
export function takenNameOfAnother(of: Named, task: ListedTask, other: Named): TenantError {
  return {
    code: "CROSSED",
    message: `the task ${task.id} is named "${task.name}", which is the name of tenant "${other.tenant}"`,
    hint: `Check the task's ID: a column that slipped by one row gives each customer another's. Where it is meant so: ${resolveCommand(of, `--task-id ${task.id} --reason TEXT`)}`,
  };
}

/** The log knows no copy of a source task, and the server has some: its log is lost, or elsewhere. */
export function logLost(): TenantError {
  return {
    code: "LOG_LOST",
    message:
      "the log knows no copy of this source task, and the server has tasks that look like its copies: nothing is created beside them",
    hint: "The warning LOG_LOST names the ways out: the right --idempotency-log, --adopt, or --new-log",
  };
}

/** With `--adopt`: which of the tasks that no record explains is a tenant's copy is told by what they map. */
export function unreadCandidates(tasks: readonly TaskId[]): TenantError {
  return {
    code: "LOG_LOST",
    message: `one of the tasks that no record explains may be this tenant's copy, and their reports could not be read: ${tasks.join(", ")}`,
    hint: "Run the same command again when the server answers. Where they are no copies: --new-log",
  };
}

/** Two tasks and more that may be a tenant's copy, by what they map. */
export function severalMapped(of: Named, tasks: readonly ListedTask[]): TenantError {
  const shown = tasks.map((task) => `"${task.name}" (${task.id})`).join(", ");
  return {
    code: "LOOKS_LIKE_COPY",
    message: `the log knows no copy of this source task, and several tasks may be this tenant's copy, by their name or by the app that they map: ${shown}`,
    hint: `Look at them on the server, and choose the right one: ${resolveCommand(of, "--task-id ID")}`,
  };
}

export function otherTaskId(of: Named, logged: TaskId, wanted: TaskId): TenantError {
  return {
    code: "TASK_ID_DIFFERS",
    message: `the manifest's newTaskId ${wanted} is not the logged copy ${logged}`,
    hint: `Correct the manifest, or choose: ${resolveCommand(of, `--task-id ${wanted}`)}`,
  };
}

export function appInUse(of: Named, app: AppId, holder: Holding): TenantError {
  const left = { tenant: holder.tenant, sourceTaskId: holder.sourceTaskId };
  // Without a copy it is a doubt that holds the app: nothing can be taken from it, and it is forgotten only with a reason.
  const ways =
    holder.newTaskId === undefined
      ? `Its create is still in doubt: run sync again, which looks for what it made. Where you saw that it made nothing: ${resolveCommand(left, "--forget --reason TEXT")}`
      : `${renamed(of, { ...holder, newTaskId: holder.newTaskId })}Left: ${resolveCommand(left, "--forget")}`;
  return {
    code: "APP_IN_USE",
    message: `the app ${app} is in force for tenant "${holder.tenant}"${holder.newTaskId === undefined ? "" : ` (copy ${holder.newTaskId})`}`,
    hint: `Where that tenant moves to another app in this manifest: run sync again after its move. ${ways}. Meant so (a swap, a shared app): --allow-shared-app ${app}`,
  };
}

/** A copy of another source task is not what this tenant is to have, whoever the holder was. */
function renamed(of: Named, holder: Named & { readonly newTaskId: TaskId }): string {
  if (holder.sourceTaskId !== of.sourceTaskId) return "";
  return `Renamed: ${resolveCommand(of, `--task-id ${holder.newTaskId} ${optionWord("--from", holder.tenant)}`)}. `;
}

export function moved(of: Named, app: AppId, holder: Holding): TenantError {
  return {
    code: "MOVED",
    message: `the app ${app} is in force for this tenant under source task ${holder.sourceTaskId}, which the manifest no longer names for it: both copies would be sent`,
    hint: `Delete the old copy${holder.newTaskId === undefined ? "" : ` ${holder.newTaskId}`} on the server, then: ${resolveCommand({ tenant: of.tenant, sourceTaskId: holder.sourceTaskId }, "--forget")}. To keep both: --allow-shared-app ${app}`,
  };
}

export function removalRefused(reports: readonly ReportId[]): TenantError {
  return {
    code: "REPORT_LEFT_OUT",
    message: `the manifest no longer names the report${reports.length === 1 ? "" : "s"} ${reports.join(", ")}: without a mapping the copy would show the master app's figures`,
    hint: `Put the row back, or remove the mapping on purpose: ${reports.map((id) => `--allow-unmapped-report ${id}`).join(" ")}`,
  };
}

/** Why a task may not be taken over: another tenant holds it. */
export function copyOf(tenant: string): string {
  return `it is the copy of tenant "${tenant}"`;
}

/** Why a task may not be taken over: it may turn out to be what another tenant's create has made. */
export function mayBeMadeFor(tenant: string): string {
  return `a create of tenant "${tenant}", which is in doubt, may have made it`;
}

export function notACopy(taskId: TaskId, why: string): TenantError {
  return {
    code: "NOT_A_COPY",
    message: `the task ${taskId} cannot be taken over: ${why}`,
    hint: "Check the task's ID and its reports on the server",
  };
}
