import { EXIT, type ExitCode, type Problem } from "../../src/shared/problems.js";
import {
  type ActionKind,
  OUTCOME_OF_PLANNED,
  type RunResult,
  summarise,
  type TenantResult,
} from "../../src/shared/results.js";

/** A GUID that tells what it is: its kind in the first part, its number in the last. */
export function guid(kind: string, number: number): string {
  return `${kind.padEnd(8, "0")}-0000-4000-8000-${number.toString(16).padStart(12, "0")}`;
}

export const SOURCE = guid("50c1", 1);
const MASTER = guid("3a57", 1);

/** One tenant of a result, well unless told otherwise. */
export function tenantResult(given: Partial<TenantResult> = {}): TenantResult {
  return {
    type: "tenant",
    tenant: "acme",
    action: "create",
    reason: "no copy yet",
    outcome: "succeeded",
    sourceTaskId: SOURCE,
    newTaskId: guid("c0b1", 1),
    name: "Monthly figures - acme",
    verified: true,
    verifiedAt: "2025-03-01T12:00:01.000Z",
    mappings: [{ reportId: guid("4e60", 1), qlikAppId: MASTER, newQlikAppId: guid("a440", 1) }],
    attempts: 1,
    durationMs: 23,
    startedMs: 100,
    line: 2,
    ...given,
  };
}

/** What a dry run says of one tenant. */
export function plannedTenant(action: ActionKind, given: Partial<TenantResult> = {}): TenantResult {
  return tenantResult({
    action,
    outcome: OUTCOME_OF_PLANNED[action],
    newTaskId: action === "create" ? undefined : guid("c0b1", 1),
    verified: false,
    attempts: 0,
    durationMs: 0,
    startedMs: undefined,
    ...given,
  });
}

/** A whole result around these tenants. */
export function runResult(
  tenants: readonly TenantResult[],
  given: Partial<RunResult> & { readonly warnings?: readonly Problem[]; readonly exitCode?: ExitCode } = {},
): RunResult {
  return {
    version: 1,
    command: "sync",
    dryRun: false,
    runId: "7d1f3c1e-6f0e-4a52-9a33-4d0c8a5d1b11",
    server: "https://qalyptus.initech.example/api/v2",
    log: {
      path: "customers.csv.idempotency.jsonl",
      seq: 812,
      digest: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    },
    manifest: {
      path: "customers.csv",
      sha256: "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
      tenants: tenants.length,
    },
    summary: summarise(tenants),
    tenants,
    warnings: [],
    errors: [],
    startedAt: "2025-03-01T12:00:00.000Z",
    finishedAt: "2025-03-01T12:00:05.200Z",
    exitCode: EXIT.ok,
    ...given,
  };
}
