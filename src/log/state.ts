import { foldTenantKey, type TaskId, type TenantKey, type TenantRef, tenantRef, type WriteId } from "../shared/ids.js";
import type { LogEntry, LogHeader, PlanShape, RunEndRecord, RunRecord, SourceStoppedRecord } from "./records.js";
import { foldTenant, type TenantEntry, withInherited } from "./tenant-fold.js";
import {
  hasOpenPatch,
  type LoggedCopy,
  NONE,
  type OpenCreate,
  type SentName,
  type TenantState,
  unknownTenant,
} from "./tenant-state.js";

/** Why a source task's creates are stopped. */
export interface SourceStop extends SourceStoppedRecord {
  readonly ref: TenantRef;
}

export interface SourceState {
  /** The name under which the log first met the source task. */
  readonly name: string | undefined;
  readonly stop: SourceStop | undefined;
  /** The server changed a copy's name: absence by name proves nothing any more. */
  readonly namesChange: boolean;
}

/** A sync that wrote something, for `--resume`. */
export interface LoggedSync {
  readonly run: string;
  readonly manifest: NonNullable<RunRecord["manifest"]>;
  readonly shape: PlanShape;
  readonly plan: string | undefined;
  readonly wrote: boolean;
  readonly end: RunEndRecord | undefined;
}

/** Of a sync that recorded one of these it counts that it wrote for the tenant. */
const WRITING: readonly LogEntry["type"][] = ["create-intent", "settled", "adopted", "patch-intent"];

const NO_SOURCE: SourceState = { name: undefined, stop: undefined, namesChange: false };

/**
 * The log's records folded into one state a tenant, a source task and a run. State is kept per write: a create stays open
 * until its own outcome or a settlement that names it. Made by folding every record once; `apply` also takes what a run appends.
 */
export class LogState {
  readonly #tenants = new Map<TenantRef, TenantState>();
  readonly #sources = new Map<TaskId, SourceState>();
  /** The source tasks that the header and the records name. */
  readonly #named = new Set<TaskId>();
  /** Whose the creates and PATCHes without a certain outcome are. */
  readonly #openWrites = new Map<WriteId, TenantRef>();
  /** Which tenants hold (or held, where it is gone) each task, those that came to it first in front. */
  readonly #holders = new Map<TaskId, readonly TenantRef[]>();
  /** How many tenants of a source task hold a copy; none is left out. */
  readonly #copiesUnder = new Map<TaskId, number>();
  readonly #syncs = new Map<string, LoggedSync>();
  /** Per saved plan (its digest): the tenants that runs of it have written to. */
  readonly #writtenUnder = new Map<string, Set<TenantRef>>();
  /** The names under which a forgotten tenant's copies may still turn up: looked for again should the tenant come back. */
  readonly #namesOfForgotten = new Map<TenantRef, readonly SentName[]>();
  /** What the last run that created found unexplained when it began. */
  #unexplained: { readonly run: string; readonly tasks: OpenCreate["unexplained"] } | undefined;
  /** How many copies creates have made, and how many of them some list has shown since. */
  #copiesMade = 0;
  #namesSeen = 0;
  #server: string | undefined;
  #movedTo: string | undefined;

  tenants(): Iterable<TenantState> {
    return this.#tenants.values();
  }

  tenant(ref: TenantRef): TenantState | undefined {
    return this.#tenants.get(ref);
  }

  /** Every name that a copy of this tenant may have, also where the tenant was forgotten. */
  sentNames(ref: TenantRef): readonly SentName[] {
    return this.#tenants.get(ref)?.intents ?? this.#namesOfForgotten.get(ref) ?? NONE;
  }

  source(id: TaskId): SourceState {
    return this.#sources.get(id) ?? NO_SOURCE;
  }

  /** The tasks that the log speaks of as source tasks. */
  sourceTasks(): ReadonlySet<TaskId> {
    return this.#named;
  }

  /** The tenants that hold (or held, where it is gone) this task. */
  holdersOf(id: TaskId): readonly TenantRef[] {
    return this.#holders.get(id) ?? NONE;
  }

  /** Whether a record explains this task. */
  explains(id: TaskId): boolean {
    return this.#holders.has(id);
  }

  /** Whether some list has shown this copy since it came into the log. */
  isNameSeen({ order }: LoggedCopy): boolean {
    return order <= this.#namesSeen;
  }

  /** The tenants whose copies a PATCH without a certain outcome may still change. */
  patchedInDoubt(): readonly TenantState[] {
    const refs = new Set(this.#openWrites.values());
    return [...refs].flatMap((ref) => this.#tenants.get(ref) ?? []).filter(hasOpenPatch);
  }

  /** The syncs that wrote to the log, oldest first. */
  syncs(): readonly LoggedSync[] {
    return [...this.#syncs.values()];
  }

  /** The tenants that runs of one saved plan have written to. */
  writtenUnder(plan: string): ReadonlySet<TenantRef> {
    return this.#writtenUnder.get(plan) ?? new Set();
  }

  /** The server's address, after the last `--rebind`; `undefined`: there is no log yet. */
  server(): string | undefined {
    return this.#server;
  }

  /** Where the log goes on (`log copy`); `undefined`: here. */
  movedTo(): string | undefined {
    return this.#movedTo;
  }

  knowsCopyOf(sourceTaskId: TaskId): boolean {
    return this.#copiesUnder.has(sourceTaskId);
  }

  knowsAnyCopy(): boolean {
    return this.#copiesUnder.size > 0;
  }

  /** Takes in what the first line says. A `rebound` record, before it or behind it, outranks it. */
  applyHeader({ server, sourceTasks }: LogHeader): void {
    this.#server ??= server;
    for (const id of sourceTasks) this.#named.add(id);
  }

  /** Takes a record in. `at`: when it was written, for people; a run's own records need none. */
  apply(written: LogEntry & { readonly at?: string | undefined }, run: string): void {
    const entry = withFoldedKey(written);
    if ("sourceTaskId" in entry) this.#named.add(entry.sourceTaskId);
    switch (entry.type) {
      case "run": {
        const { command, manifest, shape, plan } = entry;
        if (command === "sync" && manifest !== undefined && shape !== undefined)
          this.#syncs.set(run, { run, manifest, shape, plan, wrote: false, end: undefined });
        return;
      }
      case "run-end": {
        const sync = this.#syncs.get(run);
        if (sync !== undefined) this.#syncs.set(run, { ...sync, end: entry });
        return;
      }
      case "source":
        if (this.source(entry.sourceTaskId).name === undefined) this.#updateSource(entry, { name: entry.name });
        return;
      case "unexplained":
        this.#unexplained = { run, tasks: entry.tasks && new Set(entry.tasks) };
        return;
      case "forgotten":
        // Two keys then, one key now: a rename between the two takes nothing from it.
        if (entry.to === entry.key && written.type === entry.type && written.to !== written.key) return;
        this.#forget(tenantRef(entry.sourceTaskId, entry.key), entry.to);
        return;
      case "source-stopped":
        this.#updateSource(entry, { stop: { ...entry, ref: tenantRef(entry.sourceTaskId, entry.key) } });
        return;
      case "source-cleared":
        this.#updateSource(entry, { stop: undefined });
        return;
      case "names-seen":
        this.#namesSeen = this.#copiesMade;
        return;
      case "signed":
      case "not-done":
        return;
      case "moved":
        this.#movedTo = entry.to;
        return;
      case "rebound":
        this.#server = entry.server;
        return;
    }
    if (entry.type === "name-changed") this.#updateSource(entry, { namesChange: true });
    const unexplained = this.#unexplained?.run === run ? this.#unexplained.tasks : undefined;
    for (const before of this.#tenantsOf(entry)) {
      if (entry.type === "create-outcome") this.#copiesMade += 1;
      const after = foldTenant(before, entry, { run, at: written.at, unexplained, order: this.#copiesMade });
      if (WRITING.includes(entry.type)) this.#noteWrite(run, before.ref);
      if (entry.type === "create-intent" || entry.type === "patch-intent")
        this.#openWrites.set(entry.write, before.ref);
      else if (entry.type === "settled" || ("outcome" in entry && entry.outcome !== "in-doubt"))
        this.#openWrites.delete(entry.write);
      this.#put(before, after);
    }
  }

  /** The tenants that a record speaks of, as far as the log knows them: some records make one known. */
  #tenantsOf(entry: TenantEntry): readonly TenantState[] {
    const keys = entry.type === "verified" ? entry.keys : "key" in entry ? [entry.key] : [];
    const refs = "sourceTaskId" in entry ? keys.map((key) => tenantRef(entry.sourceTaskId, key)) : [];
    const owner = "key" in entry || !("write" in entry) ? undefined : this.#openWrites.get(entry.write);
    if (owner !== undefined) refs.push(owner);
    return refs.flatMap((ref) => {
      const known = this.#tenants.get(ref);
      if (known !== undefined) return [known];
      if (entry.type !== "create-intent" && entry.type !== "adopted" && entry.type !== "retry") return [];
      return [{ ...unknownTenant(ref, entry), intents: this.sentNames(ref) }];
    });
  }

  /** A tenant holds nothing any more. `heirKey`: who holds the same copy now, under whichever source task. */
  #forget(ref: TenantRef, heirKey: TenantKey | undefined): void {
    const tenant = this.#tenants.get(ref);
    if (tenant === undefined) return;
    if (heirKey !== undefined && tenant.copy !== undefined)
      for (const other of this.holdersOf(tenant.copy.newTaskId)) {
        const heir = other === ref ? undefined : this.#tenants.get(other);
        if (heir?.key === heirKey) this.#put(heir, withInherited(tenant, heir));
      }
    this.#namesOfForgotten.set(ref, tenant.intents);
    for (const [write, owner] of this.#openWrites) if (owner === ref) this.#openWrites.delete(write);
    this.#countHolder(tenant, -1);
    this.#tenants.delete(ref);
  }

  #put(before: TenantState, after: TenantState): void {
    if (before.copy?.newTaskId !== after.copy?.newTaskId) {
      this.#countHolder(before, -1);
      this.#countHolder(after, 1);
    }
    this.#tenants.set(after.ref, after);
  }

  /** Takes in that a tenant holds its copy from now on (1), or no more (-1). */
  #countHolder({ ref, sourceTaskId, copy }: TenantState, change: 1 | -1): void {
    if (copy === undefined) return;
    const others = this.holdersOf(copy.newTaskId).filter((holder) => holder !== ref);
    const holders = change === 1 ? [...others, ref] : others;
    if (holders.length === 0) this.#holders.delete(copy.newTaskId);
    else this.#holders.set(copy.newTaskId, holders);
    const copies = (this.#copiesUnder.get(sourceTaskId) ?? 0) + change;
    if (copies === 0) this.#copiesUnder.delete(sourceTaskId);
    else this.#copiesUnder.set(sourceTaskId, copies);
  }

  /** This run has written for this tenant, which counts where it is a sync, and for the plan that it carries out. */
  #noteWrite(run: string, ref: TenantRef): void {
    const sync = this.#syncs.get(run);
    if (sync === undefined) return;
    if (!sync.wrote) this.#syncs.set(run, { ...sync, wrote: true });
    if (sync.plan === undefined) return;
    const written = this.#writtenUnder.get(sync.plan) ?? new Set();
    this.#writtenUnder.set(sync.plan, written.add(ref));
  }

  #updateSource({ sourceTaskId }: { readonly sourceTaskId: TaskId }, change: Partial<SourceState>): void {
    this.#sources.set(sourceTaskId, { ...this.source(sourceTaskId), ...change });
  }
}

/**
 * A record with its key folded as keys are folded today: an older program may have taken two keys for two tenants that differ
 * in what nobody sees. Their records are one tenant's now, and the copy that is not the last is no longer explained: a twin.
 */
function withFoldedKey(entry: LogEntry): LogEntry {
  if (!("key" in entry)) return entry;
  const key = foldTenantKey(entry.key);
  if (entry.type === "forgotten" && entry.to !== undefined) return { ...entry, key, to: foldTenantKey(entry.to) };
  return key === entry.key ? entry : { ...entry, key };
}
