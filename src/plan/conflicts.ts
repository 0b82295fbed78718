import type { LogState } from "../log/state.js";
import type { LoggedCopy, TenantState } from "../log/tenant-state.js";
import { commandLine, hintOf, optionWords, sameSync } from "../shared/hints.js";
import { type AppId, addTo, type FoldedName, foldName, type ReportId, type TaskId } from "../shared/ids.js";
import { type Problem, problem } from "../shared/problems.js";
import type { TenantError } from "../shared/results.js";
import type { ListedTask } from "../shared/tasks.js";
import { counted, listed, nameAndId, quote } from "../shared/text-safety.js";
import type { PlanContext } from "./decide.js";
import type { PlanEntry } from "./desired.js";

/** A tenant as the messages' commands name it. */
export interface Named {
  readonly tenant: string;
  readonly sourceTaskId: TaskId;
}

/** A tenant that an app is in force for. */
export interface Holding extends Pick<TenantState, "ref" | "key" | "tenant" | "sourceTaskId"> {
  readonly copy: Pick<LoggedCopy, "newTaskId"> | undefined;
}

/** The apps in force, each with its holders: every logged key's confirmed mappings, plus those of every open intent. */
export type InForce = Map<AppId, Holding[]>;

export function appsInForce(log: LogState): InForce {
  const inForce = new Map<AppId, Holding[]>();
  for (const tenant of log.tenants()) {
    const reports = tenant.copy?.gone === true ? [] : [...tenant.reports.values()];
    const swaps = [
      ...reports.flatMap(({ known = [], possible }) => [...known, ...possible.flat()]),
      ...tenant.openCreates.flatMap(({ mappings }) => mappings),
    ];
    for (const app of new Set(swaps.map(({ newQlikAppId }) => newQlikAppId))) addTo(inForce, app, tenant);
  }
  return inForce;
}

/** The names of open creates, each with the tenants that they were sent for: a task of such a name may be any one's of them. */
export type NamesInDoubt = ReadonlyMap<FoldedName, readonly TenantState[]>;

export function namesInDoubt(log: LogState): NamesInDoubt {
  const inDoubt = new Map<FoldedName, TenantState[]>();
  for (const tenant of log.tenants()) for (const { name } of tenant.openCreates) addTo(inDoubt, foldName(name), tenant);
  return inDoubt;
}

/** The first app that a tenant shall read and that is in force for somebody else. */
export function appConflict(
  { permissions, inManifest, inForce }: Pick<PlanContext, "permissions" | "inManifest" | "inForce">,
  entry: PlanEntry,
): TenantError | undefined {
  for (const { newQlikAppId: app } of entry.wanted.mappings) {
    const holders = permissions.allowSharedApps.has(app) ? [] : (inForce.get(app) ?? []);
    const other = holders.find((holder) => holder.key !== entry.key);
    if (other !== undefined) return appInUse(entry, app, other);
    const left = holders.find((holder) => holder.sourceTaskId !== entry.sourceTaskId && !inManifest.has(holder.ref));
    if (left !== undefined) return moved(entry, app, left);
  }
  return undefined;
}

/** The `resolve` command for one tenant, as a line of a hint. */
export function resolveCommand({ tenant, sourceTaskId }: Named, ...rest: readonly string[]): string {
  const options = ["--source-task", sourceTaskId, ...rest];
  // A tenant that begins like an option has to stand behind all options.
  return tenant.startsWith("-")
    ? commandLine("resolve", ...options, "--", tenant)
    : commandLine("resolve", tenant, ...options);
}

/** The reason that a command which can be pasted gives: its pasting says so. */
export const SEEN = ["--reason", "I looked at it on the server"];

function takeCommands(subject: Named, ids: readonly TaskId[]): readonly string[] {
  return ids.map((id) => resolveCommand(subject, "--task-id", id));
}

export function nameTaken(subject: Named, name: string, tasks: readonly ListedTask[], holder?: string): TenantError {
  const ids = tasks.map((task) => task.id);
  const shown = ids.join(", ");
  if (holder !== undefined) {
    const message = `the name "${name}" is already that of the copy ${shown}, which the log knows as tenant "${holder}"`;
    const hint = hintOf(
      'Give this tenant another name (column "name"). Where it is the same customer, renamed:',
      ...ids.map((id) => resolveCommand(subject, "--task-id", id, ...optionWords("--from", holder))),
    );
    return problem("NAME_TAKEN", message, { hint });
  }
  const message = `the server already has ${counted(tasks.length, "task")} named "${name}" that no record of the log explains: ${shown}`;
  const hint =
    tasks.length === 1
      ? hintOf(
          "Look at it on the server. To take it over, and all others of this kind:",
          sameSync("--adopt"),
          "To take over this one alone:",
          ...takeCommands(subject, ids),
          "To make another one in spite of it:",
          resolveCommand(subject, "--retry"),
        )
      : hintOf(
          "Look at them on the server, remove or rename the wrong ones, and choose the right one:",
          ...takeCommands(subject, ids),
        );
  return problem("NAME_TAKEN", message, { hint });
}

/** A task of this name may turn up that is the other tenant's: nobody could tell the two apart. */
export function nameInDoubt(name: string, other: Named): TenantError {
  const message = `the name "${name}" was sent for tenant "${other.tenant}", whose create is in doubt: a task of that name may be its copy`;
  const hint = hintOf(
    'Give this tenant another name (column "name"), or sync the other tenant\'s manifest again first. Where you saw that its create made nothing:',
    resolveCommand(other, "--forget", ...SEEN),
  );
  return problem("NAME_TAKEN", message, { hint });
}

export function looksLikeCopy(subject: Named, tasks: readonly ListedTask[]): TenantError {
  const shown = tasks.map((task) => `"${task.name}" (${task.id})`).join(", ");
  const message = `the log knows no copy of this source task, but the server has ${shown}, which by name or by the apps that it maps looks like this tenant's copy`;
  const take =
    tasks.length === 1
      ? ["Look at it on the server. Where it is this tenant's copy:", sameSync("--adopt")]
      : [
          "Look at them on the server. Where one is this tenant's copy:",
          ...takeCommands(
            subject,
            tasks.map(({ id }) => id),
          ),
        ];
  const hint = hintOf(...take, "Where they are something else:", sameSync("--new-log"));
  return problem("LOOKS_LIKE_COPY", message, { hint });
}

export function twin(subject: Named, ids: readonly TaskId[]): TenantError {
  const message =
    ids.length === 1
      ? `the server has a task that an earlier create of this tenant may have made: ${ids.join()}; another one would mail the customer twice`
      : `the server has ${ids.length} tasks that may be this tenant's copy: ${ids.join(", ")}; each may mail the customer`;
  const hint = hintOf(
    "Look at them on the server, delete all but one, and run sync again. To choose which one the log holds:",
    ...takeCommands(subject, ids),
  );
  return problem("TWIN", message, { hint });
}

export function gaveUp(subject: Named, absences: number): TenantError {
  const hint = hintOf(
    "Find out what stands between this machine and the server, then:",
    resolveCommand(subject, "--retry"),
  );
  return problem("GAVE_UP", `the create was sent ${absences} times and never arrived`, { hint });
}

/** A copy that is not on the server; with `unproven`, why its absence cannot be shown, one that is not seen there. */
export function gone(subject: Named, id: TaskId, namesake: TaskId | undefined, unproven?: string): TenantError {
  // Forgotten alone, it would be made anew from its rows.
  const left = [
    "Where the customer left, take its rows out of the manifest, then:",
    resolveCommand(subject, "--forget"),
  ];
  const take =
    namesake === undefined
      ? undefined
      : [`To take the task ${namesake}, which has its name:`, resolveCommand(subject, "--task-id", namesake)];
  if (unproven === undefined) {
    const anew = take ?? ["To make it anew:", sameSync("--recreate")];
    return problem("GONE", `the copy ${id} is no longer on the server`, { hint: hintOf(...anew, ...left) });
  }
  const message = `the copy ${id} is not in the server's task list, and its absence cannot be shown (${unproven})`;
  const anew = take ?? ["Where you know that it is gone, to make it anew:", resolveCommand(subject, "--retry")];
  return problem("NOT_SEEN", message, { hint: hintOf("Check that the API key may see it.", ...anew, ...left) });
}

const NOT_TOLD = "whose task it is cannot be told, and nothing is sent to either";
const LOOK_AT_BOTH = "Look at both tasks on the server, and put their names right there.";
const MEANT_SO = "Where the name is meant so:";

/** A tenant's copy bears another tenant's name. */
export function crossed(subject: Holding, other: Holding, listed: string): TenantError {
  const id = subject.copy?.newTaskId;
  const message = `the server names its copy ${id} "${listed}", which is the name of tenant "${other.tenant}": ${NOT_TOLD}`;
  const swap = other.copy && [
    resolveCommand(subject, "--task-id", other.copy.newTaskId, ...optionWords("--from", other.tenant), ...SEEN),
    // The task that the first leaves to nobody.
    ...(id === undefined ? [] : [resolveCommand(other, "--task-id", id, ...SEEN)]),
  ];
  const hint = hintOf(
    LOOK_AT_BOTH,
    ...(swap ? ["Where the log has the two the wrong way round, one after the other:", ...swap] : []),
    ...(id === undefined ? [] : [MEANT_SO, resolveCommand(subject, "--task-id", id, ...SEEN)]),
  );
  return problem("CROSSED", message, { hint });
}

/** The same, told to the tenant whose name it is. */
export function namedForAnother(subject: Named, holder: Holding, listed: string): TenantError {
  const id = holder.copy?.newTaskId;
  const message = `the server has this tenant's name "${listed}" on the copy ${id} of tenant "${holder.tenant}": ${NOT_TOLD}`;
  const ways =
    id === undefined
      ? []
      : [
          "Where the two are one customer, renamed:",
          resolveCommand(subject, "--task-id", id, ...optionWords("--from", holder.tenant)),
          MEANT_SO,
          resolveCommand(holder, "--task-id", id, ...SEEN),
        ];
  return problem("CROSSED", message, { hint: hintOf(LOOK_AT_BOTH, ...ways) });
}

/** A task that shall be taken over bears another tenant's name. */
export function takenNameOfAnother(subject: Named, { id, name }: ListedTask, other: Named): TenantError {
  const hint = hintOf(
    "Check the task's ID: a column that slipped by one row gives each customer another's. Where it is meant so:",
    resolveCommand(subject, "--task-id", id, ...SEEN),
  );
  return problem("CROSSED", `the task ${id} is named "${name}", which is the name of tenant "${other.tenant}"`, {
    hint,
  });
}

/** The log knows no copy of a source task, and the server has some: its log is lost, or elsewhere. */
export function logLost(): TenantError {
  const message =
    "the log knows no copy of this source task, and the server has tasks that look like its copies: nothing is created beside them";
  return problem("LOG_LOST", message, { hint: LOG_LOST_HINT });
}

/** What ends it, for all tenants of a source task at once. */
export const LOG_LOST_HINT = hintOf(
  "Name the right log with --idempotency-log. Where it is lost, look at what would be taken over:",
  sameSync("--adopt", "--dry-run"),
  "Where those tasks are another's:",
  sameSync("--new-log"),
);

/** With `--adopt`: which of the tasks that no record explains is a tenant's copy is told by what they map. */
export function unreadCandidates(ids: readonly TaskId[]): TenantError {
  const message = `one of the tasks that no record explains may be this tenant's copy, and their reports could not be read: ${ids.join(", ")}`;
  const hint = hintOf(
    "Run the same command again when the server answers. Where they are no copies:",
    sameSync("--new-log"),
  );
  return problem("LOG_LOST", message, { hint });
}

export function otherTaskId(subject: Named, logged: TaskId, wanted: TaskId): TenantError {
  const hint = hintOf(
    `Correct the manifest. Where the manifest is right, delete the copy ${logged} on the server, which would go on mailing, then:`,
    resolveCommand(subject, "--task-id", wanted),
  );
  return problem("TASK_ID_DIFFERS", `the manifest's newTaskId ${wanted} is not the logged copy ${logged}`, { hint });
}

export function appInUse(subject: Named, app: AppId, holder: Omit<Holding, "ref">): TenantError {
  const id = holder.copy?.newTaskId;
  const message = `the app ${app} is in force for tenant "${holder.tenant}"${id === undefined ? "" : ` (copy ${id})`}`;
  // Without a copy it is a doubt that holds the app: nothing can be taken from it, and it is forgotten only with a reason.
  const ways =
    id === undefined
      ? [
          "Its create is still in doubt: run sync again, which looks for what it made. Where you saw that it made nothing:",
          resolveCommand(holder, "--forget", ...SEEN),
        ]
      : [
          "Where that tenant moves to another app in this manifest, run sync again after its move.",
          // A copy of another source task is not what this tenant is to have, whoever the holder was.
          ...(holder.sourceTaskId === subject.sourceTaskId
            ? [
                `Where ${quote(holder.tenant)} was renamed to ${quote(subject.tenant)}:`,
                resolveCommand(subject, "--task-id", id, ...optionWords("--from", holder.tenant)),
              ]
            : []),
          `Where ${quote(holder.tenant)} left:`,
          resolveCommand(holder, "--forget"),
        ];
  const hint = hintOf(...ways, "Where both shall read it (a swap, a shared app):", sameSync("--allow-shared-app", app));
  return problem("APP_IN_USE", message, { hint });
}

function moved({ tenant }: Named, app: AppId, { sourceTaskId, copy }: Holding): TenantError {
  const message = `the app ${app} is in force for this tenant under source task ${sourceTaskId}, which the manifest no longer names for it: both copies would be sent`;
  const old = copy === undefined ? "" : ` ${copy.newTaskId}`;
  const hint = hintOf(
    `Delete the old copy${old} on the server, then:`,
    resolveCommand({ tenant, sourceTaskId }, "--forget"),
    "To keep both:",
    sameSync("--allow-shared-app", app),
  );
  return problem("MOVED", message, { hint });
}

export function removalRefused(reports: readonly ReportId[]): TenantError {
  const message = `the manifest no longer names ${counted(reports.length, "report")} (${reports.join(", ")}): without a mapping the copy would show the master app's figures`;
  const allow = sameSync(...reports.flatMap((id) => ["--allow-unmapped-report", id]));
  return problem("REPORT_LEFT_OUT", message, {
    hint: hintOf("Put the row back. To remove the mapping on purpose:", allow),
  });
}

/** The warning that these copies lack a report of their source task. */
export function copiesLackReport(sourceTaskId: string, report: string, tenants: readonly string[]): Problem {
  const message = `the source task ${sourceTaskId} has the report ${report}, which ${counted(tenants.length, "copy", "copies")} lacked from the start (${listed(tenants)})`;
  const hint = hintOf(
    "Add the report to these copies on the server. To have them made anew, delete one in ten of them there at a time (if more are missing, the key may be blind), each time then:",
    sameSync("--recreate"),
  );
  return problem("COPY_LACKS_REPORT", message, { hint });
}

/** Why a task may not be taken over: another tenant holds it. */
export function copyOf(tenant: string): string {
  return `it is the copy of tenant "${tenant}"`;
}

/** Why a task may not be taken over: it may turn out to be what another tenant's create has made. */
export function mayBeMadeFor(tenant: string): string {
  return `a create of tenant "${tenant}", which is in doubt, may have made it`;
}

export function notACopy(id: TaskId, why: string): TenantError {
  return problem("NOT_A_COPY", `the task ${id} cannot be taken over: ${why}`);
}

/** The task of a customer who left: the log may forget it, the server does not, and neither do those whom it mails. */
export function leftBehind({ copy }: Pick<TenantState, "copy">): string | undefined {
  if (copy === undefined || copy.gone) return undefined;
  const task = nameAndId({ name: copy.name, id: copy.newTaskId });
  return `its task ${task} is left as it is, and may go on mailing until a person disables or deletes it on the server`;
}
