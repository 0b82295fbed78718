import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import { parseFault } from "../../src/sandbox/chaos.js";
import { type RunningSandbox, type SandboxOptions, startSandbox } from "../../src/sandbox/server.js";
import type { SandboxTask } from "../../src/sandbox/store.js";
import { FIRST_SOURCE_TASK_ID, MASTER_APP_ID, tenantAppId } from "../../src/sandbox/world.js";
import type { RunResult } from "../../src/shared/results.js";
import { runProgram } from "./in-process.js";
import { type CallOptions, type Ended, type Running, startProgram } from "./program.js";

/** A sandbox, a folder with a manifest, and the program to be run on both. Gone after the test. */
export interface Stage {
  readonly folder: string;
  sandbox: RunningSandbox;
  /** Puts a file into the folder. */
  put(name: string, content: string | Uint8Array): Promise<string>;
  /** Runs `qalyptus-propagate ARGS` in the folder, against the sandbox, with its key. */
  run(args: readonly string[], more?: RunMore): Promise<Ended>;
  /** Spawns it. */
  start(args: readonly string[], more?: RunMore): Running;
  /** Runs `sync tenants.csv` for the first source task, with JSON output. */
  sync(args?: readonly string[], more?: RunMore): Promise<Synced>;
  copies(): readonly SandboxTask[];
}

export interface RunMore {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly input?: string | Uint8Array;
}

export interface Synced extends Ended {
  readonly result: RunResult;
}

const stages: { readonly folder: string; readonly sandboxes: RunningSandbox[] }[] = [];

afterEach(async () => {
  for (const { folder, sandboxes } of stages.splice(0)) {
    await Promise.all(sandboxes.map((sandbox) => sandbox.close()));
    await rm(folder, { recursive: true, force: true });
  }
});

/** The options that every sync of a stage needs unless its manifest says them. */
export const SHAPE = ["--source-task", FIRST_SOURCE_TASK_ID, "--master-app", MASTER_APP_ID] as const;

/** Opens a stage. `faults` as `--fault` takes them. */
export async function openStage(options: SandboxOptions & { readonly fault?: readonly string[] } = {}): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), "qalyptus-test-"));
  const { fault = [], ...sandboxOptions } = options;
  const chaos = {
    ...sandboxOptions.chaos,
    faults: [...(sandboxOptions.chaos?.faults ?? []), ...fault.map(parseFault)],
  };
  const sandbox = await startSandbox({ port: 0, seed: "story", ...sandboxOptions, chaos });
  stages.push({ folder, sandboxes: [sandbox] });
  const optionsOf = ({ env, input }: RunMore = {}): CallOptions => ({
    cwd: folder,
    env: { QALYPTUS_SERVER: stage.sandbox.url, QALYPTUS_API_KEY: stage.sandbox.key, ...env },
    input,
  });
  const stage: Stage = {
    folder,
    sandbox,
    put: async (name, content) => {
      await writeFile(join(folder, name), content);
      return join(folder, name);
    },
    start: (args, more) => startProgram(args, optionsOf(more)),
    run: (args, more) => runProgram(args, optionsOf(more)),
    sync: async (args = [], more) => {
      const shape = args.includes("--resume") ? [] : SHAPE;
      const ended = await stage.run(["sync", "tenants.csv", ...shape, "--format", "json", ...args], more);
      return { ...ended, result: JSON.parse(ended.stdout) as RunResult };
    },
    copies: () => stage.sandbox.tasks().filter((task) => task.copyOf !== null),
  };
  return stage;
}

/** A manifest of `count` tenants (`tenant-1`…), each with its own app. */
export function manifestOf(count: number, from = 1): string {
  const rows = Array.from({ length: count }, (_, at) => `tenant-${from + at},${tenantAppId(from + at)}`);
  return ["tenant,newQlikAppId", ...rows, ""].join("\n");
}
