import { type AppId, keyOfRef, type ReportId, type TaskId, type TenantKey, type TenantRef } from "./ids.js";
import type { AppSwap } from "./mapping.js";
import type { LoggedCopy, ReportKnowledge, SentName, TenantState } from "./tenant-state.js";
import { NONE, UNKNOWN_REPORT } from "./tenant-state.js";

/**
 * A tenant with whom nothing is open: it holds a copy, and what is known of it is certain. In a big log nearly all are, and
 * each differs from the next in its name and IDs only. So these are kept, and the rest, which tenants that were made alike
 * share, is held once, in a mould: some 330 bytes a tenant instead of 1,500.
 */
export class TenantAtRest implements TenantState {
  readonly ref: TenantRef;
  readonly tenant: string;
  readonly #mould: Mould;
  readonly #newTaskId: TaskId;
  /** The copy's name, where it is not the mould's beginning and the tenant. */
  readonly #name: string | undefined;
  /** The apps that the copy reads, in the order of their first use; bare where it is one, as it mostly is. */
  readonly #apps: AppId | readonly AppId[];
  /** Its creates, where they are not told by the mould and the name. */
  readonly #intents: readonly SentName[] | undefined;

  constructor(state: TenantState, copy: LoggedCopy, mould: Mould) {
    const apps = appsOf(state.reports);
    const [only] = apps;
    this.ref = state.ref;
    this.tenant = state.tenant;
    this.#mould = mould;
    this.#newTaskId = copy.newTaskId;
    this.#name = mould.nameStart === undefined ? copy.name : undefined;
    this.#apps = only !== undefined && apps.length === 1 ? only : apps;
    this.#intents = mould.intents === "its own" ? state.intents : undefined;
  }

  get key(): TenantKey {
    return keyOfRef(this.ref, this.#mould.sourceTaskId);
  }

  get sourceTaskId(): TaskId {
    return this.#mould.sourceTaskId;
  }

  get manifest(): string {
    return this.#mould.manifest;
  }

  get copy(): LoggedCopy {
    return { newTaskId: this.#newTaskId, name: this.#copyName(), gone: false };
  }

  get reports(): ReadonlyMap<ReportId, ReportKnowledge> {
    const apps = typeof this.#apps === "string" ? [this.#apps] : this.#apps;
    const reports = new Map<ReportId, ReportKnowledge>();
    for (const { reportId, swaps, named } of this.#mould.reports) {
      const known = swaps?.map(({ qlikAppId, app }): AppSwap => ({ qlikAppId, newQlikAppId: apps[app] as AppId }));
      reports.set(reportId, { ...UNKNOWN_REPORT, known, named });
    }
    return reports;
  }

  get bornWith(): ReadonlySet<ReportId> | undefined {
    return this.#mould.bornWith;
  }

  get openCreates(): readonly never[] {
    return NONE;
  }

  get intents(): readonly SentName[] {
    const { intents, sourceTaskId } = this.#mould;
    if (intents === "its own") return this.#intents ?? NONE;
    return [{ sourceTaskId, name: this.#copyName(), before: intents === "no list" ? null : NONE }];
  }

  get suspects(): readonly never[] {
    return NONE;
  }

  get absences(): number {
    return 0;
  }

  get retry(): boolean {
    return false;
  }

  get verified(): boolean {
    return this.#mould.verified;
  }

  #copyName(): string {
    return this.#name ?? this.#mould.nameStart + this.tenant;
  }
}

/** What tenants that were made alike share. */
interface Mould {
  readonly sourceTaskId: TaskId;
  readonly manifest: string;
  readonly bornWith: ReadonlySet<ReportId> | undefined;
  readonly verified: boolean;
  /** What stands before the tenant in the copy's name; `undefined`: each tenant keeps the name that its copy has. */
  readonly nameStart: string | undefined;
  readonly reports: readonly MouldReport[];
  /**
   * What was created for it: one create of the copy's name that saw a whole list without that name (`not listed`) or no whole
   * list, or else.
   */
  readonly intents: "not listed" | "no list" | "its own";
}

interface MouldReport {
  readonly reportId: ReportId;
  readonly named: boolean;
  /** Each with the number of the tenant's app that it leads to; `undefined`: not known. */
  readonly swaps: readonly { readonly qlikAppId: AppId; readonly app: number }[] | undefined;
}

/** Where tenants differ so much that there are more moulds than this, a further mould would cost more than it saves. */
const MOST_MOULDS = 1_000;
/** Tried one by one before a mould is looked up by its text. */
const MOST_RECENT = 4;
/** So many beginnings of names are shared: a template may begin with what is another for each tenant. */
const MOST_STARTS = 16;
/** A tenant of more swaps is worth its own memory, and comparing them must not take for ever. */
const MOST_SWAPS = 100;

/** The same state with all its fields as its own, to be changed by a copy (`{ ...state }` leaves getters behind). */
export function awake(state: TenantState): TenantState {
  if (!(state instanceof TenantAtRest)) return state;
  const { ref, key, sourceTaskId, tenant, manifest, copy, reports, bornWith, intents, verified } = state;
  return {
    ref,
    key,
    sourceTaskId,
    tenant,
    manifest,
    copy,
    reports,
    bornWith,
    openCreates: NONE,
    intents,
    suspects: NONE,
    absences: 0,
    retry: false,
    verified,
  };
}

/** Puts tenants to rest, for one log. */
export class RestingPlace {
  readonly #moulds = new Map<string, Mould>();
  readonly #recent: Mould[] = [];
  readonly #starts = new Set<string>();

  /** The same state in little memory, where nothing is open; else as it is. */
  rest(state: TenantState): TenantState {
    const { copy } = state;
    if (copy === undefined || copy.gone || !isAtRest(state)) return state;
    const mould = this.#recent.find((candidate) => fits(state, copy, candidate)) ?? this.#mouldFor(state, copy);
    return mould === undefined ? state : new TenantAtRest(state, copy, mould);
  }

  #mouldFor(state: TenantState, copy: LoggedCopy): Mould | undefined {
    const made = mouldOf(state, copy, this.#startOf(copy.name, state.tenant));
    const text = JSON.stringify({ ...made, bornWith: made.bornWith && [...made.bornWith] });
    const mould = this.#moulds.get(text) ?? (this.#moulds.size < MOST_MOULDS ? made : undefined);
    if (mould === undefined) return undefined;
    this.#moulds.set(text, mould);
    this.#recent.unshift(mould);
    this.#recent.length = Math.min(this.#recent.length, MOST_RECENT);
    return mould;
  }

  #startOf(name: string, tenant: string): string | undefined {
    if (!name.endsWith(tenant)) return undefined;
    const start = name.slice(0, name.length - tenant.length);
    if (!this.#starts.has(start) && this.#starts.size === MOST_STARTS) return undefined;
    this.#starts.add(start);
    return start;
  }
}

function isAtRest(state: TenantState): boolean {
  if (state.openCreates.length > 0 || state.suspects.length > 0 || state.absences > 0 || state.retry) return false;
  let swaps = 0;
  for (const report of state.reports.values()) {
    if (report.possible.length > 0 || report.openPatches.length > 0) return false;
    swaps += 1 + (report.known?.length ?? 0);
  }
  return swaps <= MOST_SWAPS;
}

/** Whether a mould and what a tenant keeps besides tell all of this state. */
function fits(state: TenantState, copy: LoggedCopy, mould: Mould): boolean {
  return (
    state.sourceTaskId === mould.sourceTaskId &&
    state.manifest === mould.manifest &&
    state.verified === mould.verified &&
    fitsName(copy.name, state.tenant, mould.nameStart) &&
    intentsOf(state, copy) === mould.intents &&
    sameSet(state.bornWith, mould.bornWith) &&
    fitReports(state.reports, mould.reports)
  );
}

function fitsName(name: string, tenant: string, start: string | undefined): boolean {
  if (start === undefined) return true;
  return name.length === start.length + tenant.length && name.startsWith(start) && name.endsWith(tenant);
}

function fitReports(reports: TenantState["reports"], moulds: readonly MouldReport[]): boolean {
  if (reports.size !== moulds.length) return false;
  const apps: AppId[] = [];
  let at = 0;
  for (const [reportId, { known, named }] of reports) {
    const mould = moulds[at++];
    if (reportId !== mould?.reportId || named !== mould.named || !fitSwaps(known, mould.swaps, apps)) return false;
  }
  return true;
}

function fitSwaps(known: ReportKnowledge["known"], moulds: MouldReport["swaps"], apps: AppId[]): boolean {
  if (known === undefined || moulds === undefined) return known === moulds;
  if (known.length !== moulds.length) return false;
  return known.every(({ qlikAppId, newQlikAppId }, at) => {
    const mould = moulds[at];
    return qlikAppId === mould?.qlikAppId && numberOf(newQlikAppId, apps) === mould.app;
  });
}

function mouldOf(state: TenantState, copy: LoggedCopy, nameStart: string | undefined): Mould {
  const { sourceTaskId, manifest, bornWith, verified } = state;
  const apps: AppId[] = [];
  const reports = [...state.reports].map(([reportId, { known, named }]) => ({
    reportId,
    named,
    swaps: known?.map(({ qlikAppId, newQlikAppId }) => ({ qlikAppId, app: numberOf(newQlikAppId, apps) })),
  }));
  return { sourceTaskId, manifest, bornWith, verified, nameStart, reports, intents: intentsOf(state, copy) };
}

function appsOf(reports: TenantState["reports"]): readonly AppId[] {
  const apps: AppId[] = [];
  for (const { known } of reports.values()) for (const swap of known ?? []) numberOf(swap.newQlikAppId, apps);
  return apps;
}

/** An app's place among the apps that were met; one that is new is added. */
function numberOf(app: AppId, apps: AppId[]): number {
  const known = apps.indexOf(app);
  return known < 0 ? apps.push(app) - 1 : known;
}

function intentsOf({ intents }: TenantState, copy: LoggedCopy): Mould["intents"] {
  const [only] = intents;
  if (only === undefined || intents.length > 1 || only.name !== copy.name) return "its own";
  if (only.before === null) return "no list";
  return only.before.length === 0 ? "not listed" : "its own";
}

/** Whether two sets hold the same, in the same order. */
function sameSet<T>(a: ReadonlySet<T> | undefined, b: ReadonlySet<T> | undefined): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined || a.size !== b.size) return false;
  const others = b.values();
  for (const item of a) if (item !== others.next().value) return false;
  return true;
}
