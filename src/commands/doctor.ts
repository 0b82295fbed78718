import { accessSync, constants, existsSync } from "node:fs";
import { dirname } from "node:path";
import { realPathOf } from "../files/paths.js";
import { measureDiskSync, onDisk } from "../log/file/disk.js";
import { inspectLock } from "../log/file/lock.js";
import { readLog } from "../log/file/read-log.js";
import { judgeDisk, judgeLock, judgeLog, unnamedLog } from "../log/health.js";
import { LogState } from "../log/state.js";
import type { Manifest } from "../manifest/manifest.js";
import { humanDiagnosis } from "../reporter/human.js";
import { jsonDiagnosis } from "../results/json.js";
import { sourcesOf } from "../run/sync.js";
import { chooseProxy, parseServerUrl } from "../server/address.js";
import { judgeSecurity, sightConnection } from "../server/certificate.js";
import { readAuthorities, secureContextOf } from "../server/credentials.js";
import { type Check, diagnose, failed, passed, skipped, warned } from "../shared/diagnosis.js";
import type { TaskId } from "../shared/ids.js";
import { EXIT, type ExitCode, stopError } from "../shared/problems.js";
import { wordsOn } from "../shared/quoting.js";
import type { Emit } from "../shared/results.js";
import { counted } from "../shared/text-safety.js";
import { systemClock } from "../shared/time.js";
import { checkNoOtherLog, checkServerOfLog, findLog, type LogPlace } from "./command-log.js";
import { type Connection, openConnection } from "./connection.js";
import { checkServer, unreadServer } from "./doctor-server.js";
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
    if (connection === undefined || server === undefined)
      checks.push(...unreadServer("the server was not asked"), skipped("plan", "the server was not asked"));
    else {
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
const MEND_FIRST = "Mend what failed, then run doctor again";

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
    const stop = parsed?.kind === "stopped" ? parsed.stop : missing;
    const why = "there is no server to ask";
    const unseen = [skipped("proxy", why), skipped("certificate", why), noKey ?? skipped("key", why)];
    return { checks: [failed("server", stop), ...unseen] };
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
  else if (sighting === undefined) checks.push(skipped("certificate", "the proxy cannot be used"));
  else if (sighting.kind === "unreachable") checks.push(skipped("certificate", "no connection came about"));
  else {
    const warnings = opened?.kind === "done" ? opened.value.warnings : [];
    checks.push(judgeSecurity({ security: sighting, now: systemClock.now(), insecure, warnings }));
  }
  if (opened?.kind === "done") return { server: server.identity, connection: opened.value, checks };
  if (sighting === undefined) checks.push(skipped("server", "it was not asked", MEND_FIRST));
  else if (sighting.kind === "unreachable")
    checks.push(failed("server", { exitCode: EXIT.server, problems: [sighting.problem] }));
  else checks.push(passed("server", `${server.identity} takes connections; without a key it is asked nothing`));
  const keyStop = opened?.stop.problems.some(({ code }) => code === "API_KEY") ? failed("key", opened.stop) : undefined;
  checks.push(noKey ?? keyStop ?? skipped("key", "it was not tried", MEND_FIRST));
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
    return { checks: unnamedLog(found.stop.message), state: new LogState(), isUsable: true };
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
  else if (disk.kind === "stopped") checks.push(skipped("lock", "the log's folder cannot be used"));
  else checks.push(failed("lock", lock.stop));
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
