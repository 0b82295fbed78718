import { type TaskId, type TenantKey, type TenantRef, tenantRef, type WriteId } from "../shared/ids.js";
import type { Mapping } from "../shared/mapping.js";
import { withFoldedKey } from "./folded-record.js";
import type {
  AdoptedRecord,
  CreateIntentRecord,
  LogEntry,
  PatchIntentRecord,
  PatchOutcomeRecord,
  PlanShape,
  ReportIdMode,
  SettledRecord,
} from "./records.js";
import { TaskHolders } from "./task-holders.js";
import {
  withAdopted,
  withCreateIntent,
  withCreateOutcome,
  withCrossed,
  withInherited,
  withListedName,
  withObserved,
  withoutCopy,
  withPatchIntent,
  withPatchOutcome,
  withSettled,
  withVerified,
} from "./tenant-fold.js";
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
export interface SourceStop {
  readonly ref: TenantRef;
  readonly newTaskId: TaskId;
  readonly code: string;
  readonly reportIdMode: ReportIdMode;
  /** What that copy was to have. */
  readonly mappings: readonly Mapping[];
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
  readonly manifest: { readonly path: string; readonly fileName: string; readonly sha256: string };
  readonly shape: PlanShape;
  readonly plan: string | undefined;
  readonly wrote: boolean;
  readonly end: { readonly exitCode: number; readonly left: number } | undefined;
}

type OfTenant = Pick<TenantState, "sourceTaskId" | "key">;

const NO_SOURCE: SourceState = { name: undefined, stop: undefined, namesChange: false };

/**
 * The log's records folded into one state a tenant, a source task and a run. State is kept per write: a create stays open
 * until its own outcome or a settlement that names it. Made by folding every record once; `apply` also takes what a run appends.
 */
export class LogState {
  readonly #tenants = new Map<TenantRef, TenantState>();
  readonly #sources = new Map<TaskId, SourceState>();
  /** The source tasks that records name. */
  readonly #named = new Set<TaskId>();
  /** The creates and PATCHes without a certain outcome. */
  readonly #createOf = new Map<WriteId, TenantRef>();
  readonly #patchOf = new Map<WriteId, { readonly ref: TenantRef; readonly intent: PatchIntentRecord }>();
  readonly #holders = new TaskHolders();
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

  /** Whether some record speaks of a task as a source task. */
  isSource(id: TaskId): boolean {
    return this.#sources.has(id) || this.#named.has(id);
  }

  /** The tenants that hold (or held, where it is gone) this task. */
  holdersOf(id: TaskId): readonly TenantRef[] {
    return this.#holders.of(id);
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
    const refs = new Set([...this.#patchOf.values()].map(({ ref }) => ref));
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

  /** The server's address after the last `--rebind`; `undefined`: the header's. */
  reboundServer(): string | undefined {
    return this.#server;
  }

  knowsCopyOf(sourceTaskId: TaskId): boolean {
    return this.#holders.anyUnder(sourceTaskId);
  }

  knowsAnyCopy(): boolean {
    return this.#holders.any;
  }

  /** Takes a record in. `at`: when it was written, for people; a run's own records need none. */
  apply(written: LogEntry & { readonly at?: string | undefined }, run: string): void {
    const { at } = written;
    const entry = withFoldedKey(written);
    if ("sourceTaskId" in entry) this.#named.add(entry.sourceTaskId);
    switch (entry.type) {
      case "run":
        if (entry.command === "sync" && entry.manifest !== undefined && entry.shape !== undefined)
          this.#syncs.set(run, {
            run,
            manifest: entry.manifest,
            shape: entry.shape,
            plan: entry.plan,
            wrote: false,
            end: undefined,
          });
        return;
      case "run-end":
        this.#updateSync(run, { end: { exitCode: entry.exitCode, left: entry.left } });
        return;
      case "source":
        if (this.source(entry.sourceTaskId).name === undefined)
          this.#updateSource(entry.sourceTaskId, { name: entry.name });
        return;
      case "unexplained":
        this.#unexplained = { run, tasks: entry.tasks && new Set(entry.tasks) };
        return;
      case "create-intent":
        this.#noteWrite(run, entry);
        this.#applyCreateIntent(entry, run, at);
        return;
      case "create-outcome":
        this.#endCreate(entry.write, (tenant) => withCreateOutcome(tenant, entry, ++this.#copiesMade));
        return;
      case "settled":
        this.#noteSettled(run, entry);
        this.#endCreate(entry.write, (tenant) => withSettled(tenant, entry));
        return;
      case "adopted":
        this.#noteWrite(run, entry);
        this.#applyAdopted(entry);
        return;
      case "observed":
        this.#change(entry, (tenant) => withObserved(tenant, entry));
        return;
      case "verified":
        for (const key of entry.keys)
          this.#change({ ...entry, key }, (tenant) => withVerified(tenant, entry.verifiedAt));
        return;
      case "patch-intent":
        this.#noteWrite(run, entry);
        this.#applyPatchIntent(entry, at);
        return;
      case "patch-outcome":
        this.#applyPatchOutcome(entry);
        return;
      case "gone":
        this.#change(entry, (tenant) => withoutCopy(tenant, entry.newTaskId));
        return;
      case "forgotten":
        // Two keys then, one key now: a rename between the two takes nothing from it.
        if (entry !== written && entry.to === entry.key) return;
        if (entry.to !== undefined) this.#inherit(entry.to, tenantRef(entry.sourceTaskId, entry.key));
        this.#forget(tenantRef(entry.sourceTaskId, entry.key));
        return;
      case "retry": {
        const tenant = this.#tenantOf(entry);
        const retry = entry.withdrawn !== true;
        this.#put(tenant, { ...tenant, tenant: entry.tenant, retry, absences: retry ? 0 : tenant.absences });
        return;
      }
      case "source-stopped":
        this.#updateSource(entry.sourceTaskId, {
          stop: {
            ref: tenantRef(entry.sourceTaskId, entry.key),
            newTaskId: entry.newTaskId,
            code: entry.code,
            reportIdMode: entry.reportIdMode,
            mappings: entry.mappings,
          },
        });
        return;
      case "source-cleared":
        this.#updateSource(entry.sourceTaskId, { stop: undefined });
        return;
      case "name-changed":
        this.#updateSource(entry.sourceTaskId, { namesChange: true });
        this.#change(entry, (tenant) => withListedName(tenant, entry));
        return;
      case "renamed":
        this.#change(entry, (tenant) => withListedName(tenant, entry));
        return;
      case "crossed":
        this.#change(entry, (tenant) =>
          withCrossed(
            tenant,
            entry.newTaskId,
            entry.ended === true ? undefined : { listed: entry.listed, other: entry.other },
          ),
        );
        return;
      case "names-seen":
        this.#namesSeen = this.#copiesMade;
        return;
      case "rebound":
        this.#server = entry.server;
        return;
      default:
        entry satisfies never;
    }
  }

  #applyCreateIntent(intent: CreateIntentRecord, run: string, at: string | undefined): void {
    const tenant = this.#tenantOf(intent);
    this.#createOf.set(intent.write, tenant.ref);
    const unexplained = this.#unexplained?.run === run ? this.#unexplained.tasks : undefined;
    this.#put(tenant, withCreateIntent(tenant, intent, { unexplained, at }));
  }

  #applyAdopted(adopted: AdoptedRecord): void {
    const tenant = this.#tenantOf(adopted);
    this.#put(tenant, withAdopted(tenant, adopted));
  }

  #applyPatchIntent(intent: PatchIntentRecord, at: string | undefined): void {
    const tenant = this.#tenants.get(tenantRef(intent.sourceTaskId, intent.key));
    if (tenant === undefined) return;
    this.#patchOf.set(intent.write, { ref: tenant.ref, intent });
    this.#put(tenant, withPatchIntent(tenant, intent, at));
  }

  #applyPatchOutcome(outcome: PatchOutcomeRecord): void {
    const patch = this.#patchOf.get(outcome.write);
    if (patch === undefined) return;
    const tenant = this.#tenants.get(patch.ref);
    if (tenant !== undefined) this.#put(tenant, withPatchOutcome(tenant, patch.intent, outcome));
    if (outcome.outcome !== "in-doubt") this.#patchOf.delete(outcome.write);
  }

  /** Ends a create: what is certain closes it, and its ID means nothing any more. */
  #endCreate(write: WriteId, change: (tenant: TenantState) => TenantState): void {
    const ref = this.#createOf.get(write);
    const tenant = ref === undefined ? undefined : this.#tenants.get(ref);
    if (tenant === undefined) return;
    const after = change(tenant);
    if (!after.openCreates.some((intent) => intent.write === write)) this.#createOf.delete(write);
    this.#put(tenant, after);
  }

  /** The heir holds the same copy, under whichever source task. */
  #inherit(heirKey: TenantKey, oldRef: TenantRef): void {
    const old = this.#tenants.get(oldRef);
    if (old?.copy === undefined) return;
    for (const ref of this.#holders.of(old.copy.newTaskId)) {
      const heir = ref === oldRef ? undefined : this.#tenants.get(ref);
      if (heir?.key === heirKey) this.#put(heir, withInherited(old, heir));
    }
  }

  #forget(ref: TenantRef): void {
    const tenant = this.#tenants.get(ref);
    if (tenant === undefined) return;
    this.#namesOfForgotten.set(ref, tenant.intents);
    for (const intent of tenant.openCreates) this.#createOf.delete(intent.write);
    this.#holders.forget(tenant);
    this.#tenants.delete(ref);
  }

  #tenantOf(of: OfTenant): TenantState {
    const ref = tenantRef(of.sourceTaskId, of.key);
    return this.#tenants.get(ref) ?? { ...unknownTenant(ref, of), intents: this.sentNames(ref) };
  }

  /** Changes a tenant that the log knows; one that it does not know stays unknown. */
  #change(of: OfTenant, change: (tenant: TenantState) => TenantState): void {
    const tenant = this.#tenants.get(tenantRef(of.sourceTaskId, of.key));
    if (tenant !== undefined) this.#put(tenant, change(tenant));
  }

  #put(before: TenantState, after: TenantState): void {
    this.#holders.change(before, after);
    this.#tenants.set(after.ref, after);
  }

  #noteWrite(run: string, of: OfTenant): void {
    const sync = this.#syncs.get(run);
    if (sync === undefined) return;
    if (!sync.wrote) this.#syncs.set(run, { ...sync, wrote: true });
    if (sync.plan !== undefined) this.#noteUnderPlan(sync.plan, tenantRef(of.sourceTaskId, of.key));
  }

  #noteSettled(run: string, settled: SettledRecord): void {
    const ref = this.#createOf.get(settled.write);
    if (ref !== undefined) this.#updateSync(run, { wrote: true });
    const plan = this.#syncs.get(run)?.plan;
    if (ref !== undefined && plan !== undefined) this.#noteUnderPlan(plan, ref);
  }

  #noteUnderPlan(plan: string, ref: TenantRef): void {
    this.#writtenUnder.set(plan, (this.#writtenUnder.get(plan) ?? new Set()).add(ref));
  }

  #updateSource(id: TaskId, change: Partial<SourceState>): void {
    this.#sources.set(id, { ...this.source(id), ...change });
  }

  #updateSync(run: string, change: Partial<LoggedSync>): void {
    const sync = this.#syncs.get(run);
    if (sync !== undefined) this.#syncs.set(run, { ...sync, ...change });
  }
}
