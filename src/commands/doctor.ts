import { LOCK_TIMING, lockedProblem } from "../log/heartbeat.js";
import type { ReadLog, SeenLock } from "../log/port.js";
import type { PlanShape } from "../log/records.js";
import { LogState } from "../log/state.js";
import { hasOpenWrite } from "../log/tenant-state.js";
import type { Manifest } from "../manifest/manifest.js";
import { listNotRead, listNotWhole, type ObservedList, type ObservedSource, observeServer } from "../plan/observe.js";
import { humanDiagnosis } from "../reporter/human.js";
import { jsonDiagnosis } from "../results/json.js";
import type { Interruption } from "../run/abort.js";
import { dryRunSync, sourcesOf } from "../run/sync.js";
import type { TaskReader } from "../server/ports.js";
import { type Check, diagnose, failed, passed, skipped, warned } from "../shared/diagnosis.js";
import { hintOf, sameSync } from "../shared/hints.js";
import type { TaskId } from "../shared/ids.js";
import { EXIT, type ExitCode, lineOf, problem, StopError, stopError } from "../shared/problems.js";
import { ACTIONS } from "../shared/results.js";
import { counted, listed, nameAndId, quote } from "../shared/text-safety.js";
import { systemClock } from "../shared/time.js";
import { checkNoOtherLog, checkNotMoved, checkServerOfLog, findLog } from "./command-log.js";
import { openConnection } from "./connection.js";
import type { Host } from "./host.js";
import { attempt, readManifestInput } from "./inputs.js";
import { ABSENT } from "./options.js";
import { type SettingsOf, syncJob } from "./settings.js";
import { chooseSourceTask } from "./source-task.js";
import { openTelling } from "./telling.js";

/** `doctor`: takes each step of a sync up to its first write, by reading only; ends with the code that a sync would end with. */
export async function doctorCommand(host: Host, settings: SettingsOf["doctor"]): Promise<ExitCode> {
  const { output, manifest: path, newLog, sourceTaskName } = settings;
  const { server: address, apiKey, ...rest } = settings.connection;
  const telling = await openTelling(host, output);
  const checks: Check[] = [];
  if (address === undefined)
    checks.push(failed("server", stopError(EXIT.usage, "SERVER_MISSING", "no server is named")));
  if (apiKey === undefined) checks.push(failed("key", stopError(EXIT.usage, "API_KEY_MISSING", "there is no API key")));
  const opened =
    address &&
    apiKey &&
    (await attempt(() => openConnection(host, { ...rest, server: address, apiKey }, telling.emit)));
  if (opened instanceof StopError)
    checks.push(failed(opened.problems.some(({ code }) => code === "API_KEY") ? "key" : "server", opened));
  const connection = opened instanceof StopError ? undefined : opened;
  try {
    const reader = connection?.api.reader;
    const chosen =
      sourceTaskName === undefined || reader === undefined
        ? settings.shape.sourceTask
        : await attempt(() => chooseSourceTask(reader, sourceTaskName));
    // What else is wrong with the server or the key is told below, as without a name.
    if (chosen instanceof StopError && chosen.exitCode === EXIT.usage) checks.push(failed("source-task", chosen));
    const sourceTask = chosen instanceof StopError ? undefined : chosen;
    const shape = { ...settings.shape, sourceTask };
    // Without the source task that a name means, the manifest's rows would be told to lack one.
    const isUnread = path === undefined || (sourceTaskName !== undefined && sourceTask === undefined);
    const read = isUnread ? undefined : await attempt(() => readManifestInput({ ...settings, shape, path }));
    checks.unshift(
      isUnread && path !== undefined ? skipped("manifest", "its source task is not known") : manifestCheck(read),
    );
    const manifest = read instanceof StopError ? undefined : read;
    const named = manifest === undefined ? [] : sourcesOf(manifest);
    const sourceTasks = named.length > 0 || sourceTask === undefined ? named : [sourceTask];
    const server = connection?.server.identity;
    const log = await checkLog(host, settings, server, sourceTasks);
    checks.push(...log.checks);
    const noPlan =
      chosen instanceof StopError
        ? "the source task is not known"
        : read instanceof StopError
          ? "the manifest has faults"
          : log.isUsable
            ? undefined
            : "the log cannot be used";
    if (connection !== undefined && server !== undefined) {
      const asked = { server, sourceTasks, shape, newLog, log: log.state, manifest, noPlan };
      checks.push(...(await checkServer(asked, connection.api.reader, () => host.interruption())));
    }
    const warnings = connection?.warnings ?? [];
    const found = diagnose(server ?? null, checks.map(telling.completed), warnings.map(telling.completed));
    const diagnosis = { ...found, errors: found.errors.map(telling.completed) };
    await telling.warn(warnings);
    const isHuman = output.format === "human";
    await telling.answer(isHuman ? humanDiagnosis(diagnosis, telling.look) : jsonDiagnosis(diagnosis));
    return diagnosis.exitCode;
  } finally {
    await connection?.api.close();
  }
}

function manifestCheck(read: Manifest | StopError | undefined): Check {
  if (read === undefined) return skipped("manifest", "none is named");
  if (read instanceof StopError) return failed("manifest", read);
  const { path, tenants, warnings } = read;
  const shown = `${path}: ${counted(tenants.length, "tenant")}`;
  return warnings.length === 0 ? passed("manifest", shown) : warned("manifest", warnings, shown);
}

/** The log and its lock. `server`: the address that the log must be bound to, where it is known. */
async function checkLog(
  host: Host,
  settings: SettingsOf["doctor"],
  server: string | undefined,
  sourceTasks: readonly TaskId[],
): Promise<{ readonly checks: readonly Check[]; readonly state: LogState; readonly isUsable: boolean }> {
  const found = await attempt(() => findLog(host, settings));
  if (found instanceof StopError) {
    if (found.problems[0]?.code !== "NO_LOG" && found.problems[0]?.code !== "SEVERAL_LOGS")
      return { checks: [failed("log", found)], state: new LogState(), isUsable: false };
    const hint = "Name the manifest, or the log with --idempotency-log FILE";
    return { checks: [skipped("log", found.message, hint)], state: new LogState(), isUsable: true };
  }
  const { place } = found;
  const { path } = place;
  const read = await attempt(async () => {
    if (server !== undefined) await checkNoOtherLog(found, server, sourceTasks);
    const log = await place.read();
    if (server !== undefined) checkServerOfLog(path, log.state.server(), server);
    checkNotMoved(log.state, path);
    return { ...log, shown: await place.checkMayWrite() };
  });
  if (read instanceof StopError) return { checks: [failed("log", read)], state: new LogState(), isUsable: false };
  const lock = await attempt(async () => judgeLock(await place.lock(), path));
  const checks = [judgeLog(read.shown, read), lock instanceof StopError ? failed("lock", lock) : lock];
  return { checks, state: read.state, isUsable: true };
}

function judgeLog(path: string, { head, state, warnings }: ReadLog): Check {
  if (head === null) return passed("log", `there is no ${path} yet: the first sync makes it`);
  const tenants = [...state.tenants()];
  const open = tenants.filter(hasOpenWrite).map(({ tenant }) => quote(tenant));
  const hint = "The next sync looks them up and settles them; status shows each";
  const doubts = open.length === 0 ? [] : [problem("DOUBT", `${open.length} in doubt: ${listed(open)}`, { hint })];
  const shown = `${path}: ${counted(tenants.length, "tenant")}, head ${head.seq} ${head.digest.slice(0, 12)}`;
  const problems = [...warnings, ...doubts];
  return problems.length === 0 ? passed("log", `${shown}, nothing in doubt`) : warned("log", problems, shown);
}

/** Judges whether a sync could take the log's lock. */
export function judgeLock(lock: SeenLock | undefined, path: string): Check {
  if (lock === undefined) return passed("lock", "free");
  const { id, owner, ownerState, silentMs } = lock;
  if (ownerState === "gone")
    return passed("lock", `left behind by ${owner}, which runs no more: the next sync takes it over`);
  const locked = lockedProblem(lock, path, undefined, sameSync);
  if (ownerState === "alive" || silentMs < LOCK_TIMING.silentMs)
    return failed("lock", { exitCode: EXIT.log, problems: [locked] });
  const message = `${locked.message} The next sync watches it for a moment, then takes it over`;
  const hint = hintOf("Where you know that it does not run any more, it need not wait:", sameSync("--break-lock", id));
  return warned("lock", [problem("LOCK_SILENT", message, { file: path, hint })]);
}

/** What the server is asked about. */
export interface ServerQuestion {
  /** The server's address, as the log is bound to it. */
  readonly server: string;
  /** Those of `--source-task` and of the manifest. */
  readonly sourceTasks: readonly TaskId[];
  readonly shape: PlanShape;
  readonly newLog: boolean;
  /** Empty where there is no log, or none that may be used. */
  readonly log: LogState;
  /** `undefined`: none was named, or it has faults. */
  readonly manifest: Manifest | undefined;
  /** Why there can be no plan whatever the server says. */
  readonly noPlan: string | undefined;
}

/** Looks at a server by reading, as a sync does before it plans; then plans as a dry run does. */
export async function checkServer(
  question: ServerQuestion,
  reader: TaskReader,
  interruption: () => Interruption,
): Promise<readonly Check[]> {
  const { server, log, sourceTasks } = question;
  const observed = await attempt(() => observeServer(reader, () => log, sourceTasks));
  const answers = passed("server", `${server} answers`);
  if (observed instanceof StopError) {
    const codes = observed.problems.map(({ code }) => code);
    if (codes.includes("KEY_REFUSED") || codes.includes("FORBIDDEN")) return [answers, failed("key", observed)];
    if (!codes.includes("SOURCE_UNKNOWN")) return [failed("server", observed)];
    return [answers, passed("key", "accepted"), failed("source-task", observed)];
  }
  const { list, sources } = observed;
  const shown = [...sources.values()];
  const { reading } = list;
  if (reading.kind === "none" && !reading.forbidden && shown.every(({ route }) => route === "none")) {
    const message = `${server} answers, but nothing that was read shows that it is a Qalyptus Server`;
    if (reading.problem.code !== "NOT_FOUND")
      return [failed("server", { exitCode: EXIT.server, problems: [reading.problem] })];
    return [warned("server", [reading.problem], message), await planCheck(question, reader, interruption)];
  }
  const checks = [answers, passed("key", "accepted"), listCheck(list, sourceTasks)];
  for (const source of shown) checks.push(...sourceChecks(source, log));
  if (shown.length === 0)
    checks.push(skipped("source-task", "no source task is named", "Give --source-task GUID, or the manifest"));
  return [...checks, await planCheck(question, reader, interruption)];
}

function listCheck({ reading, wholenessOf }: ObservedList, sourceTasks: readonly TaskId[]): Check {
  if (reading.kind === "none") return warned("task-list", [listNotRead(reading.problem)]);
  if (reading.kind === "partial") return warned("task-list", [listNotWhole(reading.problem.message)]);
  const gaps = sourceTasks.map(wholenessOf).flatMap((wholeness) => (wholeness.whole ? [] : [wholeness.why]));
  if (gaps.length > 0) return warned("task-list", [...new Set(gaps)].map(listNotWhole));
  return passed("task-list", `read to its end: ${counted(reading.tasks.length, "task")}`);
}

/** The source task itself, and its reports. */
function sourceChecks({ task: { id, name, reports } }: ObservedSource, log: LogState): readonly Check[] {
  const label = nameAndId({ name, id });
  const found = passed("source-task", label);
  if (reports === undefined) {
    const message = `the server does not list the reports of ${label}`;
    return [found, warned("reports", [problem("REPORTS_UNREADABLE", message)])];
  }
  if (reports.length === 0) {
    const message = `${label} has no report, so that there is nothing to map`;
    return [found, warned("reports", [problem("NO_REPORTS", message)])];
  }
  const shown = `${reports.length} of ${label}: ${listed(reports.map((one) => (one.name === undefined ? one.rowId : quote(one.name))))}`;
  // A server may leave an empty list out: then a copy that was read back shows that mappings can be seen.
  const wasRead = [...log.tenants()].some(({ sourceTaskId, verified }) => sourceTaskId === id && verified);
  if (wasRead || reports.some(({ mappings }) => mappings)) return [found, passed("reports", shown)];
  const message = `the server shows no mappings of ${label}: no copy can be read back, and every tenant stays "verified": false`;
  return [found, warned("reports", [problem("MAPPINGS_NOT_SHOWN", message)])];
}

/** Plans as a dry run does, and tells what a sync would do, or why it would not. */
async function planCheck(
  { manifest, shape, newLog, log: state, server, noPlan }: ServerQuestion,
  reader: TaskReader,
  interruption: () => Interruption,
): Promise<Check> {
  if (noPlan !== undefined) return skipped("plan", noPlan);
  if (manifest === undefined)
    return skipped("plan", "no manifest is named", "Name it to see what a sync would do: doctor customers.csv");
  const { run } = syncJob({ ...ABSENT, dryRun: true, newLog });
  const request = { runId: "doctor", server, manifest, options: { shape, run }, state, warnings: [] };
  const deps = { reader, clock: systemClock, interruption: interruption(), head: null, emit: () => undefined };
  const dryRun = await attempt(() => dryRunSync(request, deps));
  if (dryRun instanceof StopError) return failed("plan", dryRun);
  const { summary, exitCode, errors, warnings, tenants } = dryRun.result;
  const counts = ACTIONS.filter((action) => summary[action] > 0).map((action) => `${summary[action]} ${action}`);
  const shown = `a sync would plan: ${counts.join(", ")}`;
  if (exitCode === EXIT.guard)
    return { ...failed("plan", { exitCode, problems: errors }), message: `${shown}; ${lineOf(errors)}` };
  const conflicts = tenants.flatMap(({ error, tenant }) => (error === undefined ? [] : [{ ...error, tenant }]));
  const problems = [...conflicts, ...warnings];
  return problems.length === 0 ? passed("plan", shown) : warned("plan", problems, shown);
}
