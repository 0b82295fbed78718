import type { Host } from "../cli/host.js";
import type { ConnectionSettings, SyncSettings } from "../cli/settings.js";
import { systemChance, systemClock } from "../files/system-clock.js";
import type { LogRecord, PlanShape } from "../log/records.js";
import { LogState } from "../log/state.js";
import type { Manifest } from "../manifest/manifest.js";
import { checkResumable, lastSyncOf } from "../plan/resume.js";
import { comparePlans, type SavedPlan, savedTenants, sealPlan, shapeOf } from "../plan/saved-plan.js";
import { attempt } from "../run/attempt.js";
import type { RunOptions, SyncOptions } from "../run/run.js";
import { type ReadAgain, rehearseSync, runSync, type SyncRequest, sourcesOf } from "../run/sync.js";
import type { Emit } from "../shared/events.js";
import type { LogHead, RunResult } from "../shared/outcome.js";
import { type Problem, StopError } from "../shared/problems.js";
import type { Connection } from "./connection.js";
import {
  checkNoOtherLog,
  checkServerOfLog,
  type LogPlace,
  logSize,
  onlyLogOf,
  placeOfLog,
  type ReadLog,
  readLogState,
  serverOfLog,
} from "./log-place.js";
import { type ManifestSource, readManifestInput } from "./manifest-input.js";

/** What a sync needs of the machine it runs on: a command's host, or what a library's caller stands for. */
export type Machine = Pick<
  Host,
  "env" | "cwd" | "stdin" | "pid" | "processExists" | "version" | "interruption" | "redact"
>;

/** Where a sync tells what goes on. */
export interface Tell {
  readonly emit: Emit;
  warn(problems: readonly Problem[]): Promise<void>;
}

/** What a sync is, apart from how its answer is told. */
export type SyncJob = Omit<SyncSettings, "output">;

/** A sync's result, with what is needed to tell it. */
export interface SyncDone {
  readonly result: RunResult;
  readonly manifest: Manifest;
  readonly place: LogPlace;
  readonly manifestPath: string;
}

/**
 * Makes the server match the manifest, or with `dryRun` shows what it would do. Throws a StopError where the run could not
 * start: then nothing was written to the server.
 */
export async function performSync(
  machine: Machine,
  job: SyncJob & { readonly asked: Asked; readonly runId: string },
  tell: Tell,
): Promise<SyncDone> {
  const { asked, runId, ...settings } = job;
  const source = { path: asked.manifestPath, encoding: asked.encoding, apps: asked.apps, shape: asked.shape };
  const manifest = await readManifestOrLogFault(machine, source, asked.place);
  const prepared: Prepared = {
    settings,
    asked,
    manifest,
    options: { shape: asked.shape, run: runOptionsOf(settings, asked) },
    runId,
  };
  const result = await carryOutOrRehearse(machine, prepared, tell);
  return { result, manifest, place: asked.place, manifestPath: asked.manifestPath };
}

/** A log that is damaged or not ours outranks a manifest's faults: both are told, with the log's exit code. */
async function readManifestOrLogFault(machine: Machine, source: ManifestSource, place: LogPlace): Promise<Manifest> {
  try {
    return await readManifestInput(machine, source);
  } catch (error) {
    if (!(error instanceof StopError)) throw error;
    const { problems } = error;
    const log = await attempt(() => readLogState(place.path));
    throw log.kind === "stopped" ? new StopError(log.stop.exitCode, [...log.stop.problems, ...problems]) : error;
  }
}

/** What a sync is asked for, once `--resume` and `--plan` have said what they stand for. */
export interface Asked {
  readonly manifestPath: string;
  readonly encoding: string | undefined;
  readonly apps: string | undefined;
  readonly shape: PlanShape;
  readonly place: LogPlace;
  readonly savedPlan: SavedPlan | undefined;
}

/** Everything that is known before the server is spoken to. */
interface Prepared {
  readonly settings: SyncJob;
  readonly asked: Asked;
  readonly manifest: Manifest;
  readonly options: SyncOptions;
  readonly runId: string;
}

/** Finds out what `--resume` and `--plan` stand for. Throws a StopError: exit 2, 6 or 7. */
export async function askedOf(machine: Pick<Machine, "cwd">, settings: SyncJob): Promise<Asked> {
  if (settings.plan !== undefined) return askedByPlan(settings, await readPlan(settings.plan));
  if (settings.resume) return askedByResume(machine, settings);
  const manifestPath = settings.manifest ?? "-";
  const { encoding, apps, shape } = settings;
  return {
    manifestPath,
    encoding,
    apps,
    shape,
    place: placeOfLog(settings.idempotencyLog, manifestPath),
    savedPlan: undefined,
  };
}

function runOptionsOf({ run }: SyncJob, { savedPlan }: Asked): RunOptions {
  return savedPlan?.verify === true ? { ...run, verify: true } : run;
}

async function readPlan(path: string): Promise<SavedPlan> {
  return (await import("../plan/saved-plan-file.js")).readSavedPlan(path);
}

function askedByPlan(settings: SyncJob, plan: SavedPlan): Asked {
  const manifestPath = settings.manifest ?? plan.manifest.path;
  const given = settings.idempotencyLog ?? plan.logFile;
  return {
    manifestPath,
    encoding: settings.encoding ?? plan.manifest.encoding,
    apps: settings.apps ?? plan.apps,
    shape: shapeOf(plan),
    place: placeOfLog(given, manifestPath),
    savedPlan: plan,
  };
}

function askedByResume(machine: Pick<Machine, "cwd">, settings: SyncJob): Asked {
  const { manifest, idempotencyLog } = settings;
  const place =
    manifest === undefined && idempotencyLog === undefined
      ? onlyLogOf(machine.cwd, "qalyptus-propagate sync tenants.csv")
      : placeOfLog(idempotencyLog, manifest ?? "");
  const { state } = readLogState(place.path);
  const fileName = manifest === undefined ? undefined : manifest.split(/[\\/]/).at(-1);
  const last = lastSyncOf(state, place.path, fileName);
  const manifestPath = manifest ?? last.manifest.path;
  return {
    manifestPath,
    encoding: settings.encoding,
    apps: settings.apps,
    shape: last.shape,
    place: { ...place, named: true },
    savedPlan: undefined,
  };
}

async function carryOutOrRehearse(machine: Machine, prepared: Prepared, tell: Tell): Promise<RunResult> {
  const { connection } = prepared.settings;
  if (connection === undefined) return rehearseOffline(machine, prepared, tell);
  const { concurrency } = prepared.options.run;
  const { openConnection } = await import("./connection.js");
  const open = await openConnection(machine, connection, { emit: tell.emit, concurrency });
  try {
    await tell.warn(open.warnings);
    const online = { ...prepared, connection: open, server: connection };
    return prepared.options.run.dryRun ? await rehearse(machine, online, tell) : await run(machine, online, tell);
  } finally {
    await open.api.close();
  }
}

interface Online extends Prepared {
  readonly connection: Connection;
  readonly server: ConnectionSettings;
}

async function rehearseOffline(machine: Machine, prepared: Prepared, tell: Tell): Promise<RunResult> {
  const log = readLogState(prepared.asked.place.path);
  const request = requestOf(prepared, { state: log.state, server: serverOfLog(log) ?? null, warnings: log.warnings });
  const interruption = machine.interruption();
  const deps = { reader: undefined, clock: systemClock, emit: tell.emit, head: log.head ?? null, interruption };
  return (await rehearseSync(request, deps)).result;
}

async function rehearse(machine: Machine, prepared: Online, tell: Tell): Promise<RunResult> {
  const { settings, asked, manifest, connection } = prepared;
  const identity = connection.server.identity;
  checkNoOtherLog(asked.place, identity, sourcesOf(manifest));
  const log = readLogState(asked.place.path);
  const bound = serverOfLog(log);
  if (!settings.rebind) checkServerOfLog(asked.place.path, bound, identity);
  if (settings.resume) checkResumable(lastSyncOf(log.state, asked.place.path, manifest.fileName), manifest);
  const warnings = [...log.warnings, ...connection.warnings];
  const request = {
    ...requestOf(prepared, { state: log.state, server: identity, warnings }),
    rebindFrom: settings.rebind && bound !== undefined && bound !== identity ? bound : undefined,
    readLogAgain: () => readAgain(asked.place.path, log),
  };
  const { reader } = connection.api;
  const interruption = machine.interruption();
  const deps = { reader, clock: systemClock, emit: tell.emit, head: log.head ?? null, interruption };
  const { result, plan } = await rehearseSync(request, deps);
  if (settings.savePlan === undefined) return result;
  const saved = sealPlan(planToSave(prepared, { items: savedTenants(plan.items), head: result.log }));
  const { writeSavedPlan } = await import("../plan/saved-plan-file.js");
  await writeSavedPlan(settings.savePlan, saved);
  return result;
}

/** The log as it is now; as it was read where it has not grown since. */
function readAgain(path: string, log: ReadLog): ReadAgain {
  const { state, head } = logSize(path) === log.size ? log : readLogState(path);
  return { state, head: head ?? null };
}

function planToSave(
  prepared: Online,
  of: { readonly items: ReturnType<typeof savedTenants>; readonly head: LogHead | null },
): Omit<SavedPlan, "digest"> {
  const { asked, manifest, connection } = prepared;
  return {
    format: "qalyptus-propagate-plan",
    version: 1,
    savedAt: systemClock.now().toISOString(),
    server: connection.server.identity,
    manifest: { path: asked.manifestPath, sha256: manifest.sha256, encoding: asked.encoding },
    logFile: asked.place.path,
    log: of.head,
    apps: asked.apps,
    verify: prepared.options.run.verify || undefined,
    shape: {
      ...asked.shape,
      reports: [...asked.shape.reports],
      only: [...asked.shape.only],
      allowSharedApp: [...asked.shape.allowSharedApp],
      allowMasterApp: [...asked.shape.allowMasterApp],
      allowUnmappedReport: [...asked.shape.allowUnmappedReport],
    },
    tenants: [...of.items],
  };
}

async function run(machine: Machine, prepared: Online, tell: Tell): Promise<RunResult> {
  const { settings, asked, manifest, connection, runId } = prepared;
  const identity = connection.server.identity;
  checkNoOtherLog(asked.place, identity, sourcesOf(manifest));
  const state = new LogState();
  const { openLogForRun } = await import("../log/file/idempotency-log-file.js");
  const log = await openLogForRun({
    path: asked.place.path,
    server: identity,
    sourceTasks: sourcesOf(manifest),
    run: runId,
    command: "sync",
    now: () => systemClock.now(),
    ownProcess: { pid: machine.pid, exists: machine.processExists },
    visit: (record: LogRecord) => state.apply(record, record.run),
    breakLock: settings.breakLock,
    onWaiting: (reason, ms) => tell.emit({ kind: "waiting", reason, ms }),
  });
  let leftBehind: Problem | undefined;
  try {
    await tell.warn(log.warnings);
    const bound = log.isNew ? undefined : serverOfLog({ state, header: log.header });
    if (!settings.rebind) checkServerOfLog(asked.place.path, bound, identity);
    if (settings.resume) checkResumable(lastSyncOf(state, asked.place.path, manifest.fileName), manifest);
    const warnings = [...log.warnings, ...connection.warnings];
    const request = {
      ...requestOf(prepared, { state, server: identity, warnings }),
      rebindFrom: settings.rebind && bound !== undefined && bound !== identity ? bound : undefined,
    };
    const { reader, writer } = connection.api;
    const deps = { reader, writer, log, clock: systemClock, chance: systemChance, emit: tell.emit };
    return await runSync(request, { ...deps, interruption: machine.interruption() });
  } finally {
    leftBehind = await log.close();
    if (leftBehind !== undefined) await tell.warn([leftBehind]);
  }
}

function requestOf(
  prepared: Prepared,
  of: { readonly state: LogState; readonly server: string | null; readonly warnings: readonly Problem[] },
): SyncRequest {
  const { settings, manifest, options, runId, asked } = prepared;
  const saved = asked.savedPlan;
  return {
    runId,
    manifest,
    options,
    ...of,
    warnings: [...settings.warnings, ...manifest.warnings, ...of.warnings],
    planDigest: saved?.digest,
    guard: saved === undefined ? undefined : (plan) => comparePlans(saved, plan.items, of.state),
  };
}
