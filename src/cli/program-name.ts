import { basename, relative } from "node:path";
import { wordsOn } from "../shared/shell-word.js";
import { PROGRAM } from "./command-table.js";

/** How the program was started. */
export interface Start {
  /** The script's path, as Node was given it. */
  readonly script: string;
  readonly cwd: string;
  readonly platform: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What to type to start the program in the same way again: its name, by npx, or the script in a clone. */
export function programName({ script, cwd, platform, env }: Start): string {
  if (env.npm_command === "exec") return `npx ${PROGRAM}`;
  const installed = /[\\/]node_modules[\\/]/.test(script) || basename(script) === PROGRAM;
  if (installed || script === "") return PROGRAM;
  return `node ${wordsOn(platform)(relative(cwd, script))}`;
}
