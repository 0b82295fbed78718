import type { Wanted } from "../domain/drift.js";
import { EXIT, type Problem, StopError } from "../domain/errors.js";
import { type ReportId, type TaskId, type TenantRef, tenantRef } from "../domain/ids.js";
import type { PlanShape } from "../domain/log-record.js";
import type { LogState } from "../domain/log-state.js";
import type { Manifest, ManifestTenant } from "../domain/manifest.js";
import { resolveWishes } from "../domain/mapping-wishes.js";
import { checkCopyNames, renderName } from "../domain/name-template.js";
import type { TaskReport } from "../domain/source-task.js";
import type { TenantState } from "../domain/tenant-state.js";
import type { ObservedSource } from "./observe-server.js";

/** One enabled tenant of the manifest, with what only the server could tell filled in. */
export interface PlanEntry {
  readonly ref: TenantRef;
  readonly row: ManifestTenant;
  readonly sourceTaskId: TaskId;
  /** The name a create sends; `undefined` offline, where nobody knows the source task's name. */
  readonly name: string | undefined;
  readonly wanted: Wanted;
}

/** The source task's name as the log first met it, else as it is now. */
function sourceNameOf(log: LogState, source: ObservedSource | undefined, id: TaskId): string | undefined {
  return log.source(id).name ?? source?.task.name;
}

/**
 * Fills in names and reports. Throws a StopError (exit 2) with every fault that shows only now: unknown and left-out reports,
 * two copies of one name, a copy named as a source task, a name that cannot be made.
 */
export function planEntries(from: {
  readonly manifest: Manifest;
  readonly shape: PlanShape;
  readonly log: LogState;
  /** `undefined`: offline. */
  readonly sources: ReadonlyMap<TaskId, ObservedSource> | undefined;
}): readonly PlanEntry[] {
  const problems: Problem[] = [];
  const entries: PlanEntry[] = [];
  for (const row of from.manifest.tenants) {
    if (!row.enabled || row.sourceTaskId === undefined) continue;
    entries.push(entryOf(row, row.sourceTaskId, { ...from, problems }));
  }
  const sourceNames = [...(from.sources?.values() ?? [])].flatMap((source) => source.task.name ?? []);
  const named = entries.flatMap(({ row, sourceTaskId, name }) =>
    name === undefined ? [] : [{ tenant: row.tenant, line: row.line, sourceTaskId, name }],
  );
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

function entryOf(
  row: ManifestTenant,
  sourceTaskId: TaskId,
  from: Parameters<typeof planEntries>[0] & { readonly problems: Problem[] },
): PlanEntry {
  const { log, sources, manifest, shape, problems } = from;
  const ref = tenantRef(sourceTaskId, row.key);
  const state = log.tenant(ref);
  const source = sources?.get(sourceTaskId);
  const wishes = resolveWishes(row, sources === undefined ? knownReports(state) : source?.task.reports, {
    alsoReports: reportsOfCopy(state),
    allowUnmapped: shape.allowUnmappedReport,
    file: manifest.path,
  });
  if (sources !== undefined) {
    problems.push(...wishes.problems);
    if (source?.task.reports === undefined)
      problems.push(...unresolved(row, { named: wishes.named, state, file: manifest.path }));
  }
  const name = nameOf(row, sourceNameOf(log, source, sourceTaskId), {
    file: manifest.path,
    problems,
    offline: sources === undefined,
  });
  return { ref, row, sourceTaskId, name, wanted: { mappings: wishes.mappings, named: wishes.named } };
}

/** The user's own ID of a report, where the server lists none now and the copy is known not to have a report of this ID. */
function unresolved(
  row: ManifestTenant,
  of: { readonly named: readonly ReportId[]; readonly state: TenantState | undefined; readonly file: string },
): readonly Problem[] {
  const { state } = of;
  const has = state?.copy === undefined || state.copy.gone ? undefined : state.bornWith;
  if (has === undefined) return [];
  return of.named
    .filter((id) => !has.has(id) && state?.reports.has(id) !== true)
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
  const needsTask = /\{\s*task\s*\}/i.test(row.nameTemplate);
  if (task === undefined && needsTask) {
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

function reportsOfCopy(state: TenantState | undefined): readonly ReportId[] {
  if (state?.copy === undefined || state.copy.gone) return [];
  return [...new Set([...state.reports.keys(), ...(state.bornWith ?? [])])];
}

/** Offline, the log's own knowledge stands in for the source task's reports. */
function knownReports(state: TenantState | undefined): readonly TaskReport[] | undefined {
  return state === undefined || state.reports.size === 0 ? undefined : [];
}
