import { type RunResult, summarise } from "../shared/outcome.js";
import type { ExitCode, Problem } from "../shared/problems.js";

/** What is known of a run that could not start. */
export interface RefusedRun {
  /** As typed; empty where no command was named. */
  readonly command: string;
  readonly dryRun: boolean;
  readonly runId: string;
  readonly at: Date;
  readonly exitCode: ExitCode;
  readonly errors: readonly Problem[];
  readonly warnings?: readonly Problem[] | undefined;
}

/** The result of a run that could not start: the contract's object with no tenants and the errors that stopped it. */
export function emptyResult(run: RefusedRun): RunResult {
  const at = run.at.toISOString();
  return {
    version: 1,
    command: run.command,
    dryRun: run.dryRun,
    runId: run.runId,
    server: null,
    log: null,
    manifest: null,
    summary: summarise([]),
    tenants: [],
    warnings: run.warnings ?? [],
    errors: run.errors,
    startedAt: at,
    finishedAt: at,
    exitCode: run.exitCode,
  };
}
