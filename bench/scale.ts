import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { table } from "./figures.js";
import { writeLog } from "./log-text.js";
import { FOLDER, newFolder, PROGRAM, type Run, runNode, withServer } from "./processes.js";
import { runProgram } from "./throughput.js";
import { MASTER_APP, manifestText, SOURCE_TASK } from "./world.js";

const SHAPE = ["--source-task", SOURCE_TASK, "--master-app", MASTER_APP];
/** What a small build agent has. */
const HEAP = "--max-old-space-size=512";

/** Manifests and logs of many rows, each by one whole process in a 512 MB heap. */
export async function scale(of: {
  readonly manifests: readonly number[];
  readonly records: number;
  readonly listed: number;
  readonly synced: number;
}): Promise<string> {
  const rows: string[][] = [["", "wall s", "CPU s", "peak MB"]];
  for (const tenants of of.manifests) {
    const manifest = join(FOLDER, `tenants-${tenants}.csv`);
    writeFileSync(manifest, manifestText(tenants));
    const count = tenants.toLocaleString("en");
    rows.push(rowOf(`\`validate\`, ${count} rows`, await runNode([HEAP, PROGRAM, "validate", manifest, ...SHAPE])));
    const offline = ["sync", manifest, "--dry-run", "--offline", "--quiet", ...SHAPE];
    rows.push(rowOf(`\`sync --dry-run --offline\`, ${count} rows`, await runNode([HEAP, PROGRAM, ...offline])));
  }
  const log = join(FOLDER, "many.idempotency.jsonl");
  writeLog(log, of.records / 2);
  const records = of.records.toLocaleString("en");
  rows.push(rowOf(`a log of ${records} records, read back`, await readBack(log, of.records)));
  rows.push(rowOf(`\`status\` of that log, JSON`, await statusOf(log)));
  rows.push(
    rowOf(
      `\`sync --dry-run\` of ten rows, ${of.listed.toLocaleString("en")} tasks listed`,
      await planAgainst(of.listed),
    ),
  );
  rows.push(rowOf(`\`sync\` of ${of.synced.toLocaleString("en")} tenants at 0 ms`, await syncMany(of.synced)));
  return table(rows);
}

async function readBack(log: string, records: number): Promise<Run> {
  const run = await runNode([HEAP, join(FOLDER, "built", "read-log.cjs"), log]);
  const read = JSON.parse(run.stdout).records;
  if (read !== records) throw new Error(`${read} records were read of ${records}`);
  return run;
}

function statusOf(log: string): Promise<Run> {
  return runNode([HEAP, PROGRAM, "status", "--idempotency-log", log, "--format", "json"]);
}

/** A plan against a server that has many tasks already; the list is read at once, and again in pages of 50. */
function planAgainst(otherTasks: number): Promise<Run> {
  return withServer({ delayMs: 0, otherTasks }, (server) =>
    runProgram(server, newFolder("listed"), 10, { node: [HEAP], args: ["--dry-run", "--quiet"] }),
  );
}

function syncMany(tenants: number): Promise<Run> {
  return withServer({ delayMs: 0 }, (server) => runProgram(server, newFolder("many"), tenants, { node: [HEAP] }));
}

function rowOf(name: string, { wallMs, cpuMs = 0, peakMb = 0 }: Run): string[] {
  return [name, (wallMs / 1000).toFixed(2), (cpuMs / 1000).toFixed(2), peakMb.toFixed(0)];
}
