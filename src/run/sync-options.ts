import type { PlanShape } from "../log/records.js";

/** How a run writes and waits; nothing here shapes the plan. Times in milliseconds. */
export interface RunOptions {
  readonly dryRun: boolean;
  readonly offline: boolean;
  readonly verify: boolean;
  readonly newLog: boolean;
  readonly settleMs: number;
  readonly timeoutMs: number;
  readonly concurrency: number;
  readonly retries: number;
  readonly maxFailures: number | undefined;
  readonly maxChanges: number | undefined;
  readonly detailedExitCode: boolean;
}

/** All that a sync is asked to do. */
export interface SyncOptions {
  readonly shape: PlanShape;
  readonly run: RunOptions;
}
