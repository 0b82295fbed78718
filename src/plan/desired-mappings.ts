import type { DesiredMapping, ManifestTenant } from "../manifest/manifest.js";
import { parseReportId, type ReportId, reportsNamed } from "../shared/ids.js";
import type { Mapping } from "../shared/mapping.js";
import type { Problem } from "../shared/problems.js";
import { quote } from "../shared/quotation.js";
import type { TaskReport } from "../shared/source-task.js";

/** A tenant's mappings with every report resolved, or what stands in the way. Made once the source task's reports are read. */
export interface ResolvedMappings {
  /** In the order of the source task's reports, then by app: the order of a manifest's rows changes nothing. */
  readonly mappings: readonly Mapping[];
  /** The reports that the manifest (or `--report`) named one by one. */
  readonly named: readonly ReportId[];
  /** Exit 2. */
  readonly problems: readonly Problem[];
}

export interface ResolverRules {
  /** `--allow-unmapped-report`: reports that mappings may leave out; a row's `id` or its `reportID`. */
  readonly allowUnmapped: readonly string[];
  /** As messages name the manifest. */
  readonly file: string;
  /** Offline: what cannot be resolved stays unfilled, and no problem is made of it. */
  readonly silent?: boolean | undefined;
}

/**
 * Resolves the mappings that one tenant shall have. `alsoReports`: reports that the tenant's copy has and the source task lacks; one for every
 * report covers them too.
 */
export type MappingResolver = (tenant: ManifestTenant, alsoReports: readonly ReportId[]) => ResolvedMappings;

/** A source task's reports, looked up once for all of its tenants. */
interface Reports {
  /** `undefined` where the server lists none: a report's ID is then taken as given. */
  readonly listed: readonly TaskReport[] | undefined;
  /** By the row's ID and, behind it, by the published report's. */
  readonly byRow: ReadonlyMap<string, TaskReport>;
  readonly byReport: ReadonlyMap<string, TaskReport>;
  /** Each published report once, in order. */
  readonly every: readonly ReportId[];
  readonly order: ReadonlyMap<ReportId, number>;
  /** Those that mappings may not leave out. */
  readonly required: readonly TaskReport[];
}

interface Resolving {
  readonly tenant: ManifestTenant;
  readonly reports: Reports;
  readonly alsoReports: readonly ReportId[];
  readonly file: string;
  /** `undefined`: nobody asks for them. */
  readonly problems: Problem[] | undefined;
}

interface Target {
  readonly mapping: Mapping;
  /** As the manifest has it. */
  readonly desired: DesiredMapping;
}

const NONE: readonly never[] = [];
const UNFILLED: ResolvedMappings = { mappings: NONE, named: NONE, problems: NONE };

/**
 * A resolver against the reports of a source task (`undefined` where the server lists none). Tells a report that the task does
 * not have, one that the manifest leaves out, and one report and app with two targets.
 */
export function mappingResolver(listed: readonly TaskReport[] | undefined, rules: ResolverRules): MappingResolver {
  const reports = lookUpReports(listed, rules);
  return (tenant, alsoReports) => {
    const problems = rules.silent === true ? undefined : [];
    const resolving: Resolving = { tenant, reports, alsoReports, file: rules.file, problems };
    const mapping = tenant.desired.length === 1 ? tenant.desired[0] : undefined;
    return mapping !== undefined && mapping.report === undefined
      ? resolveOnly(mapping, resolving)
      : resolveAll(resolving);
  };
}

function lookUpReports(listed: readonly TaskReport[] | undefined, rules: ResolverRules): Reports {
  const byRow = new Map<string, TaskReport>();
  const byReport = new Map<ReportId, TaskReport>();
  for (const report of listed ?? []) {
    if (!byRow.has(report.rowId)) byRow.set(report.rowId, report);
    if (!byReport.has(report.reportId)) byReport.set(report.reportId, report);
  }
  const allowed = reportsNamed(rules.allowUnmapped, listed ?? []);
  const required = [...byReport.values()].filter((report) => !allowed.has(report.reportId));
  const every = [...byReport.keys()];
  return { listed, byRow, byReport, every, order: inOrder(every), required };
}

/** The one desired mapping, for every report: what most tenants of most manifests want. Nothing to be sorted, nothing left out. */
function resolveOnly(mapping: DesiredMapping, resolving: Resolving): ResolvedMappings {
  const { qlikAppId, newQlikAppId } = mapping;
  const every = reportsOf(mapping, resolving);
  if (every.length === 0 && resolving.problems === undefined) return UNFILLED;
  // Pushed, not mapped: V8 makes a mapped array of one kind or another, and each use of both kinds is compiled anew.
  const mappings: Mapping[] = [];
  for (const reportId of every) mappings.push({ reportId, qlikAppId, newQlikAppId });
  const { problems } = resolving;
  return { mappings, named: NONE, problems: problems === undefined || problems.length === 0 ? NONE : problems };
}

function resolveAll(resolving: Resolving): ResolvedMappings {
  const targets = new Map<string, Target>();
  const named = new Set<ReportId>();
  for (const mapping of resolving.tenant.desired) {
    const meant = reportsOf(mapping, resolving);
    for (const reportId of meant) {
      if (mapping.report !== undefined) named.add(reportId);
      addTarget(reportId, mapping, { targets, resolving });
    }
  }
  tellLeftOut(targets, resolving);
  const order = reportOrder(resolving);
  const mappings = Array.from(targets.values(), (target) => target.mapping);
  return {
    mappings: mappings.sort(
      (a, b) => order(a.reportId) - order(b.reportId) || compareText(mappingText(a), mappingText(b)),
    ),
    named: [...named].sort((a, b) => order(a) - order(b) || compareText(a, b)),
    problems: distinct(resolving.problems ?? NONE),
  };
}

function reportsOf(mapping: DesiredMapping, resolving: Resolving): readonly ReportId[] {
  const { reports, alsoReports, problems } = resolving;
  if (mapping.report !== undefined) {
    const one = namedReport(mapping.report, resolving);
    if (one !== undefined) return [one];
    problems?.push(reportUnknown(mapping, mapping.report, resolving));
    return NONE;
  }
  if (reports.listed === undefined) {
    problems?.push(reportsUnreadable(mapping, resolving));
    return NONE;
  }
  const every = alsoReports.length === 0 ? reports.every : [...new Set([...reports.every, ...alsoReports])];
  if (every.length === 0) problems?.push(noReports(mapping, resolving));
  return every;
}

function namedReport(typed: string, { reports, alsoReports }: Resolving): ReportId | undefined {
  if (reports.listed === undefined) return parseReportId(typed);
  const row = reports.byRow.get(typed) ?? reports.byReport.get(typed);
  return row?.reportId ?? alsoReports.find((report) => report === typed);
}

function addTarget(
  reportId: ReportId,
  desired: DesiredMapping,
  into: { readonly targets: Map<string, Target>; readonly resolving: Resolving },
): void {
  const { qlikAppId, newQlikAppId } = desired;
  const slot = `${reportId} ${qlikAppId}`;
  const other = into.targets.get(slot);
  if (other === undefined) into.targets.set(slot, { mapping: { reportId, qlikAppId, newQlikAppId }, desired });
  else if (other.mapping.newQlikAppId !== newQlikAppId)
    into.resolving.problems?.push(twoTargets(reportId, desired, { other, resolving: into.resolving }));
}

function problemAt(line: number, { tenant, file }: Resolving): Pick<Problem, "tenant" | "file" | "line"> {
  return { tenant: tenant.tenant, file, line };
}

function reportName(report: TaskReport): string {
  return report.name === undefined ? report.reportId : `${quote(report.name)} (${report.reportId})`;
}

function reportUnknown(mapping: DesiredMapping, report: string, resolving: Resolving): Problem {
  const reports = resolving.reports.listed ?? [];
  const known =
    reports.length === 0
      ? "It has no report at all"
      : `Its reports are ${reports.slice(0, 5).map(reportName).join(", ")}${reports.length > 5 ? ` and ${reports.length - 5} more` : ""}`;
  return {
    code: "REPORT_UNKNOWN",
    message: `Tenant ${quote(resolving.tenant.tenant)} maps report ${report}, which source task ${resolving.tenant.sourceTaskId} does not have.`,
    hint: `${known}: give the id or the reportID of one of these, or leave reportId empty for all.`,
    ...problemAt(mapping.line, resolving),
    column: "reportId",
    value: report,
  };
}

function noReports(mapping: DesiredMapping, resolving: Resolving): Problem {
  return {
    code: "NO_REPORTS",
    message: `Source task ${resolving.tenant.sourceTaskId} of tenant ${quote(resolving.tenant.tenant)} has no report: there is nothing to map.`,
    hint: "Add the reports to the source task first, or name another source task.",
    ...problemAt(mapping.line, resolving),
    column: "sourceTaskId",
    value: resolving.tenant.sourceTaskId,
  };
}

function reportsUnreadable(mapping: DesiredMapping, resolving: Resolving): Problem {
  return {
    code: "REPORTS_UNREADABLE",
    message:
      `Tenant ${quote(resolving.tenant.tenant)} wants every report of source task ${resolving.tenant.sourceTaskId}, ` +
      "but the server does not list that task's reports.",
    hint:
      "Check the path in --server: under a wrong one nothing is found. " +
      "Where it is right, name the reports: a reportId in each row, or --report GUID for each report of the task.",
    ...problemAt(mapping.line, resolving),
    column: "reportId",
  };
}

function twoTargets(
  reportId: ReportId,
  mapping: DesiredMapping,
  at: { readonly other: Target; readonly resolving: Resolving },
): Problem {
  const { other, resolving } = at;
  const report = resolving.reports.byReport.get(reportId);
  return {
    code: "CONTRADICTION",
    message:
      `Tenant ${quote(resolving.tenant.tenant)} maps app ${mapping.qlikAppId} of report ${report === undefined ? reportId : reportName(report)} ` +
      `to ${mapping.newQlikAppId} here, but to ${other.mapping.newQlikAppId} on line ${other.desired.line}.`,
    hint: "One report can read one app instead of another: keep one of the two. A report's id and its reportID name the same report.",
    ...problemAt(mapping.line, resolving),
    column: "newQlikAppId",
    value: mapping.newQlikAppId,
  };
}

/** The source task's reports that get no mapping at all: their copies would show the master's figures. */
function tellLeftOut(targets: ReadonlyMap<string, Target>, resolving: Resolving): void {
  const { tenant, reports, problems } = resolving;
  if (problems === undefined || reports.required.length === 0) return;
  if (tenant.desired.some((mapping) => mapping.report === undefined)) return;
  const covered = new Set<ReportId>();
  for (const { mapping } of targets.values()) covered.add(mapping.reportId);
  for (const report of reports.required)
    if (!covered.has(report.reportId))
      problems.push({
        code: "REPORT_LEFT_OUT",
        message:
          `Tenant ${quote(tenant.tenant)} has no mapping for report ${reportName(report)} of source task ${tenant.sourceTaskId}: ` +
          "its copy would show the master's figures.",
        hint: `Add a row for it, or allow it with --allow-unmapped-report ${report.reportId}`,
        ...problemAt(tenant.line, resolving),
        column: "reportId",
        value: report.reportId,
      });
}

function reportOrder({ reports, alsoReports }: Resolving): (report: ReportId) => number {
  const order = alsoReports.length === 0 ? reports.order : inOrder([...reports.every, ...alsoReports]);
  return (report) => order.get(report) ?? order.size;
}

function inOrder(reports: readonly ReportId[]): ReadonlyMap<ReportId, number> {
  const order = new Map<ReportId, number>();
  for (const report of reports) if (!order.has(report)) order.set(report, order.size);
  return order;
}

function mappingText(mapping: Mapping): string {
  return `${mapping.reportId} ${mapping.qlikAppId} ${mapping.newQlikAppId}`;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function distinct(problems: readonly Problem[]): readonly Problem[] {
  if (problems.length < 2) return problems;
  return [
    ...new Map(problems.map((problem) => [`${problem.code} ${problem.line} ${problem.message}`, problem])).values(),
  ];
}
