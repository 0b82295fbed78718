/** What a run and `status` tell: made by the commands, read by every output. */
import { groupBy } from "./ids.js";
import type { EndingSignal, ExitCode, Problem } from "./problems.js";

/** What a plan may say of one tenant, and what then counts as its outcome as long as nothing is carried out. */
export const OUTCOME_OF_PLANNED = {
  create: "planned",
  update: "planned",
  adopt: "planned",
  settle: "planned",
  unchanged: "succeeded",
  conflict: "failed",
  orphan: "skipped",
  skip: "skipped",
} as const;

export type ActionKind = keyof typeof OUTCOME_OF_PLANNED;
export const ACTIONS = Object.keys(OUTCOME_OF_PLANNED) as readonly ActionKind[];

/** How one tenant ended, in the order in which people read it: what is done, what needs a person, what is left. */
export const OUTCOMES = ["succeeded", "failed", "in-doubt", "planned", "skipped"] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** One app that a report of a tenant's copy reads, or shall read, instead of the master app. */
export interface ToldMapping {
  readonly reportId: string;
  /** Where the server told it. */
  readonly reportName?: string | undefined;
  readonly qlikAppId: string;
  readonly newQlikAppId: string;
  /** The app that it read when the plan was made: as the server showed it, else as the log knew it. `null`: not mapped; absent: not known. */
  readonly before?: string | null | undefined;
}

/** The reports whose app differs from what it was, by what they read before and after. */
export interface AppChange extends Omit<ToldMapping, "reportId" | "reportName"> {
  readonly reports: readonly Pick<ToldMapping, "reportId" | "reportName">[];
}

/**
 * What changes, or would change, for a tenant whose copy is there; of one in conflict, what its copy is known to map otherwise than the
 * manifest wants.
 */
export function changesOf({ mappings, action }: Pick<TenantResult, "mappings" | "action">): readonly AppChange[] {
  if (action !== "update" && action !== "adopt" && action !== "conflict") return [];
  const changed = mappings.filter(
    ({ before, newQlikAppId }) => before !== newQlikAppId && (action !== "conflict" || typeof before === "string"),
  );
  const groups = groupBy(changed, ({ qlikAppId, before, newQlikAppId }) => `${qlikAppId} ${before} ${newQlikAppId}`);
  return [...groups.values()].map((reports) => {
    const [{ qlikAppId, before, newQlikAppId }] = reports as [ToldMapping];
    return { qlikAppId, before, newQlikAppId, reports };
  });
}

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
  /** The run that read it. */
  readonly verifiedBy?: string | undefined;
  readonly mappings: readonly ToldMapping[];
  /** Writes sent for this tenant in this run. */
  readonly attempts: number;
  readonly durationMs: number;
  /** Milliseconds from the run's start to this tenant's first write; `undefined` where nothing was sent. */
  readonly startedMs?: number | undefined;
  readonly line?: number | undefined;
  readonly error?: TenantError | undefined;
}

/** How many tenants have each action and each outcome. */
export type Summary = Readonly<Record<ActionKind | Exclude<Outcome, "in-doubt"> | "inDoubt", number>>;

/** The saved plan that a dry run has kept, or that a run carries out. */
export interface PlanFacts {
  readonly path: string;
  /** SHA-256, as `--plan-digest` takes it. */
  readonly digest: string;
  /** The options that permit it more than it may by itself, as they would be typed. */
  readonly permissions: readonly string[];
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
  readonly plan?: PlanFacts;
  /** Who ran it, as the log's `run` record says: the user's name and the host's are their system's word. */
  readonly by?: WhoRan | undefined;
  readonly summary: Summary;
  readonly tenants: readonly TenantResult[];
  /** Names that `--apps` gives, for people; no part of the JSON. */
  readonly appNames?: Readonly<Record<string, string>> | undefined;
  readonly warnings: readonly Problem[];
  readonly errors: readonly Problem[];
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly exitCode: ExitCode;
}

export interface WhoRan {
  readonly user?: string | undefined;
  readonly host?: string | undefined;
  readonly version?: string | undefined;
  /** The CI job's page. */
  readonly ciJob?: string | undefined;
  /** As they were typed. */
  readonly options: readonly string[];
}

/** Who ran it, in one line. */
export function whoText({ user, host, version, ciJob }: Omit<WhoRan, "options">): string {
  return [user, host, version && `qalyptus-propagate ${version}`, ciJob].filter(Boolean).join(", ");
}

export function summarise(tenants: readonly Pick<TenantResult, "action" | "outcome">[]): Summary {
  const names = [...ACTIONS, "planned", "succeeded", "failed", "inDoubt", "skipped"] as const;
  const summary = Object.fromEntries(names.map((name) => [name, 0])) as Record<keyof Summary, number>;
  for (const { action, outcome } of tenants) {
    summary[action] += 1;
    summary[outcome === "in-doubt" ? "inDoubt" : outcome] += 1;
  }
  return summary;
}

/** Whether a dry run's plan holds something that a run would do. */
export function hasPendingChanges(summary: Summary): boolean {
  return summary.create + summary.update + summary.adopt + summary.settle > 0;
}

/** How logs are named: `customers.csv` → `customers.csv.idempotency.jsonl`; and the lock beside one. */
export const LOG_ENDING = ".idempotency.jsonl";
export const LOCK_ENDING = ".lock";

/** The log's head: what an auditor holds against the next. */
export interface LogHead {
  readonly path: string;
  readonly seq: number;
  readonly digest: string;
}

/** The endings of `--out`. What writes each stands in `results/files.ts`. */
export const RESULT_KINDS = ["json", "csv", "md", "html", "xml"] as const;

/** One `--out` file; `kind` is its ending. */
export interface ResultFile {
  readonly path: string;
  readonly kind: (typeof RESULT_KINDS)[number];
}

/** What a run tells while it goes on. */
export type RunEvent =
  /** The plan is made; what is to be done has the outcome `planned`, what is not has `succeeded`, `failed` or `skipped`. */
  | { readonly kind: "planned"; readonly summary: Summary }
  | { readonly kind: "warning"; readonly problem: Problem }
  /** Writes begin. `total`: tenants that this run carries out. */
  | { readonly kind: "started"; readonly total: number }
  /** A tenant is settled for this run. Told after its outcome is in the log. */
  | { readonly kind: "tenant"; readonly result: TenantResult }
  /** A step that takes a moment: "reading the task list". */
  | { readonly kind: "step"; readonly message: string }
  /** A wait begins; `reason` is for people. A countdown on a terminal. */
  | { readonly kind: "waiting"; readonly reason: string; readonly ms: number }
  /** An ID that could not be written to the log: must be shown at once, whatever the verbosity. */
  | {
      readonly kind: "unlogged";
      readonly tenant: string;
      readonly newTaskId?: string | undefined;
      readonly message: string;
    }
  /** A signal arrived: nothing new starts. */
  | { readonly kind: "stopping"; readonly signal: EndingSignal; readonly inFlight: number }
  /** A request has gone out; the `request` of the same ID tells its end, after `timeoutMs` at the latest. */
  | {
      readonly kind: "sent";
      readonly method: string;
      readonly path: string;
      readonly requestId: string;
      readonly timeoutMs: number;
    }
  /** One HTTP exchange, for `-v`. Never holds the key. */
  | {
      readonly kind: "request";
      readonly method: string;
      readonly path: string;
      readonly status: number | string;
      readonly ms: number;
      readonly requestId: string;
    };

/** A shorter wait is not told. */
export const LEAST_TOLD_MS = 1000;

export type Emit = (event: RunEvent) => void;

/**
 * What the log knows of one tenant. `copied`: it holds a copy. `in-doubt`: a write is open. `gone`: its copy is logged as gone.
 * `failed`: all its writes were refused. `retry`: `resolve --retry` was given. `none`: listed in the manifest, and the log knows nothing of it.
 */
export const TENANT_STANDINGS = ["copied", "in-doubt", "gone", "failed", "retry", "none"] as const;
export type TenantStanding = (typeof TENANT_STANDINGS)[number];

/** One open write of a tenant. */
export interface OpenDoubt {
  readonly kind: "create" | "patch";
  /** The name that the create sent. */
  readonly name?: string | undefined;
  /** The report that the PATCH was for. */
  readonly reportId?: string | undefined;
  /** When it was sent (UTC, RFC 3339), or was about to be. */
  readonly at?: string | undefined;
}

/** One tenant of a {@link StatusReport}. */
export interface TenantStatus {
  readonly tenant: string;
  readonly sourceTaskId: string;
  /** As the log first met it. */
  readonly sourceTaskName?: string | undefined;
  /** The manifest lists it no more. */
  readonly orphan?: true | undefined;
  readonly state: TenantStanding;
  readonly newTaskId?: string | undefined;
  readonly name?: string | undefined;
  readonly verified: boolean;
  readonly verifiedAt?: string | undefined;
  readonly mappings: readonly ToldMapping[];
  /** The file name of the manifest that its last record came from. */
  readonly manifest?: string | undefined;
  readonly doubts: readonly OpenDoubt[];
}

/** How many tenants have each standing. */
export function standingCounts(tenants: readonly TenantStatus[]) {
  const counts = { copied: 0, "in-doubt": 0, gone: 0, failed: 0, retry: 0, none: 0 };
  for (const { state } of tenants) counts[state] += 1;
  return counts;
}

/** What `status` answers, from the log alone. */
export interface StatusReport {
  readonly version: 1;
  readonly command: "status";
  readonly server: string | null;
  readonly log: LogHead | null;
  readonly tenants: readonly TenantStatus[];
  readonly warnings: readonly Problem[];
  readonly errors: readonly Problem[];
  readonly exitCode: ExitCode;
}
