import { accessSync, constants, existsSync } from "node:fs";
import { dirname } from "node:path";
import { realPathOf } from "../files/paths.js";
import { measureDiskSync, onDisk } from "../log/file/disk.js";
import { inspectLock } from "../log/file/lock.js";
import { readLog } from "../log/file/read-log.js";
import { judgeDisk, judgeLock, judgeLog } from "../log/health.js";
import type { PlanShape } from "../log/records.js";
import { LogState } from "../log/state.js";
import { DEFAULT_NAME_TEMPLATE, type Manifest } from "../manifest/manifest.js";
import { usesTaskName } from "../manifest/names.js";
import {
  judgeLiveSource,
  listNotWhole,
  type ObservedSource,
  observeServer,
  rememberingReader,
} from "../plan/observe.js";
import { humanDiagnosis } from "../reporter/diagnosis.js";
import { jsonDiagnosis } from "../results/json.js";
import { type Rehearsal, rehearseSync, sourcesOf } from "../run/sync.js";
import { chooseProxy, parseServerUrl } from "../server/address.js";
import { judgeSecurity, sightConnection } from "../server/certificate.js";
import { readAuthorities, secureContextOf } from "../server/credentials.js";
import type { ListReading, TaskReader } from "../server/ports.js";
import { type Check, diagnose, failed, passed, skipped, warned } from "../shared/diagnosis.js";
import { namesReport, parseAppId, type TaskId } from "../shared/ids.js";
import { EXIT, type ExitCode, problem, stopError } from "../shared/problems.js";
import { wordsOn } from "../shared/quoting.js";
import { ACTIONS, type Emit } from "../shared/results.js";
import type { TaskReport } from "../shared/tasks.js";
import { counted, listed, quote } from "../shared/text-safety.js";
import { systemClock } from "../shared/time.js";
import { checkNoOtherLog, checkServerOfLog, findLog, type LogPlace } from "./command-log.js";
import { type Connection, openConnection } from "./connection.js";
import type { Host } from "./host.js";
import { type Attempt, attempt, readManifestInput } from "./inputs.js";
import { ABSENT } from "./options.js";
import { type GivenConnection, type SettingsOf, syncJob } from "./settings.js";
import { openTelling } from "./telling.js";

/** `doctor`: takes each step of a sync up to its first write, by reading only; ends with the code that a sync would end with. */
export async function doctorCommand(host: Host, settings: SettingsOf["doctor"]): Promise<ExitCode> {
  const { output, warnings, manifest: path, shape } = settings;
  const telling = await openTelling(host, output);
  if (host.stderr.isTTY && output.verbosity !== "quiet")
    await host.stderr.write("Looking at the manifest, the log and the server. Nothing is written to any of them.\n");
  const read = path === undefined ? undefined : await attempt(() => readManifestInput({ ...settings, path }));
  const manifest = read?.kind === "done" ? read.value : undefined;
  const { server, connection, checks } = await checkConnection(host, settings.connection, telling.emit);
  try {
    checks.push(manifestCheck(read));
    const named = manifest === undefined ? [] : sourcesOf(manifest);
    const sourceTasks = named.length > 0 || shape.sourceTask === undefined ? named : [shape.sourceTask];
    const log = await checkLog(host, settings, server, sourceTasks);
    checks.push(...log.checks);
    const noPlan =
      read?.kind === "stopped" ? "the manifest has faults" : log.isUsable ? undefined : "the log cannot be used";
    if (connection !== undefined && server !== undefined) {
      const asked = { server, sourceTasks, shape, newLog: settings.newLog, log: log.state, manifest, noPlan };
      checks.push(...(await checkServer(asked, connection.api.reader)));
    }
    const diagnosis = diagnose({ server: server ?? null, checks, warnings });
    await telling.warn(warnings);
    const isHuman = output.format === "human";
    await telling.answer(isHuman ? humanDiagnosis(diagnosis, telling.look) : jsonDiagnosis(diagnosis));
    return diagnosis.exitCode;
  } finally {
    await connection?.api.close();
  }
}

function manifestCheck(read: Attempt<Manifest> | undefined): Check {
  if (read === undefined) return skipped("manifest", "none is named");
  if (read.kind === "stopped") return failed("manifest", read.stop);
  const { path, tenants, warnings } = read.value;
  const disabled = tenants.filter((tenant) => !tenant.enabled).length;
  const shown = `${path}: ${counted(tenants.length, "tenant")}${disabled === 0 ? "" : `, ${disabled} of them disabled`}`;
  const [first] = warnings;
  return first === undefined ? passed("manifest", shown) : warned("manifest", warnings, `${shown}; ${first.message}`);
}

/** The longest that making the connection that is only looked at may take. */
const LONGEST_CONNECT_MS = 10_000;

/**
 * Address, proxy, certificates and key, each as far as the others let it. With a `connection` the lines `server` and `key` are still
 * to be made, from what the API answers.
 */
async function checkConnection(
  host: Host,
  given: GivenConnection,
  emit: Emit,
): Promise<{ readonly server?: string; readonly connection?: Connection; readonly checks: Check[] }> {
  const { server: address, apiKey, caFiles, insecure, timeoutMs } = given;
  const parsed = address && (await attempt(() => parseServerUrl(address.text)));
  const noKey = apiKey ? undefined : failed("key", stopError(EXIT.usage, "API_KEY_MISSING", "there is no API key"));
  if (address === undefined || parsed?.kind !== "done") {
    const missing = stopError(EXIT.usage, "SERVER_MISSING", "no server is named");
    const check = failed("server", parsed?.kind === "stopped" ? parsed.stop : missing);
    return { checks: noKey ? [check, noKey] : [check] };
  }
  const server = parsed.value;
  const proxy = await attempt(() => chooseProxy(server, host.env));
  const authorities = await attempt(() => readAuthorities(caFiles, host.env.NODE_EXTRA_CA_CERTS));
  const opened = apiKey && (await attempt(() => openConnection(host, { ...given, server: address, apiKey }, emit)));
  const sighting =
    proxy.kind === "done" && authorities.kind === "done"
      ? await sightConnection({
          server,
          proxy: proxy.value,
          connectMs: Math.min(timeoutMs, LONGEST_CONNECT_MS),
          secureContext: secureContextOf(authorities.value),
          insecure,
        })
      : undefined;
  const checks: Check[] = [];
  if (proxy.kind === "stopped") checks.push(failed("proxy", proxy.stop));
  else checks.push(passed("proxy", proxy.value ? `by way of ${proxy.value.origin}` : "none: straight to the server"));
  if (authorities.kind === "stopped") checks.push(failed("certificate", authorities.stop));
  else if (sighting !== undefined && sighting.kind !== "unreachable") {
    const warnings = opened?.kind === "done" ? opened.value.warnings : [];
    checks.push(judgeSecurity({ security: sighting, now: systemClock.now(), insecure, warnings }));
  }
  if (opened?.kind === "done") return { server: server.identity, connection: opened.value, checks };
  if (sighting?.kind === "unreachable")
    checks.push(failed("server", { exitCode: EXIT.server, problems: [sighting.problem] }));
  else if (sighting !== undefined)
    checks.push(passed("server", `${server.identity} takes connections; without a key it is asked nothing`));
  if (noKey !== undefined) checks.push(noKey);
  else if (opened?.stop.problems.some(({ code }) => code === "API_KEY")) checks.push(failed("key", opened.stop));
  return { server: server.identity, checks };
}

/** The log, its lock and its disk. `server`: the address that the log must be bound to, where it is known. */
async function checkLog(
  host: Host,
  settings: SettingsOf["doctor"],
  server: string | undefined,
  sourceTasks: readonly TaskId[],
): Promise<{ readonly checks: readonly Check[]; readonly state: LogState; readonly isUsable: boolean }> {
  const found = await attempt(() => findLog(host, settings));
  if (found.kind === "stopped") {
    if (settings.manifest !== undefined) throw found.stop;
    const hint = "Name the manifest, or the log with --idempotency-log FILE";
    return { checks: [skipped("log", found.stop.message, hint)], state: new LogState(), isUsable: true };
  }
  const place = found.value;
  const { path } = place;
  const read = await attempt(() => {
    if (server !== undefined) checkNoOtherLog(place, server, sourceTasks);
    const log = readLog(path);
    if (server !== undefined) checkServerOfLog(path, log.state.server(), server);
    onDisk(path, "write to the idempotency log", () => existsSync(path) && accessSync(path, constants.W_OK));
    return log;
  });
  const lock = await attempt(() => onDisk(`${path}.lock`, "look at the lock", () => lockCheck(host, settings, place)));
  const disk = await attempt(() => measureDiskSync(path));
  const checks = [
    read.kind === "done" ? judgeLog({ path, ...read.value }) : failed("log", read.stop),
    disk.kind === "done" ? judgeDisk(disk.value, dirname(path)) : failed("disk", disk.stop),
  ];
  if (lock.kind === "done") checks.push(lock.value);
  // A folder that is not there is told once, as the disk's.
  else if (disk.kind === "done") checks.push(failed("lock", lock.stop));
  const isUsable = read.kind === "done";
  return { checks, state: isUsable ? read.value.state : new LogState(), isUsable };
}

function lockCheck(host: Host, { manifest }: SettingsOf["doctor"], { path, named }: LogPlace): Check {
  const ownProcess = { pid: host.pid, exists: host.processExists };
  const seen = inspectLock(realPathOf(path), { ownProcess, clock: systemClock });
  const word = wordsOn(host.platform);
  const log = named ? ` --idempotency-log ${word(path)}` : "";
  return judgeLock(seen, { path, sync: `${host.argv0} sync ${word(manifest ?? "MANIFEST")}${log}` });
}

/** What the server is asked about. */
export interface ServerQuestion {
  /** The server's address, as the log is bound to it. */
  readonly server: string;
  /** Those of `--source-task` and of the manifest. */
  readonly sourceTasks: readonly TaskId[];
  readonly shape: PlanShape;
  readonly newLog: boolean;
  /** What the log knows; of no use elsewhere afterwards. Empty where there is no log, or none that may be used. */
  readonly log: LogState;
  /** `undefined`: none was named, or it has faults. */
  readonly manifest: Manifest | undefined;
  /** Why there can be no plan whatever the server says, for the line `plan`. */
  readonly noPlan: string | undefined;
}

/** Looks at a server by reading, as a sync does before it plans: is it reached, is everything there, and what would be planned. */
export async function checkServer(question: ServerQuestion, taskReader: TaskReader): Promise<readonly Check[]> {
  const { server, log, sourceTasks } = question;
  const reader = rememberingReader(taskReader);
  const observed = await attempt(() => observeServer(reader, () => log, sourceTasks));
  if (observed.kind === "stopped") {
    const codes = new Set(observed.stop.problems.map(({ code }) => code));
    if (codes.has("KEY_REFUSED") || codes.has("FORBIDDEN"))
      return [passed("server", `${server} answers`), failed("key", observed.stop)];
    if (!codes.has("SOURCE_UNKNOWN")) return [failed("server", observed.stop)];
    const list = await reader.listTasks({ fresh: true });
    const ofList = listCheck(question, list, [], new Set());
    return [...answerChecks(server, list, []), ofList, failed("source-task", observed.stop)];
  }
  const sources = [...observed.value.sources.values()];
  const { reading, wholenessOf } = observed.value.list;
  const dryRun = await planDryRun(question, reader);
  const copied = sourcesToBeCopied(question, dryRun);
  const gaps = sourceTasks.flatMap((id) => {
    const wholeness = wholenessOf(id);
    return wholeness.whole ? [] : [{ id, why: wholeness.why }];
  });
  const checks = [
    ...answerChecks(server, reading, sources),
    listCheck(question, reading, gaps, copied),
    planCheck(question, dryRun),
  ];
  for (const source of sources)
    checks.push(...(await sourceChecks(question, source, copied.has(source.task.id), reader)));
  if (sources.length === 0)
    checks.push(skipped("source-task", "no source task is named", "Give --source-task GUID, or the manifest"));
  return checks;
}

/** Plans as a dry run does. `undefined`: there is nothing to plan from. */
async function planDryRun(
  { manifest, shape, newLog, log: state, server, noPlan }: ServerQuestion,
  reader: TaskReader,
): Promise<Attempt<Rehearsal> | undefined> {
  if (manifest === undefined || noPlan !== undefined) return undefined;
  const { run } = syncJob({ ...ABSENT, dryRun: true, newLog });
  // A signal ends the program by itself: nothing has been written that would have to be finished.
  const never = new AbortController().signal;
  const interruption = { requested: never, immediate: never, signal: () => "SIGINT" as const };
  const request = { runId: "doctor", server, manifest, options: { shape, run }, state, warnings: manifest.warnings };
  return attempt(() =>
    rehearseSync(request, { reader, clock: systemClock, interruption, head: null, emit: () => undefined }),
  );
}

/** The source tasks that a sync would copy. Without a manifest that is what one asks for. */
function sourcesToBeCopied(
  { manifest, noPlan, sourceTasks }: ServerQuestion,
  dryRun: Attempt<Rehearsal> | undefined,
): ReadonlySet<TaskId | undefined> {
  if (dryRun?.kind !== "done") return new Set(manifest === undefined && noPlan === undefined ? sourceTasks : []);
  const creates = dryRun.value.plan.items.filter(({ action }) => action.kind === "create" || action.kind === "settle");
  return new Set(creates.map((item) => item.sourceTaskId));
}

/** The lines `server` and `key` of a server that refuses nothing. */
function answerChecks(server: string, list: ListReading, sources: readonly ObservedSource[]): readonly Check[] {
  if (list.kind !== "none" || sources.some(({ route }) => route !== "none"))
    return [passed("server", `${server} answers as a Qalyptus Server does`), passed("key", "accepted")];
  const { problem: why, forbidden } = list;
  if (forbidden) return [passed("server", `${server} answers`), warned("key", [why])];
  const message = `${server} answers, but nothing that was read shows that it is a Qalyptus Server`;
  if (why.code === "NOT_FOUND") return [warned("server", [why], message)];
  return [failed("server", { exitCode: EXIT.server, problems: [why] })];
}

/** `gaps`: the source tasks for which the list is not whole, and why. */
function listCheck(
  { log, newLog }: ServerQuestion,
  list: ListReading,
  gaps: readonly { readonly id: TaskId; readonly why: string }[],
  copied: ReadonlySet<TaskId | undefined>,
): Check {
  const blind = log.knowsAnyCopy() || newLog ? [] : gaps.filter(({ id }) => copied.has(id));
  if (blind.length > 0) {
    const problems = blind.map(({ why }) =>
      problem("NEW_LOG", `the log knows no copy, and the task list does not show whether there are any (${why})`),
    );
    return failed("task-list", { exitCode: EXIT.guard, problems });
  }
  if (list.kind !== "read") return warned("task-list", [list.problem]);
  if (gaps.length === 0) return passed("task-list", `read to its end: ${counted(list.tasks.length, "task")}`);
  return warned(
    "task-list",
    gaps.map(({ why }) => listNotWhole(why)),
  );
}

/** The source task itself, its reports, whether its mappings show, and whether its copies would mail. */
async function sourceChecks(
  { manifest, shape, log }: ServerQuestion,
  source: ObservedSource,
  copied: boolean,
  reader: TaskReader,
): Promise<readonly Check[]> {
  const { id, name, reports, mail } = source.task;
  const label = name === undefined ? id : `${quote(name)} (${id})`;
  // A manifest's rows have names and reports of their own: the plan checks them.
  const nameNeeded = manifest === undefined && usesTaskName(shape.name ?? DEFAULT_NAME_TEMPLATE);
  const nameless = `${id}: the server does not tell its name, which {task} in a copy's name stands for`;
  const found =
    name === undefined && nameNeeded
      ? warned("source-task", [problem("TASK_NAME_UNKNOWN", nameless)])
      : passed("source-task", label);
  const rows = (manifest?.tenants ?? []).filter((row) => row.sourceTaskId === id);
  const given = shape.masterApp === undefined ? undefined : parseAppId(shape.masterApp);
  const masterApps = new Set(rows.flatMap((row) => row.desired.map(({ qlikAppId }) => qlikAppId)));
  if (given !== undefined) masterApps.add(given);
  const allowed = shape.allowLiveSource;
  const live = judgeLiveSource({ label: `the source task ${label}`, mail, masterApps, allowed });
  const problems = live.refusal === undefined ? live.warnings : [live.refusal, ...live.warnings];
  let mailCheck = passed("mail", `copies of ${label} would not mail by themselves`);
  if (live.refusal !== undefined && copied) mailCheck = failed("mail", { exitCode: EXIT.guard, problems });
  else if (problems.length > 0) mailCheck = warned("mail", problems);
  const wanted = manifest === undefined ? shape.reports : [];
  return [found, reportsCheck(label, reports, wanted), await mappingsCheck(label, id, reports, log, reader), mailCheck];
}

/** `wanted`: the reports that `--report` names. */
function reportsCheck(label: string, reports: readonly TaskReport[] | undefined, wanted: readonly string[]): Check {
  if (reports === undefined)
    return warned("reports", [problem("REPORTS_UNREADABLE", `the server does not list the reports of ${label}`)]);
  const ids = listed(reports.map((report) => report.rowId));
  const problems = wanted
    .filter((typed) => !reports.some((report) => namesReport(typed, report)))
    .map((value) =>
      problem("REPORT_UNKNOWN", `${label} has no report ${value}; the ids of its reports are ${ids}`, { value }),
    );
  if (problems.length > 0) return failed("reports", { exitCode: EXIT.usage, problems });
  if (reports.length === 0)
    return warned("reports", [problem("NO_REPORTS", `${label} has no report, so that there is nothing to map`)]);
  const names = reports.map(({ name, rowId }) => (name === undefined ? rowId : quote(name)));
  return passed("reports", `${reports.length} of ${label}: ${listed(names)}`);
}

/**
 * Whether the server shows a report's mappings: by the source task's own reports, else by a copy that the log knows (a server
 * may leave an empty list out).
 */
async function mappingsCheck(
  label: string,
  id: TaskId,
  reports: readonly TaskReport[] | undefined,
  log: LogState,
  reader: TaskReader,
): Promise<Check> {
  const known = [...log.tenants()].find(({ sourceTaskId, copy }) => sourceTaskId === id && copy?.gone === false)?.copy;
  const shows = (read: readonly TaskReport[] | undefined): boolean => read?.some(({ mappings }) => mappings) ?? false;
  const reading = known && !shows(reports) ? await reader.readReports(known.newTaskId) : undefined;
  const ofCopy = reading?.kind === "read" ? reading.value : undefined;
  if (shows(reports) || shows(ofCopy)) return passed("mappings", `shown for ${label}: copies can be read back`);
  if (!reports && !ofCopy) return skipped("mappings", "the server lists no reports to look at");
  const message = `the server shows no mappings of ${label}: no copy can be read back, and every tenant stays "verified": false`;
  return warned("mappings", [problem("MAPPINGS_NOT_SHOWN", message)]);
}

/** What the lines of the list and of mail tell already. */
const TOLD_ELSEWHERE = new Set([
  ...["NEW_LOG", "LIST_NOT_READ", "LIST_NOT_WHOLE"],
  ...["LIVE_SOURCE", "SOURCE_MAY_MAIL", "SOURCE_NOT_SHOWN", "TRIGGER_ON_MASTER_APP"],
]);

function planCheck({ manifest, noPlan }: ServerQuestion, dryRun: Attempt<Rehearsal> | undefined): Check {
  if (noPlan !== undefined) return skipped("plan", noPlan);
  if (manifest === undefined || dryRun === undefined)
    return skipped("plan", "no manifest is named", "Name it to see what a sync would do: doctor customers.csv");
  if (dryRun.kind === "stopped") return failed("plan", dryRun.stop);
  const { summary, exitCode, errors, warnings, tenants } = dryRun.value.result;
  const counts = ACTIONS.filter((action) => summary[action] > 0).map((action) => `${summary[action]} ${action}`);
  const shown = `a sync would plan: ${counts.join(", ")}`;
  if (exitCode === EXIT.guard) {
    const problems = errors.filter(({ code }) => !TOLD_ELSEWHERE.has(code));
    const message = `${shown}; refused by a guard: ${errors.map(({ code }) => code).join(", ")}`;
    return { ...failed("plan", { exitCode, problems }), message };
  }
  const conflicts = tenants.flatMap(({ error, tenant }) => (error === undefined ? [] : [{ ...error, tenant }]));
  const others = warnings.filter((one) => !manifest.warnings.includes(one) && !TOLD_ELSEWHERE.has(one.code));
  if (conflicts.length + others.length === 0) return passed("plan", shown);
  return { ...warned("plan", [...conflicts, ...others], shown), hint: "sync --dry-run shows each tenant" };
}
