import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { colourLevel, loadPalette, type Palette } from "../reporter/palette.js";
import type { runTask } from "../sandbox/api.js";
import { type RunningSandbox, startSandbox } from "../sandbox/server.js";
import { FIRST_SOURCE_TASK_ID, MASTER_APP_ID, tenantAppId } from "../sandbox/world.js";
import { EXIT, type ExitCode, StopError } from "../shared/problems.js";
import type { Host } from "./host.js";
import type { DemoSettings } from "./settings.js";

const TENANTS = 120;
/** The first sync is killed when so many copies exist. */
const KILL_AT = 60;
/** The sandbox answers after so long: slow enough to be killed half-way, fast enough to be watched. */
const LATENCY_MS = 60;

/** The stage that the demo's story is played on. */
interface Stage {
  readonly host: Host;
  readonly sandbox: RunningSandbox;
  readonly folder: string;
  readonly palette: Palette;
}

/**
 * `demo`: the main job end to end on the sandbox, with the real program in processes of its own. Every sync is the real one;
 * only the time limits are shorter than the defaults. Throws a StopError (exit 1) where the proof fails.
 */
export async function demoCommand(host: Host, settings: DemoSettings): Promise<ExitCode> {
  const folder = await mkdtemp(join(tmpdir(), "qalyptus-demo-"));
  const sandbox = await startSandbox({ port: 0, latencyMs: LATENCY_MS });
  const palette = await loadPalette(
    colourLevel({ isTTY: host.stdout.isTTY, noColorFlag: settings.output.noColor, env: host.env }),
  );
  const stage: Stage = { host, sandbox, folder, palette };
  try {
    await play(stage);
    return EXIT.ok;
  } finally {
    await sandbox.close();
    if (settings.keep) await host.stdout.write(`\nKept: ${folder}\n`);
    else await rm(folder, { recursive: true, force: true });
  }
}

async function play(stage: Stage): Promise<void> {
  const { host, sandbox, folder } = stage;
  await writeFile(join(folder, "customers.csv"), manifestText());
  await say(stage, "The stage", [
    `A sandbox server at ${sandbox.url}, one source task with 3 reports, and ${TENANTS} tenants in customers.csv.`,
    "The server is a stand-in; every sync below is the real program. Two time limits are shorter than usual,",
    "so that the demo is short: --timeout 2s --settle 2s.",
  ]);
  await say(stage, "1. What would be done? A dry run sends nothing");
  await expectExit(stage, ["--dry-run"], 0);
  await say(stage, `2. Carry it out, and kill it (SIGKILL) when ${KILL_AT} copies exist`);
  await syncAndKill(stage);
  const after = copiesOf(sandbox);
  await host.stdout.write(
    `${stage.palette.bad("Killed.")} The server now has ${after} copies; what was in flight is in doubt.\n`,
  );
  await say(stage, "3. Go on where it was killed: what is in doubt is looked up, never sent twice");
  await expectExit(stage, ["--resume"], 0);
  await say(stage, "4. Once more: nothing is left to do");
  await expectExit(stage, [], 0);
  await say(stage, "5. The proof, read from the server and not from the log");
  await prove(stage);
}

function manifestText(): string {
  const lines = Array.from(
    { length: TENANTS },
    (_, at) => `customer-${String(at + 1).padStart(3, "0")},${tenantAppId(at + 1)}`,
  );
  return ["tenant,newQlikAppId", ...lines, ""].join("\n");
}

/** The command as a person would type it, and as it is run. `--resume` brings the first run's options with it. */
function argumentsOf(stage: Stage, extra: readonly string[]): readonly string[] {
  const shape = extra.includes("--resume")
    ? []
    : ["--source-task", FIRST_SOURCE_TASK_ID, "--master-app", MASTER_APP_ID];
  const server = ["--server", stage.sandbox.url, "--timeout", "2s", "--settle", "2s"];
  return ["sync", "customers.csv", ...shape, ...server, ...extra];
}

function start(stage: Stage, args: readonly string[]): ReturnType<typeof spawn> {
  const { host, folder, sandbox } = stage;
  return spawn(host.execPath, [host.mainPath, ...args], {
    cwd: folder,
    env: { ...host.env, QALYPTUS_API_KEY: sandbox.key, QALYPTUS_SERVER: undefined },
    stdio: ["ignore", "inherit", "inherit"],
  });
}

function ended(child: ReturnType<typeof spawn>): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code));
  });
}

async function expectExit(stage: Stage, extra: readonly string[], expected: number): Promise<void> {
  const args = argumentsOf(stage, extra);
  await prompt(stage, args);
  const code = await ended(start(stage, args));
  if (code !== expected) throw failed(`a sync ended with ${code}, not with ${expected}`);
}

async function syncAndKill(stage: Stage): Promise<void> {
  const args = argumentsOf(stage, []);
  await prompt(stage, args);
  const child = start(stage, args);
  const end = ended(child);
  const watch = setInterval(() => {
    if (copiesOf(stage.sandbox) >= KILL_AT) child.kill("SIGKILL");
  }, 5);
  const code = await end;
  clearInterval(watch);
  if (code !== null) throw failed(`the sync was to be killed half-way, and ended with ${code}`);
}

function copiesOf(sandbox: RunningSandbox): number {
  return sandbox.tasks().filter((task) => task.copyOf !== undefined).length;
}

/** Asks the server what it would generate for each copy, and holds it against the manifest. */
async function prove(stage: Stage): Promise<void> {
  const copies = stage.sandbox.tasks().filter((task) => task.copyOf !== undefined);
  const names = new Set(copies.map((copy) => copy.name));
  const reading = await Promise.all(copies.map((copy) => appsReadBy(stage, copy.id)));
  const right = copies.filter((copy, at) => {
    const number = Number(copy.name.slice(-3));
    return (reading[at] ?? []).length === 1 && reading[at]?.[0] === tenantAppId(number);
  });
  const checks: readonly (readonly [string, boolean])[] = [
    [`${copies.length} copies for ${TENANTS} tenants`, copies.length === TENANTS],
    [`${copies.length - names.size} twins`, names.size === copies.length],
    [
      `${right.length} copies whose every report, connection, filter and condition reads its own tenant's app`,
      right.length === TENANTS,
    ],
  ];
  for (const [text, holds] of checks)
    await stage.host.stdout.write(`  ${holds ? stage.palette.good("ok") : stage.palette.bad("NO")}  ${text}\n`);
  if (checks.some(([, holds]) => !holds)) throw failed("the proof failed");
}

async function appsReadBy(stage: Stage, taskId: string): Promise<readonly string[]> {
  const answer = await fetch(`${stage.sandbox.url}/sandbox/tasks/${taskId}/run`, {
    method: "POST",
    headers: { authorization: `Bearer ${stage.sandbox.key}` },
  });
  const run = (await answer.json()) as { readonly data?: ReturnType<typeof runTask> } & Partial<
    ReturnType<typeof runTask>
  >;
  const reports = run.data?.reports ?? run.reports ?? [];
  return [...new Set(reports.flatMap((report) => report.readsApps))];
}

async function say(stage: Stage, title: string, lines: readonly string[] = []): Promise<void> {
  const { host, palette } = stage;
  await host.stdout.write(`\n${palette.bold(title)}\n${lines.map((line) => `${line}\n`).join("")}`);
}

async function prompt(stage: Stage, args: readonly string[]): Promise<void> {
  await stage.host.stdout.write(`${stage.palette.dim(`$ ${stage.host.argv0} ${args.join(" ")}`)}\n`);
}

function failed(message: string): StopError {
  return new StopError(EXIT.defect, { code: "DEMO_FAILED", message, hint: "Please report it, with this output" });
}
