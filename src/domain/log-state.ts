import type { TaskId, TenantKey, TenantRef, WriteId } from "./ids.js";
import { tenantRef } from "./ids.js";
import { Interned } from "./interned.js";
import type {
  CreateIntentRecord,
  LogEntry,
  PatchIntentRecord,
  PatchOutcomeRecord,
  PlanShape,
  ReportIdMode,
  SettledRecord,
} from "./log-record.js";
import type { Mapping } from "./mapping.js";
import {
  withAdopted,
  withCreateIntent,
  withCreateOutcome,
  withInherited,
  withObserved,
  withoutCopy,
  withPatchIntent,
  withPatchOutcome,
  withSettled,
} from "./tenant-fold.js";
import { type TenantState, unknownTenant } from "./tenant-state.js";

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

const NO_SOURCE: SourceState = { name: undefined, stop: undefined, namesChange: false };

/**
 * The log's records folded into one state a tenant, a source task and a run. State is kept per write: a create stays open
 * until its own outcome or a settlement that names it. Made by folding every record once; `apply` also takes what a run appends.
 */
export class LogState {
  readonly #tenants = new Map<TenantRef, TenantState>();
  readonly #sources = new Map<TaskId, SourceState>();
  readonly #createOf = new Map<WriteId, TenantRef>();
  readonly #patchOf = new Map<WriteId, { readonly ref: TenantRef; readonly intent: PatchIntentRecord }>();
  readonly #holders = new Map<TaskId, Set<TenantRef>>();
  /** How many tenants of a source task hold a copy; none is left out. */
  readonly #copies = new Map<TaskId, number>();
  readonly #syncs = new Map<string, LoggedSync>();
  /** Per saved plan (its digest): the tenants that runs of it have written to. */
  readonly #writtenUnder = new Map<string, Set<TenantRef>>();
  readonly #interned = new Interned();
  #server: string | undefined;

  tenants(): Iterable<TenantState> {
    return this.#tenants.values();
  }

  tenant(ref: TenantRef): TenantState | undefined {
    return this.#tenants.get(ref);
  }

  source(id: TaskId): SourceState {
    return this.#sources.get(id) ?? NO_SOURCE;
  }

  /** The tenants that hold (or held, where it is gone) this task. */
  holdersOf(id: TaskId): readonly TenantRef[] {
    return [...(this.#holders.get(id) ?? [])];
  }

  /** Whether a record explains this task. */
  explains(id: TaskId): boolean {
    return this.#holders.has(id);
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
    return this.#copies.has(sourceTaskId);
  }

  knowsAnyCopy(): boolean {
    return this.#copies.size > 0;
  }

  apply(entry: LogEntry, run: string): void {
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
      case "create-intent":
        this.#noteWrite(run, entry);
        this.#applyCreateIntent(entry);
        return;
      case "create-outcome":
        this.#endCreate(entry.write, (tenant) => withCreateOutcome(tenant, entry, this.#interned));
        return;
      case "settled":
        this.#noteSettled(run, entry);
        this.#endCreate(entry.write, (tenant) => withSettled(tenant, entry, this.#interned));
        return;
      case "adopted":
        this.#noteWrite(run, entry);
        this.#put(withAdopted(this.#tenantOf(entry), entry));
        return;
      case "observed":
        this.#change(entry, (tenant) => withObserved(tenant, entry));
        return;
      case "patch-intent":
        this.#noteWrite(run, entry);
        this.#applyPatchIntent(entry);
        return;
      case "patch-outcome":
        this.#applyPatchOutcome(entry);
        return;
      case "gone":
        this.#change(entry, (tenant) => withoutCopy(tenant, entry.newTaskId));
        return;
      case "forgotten":
        if (entry.to !== undefined)
          this.#inherit(tenantRef(entry.sourceTaskId, entry.to), tenantRef(entry.sourceTaskId, entry.key));
        this.#forget(tenantRef(entry.sourceTaskId, entry.key));
        return;
      case "retry": {
        const tenant = this.#tenantOf(entry);
        const retry = entry.withdrawn !== true;
        this.#put({ ...tenant, tenant: entry.tenant, retry, absences: retry ? 0 : tenant.absences });
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
        return;
      case "rebound":
        this.#server = entry.server;
        return;
      default:
        entry satisfies never;
    }
  }

  #applyCreateIntent(intent: CreateIntentRecord): void {
    const tenant = this.#tenantOf(intent);
    this.#createOf.set(intent.write, tenant.ref);
    this.#put(withCreateIntent(tenant, intent));
  }

  #applyPatchIntent(intent: PatchIntentRecord): void {
    const tenant = this.#tenants.get(tenantRef(intent.sourceTaskId, intent.key));
    if (tenant === undefined) return;
    this.#patchOf.set(intent.write, { ref: tenant.ref, intent });
    this.#put(withPatchIntent(tenant, intent));
  }

  #applyPatchOutcome(outcome: PatchOutcomeRecord): void {
    const patch = this.#patchOf.get(outcome.write);
    const tenant = patch === undefined ? undefined : this.#tenants.get(patch.ref);
    if (patch !== undefined && tenant !== undefined) this.#put(withPatchOutcome(tenant, patch.intent, outcome));
  }

  /** Ends a create: what is certain closes it, and its ID means nothing any more. */
  #endCreate(write: WriteId, change: (tenant: TenantState) => TenantState): void {
    const ref = this.#createOf.get(write);
    const tenant = ref === undefined ? undefined : this.#tenants.get(ref);
    if (tenant === undefined) return;
    const after = change(tenant);
    if (!after.openCreates.some((intent) => intent.write === write)) this.#createOf.delete(write);
    this.#put(after);
  }

  #inherit(heirRef: TenantRef, oldRef: TenantRef): void {
    const heir = this.#tenants.get(heirRef);
    const old = this.#tenants.get(oldRef);
    if (heir !== undefined && old !== undefined) this.#put(withInherited(heir, old));
  }

  #forget(ref: TenantRef): void {
    const tenant = this.#tenants.get(ref);
    if (tenant === undefined) return;
    for (const intent of tenant.openCreates) this.#createOf.delete(intent.write);
    this.#unhold(tenant);
    this.#tenants.delete(ref);
  }

  #tenantOf(of: { readonly sourceTaskId: TaskId; readonly key: TenantKey }): TenantState {
    return this.#tenants.get(tenantRef(of.sourceTaskId, of.key)) ?? unknownTenant(of);
  }

  /** Changes a tenant that the log knows; one that it does not know stays unknown. */
  #change(
    of: { readonly sourceTaskId: TaskId; readonly key: TenantKey },
    change: (tenant: TenantState) => TenantState,
  ): void {
    const tenant = this.#tenants.get(tenantRef(of.sourceTaskId, of.key));
    if (tenant !== undefined) this.#put(change(tenant));
  }

  #put(tenant: TenantState): void {
    const before = this.#tenants.get(tenant.ref);
    if (before?.copy?.newTaskId !== tenant.copy?.newTaskId) {
      if (before !== undefined) this.#unhold(before);
      if (tenant.copy !== undefined) {
        const holders = this.#holders.get(tenant.copy.newTaskId) ?? new Set();
        this.#holders.set(tenant.copy.newTaskId, holders.add(tenant.ref));
        this.#copies.set(tenant.sourceTaskId, (this.#copies.get(tenant.sourceTaskId) ?? 0) + 1);
      }
    }
    this.#tenants.set(tenant.ref, tenant);
  }

  #unhold(tenant: TenantState): void {
    if (tenant.copy === undefined) return;
    const left = (this.#copies.get(tenant.sourceTaskId) ?? 0) - 1;
    if (left > 0) this.#copies.set(tenant.sourceTaskId, left);
    else this.#copies.delete(tenant.sourceTaskId);
    const holders = this.#holders.get(tenant.copy.newTaskId);
    holders?.delete(tenant.ref);
    if (holders?.size === 0) this.#holders.delete(tenant.copy.newTaskId);
  }

  #noteWrite(run: string, of: { readonly sourceTaskId: TaskId; readonly key: TenantKey }): void {
    this.#updateSync(run, { wrote: true });
    this.#noteUnderPlan(run, tenantRef(of.sourceTaskId, of.key));
  }

  #noteSettled(run: string, settled: SettledRecord): void {
    const ref = this.#createOf.get(settled.write);
    if (ref !== undefined) this.#noteUnderPlan(run, ref);
  }

  #noteUnderPlan(run: string, ref: TenantRef): void {
    const plan = this.#syncs.get(run)?.plan;
    if (plan === undefined) return;
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
