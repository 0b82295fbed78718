import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { median, spread, table } from "./figures.js";
import { FOLDER, newFolder, PROGRAM, type Run, runNode, type Server, withServer } from "./processes.js";
import { KEY, MASTER_APP, manifestText, SOURCE_TASK } from "./world.js";

export const IN_FLIGHT = 16;

export interface Load {
  readonly delayMs: number;
  readonly tenants: number;
  readonly rounds: number;
}

const CONTENDERS = ["floor", "floor with log", "the same, overlapped", "the work, unchecked", "program"] as const;
type Contender = (typeof CONTENDERS)[number];

/** The loops and the program in turn, each in a process of its own on a server of its own. */
export async function throughput(loads: readonly Load[]): Promise<string> {
  const rows: string[][] = [
    ["server answers after", "tenants", "", "wall s", "× floor", "× floor with log", "CPU s", "peak MB"],
  ];
  for (const load of loads) {
    const rounds: Record<Contender, Run>[] = [];
    for (let round = 0; round < load.rounds; round += 1) rounds.push(await oneRound(load));
    for (const contender of CONTENDERS) rows.push(figuresOf(contender, load, rounds));
  }
  return table(rows);
}

async function oneRound(load: Load): Promise<Record<Contender, Run>> {
  return {
    floor: await timed("floor", load),
    "floor with log": await timed("floor with log", load),
    "the same, overlapped": await timed("the same, overlapped", load),
    "the work, unchecked": await timed("the work, unchecked", load),
    program: await timed("program", load),
  };
}

function figuresOf(contender: Contender, load: Load, rounds: readonly Record<Contender, Run>[]): string[] {
  const all = rounds.map((round) => round[contender]);
  const against = (other: Contender): string =>
    contender === other ? "1" : spread(rounds.map((round) => round[contender].wallMs / round[other].wallMs));
  return [
    `${load.delayMs} ms`,
    load.tenants.toLocaleString("en"),
    contender,
    spread(all.map((run) => run.wallMs / 1000)),
    against("floor"),
    contender === "floor" ? "" : against("floor with log"),
    median(all.map((run) => (run.cpuMs ?? 0) / 1000)).toFixed(2),
    median(all.map((run) => run.peakMb ?? 0)).toFixed(0),
  ];
}

function timed(contender: Contender, { delayMs, tenants }: Load): Promise<Run> {
  return withServer({ delayMs }, async (server) => {
    const run = await start(contender, server, tenants);
    const { copies } = await server.counts();
    if (copies !== tenants) throw new Error(`${contender}: ${copies} copies for ${tenants} tenants`);
    return run;
  });
}

function start(contender: Contender, server: Server, tenants: number): Promise<Run> {
  const folder = newFolder("run");
  if (contender === "program") return runProgram(server, folder, tenants);
  if (contender === "the work, unchecked") {
    const script = join(FOLDER, "built", "unchecked.cjs");
    return runNode([script, server.url, newManifest(folder, tenants), join(folder, "log.jsonl"), String(IN_FLIGHT)]);
  }
  const args = [join(FOLDER, "built", "loop.cjs"), server.url, String(tenants), String(IN_FLIGHT)];
  if (contender === "floor") return runNode(args);
  const log = [...args, join(folder, "loop.jsonl")];
  return runNode(contender === "floor with log" ? log : [...log, "overlapped"]);
}

/** `sync` of a new manifest with a new log. `node`: arguments for Node itself; `args`: for the program, behind the others. */
export function runProgram(
  server: Server,
  folder: string,
  tenants: number,
  more: { readonly node?: readonly string[]; readonly args?: readonly string[] } = {},
): Promise<Run> {
  const manifest = newManifest(folder, tenants);
  const shape = ["--source-task", SOURCE_TASK, "--master-app", MASTER_APP];
  const args = ["sync", manifest, "--server", server.url, ...shape, "--concurrency", String(IN_FLIGHT)];
  return runNode([...(more.node ?? []), PROGRAM, ...args, ...(more.args ?? [])], { QALYPTUS_API_KEY: KEY });
}

function newManifest(folder: string, tenants: number): string {
  const path = join(folder, "tenants.csv");
  writeFileSync(path, manifestText(tenants));
  return path;
}
