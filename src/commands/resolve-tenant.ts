import type { Recorder } from "../log/recorder.js";
import type { LogEntry } from "../log/records.js";
import type { LogState } from "../log/state.js";
import { hasOpenPatch, type TenantState } from "../log/tenant-state.js";
import type { ManifestTenant } from "../manifest/manifest.js";
import { renderName } from "../manifest/names.js";
import * as conflict from "../plan/conflicts.js";
import type { Wanted } from "../plan/drift.js";
import { namesInDoubt } from "../plan/in-force.js";
import { namesakesOf } from "../plan/look-up.js";
import { checkReports } from "../plan/plan-context.js";
import { TaskIndex } from "../plan/task-index.js";
import { type NamedTenant, TenantNames } from "../plan/tenant-names.js";
import { observeCopy } from "../plan/verify-copies.js";
import { finderOf, holderOf } from "../plan/whose-task.js";
import type { TaskReader } from "../server/ports.js";
import { foldTenantKey, type TaskId, type TenantKey, type TenantRef, tenantRef } from "../shared/ids.js";
import { EXIT, type Problem, StopError } from "../shared/problems.js";
import { optionWord } from "../shared/shell-word.js";
import type { ListedTask } from "../shared/source-task.js";
import { nearestKeys } from "../shared/tenant-pattern.js";
import type { Clock } from "../shared/time.js";

/** How a tenant is settled by hand. */
export type Resolution =
  | { readonly kind: "task-id"; readonly taskId: TaskId; readonly from: string | undefined }
  | { readonly kind: "retry" }
  | { readonly kind: "forget" };

export interface ResolveRequest {
  readonly tenants: readonly string[];
  readonly resolution: Resolution;
  readonly sourceTask: TaskId | undefined;
  /** The source tasks that the log's header or the manifest names, for a tenant that the log does not know. */
  readonly knownSources: readonly TaskId[];
  readonly manifest: string;
  /** The manifest's tenants, where it could be read: a task that bears one's name is not taken for another's without a reason. */
  readonly manifestTenants: readonly ManifestTenant[];
  readonly reason: string | undefined;
}

/** What was done for one tenant. */
export interface Resolved {
  readonly tenant: string;
  readonly sourceTaskId: TaskId;
  readonly said: string;
}

interface ResolveDeps {
  readonly reader: TaskReader | undefined;
  readonly recorder: Recorder;
  readonly clock: Pick<Clock, "now">;
}

interface Subject {
  readonly ref: TenantRef;
  readonly key: TenantKey;
  readonly tenant: string;
  readonly sourceTaskId: TaskId;
  readonly state: TenantState | undefined;
}

/**
 * Settles tenants by hand: writes to the log only, never to the server. All or nothing.
 * Throws a StopError: exit 2 for a tenant that cannot be found or a permission that is missing, 7 for a task that may not be
 * taken over, 5 and 6 as the ports say.
 */
export async function resolveTenants(request: ResolveRequest, deps: ResolveDeps): Promise<readonly Resolved[]> {
  const { state } = deps.recorder;
  const logged = loggedByKey(state, request.tenants);
  const subjects = request.tenants.map((tenant) => subjectOf(tenant, request, { log: state, logged }));
  const entries: LogEntry[] = [];
  const resolved: Resolved[] = [];
  for (const subject of subjects) {
    const done = await resolveOne(subject, request, deps);
    entries.push(...done.entries);
    resolved.push({ tenant: subject.tenant, sourceTaskId: subject.sourceTaskId, said: done.said });
  }
  await deps.recorder.record(entries);
  return resolved;
}

interface Resolving {
  readonly entries: readonly LogEntry[];
  readonly said: string;
}

async function resolveOne(subject: Subject, request: ResolveRequest, deps: ResolveDeps): Promise<Resolving> {
  const { resolution, reason } = request;
  const of = { sourceTaskId: subject.sourceTaskId, key: subject.key };
  switch (resolution.kind) {
    case "retry":
      return {
        entries: [{ type: "retry", ...of, tenant: subject.tenant, reason }],
        said: "the next sync may create its copy once more",
      };
    case "forget":
      return { entries: forget(subject, reason), said: "it holds nothing any more" };
    case "task-id":
      return takeOver(subject, { ...request, taskId: resolution.taskId, from: resolution.from }, deps);
    default:
      return resolution satisfies never;
  }
}

function forget(subject: Subject, reason: string | undefined): readonly LogEntry[] {
  const { state } = subject;
  if (state === undefined) throw unknownTenant(subject.tenant, []);
  const mayBeMapped = hasOpenPatch(state);
  if ((state.openCreates.length > 0 || mayBeMapped) && reason === undefined)
    throw usage({
      code: "REASON_MISSING",
      message: `tenant "${subject.tenant}" is in doubt: ${mayBeMapped ? "a PATCH of its copy may still be carried out" : "a task of it may be on the server"}`,
      hint: `Say why it may be forgotten: ${conflict.resolveCommand(subject, '--forget --reason "TEXT"')}`,
      tenant: subject.tenant,
    });
  return [{ type: "forgotten", sourceTaskId: state.sourceTaskId, key: state.key, reason }];
}

async function takeOver(
  subject: Subject,
  request: ResolveRequest & { readonly taskId: TaskId; readonly from: string | undefined },
  deps: ResolveDeps,
): Promise<Resolving> {
  const { reader, recorder, clock } = deps;
  const { taskId } = request;
  if (reader === undefined)
    throw new StopError(EXIT.defect, { code: "DEFECT", message: "resolve --task-id needs a server" });
  const old =
    request.from === undefined ? undefined : holderNamed(request.from, { subject, taskId, log: recorder.state });
  const stranger = holderOf(recorder.state, taskId, subject.ref, ...(old === undefined ? [] : [old.ref]));
  if (stranger !== undefined)
    throw refused(
      conflict.notACopy(taskId, `${conflict.copyOf(stranger)}; for a rename add ${optionWord("--from", stranger)}`),
    );
  if (old !== undefined && old.openCreates.length > 0)
    throw refused(
      conflict.notACopy(taskId, `tenant "${old.tenant}" is in doubt besides: sync its manifest, or resolve it, first`),
    );
  const [list, source, reports] = await Promise.all([
    reader.listTasks({ fresh: true }),
    reader.readReports(subject.sourceTaskId),
    reader.readReports(taskId),
  ]);
  if (taskId === subject.sourceTaskId || request.knownSources.includes(taskId))
    throw refused(conflict.notACopy(taskId, "it is a source task"));
  const why = checkReports(reports, source.kind === "read" ? source.value : undefined);
  if (why !== undefined) throw refused(conflict.notACopy(taskId, why));
  const index = new TaskIndex(list.kind === "none" ? [] : list.tasks);
  const log = recorder.state;
  const names = new TenantNames(log, namedTenants(request, log, index));
  const listed = index.get(taskId) ?? (await readUnlisted(reader, taskId));
  const at = { but: subject.ref, list: index, log, namesInDoubt: namesInDoubt(log), names };
  const finder = listed && finderOf(listed, at);
  if (finder !== undefined && request.reason === undefined)
    throw refused(
      conflict.notACopy(
        taskId,
        `${conflict.mayBeMadeFor(finder.tenant)}: sync that first. Where you know that it is this tenant's, add --reason TEXT`,
      ),
    );
  const other = listed && names.ofAnother(listed.name, subject.ref);
  if (listed !== undefined && other !== undefined && other.ref !== old?.ref && request.reason === undefined)
    throw refused(conflict.takenNameOfAnother(subject, listed, other));
  const of = { sourceTaskId: subject.sourceTaskId, key: subject.key, newTaskId: taskId };
  const shown = reports.kind === "read" ? reports.value : [];
  const name = listed?.name ?? subject.state?.copy?.name ?? old?.copy?.name ?? "";
  return {
    entries: [
      {
        type: "adopted",
        ...of,
        tenant: subject.tenant,
        manifest: request.manifest,
        name,
        by: "resolve",
        before: list.kind === "read" ? namesakesOf(name, index).filter((id) => id !== taskId) : null,
        reason: request.reason,
      },
      // Behind the adoption: should the log lose its tail, the doubt is still there to be looked up.
      ...(subject.state?.openCreates ?? []).map(
        ({ write }): LogEntry => ({ type: "settled", write, found: "abandoned" }),
      ),
      // Nothing is claimed: the next sync holds it against the manifest.
      observeCopy({ ...of, shown, wanted: NOTHING, mustShow: undefined, clock }).record,
      // Last: should the log lose its tail, the copy is held by both, and never by nobody.
      ...(old === undefined
        ? []
        : [
            {
              type: "forgotten" as const,
              sourceTaskId: old.sourceTaskId,
              key: old.key,
              reason: request.reason,
              to: subject.key,
            },
          ]),
    ],
    said: `its copy is the task ${taskId}${old === undefined ? "" : `, which was tenant "${old.tenant}"'s`}`,
  };
}

/** A task that no list shows says its name itself. */
async function readUnlisted(reader: TaskReader, id: TaskId): Promise<ListedTask | undefined> {
  const task = await reader.readTask(id);
  return task.kind === "read" ? { id, name: task.value.name } : undefined;
}

const NOTHING: Wanted = { mappings: [], named: [] };

/** The manifest's tenants with the names that their copies shall have, where {task} can be filled in. */
function namedTenants({ manifestTenants }: ResolveRequest, log: LogState, list: TaskIndex): readonly NamedTenant[] {
  return manifestTenants.flatMap(({ key, tenant, sourceTaskId, nameTemplate, columns, enabled }) => {
    if (sourceTaskId === undefined || !enabled) return [];
    const task = log.source(sourceTaskId).name ?? list.get(sourceTaskId)?.name;
    const rendered = renderName(nameTemplate, { tenant, task, columns });
    return "name" in rendered
      ? [{ ref: tenantRef(sourceTaskId, key), sourceTaskId, key, tenant, name: rendered.name }]
      : [];
  });
}

/** The tenant of that key who holds the task, under whichever source task. */
function holderNamed(
  from: string,
  of: { readonly subject: Subject; readonly taskId: TaskId; readonly log: LogState },
): TenantState {
  const key = foldTenantKey(from);
  const named = [...of.log.tenants()].filter((tenant) => tenant.key === key && tenant.ref !== of.subject.ref);
  const holder = named.find((tenant) => tenant.copy?.newTaskId === of.taskId);
  if (holder !== undefined) return holder;
  const [other] = named;
  if (other === undefined) throw unknownTenant(from, keysOf(of.log));
  throw refused(
    conflict.notACopy(of.taskId, `tenant "${other.tenant}" holds ${other.copy?.newTaskId ?? "no copy"}, not this task`),
  );
}

/** What the log knows of these tenants: it is looked through once, however many they are. */
function loggedByKey(log: LogState, tenants: readonly string[]): ReadonlyMap<TenantKey, readonly TenantState[]> {
  const logged = new Map<TenantKey, TenantState[]>(tenants.map((tenant) => [foldTenantKey(tenant), []]));
  for (const state of log.tenants()) logged.get(state.key)?.push(state);
  return logged;
}

function subjectOf(
  tenant: string,
  request: ResolveRequest,
  { log, logged }: { readonly log: LogState; readonly logged: ReadonlyMap<TenantKey, readonly TenantState[]> },
): Subject {
  const key = foldTenantKey(tenant);
  const known = (logged.get(key) ?? []).filter(
    (state) => request.sourceTask === undefined || state.sourceTaskId === request.sourceTask,
  );
  const [state, ...others] = known;
  if (others.length > 0)
    throw usage({
      code: "SOURCE_AMBIGUOUS",
      message: `tenant "${tenant}" is in the log under several source tasks: ${known.map((one) => one.sourceTaskId).join(", ")}`,
      hint: "Add --source-task GUID",
      tenant,
    });
  if (state !== undefined)
    return { ref: state.ref, key, tenant: state.tenant, sourceTaskId: state.sourceTaskId, state };
  const sourceTaskId = request.sourceTask ?? onlyOne(request.knownSources);
  if (request.resolution.kind === "forget") throw unknownTenant(tenant, keysOf(log));
  if (sourceTaskId === undefined)
    throw usage({
      code: "SOURCE_MISSING",
      message: `tenant "${tenant}" is not in the log, so that its source task is not known`,
      hint: "Add --source-task GUID",
      tenant,
    });
  return { ref: tenantRef(sourceTaskId, key), key, tenant, sourceTaskId, state: undefined };
}

function onlyOne(ids: readonly TaskId[]): TaskId | undefined {
  return ids.length === 1 ? ids[0] : undefined;
}

function keysOf(log: LogState): readonly TenantKey[] {
  return [...log.tenants()].map((state) => state.key);
}

function unknownTenant(tenant: string, keys: readonly TenantKey[]): StopError {
  const nearest = nearestKeys(tenant, keys, 3);
  return usage({
    code: "TENANT_UNKNOWN",
    message: `tenant "${tenant}" is not in the log`,
    hint: nearest.length === 0 ? "See qalyptus-propagate status" : `The nearest keys are ${nearest.join(", ")}`,
    tenant,
  });
}

function usage(problem: Problem): StopError {
  return new StopError(EXIT.usage, problem);
}

function refused(problem: Problem): StopError {
  return new StopError(EXIT.guard, problem);
}
