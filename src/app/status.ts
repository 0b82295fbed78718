import { EXIT, type Problem } from "../domain/errors.js";
import { tenantRef } from "../domain/ids.js";
import type { LogHead } from "../domain/log-record.js";
import type { LogState } from "../domain/log-state.js";
import type { Manifest } from "../domain/manifest.js";
import type { OpenDoubt, StatusReport, TenantStanding, TenantStatus } from "../domain/status-report.js";
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
    from.manifest === undefined ? [...from.state.tenants()].map(statusOfTenant) : ofManifest(from.state, from.manifest);
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

function ofManifest(state: LogState, manifest: Manifest): readonly TenantStatus[] {
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
  return [...listed, ...left.map(statusOfTenant)];
}

function statusOfTenant(state: TenantState): TenantStatus {
  return {
    tenant: state.tenant,
    sourceTaskId: state.sourceTaskId,
    state: standingOf(state),
    newTaskId: state.copy?.newTaskId,
    name: state.copy?.name ?? state.openCreates.at(-1)?.name,
    verified: state.verified,
    mappings: [...state.reports].flatMap(([reportId, report]) =>
      (report.known ?? []).map((swap) => ({ reportId, ...swap })),
    ),
    manifest: state.manifest === "" ? undefined : state.manifest,
    doubts: doubtsOf(state),
  };
}

function standingOf(state: TenantState): TenantStanding {
  if (state.retry) return "retry";
  if (doubtsOf(state).length > 0) return "in-doubt";
  if (state.copy !== undefined) return state.copy.gone ? "gone" : "copied";
  return "failed";
}

function doubtsOf(state: TenantState): readonly OpenDoubt[] {
  const creates = state.openCreates.map((intent): OpenDoubt => ({ kind: "create", name: intent.name }));
  const patches = [...state.reports].flatMap(([reportId, report]) =>
    report.openPatches.map((): OpenDoubt => ({ kind: "patch", reportId })),
  );
  return [...creates, ...patches];
}
