import { appendFile } from "node:fs/promises";
import type { RunResult } from "../shared/outcome.js";
import type { Host } from "./host.js";

/** On GitHub Actions: adds the result as Markdown to the step's summary. Where that cannot be written, a warning says so. */
export async function writeStepSummary(host: Pick<Host, "env" | "stderr">, result: RunResult): Promise<void> {
  const path = host.env.GITHUB_STEP_SUMMARY;
  if (host.env.GITHUB_ACTIONS !== "true" || path === undefined || path === "") return;
  const { markdownResult } = await import("../results/markdown.js");
  try {
    await appendFile(path, markdownResult(result));
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
    await host.stderr.write(`warning: the step summary could not be written (${code})\n`);
  }
}
