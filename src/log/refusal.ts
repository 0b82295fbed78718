import { HEADER_START, isBeginningOfHeader } from "./chain.js";
import { claimsToBeHeader, entryFault, isRawLine } from "./schema.js";

/** Why a file is not read as a log: what is wrong, and on which line. Never repaired by the program. */
export interface LogRefusal {
  readonly code: "LOG_DAMAGED" | "LOG_FOREIGN" | "LOG_NEWER";
  readonly line: number;
  readonly what: string;
}

/** A log whose lines were lost so is never taken for one that held none: it would make every copy a second time. */
export const NULS_FOR_LINES = "NUL bytes stand where its lines were, as a power loss or a broken disk leaves them";

function isNewer(version: unknown): boolean {
  return typeof version === "number" && version > 1;
}

/** Why a first line is not the header of a log that this version can read. */
export function headerRefusal(value: unknown, text: string): LogRefusal {
  if (!claimsToBeHeader(value) && endsInNuls(text)) return { code: "LOG_DAMAGED", line: 1, what: NULS_FOR_LINES };
  if (!claimsToBeHeader(value))
    return text.startsWith(HEADER_START)
      ? { code: "LOG_DAMAGED", line: 1, what: "the header is cut short or was edited" }
      : { code: "LOG_FOREIGN", line: 1, what: "it is not the header of an idempotency log" };
  if (isNewer(value.v) || isNewer(value.formatVersion))
    return { code: "LOG_NEWER", line: 1, what: "the header is of a newer format" };
  return { code: "LOG_DAMAGED", line: 1, what: "the header's digest is not that of its text" };
}

/** Whether a first line is NULs alone, or a beginning of our header and then NULs. */
function endsInNuls(text: string): boolean {
  let end = text.length;
  while (text[end - 1] === "\0") end -= 1;
  return end < text.length && isBeginningOfHeader(text.slice(0, end));
}

/** What is wrong with a line that is JSON: it was edited, or a newer program wrote it. */
export function recordFault(
  value: unknown,
  due: { readonly seq: number; readonly synced: number; readonly digest: string | undefined },
): Omit<LogRefusal, "line"> | undefined {
  if (!isRawLine(value)) return damaged("it is not a record of this log");
  if (isNewer(value.v)) return newer(`its version is ${value.v}`);
  if (value.v !== 1) return damaged(`its version is ${value.v}`);
  if (value.seq !== due.seq) return damaged(`its seq is ${value.seq} where ${due.seq} must stand`);
  if (due.digest === undefined) return damaged("its digest is not that of its text and of the line before");
  if (value.synced >= value.seq || value.synced < due.synced) return damaged(`its synced cannot be ${value.synced}`);
  const fault = entryFault(value);
  if (fault === undefined) return undefined;
  return fault.kind === "unknown-type"
    ? newer(`its type "${fault.type}" is unknown to this version`)
    : damaged(`its field "${fault.field}" is not what a record of type "${fault.type}" has`);
}

function damaged(what: string): Omit<LogRefusal, "line"> {
  return { code: "LOG_DAMAGED", what };
}

function newer(what: string): Omit<LogRefusal, "line"> {
  return { code: "LOG_NEWER", what };
}
