import { isLacking, type ReportKnowledge, type TenantState } from "../log/tenant-state.js";
import type { ReportId, TaskId } from "../shared/ids.js";
import { type AppSwap, byReport, type Mapping, sameSwaps } from "../shared/tasks.js";
import type { ObservedSource } from "./observe.js";
import type { Permissions } from "./plan-context.js";

/** One report of a copy whose mappings must change, and the whole, final set that it shall have. */
export interface ReportChange {
  readonly reportId: ReportId;
  readonly apps: readonly AppSwap[];
  readonly named: boolean;
}

/** What the manifest wants of a tenant: per report its final set. */
export interface Wanted {
  /** In the order of the source task's reports, then by app: the order of a manifest's rows changes nothing. */
  readonly mappings: readonly Mapping[];
  /** The reports that the manifest (or `--report`) named one by one. */
  readonly named: readonly ReportId[];
}

export interface Drift {
  readonly changes: readonly ReportChange[];
  /** Reports that the manifest wants and the copy was born without: a warning, not an update. */
  readonly missing: readonly ReportId[];
  /** Reports that the manifest named and then dropped, without `--allow-unmapped-report`: never removed unasked. */
  readonly refusedRemovals: readonly ReportId[];
}

/**
 * What separates a copy from the manifest, as far as the log (and, where it was read, the server) knows. A report whose
 * mappings are unknown counts as drift, whatever the manifest says.
 */
export function driftOf(
  tenant: TenantState,
  wanted: Wanted,
  {
    permissions,
    sources,
  }: {
    readonly permissions: Pick<Permissions, "allowUnmappedReports">;
    readonly sources: ReadonlyMap<TaskId, Pick<ObservedSource, "reportOfRow">> | undefined;
  },
): Drift {
  const { allowUnmappedReports: allowUnmapped } = permissions;
  const reports = byPublishedReport(tenant.reports, sources?.get(tenant.sourceTaskId)?.reportOfRow);
  const lacks = (reportId: ReportId): boolean => isLacking({ reports, originalRows: tenant.originalRows }, reportId);
  const changes: ReportChange[] = [];
  const missing: ReportId[] = [];
  const refusedRemovals: ReportId[] = [];
  const wantedByReport = byReport(wanted.mappings);
  for (const [reportId, apps] of wantedByReport) {
    const report = reports.get(reportId);
    const named = wanted.named.includes(reportId);
    if (lacks(reportId)) missing.push(reportId);
    else if (report?.named === true && isRemoval(report, apps) && !allowUnmapped.has(reportId))
      // Fewer apps replaced than before: the others would be the master's again.
      refusedRemovals.push(reportId);
    else if (report?.known === undefined || !sameSwaps(report.known, apps)) changes.push({ reportId, apps, named });
  }
  for (const [reportId, report] of reports) {
    if (wantedByReport.has(reportId) || lacks(reportId) || !mayMap(report)) continue;
    if (!report.named && report.openPatches.length === 0) continue;
    if (allowUnmapped.has(reportId)) changes.push({ reportId, apps: [], named: true });
    else refusedRemovals.push(reportId);
  }
  return { changes, missing, refusedRemovals };
}

/** Whether fewer apps shall be replaced in a report than are, or may be. A PATCH in doubt that asked for just that was no removal. */
function isRemoval({ known, possible, openPatches }: ReportKnowledge, apps: readonly AppSwap[]): boolean {
  const asked = openPatches.at(-1)?.apps;
  if (asked !== undefined && sameSwaps(asked, apps)) return false;
  return (known === undefined ? possible : [known]).some((swaps) => swaps.length > apps.length);
}

function mayMap({ known, possible, openPatches }: ReportKnowledge): boolean {
  if (known !== undefined) return known.length > 0;
  return openPatches.length > 0 || possible.some((swaps) => swaps.length > 0);
}

/**
 * By the source task's rows, and the report of each. A user may have named a report by its row while the server listed none; what the
 * log knows under that ID is known of the report.
 */
function byPublishedReport(
  reports: TenantState["reports"],
  reportOfRow: ObservedSource["reportOfRow"] = new Map(),
): TenantState["reports"] {
  const published = new Map(reports);
  for (const [typed, report] of reports) {
    const reportId = reportOfRow.get(typed);
    if (reportId === undefined || reportId === typed) continue;
    const known = published.get(reportId);
    published.delete(typed);
    if (known === undefined) published.set(reportId, report);
    // It may still be carried out: until that is settled nobody knows what the report maps.
    else if (report.openPatches.length > 0)
      published.set(reportId, {
        ...known,
        known: undefined,
        possible: known.known === undefined ? known.possible : [...known.possible, known.known],
      });
  }
  return published;
}
