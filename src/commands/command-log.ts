import { existsSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type OpenLogRequest, openLogForRun } from "../log/file/log-file.js";
import { findLogs, isLogOf, LOG_ENDING } from "../log/file/read-log.js";
import type { OpenLog } from "../log/open-log.js";
import type { TaskId } from "../shared/ids.js";
import { EXIT, stopError } from "../shared/problems.js";
import { shellWord } from "../shared/quoting.js";
import { systemClock } from "../shared/time.js";
import type { Host, Tell } from "./host.js";

/** Where a command's log is. `named`: the user said so. */
export interface LogPlace {
  readonly path: string;
  readonly named: boolean;
}

/**
 * The log of a command: the one that is named, else the one beside the manifest, else the only one of the folder. Throws a StopError
 * (exit 2) where none or several are there.
 */
export function findLog(
  host: Pick<Host, "cwd" | "argv0">,
  given: { readonly manifest: string | undefined; readonly idempotencyLog: string | undefined },
): LogPlace {
  if (given.idempotencyLog !== undefined) return { path: given.idempotencyLog, named: true };
  if (given.manifest !== undefined) return { path: `${given.manifest}${LOG_ENDING}`, named: false };
  const [only, ...others] = findLogs(host.cwd).map((path) => basename(path));
  if (only === undefined) {
    const hint = `Begin with: ${host.argv0} sync tenants.csv`;
    throw stopError(EXIT.usage, "NO_LOG", `there is no *${LOG_ENDING} in this folder`, { hint });
  }
  if (others.length > 0) {
    const message = `there are several logs in this folder: ${[only, ...others].join(", ")}`;
    throw stopError(EXIT.usage, "SEVERAL_LOGS", message);
  }
  return { path: only, named: false };
}

/** How long the log's file is, in bytes; 0 where there is none. It only grows. */
export function logSize(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** Opens a log with its lock, does some work with it, and closes it however that ends. Throws a StopError (exit 6) as opening does. */
export async function withOpenLog<T>(
  host: Pick<Host, "pid" | "processExists">,
  opening: Omit<OpenLogRequest, "clock" | "ownProcess" | "onWaiting">,
  tell: Tell,
  work: (log: OpenLog) => Promise<T>,
): Promise<T> {
  const log = await openLogForRun({
    ...opening,
    clock: systemClock,
    ownProcess: { pid: host.pid, exists: host.processExists },
    onWaiting: (reason, ms) => tell.emit({ kind: "waiting", reason, ms }),
  });
  try {
    await tell.warn(log.warnings);
    return await work(log);
  } finally {
    const leftBehind = await log.close();
    if (leftBehind !== undefined) await tell.warn([leftBehind]);
  }
}

/**
 * Refuses to start a second log by mistake: the default log does not exist, but another one in its folder is bound to this
 * server and one of these source tasks. Throws a StopError (exit 6) that names it.
 */
export function checkNoOtherLog(place: LogPlace, server: string, sourceTasks: readonly TaskId[]): void {
  if (place.named || existsSync(place.path)) return;
  const folder = dirname(place.path);
  const other = findLogs(folder).find((path) => isLogOf(path, server, sourceTasks));
  if (other === undefined) return;
  const message = `there is no log ${place.path}, but ${other} is the log of this server and source task`;
  const hint = `Add --idempotency-log ${shellWord(join(folder, basename(other)))} (a second log would make every copy a second time)`;
  throw stopError(EXIT.log, "OTHER_LOG", message, { hint, file: place.path });
}

/** Throws a StopError (exit 6) where a log is another server's. */
export function checkServerOfLog(path: string, bound: string | undefined, server: string): void {
  if (bound === undefined || bound === server) return;
  const message = `the log ${path} is of the server ${bound}, not of ${server}`;
  throw stopError(EXIT.log, "LOG_OF_OTHER_SERVER", message, { file: path });
}
