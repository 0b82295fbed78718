import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { basename } from "node:path";
import { type LogPlace, logRecorder, type Recorder } from "../log/port.js";
import type { LogEntry } from "../log/records.js";
import type { LogState } from "../log/state.js";
import { hasOpenPatch, type TenantState } from "../log/tenant-state.js";
import type { ManifestTenant } from "../manifest/manifest.js";
import { renderName } from "../manifest/names.js";
import * as conflict from "../plan/conflicts.js";
import { readUnlisted } from "../plan/observe.js";
import { observeCopy } from "../plan/read-copies.js";
import { TaskIndex } from "../plan/task-index.js";
import { type NamedTenant, TenantNames } from "../plan/tenant-names.js";
import { checkReports, finderOf, holderOf, namesakesOf } from "../plan/whose-task.js";
import { safeJson } from "../results/json.js";
import { parseServerUrl } from "../server/address.js";
import type { TaskReader } from "../server/ports.js";
import { hintOf, optionWords } from "../shared/hints.js";
import { foldTenantKey, type TaskId, type TenantKey, type TenantRef, tenantRef } from "../shared/ids.js";
import { EXIT, type ExitCode, type Problem, StopError, stopError } from "../shared/problems.js";
import { LOG_ENDING } from "../shared/results.js";
import { nearestKeys } from "../shared/spelling.js";
import { oneLine } from "../shared/text-safety.js";
import { systemClock } from "../shared/time.js";
import { checkServerOfLog, findLog, whoRuns, withOpenLog } from "./command-log.js";
import { type Connection, withConnection } from "./connection.js";
import { signHead } from "./head-signature.js";
import type { Host, Tell } from "./host.js";
import { attempt, readManifestInput } from "./inputs.js";
import type { SettingsOf } from "./settings.js";
import { openTelling } from "./telling.js";

/** `resolve`: settles tenants by hand; writes to the log only, never to the server. */
export async function resolveCommand(host: Host, settings: SettingsOf["resolve"]): Promise<ExitCode> {
  const telling = await openTelling(host, settings.output);
  const { place } = await findLog(host, settings);
  const { resolution } = settings;
  const { resolved, log } =
    resolution.kind === "task"
      ? await withConnection(host, resolution.connection, telling, (connection) =>
          resolveInLog(host, settings, place, telling, connection),
        )
      : await resolveInLog(host, settings, place, telling);
  if (settings.output.format === "human")
    for (const { tenant, said } of resolved) await telling.answer(`${oneLine(tenant)}: ${oneLine(said)}\n`);
  else {
    const result = { version: 1, command: "resolve", log, tenants: resolved, errors: [], exitCode: EXIT.ok };
    await telling.answer(`${safeJson(result)}\n`);
  }
  return EXIT.ok;
}

async function resolveInLog(
  host: Host,
  settings: SettingsOf["resolve"],
  place: LogPlace,
  tell: Tell,
  connection?: Connection,
) {
  const { sourceTask, manifest, breakLock, lockTimeoutMs } = settings;
  const { path } = place;
  const bound = (await place.read()).state.server();
  const given = settings.server && parseServerUrl(settings.server.text).identity;
  const server = connection?.server.identity ?? bound ?? given;
  if (server === undefined) {
    const message = `there is no idempotency log ${path}, so that there is nothing to settle`;
    throw stopError(EXIT.usage, "NO_LOG", message, { file: path });
  }
  checkServerOfLog(path, bound, server);
  const run = randomUUID();
  const sourceTasks = sourceTask === undefined ? [] : [sourceTask];
  const opening = { server, sourceTasks, run, command: "resolve", breakLock, lockTimeoutMs };
  return withOpenLog(host, place, opening, tell, async (log) => {
    const { state } = log;
    const recorder = logRecorder(state, log, {
      id: run,
      preamble: { type: "run", command: "resolve", options: settings.output.typed.options.flat(), by: whoRuns(host) },
    });
    const request: ResolveRequest = {
      ...settings,
      manifestName: basename(manifest ?? manifestOfLog(path, state)),
      manifestTenants: await tenantsOfManifest(settings, path, state),
    };
    const resolved = await resolveTenants(request, recorder, connection?.api.reader);
    if (settings.signHead !== undefined) await signHead(log, settings.signHead, { env: host.env });
    return { resolved, log: log.head() };
  });
}

/** The manifest that a log is of: beside a file, else the last sync's. */
function manifestOfLog(path: string, state: LogState): string {
  return path.endsWith(LOG_ENDING) ? path.slice(0, -LOG_ENDING.length) : (state.syncs().at(-1)?.manifest.path ?? path);
}

/** The tenants of the log's manifest, read as the last sync read it; none where it is not there, or cannot be read any more. */
async function tenantsOfManifest(
  { manifest, resolution }: SettingsOf["resolve"],
  logPath: string,
  state: LogState,
): Promise<readonly ManifestTenant[]> {
  const shape = state.syncs().at(-1)?.shape;
  const path = manifest ?? manifestOfLog(logPath, state);
  if (resolution.kind !== "task" || shape === undefined || !existsSync(path)) return [];
  const read = await attempt(() => readManifestInput({ path, shape }));
  return read instanceof StopError ? [] : read.tenants;
}

export interface ResolveRequest extends Pick<SettingsOf["resolve"], "resolution" | "sourceTask" | "reason"> {
  readonly manifestName: string;
  /** The manifest's tenants, where it could be read: a task that bears one's name is not taken for another's without a reason. */
  readonly manifestTenants: readonly ManifestTenant[];
}

/** The tenant that is settled. */
interface Subject {
  readonly ref: TenantRef;
  readonly key: TenantKey;
  readonly tenant: string;
  readonly sourceTaskId: TaskId;
  readonly state: TenantState | undefined;
}

/**
 * Settles tenants by hand: writes to the log only, never to the server. All or nothing. Says what was done for each. `reader`: only a
 * task is taken over by what the server shows.
 * Throws a StopError: exit 2 for a tenant that cannot be found or a permission that is missing, 7 for a task that may not be
 * taken over, 5 and 6 as the ports say.
 */
export async function resolveTenants(
  request: ResolveRequest,
  recorder: Recorder,
  reader: TaskReader | undefined,
): Promise<readonly { readonly tenant: string; readonly sourceTaskId: TaskId; readonly said: string }[]> {
  const { resolution, reason } = request;
  const entries: LogEntry[] = [];
  const resolved = [];
  for (const subject of subjectsOf(request, recorder.state)) {
    const { sourceTaskId, key, tenant } = subject;
    const left = subject.state && conflict.leftBehind(subject.state);
    let said = ["it holds nothing any more", ...(left === undefined ? [] : [left])].join("; ");
    if (resolution.kind === "task") {
      if (reader === undefined) throw new Error("resolve --task-id needs a server");
      said = await takeOver(subject, resolution, request, recorder.state, reader, entries);
    } else if (resolution.kind === "retry") {
      said = "the next sync may create its copy once more";
      entries.push({ type: "retry", sourceTaskId, key, tenant, reason });
    } else {
      checkMayForget(subject, reason);
      entries.push({ type: "forgotten", sourceTaskId, key, reason });
    }
    resolved.push({ tenant, sourceTaskId, said });
  }
  await recorder.record(entries);
  return resolved;
}

function checkMayForget(subject: Subject, reason: string | undefined): void {
  const { state, tenant } = subject;
  const mayBeMapped = state !== undefined && hasOpenPatch(state);
  if (reason !== undefined || (!mayBeMapped && !state?.openCreates.length)) return;
  const why = mayBeMapped ? "a PATCH of its copy may still be carried out" : "a task of it may be on the server";
  const hint = hintOf("Say why it may be forgotten:", conflict.resolveCommand(subject, "--forget", ...conflict.SEEN));
  const message = `tenant "${tenant}" is in doubt: ${why}`;
  throw stopError(EXIT.usage, "REASON_MISSING", message, { hint, tenant });
}

/** Makes a task a tenant's copy: adds what the log gets to `entries`, and returns what is said of it. */
async function takeOver(
  subject: Subject,
  { taskId, from }: Extract<ResolveRequest["resolution"], { kind: "task" }>,
  request: ResolveRequest,
  log: LogState,
  reader: TaskReader,
  entries: LogEntry[],
): Promise<string> {
  const { reason } = request;
  const { ref, key, tenant, sourceTaskId } = subject;
  const refuse = (why: string): never => refused(conflict.notACopy(taskId, why));
  const old = from === undefined ? undefined : formerHolder(from, subject, taskId, log);
  const stranger = holderOf(log, taskId, ref, ...(old === undefined ? [] : [old.ref]));
  if (stranger !== undefined)
    refuse(`${conflict.copyOf(stranger)}; for a rename add ${optionWords("--from", stranger).join(" ")}`);
  if (old !== undefined && old.openCreates.length > 0)
    refuse(`tenant "${old.tenant}" is in doubt besides: sync its manifest, or resolve it, first`);
  const [list, source, reports] = await Promise.all([
    reader.listTasks({ fresh: true }),
    reader.readReports(sourceTaskId),
    reader.readReports(taskId),
  ]);
  if (taskId === sourceTaskId || log.sourceTasks().has(taskId)) refuse("it is a source task");
  const fault = checkReports(reports, source.kind === "read" ? source.value : undefined);
  if (fault !== undefined) refuse(fault);
  const index = new TaskIndex(list.kind === "none" ? [] : list.tasks);
  const names = new TenantNames(log, namedTenants(request, log, index));
  const named = index.get(taskId) ?? (await readUnlisted(reader, taskId));
  if (named !== undefined && reason === undefined) {
    const finder = finderOf(named, { but: ref, list: index, log, namesInDoubt: conflict.namesInDoubt(log), names });
    if (finder !== undefined)
      refuse(
        `${conflict.mayBeMadeFor(finder.tenant)}: sync that first. Where you know that it is this tenant's, add --reason TEXT`,
      );
    const other = names.ofAnother(named.name, ref);
    if (other !== undefined && other.ref !== old?.ref) refused(conflict.takenNameOfAnother(subject, named, other));
  }
  const copy = { sourceTaskId, key, newTaskId: taskId };
  const name = named?.name ?? subject.state?.copy?.name ?? old?.copy?.name ?? "";
  const before = list.kind === "read" ? namesakesOf(name, index).filter((id) => id !== taskId) : null;
  const shown = reports.kind === "read" ? reports.value : [];
  entries.push(
    { type: "adopted", ...copy, tenant, manifest: request.manifestName, name, by: "resolve", before, reason },
    // Behind the adoption: should the log lose its tail, the doubt is still there to be looked up.
    ...(subject.state?.openCreates ?? []).map(({ write }) => ({ type: "settled", write, found: "abandoned" }) as const),
    // Nothing is claimed: the next sync holds it against the manifest.
    observeCopy({ ...subject, wanted: { mappings: [], named: [] } }, taskId, shown, undefined, systemClock).record,
  );
  if (old === undefined) return `its copy is the task ${taskId}`;
  // Last: should the log lose its tail, the copy is held by both, and never by nobody.
  entries.push({ type: "forgotten", sourceTaskId: old.sourceTaskId, key: old.key, reason, to: key });
  return `its copy is the task ${taskId}, which was tenant "${old.tenant}"'s`;
}

/** The manifest's tenants with the names that their copies shall have, where {task} can be filled in. */
function namedTenants({ manifestTenants }: ResolveRequest, log: LogState, list: TaskIndex): readonly NamedTenant[] {
  return manifestTenants.flatMap(({ key, tenant, sourceTaskId, nameTemplate, columns, enabled }) => {
    if (sourceTaskId === undefined || !enabled) return [];
    const task = log.source(sourceTaskId).name ?? list.get(sourceTaskId)?.name;
    const rendered = renderName(nameTemplate, { tenant, task, columns });
    const ref = tenantRef(sourceTaskId, key);
    return "name" in rendered ? [{ ref, sourceTaskId, key, tenant, name: rendered.name }] : [];
  });
}

/** The tenant that `--from` names and that holds the task, under whichever source task. */
function formerHolder(from: string, subject: Subject, taskId: TaskId, log: LogState): TenantState {
  const key = foldTenantKey(from);
  const named = [...log.tenants()].filter((tenant) => tenant.key === key && tenant.ref !== subject.ref);
  const holder = named.find((tenant) => tenant.copy?.newTaskId === taskId);
  if (holder !== undefined) return holder;
  const [other] = named;
  if (other === undefined) throw unknownTenant(from, log);
  const held = other.copy?.newTaskId ?? "no copy";
  return refused(conflict.notACopy(taskId, `tenant "${other.tenant}" holds ${held}, not this task`));
}

function subjectsOf(request: ResolveRequest, log: LogState): readonly Subject[] {
  const { resolution, sourceTask } = request;
  const knownSources = [...log.sourceTasks()];
  const tenants = resolution.kind === "task" ? [resolution.tenant] : resolution.tenants;
  // The log is looked through once, however many tenants there are.
  const logged = new Map<TenantKey, TenantState[]>(tenants.map((tenant) => [foldTenantKey(tenant), []]));
  for (const state of log.tenants()) logged.get(state.key)?.push(state);
  return tenants.map((tenant) => {
    const key = foldTenantKey(tenant);
    const states = logged.get(key) ?? [];
    const [state, ...others] = states.filter((one) => sourceTask === undefined || one.sourceTaskId === sourceTask);
    if (others.length > 0) {
      const sources = states.map((one) => one.sourceTaskId).join(", ");
      const message = `tenant "${tenant}" is in the log under several source tasks: ${sources}`;
      throw stopError(EXIT.usage, "SOURCE_AMBIGUOUS", message, { tenant });
    }
    if (state !== undefined)
      return { ref: state.ref, key, tenant: state.tenant, sourceTaskId: state.sourceTaskId, state };
    if (resolution.kind === "forget") throw unknownTenant(tenant, log);
    const sourceTaskId = sourceTask ?? (knownSources.length === 1 ? knownSources[0] : undefined);
    if (sourceTaskId !== undefined) return { ref: tenantRef(sourceTaskId, key), key, tenant, sourceTaskId, state };
    const message = `tenant "${tenant}" is not in the log, so that its source task is not known`;
    throw stopError(EXIT.usage, "SOURCE_MISSING", message, { tenant });
  });
}

function unknownTenant(tenant: string, log: LogState): StopError {
  const keys = [...log.tenants()].map((state) => state.key);
  const nearest = nearestKeys(tenant, keys, 3).join(", ");
  const message = `tenant "${tenant}" is not in the log${nearest === "" ? "" : `; the nearest keys are ${nearest}`}`;
  return stopError(EXIT.usage, "TENANT_UNKNOWN", message, { tenant });
}

function refused(problem: Problem): never {
  throw new StopError(EXIT.guard, problem);
}
