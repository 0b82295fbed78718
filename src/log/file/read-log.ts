import { lstatSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { realPathOf } from "../../files/paths.js";
import type { TaskId } from "../../shared/ids.js";
import { EXIT, type Problem, problem, StopError, stopError } from "../../shared/problems.js";
import { LOG_ENDING } from "../../shared/results.js";
import type { Steps } from "../../shared/steps.js";
import { inSteps } from "../../shared/time.js";
import { type LogContent, LogScan, type TornTail } from "../chain.js";
import type { ReadLog, RecordVisitor } from "../port.js";
import { LogState } from "../state.js";
import { type LogDisk, nodeDisk, onDisk } from "./disk.js";

/** What is being done, as {@link onDisk} tells it. */
export const READING = "read the idempotency log";

/** Reads a log for a dry run or `status`: no lock, nothing written, a torn end is ignored. Throws as opening does. */
export async function readLog(path: string, visit?: RecordVisitor): Promise<ReadLog> {
  const state = new LogState();
  const { last, torn } = (await readLogFile(logPathOf(path), path, state, nodeDisk, visit)) ?? {};
  if (last === undefined) return { state, head: null, warnings: [] };
  const head = { path, seq: last.seq, digest: last.digest };
  return { state, head, warnings: torn === undefined ? [] : [tornWarning(path, torn)] };
}

/**
 * A log's path without symbolic links: two names of one log must have one lock. Throws a StopError (exit 6) for a link that leads
 * nowhere: that is a sign of a log that was here, and a new one in its place would make every copy a second time.
 */
export function logPathOf(path: string): string {
  const real = realPathOf(path);
  return onDisk(path, READING, () => {
    const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
    if (!isLink || statSync(path, { throwIfNoEntry: false }) !== undefined) return real;
    const message = `The idempotency log ${path} is a symbolic link to ${real}, where no file is.`;
    throw stopError(EXIT.log, "LOG_LINK_BROKEN", message, { file: path, value: real });
  });
}

/**
 * Reads a log's file to its end into `state`; `undefined`: there is none. Throws a StopError (exit 6) where it is no log of ours,
 * damaged or unreadable. `shownPath`: as the user gave it, for messages. In steps: a log of years is read for many seconds, in which
 * signals are to be heard and the lock to beat.
 */
export async function readLogFile(
  path: string,
  shownPath: string,
  state: LogState,
  disk: LogDisk,
  visit?: RecordVisitor,
): Promise<LogContent | undefined> {
  const scan = new LogScan(shownPath, (record) => {
    visit?.(record, state);
    state.apply(record, record.run);
  });
  function* read(): Steps<LogContent | undefined> {
    if (disk.facts(path) === undefined) return undefined;
    for (const piece of disk.read(path, 0)) {
      scan.push(piece);
      yield;
    }
    const content = scan.end();
    if (content.header !== undefined) state.applyHeader(content.header);
    return content;
  }
  return await onDisk(shownPath, READING, () => inSteps(read()));
}

/** The last group was cut short by a crash. `kept`: where the lock's holder put what it cut off. */
export function tornWarning(path: string, torn: TornTail, kept?: string): Problem {
  const cut = `The last ${torn.bytes} bytes of ${path}, from line ${torn.line} on, are no whole record: a run was killed while it wrote, or somebody cut them`;
  const where = { file: path, line: torn.line };
  if (kept === undefined) return problem("LOG_TORN", `${cut}. They are ignored.`, where);
  const hint = torn.hasNuls
    ? "NUL bytes are what a disk leaves that lost its power; one that says it has written before it has may have lost what was told. Run sync with --verify once: it holds every copy against the server."
    : "Nothing to do: they were never confirmed as written, so nothing was sent on the strength of them.";
  return problem("LOG_TORN", `${cut}. They were moved to ${kept}.`, { ...where, hint });
}

/** The logs in a folder, by their usual ending, sorted. Throws a StopError (exit 6) where the folder cannot be read. */
export function findLogs(folder: string): readonly string[] {
  const names = onDisk(folder, "look for logs in", () => readdirSync(folder));
  const logs = names.filter((name) => name.endsWith(LOG_ENDING));
  return logs.sort().map((name) => join(folder, name));
}

/** A folder's first log that is of this server (after any `--rebind`) and knows one of these source tasks. */
export async function findLogOf(
  folder: string,
  server: string,
  sourceTasks: readonly TaskId[],
): Promise<string | undefined> {
  for (const path of findLogs(folder)) if (await isLogOf(path, server, sourceTasks)) return path;
  return undefined;
}

async function isLogOf(path: string, server: string, sourceTasks: readonly TaskId[]): Promise<boolean> {
  try {
    const { state } = await readLog(path);
    return state.server() === server && sourceTasks.some((task) => state.sourceTasks().has(task));
  } catch (error) {
    // A damaged or foreign neighbour is no reason to stop: it is refused where it is opened.
    if (error instanceof StopError) return false;
    throw error;
  }
}
