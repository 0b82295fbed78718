import { LogState } from "../log/state.js";
import type { ListedApp } from "../manifest/apps-file.js";
import { type DraftedTenants, draftTenants } from "../manifest/draft.js";
import { type ObservedSource, observeServer } from "../plan/observe.js";
import { rememberingReader } from "../plan/remembered-reads.js";
import { TaskIndex } from "../plan/task-index.js";
import type { ListReading, TaskReader } from "../server/ports.js";
import { type AppId, foldName, parseAppId, parseTaskId, type TaskId } from "../shared/ids.js";
import { EXIT, type Problem, StopError } from "../shared/problems.js";
import { quote } from "../shared/quotation.js";
import type { ListedTask } from "../shared/source-task.js";
import { nearestSpellings } from "../shared/spelling.js";

/** One thing to choose. */
export interface Choice {
  readonly id: string;
  readonly name: string;
}

/** A question to a person. */
export interface Question {
  readonly title: string;
  readonly choices: readonly Choice[];
  /** What an empty answer means; `undefined`: it must be answered. */
  readonly otherwise: string | undefined;
}

/**
 * Asks a person; resolves to what was typed, or to `undefined` where nobody answers any more. `complaint`: why the last answer
 * was no good.
 */
export type Ask = (question: Question, complaint: string | undefined) => Promise<string | undefined>;

/** What `init` asks for. */
export interface InitRequest {
  /** `--source-task`: an ID or a name. */
  readonly sourceTask: string | undefined;
  readonly masterApp: AppId | undefined;
  readonly pattern: string | undefined;
  readonly apps: readonly ListedApp[];
}

/** What a first manifest is made of. */
export interface InitFindings extends DraftedTenants {
  readonly source: ObservedSource;
  readonly masterApp: AppId | undefined;
}

/**
 * Finds the source task, the master app and the tenants of a first manifest. Throws a StopError: exit 2 where a choice is
 * missing or wrong, where no app fits or two give one tenant; exit 5 where the server refuses.
 */
export async function findManifest(
  request: InitRequest,
  deps: { readonly reader: TaskReader; readonly ask: Ask | undefined },
): Promise<InitFindings> {
  const reader = rememberingReader(deps.reader);
  const id = await chooseSourceTask(request.sourceTask, await reader.listTasks({ fresh: false }), deps.ask);
  const observation = await observeServer(reader, () => new LogState(), [id]);
  const source = observation.sources.get(id);
  if (source === undefined) throw new Error(`the source task ${id} was neither found nor refused`);
  const masterApp = request.masterApp ?? (await askForMasterApp(request, deps.ask));
  const drafted = draftTenants(request.apps, { pattern: request.pattern, masterApp });
  refuseUnusable(drafted, request);
  return { source, masterApp, ...drafted };
}

async function chooseSourceTask(wanted: string | undefined, list: ListReading, ask: Ask | undefined): Promise<TaskId> {
  const id = wanted === undefined ? undefined : parseTaskId(wanted);
  if (id !== undefined) return id;
  if (list.kind === "none") throw withoutList(list.problem);
  if (wanted !== undefined) return taskNamed(wanted, list.tasks);
  if (list.tasks.length === 0) throw noTasks();
  if (ask === undefined) throw notChosen(list.tasks);
  const question = { title: "Which task is to be duplicated?", choices: list.tasks, otherwise: undefined };
  const chosen = parseTaskId((await askUntilClear(question, ask))?.id ?? "");
  if (chosen === undefined) throw notChosen(list.tasks);
  return chosen;
}

function taskNamed(name: string, tasks: readonly ListedTask[]): TaskId {
  const same = new TaskIndex(tasks).named(name);
  const [only] = same;
  if (only !== undefined && same.length === 1) return only.id;
  if (same.length > 1)
    throw usage({
      code: "SOURCE_AMBIGUOUS",
      message: `${same.length} tasks are named ${quote(name)}: ${same.map((task) => task.id).join(", ")}`,
      hint: "Give --source-task the ID of the one that is meant",
      value: name,
    });
  const byName = new Map(tasks.map((task) => [foldName(task.name) as string, task]));
  const near = nearestSpellings(foldName(name), byName.keys()).flatMap((folded) => byName.get(folded) ?? []);
  const shown = near.length > 0 ? near : tasks.slice(0, LISTED);
  throw usage({
    code: "SOURCE_UNKNOWN",
    message: `no task is named ${quote(name)}${shown.length === 0 ? "" : `; ${near.length > 0 ? "the nearest are" : "there are"} ${named(shown)}`}`,
    hint: "Check --source-task. A key whose role does not cover the task's project cannot see it either",
    value: name,
  });
}

/** How many tasks an error lists. */
const LISTED = 20;

function notChosen(tasks: readonly ListedTask[]): StopError {
  const more = tasks.length > LISTED ? `, and ${tasks.length - LISTED} more` : "";
  return usage({
    code: "SOURCE_TASK_MISSING",
    message: `init needs the task to duplicate; the server has ${named(tasks.slice(0, LISTED))}${more}`,
    hint: "Give --source-task its ID or its name",
  });
}

function noTasks(): StopError {
  return usage({
    code: "NO_TASKS",
    message: "the server shows no task to this API key",
    hint: "Make the source task first, and give the key's owner a role that covers its project",
  });
}

function withoutList(problem: Problem): StopError {
  return usage({
    code: "LIST_UNREADABLE",
    message: `the task list cannot be read: ${problem.message}`,
    hint: "Give --source-task the task's ID (it stands in the task's address in Qalyptus Server)",
  });
}

function named(tasks: readonly ListedTask[]): string {
  return tasks.map((task) => `${quote(task.name)} (${task.id})`).join(", ");
}

/** Nobody but the user knows which app the reports were made with: the server does not say. */
async function askForMasterApp(request: InitRequest, ask: Ask | undefined): Promise<AppId | undefined> {
  if (ask === undefined) return undefined;
  // Where a pattern tells tenants' apps from others, the master app is among the others.
  const { unfit } = draftTenants(request.apps, { pattern: request.pattern, masterApp: undefined });
  const choices = unfit.length > 0 && request.pattern !== undefined ? unfit : request.apps;
  const title = "Which app were the reports made with (the master app)?";
  const chosen = await askUntilClear({ title, choices, otherwise: "leave it to --master-app" }, ask);
  return chosen === undefined ? undefined : parseAppId(chosen.id);
}

/** Asks again until the answer is one of the choices, by number, ID or name; `undefined`: none of them. */
async function askUntilClear(question: Question, ask: Ask): Promise<Choice | undefined> {
  let complaint: string | undefined;
  for (;;) {
    const answer = (await ask(question, complaint))?.trim();
    if (answer === undefined || (answer === "" && question.otherwise !== undefined)) return undefined;
    const found = matching(answer, question.choices);
    if (found.length === 1) return found[0];
    complaint =
      found.length === 0
        ? `${quote(answer)} is none of them`
        : `${found.length} of them are named ${quote(answer)}: type the number or the ID`;
  }
}

function matching(answer: string, choices: readonly Choice[]): readonly Choice[] {
  if (answer === "") return [];
  const numbered = /^\d{1,6}$/.test(answer) ? choices[Number(answer) - 1] : undefined;
  if (numbered !== undefined) return [numbered];
  const id = parseTaskId(answer);
  if (id !== undefined) return choices.filter((choice) => choice.id === id);
  const folded = foldName(answer);
  return choices.filter((choice) => foldName(choice.name) === folded);
}

function refuseUnusable(drafted: DraftedTenants, { pattern, apps }: InitRequest): void {
  if (drafted.twice.size > 0)
    throw new StopError(
      EXIT.usage,
      [...drafted.twice].map(([key, same]) => ({
        code: "TENANT_TWICE",
        message: `${same.length} apps give the tenant ${quote(key)}: ${same.map((app) => `${quote(app.name)} (${app.id})`).join(", ")}`,
        hint: "Give --pattern so that it tells them apart, or take the ones that are not meant out of the list",
        tenant: key,
      })),
    );
  if (drafted.tenants.length > 0) return;
  const examples = apps.slice(0, 3).map((app) => quote(app.name));
  throw usage({
    code: "NO_APP_FITS",
    message:
      pattern === undefined
        ? "no app of the list has a name that could be a tenant's"
        : `none of ${apps.length} ${apps.length === 1 ? "app" : "apps"} fits --pattern ${quote(pattern)}; their names are like ${examples.join(", ")}`,
    hint: `Put {tenant} where the tenant's key stands in the apps' names: --pattern "Sales - {tenant}"`,
    value: pattern,
  });
}

function usage(problem: Problem): StopError {
  return new StopError(EXIT.usage, problem);
}
