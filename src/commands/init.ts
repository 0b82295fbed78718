import { dirname, extname, join } from "node:path";
import { createInterface } from "node:readline";
import { identify, isSame } from "../files/paths.js";
import { checkNewFile, writeNewFile } from "../files/write-file.js";
import { LogState } from "../log/state.js";
import { draftAsCsv, draftAsJson, SCHEMA_FILE } from "../manifest/manifest-draft.js";
import { readManifest } from "../manifest/manifest-file.js";
import { type DraftedTenants, draftTenants, type NamedApp } from "../manifest/tenant-draft.js";
import { judgeLiveSource } from "../plan/live-source.js";
import { type ObservedSource, observeServer } from "../plan/observe.js";
import { rememberingReader } from "../plan/remembered-reads.js";
import { TaskIndex } from "../plan/task-index.js";
import { counted } from "../reporter/look.js";
import type { TaskReader } from "../server/ports.js";
import type { ProblemCode } from "../shared/codes.js";
import { type AppId, foldName, parseAppId, parseTaskId, type TaskId } from "../shared/ids.js";
import { EXIT, type ExitCode, type Problem, problem, StopError } from "../shared/problems.js";
import { listed, quote } from "../shared/quotation.js";
import { wordsOn } from "../shared/shell-word.js";
import type { ListedTask } from "../shared/source-task.js";
import { nearestSpellings } from "../shared/spelling.js";
import { oneLine } from "../shared/text-safety.js";
import { openConnection } from "./connection.js";
import type { Host } from "./host.js";
import { readApps } from "./manifest-input.js";
import type { InitSettings } from "./settings.js";
import { openTelling, type Telling } from "./telling.js";

/** `init`: writes a first manifest from the server's tasks and a list of apps. Never overwrites a file without `--force`. */
export async function initCommand(host: Host, settings: InitSettings): Promise<ExitCode> {
  const telling = await openTelling(host, settings.output);
  await telling.warn(settings.warnings);
  const { file, apps: appsPath, manifestFormat } = settings;
  if (appsPath === undefined)
    throw usage("APPS_MISSING", "init needs the list of apps: the ID and the name of each tenant's app", {
      hint: "Make it by: qlik app ls --json > apps.json (or the QRS API, or PowerShell's Export-Csv), then add --apps apps.json",
    });
  await checkTarget(settings, host.platform);
  const findings = await find(host, settings, await readApps(appsPath), telling);
  const { source, masterApp, tenants } = findings;
  const draft = { sourceTaskId: source.task.id, masterApp, tenants };
  const text = manifestFormat === "json" ? draftAsJson(draft) : draftAsCsv(draft);
  await checkText(text, masterApp, settings);
  const isQuiet = settings.output.verbosity === "quiet";
  if (!isQuiet) await tellLines(host, findingLines(findings));
  await telling.warn(surprises(findings, settings));
  if (file === undefined) await telling.answer(text);
  else {
    await writeNewFile(file, text, settings.force);
    await telling.answer(`${oneLine(file)}: ${counted(tenants.length, "tenant")} of ${labelOf(source)}\n`);
    if (!isQuiet) await tellLines(host, nextLines(host, masterApp, settings, file));
  }
  return EXIT.ok;
}

function usage(code: ProblemCode, message: string, more: Omit<Problem, "code" | "message"> = {}): StopError {
  return new StopError(EXIT.usage, problem(code, message, more));
}

async function tellLines(host: Host, lines: readonly string[]): Promise<void> {
  await host.stderr.write(lines.map((line) => `${oneLine(line)}\n`).join(""));
}

/** Before anything is read: whether the manifest may be written where it is wanted. Throws a StopError (exit 2). */
async function checkTarget(settings: InitSettings, platform: NodeJS.Platform): Promise<void> {
  const { file, manifestFormat, force, apps, connection } = settings;
  if (file === undefined) return;
  const ending = extname(file).toLowerCase();
  const readAs = ending === ".json" ? "json" : [".csv", ".tsv", ".tab"].includes(ending) ? "csv" : undefined;
  if (/^\.xls[xmb]?$/.test(ending) || (readAs !== undefined && readAs !== manifestFormat)) {
    const format = manifestFormat.toUpperCase();
    const hint = `Give the file the ending .${manifestFormat}, or choose another --format`;
    throw usage("FILE_ENDING", `${file} would hold ${format}, but it would not be read so because of its name`, {
      hint,
      file,
    });
  }
  await checkNewFile(file, force);
  const { apiKey, caFiles } = connection;
  const inputs = [apps, apiKey.kind === "file" ? apiKey.path : undefined, ...caFiles];
  for (const input of inputs)
    if (input !== undefined && isSame(identify(input, platform), identify(file, platform)))
      throw usage("FILE_IS_INPUT", `${file} is an input of this command`, { file });
}

async function find(
  host: Host,
  settings: InitSettings,
  apps: readonly NamedApp[],
  telling: Telling,
): Promise<InitFindings> {
  const { api, warnings } = await openConnection(host, settings.connection, telling.emit);
  try {
    await telling.warn(warnings);
    const { sourceTask, pattern } = settings;
    const masterApp = settings.masterApp === undefined ? undefined : parseAppId(settings.masterApp);
    const ask = host.mayAsk ? terminalAsk(host) : undefined;
    return await findManifest({ sourceTask, masterApp, pattern, apps }, { reader: api.reader, ask });
  } finally {
    await api.close();
  }
}

/** What is written must pass `validate`: an app's name may hold what no tenant's key can. Throws a StopError (exit 2). */
async function checkText(text: string, masterApp: AppId | undefined, settings: InitSettings): Promise<void> {
  const path = settings.file ?? `manifest.${settings.manifestFormat}`;
  const anyApp = parseAppId("00000000-0000-4000-8000-000000000000");
  const defaults = { masterApp: masterApp ?? anyApp, reports: [], allowSharedApps: [], allowMasterAppFor: [] };
  try {
    await readManifest({ path, bytes: Buffer.from(text), defaults });
  } catch (cause) {
    if (!(cause instanceof StopError)) throw cause;
    const hint = "Give the app another name in the list of apps, or take it out. Nothing was written";
    const problems = cause.problems.map((fault) => {
      return { ...fault, message: `the manifest would have a fault: ${fault.message}`, hint };
    });
    throw new StopError(cause.exitCode, problems, { cause });
  }
}

function labelOf({ task: { name, id } }: ObservedSource): string {
  return name === undefined ? id : `${quote(name)} (${id})`;
}

/** The reports that will be mapped, and the apps that were left out. */
function findingLines({ source, unfit, leftMasterOut, masterApp }: InitFindings): readonly string[] {
  const { reports } = source.task;
  const label = labelOf(source);
  const lines =
    reports === undefined
      ? [`The server does not list the reports of ${label}.`]
      : [
          `${counted(reports.length, "report")} of ${label}, mapped for every tenant:`,
          ...reports.map((report) => `  ${report.name ?? "(no name)"}  ${report.rowId}`),
        ];
  if (leftMasterOut) lines.push(`Left out: the master app ${masterApp}.`);
  if (unfit.length > 0) {
    const names = listed(unfit.map((app) => (app.name === "" ? app.id : quote(app.name))));
    lines.push(`Left out: ${counted(unfit.length, "app")} that cannot be a tenant's by name: ${names}.`);
  }
  return lines;
}

function surprises({ source, masterApp }: InitFindings, { pattern }: InitSettings): readonly Problem[] {
  const warnings: Problem[] = [];
  if (masterApp === undefined)
    warnings.push(
      problem(
        "MASTER_APP_UNKNOWN",
        "no --master-app: the manifest does not say which app is replaced, and the master app may be among its tenants",
        {
          hint: "Give --master-app GUID to init; else validate and sync need it, and take the master app's own row out",
        },
      ),
    );
  if (pattern === undefined)
    warnings.push(problem("NO_PATTERN", "no --pattern: each app's whole name is its tenant's key"));
  const masterApps = new Set(masterApp === undefined ? [] : [masterApp]);
  const label = `the source task ${labelOf(source)}`;
  const { refusal } = judgeLiveSource({ label, mail: source.task.mail, masterApps, allowed: false });
  return refusal === undefined ? warnings : [...warnings, refusal];
}

function nextLines(
  host: Host,
  masterApp: AppId | undefined,
  { manifestFormat, connection }: InitSettings,
  file: string,
): readonly string[] {
  const { server, apiKey } = connection;
  const word = wordsOn(host.platform);
  const manifest = `${word(file)}${masterApp === undefined ? " --master-app GUID" : ""}`;
  const address = server.from === "--server" ? ` --server ${word(server.text)}` : "";
  const key = apiKey.kind === "variable" ? "" : ` --api-key-file ${apiKey.kind === "file" ? word(apiKey.path) : "-"}`;
  const schema = `  ${host.argv0} schema > ${word(join(dirname(file), SCHEMA_FILE))}`;
  return [
    "Next:",
    ...(manifestFormat === "json" ? [schema] : []),
    `  ${host.argv0} validate ${manifest}`,
    `  ${host.argv0} sync ${manifest}${address}${key} --dry-run`,
  ];
}

/** What a first manifest is found by. */
export interface InitRequest {
  /** `--source-task`: an ID or a name. */
  readonly sourceTask: string | undefined;
  readonly masterApp: AppId | undefined;
  readonly pattern: string | undefined;
  readonly apps: readonly NamedApp[];
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
  const { ask } = deps;
  const { pattern, apps } = request;
  const reader = rememberingReader(deps.reader);
  const id = await chooseSourceTask(reader, request.sourceTask, ask);
  const source = (await observeServer(reader, () => new LogState(), [id])).sources.get(id);
  if (source === undefined) throw new Error(`the source task ${id} was neither found nor refused`);
  const masterApp = request.masterApp ?? (await askForMasterApp(request, ask));
  const drafted = draftTenants(apps, { pattern, masterApp });
  if (drafted.twice.size > 0) {
    const hint = "Give --pattern so that it tells them apart, or take the ones that are not meant out of the list";
    const faults = [...drafted.twice].map(([key, same]) => {
      const message = `${same.length} apps give the tenant ${quote(key)}: ${named(same)}`;
      return problem("TENANT_TWICE", message, { hint, tenant: key });
    });
    throw new StopError(EXIT.usage, faults);
  }
  if (drafted.tenants.length > 0) return { source, masterApp, ...drafted };
  const examples = apps.slice(0, 3).map((app) => quote(app.name));
  const message =
    pattern === undefined
      ? "no app of the list has a name that could be a tenant's"
      : `none of ${counted(apps.length, "app")} fits --pattern ${quote(pattern)}; their names are like ${examples.join(", ")}`;
  throw usage("NO_APP_FITS", message, { value: pattern });
}

/** How many tasks an error lists. */
const TASKS_LISTED = 20;

async function chooseSourceTask(reader: TaskReader, wanted: string | undefined, ask: Ask | undefined): Promise<TaskId> {
  const id = wanted === undefined ? undefined : parseTaskId(wanted);
  if (id !== undefined) return id;
  const list = await reader.listTasks({ fresh: true });
  if (list.kind === "none")
    throw usage("LIST_UNREADABLE", `the task list cannot be read: ${list.problem.message}`, {
      hint: "Give --source-task the task's ID (it stands in the task's address in Qalyptus Server)",
    });
  const { tasks } = list;
  if (wanted !== undefined) return taskNamed(wanted, tasks);
  if (tasks.length === 0) throw usage("NO_TASKS", "the server shows no task to this API key");
  const question = { title: "Which task is to be duplicated?", choices: tasks, otherwise: undefined };
  const chosen = ask && (await askUntilClear(question, ask));
  if (chosen !== undefined) return chosen.id;
  const more = tasks.length > TASKS_LISTED ? `, and ${tasks.length - TASKS_LISTED} more` : "";
  const shown = named(tasks.slice(0, TASKS_LISTED));
  throw usage("SOURCE_TASK_MISSING", `init needs the task to duplicate; the server has ${shown}${more}`, {
    hint: "Give --source-task its ID or its name",
  });
}

function taskNamed(name: string, tasks: readonly ListedTask[]): TaskId {
  const same = new TaskIndex(tasks).named(name);
  const [only] = same;
  if (only !== undefined && same.length === 1) return only.id;
  if (only !== undefined) {
    const ids = same.map((task) => task.id).join(", ");
    throw usage("SOURCE_AMBIGUOUS", `${same.length} tasks are named ${quote(name)}: ${ids}`, { value: name });
  }
  const byName = new Map<string, ListedTask>(tasks.map((task) => [foldName(task.name), task]));
  const near = nearestSpellings(foldName(name), byName.keys()).flatMap((folded) => byName.get(folded) ?? []);
  const others =
    near.length > 0 ? `; the nearest are ${named(near)}` : `; there are ${named(tasks.slice(0, TASKS_LISTED))}`;
  throw usage("SOURCE_UNKNOWN", `no task is named ${quote(name)}${tasks.length === 0 ? "" : others}`, {
    hint: "Check --source-task. A key whose role does not cover the task's project cannot see it either",
    value: name,
  });
}

function named(things: readonly { readonly name: string; readonly id: string }[]): string {
  return things.map(({ name, id }) => `${quote(name)} (${id})`).join(", ");
}

/** Nobody but the user knows which app the reports were made with: the server does not say. */
async function askForMasterApp({ apps, pattern }: InitRequest, ask: Ask | undefined): Promise<AppId | undefined> {
  if (ask === undefined) return undefined;
  // Where a pattern tells tenants' apps from others, the master app is among the others.
  const { unfit } = draftTenants(apps, { pattern, masterApp: undefined });
  const choices = unfit.length > 0 && pattern !== undefined ? unfit : apps;
  const title = "Which app were the reports made with (the master app)?";
  return (await askUntilClear({ title, choices, otherwise: "leave it to --master-app" }, ask))?.id;
}

/** A question to a person. */
export interface Question<T extends Choice = Choice> {
  readonly title: string;
  readonly choices: readonly T[];
  /** What an empty answer means; `undefined`: it must be answered. */
  readonly otherwise: string | undefined;
}

interface Choice {
  readonly id: string;
  readonly name: string;
}

/**
 * Asks a person; resolves to what was typed, or to `undefined` where nobody answers any more. `complaint`: why the last answer
 * was no good.
 */
export type Ask = (question: Question, complaint: string | undefined) => Promise<string | undefined>;

/** Asks again until the answer is one of the choices, by number, ID or name; `undefined`: none of them. */
async function askUntilClear<T extends Choice>(question: Question<T>, ask: Ask): Promise<T | undefined> {
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

function matching<T extends Choice>(answer: string, choices: readonly T[]): readonly T[] {
  const numbered = /^\d{1,6}$/.test(answer) ? choices[Number(answer) - 1] : undefined;
  if (numbered !== undefined) return [numbered];
  const id = parseTaskId(answer);
  const folded = foldName(answer);
  return choices.filter((choice) =>
    id === undefined ? answer !== "" && foldName(choice.name) === folded : choice.id === id,
  );
}

/** How many choices are listed; the others can be typed. */
const CHOICES_LISTED = 40;

/** Asks on the terminal: standard error shows the question, standard input has the answer. */
function terminalAsk({ stdin, stderr }: Host): Ask {
  return async ({ title, choices, otherwise }, complaint) => {
    const width = String(Math.min(choices.length, CHOICES_LISTED)).length + 2;
    const lines = choices.slice(0, CHOICES_LISTED).map(({ name, id }, at) => {
      return `${String(at + 1).padStart(width)}  ${oneLine(name === "" ? "(no name)" : name)}  ${id}\n`;
    });
    const left = choices.length - CHOICES_LISTED;
    const more = left > 0 ? `  … and ${left} more: type the ID or the name\n` : "";
    const way = otherwise === undefined ? "" : `, or nothing: ${otherwise}`;
    const said = complaint === undefined ? `${title}\n${lines.join("")}${more}` : `${oneLine(complaint)}\n`;
    await stderr.write(`${said}Number, ID or name${way}: `);
    // One line. The terminal itself edits it, and turns Ctrl-C into the signal that it is everywhere else.
    const reading = createInterface({ input: stdin.stream, terminal: false });
    const answer = await new Promise<string | undefined>((resolve) => {
      reading.once("line", (line) => {
        resolve(line);
        reading.close();
      });
      reading.once("close", () => resolve(undefined));
    });
    if (answer === undefined) await stderr.write("\n");
    return answer;
  };
}
