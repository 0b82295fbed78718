import type { ExitCode, Problem } from "./problems.js";

/** What a plan says of one tenant. */
export type ActionKind = "create" | "update" | "adopt" | "settle" | "unchanged" | "conflict" | "orphan" | "skip";

/** How one tenant ended. */
export type Outcome = "planned" | "succeeded" | "failed" | "in-doubt" | "skipped";

export const ACTIONS: readonly ActionKind[] = [
  "create",
  "update",
  "adopt",
  "settle",
  "unchanged",
  "conflict",
  "orphan",
  "skip",
];
export const OUTCOMES: readonly Outcome[] = ["planned", "succeeded", "failed", "in-doubt", "skipped"];

export interface TenantError {
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
  readonly httpStatus?: number | undefined;
}

/** One tenant of a result: made by a plan (outcome `planned`) or by carrying it out; read by every output. */
export interface TenantResult {
  readonly type: "tenant";
  readonly tenant: string;
  readonly action: ActionKind;
  readonly reason: string;
  readonly outcome: Outcome;
  readonly sourceTaskId?: string | undefined;
  readonly newTaskId?: string | undefined;
  readonly name?: string | undefined;
  /** Every row was read back equal, and nothing was sent since. */
  readonly verified: boolean;
  /** When that was (UTC, RFC 3339); `undefined` where it is not verified, or an old log does not say. */
  readonly verifiedAt?: string | undefined;
  readonly mappings: readonly {
    readonly reportId: string;
    readonly qlikAppId: string;
    readonly newQlikAppId: string;
  }[];
  /** Writes sent for this tenant in this run. */
  readonly attempts: number;
  readonly durationMs: number;
  /** Milliseconds from the run's start to this tenant's first write; `undefined` where nothing was sent. */
  readonly startedMs?: number | undefined;
  readonly line?: number | undefined;
  readonly error?: TenantError | undefined;
}

export interface Summary {
  readonly create: number;
  readonly update: number;
  readonly adopt: number;
  readonly settle: number;
  readonly unchanged: number;
  readonly conflict: number;
  readonly orphan: number;
  readonly skip: number;
  readonly planned: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly inDoubt: number;
  readonly skipped: number;
}

/** What every format and every `--out` file is made from. */
export interface RunResult {
  readonly version: 1;
  readonly command: string;
  readonly dryRun: boolean;
  readonly runId: string;
  readonly server: string | null;
  readonly log: LogHead | null;
  readonly manifest: { readonly path: string; readonly sha256: string; readonly tenants: number } | null;
  readonly summary: Summary;
  readonly tenants: readonly TenantResult[];
  readonly warnings: readonly Problem[];
  readonly errors: readonly Problem[];
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly exitCode: ExitCode;
}

export function summarise(tenants: readonly Pick<TenantResult, "action" | "outcome">[]): Summary {
  const count = {
    create: 0,
    update: 0,
    adopt: 0,
    settle: 0,
    unchanged: 0,
    conflict: 0,
    orphan: 0,
    skip: 0,
    planned: 0,
    succeeded: 0,
    failed: 0,
    inDoubt: 0,
    skipped: 0,
  };
  for (const tenant of tenants) {
    count[tenant.action] += 1;
    count[tenant.outcome === "in-doubt" ? "inDoubt" : tenant.outcome] += 1;
  }
  return count;
}

export function outcomeOfPlanned(action: ActionKind): Outcome {
  switch (action) {
    case "unchanged":
      return "succeeded";
    case "conflict":
      return "failed";
    case "orphan":
    case "skip":
      return "skipped";
    case "create":
    case "update":
    case "adopt":
    case "settle":
      return "planned";
    default:
      return action satisfies never;
  }
}

/** Whether a dry run's plan holds something that a run would do. */
export function hasPendingChanges(summary: Summary): boolean {
  return summary.create + summary.update + summary.adopt + summary.settle > 0;
}

/** The log's head: what an auditor holds against the next. */
export interface LogHead {
  readonly path: string;
  readonly seq: number;
  readonly digest: string;
}

/** The endings of `--out`. What writes each stands in `results/formats.ts`. */
export const RESULT_KINDS = ["json", "csv", "md", "html", "xml"] as const;

/** One `--out` file; `kind` is its ending. */
export interface ResultFile {
  readonly path: string;
  readonly kind: (typeof RESULT_KINDS)[number];
}
