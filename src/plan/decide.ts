import type { CreateIntentRecord } from "../log/records.js";
import type { TenantState } from "../log/tenant-state.js";
import type { AppId, ReportId, TaskId, TenantKey, TenantRef } from "../shared/ids.js";
import type { TenantError } from "../shared/outcome.js";
import type { ListedTask } from "../shared/source-task.js";
import * as conflict from "./conflicts.js";
import { type Drift, driftOf, type ReportChange, type Wanted } from "./drift.js";
import type { Holding, InForce } from "./in-force.js";
import type { LookUp } from "./look-up.js";
import type { Presence, Wholeness } from "./whole-list.js";

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
  /** Other tasks on the server that may be this tenant's copy too; its own is not among them. */
  readonly twins: readonly TaskId[];
  /** Why `--verify` could not read its copy in this run: whatever an earlier run saw, it is not verified. */
  readonly unread?: TenantError | undefined;
}

/** The permissions that a command line gives. */
export interface Permissions {
  readonly adopt: boolean;
  readonly recreate: boolean;
  readonly newLog: boolean;
  readonly allowSharedApps: ReadonlySet<AppId>;
  readonly allowUnmappedReports: ReadonlySet<string>;
}

/** How often in all a tenant's create is sent again after it was found absent. */
export const MOST_RESENDS = 3;

/** Why a task that has the right name or ID may not be taken over; `undefined`: it may. */
export type AdoptionCheck = (id: TaskId) => string | undefined;

/** All that one decision is made from: the manifest, the log, the server, the command line. */
export interface Facts {
  readonly key: TenantKey;
  readonly tenant: string;
  readonly sourceTaskId: TaskId;
  readonly name: string;
  readonly wanted: Wanted;
  readonly newTaskId: TaskId | undefined;
  readonly state: TenantState | undefined;
  /** Of the logged copy; `undefined` where no list was read. */
  readonly presence: Presence | undefined;
  readonly wholeness: Wholeness;
  /** Nobody asks the server: what only a list can show is left open. */
  readonly isOffline: boolean;
  readonly doubts: readonly Doubt[];
  readonly twins: readonly ListedTask[];
  /** Listed tasks that have the name a create would send, and the tenant that holds each. */
  readonly namesakes: readonly { readonly task: ListedTask; readonly holder: string | undefined }[];
  /** Another tenant whose open create has the name that a create would send. */
  readonly nameInDoubtFor?: conflict.Named | undefined;
  readonly lookAlikes: readonly ListedTask[];
  /** With `--adopt` and a log that knows no copy of the source task: tasks that no record explains and that map one of its apps. */
  readonly mapped: readonly ListedTask[];
  /** With `--adopt`: listed tasks that no record explains, and that could not be read. One of them may be this tenant's copy. */
  readonly unread: readonly TaskId[];
  /** Another tenant whose name a listed task bears. */
  readonly nameHolderOf: (id: TaskId) => conflict.Named | undefined;
  /** The server names its copy as another tenant's, or another's copy as its own. */
  readonly crossed: TenantError | undefined;
  /** Listed tasks that an earlier create of this tenant, which holds no copy now, may have made. */
  readonly leftovers: readonly ListedTask[];
  readonly adoptionCheck: AdoptionCheck;
  readonly inForce: InForce;
  /** The source tasks under which the manifest names this key. */
  readonly namedUnder: ReadonlySet<TaskId>;
  /** The report of each of the source task's rows. */
  readonly reportOfRow: ReadonlyMap<string, ReportId>;
  /** A listed task, explained by no record, that has the logged copy's own name. */
  readonly copyNamesake: TaskId | undefined;
  readonly permissions: Permissions;
}

/** Decides what is to be done about one selected, enabled tenant. The heart of the program: a table, top row first. */
export function decide(facts: Facts): Decision {
  const { state } = facts;
  if (facts.crossed !== undefined) return refuse(facts.crossed);
  if (facts.twins.length > 0) return refuse(conflict.twin(facts, twinIds(facts)));
  if (state !== undefined && state.openCreates.length > 0) return decideDoubt(facts, state);
  if (state?.copy !== undefined) return decideCopy(facts, state, state.copy);
  if (facts.newTaskId !== undefined)
    return decideAdoption(facts, { id: facts.newTaskId, name: facts.name }, "newTaskId");
  return decideCreate(facts, "no copy yet");
}

function decideDoubt(facts: Facts, state: TenantState): Decision {
  const several = facts.doubts.flatMap((doubt) => (doubt.found?.kind === "several" ? doubt.found.tasks : []));
  if (facts.newTaskId !== undefined && facts.newTaskId !== state.copy?.newTaskId)
    return decideAdoption(facts, { id: facts.newTaskId, name: facts.name }, "newTaskId");
  if (several.length > 0) return refuse(conflict.twin(facts, [...new Set(several.map((task) => task.id))]));
  const found = facts.doubts.some((doubt) => doubt.found?.kind === "found");
  if (state.retry && !found) return decideCreate(facts, "in doubt; resolve --retry allows one more create");
  return plain(
    { kind: "settle", doubts: facts.doubts },
    found ? "in doubt; a task of the sent name is on the server" : "in doubt; the server has to be looked at",
  );
}

function decideCopy(facts: Facts, state: TenantState, copy: NonNullable<TenantState["copy"]>): Decision {
  const provablyGone = copy.gone || (facts.presence === "absent" && facts.wholeness.whole);
  if (facts.newTaskId !== undefined && facts.newTaskId !== copy.newTaskId)
    return provablyGone
      ? decideAdoption(facts, { id: facts.newTaskId, name: facts.name }, "newTaskId")
      : refuse(conflict.otherTaskId(facts, copy.newTaskId, facts.newTaskId));
  if (provablyGone && !state.retry) {
    if (!facts.permissions.recreate) return refuse(conflict.gone(facts, copy.newTaskId, facts.copyNamesake));
    // What was gone one day may be back, or be there under another ID: only a list of today shows that it is not.
    if (!facts.isOffline && !facts.wholeness.whole)
      return refuse(
        conflict.notSeen(facts, copy.newTaskId, { why: facts.wholeness.why, namesake: facts.copyNamesake }),
      );
  }
  if (provablyGone) return decideCreate(facts, "its copy is gone");
  if (facts.presence === "absent" || facts.presence === "unknown") {
    if (state.retry) return decideCreate(facts, "its copy is not seen; resolve --retry allows one more create");
    const why = facts.wholeness.whole ? "it does not answer by its ID" : facts.wholeness.why;
    return refuse(conflict.notSeen(facts, copy.newTaskId, { why, namesake: facts.copyNamesake }));
  }
  const drift = driftOf(state, facts.wanted, {
    allowUnmapped: facts.permissions.allowUnmappedReports,
    reportOfRow: facts.reportOfRow,
  });
  if (drift.refusedRemovals.length > 0) return refuse(conflict.removalRefused(drift.refusedRemovals));
  if (drift.changes.length === 0)
    return { action: UNCHANGED, reason: "as the manifest wants it", missing: drift.missing };
  const inUse = appConflict(facts);
  if (inUse !== undefined) return refuse(inUse);
  return {
    action: { kind: "update", changes: drift.changes },
    reason: reasonOfUpdate(drift.changes),
    missing: drift.missing,
  };
}

function decideCreate(facts: Facts, reason: string): Decision {
  const inUse = appConflict(facts);
  if (inUse !== undefined) return refuse(inUse);
  const retry = facts.state?.retry === true;
  const absences = facts.state?.absences ?? 0;
  if (absences > MOST_RESENDS && !retry) return refuse(conflict.gaveUp(facts, absences));
  const held = facts.namesakes.find((namesake) => namesake.holder !== undefined);
  if (held !== undefined) return refuse(conflict.nameTaken(facts, facts.name, [held.task], held.holder));
  if (facts.nameInDoubtFor !== undefined) return refuse(conflict.nameInDoubt(facts.name, facts.nameInDoubtFor));
  const namesakes = facts.namesakes.map((namesake) => namesake.task);
  if (retry) return plain(CREATE, reason);
  if (namesakes.length === 0 && facts.leftovers.length > 0)
    return refuse(
      conflict.twin(
        facts,
        facts.leftovers.map((task) => task.id),
      ),
    );
  const named = namesakes.length > 0 || facts.permissions.newLog ? namesakes : facts.lookAlikes;
  const tasks = [...new Map([...named, ...facts.mapped].map((task) => [task.id, task])).values()];
  if (tasks.length > 0) return decideTaken(facts, tasks, takenError(facts, { tasks, named, namesakes }));
  if (facts.unread.length > 0 && !facts.permissions.newLog) return refuse(conflict.unreadCandidates(facts.unread));
  return plain(CREATE, reason);
}

function takenError(
  facts: Facts,
  found: Readonly<Record<"tasks" | "named" | "namesakes", readonly ListedTask[]>>,
): TenantError {
  if (found.tasks.length > found.named.length) return conflict.severalMapped(facts, found.tasks);
  if (found.namesakes.length > 0) return conflict.nameTaken(facts, facts.name, found.namesakes, undefined);
  return conflict.looksLikeCopy(facts, found.named);
}

function decideTaken(facts: Facts, tasks: readonly ListedTask[], error: TenantError): Decision {
  const [only, ...others] = tasks;
  if (!facts.permissions.adopt || only === undefined || others.length > 0) return refuse(error);
  return decideAdoption(facts, only, "adopt");
}

function decideAdoption(facts: Facts, task: ListedTask, by: "adopt" | "newTaskId"): Decision {
  const inUse = appConflict(facts);
  if (inUse !== undefined) return refuse(inUse);
  const why = facts.adoptionCheck(task.id);
  if (why !== undefined) return refuse(conflict.notACopy(task.id, why));
  const other = facts.nameHolderOf(task.id);
  if (other !== undefined) return refuse(conflict.takenNameOfAnother(facts, task, other));
  return plain(
    { kind: "adopt", task, by },
    by === "adopt" ? `the server has a task "${task.name}"` : "the manifest names its copy (newTaskId)",
  );
}

/** The first app that this tenant shall read and that is in force for somebody else. */
export function appConflict(facts: AppFacts): TenantError | undefined {
  for (const { newQlikAppId: app } of facts.wanted.mappings) {
    if (facts.permissions.allowSharedApps.has(app)) continue;
    const holders = facts.inForce.get(app);
    if (holders === undefined) continue;
    const other = holders.find((holder) => holder.key !== facts.key);
    if (other !== undefined) return conflict.appInUse(facts, app, other);
    const left = holders.find((holder) => isLeftBehind(holder, facts));
    if (left !== undefined) return conflict.moved(facts, app, left);
  }
  return undefined;
}

/** What an app's other holders are judged by. */
export type AppFacts = Pick<
  Facts,
  "key" | "tenant" | "sourceTaskId" | "wanted" | "permissions" | "inForce" | "namedUnder"
>;

function isLeftBehind(holder: Holding, facts: AppFacts): boolean {
  return holder.sourceTaskId !== facts.sourceTaskId && !facts.namedUnder.has(holder.sourceTaskId);
}

function twinIds(facts: Facts): readonly TaskId[] {
  const ids = facts.twins.map((task) => task.id);
  const copy = facts.state?.copy;
  return copy === undefined || copy.gone || facts.presence === "absent" ? ids : [copy.newTaskId, ...ids];
}

function reasonOfUpdate(changes: readonly ReportChange[]): string {
  const count = (why: ReportChange["why"]): number => changes.filter((change) => change.why === why).length;
  const parts: string[] = [];
  if (count("changed") > 0) parts.push(`${count("changed")} mapped otherwise`);
  if (count("unknown") > 0) parts.push(`${count("unknown")} not known for certain`);
  if (count("removed") > 0) parts.push(`${count("removed")} to be unmapped`);
  return `drift: reports ${parts.join(", ")}`;
}

const NONE: readonly never[] = [];
/** The same for every tenant. */
const CREATE: Action = { kind: "create" };
const UNCHANGED: Action = { kind: "unchanged" };

function plain(action: Action, reason: string): Decision {
  return { action, reason, missing: NONE };
}

function refuse(error: TenantError): Decision {
  return { action: { kind: "conflict", error }, reason: error.message, missing: NONE };
}
