import { accessSync, constants, existsSync } from "node:fs";
import type { Host } from "../cli/host.js";
import type { DoctorSettings } from "../cli/settings.js";
import { systemClock } from "../files/system-clock.js";
import { diskTrouble, measureDiskSync, nodeDisk } from "../log/file/disk.js";
import { inspectLock } from "../log/file/lock.js";
import { findLogs } from "../log/file/read-log-file.js";
import { judgeDisk, judgeLock, judgeLog, unnamedLog } from "../log/health.js";
import { LogState } from "../log/state.js";
import { type Attempt, attempt } from "../run/attempt.js";
import { type Check, failed, skipped } from "../shared/diagnosis.js";
import type { TaskId } from "../shared/ids.js";
import { wordsOn } from "../shared/shell-word.js";
import {
  checkNoOtherLog,
  checkServerOfLog,
  type LogPlace,
  onlyLogOf,
  placeOfLog,
  readLogState,
  serverOfLog,
} from "./log-place.js";

/** A log as far as it could be examined. `state` is empty where it cannot be used. */
export interface ExaminedLog {
  readonly checks: readonly Check[];
  readonly state: LogState;
  readonly usable: boolean;
}

/** Examines the log, its lock and its disk. `server`: the address that the log must be bound to, where it is known. */
export async function examineLog(
  host: Host,
  settings: DoctorSettings,
  of: { readonly server: string | undefined; readonly sourceTasks: readonly TaskId[] },
): Promise<ExaminedLog> {
  const { manifest, idempotencyLog } = settings;
  if (manifest === undefined && idempotencyLog === undefined && findLogs(host.cwd).length !== 1)
    return { checks: unnamedLog(whyNone(findLogs(host.cwd).length)), state: new LogState(), usable: true };
  const place =
    manifest === undefined && idempotencyLog === undefined
      ? onlyLogOf(host.cwd, `${host.argv0} doctor customers.csv`)
      : placeOfLog(idempotencyLog, manifest ?? "");
  const read = await attempt(() => readUsable(place, of));
  const lock = await attempt(() => lockOf(host, place, settings));
  const disk = await attempt(() => measureDiskSync(place.path, { monotonic: () => systemClock.monotonic() }));
  const log = read.kind === "done" ? judgeLog({ path: place.path, ...read.value }) : failed("log", read.stop);
  return {
    checks: [log, lockLine(lock, disk), diskLine(disk)],
    state: read.kind === "done" ? read.value.state : new LogState(),
    usable: read.kind === "done",
  };
}

function whyNone(found: number): string {
  return found === 0
    ? "none is named, and there is none in this folder"
    : `${found} are in this folder, and none is named`;
}

function readUsable(
  place: LogPlace,
  of: { readonly server: string | undefined; readonly sourceTasks: readonly TaskId[] },
) {
  if (of.server !== undefined) checkNoOtherLog(place, of.server, of.sourceTasks);
  const log = readLogState(place.path);
  if (of.server !== undefined) checkServerOfLog(place.path, serverOfLog(log), of.server);
  checkWritable(place.path);
  return log;
}

/** Whether this user may append to a log that exists. Throws a StopError (exit 6). */
function checkWritable(path: string): void {
  if (!existsSync(path)) return;
  try {
    accessSync(path, constants.W_OK);
  } catch (error) {
    throw diskTrouble(path, "write to the idempotency log", error);
  }
}

function lockOf(host: Host, place: LogPlace, { manifest }: DoctorSettings): Check {
  try {
    const ownProcess = { pid: host.pid, exists: host.processExists };
    const seen = inspectLock(nodeDisk.realPath(place.path), { ownProcess, now: () => systemClock.now() });
    const word = wordsOn(host.platform);
    const log = place.named ? ` --idempotency-log ${word(place.path)}` : "";
    return judgeLock(seen, { path: place.path, sync: `${host.argv0} sync ${word(manifest ?? "MANIFEST")}${log}` });
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
    throw diskTrouble(`${place.path}.lock`, "look at the lock", error);
  }
}

/** A folder that is not there is told once, as the disk's. */
function lockLine(lock: Attempt<Check>, disk: Attempt<unknown>): Check {
  if (lock.kind === "done") return lock.value;
  return disk.kind === "stopped" ? skipped("lock", "the log's folder cannot be used") : failed("lock", lock.stop);
}

function diskLine(disk: Attempt<{ readonly ms: number; readonly folder: string }>): Check {
  return disk.kind === "done" ? judgeDisk(disk.value.ms, disk.value.folder) : failed("disk", disk.stop);
}
