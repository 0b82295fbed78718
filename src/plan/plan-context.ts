import type { LogState } from "../log/state.js";
import type { TenantState } from "../log/tenant-state.js";
import type { Manifest } from "../manifest/manifest.js";
import { renderName } from "../manifest/names.js";
import type { Reading } from "../server/ports.js";
import { type AppId, foldAround, foldName, type ReportId, type TaskId, type TenantKey } from "../shared/ids.js";
import type { TenantError } from "../shared/outcome.js";
import type { ListedTask, TaskReport } from "../shared/source-task.js";
import { copyOf, mayBeMadeFor } from "./conflicts.js";
import { type Crossed, holdNames } from "./copy-names.js";
import { type Decision, type Doubt, decide, type Facts, type Permissions } from "./decide.js";
import type { Wanted } from "./drift.js";
import { appsInForce, type InForce, namesInDoubt } from "./in-force.js";
import { lookUp, twinsOf } from "./look-up.js";
import type { ObservedList, ObservedSource } from "./observe.js";
import type { PlanEntry } from "./plan-entries.js";
import { type NamedTenant, type NameHolder, TenantNames } from "./tenant-names.js";
import type { Presence, Wholeness } from "./whole-list.js";
import { finderOf, holderOf } from "./whose-task.js";

/** Reports of tasks that may be adopted, read before a decision asks for them. */
export type CandidateReports = ReadonlyMap<TaskId, Reading<readonly TaskReport[]>>;

/** What decisions about one manifest are made from; made once for a plan, and again after doubts were settled. */
export interface PlanContext {
  readonly manifest: Manifest;
  readonly log: LogState;
  readonly permissions: Permissions;
  /** `undefined`: offline. */
  readonly sources: ReadonlyMap<TaskId, ObservedSource> | undefined;
  readonly list: ObservedList | undefined;
  readonly inForce: InForce;
  readonly namesInDoubt: ReturnType<typeof namesInDoubt>;
  readonly namedUnder: NamedUnder;
  readonly candidates: CandidateReports;
  /** The manifest's tenants, with the names that their copies shall have. */
  readonly manifestNames: readonly NamedTenant[];
  readonly names: TenantNames;
  /** Whose copies bear each other's names, in the list that was read last. */
  readonly crossed: Crossed;
  /** With `--adopt`: which tasks map an app, explained by no record. */
  readonly mappedBy: MappedBy;
  /** With `--adopt`: the tasks, explained by no record, whose reports could not be read. */
  readonly unread: readonly TaskId[];
  /** The names of tasks that the manifest names by their ID and that no list shows. */
  readonly unlistedNames: ReadonlyMap<TaskId, string>;
}

/** The listed tasks that map an app, by that app. */
export type MappedBy = ReadonlyMap<AppId, readonly ListedTask[]>;

const NOT_ASKED: Wholeness = { whole: false, why: "the server was not asked" };
const NOWHERE: ReadonlySet<TaskId> = new Set();
const NO_ROWS: ReadonlyMap<string, ReportId> = new Map();
const NONE: readonly never[] = [];

/** A character that no name holds: stands for "any text" in a name. */
const ANY_TEXT = "\u{f0000}";

/** The same context after the log or the list has changed. */
export function refreshed(context: PlanContext, list: ObservedList | undefined): PlanContext {
  const { log, manifestNames } = context;
  const names = new TenantNames(log, manifestNames);
  const crossed = list === undefined ? context.crossed : holdNames(log, list.index, names).crossed;
  return { ...context, list, inForce: appsInForce(log), namesInDoubt: namesInDoubt(log), names, crossed };
}

/** The source tasks under which the manifest names a key. Few decisions ask: looked up when the first one does. */
export type NamedUnder = (key: TenantKey) => ReadonlySet<TaskId>;

export function namedUnderOf(manifest: Manifest): NamedUnder {
  let named: ReadonlyMap<TenantKey, ReadonlySet<TaskId>> | undefined;
  return (key) => {
    named ??= sourcesByKey(manifest);
    return named.get(key) ?? NOWHERE;
  };
}

function sourcesByKey(manifest: Manifest): ReadonlyMap<TenantKey, ReadonlySet<TaskId>> {
  const named = new Map<TenantKey, Set<TaskId>>();
  for (const { key, sourceTaskId } of manifest.tenants) {
    if (sourceTaskId === undefined) continue;
    const sources = named.get(key);
    if (sources === undefined) named.set(key, new Set([sourceTaskId]));
    else sources.add(sourceTaskId);
  }
  return named;
}

/** Decides about one entry from what this context knows. `twins`: its own in this list, where they are known already. */
export function decideEntry(context: PlanContext, entry: PlanEntry, twins?: readonly ListedTask[]): Decision {
  return decide(new EntryFacts(context, entry, twins));
}

/** The one task that a decision about this entry may ask to adopt, if any: its reports have to be read first. */
export function adoptionCandidate(context: PlanContext, entry: PlanEntry): TaskId | undefined {
  const state = context.log.tenant(entry.ref);
  const { newTaskId } = entry.row;
  if (newTaskId !== undefined && state?.copy?.newTaskId !== newTaskId) return newTaskId;
  if (!context.permissions.adopt || context.list === undefined) return undefined;
  const facts = new EntryFacts(context, entry);
  if (state?.openCreates.length || (state?.copy !== undefined && facts.presence !== "absent" && !state.copy.gone))
    return undefined;
  const named = facts.namesakes.length > 0 ? facts.namesakes.map(({ task }) => task) : facts.lookAlikes;
  const tasks = [...new Map([...named, ...facts.mapped].map((task) => [task.id, task])).values()];
  return tasks.length === 1 ? tasks[0]?.id : undefined;
}

/**
 * Whether a task that no record explains has the name of an entry's copy, or looks like it. A task of a create in doubt is its own, and
 * what a person has decided about is no sign of a lost log. `taken`: the one that is its own by `newTaskId`, where nothing speaks against that.
 */
export function looksCopied(context: PlanContext, entry: PlanEntry, taken: TaskId | undefined): boolean {
  const state = context.log.tenant(entry.ref);
  if (state?.retry === true || (state?.openCreates.length ?? 0) > 0) return false;
  const { namesakes, lookAlikes } = new EntryFacts(context, entry);
  if (namesakes.some(({ task, holder }) => holder === undefined && task.id !== taken)) return true;
  return taken === undefined && lookAlikes.length > 0;
}

/** The listed tasks that nothing explains: no record, and no source task of this manifest or another. */
export function unexplainedTasks({ list, log, sources }: PlanContext): readonly TaskId[] {
  const isExplained = (id: TaskId): boolean => log.explains(id) || log.isSource(id) || sources?.has(id) === true;
  return list?.index.tasks.flatMap(({ id }) => (isExplained(id) ? [] : id)) ?? NONE;
}

/** Twins of one logged tenant in this list. A tenant in doubt has none: what it finds is its own. */
export function twinsInList(context: PlanContext, state: TenantState): readonly ListedTask[] {
  const { copy } = state;
  if (context.list === undefined || copy === undefined || copy.gone || state.openCreates.length > 0) return NONE;
  if (context.list.presence.get(copy.newTaskId) === "absent") return NONE;
  return twinsOf(
    { ...state, own: copy.newTaskId },
    { list: context.list.index, log: context.log, names: context.names },
  );
}

/** What the list tells of each create that a tenant in doubt may have made. */
export function doubtsOf(context: Pick<PlanContext, "log" | "list" | "names">, state: TenantState): readonly Doubt[] {
  if (state.openCreates.length === 0) return [];
  const { list, log, names } = context;
  return state.suspects.map((intent) => ({
    intent,
    found:
      list === undefined || list.reading.kind === "none" ? undefined : lookUp(intent, { list: list.index, log, names }),
  }));
}

/** What one decision is made from. Each fact is looked up when it is asked for: a decision asks for few of them. */
class EntryFacts implements Facts {
  readonly #context: PlanContext;
  readonly #entry: PlanEntry;
  readonly state: TenantState | undefined;
  #twins: readonly ListedTask[] | undefined;
  #namesakes: Facts["namesakes"] | undefined;
  #lookAlikes: readonly ListedTask[] | undefined;
  #doubts: readonly Doubt[] | undefined;

  constructor(context: PlanContext, entry: PlanEntry, twins?: readonly ListedTask[]) {
    this.#context = context;
    this.#entry = entry;
    this.state = context.log.tenant(entry.ref);
    this.#twins = twins;
  }

  get key(): TenantKey {
    return this.#entry.row.key;
  }

  get tenant(): string {
    return this.#entry.row.tenant;
  }

  get sourceTaskId(): TaskId {
    return this.#entry.sourceTaskId;
  }

  get name(): string {
    return this.#entry.name ?? "";
  }

  get wanted(): Wanted {
    return this.#entry.wanted;
  }

  get newTaskId(): TaskId | undefined {
    return this.#entry.row.newTaskId;
  }

  get presence(): Presence | undefined {
    const copy = this.state?.copy;
    return copy === undefined ? undefined : this.#context.list?.presence.get(copy.newTaskId);
  }

  get wholeness(): Wholeness {
    return this.#context.list?.wholenessOf(this.sourceTaskId) ?? NOT_ASKED;
  }

  get isOffline(): boolean {
    return this.#context.list === undefined;
  }

  get doubts(): readonly Doubt[] {
    this.#doubts ??= this.state === undefined ? NONE : doubtsOf(this.#context, this.state);
    return this.#doubts;
  }

  get twins(): readonly ListedTask[] {
    this.#twins ??= this.state === undefined ? NONE : twinsInList(this.#context, this.state);
    return this.#twins;
  }

  get namesakes(): Facts["namesakes"] {
    this.#namesakes ??= namesakesIn(this.#context, this.#entry);
    return this.#namesakes;
  }

  get nameInDoubtFor(): TenantState | undefined {
    const { namesInDoubt } = this.#context;
    const { name, ref } = this.#entry;
    if (namesInDoubt.size === 0 || name === undefined) return undefined;
    return namesInDoubt.get(foldName(name))?.find((tenant) => tenant.ref !== ref);
  }

  get lookAlikes(): readonly ListedTask[] {
    this.#lookAlikes ??= lookAlikesIn(this.#context, this.#entry);
    return this.#lookAlikes;
  }

  get leftovers(): readonly ListedTask[] {
    const { list, log, names } = this.#context;
    const { ref } = this.#entry;
    if (list === undefined) return NONE;
    const tenant = { ref, key: this.key, own: this.state?.copy?.newTaskId, intents: log.sentNames(ref) };
    return twinsOf(tenant, { list: list.index, log, names });
  }

  get mapped(): readonly ListedTask[] {
    const { mappedBy } = this.#context;
    if (mappedBy.size === 0) return NONE;
    const tasks = this.wanted.mappings.flatMap(({ newQlikAppId }) => mappedBy.get(newQlikAppId) ?? NONE);
    return tasks.filter(({ id }) => sharesReport(this.#context, id, this.sourceTaskId));
  }

  get unread(): readonly TaskId[] {
    return this.#context.unread;
  }

  get crossed(): TenantError | undefined {
    return this.#context.crossed.get(this.#entry.ref);
  }

  nameHolderOf(id: TaskId): NameHolder | undefined {
    const name = nameOf(this.#context, id);
    return name === undefined ? undefined : this.#context.names.ofAnother(name, this.#entry.ref);
  }

  get reportOfRow(): ReadonlyMap<string, ReportId> {
    return this.#context.sources?.get(this.sourceTaskId)?.reportOfRow ?? NO_ROWS;
  }

  get copyNamesake(): TaskId | undefined {
    const { list, log } = this.#context;
    const copy = this.state?.copy;
    if (copy === undefined || list === undefined) return undefined;
    return list.index.named(copy.name).find(({ id }) => id !== copy.newTaskId && !log.explains(id))?.id;
  }

  get inForce(): InForce {
    return this.#context.inForce;
  }

  get namedUnder(): ReadonlySet<TaskId> {
    return this.#context.namedUnder(this.key);
  }

  get permissions(): Permissions {
    return this.#context.permissions;
  }

  adoptionCheck(id: TaskId): string | undefined {
    return whyNotACopy(this.#context, this.#entry, id);
  }
}

/** As the list shows it, or the task itself where no list does. */
function nameOf({ list, unlistedNames }: PlanContext, id: TaskId): string | undefined {
  return list?.index.get(id)?.name ?? unlistedNames.get(id);
}

function namesakesIn(context: PlanContext, entry: PlanEntry): Facts["namesakes"] {
  if (context.list === undefined || entry.name === undefined) return [];
  const named = context.list.index.named(entry.name);
  if (named.length === 0) return NONE;
  const own = context.log.tenant(entry.ref)?.copy?.newTaskId;
  return named.filter((task) => task.id !== own).map((task) => ({ task, holder: holderOf(context.log, task.id) }));
}

function lookAlikesIn(context: PlanContext, entry: PlanEntry): readonly ListedTask[] {
  if (context.list === undefined || entry.name === undefined || context.log.knowsCopyOf(entry.sourceTaskId))
    return NONE;
  if (listsSourcesOnly(context.list, context.sources)) return NONE;
  const rendered = renderName(entry.row.nameTemplate, {
    tenant: entry.row.tenant,
    task: ANY_TEXT,
    columns: entry.row.columns,
  });
  if (!("name" in rendered)) return NONE;
  const { name } = rendered;
  const end = name.indexOf(ANY_TEXT);
  if (end < 0) return NONE;
  const [before, after] = foldAround(name.slice(0, end), name.slice(name.lastIndexOf(ANY_TEXT) + ANY_TEXT.length));
  if (before === "" && after === "") return NONE;
  return context.list.index
    .fitting(before, after)
    .filter((task) => !context.log.explains(task.id) && context.sources?.has(task.id) !== true);
}

/** A server before its first copy, with nothing else on it: there is nothing to look through for each of the tenants. */
function listsSourcesOnly({ index: { tasks } }: ObservedList, sources: PlanContext["sources"]): boolean {
  return sources !== undefined && tasks.length <= sources.size && tasks.every((task) => sources.has(task.id));
}

/** Whether a task may be a copy of a source task: a copy of another one has none of its reports. */
function sharesReport({ candidates, sources }: PlanContext, id: TaskId, sourceTaskId: TaskId): boolean {
  const reading = candidates.get(id);
  const source = sources?.get(sourceTaskId)?.task.reports;
  if (reading?.kind !== "read" || source === undefined) return true;
  const known = new Set(source.map(({ reportId }) => reportId));
  return reading.value.some(({ reportId }) => known.has(reportId));
}

function whyNotACopy(context: PlanContext, entry: PlanEntry, id: TaskId): string | undefined {
  if (isSource(context, id) || id === entry.sourceTaskId) return "it is a source task";
  const { log, list, namesInDoubt } = context;
  const holder = holderOf(log, id, entry.ref);
  if (holder !== undefined) return copyOf(holder);
  // One of which nobody knows the name may be any doubt's.
  const task = { id, name: nameOf(context, id) ?? "" };
  const finder = list && finderOf(task, { but: entry.ref, list: list.index, log, namesInDoubt, names: context.names });
  if (finder !== undefined) return mayBeMadeFor(finder.tenant);
  return checkReports(context.candidates.get(id), context.sources?.get(entry.sourceTaskId)?.task.reports);
}

/** Also one of another manifest, or of a disabled row: adopted, it would be mapped to a customer's app. */
function isSource({ sources, log, manifest }: PlanContext, id: TaskId): boolean {
  return (
    sources?.has(id) === true || log.isSource(id) || manifest.tenants.some(({ sourceTaskId }) => sourceTaskId === id)
  );
}

/** Rule of adoption: at least one of the source's reports, and none that the source lacks. */
export function checkReports(
  candidate: Reading<readonly TaskReport[]> | undefined,
  source: readonly TaskReport[] | undefined,
): string | undefined {
  if (candidate === undefined) return "its reports were not read";
  if (candidate.kind === "absent") return "no task answers by this ID";
  if (candidate.kind === "unreadable") return `its reports cannot be read (${candidate.problem.message})`;
  if (source === undefined) return "the source task's reports cannot be read, so that nothing shows that it is a copy";
  const known = new Set(source.map((report) => report.reportId));
  const strange = candidate.value.find((report) => !known.has(report.reportId));
  if (strange !== undefined) return `it has the report ${strange.reportId}, which the source task lacks`;
  return candidate.value.length === 0 ? "it has none of the source task's reports" : undefined;
}
