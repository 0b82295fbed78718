import { countRows, lackingReports, type RowCounts } from "../log/tenant-state.js";
import type { Reading, TaskReader } from "../server/ports.js";
import type { ReportId, TaskId } from "../shared/ids.js";
import type { TenantError } from "../shared/outcome.js";
import type { TaskReport } from "../shared/source-task.js";
import { resolveCommand } from "./conflicts.js";

/** A copy's reports. `lacks`: an answer, given twice, that lacks what the copy was made with: it is none. */
export type CopyReading =
  | Reading<readonly TaskReport[]>
  | { readonly kind: "lacks"; readonly reports: readonly ReportId[] };

/** Reads a copy's reports; where the answer is empty, or lacks a report or a row that the copy was made with, once more. */
export async function readCopy(
  reader: TaskReader,
  id: TaskId,
  originalRows: RowCounts | undefined,
): Promise<CopyReading> {
  for (let tries = 1; ; tries += 1) {
    const reading = await reader.readReports(id);
    if (reading.kind !== "read") return reading;
    const shown = countRows(reading.value.map(({ reportId }) => reportId));
    const reports = lackingReports(shown, originalRows ?? new Map());
    if (reports.length === 0 && shown.size > 0) return reading;
    if (tries === 2) return { kind: "lacks", reports };
  }
}

/** What is told of a copy that shows less than it was made with: nothing that is known of it is forgotten, no app becomes free. */
export function copyLacks(
  of: { readonly tenant: string; readonly sourceTaskId: TaskId; readonly newTaskId: TaskId },
  reports: readonly ReportId[],
): TenantError {
  const lacks =
    reports.length === 0 ? "no report at all" : `not all of its rows: of ${reports.join(", ")} some are missing`;
  return {
    code: "COPY_LACKS_REPORT",
    message: `the copy ${of.newTaskId} was read twice and shows ${lacks}; what is known of it stays as it is`,
    hint: `Look at the copy on the server; the API key's role may see too little. Where a report was taken out of it on purpose: ${resolveCommand(of, `--task-id ${of.newTaskId}`)}`,
  };
}

/** What `--verify` tells of a copy that it could not read: whatever an earlier run saw, nothing is claimed. */
export function notVerified(newTaskId: TaskId, why: string): TenantError {
  return {
    code: "NOT_VERIFIED",
    message: `the copy ${newTaskId} could not be read, so that nothing shows what it maps: ${why}`,
    hint: "Run the same command again when the server answers, with a key that may read the copy's reports",
  };
}
