import { accessSync, constants, existsSync } from "node:fs";
import { dirname } from "node:path";
import { realPathOf } from "../files/paths.js";
import { measureDiskSync, onDisk } from "../log/file/disk.js";
import { inspectLock, LOCK_TIMING } from "../log/file/lock.js";
import { lockedProblem, type SeenLock } from "../log/file/process-identity.js";
import { type ReadLog, readLog } from "../log/file/read-log.js";
import { LogState } from "../log/state.js";
import { hasOpenWrite } from "../log/tenant-state.js";
import type { Manifest } from "../manifest/manifest.js";
import { humanDiagnosis } from "../reporter/human.js";
import { jsonDiagnosis } from "../results/json.js";
import { sourcesOf } from "../run/sync.js";
import { chooseProxy, parseServerUrl } from "../server/address.js";
import { judgeSecurity, sightConnection } from "../server/certificate.js";
import { readAuthorities, secureContextOf } from "../server/credentials.js";
import { type Check, diagnose, failed, passed, skipped, warned } from "../shared/diagnosis.js";
import type { TaskId } from "../shared/ids.js";
import { EXIT, type ExitCode, problem, stopError } from "../shared/problems.js";
import { wordsOn } from "../shared/quoting.js";
import type { Emit } from "../shared/results.js";
import { counted, listed, quote } from "../shared/text-safety.js";
import { systemClock } from "../shared/time.js";
import { checkNoOtherLog, checkServerOfLog, findLog, type LogPlace } from "./command-log.js";
import { type Connection, openConnection } from "./connection.js";
import { checkServer } from "./doctor-server.js";
import type { Host } from "./host.js";
import { type Attempt, attempt, readManifestInput } from "./inputs.js";
import type { GivenConnection, SettingsOf } from "./settings.js";
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
    const diagnosis = diagnose(server ?? null, checks, warnings);
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

/** A write that is durable only after this makes a run of many tenants slow. */
const SLOW_SYNC_MS = 200;
const DIGEST_SHOWN = 12;

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
  const sync = syncCommand(host, settings, place);
  const lock = await attempt(() =>
    onDisk(`${path}.lock`, "look at the lock", () => {
      const ownProcess = { pid: host.pid, exists: host.processExists };
      return judgeLock(inspectLock(realPathOf(path), { ownProcess, clock: systemClock }), path, sync);
    }),
  );
  const disk = await attempt(() => judgeDisk(measureDiskSync(path), dirname(path)));
  const checks = [
    read.kind === "done" ? judgeLog(path, read.value) : failed("log", read.stop),
    disk.kind === "done" ? disk.value : failed("disk", disk.stop),
  ];
  if (lock.kind === "done") checks.push(lock.value);
  // A folder that is not there is told once, as the disk's.
  else if (disk.kind === "done") checks.push(failed("lock", lock.stop));
  const isUsable = read.kind === "done";
  return { checks, state: isUsable ? read.value.state : new LogState(), isUsable };
}

/** The command that makes the copies, to be pasted. */
function syncCommand(host: Host, { manifest }: SettingsOf["doctor"], { path, named }: LogPlace): string {
  const word = wordsOn(host.platform);
  return `${host.argv0} sync ${word(manifest ?? "MANIFEST")}${named ? ` --idempotency-log ${word(path)}` : ""}`;
}

/** Judges a log that could be read: its head, its tenants, what is open in it. */
function judgeLog(path: string, { head, state, warnings }: ReadLog): Check {
  if (head === null) return passed("log", `there is no ${path} yet: the first sync makes it`);
  const tenants = [...state.tenants()];
  const problems = [...warnings];
  const open = tenants.filter(hasOpenWrite);
  if (open.length > 0) {
    const names = listed(open.map(({ tenant }) => quote(tenant)));
    const hint = "The next sync looks them up and settles them; status shows each";
    problems.push(problem("DOUBT", `${open.length} in doubt: ${names}`, { hint }));
  }
  for (const id of new Set(tenants.map(({ sourceTaskId }) => sourceTaskId))) {
    const { stop } = state.source(id);
    if (stop === undefined) continue;
    const message = `creates of the source task ${id} are stopped: its copy ${stop.newTaskId} did not read back right (${stop.code})`;
    const hint =
      "Look at that copy on the server; often the other --report-id, or a key whose role sees the copies, helps";
    problems.push(problem("SOURCE_STOPPED", message, { hint }));
  }
  const shown = `${path}: ${counted(tenants.length, "tenant")}, head ${head.seq} ${head.digest.slice(0, DIGEST_SHOWN)}`;
  if (problems.length === 0) return passed("log", `${shown}, nothing in doubt`);
  return warned("log", problems, `${shown}; ${problems.map(({ message }) => message).join("; ")}`);
}

/** Judges whether a sync could take the log's lock. `sync`: the command that would. */
export function judgeLock(lock: SeenLock | undefined, path: string, sync: string): Check {
  if (lock === undefined) return passed("lock", "free");
  const { id, owner, ownerState, silentMs } = lock;
  if (ownerState === "gone")
    return passed("lock", `left behind by ${owner}, which runs no more: the next sync takes it over`);
  const locked = lockedProblem(lock, path, sync);
  if (ownerState === "alive" || silentMs < LOCK_TIMING.silentMs)
    return failed("lock", { exitCode: EXIT.log, problems: [locked] });
  const message = `${locked.message} The next sync watches it for a moment, then takes it over`;
  const hint = `Where you know that it does not run any more, it need not wait: ${sync} --break-lock ${id}`;
  return warned("lock", [problem("LOCK_SILENT", message, { file: path, hint })]);
}

/** Judges how long the log's disk takes to make one write durable. */
export function judgeDisk(ms: number, folder: string): Check {
  const shown = `a write in ${folder} is durable after ${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
  if (ms < SLOW_SYNC_MS) return passed("disk", shown);
  return warned("disk", [problem("DISK_SLOW", `${shown}: every write of a run waits for that`)]);
}
