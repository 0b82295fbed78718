import type { ReportId, TaskId, TenantKey, TenantRef, WriteId } from "./ids.js";
import { tenantRef } from "./ids.js";
import type {
  AdoptedRecord,
  CreateIntentRecord,
  CreateOutcomeRecord,
  LogEntry,
  ObservedRecord,
  PatchIntentRecord,
  PatchOutcomeRecord,
  PlanShape,
  ReportIdMode,
  SettledRecord,
} from "./log-record.js";
import type { AppSwap, Mapping } from "./mapping.js";
import { byReport } from "./mapping.js";

/** What the log knows of one report of a copy. */
export interface ReportKnowledge {
  /** The swaps in force, or `undefined` where they are unknown (which counts as drift). */
  readonly known: readonly AppSwap[] | undefined;
  /** Every set of swaps that may be in force while `known` is `undefined`. */
  readonly possible: readonly (readonly AppSwap[])[];
  /** Whether a manifest named this report one by one. */
  readonly named: boolean;
  /** PATCHes without a certain outcome, oldest first. */
  readonly openPatches: readonly OpenPatch[];
}

/** A PATCH that may or may not have been carried out, and what was known before it. */
export interface OpenPatch {
  readonly write: WriteId;
  readonly apps: readonly AppSwap[];
  readonly idempotencyKey: string;
  readonly before: ReportKnowledge;
}

/** The task that a tenant holds. */
export interface LoggedCopy {
  readonly newTaskId: TaskId;
  readonly name: string;
  readonly gone: boolean;
}

/** What is kept of every create for good: a log of many tenants is held in little memory. */
export type SentName = Pick<CreateIntentRecord, "write" | "sourceTaskId" | "name" | "before">;

/** All that the log knows of one tenant under one source task. */
export interface TenantState {
  readonly ref: TenantRef;
  readonly key: TenantKey;
  readonly sourceTaskId: TaskId;
  /** As it was last spelled. */
  readonly tenant: string;
  /** The file name of the manifest that its last record came from. */
  readonly manifest: string;
  readonly copy: LoggedCopy | undefined;
  readonly reports: ReadonlyMap<ReportId, ReportKnowledge>;
  /** The reports that the copy was born with; `undefined` where nobody knows. */
  readonly bornWith: ReadonlySet<ReportId> | undefined;
  /** Creates without a certain outcome: each may have made a task. Oldest first. */
  readonly openCreates: readonly CreateIntentRecord[];
  /** Every create that was ever about to be sent: a twin is looked for under each of these names. */
  readonly intents: readonly SentName[];
  /** Creates since the last copy whose work may exist or still arrive: open ones, and those given up as absent. */
  readonly suspects: readonly CreateIntentRecord[];
  /** Creates in a row that were found absent: sent again at most twice. */
  readonly absences: number;
  /** `resolve --retry`: the next sync may create in spite of what stands in the way. */
  readonly retry: boolean;
  /** The copy's mappings were read back equal, and nothing was sent since. */
  readonly verified: boolean;
}

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
const UNKNOWN_REPORT: ReportKnowledge = { known: undefined, possible: [], named: false, openPatches: [] };

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
    for (const tenant of this.#tenants.values())
      if (tenant.sourceTaskId === sourceTaskId && tenant.copy !== undefined) return true;
    return false;
  }

  knowsAnyCopy(): boolean {
    for (const tenant of this.#tenants.values()) if (tenant.copy !== undefined) return true;
    return false;
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
        this.#applyCreateOutcome(entry);
        return;
      case "settled":
        this.#noteSettled(run, entry);
        this.#applySettled(entry);
        return;
      case "adopted":
        this.#noteWrite(run, entry);
        this.#applyAdopted(entry);
        return;
      case "observed":
        this.#applyObserved(entry);
        return;
      case "patch-intent":
        this.#noteWrite(run, entry);
        this.#applyPatchIntent(entry);
        return;
      case "patch-outcome":
        this.#applyPatchOutcome(entry);
        return;
      case "gone": {
        const tenant = this.#tenants.get(tenantRef(entry.sourceTaskId, entry.key));
        if (tenant?.copy?.newTaskId !== entry.newTaskId) return;
        this.#put({ ...tenant, copy: { ...tenant.copy, gone: true }, reports: new Map(), verified: false });
        return;
      }
      case "forgotten":
        this.#forget(tenantRef(entry.sourceTaskId, entry.key));
        return;
      case "retry": {
        const tenant = this.#tenantOf(entry);
        this.#put({ ...tenant, tenant: entry.tenant, retry: true, absences: 0 });
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
    this.#put({
      ...tenant,
      tenant: intent.tenant,
      manifest: intent.manifest,
      openCreates: [...tenant.openCreates, intent],
      intents: [...tenant.intents, sentName(intent)],
      suspects: [...tenant.suspects, intent],
      retry: false,
    });
  }

  #applyCreateOutcome(outcome: CreateOutcomeRecord): void {
    const found = this.#openCreate(outcome.write);
    if (found === undefined || outcome.outcome === "in-doubt") return;
    const closed = this.#closeCreate(found.tenant, outcome.write);
    if (outcome.outcome === "succeeded" && outcome.newTaskId !== undefined)
      this.#put(
        withCopy(closed, found.intent, { newTaskId: outcome.newTaskId, confirmed: true, interned: this.#interned }),
      );
    else this.#put({ ...closed, suspects: closed.suspects.filter((intent) => intent.write !== outcome.write) });
  }

  #applySettled(settled: SettledRecord): void {
    const found = this.#openCreate(settled.write);
    if (found === undefined) return;
    const closed = this.#closeCreate(found.tenant, settled.write);
    if (settled.found === "copy" && settled.newTaskId !== undefined)
      // What the server shows of it comes as an `observed` record; until then the mappings are only possible.
      this.#put(
        withCopy(closed, found.intent, { newTaskId: settled.newTaskId, confirmed: false, interned: this.#interned }),
      );
    else this.#put(settled.found === "absent" ? { ...closed, absences: closed.absences + 1 } : closed);
  }

  #applyAdopted(adopted: AdoptedRecord): void {
    const tenant = this.#tenantOf(adopted);
    this.#put({
      ...tenant,
      tenant: adopted.tenant,
      manifest: adopted.manifest,
      copy: { newTaskId: adopted.newTaskId, name: adopted.name, gone: false },
      reports: new Map(),
      bornWith: undefined,
      suspects: [],
      absences: 0,
      retry: false,
      verified: false,
    });
  }

  #applyObserved(observed: ObservedRecord): void {
    const tenant = this.#tenants.get(tenantRef(observed.sourceTaskId, observed.key));
    if (tenant?.copy?.newTaskId !== observed.newTaskId) return;
    const reports = new Map(tenant.reports);
    for (const { reportId, apps } of observed.reports) {
      const knowledge = reports.get(reportId) ?? UNKNOWN_REPORT;
      // An open PATCH may still be carried out after this look: the report stays unknown.
      if (knowledge.openPatches.length > 0) continue;
      reports.set(
        reportId,
        apps === null ? { ...knowledge, known: undefined } : { ...knowledge, known: apps, possible: [] },
      );
    }
    this.#put({ ...tenant, reports, bornWith: new Set(observed.has), verified: observed.verified });
  }

  #applyPatchIntent(intent: PatchIntentRecord): void {
    const tenant = this.#tenants.get(tenantRef(intent.sourceTaskId, intent.key));
    if (tenant === undefined) return;
    this.#patchOf.set(intent.write, { ref: tenant.ref, intent });
    const before = tenant.reports.get(intent.reportId) ?? UNKNOWN_REPORT;
    const reports = new Map(tenant.reports).set(intent.reportId, {
      known: undefined,
      possible: [...(before.known === undefined ? before.possible : [before.known]), intent.apps],
      named: intent.named,
      openPatches: [
        ...before.openPatches,
        { write: intent.write, apps: intent.apps, idempotencyKey: intent.idempotencyKey, before },
      ],
    });
    this.#put({ ...tenant, manifest: intent.manifest, reports, verified: false });
  }

  #applyPatchOutcome(outcome: PatchOutcomeRecord): void {
    const patch = this.#patchOf.get(outcome.write);
    const tenant = patch === undefined ? undefined : this.#tenants.get(patch.ref);
    if (patch === undefined || tenant === undefined || outcome.outcome === "in-doubt") return;
    const { reportId, apps, named } = patch.intent;
    const now = tenant.reports.get(reportId);
    const open = now?.openPatches.find((candidate) => candidate.write === outcome.write);
    if (now === undefined || open === undefined) return;
    const after: ReportKnowledge =
      outcome.outcome === "succeeded"
        ? { known: apps, possible: [], named, openPatches: [] }
        : // A certain refusal takes the report back to what it was.
          open.before;
    this.#put({ ...tenant, reports: new Map(tenant.reports).set(reportId, after) });
  }

  #openCreate(write: WriteId): { readonly tenant: TenantState; readonly intent: CreateIntentRecord } | undefined {
    const ref = this.#createOf.get(write);
    const tenant = ref === undefined ? undefined : this.#tenants.get(ref);
    const intent = tenant?.openCreates.find((candidate) => candidate.write === write);
    return tenant === undefined || intent === undefined ? undefined : { tenant, intent };
  }

  #closeCreate(tenant: TenantState, write: WriteId): TenantState {
    this.#createOf.delete(write);
    return { ...tenant, openCreates: tenant.openCreates.filter((intent) => intent.write !== write) };
  }

  #forget(ref: TenantRef): void {
    const tenant = this.#tenants.get(ref);
    if (tenant === undefined) return;
    for (const intent of tenant.openCreates) this.#createOf.delete(intent.write);
    this.#unhold(tenant);
    this.#tenants.delete(ref);
  }

  #tenantOf(of: { readonly sourceTaskId: TaskId; readonly key: TenantKey }): TenantState {
    const ref = tenantRef(of.sourceTaskId, of.key);
    return (
      this.#tenants.get(ref) ?? {
        ref,
        key: of.key,
        sourceTaskId: of.sourceTaskId,
        tenant: of.key,
        manifest: "",
        copy: undefined,
        reports: new Map(),
        bornWith: undefined,
        openCreates: [],
        intents: [],
        suspects: [],
        absences: 0,
        retry: false,
        verified: false,
      }
    );
  }

  #put(tenant: TenantState): void {
    const before = this.#tenants.get(tenant.ref);
    if (before?.copy?.newTaskId !== tenant.copy?.newTaskId) {
      if (before !== undefined) this.#unhold(before);
      if (tenant.copy !== undefined) {
        const holders = this.#holders.get(tenant.copy.newTaskId) ?? new Set();
        this.#holders.set(tenant.copy.newTaskId, holders.add(tenant.ref));
      }
    }
    this.#tenants.set(tenant.ref, tenant);
  }

  #unhold(tenant: TenantState): void {
    if (tenant.copy === undefined) return;
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

function sentName({ write, sourceTaskId, name, before }: CreateIntentRecord): SentName {
  return { write, sourceTaskId, name, before };
}

function withCopy(
  tenant: TenantState,
  intent: CreateIntentRecord,
  made: { readonly newTaskId: TaskId; readonly confirmed: boolean; readonly interned: Interned },
): TenantState {
  return {
    ...tenant,
    copy: { newTaskId: made.newTaskId, name: intent.name, gone: false },
    reports: made.confirmed ? confirmedReports(intent, made.interned) : possibleReports(tenant.suspects),
    bornWith: intent.reports.length === 0 ? undefined : made.interned.reports(intent.reports),
    suspects: [],
    absences: 0,
    verified: false,
  };
}

function confirmedReports(intent: CreateIntentRecord, interned: Interned): ReadonlyMap<ReportId, ReportKnowledge> {
  const named = new Set(intent.named);
  const reports = new Map<ReportId, ReportKnowledge>();
  for (const [reportId, apps] of byReport(interned.mappings(intent.mappings)))
    reports.set(reportId, { known: apps, possible: NONE, named: named.has(reportId), openPatches: NONE });
  return reports;
}

const NONE: readonly never[] = [];

/** Values that nearly every tenant of a log shares, held once: a report's IDs, the master app, the set of a copy's reports. */
class Interned {
  readonly #reports = new Map<string, ReadonlySet<ReportId>>();
  readonly #texts = new Map<string, string>();

  reports(rows: CreateIntentRecord["reports"]): ReadonlySet<ReportId> {
    const text = rows.map((row) => row.reportId).join();
    const known = this.#reports.get(text);
    if (known !== undefined) return known;
    const reports = new Set(rows.map((row) => row.reportId));
    this.#reports.set(text, reports);
    return reports;
  }

  mappings(mappings: CreateIntentRecord["mappings"]): CreateIntentRecord["mappings"] {
    let last: AppSwap["newQlikAppId"] | undefined;
    return mappings.map(({ reportId, qlikAppId, newQlikAppId }) => {
      last = last === newQlikAppId ? last : newQlikAppId;
      return { reportId: this.#text(reportId), qlikAppId: this.#text(qlikAppId), newQlikAppId: last };
    });
  }

  #text<T extends string>(text: T): T {
    const known = this.#texts.get(text) as T | undefined;
    if (known !== undefined) return known;
    if (this.#texts.size < MOST_INTERNED) this.#texts.set(text, text);
    return text;
  }
}

/** Beyond so many distinct texts nothing is gained by holding more of them. */
const MOST_INTERNED = 10_000;

/** A copy that was found may be the work of any create that was in doubt: what each asked for may be in force. */
function possibleReports(suspects: readonly CreateIntentRecord[]): ReadonlyMap<ReportId, ReportKnowledge> {
  const reports = new Map<ReportId, ReportKnowledge>();
  for (const intent of suspects) {
    const named = new Set(intent.named);
    for (const [reportId, apps] of byReport(intent.mappings)) {
      const before = reports.get(reportId) ?? UNKNOWN_REPORT;
      const possible = [...before.possible, apps];
      reports.set(reportId, { ...before, possible, named: before.named || named.has(reportId) });
    }
  }
  return reports;
}
