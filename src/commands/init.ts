import { extname } from "node:path";
import { statOf } from "../files/paths.js";
import { checkOutputs, fileExists, type Target, writeNewFile } from "../files/write-file.js";
import { LogState } from "../log/state.js";
import { draftAsCsv, draftAsJson, draftTenants, type ListedApp } from "../manifest/apps.js";
import { observeServer } from "../plan/observe.js";
import { liveSource } from "../run/guards.js";
import type { TaskReader } from "../server/ports.js";
import { EXIT, type ExitCode, type Problem, problem, StopError, stopError } from "../shared/problems.js";
import { wordsIn } from "../shared/quoting.js";
import { counted, listed, nameAndId, oneLine, quote } from "../shared/text-safety.js";
import { withConnection } from "./connection.js";
import type { Host } from "./host.js";
import { readApps } from "./inputs.js";
import type { SettingsOf } from "./settings.js";
import { chooseSourceTask } from "./source-task.js";
import { openTelling } from "./telling.js";

/** `init`: writes a first manifest from the server's tasks and a list of apps. Never overwrites a file without `--force`. */
export async function initCommand(host: Host, settings: SettingsOf["init"]): Promise<ExitCode> {
  const telling = await openTelling(host, settings.output);
  const { file, apps: appsPath, manifestFormat, masterApp } = settings;
  if (appsPath === undefined)
    throw stopError(
      EXIT.usage,
      "APPS_MISSING",
      "init needs the list of apps: the ID and the name of each tenant's app",
    );
  const target = await checkTarget(settings, host.platform);
  const request = { ...settings, apps: await readApps(appsPath) };
  const findings = await withConnection(host, settings.connection, telling, ({ api }) =>
    findManifest(request, api.reader),
  );
  const { source, tenants } = findings;
  const draft = { sourceTaskId: source.task.id, masterApp, tenants };
  // A workbook holds the texts that the CSV would.
  const text = manifestFormat === "json" ? draftAsJson(draft) : draftAsCsv(draft);
  // On standard output a part of the key would be taken out: the manifest would name other tenants than the apps do.
  if (file === undefined ? host.secrets.apply(text) !== text : host.secrets.isIn(text))
    throw stopError(EXIT.usage, "KEY_IN_NAME", "the API key, or a part of it, stands in an app's name", {
      file: appsPath,
    });
  const isQuiet = settings.output.verbosity === "quiet";
  if (!isQuiet) await tellLines(host, findingLines(findings));
  await telling.warn(surprises(findings, settings));
  if (file === undefined || target === undefined) await telling.answer(text);
  else {
    const content =
      manifestFormat === "xlsx" ? (await import("../manifest/workbook-draft.js")).draftAsWorkbook(draft) : text;
    await writeNewFile(target, content, settings.force);
    await telling.answer(`${oneLine(file)}: ${counted(tenants.length, "tenant")} of ${nameAndId(source.task)}\n`);
    const manifest = `${wordsIn(host.shell)(file)}${masterApp === undefined ? " --master-app GUID" : ""}`;
    const next = ["Next:", `  ${host.argv0} validate ${manifest}`, `  ${host.argv0} sync ${manifest} --dry-run`];
    if (!isQuiet) await tellLines(host, next);
  }
  return EXIT.ok;
}

async function tellLines(host: Host, lines: readonly string[]): Promise<void> {
  await host.stderr.write(lines.map((line) => `${oneLine(line)}\n`).join(""));
}

/** Before anything is read: whether the manifest may be written where it is wanted. Throws a StopError (exit 2). */
async function checkTarget(settings: SettingsOf["init"], platform: NodeJS.Platform): Promise<Target | undefined> {
  const { file, manifestFormat, force, apps, connection } = settings;
  if (file === undefined && manifestFormat === "xlsx")
    throw stopError(EXIT.usage, "FILE_ENDING", "a workbook is not written to standard output");
  if (file === undefined) return undefined;
  const ending = extname(file).toLowerCase();
  const readAs = new Map([
    [".json", "json"],
    [".xlsx", "xlsx"],
    [".csv", "csv"],
    [".tsv", "csv"],
    [".tab", "csv"],
  ]);
  if (/^\.xls[mb]?$/.test(ending) || (readAs.get(ending) ?? manifestFormat) !== manifestFormat) {
    const message = `${file} would hold ${manifestFormat.toUpperCase()}, but it would not be read so because of its name`;
    throw stopError(EXIT.usage, "FILE_ENDING", message, { file });
  }
  const { apiKey, caFiles } = connection;
  const inputs = [apps, apiKey.kind === "file" ? apiKey.path : undefined, ...caFiles];
  const protectedFiles = inputs.flatMap((path) =>
    path === undefined ? [] : { path, what: "an input of this command" },
  );
  const { results } = await checkOutputs({ results: [{ path: file }], protectedFiles, platform });
  if (!force && statOf(file) !== undefined) throw fileExists(file);
  return results[0];
}

/** The reports that will be mapped, and the apps that were left out. */
function findingLines({ source, unfit, leftMasterOut }: InitFindings): readonly string[] {
  const { reports } = source.task;
  const label = nameAndId(source.task);
  const lines =
    reports === undefined
      ? [`The server does not list the reports of ${label}.`]
      : [
          `${counted(reports.length, "report")} of ${label}, mapped for every tenant:`,
          ...reports.map((report) => `  ${report.name ?? "(no name)"}  ${report.rowId}`),
        ];
  if (leftMasterOut) lines.push("Left out: the master app.");
  if (unfit.length > 0) {
    const names = listed(unfit.map((app) => (app.name === "" ? app.id : quote(app.name))));
    lines.push(`Left out: ${counted(unfit.length, "app")} that cannot be a tenant's by name: ${names}.`);
  }
  return lines;
}

function surprises({ source }: InitFindings, { masterApp, pattern }: SettingsOf["init"]): readonly Problem[] {
  const warnings: Problem[] = [];
  const unknown = "the manifest does not say which app is replaced, and the master app may be among its tenants";
  if (masterApp === undefined) warnings.push(problem("MASTER_APP_UNKNOWN", `no --master-app: ${unknown}`));
  if (pattern === undefined)
    warnings.push(problem("NO_PATTERN", "no --pattern: each app's whole name is its tenant's key"));
  const live = liveSource(`the source task ${nameAndId(source.task)}`, source.task.mail);
  return live === undefined ? warnings : [...warnings, live];
}

/** What a first manifest is found by. */
export type InitRequest = Pick<SettingsOf["init"], "sourceTask" | "pattern" | "masterApp"> & {
  readonly apps: readonly ListedApp[];
};

type InitFindings = Awaited<ReturnType<typeof findManifest>>;

/**
 * Finds the source task, the master app and the tenants of a first manifest. Throws a StopError: exit 2 where a choice is
 * missing or wrong, where no app fits or two give one tenant; exit 5 where the server refuses.
 */
export async function findManifest(request: InitRequest, reader: TaskReader) {
  const { pattern, apps, masterApp } = request;
  const id = await chooseSourceTask(reader, request.sourceTask);
  const source = (await observeServer(reader, () => new LogState(), [id])).sources.get(id);
  if (source === undefined) throw new Error(`the source task ${id} was neither found nor refused`);
  const drafted = draftTenants(apps, { pattern, masterApp });
  if (drafted.twice.size > 0) {
    const faults = [...drafted.twice].map(([key, same]) => {
      const message = `${same.length} apps give the tenant ${quote(key)}: ${same.map(nameAndId).join(", ")}`;
      return problem("TENANT_TWICE", message, { tenant: key });
    });
    throw new StopError(EXIT.usage, faults);
  }
  if (drafted.tenants.length > 0) return { source, ...drafted };
  const examples = apps.slice(0, 3).map((app) => quote(app.name));
  const message =
    pattern === undefined
      ? "no app of the list has a name that could be a tenant's"
      : `none of ${counted(apps.length, "app")} fits --pattern ${quote(pattern)}; their names are like ${examples.join(", ")}`;
  throw stopError(EXIT.usage, "NO_APP_FITS", message, { value: pattern });
}
