import type { Problem } from "./errors.js";
import { normalGuid, parseReportId, type ReportId } from "./ids.js";
import type { ManifestTenant, MappingWish } from "./manifest.js";
import type { Mapping } from "./mapping.js";
import { quote } from "./quotation.js";
import type { TaskReport } from "./source-task.js";

/** A tenant's mappings with every report resolved, or what stands in the way. Made once the source task's reports are read. */
export interface ResolvedWishes {
  /** In the order of the source task's reports, then by app: the order of a manifest's rows changes nothing. */
  readonly mappings: readonly Mapping[];
  /** The reports that the manifest (or `--report`) named one by one. */
  readonly named: readonly ReportId[];
  /** Exit 2. */
  readonly problems: readonly Problem[];
}

export interface WishOptions {
  /** The reports that the tenant's copy has; a wish for every report covers them too. */
  readonly alsoReports: readonly ReportId[];
  /** `--allow-unmapped-report`: reports that mappings may leave out; a row's `id` or its `reportID`. */
  readonly allowUnmapped: readonly string[];
  /** As messages name the manifest. */
  readonly file: string;
}

interface Resolving {
  readonly tenant: ManifestTenant;
  readonly reports: readonly TaskReport[] | undefined;
  readonly options: WishOptions;
  readonly problems: Problem[];
}

interface Target {
  readonly mapping: Mapping;
  readonly wish: MappingWish;
}

/**
 * Resolves one tenant's wishes against the reports of its source task (`undefined` where the server lists none: a report's ID
 * is then taken as given). Tells a report that the task does not have, one that the wishes leave out, and one report and app
 * with two targets.
 */
export function resolveWishes(
  tenant: ManifestTenant,
  reports: readonly TaskReport[] | undefined,
  options: WishOptions,
): ResolvedWishes {
  const resolving: Resolving = { tenant, reports, options, problems: [] };
  const targets = new Map<string, Target>();
  const named = new Set<ReportId>();
  for (const wish of tenant.wishes) {
    const meant = reportsOf(wish, resolving);
    for (const reportId of meant) {
      if (wish.report !== undefined) named.add(reportId);
      addTarget(reportId, wish, { targets, resolving });
    }
  }
  resolving.problems.push(...leftOut(targets, resolving));
  const order = reportOrder(reports, options.alsoReports);
  const mappings = [...targets.values()].map((target) => target.mapping);
  return {
    mappings: mappings.sort(
      (a, b) => order(a.reportId) - order(b.reportId) || compareText(mappingText(a), mappingText(b)),
    ),
    named: [...named].sort((a, b) => order(a) - order(b) || compareText(a, b)),
    problems: distinct(resolving.problems),
  };
}

function reportsOf(wish: MappingWish, resolving: Resolving): readonly ReportId[] {
  const { reports, options } = resolving;
  if (wish.report !== undefined) {
    const one = namedReport(wish.report, resolving);
    if (one !== undefined) return [one];
    resolving.problems.push(reportUnknown(wish, wish.report, resolving));
    return [];
  }
  if (reports !== undefined) {
    const every = new Set([...reports.map((report) => report.reportId), ...options.alsoReports]);
    if (every.size === 0) resolving.problems.push(noReports(wish, resolving));
    return [...every];
  }
  resolving.problems.push(reportsUnreadable(wish, resolving));
  return [];
}

function namedReport(typed: string, { reports, options }: Resolving): ReportId | undefined {
  if (reports === undefined) return parseReportId(typed);
  const row = reports.find((report) => report.rowId === typed) ?? reports.find((report) => report.reportId === typed);
  return row?.reportId ?? options.alsoReports.find((report) => report === typed);
}

function addTarget(
  reportId: ReportId,
  wish: MappingWish,
  into: { readonly targets: Map<string, Target>; readonly resolving: Resolving },
): void {
  const slot = `${reportId} ${wish.qlikAppId}`;
  const other = into.targets.get(slot);
  if (other === undefined) {
    const mapping = { reportId, qlikAppId: wish.qlikAppId, newQlikAppId: wish.newQlikAppId };
    into.targets.set(slot, { mapping, wish });
  } else if (other.mapping.newQlikAppId !== wish.newQlikAppId) {
    into.resolving.problems.push(twoTargets(reportId, wish, { other, resolving: into.resolving }));
  }
}

function problemAt(line: number, { tenant, options }: Resolving): Pick<Problem, "tenant" | "file" | "line"> {
  return { tenant: tenant.tenant, file: options.file, line };
}

function reportName(report: TaskReport): string {
  return report.name === undefined ? report.reportId : `${quote(report.name)} (${report.reportId})`;
}

function reportUnknown(wish: MappingWish, report: string, resolving: Resolving): Problem {
  const reports = resolving.reports ?? [];
  const known =
    reports.length === 0
      ? "It has no report at all"
      : `Its reports are ${reports.slice(0, 5).map(reportName).join(", ")}${reports.length > 5 ? ` and ${reports.length - 5} more` : ""}`;
  return {
    code: "REPORT_UNKNOWN",
    message: `Tenant ${quote(resolving.tenant.tenant)} maps report ${report}, which source task ${resolving.tenant.sourceTaskId} does not have.`,
    hint: `${known}: give the id or the reportID of one of these, or leave reportId empty for all.`,
    ...problemAt(wish.line, resolving),
    column: "reportId",
    value: report,
  };
}

function noReports(wish: MappingWish, resolving: Resolving): Problem {
  return {
    code: "NO_REPORTS",
    message: `Source task ${resolving.tenant.sourceTaskId} of tenant ${quote(resolving.tenant.tenant)} has no report: there is nothing to map.`,
    hint: "Add the reports to the source task first, or name another source task.",
    ...problemAt(wish.line, resolving),
    column: "sourceTaskId",
    value: resolving.tenant.sourceTaskId,
  };
}

function reportsUnreadable(wish: MappingWish, resolving: Resolving): Problem {
  return {
    code: "REPORTS_UNREADABLE",
    message:
      `Tenant ${quote(resolving.tenant.tenant)} wants every report of source task ${resolving.tenant.sourceTaskId}, ` +
      "but the server does not list that task's reports.",
    hint:
      "Check the path in --server: under a wrong one nothing is found. " +
      "Where it is right, name the reports: a reportId in each row, or --report GUID for each report of the task.",
    ...problemAt(wish.line, resolving),
    column: "reportId",
  };
}

function twoTargets(
  reportId: ReportId,
  wish: MappingWish,
  at: { readonly other: Target; readonly resolving: Resolving },
): Problem {
  const { other, resolving } = at;
  const report = resolving.reports?.find((one) => one.reportId === reportId);
  return {
    code: "CONTRADICTION",
    message:
      `Tenant ${quote(resolving.tenant.tenant)} maps app ${wish.qlikAppId} of report ${report === undefined ? reportId : reportName(report)} ` +
      `to ${wish.newQlikAppId} here, but to ${other.mapping.newQlikAppId} on line ${other.wish.line}.`,
    hint: "One report can read one app instead of another: keep one of the two. A report's id and its reportID name the same report.",
    ...problemAt(wish.line, resolving),
    column: "newQlikAppId",
    value: wish.newQlikAppId,
  };
}

/** The source task's reports that get no mapping at all: their copies would show the master's figures. */
function leftOut(targets: ReadonlyMap<string, Target>, resolving: Resolving): readonly Problem[] {
  const { tenant, reports = [], options } = resolving;
  const covered = new Set([...targets.values()].map((target) => target.mapping.reportId));
  if (tenant.wishes.some((wish) => wish.report === undefined)) return [];
  const allowed = new Set(options.allowUnmapped.map((typed) => normalGuid(typed) ?? typed));
  return reports
    .filter((report) => !covered.has(report.reportId) && !allowed.has(report.reportId) && !allowed.has(report.rowId))
    .map((report) => ({
      code: "REPORT_LEFT_OUT",
      message:
        `Tenant ${quote(tenant.tenant)} has no mapping for report ${reportName(report)} of source task ${tenant.sourceTaskId}: ` +
        "its copy would show the master's figures.",
      hint: `Add a row for it, or allow it with --allow-unmapped-report ${report.reportId}`,
      ...problemAt(tenant.line, resolving),
      column: "reportId",
      value: report.reportId,
    }));
}

function reportOrder(
  reports: readonly TaskReport[] | undefined,
  alsoReports: readonly ReportId[],
): (report: ReportId) => number {
  const order = new Map<ReportId, number>();
  for (const report of [...(reports ?? []).map((one) => one.reportId), ...alsoReports])
    if (!order.has(report)) order.set(report, order.size);
  return (report) => order.get(report) ?? order.size;
}

function mappingText(mapping: Mapping): string {
  return `${mapping.reportId} ${mapping.qlikAppId} ${mapping.newQlikAppId}`;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function distinct(problems: readonly Problem[]): readonly Problem[] {
  return [
    ...new Map(problems.map((problem) => [`${problem.code} ${problem.line} ${problem.message}`, problem])).values(),
  ];
}
