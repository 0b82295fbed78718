import type { LogHead } from "./outcome.js";
import type { ExitCode, Problem } from "./problems.js";

/**
 * What the log knows of one tenant. `copied`: it holds a copy. `in-doubt`: a write is open. `gone`: its copy is logged as gone.
 * `failed`: all its writes were refused. `retry`: `resolve --retry` was given. `none`: listed in the manifest, and the log knows nothing of it.
 */
export type TenantStanding = "copied" | "in-doubt" | "gone" | "failed" | "retry" | "none";

export const TENANT_STANDINGS: readonly TenantStanding[] = ["copied", "in-doubt", "gone", "failed", "retry", "none"];

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
  readonly state: TenantStanding;
  readonly newTaskId?: string | undefined;
  readonly name?: string | undefined;
  readonly verified: boolean;
  readonly verifiedAt?: string | undefined;
  readonly mappings: readonly {
    readonly reportId: string;
    readonly qlikAppId: string;
    readonly newQlikAppId: string;
  }[];
  /** The file name of the manifest that its last record came from. */
  readonly manifest?: string | undefined;
  readonly doubts: readonly OpenDoubt[];
}

/** Tenants in their order. Each look makes them anew: what is told of 200,000 need never be held at once. */
export interface TenantStatuses extends Iterable<TenantStatus> {
  readonly length: number;
}

/** What `status` answers, from the log alone. */
export interface StatusReport {
  readonly version: 1;
  readonly command: "status";
  readonly server: string | null;
  readonly log: LogHead | null;
  readonly tenants: TenantStatuses;
  readonly warnings: readonly Problem[];
  readonly errors: readonly Problem[];
  readonly exitCode: ExitCode;
}
