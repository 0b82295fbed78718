import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { basename } from "node:path";
import type { Host } from "../cli/host.js";
import type { ResolveSettings } from "../cli/settings.js";
import { systemClock } from "../files/system-clock.js";
import { openLogForRun } from "../log/file/idempotency-log-file.js";
import { LOG_ENDING } from "../log/file/read-log-file.js";
import { logRecorder } from "../log/port.js";
import type { LogEntry } from "../log/records.js";
import { LogState } from "../log/state.js";
import type { ManifestTenant } from "../manifest/manifest.js";
import { safeJson } from "../results/json.js";
import { attempt } from "../run/attempt.js";
import { parseServerUrl } from "../server/url.js";
import type { TaskId } from "../shared/ids.js";
import { EXIT, type ExitCode, StopError } from "../shared/problems.js";
import { oneLine } from "../shared/text-safety.js";
import { type Connection, openConnection } from "./connection.js";
import { checkServerOfLog, type LogPlace, onlyLogOf, placeOfLog, readLogState, serverOfLog } from "./log-place.js";
import { readManifestInput } from "./manifest-input.js";
import { type Resolution, type Resolved, type ResolveRequest, resolveTenants } from "./resolve-tenant.js";
import { openTelling, type Telling } from "./telling.js";

/** `resolve`: settles tenants by hand; writes to the log only, never to the server. */
export async function resolveCommand(host: Host, settings: ResolveSettings): Promise<ExitCode> {
  const telling = await openTelling(host, settings.output, { protectedFiles: [], dryRun: false });
  await telling.warn(settings.warnings);
  const { manifest, idempotencyLog, resolution } = settings;
  const place =
    manifest === undefined && idempotencyLog === undefined
      ? onlyLogOf(host.cwd, `${host.argv0} sync tenants.csv`)
      : placeOfLog(idempotencyLog, manifest ?? "");
  const connection =
    resolution.kind === "task"
      ? await openConnection(host, resolution.connection, { emit: telling.emit, concurrency: 1 })
      : undefined;
  try {
    await telling.warn(connection?.warnings ?? []);
    return await settle(host, { settings, place, telling, connection });
  } finally {
    await connection?.api.close();
  }
}

interface Settling {
  readonly settings: ResolveSettings;
  readonly place: LogPlace;
  readonly telling: Telling;
  readonly connection: Connection | undefined;
}

async function settle(host: Host, { settings, place, telling, connection }: Settling): Promise<ExitCode> {
  const bound = existsSync(place.path) ? serverOfLog(readLogState(place.path)) : undefined;
  const given = settings.server === undefined ? undefined : parseServerUrl(settings.server.text).identity;
  const server = connection?.server.identity ?? bound ?? given;
  if (server === undefined)
    throw new StopError(EXIT.usage, {
      code: "NO_LOG",
      message: `there is no idempotency log ${place.path}, so that there is nothing to settle`,
      hint: "Name it with --idempotency-log FILE",
      file: place.path,
    });
  checkServerOfLog(place.path, bound, server);
  const runId = randomUUID();
  const state = new LogState();
  const sources = settings.sourceTask === undefined ? [] : [settings.sourceTask];
  const log = await openLogForRun({
    path: place.path,
    server,
    sourceTasks: sources,
    run: runId,
    command: "resolve",
    now: () => systemClock.now(),
    ownProcess: { pid: host.pid, exists: host.processExists },
    visit: (record) => state.apply(record, record.run),
    breakLock: settings.breakLock,
    onWaiting: (reason, ms) => telling.emit({ kind: "waiting", reason, ms }),
  });
  try {
    await telling.warn(log.warnings);
    const preamble: LogEntry = { type: "run", command: "resolve" };
    const recorder = logRecorder(state, log, { id: runId, preamble });
    const request = {
      ...requestOf(settings, { place, state, header: log.header.sourceTasks }),
      manifestTenants: await tenantsOfManifest(host, settings, { place, state }),
    };
    const resolved = await resolveTenants(request, { reader: connection?.api.reader, recorder, clock: systemClock });
    await tell(telling, settings, { resolved, head: log.head() });
    return EXIT.ok;
  } finally {
    const left = await log.close();
    await telling.warn(left === undefined ? [] : [left]);
  }
}

function requestOf(
  settings: ResolveSettings,
  of: { readonly place: LogPlace; readonly state: LogState; readonly header: readonly TaskId[] },
): Omit<ResolveRequest, "manifestTenants"> {
  const { resolution, sourceTask, reason } = settings;
  const inLog = [...of.state.tenants()].map((tenant) => tenant.sourceTaskId);
  return {
    tenants: resolution.kind === "task" ? [resolution.tenant] : resolution.tenants,
    resolution: asked(resolution),
    sourceTask,
    knownSources: [...new Set([...of.header, ...inLog])],
    manifest: settings.manifest === undefined ? basename(of.place.path, LOG_ENDING) : basename(settings.manifest),
    reason,
  };
}

/** The tenants of the log's manifest, read as the last sync read it; none where it is not there, or cannot be read any more. */
async function tenantsOfManifest(
  host: Host,
  settings: ResolveSettings,
  { place, state }: { readonly place: LogPlace; readonly state: LogState },
): Promise<readonly ManifestTenant[]> {
  const shape = state.syncs().at(-1)?.shape;
  const path = settings.manifest ?? place.path.slice(0, -LOG_ENDING.length);
  if (settings.resolution.kind !== "task" || shape === undefined || !existsSync(path)) return [];
  const read = await attempt(() => readManifestInput(host, { path, encoding: undefined, apps: undefined, shape }));
  return read.kind === "done" ? read.value.tenants : [];
}

function asked(resolution: ResolveSettings["resolution"]): Resolution {
  if (resolution.kind !== "task") return { kind: resolution.kind };
  return { kind: "task-id", taskId: resolution.taskId, from: resolution.from };
}

async function tell(
  telling: Telling,
  settings: ResolveSettings,
  of: {
    readonly resolved: readonly Resolved[];
    readonly head: { readonly path: string; readonly seq: number; readonly digest: string };
  },
): Promise<void> {
  if (settings.output.format === "human") {
    for (const { tenant, said } of of.resolved) await telling.answer(`${oneLine(tenant)}: ${said}\n`);
    return;
  }
  const tenants = of.resolved.map(({ tenant, sourceTaskId, said }) => ({ tenant, sourceTaskId, said }));
  await telling.answer(
    `${safeJson({ version: 1, command: "resolve", log: of.head, tenants, errors: [], exitCode: EXIT.ok })}\n`,
  );
}
