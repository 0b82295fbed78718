import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import type { RunResult } from "../../src/shared/results.js";
import { HostileServer, type HostileTask } from "./hostile-server.js";
import { runProgram } from "./in-process.js";
import { app, MASTER } from "./manifests.js";
import { type Ended, type Running, startProgram } from "./program.js";

/** How one run ended. `exit`: its code. */
export interface HostileRun {
  readonly exit: number | null;
  readonly result: RunResult;
  /** Action, outcome and code of one tenant. */
  told(tenant: string): string;
  /** The codes of all errors and warnings, tenants' as well. */
  readonly codes: readonly string[];
  /** Every hint that was given. */
  readonly hints: string;
}

/** A bent server, a folder with a manifest, and the program to be run on both. Gone after the test. */
export interface HostileStage {
  readonly server: HostileServer;
  readonly folder: string;
  /** Writes `tenants.csv`: each tenant's app, or more columns as CSV behind the tenant. */
  manifest(rows: Readonly<Record<string, number | string>>, columns?: string): Promise<void>;
  sync(...args: readonly string[]): Promise<HostileRun>;
  /** Spawns a sync. */
  start(...args: readonly string[]): Running;
  run(...args: readonly string[]): Promise<Ended>;
  /** Takes the log away. */
  loseLog(): Promise<void>;
}

export const LOG = "tenants.csv.idempotency.jsonl";
/** How long a test waits until a run has come so far: a machine may be busy. */
export const PATIENT = { timeout: 20_000 };
/** Waits are short: what the server has not done by now, it does when the test says so. */
const QUICK = ["--settle", "200ms", "--timeout", "3s", "--retries", "1"];

const open: { readonly folder: string; readonly server: HostileServer }[] = [];

afterEach(async () => {
  for (const { folder, server } of open.splice(0)) {
    await server.close();
    await rm(folder, { recursive: true, force: true });
  }
});

export async function openHostileStage(): Promise<HostileStage> {
  const server = new HostileServer();
  const folder = await mkdtemp(join(tmpdir(), "qalyptus-test-"));
  open.push({ folder, server });
  await server.open();
  const env = { QALYPTUS_SERVER: server.origin, QALYPTUS_API_KEY: "key-of-acme" };
  /** A resumed run has its own. */
  const shapeOf = (args: readonly string[]): readonly string[] =>
    args.includes("--resume") ? [] : ["--source-task", server.source.id, "--master-app", MASTER];
  const options = { cwd: folder, env };
  const syncOf = (args: readonly string[]): readonly string[] => {
    return ["sync", "tenants.csv", ...shapeOf(args), ...QUICK, "--format", "json", ...args];
  };
  return {
    server,
    folder,
    manifest: (rows, columns = "newQlikAppId") => {
      const lines = Object.entries(rows).map(
        ([tenant, rest]) => `"${tenant}",${typeof rest === "number" ? app(rest) : rest}`,
      );
      return writeFile(join(folder, "tenants.csv"), [`tenant,${columns}`, ...lines, ""].join("\n"));
    },
    sync: async (...args) => runOf(await runProgram(syncOf(args), options)),
    start: (...args) => startProgram(syncOf(args), options),
    run: (...args) => runProgram(args, options),
    loseLog: () => rm(join(folder, LOG)),
  };
}

/** A run's JSON result, read for short expectations. */
export function runOf({ code, stdout, stderr }: Ended): HostileRun {
  if (stdout === "") throw new Error(`exit ${code} and no result: ${stderr}`);
  const result = JSON.parse(stdout) as RunResult;
  const problems = [...result.tenants.flatMap(({ error }) => error ?? []), ...result.warnings, ...result.errors];
  return {
    exit: code,
    result,
    told: (tenant) => {
      const found = result.tenants.find((one) => one.tenant === tenant);
      return [found?.action, found?.outcome, found?.error?.code].filter((word) => word !== undefined).join(" ");
    },
    codes: problems.map((problem) => problem.code),
    hints: problems.map((problem) => problem.hint).join("\n"),
  };
}

/** The apps that a task's reports read, each once. */
export function appsRead(task: HostileTask): readonly string[] {
  return [
    ...new Set(
      task.reports.flatMap(({ apps }) => (apps.length === 0 ? [MASTER] : apps.map((one) => one.newQlikAppId))),
    ),
  ];
}
