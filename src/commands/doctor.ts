import type { Host } from "../cli/host.js";
import type { DoctorSettings } from "../cli/settings.js";
import { systemClock } from "../files/system-clock.js";
import type { Manifest } from "../manifest/manifest.js";
import { humanDiagnosis, jsonDiagnosis } from "../reporter/diagnosis.js";
import { type Attempt, attempt } from "../run/attempt.js";
import type { RunOptions } from "../run/run.js";
import { sourcesOf } from "../run/sync.js";
import { type Check, diagnose, failed, passed, skipped, warned } from "../shared/diagnosis.js";
import type { TaskId } from "../shared/ids.js";
import type { ExitCode } from "../shared/problems.js";
import { type ExaminedConnection, examineConnection } from "./connection-checks.js";
import { examineServer, unreadServer } from "./doctor-checks.js";
import { type ExaminedLog, examineLog } from "./log-checks.js";
import { readManifestInput } from "./manifest-input.js";
import { openTelling } from "./telling.js";

/** `doctor`: looks at all that a sync needs, by reading; ends with the code that a sync would end with before its first write. */
export async function doctorCommand(host: Host, settings: DoctorSettings): Promise<ExitCode> {
  const telling = await openTelling(host, settings.output, { protectedFiles: [], dryRun: false });
  if (host.stderr.isTTY && settings.output.verbosity !== "quiet")
    await host.stderr.write("Looking at the manifest, the log and the server. Nothing is written to any of them.\n");
  const manifest = await readManifestOf(host, settings);
  const connection = await examineConnection(host, settings.connection, telling.emit);
  try {
    const checks = await examine(host, { settings, manifest, connection });
    const server = connection.server?.identity ?? null;
    const diagnosis = diagnose({ server, checks, warnings: settings.warnings });
    await telling.warn(settings.warnings);
    const human = settings.output.format === "human";
    await telling.answer(human ? humanDiagnosis(diagnosis, telling.look) : jsonDiagnosis(diagnosis));
    return diagnosis.exitCode;
  } finally {
    await connection.open?.api.close();
  }
}

interface Known {
  readonly settings: DoctorSettings;
  /** `undefined`: none is named. */
  readonly manifest: Attempt<Manifest> | undefined;
  readonly connection: ExaminedConnection;
}

async function readManifestOf(host: Host, settings: DoctorSettings): Promise<Attempt<Manifest> | undefined> {
  const { manifest: path, encoding, apps, shape } = settings;
  if (path === undefined) return undefined;
  return attempt(() => readManifestInput(host, { path, encoding, apps, shape }));
}

async function examine(host: Host, known: Known): Promise<readonly Check[]> {
  const { settings, manifest, connection } = known;
  const sourceTasks = sourceTasksOf(known);
  const log = await examineLog(host, settings, { server: connection.server?.identity, sourceTasks });
  const local = [...connection.checks, manifestLine(manifest), ...log.checks];
  if (connection.open === undefined)
    return [...local, ...unreadServer("the server was not asked"), skipped("plan", "the server was not asked")];
  return [...local, ...(await askServer(known, log, sourceTasks))];
}

/** Those of the manifest; where it names none, or has faults, that of `--source-task`. */
function sourceTasksOf({ settings, manifest }: Known): readonly TaskId[] {
  const named = manifest?.kind === "done" ? sourcesOf(manifest.value) : [];
  if (named.length > 0) return named;
  return settings.shape.sourceTask === undefined ? [] : [settings.shape.sourceTask];
}

async function askServer(
  { settings, manifest, connection }: Known,
  log: ExaminedLog,
  sourceTasks: readonly TaskId[],
): Promise<readonly Check[]> {
  const { open, server } = connection;
  if (open === undefined || server === undefined) return [];
  const asked = {
    server: server.identity,
    sourceTasks,
    shape: settings.shape,
    run: runOptions(settings),
    log: log.state,
    manifest: manifest?.kind === "done" ? manifest.value : undefined,
    noPlan: whyNoPlan(manifest, log),
  };
  const interruption = { requested: NEVER, immediate: NEVER, signal: () => "SIGINT" as const };
  return examineServer(asked, { reader: open.api.reader, clock: systemClock, interruption });
}

/** A signal ends the program by itself: nothing has been written that would have to be finished. */
const NEVER = new AbortController().signal;

function whyNoPlan(manifest: Attempt<Manifest> | undefined, log: ExaminedLog): string | undefined {
  if (manifest?.kind === "stopped") return "the manifest has faults";
  return log.usable ? undefined : "the log cannot be used";
}

function runOptions({ connection, newLog }: DoctorSettings): RunOptions {
  const { timeoutMs, retries } = connection;
  return {
    dryRun: true,
    offline: false,
    verify: false,
    newLog,
    settleMs: 0,
    timeoutMs,
    concurrency: 1,
    retries,
    maxFailures: undefined,
    maxChanges: undefined,
    detailedExitCode: false,
  };
}

function manifestLine(manifest: Attempt<Manifest> | undefined): Check {
  if (manifest === undefined) return skipped("manifest", "none is named");
  if (manifest.kind === "stopped") return failed("manifest", manifest.stop);
  const { path, tenants, warnings } = manifest.value;
  const disabled = tenants.filter((tenant) => !tenant.enabled).length;
  const count = `${tenants.length} ${tenants.length === 1 ? "tenant" : "tenants"}`;
  const shown = `${path}: ${count}${disabled === 0 ? "" : `, ${disabled} of them disabled`}`;
  if (warnings.length === 0) return passed("manifest", shown);
  return warned("manifest", warnings, `${shown}; ${warnings[0]?.message}`);
}
