import type { CreateIntentRecord, PlanShape } from "../log/records.js";
import type { LogState } from "../log/state.js";
import type { LoggedCopy, ReportKnowledge, TenantState } from "../log/tenant-state.js";
import type { Manifest } from "../manifest/manifest.js";
import type { Reading } from "../server/ports.js";
import { type AppId, foldName, type ReportId, type TaskId, type TenantKey, type TenantRef } from "../shared/ids.js";
import type { TenantError } from "../shared/results.js";
import type { ListedTask, TaskReport } from "../shared/tasks.js";
import { counted } from "../shared/text-safety.js";
import * as conflict from "./conflicts.js";
import { appsInForce, type InForce, type NamesInDoubt, namesInDoubt } from "./conflicts.js";
import { type Drift, driftOf, type PlanEntry, type ReportChange, type Wanted } from "./desired.js";
import type { ObservedList, ObservedSource, Wholeness } from "./observe.js";
import { type Crossed, nameFindings, TenantNames } from "./tenant-names.js";
import { holderOf, type LookUp, lookUp, nameOfTask, possibleCopies, twinsOf, whyNotACopy } from "./whose-task.js";

/** The permissions that a command line gives. */
export interface Permissions extends Pick<PlanShape, "adopt" | "recreate"> {
  readonly newLog: boolean;
  readonly allowSharedApps: ReadonlySet<AppId>;
  readonly allowUnmappedReports: ReadonlySet<string>;
}

/** What decisions about one manifest are made from; made once for a plan, and again after doubts were settled. */
export interface PlanContext {
  readonly manifest: Manifest;
  readonly permissions: Permissions;
  /** The manifest's enabled tenants, in its order. */
  readonly entries: ReadonlyMap<TenantRef, PlanEntry>;
  /** The manifest's tenants, also the disabled ones. */
  readonly inManifest: ReadonlySet<TenantRef>;
  /** The source tasks that the manifest names, also in disabled rows. */
  readonly manifestSources: ReadonlySet<TaskId>;
  readonly log: LogState;
  readonly inForce: InForce;
  readonly namesInDoubt: NamesInDoubt;
  readonly names: TenantNames;
  /** `undefined`: offline. */
  readonly sources: ReadonlyMap<TaskId, ObservedSource> | undefined;
  readonly list: ObservedList | undefined;
  /** The source tasks' reports, as far as the server names them. */
  readonly reportNames: ReadonlyMap<ReportId, string>;
  /** Whose copies bear each other's names, in the list that was read last. */
  readonly crossed: Crossed;
  /** Reports of tasks that may be adopted, read before a decision asks for them. */
  readonly candidates: CandidateReports;
  /** With `--adopt`: the listed tasks, explained by no record, that map an app. */
  readonly mappedBy: ReadonlyMap<AppId, readonly ListedTask[]>;
  /** With `--adopt`: the tasks, explained by no record, whose reports could not be read. */
  readonly unread: readonly TaskId[];
  /** Tasks that the manifest names by their ID and that no list shows, with their names. */
  readonly unlisted: ReadonlyMap<TaskId, ListedTask>;
}

export type CandidateReports = ReadonlyMap<TaskId, Reading<readonly TaskReport[]>>;

/** The same context after the log or the list has changed. */
export function refreshed(
  context: Omit<PlanContext, "inForce" | "namesInDoubt" | "names">,
  list: ObservedList | undefined,
): PlanContext {
  const { log } = context;
  const names = new TenantNames(log, context.entries.values());
  const crossed = list === undefined ? context.crossed : nameFindings(log, list.index, names).crossed;
  return { ...context, list, inForce: appsInForce(log), namesInDoubt: namesInDoubt(log), names, crossed };
}

/** The listed tasks that nothing explains: no record, and no source task of this manifest or another. */
export function unexplainedTasks({ list, log, sources }: PlanContext): readonly TaskId[] {
  const isExplained = (id: TaskId): boolean =>
    log.explains(id) || log.sourceTasks().has(id) || sources?.has(id) === true;
  return list?.index.tasks.flatMap(({ id }) => (isExplained(id) ? NONE : id)) ?? NONE;
}

/** The logged tenants that have listed twins, and these, in the log's order. */
export type Twins = ReadonlyMap<TenantRef, readonly TaskId[]>;

export function twinsOfLog(context: PlanContext): Twins {
  const twins = [...context.log.tenants()].map((state) => [state.ref, twinsInList(context, state)] as const);
  return new Map(twins.filter(([, ids]) => ids.length > 0));
}

/** Twins of one logged tenant in this list. A tenant in doubt has none: what it finds is its own. */
function twinsInList({ list, log, names }: PlanContext, state: TenantState): readonly TaskId[] {
  const { ref, key, copy, openCreates } = state;
  if (list === undefined || copy === undefined || copy.gone || openCreates.length > 0) return NONE;
  if (list.presence.get(copy.newTaskId) === "absent") return NONE;
  return twinsOf({ ref, key, own: copy.newTaskId }, { list: list.index, log, names });
}

/** What the list tells of each create that a tenant in doubt may have made. */
export function doubtsOf(
  { list, log, names }: Pick<PlanContext, "log" | "list" | "names">,
  state: TenantState,
): readonly Doubt[] {
  if (state.openCreates.length === 0) return NONE;
  const isListed = list !== undefined && list.reading.kind !== "none";
  return state.suspects.map((intent) => ({
    intent,
    found: isListed ? lookUp(intent, { list: list.index, log, names }) : undefined,
  }));
}

/** What is to be done about one tenant. Data, never a closure: it can be shown, saved and compared. */
export type Action =
  | { readonly kind: "create" }
  | { readonly kind: "update"; readonly changes: readonly ReportChange[] }
  | { readonly kind: "adopt"; readonly task: ListedTask; readonly by: "adopt" | "newTaskId" }
  | { readonly kind: "settle"; readonly doubts: readonly Doubt[] }
  | { readonly kind: "unchanged" }
  | { readonly kind: "conflict"; readonly error: TenantError }
  | { readonly kind: "skip" }
  | { readonly kind: "orphan" };

/** A create that may have made a copy, and what the list tells of it (`undefined`: there is no list). */
export interface Doubt {
  readonly intent: CreateIntentRecord;
  readonly found: LookUp | undefined;
}

export interface Decision {
  readonly action: Action;
  readonly reason: string;
  /** Reports that the manifest wants and the copy was born without. */
  readonly missing: Drift["missing"];
}

/** What each report of a task maps; one that is not in it, or not `known`, may map anything. */
export type MappedReports = ReadonlyMap<ReportId, Pick<ReportKnowledge, "known">>;

/** One tenant of a plan: what the manifest wants of it, and what is to be done. */
export interface PlanItem extends Decision {
  readonly ref: TenantRef;
  readonly key: TenantKey;
  readonly tenant: string;
  /** `undefined` only for a skipped tenant whose rows name none. */
  readonly sourceTaskId: TaskId | undefined;
  readonly line: number | undefined;
  /** The copy's name: the one it was made with, else the one it shall get. */
  readonly name: string | undefined;
  readonly wanted: Wanted;
  /** What its copy, or the task that is taken over, mapped when the plan was made; `undefined`: there is none that is known. */
  readonly mapped: MappedReports | undefined;
  /** Other tasks on the server that may be this tenant's copy too; its own is not among them. */
  readonly twins: readonly TaskId[];
  /** Why `--verify` could not read its copy in this run: whatever an earlier run saw, it is not verified. */
  readonly unread?: TenantError | undefined;
}

/** How often in all a tenant's create is sent again after it was found absent. */
const MOST_RESENDS = 3;

const NONE: readonly never[] = [];
const NOT_ASKED: Wholeness = { whole: false, why: "the server was not asked" };

/** Decides what is to be done about one selected, enabled tenant. The heart of the program: a table, top row first. */
export function decideEntry(context: PlanContext, entry: PlanEntry): Decision {
  const state = context.log.tenant(entry.ref);
  const crossed = context.crossed.get(entry.ref);
  if (crossed !== undefined) return refuse(crossed);
  if (state?.copy !== undefined) {
    const twins = twinsInList(context, state);
    if (twins.length > 0) return refuse(conflict.twin(entry, [state.copy.newTaskId, ...twins]));
  }
  if (state !== undefined && state.openCreates.length > 0) return decideDoubt(context, entry, state);
  if (state?.copy !== undefined) return decideCopy(context, entry, state, state.copy);
  if (entry.newTaskId !== undefined) return decideNewTaskId(context, entry, entry.newTaskId);
  return decideCreate(context, entry, "no copy yet");
}

function decideDoubt(context: PlanContext, entry: PlanEntry, state: TenantState): Decision {
  const { newTaskId } = entry;
  if (newTaskId !== undefined && newTaskId !== state.copy?.newTaskId) return decideNewTaskId(context, entry, newTaskId);
  const doubts = doubtsOf(context, state);
  const several = doubts.flatMap(({ found }) => (found?.kind === "several" ? found.tasks : NONE)).map(({ id }) => id);
  if (several.length > 0) return refuse(conflict.twin(entry, [...new Set(several)]));
  if (doubts.some(({ found }) => found?.kind === "found"))
    return plain({ kind: "settle", doubts }, "in doubt; a task of the sent name is on the server");
  if (state.retry) return decideCreate(context, entry, "in doubt; resolve --retry allows one more create");
  return plain({ kind: "settle", doubts }, "in doubt; the server has to be looked at");
}

function decideCopy(context: PlanContext, entry: PlanEntry, state: TenantState, copy: LoggedCopy): Decision {
  const { list, log, permissions } = context;
  const { newTaskId } = entry;
  const presence = list?.presence.get(copy.newTaskId);
  const wholeness = list?.wholenessOf(entry.sourceTaskId) ?? NOT_ASKED;
  const isGone = copy.gone || (presence === "absent" && wholeness.whole);
  if (newTaskId !== undefined && newTaskId !== copy.newTaskId)
    return isGone
      ? decideNewTaskId(context, entry, newTaskId)
      : refuse(conflict.otherTaskId(entry, copy.newTaskId, newTaskId));
  const isNamesake = ({ id }: ListedTask): boolean => id !== copy.newTaskId && !log.explains(id);
  const namesake = list?.index.named(copy.name).find(isNamesake)?.id;
  if (isGone && !state.retry) {
    if (!permissions.recreate) return refuse(conflict.gone(entry, copy.newTaskId, namesake));
    // What was gone one day may be back, or be there under another ID: only a list of today shows that it is not.
    if (list !== undefined && !wholeness.whole)
      return refuse(conflict.gone(entry, copy.newTaskId, namesake, wholeness.why));
  }
  if (isGone) return decideCreate(context, entry, "its copy is gone");
  if (presence === "absent" || presence === "unknown") {
    if (state.retry)
      return decideCreate(context, entry, "its copy is not seen; resolve --retry allows one more create");
    const why = wholeness.whole ? "it does not answer by its ID" : wholeness.why;
    return refuse(conflict.gone(entry, copy.newTaskId, namesake, why));
  }
  const { changes, missing, refusedRemovals } = driftOf(state, entry.wanted, context);
  if (refusedRemovals.length > 0) return refuse(conflict.removalRefused(refusedRemovals));
  if (changes.length === 0) return { action: { kind: "unchanged" }, reason: "as the manifest wants it", missing };
  const inUse = conflict.appConflict(context, entry);
  if (inUse !== undefined) return refuse(inUse);
  return {
    action: { kind: "update", changes },
    reason: `drift: ${counted(changes.length, "report")} not as the manifest wants${sinceOf(state)}`,
    missing,
  };
}

/** Since when a copy may have drifted: it was last seen right then. */
function sinceOf({ lastVerifiedAt }: TenantState): string {
  return lastVerifiedAt === undefined
    ? ""
    : `; read last as it should be on ${lastVerifiedAt.slice(0, 16).replace("T", " ")} UTC`;
}

function decideCreate(context: PlanContext, entry: PlanEntry, reason: string): Decision {
  const { log, list, names, permissions, unread } = context;
  const { ref, key, name = "" } = entry;
  const state = log.tenant(ref);
  const inUse = conflict.appConflict(context, entry);
  if (inUse !== undefined) return refuse(inUse);
  if (state !== undefined && state.absences > MOST_RESENDS && !state.retry)
    return refuse(conflict.gaveUp(entry, state.absences));
  const { namesakes, tasks } = possibleCopies(context, entry);
  for (const task of namesakes) {
    const holder = holderOf(log, task.id);
    if (holder !== undefined) return refuse(conflict.nameTaken(entry, name, [task], holder));
  }
  const other = context.namesInDoubt.get(foldName(name))?.find((tenant) => tenant.ref !== ref);
  if (other !== undefined) return refuse(conflict.nameInDoubt(name, other));
  if (state?.retry === true) return plain({ kind: "create" }, reason);
  // What an earlier create of this tenant, which holds no copy now, may have made.
  const own = state?.copy?.newTaskId;
  const leftovers = list === undefined ? NONE : twinsOf({ ref, key, own }, { list: list.index, log, names });
  if (namesakes.length === 0 && leftovers.length > 0) return refuse(conflict.twin(entry, leftovers));
  const [only, ...others] = tasks;
  if (only !== undefined) {
    if (permissions.adopt && others.length === 0) return decideAdoption(context, entry, only, "adopt");
    const isByName = namesakes.length > 0 && tasks.length === namesakes.length;
    return refuse(isByName ? conflict.nameTaken(entry, name, tasks) : conflict.looksLikeCopy(entry, tasks));
  }
  if (unread.length > 0 && !permissions.newLog) return refuse(conflict.unreadCandidates(unread));
  return plain({ kind: "create" }, reason);
}

/** Takes over a listed task (`--adopt`), or the one that the manifest names (`newTaskId`). */
function decideAdoption(context: PlanContext, entry: PlanEntry, task: ListedTask, by: "adopt" | "newTaskId"): Decision {
  const inUse = conflict.appConflict(context, entry);
  if (inUse !== undefined) return refuse(inUse);
  const why = whyNotACopy(context, entry, task.id);
  if (why !== undefined) return refuse(conflict.notACopy(task.id, why));
  const name = nameOfTask(context, task.id);
  const other = name === undefined ? undefined : context.names.ofAnother(name, entry.ref);
  if (other !== undefined) return refuse(conflict.takenNameOfAnother(entry, task, other));
  const reason = by === "adopt" ? `the server has a task "${task.name}"` : "the manifest names its copy (newTaskId)";
  return plain({ kind: "adopt", task, by }, reason);
}

function decideNewTaskId(context: PlanContext, entry: PlanEntry, id: TaskId): Decision {
  return decideAdoption(context, entry, { id, name: entry.name ?? "" }, "newTaskId");
}

function plain(action: Action, reason: string): Decision {
  return { action, reason, missing: NONE };
}

/** A conflict: nothing is sent for this tenant. */
export function refuse(error: TenantError): Decision {
  return { action: { kind: "conflict", error }, reason: error.message, missing: NONE };
}
