import { join } from "node:path";
import type { TaskId } from "../../shared/ids.js";
import type { LogHead } from "../../shared/outcome.js";
import { EXIT, type Problem, problem, StopError, stopError } from "../../shared/problems.js";
import { type LogContent, LogScan, type TornTail } from "../reading.js";
import type { LogHeader, LogRecord } from "../records.js";
import { LogState } from "../state.js";
import { type LogDisk, nodeDisk, onDisk } from "./disk.js";

/** How logs are named: `customers.csv` → `customers.csv.idempotency.jsonl`. */
export const LOG_ENDING = ".idempotency.jsonl";

/** A log as it was read without a lock. */
export interface LogOnDisk {
  /** `undefined`: there is no log (no file, or one in which not even the header is whole). */
  readonly header: LogHeader | undefined;
  readonly head: LogHead | undefined;
  readonly warnings: readonly Problem[];
}

/** Reads a log for a dry run or `status`: no lock, nothing written, a torn end is ignored. Throws as opening does. */
export function readLogForPlan(path: string, visit: (record: LogRecord) => void, disk: LogDisk = nodeDisk): LogOnDisk {
  const { header, last, torn } = readLogFile(path, visit, disk) ?? {};
  if (header === undefined || last === undefined) return { header: undefined, head: undefined, warnings: [] };
  const warnings = torn === undefined ? [] : [tornWarning(path, torn)];
  return { header, head: { path, seq: last.seq, digest: last.digest }, warnings };
}

/**
 * Reads a log's file to its end, each record into `visit`; `undefined`: there is none. Throws a StopError (exit 6) where it is no
 * log of ours, damaged or unreadable. `shownPath`: as the user gave it, for messages.
 */
export function readLogFile(
  path: string,
  visit: (record: LogRecord) => void,
  disk: LogDisk,
  shownPath = path,
): LogContent | undefined {
  const scan = new LogScan(shownPath, visit);
  return onDisk(shownPath, "read the idempotency log", () => {
    if (disk.facts(path) !== undefined) {
      disk.read(path, 0, (piece) => scan.push(piece));
      return scan.end();
    }
    const target = disk.linkTarget(path);
    if (target === undefined) return undefined;
    // A link that leads nowhere is a sign of a log that was here: a new one in its place would make every copy a second time.
    const message = `The idempotency log ${shownPath} is a symbolic link to ${target}, where no file is.`;
    throw stopError(EXIT.log, "LOG_LINK_BROKEN", message, { file: shownPath, value: target });
  });
}

/** The last group was cut short by a crash. `kept`: where the lock's holder put what it cut off. */
export function tornWarning(path: string, torn: TornTail, kept?: string): Problem {
  const cut = `The last ${torn.bytes} bytes of ${path}, from line ${torn.line} on, were cut short by a crash`;
  const where = { file: path, line: torn.line };
  if (kept === undefined) return problem("LOG_TORN", `${cut} and are ignored.`, where);
  const hint = torn.hasNuls
    ? "NUL bytes are what a disk leaves that lost its power; one that says it has written before it has may have lost what was told. Run sync with --verify once: it holds every copy against the server."
    : "Nothing to do: they were never confirmed as written, so nothing was sent on the strength of them.";
  return problem("LOG_TORN", `${cut}; they were moved to ${kept}.`, { ...where, hint });
}

/** The logs in a folder, by their usual ending, sorted. Throws a StopError (exit 6) where the folder cannot be read. */
export function findLogs(folder: string): readonly string[] {
  const names = onDisk(folder, "look for logs in", () => nodeDisk.list(folder));
  const logs = names.filter((name) => name.endsWith(LOG_ENDING));
  return logs.sort().map((name) => join(folder, name));
}

/** Whether a file is the log of this server (after any `--rebind`) and knows one of these source tasks. */
export function isLogOf(path: string, server: string, sourceTasks: readonly TaskId[]): boolean {
  const state = new LogState();
  try {
    const { header } = readLogForPlan(path, (record) => state.apply(record, record.run));
    if (header === undefined || (state.reboundServer() ?? header.server) !== server) return false;
    return sourceTasks.some((task) => header.sourceTasks.includes(task) || state.isSource(task));
  } catch (error) {
    // A damaged or foreign neighbour is no reason to stop: it is refused where it is opened.
    if (error instanceof StopError) return false;
    throw error;
  }
}
