import type { PlanShape } from "../log/records.js";
import type { LogState } from "../log/state.js";
import type { TenantState } from "../log/tenant-state.js";
import type { Manifest } from "../manifest/manifest.js";
import type { Reading } from "../server/ports.js";
import type { AppId, TaskId, TenantRef } from "../shared/ids.js";
import type { ListedTask, TaskReport } from "../shared/tasks.js";
import { appsInForce, type InForce, type NamesInDoubt, namesInDoubt } from "./conflicts.js";
import type { Doubt } from "./decide.js";
import type { PlanEntry } from "./desired.js";
import type { ObservedList, ObservedSource } from "./observe.js";
import { type Crossed, nameFindings, TenantNames } from "./tenant-names.js";
import { lookUp, twinsOf } from "./whose-task.js";

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

const NONE: readonly never[] = [];

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
  const isExplained = (id: TaskId): boolean => log.explains(id) || log.isSource(id) || sources?.has(id) === true;
  return list?.index.tasks.flatMap(({ id }) => (isExplained(id) ? NONE : id)) ?? NONE;
}

/** The logged tenants that have listed twins, and these, in the log's order. */
export type Twins = ReadonlyMap<TenantRef, readonly TaskId[]>;

export function twinsOfLog(context: PlanContext): Twins {
  const twins = [...context.log.tenants()].map((state) => [state.ref, twinsInList(context, state)] as const);
  return new Map(twins.filter(([, ids]) => ids.length > 0));
}

/** Twins of one logged tenant in this list. A tenant in doubt has none: what it finds is its own. */
export function twinsInList({ list, log, names }: PlanContext, state: TenantState): readonly TaskId[] {
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
