import {
  type AppId,
  parseAppId,
  parseReportId,
  parseRowId,
  parseTaskId,
  type ReportId,
  type RowId,
  type TaskId,
} from "../../src/shared/ids.js";

/** Readable GUIDs: a kind and a number. */
export function guid(kind: number, number: number): string {
  return `${kind.toString(16).padStart(8, "0")}-0000-4000-8000-${number.toString(16).padStart(12, "0")}`;
}

function parsed<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("not a GUID");
  return value;
}

export const taskId = (number: number): TaskId => parsed(parseTaskId(guid(0x7a, number)));
export const rowId = (number: number): RowId => parsed(parseRowId(guid(0xc0, number)));
export const reportId = (number: number): ReportId => parsed(parseReportId(guid(0xee, number)));
export const appId = (number: number): AppId => parsed(parseAppId(guid(0xaa, number)));
/** The app that source tasks read, and a second one that their reports read too. */
export const MASTER = appId(0x100);
export const SECOND_MASTER = appId(0x101);
