import { join } from "node:path";
import { OWN_POSTGRES, TestPostgres } from "../test/support/postgres.js";
import { spread, table } from "./figures.js";
import { writeLog } from "./log-text.js";
import { newFolder, PROGRAM, type Run, runNode, withServer } from "./processes.js";
import { runProgram } from "./throughput.js";

/** A sync with its log in a file and in a PostgreSQL on this machine, in turn; and a long log that is opened. */
export async function database(of: {
  readonly delayMs: number;
  readonly tenants: number;
  readonly rounds: number;
  readonly records: number;
}): Promise<string> {
  if (!OWN_POSTGRES) return "PostgreSQL is not installed here: left out.";
  const postgres = await TestPostgres.start();
  try {
    await runNode([PROGRAM, "log", "init", postgres.url("any")]);
    const files: Run[] = [];
    const databases: Run[] = [];
    const sync = (args: readonly string[]): Promise<Run> =>
      withServer({ delayMs: of.delayMs }, (server) => runProgram(server, newFolder("run"), of.tenants, { args }));
    for (let round = 0; round < of.rounds; round += 1) {
      files.push(await sync([]));
      databases.push(await sync(["--idempotency-log", postgres.url(`round-${round}`)]));
    }
    const seconds = (runs: readonly Run[]): string => spread(runs.map(({ wallMs }) => wallMs / 1000));
    const folder = newFolder("long");
    const log = join(folder, "long.jsonl");
    writeLog(log, of.records / 2);
    await runNode([PROGRAM, "log", "copy", log, postgres.url("long")]);
    const opened = await runNode([PROGRAM, "log", "verify", "--idempotency-log", postgres.url("long")]);
    const name = `${of.tenants.toLocaleString("en")} tenants at ${of.delayMs} ms`;
    return table([
      ["", "wall s", "× file"],
      [`${name}, log in a file`, seconds(files), "1"],
      [
        `${name}, log in PostgreSQL`,
        seconds(databases),
        spread(databases.map(({ wallMs }, at) => wallMs / (files[at]?.wallMs ?? 1))),
      ],
      [`\`log verify\` of ${of.records.toLocaleString("en")} records in PostgreSQL`, seconds([opened]), ""],
    ]);
  } finally {
    await postgres.stop();
  }
}
