import { contentOf, type SandboxTask, type StoredReport } from "./task-store.js";

/** A task as the list and `GET /tasks/{id}` show it. */
export function shownTask(task: SandboxTask): Readonly<Record<string, unknown>> {
  const { origin } = task;
  return {
    id: task.id,
    name: task.name,
    description: origin.description,
    owner: "sandbox",
    isMine: true,
    project: { id: "99999999-0000-4000-8000-000000000001", name: "Sandbox" },
    isActive: origin.isActive,
    isScheduled: origin.triggers.some((trigger) => trigger.isActive),
    testMode: origin.testMode,
    testModeRecipients: [],
    sendNotifications: false,
    createdAt: task.createdAt,
    lastExecution: null,
  };
}

/** A report's row as the reports' list shows it; `mappings`: whether this server shows them. */
export function shownReport(
  task: SandboxTask,
  report: StoredReport,
  mappings: boolean,
): Readonly<Record<string, unknown>> {
  const content = contentOf(task, report);
  return {
    id: report.rowId,
    reportID: report.reportId,
    name: content.name,
    type: "Report",
    format: content.outputFormats[0] ?? null,
    description: content.description,
    isIteration: false,
    outputFormats: content.outputFormats,
    ...(mappings ? { overwriteReportApps: shownMappings(report) } : {}),
  };
}

/** A report's row as it is shown alone: also what in it reads an app. */
export function shownReportDetails(
  task: SandboxTask,
  report: StoredReport,
  mappings: boolean,
): Readonly<Record<string, unknown>> {
  const { connections, filters, conditions } = contentOf(task, report);
  return { ...shownReport(task, report, mappings), connections, filters, conditions };
}

function shownMappings(report: StoredReport): readonly unknown[] {
  return report.mappings.length === 0 ? [] : [{ reportId: report.rowId, qlikApps: report.mappings }];
}
