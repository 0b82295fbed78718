import { EXIT, type Problem } from "../domain/errors.js";
import { tenantRef } from "../domain/ids.js";
import type { LogHead } from "../domain/log-record.js";
import type { LogState } from "../domain/log-state.js";
import type { Manifest } from "../domain/manifest.js";
import type { Mapping } from "../domain/mapping.js";
import type { OpenDoubt, StatusReport, TenantStanding, TenantStatus, TenantStatuses } from "../domain/status-report.js";
import type { TenantState } from "../domain/tenant-state.js";

/** What the log knows, tenant by tenant, from the log alone. With a manifest: its tenants, in its order. */
export function statusOf(from: {
  readonly state: LogState;
  readonly server: string | null;
  readonly head: LogHead | null;
  readonly manifest: Manifest | undefined;
  readonly warnings: readonly Problem[];
}): StatusReport {
  const tenants =
    from.manifest === undefined ? statusesOf([...from.state.tenants()], []) : ofManifest(from.state, from.manifest);
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

/** What is told of tenants, each when it is looked at, behind what was told already. */
function statusesOf(states: readonly TenantState[], before: readonly TenantStatus[]): TenantStatuses {
  return {
    length: before.length + states.length,
    *[Symbol.iterator]() {
      yield* before;
      for (const state of states) yield statusOfTenant(state);
    },
  };
}

function ofManifest(state: LogState, manifest: Manifest): TenantStatuses {
  const listed = manifest.tenants.map((row): TenantStatus => {
    const known = row.sourceTaskId === undefined ? undefined : state.tenant(tenantRef(row.sourceTaskId, row.key));
    if (known !== undefined) return { ...statusOfTenant(known), tenant: row.tenant };
    return {
      tenant: row.tenant,
      sourceTaskId: row.sourceTaskId ?? "",
      state: "none",
      verified: false,
      mappings: [],
      doubts: [],
    };
  });
  const refs = new Set(
    manifest.tenants.flatMap((row) => (row.sourceTaskId === undefined ? [] : [tenantRef(row.sourceTaskId, row.key)])),
  );
  const left = [...state.tenants()].filter((known) => known.manifest === manifest.fileName && !refs.has(known.ref));
  return statusesOf(left, listed);
}

function statusOfTenant(state: TenantState): TenantStatus {
  const { copy, openCreates, tenant, sourceTaskId, verified, manifest } = state;
  const mappings: Mapping[] = [];
  const doubts = openCreates.map(({ name }): OpenDoubt => ({ kind: "create", name }));
  for (const [reportId, { known, openPatches }] of state.reports) {
    for (const swap of known ?? []) mappings.push({ reportId, ...swap });
    for (const _ of openPatches) doubts.push({ kind: "patch", reportId });
  }
  return {
    tenant,
    sourceTaskId,
    state: standingOf(state.retry, doubts.length > 0, copy),
    newTaskId: copy?.newTaskId,
    name: copy?.name ?? openCreates.at(-1)?.name,
    verified,
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
