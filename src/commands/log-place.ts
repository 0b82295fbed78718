import { existsSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { findLogs, LOG_ENDING, logBoundTo, readLogForPlan } from "../log/file/read-log-file.js";
import type { LogHeader } from "../log/records.js";
import { LogState } from "../log/state.js";
import type { TaskId } from "../shared/ids.js";
import type { LogHead } from "../shared/outcome.js";
import { EXIT, type Problem, StopError } from "../shared/problems.js";
import { shellWord } from "../shared/shell-word.js";

/** Where a command's log is. `named`: the user said so. */
export interface LogPlace {
  readonly path: string;
  readonly named: boolean;
}

/** A log as it was read without its lock. */
export interface ReadLog {
  readonly state: LogState;
  readonly header: LogHeader | undefined;
  readonly head: LogHead | undefined;
  readonly warnings: readonly Problem[];
  /** The file's length when its reading began, in bytes. */
  readonly size: number;
}

/** The log of a command: the one that is named, else beside the manifest. Throws a StopError (exit 2) where neither is given. */
export function placeOfLog(given: string | undefined, manifest: string): LogPlace {
  if (given !== undefined) return { path: given, named: true };
  if (manifest !== "-") return { path: `${manifest}${LOG_ENDING}`, named: false };
  throw new StopError(EXIT.usage, {
    code: "LOG_NOT_NAMED",
    message: "a manifest from standard input has no place beside which the idempotency log could be",
    hint: `Add --idempotency-log FILE, for example --idempotency-log customers${LOG_ENDING}`,
  });
}

/** The only log of a folder, for commands that are given neither a manifest nor a log. Throws a StopError (exit 2). */
export function onlyLogOf(folder: string, example: string): LogPlace {
  const found = findLogs(folder);
  const [only, ...others] = found;
  if (only !== undefined && others.length === 0) return { path: basename(only), named: false };
  throw new StopError(EXIT.usage, {
    code: only === undefined ? "NO_LOG" : "SEVERAL_LOGS",
    message:
      only === undefined
        ? `there is no *${LOG_ENDING} in this folder`
        : `there are several logs in this folder: ${found.map((path) => basename(path)).join(", ")}`,
    hint: only === undefined ? `Begin with: ${example}` : "Say which one with --idempotency-log FILE",
  });
}

/** Reads a log without a lock and folds it. Throws a StopError (exit 6) where it is damaged or not ours. */
export function readLogState(path: string): ReadLog {
  const state = new LogState();
  const size = logSize(path);
  const { header, head, warnings } = readLogForPlan(path, (record) => state.apply(record, record.run));
  return { state, header, head, warnings, size };
}

/** How long the log's file is, in bytes; 0 where there is none. It only grows. */
export function logSize(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/**
 * Refuses to start a second log by mistake: the default log does not exist, but another one in its folder is bound to this
 * server and one of these source tasks. Throws a StopError (exit 6) that names it.
 */
export function checkNoOtherLog(place: LogPlace, server: string, sourceTasks: readonly TaskId[]): void {
  if (place.named || existsSync(place.path)) return;
  const folder = dirname(place.path);
  const other = findLogs(folder).find((path) => {
    const bound = logBoundTo(path);
    return bound !== undefined && bound.server === server && sourceTasks.some((task) => bound.sourceTasks.has(task));
  });
  if (other === undefined) return;
  throw new StopError(EXIT.log, {
    code: "OTHER_LOG",
    message: `there is no log ${place.path}, but ${other} is the log of this server and source task`,
    hint: `Add --idempotency-log ${shellWord(join(folder, basename(other)))} (a second log would make every copy a second time)`,
    file: place.path,
  });
}

/** The server that a log is bound to, after any `--rebind`. */
export function serverOfLog(log: Pick<ReadLog, "state" | "header">): string | undefined {
  return log.state.reboundServer() ?? log.header?.server;
}

/** Throws a StopError (exit 6) where a log is another server's. */
export function checkServerOfLog(path: string, bound: string | undefined, server: string): void {
  if (bound === undefined || bound === server) return;
  throw new StopError(EXIT.log, {
    code: "LOG_OF_OTHER_SERVER",
    message: `the log ${path} is of the server ${bound}, not of ${server}`,
    hint: "Name the right log with --idempotency-log. Where it is the same server under a new address: --rebind",
    file: path,
  });
}
