import { dirname, extname, join } from "node:path";
import type { Host } from "../cli/host.js";
import type { InitSettings } from "../cli/settings.js";
import { identify, isSame } from "../files/file-identity.js";
import { checkNewFile, writeNewFile } from "../files/new-file.js";
import { readAppsFile } from "../manifest/apps-file.js";
import { draftAsCsv, draftAsJson, SCHEMA_FILE } from "../manifest/draft.js";
import { readManifest } from "../manifest/read-manifest.js";
import { judgeLiveSource } from "../plan/live-source.js";
import { counted } from "../reporter/look.js";
import { parseAppId } from "../shared/ids.js";
import { EXIT, type ExitCode, type Problem, StopError } from "../shared/problems.js";
import { listed, quote } from "../shared/quotation.js";
import { wordsOn } from "../shared/shell-word.js";
import { oneLine } from "../shared/text-safety.js";
import { openConnection } from "./connection.js";
import { findManifest, type InitFindings } from "./init-tenants.js";
import { readAppsBytes } from "./manifest-input.js";
import { terminalAsk } from "./prompt.js";
import { openTelling, type Telling } from "./telling.js";

/** `init`: writes a first manifest from the server's tasks and a list of apps. Never overwrites a file without `--force`. */
export async function initCommand(host: Host, settings: InitSettings): Promise<ExitCode> {
  const telling = await openTelling(host, settings.output, { protectedFiles: [], dryRun: false });
  await telling.warn(settings.warnings);
  const { file, apps: appsPath } = settings;
  if (appsPath === undefined) throw appsMissing();
  await checkTarget(settings, host.platform);
  const apps = readAppsFile(await readAppsBytes(appsPath), appsPath);
  const findings = await find(host, settings, { apps, telling });
  const text = textOf(findings, settings);
  await checkText(text, findings, settings);
  await tellFindings(host, findings, { settings, telling });
  if (file === undefined) await telling.answer(text);
  else {
    await writeNewFile(file, text, settings.force);
    await telling.answer(`${oneLine(file)}: ${counted(findings.tenants.length, "tenant")} of ${labelOf(findings)}\n`);
  }
  await tellNext(host, findings, settings);
  return EXIT.ok;
}

function appsMissing(): StopError {
  return new StopError(EXIT.usage, {
    code: "APPS_MISSING",
    message: "init needs the list of apps: the ID and the name of each tenant's app",
    hint: "Make it by: qlik app ls --json > apps.json (or the QRS API, or PowerShell's Export-Csv), then add --apps apps.json",
  });
}

/** Before anything is read: whether the manifest may be written where it is wanted. Throws a StopError (exit 2). */
async function checkTarget(
  { file, manifestFormat, force, apps, connection }: InitSettings,
  platform: NodeJS.Platform,
): Promise<void> {
  if (file === undefined) return;
  const ending = extname(file).toLowerCase();
  const readAs = ending === ".json" ? "json" : [".csv", ".tsv", ".tab"].includes(ending) ? "csv" : undefined;
  if (/^\.xls[xmb]?$/.test(ending) || (readAs !== undefined && readAs !== manifestFormat))
    throw new StopError(EXIT.usage, {
      code: "FILE_ENDING",
      message: `${file} would hold ${manifestFormat.toUpperCase()}, but it would not be read so because of its name`,
      hint: `Give the file the ending .${manifestFormat}, or choose another --format`,
      file,
    });
  await checkNewFile(file, force);
  const { apiKey, caFiles } = connection;
  const inputs = [apps, apiKey.kind === "file" ? apiKey.path : undefined, ...caFiles];
  for (const input of inputs)
    if (input !== undefined && isSame(await identify(input, platform), await identify(file, platform)))
      throw new StopError(EXIT.usage, {
        code: "FILE_IS_INPUT",
        message: `${file} is an input of this command`,
        hint: "Give the manifest a name of its own",
        file,
      });
}

async function find(
  host: Host,
  settings: InitSettings,
  of: { readonly apps: ReturnType<typeof readAppsFile>; readonly telling: Telling },
): Promise<InitFindings> {
  const { emit } = of.telling;
  const { api, warnings } = await openConnection(host, settings.connection, { emit, concurrency: 1 });
  try {
    await of.telling.warn(warnings);
    const { sourceTask, pattern } = settings;
    const masterApp = settings.masterApp === undefined ? undefined : parseAppId(settings.masterApp);
    const ask = host.mayAsk ? terminalAsk(host) : undefined;
    return await findManifest({ sourceTask, masterApp, pattern, apps: of.apps }, { reader: api.reader, ask });
  } finally {
    await api.close();
  }
}

function textOf({ source, masterApp, tenants }: InitFindings, { manifestFormat }: InitSettings): string {
  const draft = { sourceTaskId: source.task.id, masterApp, tenants };
  return manifestFormat === "json" ? draftAsJson(draft) : draftAsCsv(draft);
}

/** Stands for a master app that is still to be named. */
const ANY_MASTER = "00000000-0000-4000-8000-000000000000";

/** What is written must pass `validate`: an app's name may hold what no tenant's key can. Throws a StopError (exit 2). */
async function checkText(text: string, findings: InitFindings, settings: InitSettings): Promise<void> {
  const path = settings.file ?? `manifest.${settings.manifestFormat}`;
  const masterApp = findings.masterApp ?? parseAppId(ANY_MASTER);
  const defaults = { masterApp, reports: [], allowSharedApps: [], allowMasterAppFor: [] };
  try {
    await readManifest({ path, bytes: Buffer.from(text), defaults });
  } catch (cause) {
    if (!(cause instanceof StopError)) throw cause;
    const problems = cause.problems.map(
      (problem): Problem => ({
        ...problem,
        message: `the manifest would have a fault: ${problem.message}`,
        hint: "Give the app another name in the list of apps, or take it out. Nothing was written",
      }),
    );
    throw new StopError(cause.exitCode, problems, { cause });
  }
}

/** What people should know of it: the reports that will be mapped, what was left out, what may surprise. */
async function tellFindings(
  host: Host,
  findings: InitFindings,
  { settings, telling }: { readonly settings: InitSettings; readonly telling: Telling },
): Promise<void> {
  if (settings.output.verbosity !== "quiet") {
    const lines = [...reportLines(findings), ...leftOutLines(findings)];
    await host.stderr.write(lines.map((line) => `${oneLine(line)}\n`).join(""));
  }
  await telling.warn(surprises(findings, settings));
}

function labelOf({ source }: InitFindings): string {
  const { name, id } = source.task;
  return name === undefined ? id : `${quote(name)} (${id})`;
}

function reportLines(findings: InitFindings): readonly string[] {
  const { reports } = findings.source.task;
  if (reports === undefined) return [`The server does not list the reports of ${labelOf(findings)}.`];
  const rows = reports.map((report) => `  ${report.name ?? "(no name)"}  ${report.rowId}`);
  return [`${counted(reports.length, "report")} of ${labelOf(findings)}, mapped for every tenant:`, ...rows];
}

function leftOutLines({ unfit, leftMasterOut, masterApp }: InitFindings): readonly string[] {
  const names = listed(unfit.map((app) => (app.name === "" ? app.id : quote(app.name))));
  return [
    ...(leftMasterOut ? [`Left out: the master app ${masterApp}.`] : []),
    ...(unfit.length === 0
      ? []
      : [`Left out: ${counted(unfit.length, "app")} that cannot be a tenant's by name: ${names}.`]),
  ];
}

function surprises(findings: InitFindings, { pattern }: InitSettings): readonly Problem[] {
  const { source, masterApp } = findings;
  const label = `the source task ${labelOf(findings)}`;
  const masterApps = new Set(masterApp === undefined ? [] : [masterApp]);
  const live = judgeLiveSource({ label, mail: source.task.mail, masterApps, allowed: false });
  return [
    ...(masterApp === undefined ? [masterAppUnknown()] : []),
    ...(pattern === undefined ? [noPattern()] : []),
    ...(live.refusal === undefined ? [] : [live.refusal]),
  ];
}

function masterAppUnknown(): Problem {
  return {
    code: "MASTER_APP_UNKNOWN",
    message:
      "no --master-app: the manifest does not say which app is replaced, and the master app may be among its tenants",
    hint: "Give --master-app GUID to init; else validate and sync need it, and take the master app's own row out",
  };
}

function noPattern(): Problem {
  return {
    code: "NO_PATTERN",
    message: "no --pattern: each app's whole name is its tenant's key",
    hint: 'Where the key is a part of it: --pattern "Sales - {tenant}"',
  };
}

async function tellNext(host: Host, findings: InitFindings, settings: InitSettings): Promise<void> {
  if (settings.output.verbosity === "quiet" || settings.file === undefined) return;
  const word = wordsOn(host.platform);
  const manifest = word(settings.file);
  const master = findings.masterApp === undefined ? " --master-app GUID" : "";
  const { server } = settings.connection;
  const address = server.from === "--server" ? ` --server ${word(server.text)}` : "";
  const lines = [
    ...(settings.manifestFormat === "json"
      ? [`${host.argv0} schema > ${word(join(dirname(settings.file), SCHEMA_FILE))}`]
      : []),
    `${host.argv0} validate ${manifest}${master}`,
    `${host.argv0} sync ${manifest}${master}${address}${keyOption(settings, word)} --dry-run`,
  ];
  await host.stderr.write(`Next:\n${lines.map((line) => `  ${oneLine(line)}\n`).join("")}`);
}

function keyOption({ connection }: InitSettings, word: (text: string) => string): string {
  const { apiKey } = connection;
  if (apiKey.kind === "variable") return "";
  return ` --api-key-file ${apiKey.kind === "file" ? word(apiKey.path) : "-"}`;
}
