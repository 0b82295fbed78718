import type { LogState } from "../log/state.js";
import { DEFAULT_NAME_TEMPLATE } from "../manifest/manifest.js";
import { usesTaskName } from "../manifest/names.js";
import { judgeLiveSource } from "../plan/live-source.js";
import type { ObservedSource } from "../plan/observe.js";
import type { TaskReader } from "../server/ports.js";
import { type Check, failed, passed, skipped, warned } from "../shared/diagnosis.js";
import { type AppId, namesReport, type TaskId } from "../shared/ids.js";
import { EXIT, type Problem } from "../shared/problems.js";
import { listed, quote } from "../shared/quotation.js";
import type { TaskReport } from "../shared/source-task.js";

/** What the checks of one source task are made with. */
export interface SourceQuestion {
  readonly source: ObservedSource;
  /** `--report`; only where no manifest says which reports its rows mean. */
  readonly reports: readonly string[];
  /** `--name`; only where no manifest has names of its own. */
  readonly nameTemplate: string | undefined;
  /** The apps that are replaced. */
  readonly masterApps: ReadonlySet<AppId>;
  readonly allowLiveSource: boolean;
  /** A sync would make copies of it. */
  readonly copies: boolean;
}

/** The source task itself, its reports, and whether its copies would mail. */
export function checkSource(question: SourceQuestion): readonly Check[] {
  return [checkFound(question), checkReports(question), checkMail(question)];
}

function labelOf({ task }: ObservedSource): string {
  return task.name === undefined ? task.id : `${quote(task.name)} (${task.id})`;
}

function checkFound({ source, nameTemplate }: SourceQuestion): Check {
  if (source.task.name !== undefined || !usesTaskName(nameTemplate ?? DEFAULT_NAME_TEMPLATE))
    return passed("source-task", labelOf(source));
  return warned("source-task", [
    {
      code: "TASK_NAME_UNKNOWN",
      message: `${source.task.id}: the server does not tell its name, which {task} in a copy's name stands for`,
      hint: 'Give the copies a name without {task}, for example --name "Monthly Report - {tenant}"',
    },
  ]);
}

function checkReports({ source, reports: wanted }: SourceQuestion): Check {
  const { reports } = source.task;
  if (reports === undefined) return reportsHidden(source, wanted);
  const strange = wanted.filter((typed) => !reports.some((report) => namesReport(typed, report)));
  if (strange.length > 0)
    return failed("reports", { exitCode: EXIT.usage, problems: strange.map((typed) => unknownReport(typed, source)) });
  if (reports.length === 0)
    return warned("reports", [
      {
        code: "NO_REPORTS",
        message: `${labelOf(source)} has no report, so that there is nothing to map`,
        hint: "Add its reports on the server, or name another source task",
      },
    ]);
  const names = reports.map((report) => (report.name === undefined ? report.rowId : quote(report.name)));
  return passed("reports", `${reports.length} of ${labelOf(source)}: ${listed(names)}`);
}

function unknownReport(typed: string, source: ObservedSource): Problem {
  const names = (source.task.reports ?? []).map((report) => report.rowId);
  return {
    code: "REPORT_UNKNOWN",
    message: `${labelOf(source)} has no report ${typed}`,
    hint: `Give --report a report's id or its reportID; the ids are ${listed(names)}`,
    value: typed,
  };
}

function reportsHidden(source: ObservedSource, wanted: readonly string[]): Check {
  return warned("reports", [
    {
      code: "REPORTS_UNREADABLE",
      message: `the server does not list the reports of ${labelOf(source)}`,
      hint:
        wanted.length > 0
          ? "The IDs of --report are sent as they are; look at the first copy on the server"
          : "Name the reports with --report or the column reportId: they are then sent as they are",
    },
  ]);
}

function checkMail(question: SourceQuestion): Check {
  const { source, masterApps, allowLiveSource: allowed, copies } = question;
  const label = `the source task ${labelOf(source)}`;
  const { refusal, warnings } = judgeLiveSource({ label, mail: source.task.mail, masterApps, allowed });
  if (refusal !== undefined && copies)
    return failed("mail", { exitCode: EXIT.guard, problems: [refusal, ...warnings] });
  const problems = refusal === undefined ? warnings : [refusal, ...warnings];
  if (problems.length > 0) return warned("mail", problems);
  return passed("mail", `copies of ${labelOf(source)} would not mail by themselves`);
}

/**
 * Whether the server shows a report's mappings: by the source task's own reports, else by a copy that the log knows (a server
 * may leave an empty list out).
 */
export async function checkMappings(source: ObservedSource, log: LogState, reader: TaskReader): Promise<Check> {
  if (showsMappings(source.task.reports)) return mappingsShown(source);
  const copy = copyOf(source.task.id, log);
  const reading = copy === undefined ? undefined : await reader.readReports(copy);
  if (reading?.kind === "read" && showsMappings(reading.value)) return mappingsShown(source);
  if (source.task.reports === undefined && reading?.kind !== "read")
    return skipped("mappings", "the server lists no reports to look at");
  return warned("mappings", [
    {
      code: "MAPPINGS_NOT_SHOWN",
      message: `the server shows no mappings of ${labelOf(source)}: no copy can be read back, and every tenant stays "verified": false`,
      hint: 'Look at the first copy on the server: Task, Report, "Overwrite Report Apps"',
    },
  ]);
}

function mappingsShown(source: ObservedSource): Check {
  return passed("mappings", `shown for ${labelOf(source)}: copies can be read back`);
}

function showsMappings(reports: readonly TaskReport[] | undefined): boolean {
  return reports?.some((report) => report.mappings !== undefined) ?? false;
}

function copyOf(sourceTaskId: TaskId, log: LogState): TaskId | undefined {
  for (const tenant of log.tenants())
    if (tenant.sourceTaskId === sourceTaskId && tenant.copy !== undefined && !tenant.copy.gone)
      return tenant.copy.newTaskId;
  return undefined;
}
