import type { PlanShape } from "../log/records.js";
import type { LogState } from "../log/state.js";
import { isLacking, type TenantState } from "../log/tenant-state.js";
import type { Manifest, ManifestTenant } from "../manifest/manifest.js";
import { type CopyName, checkCopyNames, renderName } from "../manifest/names.js";
import { type ReportId, type TaskId, type TenantRef, tenantRef } from "../shared/ids.js";
import { EXIT, type Problem, StopError } from "../shared/problems.js";
import { type MappingResolver, mappingResolver } from "./desired-mappings.js";
import type { Wanted } from "./drift.js";
import type { ObservedSource } from "./observe.js";

/** One enabled tenant of the manifest, with what only the server could tell filled in. */
export interface PlanEntry {
  readonly ref: TenantRef;
  readonly row: ManifestTenant;
  readonly sourceTaskId: TaskId;
  /** The name a create sends; `undefined` offline, where nobody knows the source task's name. */
  readonly name: string | undefined;
  readonly wanted: Wanted;
}

const NONE: readonly never[] = [];

/** What all entries of one source task are made with. */
interface SourceKnowledge {
  readonly id: TaskId;
  readonly observed: ObservedSource | undefined;
  /** As the log first met it, else as it is now. */
  readonly name: string | undefined;
  /** The published reports that it is known to have. */
  readonly reports: ReadonlySet<ReportId>;
  readonly resolve: MappingResolver;
  /** Offline, the log's own knowledge of a copy's reports stands in for the source task's. */
  readonly resolveByLog: MappingResolver;
}

interface Planning {
  readonly manifest: Manifest;
  readonly shape: PlanShape;
  readonly log: LogState;
  /** `undefined`: offline. */
  readonly sources: ReadonlyMap<TaskId, ObservedSource> | undefined;
}

/**
 * Fills in names and reports. Throws a StopError (exit 2) with every fault that shows only now: unknown and left-out reports,
 * two copies of one name, a copy named as a source task, a name that cannot be made.
 */
export function planEntries(from: Planning): readonly PlanEntry[] {
  const problems: Problem[] = [];
  const entries: PlanEntry[] = [];
  const sources = new Map<TaskId, SourceKnowledge>();
  const named: CopyName[] = [];
  for (const row of from.manifest.tenants) {
    const { sourceTaskId } = row;
    if (!row.enabled || sourceTaskId === undefined) continue;
    let source = sources.get(sourceTaskId);
    if (source === undefined) {
      source = sourceKnowledge(sourceTaskId, from);
      sources.set(sourceTaskId, source);
    }
    const entry = entryOf(row, source, { from, problems });
    entries.push(entry);
    if (entry.name !== undefined) named.push({ tenant: row.tenant, line: row.line, sourceTaskId, name: entry.name });
  }
  const sourceNames = [...(from.sources?.values() ?? [])].flatMap((source) => source.task.name ?? []);
  // Not pushed one by one: there may be more of them than a call takes arguments.
  const all = problems.concat(checkCopyNames(named, sourceNames, from.manifest.path));
  if (all.length === 0) return entries;
  if (from.sources !== undefined && [...from.sources.values()].every(isUnread)) throw nothingAnswered(all);
  throw new StopError(EXIT.usage, all);
}

/** Neither the list nor any of its own routes told anything of this source task. */
function isUnread({ task, route }: ObservedSource): boolean {
  return task.name === undefined && task.reports === undefined && route === "none";
}

/** A server that has no reads at all may be worked with, but not by this manifest: most likely it is the wrong address. */
function nothingAnswered(problems: readonly Problem[]): StopError {
  return new StopError(EXIT.server, [
    {
      code: "NOT_QALYPTUS",
      message:
        "nothing answered as this API does: neither the task list, nor the source task, nor its reports are there",
      hint: "Check --server and its prefix. Where the server really offers no reads: --report GUID, and --name without {task}",
    },
    ...problems.slice(0, 1),
  ]);
}

function sourceKnowledge(id: TaskId, { manifest, shape, log, sources }: Planning): SourceKnowledge {
  const observed = sources?.get(id);
  const reports = observed?.task.reports;
  const rules = { allowUnmapped: shape.allowUnmappedReport, file: manifest.path, silent: sources === undefined };
  const resolve = mappingResolver(reports, rules);
  return {
    id,
    observed,
    name: log.source(id).name ?? observed?.task.name,
    reports: new Set(reports?.map((report) => report.reportId)),
    resolve,
    resolveByLog: sources === undefined ? mappingResolver([], rules) : resolve,
  };
}

function entryOf(
  row: ManifestTenant,
  source: SourceKnowledge,
  { from, problems }: { readonly from: Planning; readonly problems: Problem[] },
): PlanEntry {
  const ref = tenantRef(source.id, row.key);
  const state = from.log.tenant(ref);
  const resolve = state === undefined || state.reports.size === 0 ? source.resolve : source.resolveByLog;
  const wanted = resolve(row, reportsBeyond(source, state));
  for (const problem of wanted.problems) problems.push(problem);
  const offline = from.sources === undefined;
  if (!offline && source.observed?.task.reports === undefined)
    problems.push(...unresolved(row, { named: wanted.named, state, file: from.manifest.path }));
  const name = nameOf(row, source.name, { file: from.manifest.path, problems, offline });
  // The log's own text, where it has one: what is looked up there again and again is then found without comparing.
  return { ref: state?.ref ?? ref, row, sourceTaskId: source.id, name, wanted };
}

/** The user's own ID of a report, where the server lists none now and the copy is known not to have a report of this ID. */
function unresolved(
  row: ManifestTenant,
  of: { readonly named: readonly ReportId[]; readonly state: TenantState | undefined; readonly file: string },
): readonly Problem[] {
  const { state } = of;
  if (of.named.length === 0 || state === undefined) return NONE;
  if (state.copy === undefined || state.copy.gone) return NONE;
  return of.named
    .filter((id) => isLacking(state, id))
    .map((id) => ({
      code: "REPORTS_UNREADABLE",
      message: `the server does not list the source task's reports now: which report of the copy "${id}" means is not known`,
      hint: "Run the same command again when the server answers, or give the report's reportID",
      tenant: row.tenant,
      file: of.file,
      line: row.line,
      column: "reportId",
      value: id,
    }));
}

function nameOf(
  row: ManifestTenant,
  task: string | undefined,
  at: { readonly file: string; readonly problems: Problem[]; readonly offline: boolean },
): string | undefined {
  if (task === undefined && /\{\s*task\s*\}/i.test(row.nameTemplate)) {
    if (!at.offline)
      at.problems.push({
        code: "TASK_NAME_UNKNOWN",
        message: "the server does not tell the source task's name, which {task} in the copy's name stands for",
        hint: 'Give the copies a name without {task}, for example --name "Monthly Report - {tenant}"',
        tenant: row.tenant,
        file: at.file,
        line: row.line,
      });
    return undefined;
  }
  const rendered = renderName(row.nameTemplate, { tenant: row.tenant, task: task ?? "", columns: row.columns });
  return "name" in rendered ? rendered.name : undefined;
}

/** The reports that a tenant's copy has, or is known to have been born with, and its source task lacks. */
function reportsBeyond(source: SourceKnowledge, state: TenantState | undefined): readonly ReportId[] {
  if (state?.copy === undefined || state.copy.gone) return NONE;
  let beyond: Set<ReportId> | undefined;
  for (const reports of [state.reports.keys(), state.originalRows?.keys() ?? NONE])
    for (const report of reports)
      if (!source.reports.has(report) && source.observed?.reportOfRow.has(report) !== true && !isLacking(state, report))
        beyond = (beyond ?? new Set()).add(report);
  return beyond === undefined ? NONE : [...beyond];
}
