import { basename, dirname, join } from "node:path";
import type { TaskId } from "../../shared/ids.js";
import type { LogHead } from "../../shared/outcome.js";
import { type Problem, StopError } from "../../shared/problems.js";
import type { IdempotencyLog } from "../port.js";
import { type LogReading, LogScan, type LogTail, type WholeLog } from "../reading.js";
import type { LogHeader, LogRecord } from "../records.js";
import { type LogDisk, type LogHandle, nodeDisk } from "./disk.js";
import type { LogLock } from "./held-lock.js";
import { acquireLock, type LockRequest } from "./lock.js";
import { brokenLink, changedLog, diskTrouble, isDiskError, refusedLog, tornWarning, unreadableLog } from "./problem.js";
import { renewLog } from "./renewal.js";
import { LogWriter } from "./writer.js";

/** How logs are named: `customers.csv` → `customers.csv.idempotency.jsonl`. */
export const LOG_ENDING = ".idempotency.jsonl";

/** What opening a log for a run takes. */
export interface OpenLogRequest extends Omit<LockRequest, "logPath"> {
  readonly path: string;
  /** For the header of a new log. Whether an old log is of this server is for the caller to compare. */
  readonly server: string;
  readonly sourceTasks: readonly TaskId[];
  readonly run: string;
  /** Gets each record that is in the log already, in turn. */
  readonly visit: (record: LogRecord) => void;
  readonly disk?: LogDisk | undefined;
}

/** A log that is open for one run, with its lock. A new log's file comes into being with the first append. */
export interface OpenLog extends IdempotencyLog {
  readonly path: string;
  /** The file's header, or the one that a new file will have. */
  readonly header: LogHeader;
  /** No file was there. */
  readonly isNew: boolean;
  readonly warnings: readonly Problem[];
  /** Waits for what is under way, closes the file and gives the lock back; returns a warning where the lock stays behind. */
  close(): Promise<Problem | undefined>;
}

/** A log as it was read without a lock. */
export interface LogOnDisk {
  /** `undefined`: there is no log (no file, or one in which not even the header is whole). */
  readonly header: LogHeader | undefined;
  readonly head: LogHead | undefined;
  readonly warnings: readonly Problem[];
}

/**
 * Opens a log for a run that writes: takes the lock, reads every record into `visit`, cuts off a torn end (which is kept
 * beside the log), and makes durable what an earlier process wrote. Throws a StopError (exit 6) where the log is locked,
 * damaged, not ours, or cannot be written.
 */
export async function openLogForRun(request: OpenLogRequest): Promise<OpenLog> {
  const disk = request.disk ?? nodeDisk;
  const path = onDisk(request.path, "find the folder of", () => disk.realPath(request.path));
  const lock = await acquireLock({ ...request, logPath: path });
  try {
    return await openLocked(request, { disk, path, lock });
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** Reads a log for a dry run or `status`: no lock, nothing written, a torn end is ignored. Throws as opening does. */
export function readLogForPlan(path: string, visit: (record: LogRecord) => void, disk: LogDisk = nodeDisk): LogOnDisk {
  const reading = readLog(path, visit, { disk, place: path });
  if (reading === undefined || reading.kind === "unborn") return { header: undefined, head: undefined, warnings: [] };
  const { header, last, tail } = reading;
  const warnings = tail.kind === "torn" ? [tornWarning(path, tail)] : [];
  return { header, head: { path, seq: last.seq, digest: last.digest }, warnings };
}

/** The logs in a folder, by their usual ending, sorted. Throws a StopError (exit 6) where the folder cannot be read. */
export function findLogs(folder: string, disk: LogDisk = nodeDisk): readonly string[] {
  const names = onDisk(folder, "look for logs in", () => disk.list(folder));
  return names
    .filter((name) => name.endsWith(LOG_ENDING))
    .sort()
    .map((name) => join(folder, name));
}

/** What a log is bound to today: its server (after any `--rebind`) and every source task that it knows. */
export interface LogBinding {
  readonly server: string;
  readonly sourceTasks: ReadonlySet<TaskId>;
}

/** Says what a log is bound to; `undefined` where the file is no log that can be read. */
export function logBoundTo(path: string, disk: LogDisk = nodeDisk): LogBinding | undefined {
  const sourceTasks = new Set<TaskId>();
  let server: string | undefined;
  const visit = (record: LogRecord): void => {
    if (record.type === "rebound") server = record.server;
    else if ("sourceTaskId" in record) sourceTasks.add(record.sourceTaskId);
  };
  try {
    const { header } = readLogForPlan(path, visit, disk);
    if (header === undefined) return undefined;
    for (const task of header.sourceTasks) sourceTasks.add(task);
    return { server: server ?? header.server, sourceTasks };
  } catch (error) {
    // A damaged or foreign neighbour is no reason to stop: it is refused where it is opened.
    if (error instanceof StopError) return undefined;
    throw error;
  }
}

interface Place {
  readonly disk: LogDisk;
  /** Without symbolic links. */
  readonly path: string;
  readonly lock: LogLock;
}

async function openLocked(request: OpenLogRequest, place: Place): Promise<OpenLog> {
  const { disk, path, lock } = place;
  const renewed = onDisk(request.path, "put into a new file", () => {
    const warnings = renewLog({ ...place, shownPath: request.path });
    lock.settle();
    return warnings;
  });
  const reading = readLog(request.path, request.visit, { disk, place: path });
  const mended = reading === undefined ? undefined : cutTorn(request, place, reading);
  const size = mended?.size ?? 0;
  const handle = reading === undefined ? undefined : await openMended(request.path, place, size);
  const whole = reading?.kind === "log" ? reading : undefined;
  const header = whole?.header ?? newHeader(request);
  const writer = new LogWriter({
    disk,
    path,
    shownPath: request.path,
    checkLock: () => lock.check(),
    header,
    run: request.run,
    now: request.now,
    handle,
    size,
    last: whole?.last,
    newlineMissing: whole?.endsWithoutNewline ?? false,
  });
  return {
    path: request.path,
    header,
    isNew: reading === undefined,
    warnings: [...lock.warnings, ...renewed, ...(mended?.warnings ?? [])],
    append: (entries) => writer.append(entries),
    head: () => writer.head(),
    checkMaySend: () => onDisk(request.path, "look at the lock of", () => lock.checkMaySend()),
    async close() {
      await writer.close();
      return await lock.release();
    },
  };
}

function newHeader(request: OpenLogRequest): LogHeader {
  const { server, sourceTasks } = request;
  return { type: "header", format: "qalyptus-propagate-log", formatVersion: 1, server, sourceTasks };
}

/** Opens the file to append, and makes durable what is in it before anything is decided on the strength of it. */
async function openMended(shownPath: string, { disk, path }: Place, size: number): Promise<LogHandle> {
  const handle = onDisk(shownPath, "open for writing", () => disk.open(path));
  try {
    await handle.datasync();
    const found = handle.facts().size;
    if (found !== size) throw changedLog(shownPath, `it is ${found} bytes long where ${size} were read`);
    return handle;
  } catch (error) {
    handle.close();
    throw isDiskError(error) ? diskTrouble(shownPath, "make durable", error) : error;
  }
}

/** Cuts off what a crash left, and keeps it beside the log. Returns the file's length and what to tell. */
function cutTorn(
  request: OpenLogRequest,
  place: Place,
  reading: WholeLog | Extract<LogReading, { readonly kind: "unborn" }>,
): { readonly size: number; readonly warnings: readonly Problem[] } {
  const tail: LogTail = reading.kind === "log" ? reading.tail : unbornTail(reading.bytes);
  if (tail.kind === "clean") return { size: reading.kind === "log" ? reading.end : 0, warnings: [] };
  const { disk, path, lock } = place;
  return onDisk(request.path, "cut the torn end off", () => {
    const kept = keepBeside({ disk, path, from: tail.at }, request.now());
    disk.truncate(path, tail.at, () => lock.check());
    return { size: tail.at, warnings: [tornWarning(request.path, tail, join(dirname(request.path), basename(kept)))] };
  });
}

function unbornTail(bytes: number): LogTail {
  return bytes === 0 ? { kind: "clean" } : { kind: "torn", at: 0, bytes, line: 1, hasNuls: false };
}

/** Copies the file's end to `LOG.torn-TIME-N`, durably, and returns that path. */
function keepBeside(torn: { readonly disk: LogDisk; readonly path: string; readonly from: number }, now: Date): string {
  const { disk, path, from } = torn;
  const time = now.toISOString().replace(/[-:]|\.\d+/g, "");
  let count = 1;
  while (disk.facts(`${path}.torn-${time}-${count}`) !== undefined) count += 1;
  const kept = `${path}.torn-${time}-${count}`;
  const handle = disk.create(kept);
  try {
    disk.read(path, from, (chunk) => {
      let rest = chunk;
      while (rest.length > 0) rest = rest.subarray(handle.write(rest));
    });
    handle.datasyncNow();
  } finally {
    handle.close();
  }
  disk.syncFolder(dirname(path));
  return kept;
}

/** Reads a log's file; `undefined`: there is none. Throws a StopError where it is refused or unreadable. */
function readLog(
  shownPath: string,
  visit: (record: LogRecord) => void,
  where: { readonly disk: LogDisk; readonly place: string },
): Exclude<LogReading, { readonly kind: "refused" }> | undefined {
  const scan = new LogScan(visit);
  try {
    if (where.disk.facts(where.place) === undefined) {
      const target = where.disk.linkTarget(where.place);
      if (target !== undefined) throw brokenLink(shownPath, target);
      return undefined;
    }
    where.disk.read(where.place, 0, (chunk) => scan.push(chunk));
  } catch (error) {
    throw error instanceof StopError || !isDiskError(error) ? error : unreadableLog(shownPath, error);
  }
  const reading = scan.end();
  if (reading.kind === "refused") throw refusedLog(shownPath, reading.refusal);
  return reading;
}

/** Runs a step on the disk; what the disk says no to becomes a stop with a remedy. */
function onDisk<T>(shownPath: string, doing: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    throw isDiskError(error) ? diskTrouble(shownPath, doing, error) : error;
  }
}
