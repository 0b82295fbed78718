import { hostname, userInfo } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { nameFault } from "../files/file-names.js";
import { statOf } from "../files/paths.js";
import { FilePlace } from "../log/file/file-place.js";
import { findLogOf, findLogs } from "../log/file/read-log.js";
import type { OpenLog } from "../log/open-log.js";
import type { LogPlace, Opening } from "../log/port.js";
import { isPostgresUrl, isSameLog, parsePostgresUrl } from "../log/postgres/address.js";
import type { RunBy } from "../log/records.js";
import type { LogState } from "../log/state.js";
import { planDiffers } from "../plan/saved-plan.js";
import { commandLine, hintOf, sameLine } from "../shared/hints.js";
import type { TaskId } from "../shared/ids.js";
import { EXIT, StopError, stopError } from "../shared/problems.js";
import { LOG_ENDING } from "../shared/results.js";
import { systemClock } from "../shared/time.js";
import type { Host, Tell } from "./host.js";

/** The machine, as far as finding and opening a log needs it. */
type LogHost = Pick<Host, "cwd" | "argv0" | "env" | "pid" | "processExists" | "platform" | "version" | "secrets">;

/** A command's log. `named`: the user said so. */
export interface CommandLog {
  readonly place: LogPlace;
  readonly named: boolean;
}

/** What a command line says of its log. */
export interface LogSettings {
  readonly manifest?: string | undefined;
  readonly idempotencyLog?: string | undefined;
  /** The log that a saved plan was made with. */
  readonly planLog?: string | undefined;
  /** Authorities that a database's certificate may come from. */
  readonly caFiles?: readonly string[] | undefined;
}

/**
 * The log of a command: the one that is named, by the option or by QALYPTUS_IDEMPOTENCY_LOG, else the one beside the manifest, else the
 * only one of the folder. Throws a StopError (exit 2) where none or several are there.
 */
export async function findLog(host: LogHost, given: LogSettings): Promise<CommandLog> {
  const { QALYPTUS_IDEMPOTENCY_LOG: usual = "" } = host.env;
  const { planLog, manifest } = given;
  const typed = given.idempotencyLog ?? (usual || undefined);
  if (planLog !== undefined) checkLogIsPlans(planLog, typed, host);
  const idempotencyLog = typed ?? planLog;
  if (idempotencyLog !== undefined)
    return { place: await placeOf(host, idempotencyLog, given), named: typed !== undefined };
  const beside = (path: string): CommandLog => ({ place: fileAt(host, path), named: false });
  if (manifest !== undefined) return beside(`${manifest}${LOG_ENDING}`);
  const [only, ...others] = findLogs(host.cwd).map((path) => basename(path));
  if (only === undefined) {
    const hint = hintOf("Begin with:", commandLine("sync", "tenants.csv", "--dry-run"));
    throw stopError(EXIT.usage, "NO_LOG", `there is no *${LOG_ENDING} in this folder`, { hint });
  }
  if (others.length > 0) {
    const message = `there are several logs in this folder: ${[only, ...others].join(", ")}`;
    throw stopError(EXIT.usage, "SEVERAL_LOGS", message);
  }
  return beside(only);
}

/**
 * Throws exit 7 where the log that was named is not the saved plan's, and where only a plan names a database: whoever wrote the plan would
 * say who is told this machine's password. Who plans may be another user of the database, and another folder may hold the file.
 */
function checkLogIsPlans(planLog: string, typed: string | undefined, { env }: Pick<LogHost, "env">): void {
  const isDatabase = isPostgresUrl(planLog);
  if (typed === undefined && !isDatabase) return;
  const isSame =
    typed !== undefined && isDatabase && isPostgresUrl(typed)
      ? isSameLog(parsePostgresUrl(planLog, false, env), parsePostgresUrl(typed, false, env))
      : typed !== undefined && !isDatabase && basename(typed) === basename(planLog);
  if (isSame) return;
  const shown = isDatabase ? parsePostgresUrl(planLog, false, env).shown : planLog;
  const hint = `Name the plan's log with --idempotency-log, if it is yours: ${shown}`;
  const now = typed === undefined ? "" : ", not with the one that was named";
  throw planDiffers(`the plan was made with the idempotency log ${shown}${now}`, hint);
}

/** The place that a text names: a file, or a log in PostgreSQL, whose client is loaded only then. */
export async function placeOf(host: LogHost, text: string, given: LogSettings): Promise<LogPlace> {
  return isPostgresUrl(text) ? databaseAt(host, text, given) : fileAt(host, text);
}

/** The log in PostgreSQL that an address names. */
export async function databaseAt(host: LogHost, text: string, given: Pick<LogSettings, "caFiles">) {
  // An argument is public, the environment is not.
  const { QALYPTUS_IDEMPOTENCY_LOG: usual = "" } = host.env;
  const typed = parsePostgresUrl(text, text !== usual, host.env);
  // The same log with the environment's password; what was typed of TLS stands.
  const known = isPostgresUrl(usual) ? parsePostgresUrl(usual, false, host.env) : undefined;
  const isKnown = known?.shown === typed.shown;
  const address = isKnown ? { ...(/[?&]ssl/.test(text) ? typed : known), password: known.password } : typed;
  const { postgresPlace } = await import("./postgres-place.js");
  return postgresPlace(host, address, given.caFiles ?? []);
}

/** Lock, copies and what was cut off stand beside the log, under its name with so much behind it. */
const ROOM_BEHIND_LOG = 55;

/** The log in a file. Throws a StopError (exit 2) where no file of this name can be made. */
function fileAt({ pid, processExists: exists, platform, cwd }: LogHost, path: string): FilePlace {
  const fault = statOf(resolve(cwd, path)) === undefined ? nameFault(path, platform, ROOM_BEHIND_LOG) : undefined;
  if (fault !== undefined)
    throw stopError(EXIT.usage, "LOG_NAME", `the idempotency log cannot be ${path}: ${fault}`, { file: path });
  return new FilePlace(path, { pid, exists });
}

/** Who runs this, for the log's records and for its lock. */
export function whoRuns({ env, version }: Pick<Host, "env" | "version">): RunBy {
  const { GITHUB_SERVER_URL, GITHUB_REPOSITORY, GITHUB_RUN_ID, BUILD_BUILDID } = env;
  const { SYSTEM_COLLECTIONURI: azure, SYSTEM_TEAMPROJECT: project } = env;
  const github = GITHUB_RUN_ID && `${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}/actions/runs/${GITHUB_RUN_ID}`;
  const ofAzure = BUILD_BUILDID && azure && `${azure}${project}/_build/results?buildId=${BUILD_BUILDID}`;
  // GitLab's, and Jenkins's own.
  const ciJob = github || env.CI_JOB_URL || ofAzure || env.BUILD_URL || undefined;
  return { user: userName(env), host: hostname(), version, ciJob };
}

function userName({ USER, USERNAME }: Host["env"]): string | undefined {
  try {
    return userInfo().username;
  } catch {
    // A container may run under a number that no user has.
    return USER ?? USERNAME;
  }
}

/** What a command says when it opens its log. */
export interface LogOpening extends Pick<Opening, "server" | "sourceTasks" | "command" | "run" | "breakLock"> {
  /** `--lock-timeout`: how long another run's lock is waited for, in milliseconds. */
  readonly lockTimeoutMs: number;
}

/** Between two looks at another run's lock, and between two words about it, in milliseconds. */
const LOOK_AGAIN_MS = 500;
const TELL_AGAIN_MS = 5_000;

/** Opens a log with its lock, does some work with it, and closes it however that ends. Throws a StopError (exit 6) as opening does. */
export async function withOpenLog<T>(
  host: Pick<Host, "env" | "version" | "secrets">,
  place: LogPlace,
  { lockTimeoutMs, ...asked }: LogOpening,
  tell: Tell,
  work: (log: OpenLog) => Promise<T>,
): Promise<T> {
  const opening: Opening = {
    ...asked,
    path: place.path,
    clock: systemClock,
    by: whoRuns(host),
    secrets: host.secrets,
    onWaiting: (reason, ms) => tell.emit({ kind: "waiting", reason, ms }),
  };
  const log = await openOnceFree(place, opening, lockTimeoutMs);
  try {
    checkNotMoved(log.state, place.path);
    await tell.warn(log.warnings);
    return await work(log);
  } finally {
    const leftBehind = await log.close();
    if (leftBehind !== undefined) await tell.warn([leftBehind]);
  }
}

/** Opens a log; where another run holds its lock, waits as long as `--lock-timeout` says. */
async function openOnceFree(place: LogPlace, opening: Opening, lockTimeoutMs: number): Promise<OpenLog> {
  const until = systemClock.monotonic() + lockTimeoutMs;
  for (let toldAt = Number.NEGATIVE_INFINITY; ; ) {
    try {
      return await place.open(opening);
    } catch (error) {
      const now = systemClock.monotonic();
      if (!isLocked(error) || opening.breakLock !== undefined || now >= until) throw error;
      if (now - toldAt >= TELL_AGAIN_MS) {
        toldAt = now;
        opening.onWaiting?.(`another run holds the log: ${error.message}`, until - now);
      }
      await sleep(Math.min(LOOK_AGAIN_MS, until - now));
    }
  }
}

function isLocked(error: unknown): error is StopError {
  return error instanceof StopError && error.problems[0]?.code === "LOG_LOCKED";
}

/** Throws a StopError (exit 6) where a log was copied to another place and closed. */
export function checkNotMoved(state: LogState, path: string): void {
  const to = state.movedTo();
  if (to === undefined) return;
  const hint = hintOf("Name the new place:", sameLine("--idempotency-log", to));
  throw stopError(EXIT.log, "LOG_MOVED", `The idempotency log ${path} was copied to ${to}, and is closed.`, {
    hint,
    file: path,
  });
}

/**
 * Refuses to start a second log by mistake: the default log does not exist, but another one in its folder is bound to this
 * server and one of these source tasks. Throws a StopError (exit 6) that names it.
 */
export async function checkNoOtherLog(
  { place, named }: CommandLog,
  server: string,
  sourceTasks: readonly TaskId[],
): Promise<void> {
  if (named || (await place.size()) !== undefined) return;
  const folder = dirname(place.path);
  const other = await findLogOf(folder, server, sourceTasks);
  if (other === undefined) return;
  const message = `there is no log ${place.path}, but ${other} is the log of this server and source task`;
  const hint = hintOf(
    "A second log would make every copy a second time. To go on with that one:",
    sameLine("--idempotency-log", join(folder, basename(other))),
  );
  throw stopError(EXIT.log, "OTHER_LOG", message, { hint, file: place.path });
}

/** Throws a StopError (exit 6) where a log is another server's. */
export function checkServerOfLog(path: string, bound: string | undefined, server: string): void {
  if (bound === undefined || bound === server) return;
  const message = `the log ${path} is of the server ${bound}, not of ${server}`;
  throw stopError(EXIT.log, "LOG_OF_OTHER_SERVER", message, { file: path });
}
