import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { PlanShape } from "../log/records.js";
import type { Manifest } from "../manifest/manifest.js";
import { lookOf } from "../reporter/look.js";
import { parseFault } from "../sandbox/chaos.js";
import type { TaskRun } from "../sandbox/page.js";
import { describeStart, type RunningSandbox, startSandbox } from "../sandbox/server.js";
import { FIRST_SOURCE_TASK_ID, MASTER_APP_ID, tenantAppId, type World, worldOf } from "../sandbox/world.js";
import { optionWords, typedBy } from "../shared/hints.js";
import { type AppId, groupBy, type TaskId } from "../shared/ids.js";
import { EXIT, type ExitCode, StopError, stopError } from "../shared/problems.js";
import { type Shell, wordsIn } from "../shared/quoting.js";
import { LOG_ENDING } from "../shared/results.js";
import { oneLine } from "../shared/text-safety.js";
import { wordsOfShape } from "./hint-commands.js";
import type { Host } from "./host.js";
import { attempt, readManifestInput } from "./inputs.js";
import type { SettingsOf } from "./settings.js";

/** `sandbox`: a local stand-in for a Qalyptus server, until it is interrupted. */
export async function sandboxCommand(host: Host, settings: SettingsOf["sandbox"]): Promise<ExitCode> {
  const { port, sandboxKey: key, latencyMs, seed, state: stateFile, chaos: share } = settings;
  const rehearsed = await rehearsalOf(settings);
  const chaos = { share, faults: settings.faults.map((fault) => parseFault(fault)) };
  const onFailure = (error: unknown): void => {
    void host.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
  };
  const world = rehearsed?.world;
  const sandbox = await startSandbox({ port, key, latencyMs, stateFile, seed, chaos, world, onFailure });
  const { requested } = host.interruption();
  const folder = await mkdtemp(join(tmpdir(), "qalyptus-sandbox-"));
  try {
    if (rehearsed === undefined) await writeFile(join(folder, SAMPLE), sampleManifest());
    // Never beside the manifest: there stands, or will stand, the log of its real server.
    const log = stateFile === undefined ? join(folder, "sandbox") : resolve(host.cwd, stateFile);
    const words = [
      ...["sync", resolve(host.cwd, settings.manifest ?? join(folder, SAMPLE)), "--server", sandbox.url],
      ...["--idempotency-log", log + LOG_ENDING],
      ...(rehearsed === undefined ? [] : rehearsed.words),
    ];
    const pasted = { sh: pastedLine(host, words, "sh"), powershell: pastedLine(host, words, "powershell") };
    await host.stdout.write(`${describeStart(sandbox, pasted).map(oneLine).join("\n")}\n`);
    if (!requested.aborted) await once(requested, "abort");
  } finally {
    await sandbox.close();
    await rm(folder, { recursive: true, force: true });
  }
  return EXIT.ok;
}

const SAMPLE = "customers.csv";
const SAMPLE_TENANTS = [
  "acme",
  "globex",
  "initech",
  "umbrella",
  "hooli",
  "stark",
  "wayne",
  "wonka",
  "tyrell",
  "soylent",
];

/** A manifest of the sandbox's own apps. */
function sampleManifest(): string {
  const rows = SAMPLE_TENANTS.map((tenant, at) => [tenant, tenantAppId(at + 1), MASTER_APP_ID, FIRST_SOURCE_TASK_ID]);
  return [["tenant", "newQlikAppId", "qlikAppId", "sourceTaskId"], ...rows]
    .map((cells) => `${cells.join(",")}\n`)
    .join("");
}

/** A command that means the same in every folder. An archive that brings its Node may stand where there is no other. */
export function pastedLine(
  { argv0, execPath, mainPath }: Pick<Host, "argv0" | "execPath" | "mainPath">,
  words: readonly string[],
  shell: Shell,
): string {
  const word = wordsIn(shell);
  const node = /^(node|npx) /.test(argv0) ? "node" : word(execPath);
  // PowerShell calls what stands in quotes only behind `&`.
  const call = shell !== "sh" && node.startsWith("'") ? "& " : "";
  const program = /[ \\/]/.test(argv0) ? `${call}${node} ${word(resolve(mainPath))}` : argv0;
  return `${program} ${typedBy(word, words)}`;
}

/**
 * `--manifest`: what the sandbox shall know of it, as plain texts, and the options that a sync of it needs. Rows that name no source task
 * or no app to replace get the sandbox's own. Throws the manifest's faults (exit 2).
 */
async function rehearsalOf({ manifest: path, encoding, shape: given }: SettingsOf["sandbox"]) {
  if (path === undefined) return undefined;
  const typed = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const [sourceTask, masterApp] = [FIRST_SOURCE_TASK_ID as TaskId, MASTER_APP_ID as AppId];
  let faults: StopError | undefined;
  for (const own of [{}, { masterApp }, { sourceTask }, { sourceTask, masterApp }]) {
    const shape: Partial<PlanShape> = { ...own, ...typed };
    const manifest = await attempt(() => readManifestInput({ path, encoding, shape }));
    if (manifest instanceof StopError) {
      faults ??= manifest;
      continue;
    }
    const { reportId: _, ...rows } = shape;
    const words = [...wordsOfShape(rows), ...(encoding === undefined ? [] : optionWords("--encoding", encoding))];
    return { words, world: worldFor(manifest) };
  }
  throw faults;
}

function worldFor({ fileName, tenants }: Manifest): World {
  const enabled = tenants.filter((tenant) => tenant.enabled);
  const sources = [...groupBy(enabled, ({ sourceTaskId = "" }) => sourceTaskId)].flatMap(([id, own]) => {
    if (id === "") return [];
    const desired = own.flatMap((tenant) => tenant.desired);
    const copies = own.flatMap(({ newTaskId, tenant }) =>
      newTaskId === undefined ? [] : [{ id: newTaskId as string, name: `Copy of ${tenant}` }],
    );
    const masterApps = [...new Set(desired.map(({ qlikAppId }) => qlikAppId as string))];
    return [{ id, masterApps, reports: [...new Set(desired.flatMap(({ report }) => report ?? []))], copies }];
  });
  const apps = enabled.flatMap(({ desired }) => desired.flatMap((one) => [one.qlikAppId, one.newQlikAppId]));
  return worldOf(fileName, sources, apps);
}

const TENANTS = 120;
/** The first sync is killed when so many copies exist. */
const KILL_AT = 60;
/** The sandbox answers after so long: slow enough to be killed half-way, fast enough to be watched. */
const LATENCY_MS = 60;

/**
 * `demo`: the main job end to end on the sandbox, with the real program in processes of its own. Every sync is the real one;
 * only the time limits are shorter than the defaults. Throws a StopError (exit 1) where the proof fails.
 */
export async function demoCommand(host: Host, settings: SettingsOf["demo"]): Promise<ExitCode> {
  const folder = await mkdtemp(join(tmpdir(), "qalyptus-demo-"));
  const sandbox = await startSandbox({ port: 0, latencyMs: LATENCY_MS });
  const { palette } = lookOf(host, settings.output, host.stdout);
  const say = (title: string, text = ""): Promise<void> => host.stdout.write(`\n${palette.bold(title)}\n${text}`);
  /** Shows a sync as a person would type it, and runs it in a process; with `killAt` it is killed when so many copies exist. */
  const sync = async (extra: readonly string[], killAt?: number): Promise<void> => {
    const args = ["sync", "customers.csv", "--server", sandbox.url, "--timeout", "2s", "--settle", "2s", ...extra];
    // `--resume` brings the first run's options with it.
    if (!extra.includes("--resume")) args.push("--source-task", FIRST_SOURCE_TASK_ID, "--master-app", MASTER_APP_ID);
    await host.stdout.write(`${palette.dim(`$ ${host.argv0} ${args.join(" ")}`)}\n`);
    const child = spawn(host.execPath, [host.mainPath, ...args], {
      cwd: folder,
      env: { ...host.env, QALYPTUS_API_KEY: sandbox.key, QALYPTUS_SERVER: undefined },
      stdio: ["ignore", "inherit", "inherit"],
    });
    const watch = setInterval(() => {
      if (killAt !== undefined && copiesOf(sandbox).length >= killAt) child.kill("SIGKILL");
    }, 5);
    const [code]: (number | null)[] = await once(child, "close").finally(() => clearInterval(watch));
    if (code !== (killAt === undefined ? EXIT.ok : null))
      throw stopError(EXIT.defect, "DEMO_FAILED", `a sync ended with ${code ?? "a signal"}`);
  };
  try {
    const numbers = Array.from({ length: TENANTS }, (_, at) => at + 1);
    const rows = numbers.map((number) => `customer-${String(number).padStart(3, "0")},${tenantAppId(number)}\n`);
    await writeFile(join(folder, "customers.csv"), `tenant,newQlikAppId\n${rows.join("")}`);
    await say(
      "The stage",
      `A sandbox server at ${sandbox.url}, one source task with 3 reports, and ${TENANTS} tenants in customers.csv.\n` +
        "The server is a stand-in; every sync below is the real program. Two time limits are shorter than usual,\n" +
        "so that the demo is short: --timeout 2s --settle 2s.\n",
    );
    await say("1. What would be done? A dry run sends nothing");
    await sync(["--dry-run"]);
    await say(`2. Carry it out, and kill it (SIGKILL) when ${KILL_AT} copies exist`);
    await sync([], KILL_AT);
    const state = `The server now has ${copiesOf(sandbox).length} copies; what was in flight is in doubt.`;
    await host.stdout.write(`${palette.bad("Killed.")} ${state}\n`);
    await say("3. Go on where it was killed: what is in doubt is looked up, never sent twice");
    await sync(["--resume"]);
    await say("4. Once more: nothing is left to do");
    await sync([]);
    await say("5. The proof, read from the server and not from the log");
    const checks = await prove(sandbox);
    for (const [holds, text] of checks)
      await host.stdout.write(`  ${holds ? palette.good("ok") : palette.bad("NO")}  ${text}\n`);
    if (checks.some(([holds]) => !holds)) throw stopError(EXIT.defect, "DEMO_FAILED", "the proof failed");
    return EXIT.ok;
  } finally {
    await sandbox.close();
    if (settings.keep) await host.stdout.write(`\nKept: ${folder}\n`);
    else await rm(folder, { recursive: true, force: true });
  }
}

function copiesOf(sandbox: RunningSandbox): ReturnType<RunningSandbox["tasks"]> {
  return sandbox.tasks().filter((task) => task.copyOf !== null);
}

/** Asks the server what it would generate for each copy, and holds it against the manifest. */
async function prove(sandbox: RunningSandbox): Promise<readonly (readonly [holds: boolean, text: string])[]> {
  const copies = copiesOf(sandbox);
  const twins = copies.length - new Set(copies.map((copy) => copy.name)).size;
  let right = 0;
  for (const { id, name } of copies) {
    const answer = await fetch(`${sandbox.url}/sandbox/tasks/${id}/run`, { method: "POST" });
    const { reports } = (await answer.json()) as TaskRun;
    const apps = new Set(reports.flatMap((report) => report.readsApps));
    if (apps.size === 1 && apps.has(tenantAppId(Number(name.slice(-3))))) right += 1;
  }
  const reads = "copies whose every report, connection, filter and condition reads its own tenant's app";
  return [
    [copies.length === TENANTS, `${copies.length} copies for ${TENANTS} tenants`],
    [twins === 0, `${twins} twins`],
    [right === TENANTS, `${right} ${reads}`],
  ];
}
