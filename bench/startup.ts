import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { COMMANDS } from "../src/cli/command-table.js";
import { spread, table } from "./figures.js";
import { FOLDER, PROGRAM, run } from "./processes.js";
import { MASTER_APP, manifestText, SOURCE_TASK } from "./world.js";

/** Starts in turn with `node -e 0`, so that a busy moment hits all of them. */
export async function startUp(rounds: number): Promise<string> {
  const manifest = join(FOLDER, "ten.csv");
  writeFileSync(manifest, manifestText(10));
  const offline = [
    "sync",
    manifest,
    "--dry-run",
    "--offline",
    "--source-task",
    SOURCE_TASK,
    "--master-app",
    MASTER_APP,
  ];
  const starts: readonly (readonly [string, readonly string[]])[] = [
    ["`node -e 0`", ["-e", "0"]],
    ["`--version`", [PROGRAM, "--version"]],
    ["`--help`", [PROGRAM, "--help"]],
    ...COMMANDS.map(({ name }) => [`\`${name} --help\``, [PROGRAM, name, "--help"]] as const),
    ["`sync --dry-run --offline`, ten rows", [PROGRAM, ...offline]],
  ];
  const walls = starts.map((): number[] => []);
  for (let round = 0; round < rounds; round += 1)
    for (const [at, [, args]] of starts.entries())
      walls[at]?.push((await run({ command: process.execPath, args })).wallMs);
  const bare = walls[0] ?? [];
  const rows = starts.map(([name], at) => {
    const own = walls[at] ?? [];
    return [name, spread(own, 1), spread(own.map((wall, round) => wall / (bare[round] ?? Number.NaN)))];
  });
  return table([["start", "wall ms", "× node -e 0"], ...rows]);
}
