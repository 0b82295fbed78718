import { randomUUID } from "node:crypto";
import { openLogForRun } from "../adapters/idempotency-log-file.js";
import { readSavedPlan, writeSavedPlan } from "../adapters/saved-plan-file.js";
import { systemChance, systemClock } from "../adapters/system-clock.js";
import { checkResumable, lastSyncOf } from "../app/resume.js";
import { rehearseSync, runSync, type SyncRequest, sourcesOf } from "../app/sync.js";
import type { SyncOptions } from "../app/sync-options.js";
import type { Host } from "../cli/host.js";
import type { ConnectionSettings, SyncSettings } from "../cli/settings.js";
import { EXIT, type ExitCode, type Problem, StopError } from "../domain/errors.js";
import type { LogHead, LogRecord, PlanShape } from "../domain/log-record.js";
import { LogState } from "../domain/log-state.js";
import type { Manifest } from "../domain/manifest.js";
import type { RunResult } from "../domain/outcome.js";
import { comparePlans, type SavedPlan, savedTenants, sealPlan, shapeOf } from "../domain/saved-plan.js";
import { type Connection, openConnection } from "./connection.js";
import { failedResult } from "./failed-result.js";
import {
  checkNoOtherLog,
  checkServerOfLog,
  type LogPlace,
  onlyLogOf,
  placeOfLog,
  readLogState,
  serverOfLog,
} from "./log-place.js";
import { readManifestInput } from "./manifest-input.js";
import { openTelling, type Telling } from "./telling.js";

/** What a sync is asked for, once `--resume` and `--plan` have said what they stand for. */
interface Asked {
  readonly manifestPath: string;
  readonly encoding: string | undefined;
  readonly apps: string | undefined;
  readonly shape: PlanShape;
  readonly place: LogPlace;
  readonly savedPlan: SavedPlan | undefined;
}

/** Everything that is known before the server is spoken to. */
interface Prepared {
  readonly settings: SyncSettings;
  readonly asked: Asked;
  readonly manifest: Manifest;
  readonly options: SyncOptions;
  readonly runId: string;
}

/** `sync`: makes the server match the manifest, or with `--dry-run` shows what it would do. */
export async function syncCommand(host: Host, settings: SyncSettings): Promise<ExitCode> {
  const inputs = [settings.manifest, settings.plan, settings.apps].flatMap((path) =>
    path === undefined || path === "-" ? [] : [{ path, what: "an input of this run" }],
  );
  const log =
    settings.idempotencyLog ?? (settings.manifest === undefined ? undefined : `${settings.manifest}.idempotency.jsonl`);
  const protectedFiles = [...inputs, ...(log === undefined ? [] : [{ path: log, what: "the idempotency log" }])];
  const telling = await openTelling(host, settings.output, { protectedFiles, dryRun: settings.run.dryRun });
  const runId = randomUUID();
  const startedAt = systemClock.now().toISOString();
  try {
    await telling.warn(settings.warnings);
    const asked = await askedOf(host, settings);
    const source = { path: asked.manifestPath, encoding: asked.encoding, apps: asked.apps, shape: asked.shape };
    const manifest = await readManifestInput(host, source);
    const prepared = { settings, asked, manifest, options: { shape: asked.shape, run: settings.run }, runId };
    const result = await carryOutOrRehearse(host, prepared, telling);
    return await telling.finish(result, { manifest, next: nextStep(host, prepared, result) });
  } catch (error) {
    if (!(error instanceof StopError)) throw error;
    const finishedAt = systemClock.now().toISOString();
    const frame = {
      command: "sync",
      dryRun: settings.run.dryRun,
      runId,
      server: null,
      manifest: null,
      startedAt,
      finishedAt,
    };
    return telling.finish(
      failedResult({ ...frame, warnings: settings.warnings, errors: error.problems, exitCode: error.exitCode }),
    );
  }
}

async function askedOf(host: Host, settings: SyncSettings): Promise<Asked> {
  if (settings.plan !== undefined) return askedByPlan(settings, await readSavedPlan(settings.plan));
  if (settings.resume) return askedByResume(host, settings);
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

function askedByPlan(settings: SyncSettings, plan: SavedPlan): Asked {
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

function askedByResume(host: Host, settings: SyncSettings): Asked {
  const { manifest, idempotencyLog } = settings;
  const place =
    manifest === undefined && idempotencyLog === undefined
      ? onlyLogOf(host.cwd, "qalyptus-propagate sync tenants.csv")
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

async function carryOutOrRehearse(host: Host, prepared: Prepared, telling: Telling): Promise<RunResult> {
  const { connection } = prepared.settings;
  if (connection === undefined) return rehearseOffline(host, prepared, telling);
  const { concurrency } = prepared.options.run;
  const open = await openConnection(host, connection, { emit: telling.emit, concurrency });
  try {
    await telling.warn(open.warnings);
    const online = { ...prepared, connection: open, server: connection };
    return prepared.options.run.dryRun ? await rehearse(host, online, telling) : await run(host, online, telling);
  } finally {
    await open.api.close();
  }
}

interface Online extends Prepared {
  readonly connection: Connection;
  readonly server: ConnectionSettings;
}

async function rehearseOffline(host: Host, prepared: Prepared, telling: Telling): Promise<RunResult> {
  const log = readLogState(prepared.asked.place.path);
  const request = requestOf(prepared, { state: log.state, server: serverOfLog(log) ?? null, warnings: log.warnings });
  const interruption = host.interruption();
  const deps = { reader: undefined, clock: systemClock, emit: telling.emit, head: log.head ?? null, interruption };
  return (await rehearseSync(request, deps)).result;
}

async function rehearse(host: Host, prepared: Online, telling: Telling): Promise<RunResult> {
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
  };
  const { reader } = connection.api;
  const interruption = host.interruption();
  const deps = { reader, clock: systemClock, emit: telling.emit, head: log.head ?? null, interruption };
  const { result, plan } = await rehearseSync(request, deps);
  if (settings.savePlan === undefined) return result;
  const saved = sealPlan(planToSave(prepared, { items: savedTenants(plan.items), head: log.head ?? null }));
  await writeSavedPlan(settings.savePlan, saved);
  return result;
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

async function run(host: Host, prepared: Online, telling: Telling): Promise<RunResult> {
  const { settings, asked, manifest, connection, runId } = prepared;
  const identity = connection.server.identity;
  checkNoOtherLog(asked.place, identity, sourcesOf(manifest));
  const state = new LogState();
  const log = await openLogForRun({
    path: asked.place.path,
    server: identity,
    sourceTasks: sourcesOf(manifest),
    run: runId,
    command: "sync",
    now: () => systemClock.now(),
    ownProcess: { pid: host.pid, exists: host.processExists },
    visit: (record: LogRecord) => state.apply(record, record.run),
    breakLock: settings.breakLock,
    onWaiting: (reason, ms) => telling.emit({ kind: "waiting", reason, ms }),
  });
  let leftBehind: Problem | undefined;
  try {
    const bound = log.isNew ? undefined : serverOfLog({ state, header: log.header });
    if (!settings.rebind) checkServerOfLog(asked.place.path, bound, identity);
    if (settings.resume) checkResumable(lastSyncOf(state, asked.place.path, manifest.fileName), manifest);
    const warnings = [...log.warnings, ...connection.warnings];
    const request = {
      ...requestOf(prepared, { state, server: identity, warnings }),
      rebindFrom: settings.rebind && bound !== undefined && bound !== identity ? bound : undefined,
    };
    const { reader, writer } = connection.api;
    const deps = { reader, writer, log, clock: systemClock, chance: systemChance, emit: telling.emit };
    return await runSync(request, { ...deps, interruption: host.interruption() });
  } finally {
    leftBehind = await log.close();
    if (leftBehind !== undefined) await telling.warn([leftBehind]);
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

function nextStep(host: Host, prepared: Prepared, result: RunResult): string | undefined {
  const { asked } = prepared;
  const manifest = asked.manifestPath === "-" ? "" : ` ${asked.manifestPath}`;
  const log = asked.place.named ? ` --idempotency-log ${asked.place.path}` : "";
  switch (result.exitCode) {
    case EXIT.ok:
    case EXIT.changes:
      if (result.dryRun && result.summary.planned > 0)
        return "Run the same command without --dry-run to carry this plan out";
      return result.summary.planned > 0 ? "Run the same command again for the next tenants" : undefined;
    case EXIT.failed:
    case EXIT.inDoubt:
    case EXIT.interrupted:
    case EXIT.terminated:
    case EXIT.server:
      return result.dryRun ? undefined : `To go on: ${host.argv0} sync${manifest}${log} --resume`;
    default:
      return undefined;
  }
}
