import type { PlanShape } from "../log/records.js";
import { isLacking, type ReportKnowledge, type TenantState } from "../log/tenant-state.js";
import type { DesiredMapping, ManifestTenant } from "../manifest/manifest.js";
import { type CopyName, checkCopyNames, renderName, usesTaskName } from "../manifest/names.js";
import type { ProblemCode } from "../shared/codes.js";
import { hintOf, sameLine } from "../shared/hints.js";
import {
  addTo,
  parseReportId,
  type ReportId,
  reportsNamed,
  type TaskId,
  type TenantRef,
  tenantRef,
} from "../shared/ids.js";
import { EXIT, type Problem, problem, StopError } from "../shared/problems.js";
import { mapInSteps, type Steps } from "../shared/steps.js";
import { type AppSwap, byReport, type Mapping, sameSwaps, type TaskReport } from "../shared/tasks.js";
import { excessOfName } from "../shared/text-limits.js";
import { keptValue, nameAndId, quote } from "../shared/text-safety.js";
import type { Permissions, PlanContext } from "./decide.js";
import type { ObservedSource } from "./observe.js";

/** One enabled tenant of the manifest, with what only the server could tell filled in. */
export interface PlanEntry extends ManifestTenant {
  readonly ref: TenantRef;
  readonly sourceTaskId: TaskId;
  /** The name a create sends; `undefined` offline, where nobody knows the source task's name. */
  readonly name: string | undefined;
  readonly wanted: Wanted;
}

type Planning = Pick<PlanContext, "manifest" | "log" | "sources"> & { readonly shape: PlanShape };

const NONE: readonly never[] = [];

/**
 * Fills in names and reports. Throws a StopError (exit 2) with every fault that shows only now: unknown and left-out reports,
 * two copies of one name, a copy named as a source task, a name that cannot be made.
 */
export function* planEntries(planning: Planning): Steps<readonly PlanEntry[]> {
  const { manifest, log, sources } = planning;
  const { path: file } = manifest;
  const isOffline = sources === undefined;
  const problems: Problem[] = [];
  const entries: PlanEntry[] = [];
  const named: CopyName[] = [];
  const known = new Map<TaskId, ReturnType<typeof sourceKnowledge>>();
  const planRow = (row: ManifestTenant): void => {
    const { sourceTaskId, key, tenant, line } = row;
    if (!row.enabled || sourceTaskId === undefined) return;
    const source = known.get(sourceTaskId) ?? sourceKnowledge(sourceTaskId, planning);
    known.set(sourceTaskId, source);
    const state = log.tenant(tenantRef(sourceTaskId, key));
    const resolve = state === undefined || state.reports.size === 0 ? source.resolve : source.resolveByLog;
    const { problems: faults, ...wanted } = resolve(row, reportsBeyond(source.observed, state));
    const rendered = renderName(row.nameTemplate, { tenant, task: source.name, columns: row.columns });
    const isUnnamed = source.name === undefined && usesTaskName(row.nameTemplate);
    const name = isUnnamed || !("name" in rendered) ? undefined : rendered.name;
    if (name !== undefined) named.push({ tenant, line, sourceTaskId, name });
    const excess = name === undefined ? undefined : excessOfName(name);
    if (name !== undefined && excess !== undefined) {
      const message = `The copy's name would be ${quote(name)}${excess}.`;
      problems.push(problem("TEXT_TOO_LONG", message, { tenant, file, line, column: "name", value: keptValue(name) }));
    }
    // The log's own text, where it has one: what is looked up there again and again is then found without comparing.
    const ref = state?.ref ?? tenantRef(sourceTaskId, key);
    entries.push({ ...row, ref, sourceTaskId, name, wanted });
    // Offline, what only the server knows stays unfilled.
    if (isOffline) return;
    problems.push(...faults);
    if (source.observed?.task.reports === undefined)
      problems.push(...unresolved(wanted.named, state).map((one) => ({ ...one, tenant, file, line })));
    if (!isUnnamed) return;
    const message = "the server does not tell the source task's name, which {task} in the copy's name stands for";
    problems.push(problem("TASK_NAME_UNKNOWN", message, { tenant, file, line }));
  };
  yield* mapInSteps(manifest.tenants, planRow);
  const sourceNames = [...(sources?.values() ?? [])].flatMap((source) => source.task.name ?? []);
  // Not pushed one by one: there may be more of them than a call takes arguments.
  const all = problems.concat(checkCopyNames(named, sourceNames, file)).map((fault) => {
    const { line, column = "tenant" } = fault;
    const cell = line === undefined ? undefined : manifest.cellAt?.(line, column);
    return cell === undefined ? fault : { ...fault, column: `${column} (${cell})` };
  });
  if (all.length === 0) return entries;
  /** Neither the list nor any of its own routes told anything of the source task. */
  const isUnread = ({ task, route }: ObservedSource): boolean =>
    task.name === undefined && task.reports === undefined && route === "none";
  if (isOffline || ![...sources.values()].every(isUnread)) throw new StopError(EXIT.usage, all);
  // A server that has no reads at all may be worked with, but not by this manifest: most likely it is the wrong address.
  const message =
    "nothing answered as this API does: neither the task list, nor the source task, nor its reports are there";
  const hint =
    "Check --server and its prefix. Where the server really offers no reads: --report GUID, and --name without {task}";
  throw new StopError(EXIT.server, [problem("NOT_QALYPTUS", message, { hint }), ...all.slice(0, 1)]);
}

/** What all entries of one source task are made with. */
function sourceKnowledge(id: TaskId, { manifest, shape, log, sources }: Planning) {
  const observed = sources?.get(id);
  const resolverOf = (reports: readonly TaskReport[] | undefined) =>
    mappingResolver(reports, shape.allowUnmappedReport, manifest.path);
  const resolve = resolverOf(observed?.task.reports);
  return {
    observed,
    /** As the log first met it, else as it is now. */
    name: log.source(id).name ?? observed?.task.name,
    resolve,
    /** Offline, the log's own knowledge of a copy's reports stands in for the source task's. */
    resolveByLog: sources === undefined ? resolverOf([]) : resolve,
  };
}

/** The user's own IDs of reports, where the server lists none now and the copy is known not to have a report of that ID. */
function unresolved(named: readonly ReportId[], state: TenantState | undefined): readonly Problem[] {
  if (state?.copy === undefined || state.copy.gone) return NONE;
  const hint = "Run the same command again when the server answers, or give the report's reportID";
  return named
    .filter((id) => isLacking(state, id))
    .map((id) => {
      const message = `the server does not list the source task's reports now: which report of the copy "${id}" means is not known`;
      return problem("REPORTS_UNREADABLE", message, { hint, column: "reportId", value: id });
    });
}

/** The reports that a tenant's copy has, or is known to have been born with, and its source task lacks. */
function reportsBeyond(source: ObservedSource | undefined, state: TenantState | undefined): readonly ReportId[] {
  if (state?.copy === undefined || state.copy.gone) return NONE;
  const isOfSource = (report: ReportId): boolean =>
    source?.rows?.has(report) === true || source?.reportOfRow.has(report) === true;
  const reports = new Set([...state.reports.keys(), ...(state.originalRows?.keys() ?? NONE)]);
  return [...reports].filter((report) => !isOfSource(report) && !isLacking(state, report));
}

/** How many of a source task's reports a message names. */
const NAMED_REPORTS = 5;

/**
 * Resolves the mappings that one tenant shall have against the reports of its source task; `undefined` where the server lists none: a
 * report's ID is then taken as given. Tells (exit 2) a report that the task does not have, one that the manifest leaves out
 * (`allowUnmapped`: but these), and one report and app with two targets. `alsoReports`: reports that the tenant's copy has and the
 * source task lacks; one for every report covers them too.
 */
export function mappingResolver(
  listed: readonly TaskReport[] | undefined,
  allowUnmapped: readonly string[],
  file: string,
): (tenant: ManifestTenant, alsoReports: readonly ReportId[]) => Wanted & { readonly problems: readonly Problem[] } {
  /** By the published report's ID and, before it, by the row's; of several the first. */
  const byId = new Map<string, TaskReport>();
  const reversed = [...(listed ?? [])].reverse();
  for (const report of reversed) byId.set(report.reportId, report);
  for (const report of reversed) byId.set(report.rowId, report);
  const published = new Set(listed?.map(({ reportId }) => reportId));
  const allowed = reportsNamed(allowUnmapped, listed ?? []);
  const required = [...published].filter((report) => !allowed.has(report));
  const nameOf = (id: ReportId): string =>
    nameAndId({ id, name: listed?.find(({ reportId }) => reportId === id)?.name });

  return ({ tenant, sourceTaskId, line: firstLine, desired }, alsoReports) => {
    const who = quote(tenant);
    const problems = new Map<string, Problem>();
    const tell = (code: ProblemCode, message: string, more: Omit<Problem, "code" | "message">): void => {
      problems.set(`${code} ${more.line} ${message}`, problem(code, message, { tenant, file, ...more }));
    };
    const inOrder: ReadonlySet<ReportId> = new Set([...published, ...alsoReports]);

    const everyReport = ({ line }: DesiredMapping): Iterable<ReportId> => {
      if (listed === undefined) {
        const message = `Tenant ${who} wants every report of source task ${sourceTaskId}, but the server does not list that task's reports.`;
        const hint =
          "Check the path in --server: under a wrong one nothing is found. Where it is right, name the reports: a reportId in each row, or --report GUID for each report of the task.";
        tell("REPORTS_UNREADABLE", message, { hint, line, column: "reportId" });
        return NONE;
      }
      if (inOrder.size === 0) {
        const message = `Source task ${sourceTaskId} of tenant ${who} has no report: there is nothing to map.`;
        tell("NO_REPORTS", message, { line, column: "sourceTaskId", value: sourceTaskId });
      }
      return inOrder;
    };

    const oneReport = (typed: string, { line }: DesiredMapping): readonly ReportId[] => {
      const also = alsoReports.find((one) => one === typed);
      const report = listed === undefined ? parseReportId(typed) : (byId.get(typed)?.reportId ?? also);
      if (report !== undefined) return [report];
      const message = `Tenant ${who} maps report ${typed}, which source task ${sourceTaskId} does not have.`;
      const names = [...published].slice(0, NAMED_REPORTS).map(nameOf).join(", ");
      const more = published.size > NAMED_REPORTS ? ` and ${published.size - NAMED_REPORTS} more` : "";
      const its = names === "" ? "It has no report at all" : `Its reports are ${names}${more}`;
      const hint = `${its}: give the id or the reportID of one of these, or leave reportId empty for all.`;
      tell("REPORT_UNKNOWN", message, { hint, line, column: "reportId", value: typed });
      return NONE;
    };

    const targets = new Map<ReportId, DesiredMapping[]>();
    const named = new Set<ReportId>();
    for (const mapping of desired) {
      const { report, qlikAppId, newQlikAppId, line } = mapping;
      for (const reportId of report === undefined ? everyReport(mapping) : oneReport(report, mapping)) {
        if (report !== undefined) named.add(reportId);
        const other = targets.get(reportId)?.find((target) => target.qlikAppId === qlikAppId);
        if (other === undefined) addTo(targets, reportId, mapping);
        if (other === undefined || other.newQlikAppId === newQlikAppId) continue;
        const message = `Tenant ${who} maps app ${qlikAppId} of report ${nameOf(reportId)} to ${newQlikAppId} here, but to ${other.newQlikAppId} on line ${other.line}.`;
        const hint =
          "One report can read one app instead of another: keep one of the two. A report's id and its reportID name the same report.";
        tell("CONTRADICTION", message, { hint, line, column: "newQlikAppId", value: newQlikAppId });
      }
    }
    const leftOut = desired.some(({ report }) => report === undefined) ? NONE : required;
    for (const report of leftOut.filter((one) => !targets.has(one))) {
      const message = `Tenant ${who} has no mapping for report ${nameOf(report)} of source task ${sourceTaskId}: its copy would show the master's figures.`;
      const hint = hintOf("Add a row for it. To leave it out on purpose:", sameLine("--allow-unmapped-report", report));
      tell("REPORT_LEFT_OUT", message, { hint, line: firstLine, column: "reportId", value: report });
    }
    const others = [...targets.keys()].filter((report) => !inOrder.has(report)).sort();
    const reports = [...[...inOrder].filter((report) => targets.has(report)), ...others];
    const mappings = reports.flatMap((reportId) =>
      (targets.get(reportId) ?? [])
        .sort((a, b) => (a.qlikAppId < b.qlikAppId ? -1 : 1))
        .map(({ qlikAppId, newQlikAppId }) => ({ reportId, qlikAppId, newQlikAppId })),
    );
    return { mappings, named: reports.filter((report) => named.has(report)), problems: [...problems.values()] };
  };
}

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
export function byPublishedReport(
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
