import { randomUUID } from "node:crypto";
import { realPathOf } from "../files/paths.js";
import type { Target } from "../files/write-file.js";
import type { ReadLog } from "../log/port.js";
import { isPostgresUrl } from "../log/postgres/address.js";
import type { Manifest } from "../manifest/manifest.js";
import {
  checkLogOfPlan,
  checkResumable,
  comparePlans,
  lastSyncOf,
  planDiffers,
  readSavedPlan,
  type SavedPlan,
  savedTenants,
  sealPlan,
  writeSavedPlan,
} from "../plan/saved-plan.js";
import { untilInterrupted } from "../run/abort.js";
import { dryRunSync, runSync, type SyncRequest, sourcesOf } from "../run/sync.js";
import { commandLine, hintOf, sameSync } from "../shared/hints.js";
import { EXIT, type ExitCode, type Problem, StopError, stopError } from "../shared/problems.js";
import { LOCK_ENDING, type RunResult } from "../shared/results.js";
import { systemChance, systemClock } from "../shared/time.js";
import {
  type CommandLog,
  checkNoOtherLog,
  checkNotMoved,
  checkServerOfLog,
  findLog,
  whoRuns,
  withOpenLog,
} from "./command-log.js";
import type { Connection } from "./connection.js";
import { signHead } from "./head-signature.js";
import { hintCompleter } from "./hint-commands.js";
import type { Host, Tell } from "./host.js";
import { attempt, type ManifestSource, nameInLog, readManifestInput } from "./inputs.js";
import { OPTIONS } from "./options.js";
import { type OutputSettings, permissionsOf, type SettingsOf, type TypedLine } from "./settings.js";
import { chooseSourceTask } from "./source-task.js";
import { openTelling } from "./telling.js";

/** `sync`: makes the server match the manifest, or with `--dry-run` shows what it would do. */
export async function syncCommand(host: Host, settings: SettingsOf["sync"]): Promise<ExitCode> {
  const sync = await askedOf(host, settings);
  const { savePlan } = sync;
  const log = sync.log.place.path;
  const protectedFiles = [
    { path: sync.manifest, what: "the manifest" },
    ...(sync.apps === undefined ? [] : [{ path: sync.apps, what: "the list of apps" }]),
    { path: log, what: "the idempotency log" },
    // A log that a link names has its lock beside it.
    { path: isPostgresUrl(log) ? log : realPathOf(log) + LOCK_ENDING, what: "the lock of the idempotency log" },
  ].filter(({ path }) => !isPostgresUrl(path));
  const { manifest: path, resume, savedPlan } = sync;
  const { typed } = settings.output;
  const shape = resume || savedPlan !== undefined ? sync.shape : undefined;
  const found = { manifest: path, log, shape };
  // What a plan was looked at with is no part of carrying it out.
  const options = typed.options.filter(([long = ""]) => !LOOKING.includes(long));
  const carryOut = hintCompleter(host, { ...typed, options }, found);
  const { dryRun } = sync.run;
  const telling = await openTelling(host, settings.output, { protectedFiles, savePlan, dryRun, found });
  try {
    await telling.warn(settings.warnings);
    const { result, manifest } = await performSync(host, sync, telling, telling.planTarget);
    const next = nextStep(sync, result);
    return await telling.finish(result, { manifest, next: next && carryOut(next) });
  } finally {
    telling.stop();
  }
}

const LOOKING: readonly string[] = [OPTIONS.dryRun, OPTIONS.offline, OPTIONS.files].map(({ long }) => long);

const RESUMABLE: readonly ExitCode[] = [
  EXIT.failed,
  EXIT.inDoubt,
  EXIT.hungUp,
  EXIT.interrupted,
  EXIT.terminated,
  EXIT.server,
];

function nextStep(sync: AskedSync, result: RunResult): string | undefined {
  const { dryRun, exitCode, summary, tenants, plan } = result;
  const log = sync.idempotencyLog === undefined ? [] : ["--idempotency-log", sync.log.place.path];
  if (dryRun && plan !== undefined && result.errors.length === 0)
    return hintOf(
      "To carry out exactly this plan:",
      commandLine("sync", "--plan", plan.path, "--plan-digest", plan.digest, ...log),
    );
  if (exitCode === EXIT.ok || exitCode === EXIT.changes) {
    if (summary.planned === 0) return undefined;
    return hintOf(dryRun ? "To carry this plan out:" : "For the next tenants:", sameSync());
  }
  // What failed or is in conflict fails again until its cause is ended: then its own hint says the way.
  if (dryRun || !RESUMABLE.includes(exitCode) || summary.failed > 0 || !tenants.some(({ attempts }) => attempts > 0))
    return undefined;
  return hintOf("To go on:", sameSync("--resume"));
}

/** The options as the log keeps them: a command of the user's may hold a secret. */
function optionsForLog({ options }: TypedLine): readonly string[] {
  return options.flatMap((option) => (option[0] === OPTIONS.signHead.long ? option.slice(0, 1) : option));
}

/** What a sync needs of the machine it runs on: a command's host, or what a library's caller stands for. */
export type Machine = Pick<
  Host,
  | ("env" | "cwd" | "argv0" | "input" | "pid" | "processExists" | "platform" | "shell" | "version")
  | ("interruption" | "secrets")
>;

/** What a sync is, apart from how its answer is told. */
type SyncJob = Omit<SettingsOf["sync"], "output"> & { readonly output?: Pick<OutputSettings, "typed"> };

/** A sync whose `--resume` or `--plan` has said what it stands for. */
interface AskedSync extends SyncJob, Pick<ManifestSource, "checkFile"> {
  readonly manifest: string;
  readonly log: CommandLog;
  readonly savedPlan?: SavedPlan;
}

/** Finds out what `--resume` and `--plan` stand for. Throws a StopError: exit 2, 6 or 7. */
async function askedOf(machine: Machine, job: SyncJob): Promise<AskedSync> {
  if (job.plan !== undefined) {
    const savedPlan = await readSavedPlan(job.plan, job.planDigest);
    const manifest = job.manifest ?? savedPlan.manifest.path;
    const apps = job.apps ?? savedPlan.apps?.path;
    const log = await findLog(machine, { ...job, planLog: savedPlan.logFile });
    await checkLogOfPlan(savedPlan, log.place);
    return {
      ...job,
      manifest,
      encoding: job.encoding ?? savedPlan.manifest.encoding,
      apps,
      shape: savedPlan.shape,
      run: savedPlan.verify === true ? { ...job.run, verify: true } : job.run,
      log,
      savedPlan,
      checkFile: (what, sha256) => {
        const [path, planned] = what === "manifest" ? [manifest, savedPlan.manifest] : [apps, savedPlan.apps];
        if (planned !== undefined && planned.sha256 !== sha256)
          throw planDiffers(`${path} is not what it was when the plan was made`);
      },
    };
  }
  const log = await findLog(machine, job);
  // `drift` alone may name none: then it is the last sync's, as with `--resume`.
  if (!job.resume && job.manifest !== undefined) return { ...job, manifest: job.manifest, log };
  const { state } = await log.place.read();
  const named = job.manifest?.split(/[\\/]/).at(-1);
  const last = lastSyncOf(state, log.place.path, named && nameInLog(state, named, machine.platform));
  const manifest = job.manifest ?? last.manifest.path;
  const checkFile: ManifestSource["checkFile"] = (what, sha256) => {
    if (!job.resume || what !== "manifest" || sha256 === last.manifest.sha256) return;
    const message = `${manifest} is not what it was when the sync to be resumed began`;
    throw stopError(EXIT.guard, "MANIFEST_CHANGED", message, { file: manifest });
  };
  return { ...job, manifest, shape: last.shape, log: { ...log, named: true }, checkFile };
}

/** The sync of a library's caller: makes the server match the manifest, or with `dryRun` tells what it would do. */
export async function librarySync(machine: Machine, job: SyncJob, tell: Tell): Promise<RunResult> {
  return (await performSync(machine, await askedOf(machine, job), tell)).result;
}

/** Throws a StopError where the run could not start: then nothing was written to the server. */
async function performSync(
  machine: Machine,
  sync: AskedSync,
  tell: Tell,
  planTarget?: Target,
): Promise<{ readonly result: RunResult; readonly manifest: Manifest }> {
  let appsSha256: string | undefined;
  const checkFile: ManifestSource["checkFile"] = (what, sha256) => {
    if (what === "apps") appsSha256 = sha256;
    sync.checkFile?.(what, sha256);
  };
  const prepare = async (asked: AskedSync): Promise<PreparedSync> => {
    const manifest = await readManifestOrLogFault({ ...asked, checkFile });
    return { machine, sync: asked, manifest, appsSha256, runId: randomUUID(), tell, planTarget };
  };
  // A manifest's faults are told before the server is asked, unless only the server knows what its rows leave out.
  const early = sync.sourceTaskName === undefined ? await prepare(sync) : undefined;
  if (sync.connection === undefined) {
    const prepared = early ?? (await prepare(sync));
    return { result: await dryRun(prepared), manifest: prepared.manifest };
  }
  const { withConnection } = await import("./connection.js");
  const work = async (connection: Connection) => {
    const prepared = early ?? (await prepare(await withSourceTask(machine, sync, tell, connection)));
    const { manifest } = prepared;
    await checkNoOtherLog(sync.log, connection.server.identity, sourcesOf(manifest));
    return { result: await (sync.run.dryRun ? dryRun : apply)(prepared, connection), manifest };
  };
  const { result, manifest } = await withConnection(machine, sync.connection, tell, work, sync.run.concurrency);
  const { savedPlan, plan: path, output } = sync;
  const by = output && { ...whoRuns(machine), options: optionsForLog(output.typed) };
  const told = { ...result, by };
  return { result: savedPlan && path !== undefined ? withPlan(told, path, savedPlan) : told, manifest };
}

/** The sync with the ID of the source task that it was given by its name: plan, log and record hold that alone. */
async function withSourceTask(
  machine: Machine,
  sync: AskedSync,
  { emit }: Tell,
  { api }: Connection,
): Promise<AskedSync> {
  emit({ kind: "step", message: "looking for the source task by its name" });
  const finding = chooseSourceTask(api.reader, sync.sourceTaskName);
  const sourceTask = await untilInterrupted(machine.interruption(), finding);
  return { ...sync, shape: { ...sync.shape, sourceTask } };
}

/** The result with what approvers hold against each other: the plan's digest, and what it is permitted to do. */
function withPlan(result: RunResult, path: string, { digest, shape }: SavedPlan): RunResult {
  return { ...result, plan: { path, digest, permissions: permissionsOf(shape) } };
}

/** A log that is damaged or not ours outranks a manifest's faults: both are told, with the log's exit code. */
async function readManifestOrLogFault(sync: AskedSync): Promise<Manifest> {
  try {
    return await readManifestInput({ ...sync, path: sync.manifest });
  } catch (error) {
    if (!(error instanceof StopError)) throw error;
    const { problems } = error;
    const log = await attempt(() => sync.log.place.read());
    throw log instanceof StopError ? new StopError(log.exitCode, [...log.problems, ...problems]) : error;
  }
}

/** All that is known before the server is spoken to. */
interface PreparedSync {
  readonly machine: Machine;
  readonly sync: AskedSync;
  readonly manifest: Manifest;
  /** SHA-256 of the list of apps that it was held against. */
  readonly appsSha256: string | undefined;
  readonly runId: string;
  readonly tell: Tell;
  /** Where `--save-plan` goes. */
  readonly planTarget: Target | undefined;
}

/** Without a connection (`--offline`) it plans from the manifest and the log alone. */
async function dryRun(job: PreparedSync, connection?: Connection): Promise<RunResult> {
  const { machine, sync, manifest, appsSha256, planTarget } = job;
  const { place } = sync.log;
  // Before the log is read: what is appended meanwhile is seen when it is looked at again.
  const size = await place.size();
  const log = await place.read();
  checkNotMoved(log.state, place.path);
  const server = connection?.server.identity ?? log.state.server() ?? null;
  const request: SyncRequest = {
    ...requestOf(job, log, server, connection?.warnings ?? []),
    readLogAgain: async () => ((await place.size()) === size ? log : place.read()),
  };
  const deps = { ...depsOf(job), reader: connection?.api.reader, head: log.head };
  const { result, plan } = await dryRunSync(request, deps);
  if (planTarget === undefined || server === null) return result;
  const { apps } = sync;
  const plain: Parameters<typeof sealPlan>[0] = {
    format: "qalyptus-propagate-plan",
    version: 2,
    savedAt: systemClock.now().toISOString(),
    server,
    manifest: { path: sync.manifest, sha256: manifest.sha256, encoding: sync.encoding },
    logFile: place.path,
    log: result.log,
    apps: apps === undefined || appsSha256 === undefined ? undefined : { path: apps, sha256: appsSha256 },
    verify: sync.run.verify || undefined,
    shape: sync.shape,
    tenants: savedTenants(plan.items, machine.secrets),
  };
  // What a plan is carried out by stays as it is: changed, it would be another log's, or give the copies other names.
  if (machine.secrets.isIn(plain)) {
    const message = "the API key stands in what the plan would keep: a path, an option or a tenant's key";
    throw stopError(EXIT.usage, "KEY_IN_NAME", message, { file: planTarget.path });
  }
  const saved = sealPlan(plain);
  await writeSavedPlan(planTarget, saved);
  return withPlan(result, planTarget.path, saved);
}

async function apply(job: PreparedSync, { server, api, warnings }: Connection): Promise<RunResult> {
  const { machine, sync, manifest, tell } = job;
  const { signHead: command } = sync;
  const opening = {
    server: server.identity,
    sourceTasks: sourcesOf(manifest),
    run: job.runId,
    command: "sync",
    breakLock: sync.breakLock,
    lockTimeoutMs: sync.lockTimeoutMs,
  };
  return withOpenLog(machine, sync.log.place, opening, tell, (log) => {
    const { reader, writer } = api;
    return runSync(requestOf(job, log, server.identity, warnings), {
      ...depsOf(job),
      reader,
      writer,
      log,
      signHead:
        command === undefined
          ? undefined
          : () => signHead(log, command, { env: machine.env, interrupted: machine.interruption().requested }),
      by: whoRuns(machine),
      chance: systemChance,
    });
  });
}

/** Throws a StopError: exit 6 for another server's log, 7 where nothing can be resumed. */
function requestOf(
  job: PreparedSync,
  log: Pick<ReadLog, "state" | "warnings">,
  server: string | null,
  warnings: readonly Problem[],
): SyncRequest {
  const { sync, runId, machine } = job;
  const { state } = log;
  const manifest = { ...job.manifest, fileName: nameInLog(state, job.manifest.fileName, machine.platform) };
  const saved = sync.savedPlan;
  const bound = state.server();
  if (server !== null && !sync.rebind) checkServerOfLog(sync.log.place.path, bound, server);
  if (saved !== undefined && saved.server !== server)
    throw planDiffers(`the plan was made on ${saved.server}, not on ${server}`);
  if (sync.resume) checkResumable(lastSyncOf(state, sync.log.place.path, manifest.fileName));
  return {
    runId,
    server,
    manifest,
    options: { shape: sync.shape, run: sync.run },
    state,
    warnings: [...sync.warnings, ...manifest.warnings, ...log.warnings, ...warnings],
    typed: sync.output && optionsForLog(sync.output.typed),
    planDigest: saved?.digest,
    secrets: machine.secrets,
    rebindFrom: bound === server ? undefined : bound,
    guard:
      saved === undefined ? undefined : (plan) => comparePlans(saved, savedTenants(plan.items, machine.secrets), state),
  };
}

function depsOf({ machine, tell }: PreparedSync) {
  return { clock: systemClock, emit: tell.emit, interruption: machine.interruption() };
}
