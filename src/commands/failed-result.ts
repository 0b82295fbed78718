import type { ExitCode, Problem } from "../domain/errors.js";
import { type RunResult, summarise } from "../domain/outcome.js";

/** The result of a run that could not start: the same object, without tenants, with its errors. */
export function failedResult(of: {
  readonly command: string;
  readonly dryRun: boolean;
  readonly runId: string;
  readonly server: string | null;
  readonly manifest: RunResult["manifest"];
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly warnings: readonly Problem[];
  readonly errors: readonly Problem[];
  readonly exitCode: ExitCode;
}): RunResult {
  return { version: 1, ...of, log: null, summary: summarise([]), tenants: [] };
}
