import { contentOf, type SandboxTask, type StoredReport, type Swap } from "./task-store.js";
import type { AppReader } from "./world.js";

/** One connection, filter or condition when its task runs: the app it was built on and the app it reads. */
export interface Substituted {
  readonly name: string;
  readonly originalAppId: string;
  readonly readsAppId: string;
  readonly replaced: boolean;
}

/** One report when its task runs. */
export interface ReportRun {
  readonly id: string;
  readonly reportID: string;
  readonly name: string;
  readonly overwriteReportApps: readonly Swap[];
  readonly connections: readonly Substituted[];
  readonly filters: readonly Substituted[];
  readonly conditions: readonly Substituted[];
  /** Every app that this report's figures come from, each once. */
  readonly readsApps: readonly string[];
}

/** What running a task would generate, and from which apps. */
export interface TaskRun {
  readonly taskId: string;
  readonly name: string;
  readonly reports: readonly ReportRun[];
}

/**
 * Runs a task as the vendor's page describes it: where a report has mappings, the original app's ID is replaced by
 * `NewQlikAppId` in all its connections, filters and conditions. Each is replaced once: mappings do not chain.
 */
export function runTask(task: SandboxTask): TaskRun {
  return { taskId: task.id, name: task.name, reports: task.reports.map((report) => runReport(task, report)) };
}

function runReport(task: SandboxTask, report: StoredReport): ReportRun {
  const content = contentOf(task, report);
  const targets = new Map(report.mappings.map((swap) => [swap.qlikAppId, swap.newQlikAppId]));
  const substitute = (reader: AppReader): Substituted => {
    const target = targets.get(reader.appId);
    return {
      name: reader.name,
      originalAppId: reader.appId,
      readsAppId: target ?? reader.appId,
      replaced: target !== undefined,
    };
  };
  const connections = content.connections.map(substitute);
  const filters = content.filters.map(substitute);
  const conditions = content.conditions.map(substitute);
  const readers = [...connections, ...filters, ...conditions];
  return {
    id: report.rowId,
    reportID: report.reportId,
    name: content.name,
    overwriteReportApps: report.mappings,
    connections,
    filters,
    conditions,
    readsApps: [...new Set(readers.map((reader) => reader.readsAppId))],
  };
}
