import type { LogState } from "../log/state.js";
import type { TenantState } from "../log/tenant-state.js";
import type { Manifest } from "../manifest/manifest.js";
import { tenantRef } from "../shared/ids.js";
import type { Mapping } from "../shared/mapping.js";
import type { LogHead } from "../shared/outcome.js";
import { EXIT, type Problem } from "../shared/problems.js";
import type { OpenDoubt, StatusReport, TenantStanding, TenantStatus, TenantStatuses } from "../shared/status-report.js";

/** What the log knows, tenant by tenant, from the log alone. With a manifest: its tenants, in its order. */
export function statusOf(from: {
  readonly state: LogState;
  readonly server: string | null;
  readonly head: LogHead | null;
  readonly manifest: Manifest | undefined;
  readonly warnings: readonly Problem[];
}): StatusReport {
  const tenants = from.manifest === undefined ? ofLog(from.state) : ofManifest(from.state, from.manifest);
  return {
    version: 1,
    command: "status",
    server: from.server,
    log: from.head,
    tenants,
    warnings: from.warnings,
    errors: [],
    exitCode: EXIT.ok,
  };
}

function ofLog(state: LogState): TenantStatuses {
  const known = [...state.tenants()];
  return {
    length: known.length,
    *[Symbol.iterator]() {
      for (const tenant of known) yield statusOfTenant(tenant);
    },
  };
}

/** The manifest's tenants in its order, then those that the log has from it besides. */
function ofManifest(state: LogState, { tenants, fileName }: Manifest): TenantStatuses {
  const refs = new Set(
    tenants.flatMap((row) => (row.sourceTaskId === undefined ? [] : [tenantRef(row.sourceTaskId, row.key)])),
  );
  const left = [...state.tenants()].filter((known) => known.manifest === fileName && !refs.has(known.ref));
  return {
    length: tenants.length + left.length,
    *[Symbol.iterator]() {
      for (const row of tenants) yield statusOfRow(state, row);
      for (const known of left) yield statusOfTenant(known);
    },
  };
}

function statusOfRow(state: LogState, { sourceTaskId, key, tenant }: Manifest["tenants"][number]): TenantStatus {
  const known = sourceTaskId === undefined ? undefined : state.tenant(tenantRef(sourceTaskId, key));
  if (known !== undefined) return { ...statusOfTenant(known), tenant };
  return { tenant, sourceTaskId: sourceTaskId ?? "", state: "none", verified: false, mappings: [], doubts: [] };
}

function statusOfTenant(state: TenantState): TenantStatus {
  const { copy, openCreates, tenant, sourceTaskId, verified, verifiedAt, manifest } = state;
  const mappings: Mapping[] = [];
  const doubts = openCreates.map(({ name, at }): OpenDoubt => ({ kind: "create", name, at }));
  for (const [reportId, { known, openPatches }] of state.reports) {
    for (const swap of known ?? []) mappings.push({ reportId, ...swap });
    for (const { at } of openPatches) doubts.push({ kind: "patch", reportId, at });
  }
  return {
    tenant,
    sourceTaskId,
    state: standingOf(state.retry, doubts.length > 0, copy),
    newTaskId: copy?.newTaskId,
    name: copy?.name ?? openCreates.at(-1)?.name,
    verified,
    verifiedAt,
    mappings,
    manifest: manifest === "" ? undefined : manifest,
    doubts,
  };
}

function standingOf(retry: boolean, inDoubt: boolean, copy: TenantState["copy"]): TenantStanding {
  if (retry) return "retry";
  if (inDoubt) return "in-doubt";
  if (copy !== undefined) return copy.gone ? "gone" : "copied";
  return "failed";
}
