import { readFile } from "node:fs/promises";
import { checkResultFiles, type ResultTarget } from "../files/write-file.js";
import type { RunResult } from "../shared/outcome.js";
import type { Host } from "./host.js";
import { writeResultFiles } from "./result-files.js";
import type { ResultFile } from "./settings.js";
import { writeStepSummary } from "./step-summary.js";

/** A command line that was refused although it asked for result files. */
export interface Refusal {
  /** The whole result: no tenants, the errors, the exit code. */
  readonly result: RunResult;
  readonly files: readonly ResultFile[];
  /** Every other path of the command line: a result is never put over one of these. */
  readonly inputs: readonly string[];
}

/**
 * Writes the step's summary and the `--out` files of a command line that was refused, so that no old result is taken for this
 * one's. A run that never came to know its manifest cannot tell it from an old result by its path: what does not look like a
 * result stays untouched.
 */
export async function writeRefusal(host: Host, refusal: Refusal): Promise<void> {
  await writeStepSummary(host, refusal.result);
  // Refused for one of these files: then none of them is written.
  if (refusal.result.errors.some((error) => error.code.startsWith("OUT_"))) return;
  const targets = await checkResultFiles(
    refusal.files.map((file) => file.path),
    {
      protectedFiles: refusal.inputs.map((path) => ({ path, what: "an input of this command" })),
      platform: host.platform,
    },
  );
  const mine: ResultTarget[] = [];
  for (const target of targets) if (await mayReplace(target)) mine.push(target);
  await writeResultFiles(mine, refusal.result, undefined);
}

/** Whether a file is missing, of a kind that no manifest is, or a result as this program writes them. */
async function mayReplace({ path, format }: ResultTarget): Promise<boolean> {
  if (format !== "json" && format !== "csv") return true;
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return true;
    throw error;
  }
  if (format === "json") return /^\s*\{\s*"version":\s*1,\s*"command":/.test(text);
  const [header = ""] = text.split(/\r?\n/, 1);
  return /newTaskId"?,"?action"?,"?outcome"?,"?reason/i.test(header);
}
