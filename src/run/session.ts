import type { IdempotencyLog, Recorder } from "../log/port.js";
import type { PlanItem } from "../plan/decide.js";
import type { Holding } from "../plan/in-force.js";
import { nameFindings } from "../plan/list-findings.js";
import type { PlanContext } from "../plan/plan-context.js";
import { SharedReading } from "../plan/shared-reading.js";
import type { TaskIndex } from "../plan/task-index.js";
import type { ListReading, TaskReader, TaskWriter } from "../server/ports.js";
import type { Emit } from "../shared/events.js";
import type { AppId, TaskId, TenantRef, WriteId } from "../shared/ids.js";
import type { TenantError, TenantResult } from "../shared/outcome.js";
import type { Problem } from "../shared/problems.js";
import type { Chance, Clock } from "../shared/time.js";
import { Canary } from "./canary.js";
import { Halts, type Interruption } from "./halts.js";
import { readerUntilDrained } from "./reads-until-drained.js";
import type { Known } from "./record-or-tell.js";
import { SendSlots } from "./send-slots.js";
import type { Look } from "./settle.js";
import type { SyncOptions } from "./sync-options.js";
import { carriedResult } from "./tenant-results.js";

/** What carrying out a plan works with. */
export interface RunDeps {
  readonly reader: TaskReader;
  readonly writer: TaskWriter;
  readonly recorder: Recorder;
  readonly log: Pick<IdempotencyLog, "checkMaySend">;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly emit: Emit;
  readonly interruption: Interruption;
}

/** How one tenant ended for this run. `planned`: it was not reached. */
export type End =
  | { readonly kind: "succeeded" }
  | { readonly kind: "failed"; readonly error: TenantError }
  | { readonly kind: "in-doubt"; readonly error: TenantError }
  | { readonly kind: "planned"; readonly error?: TenantError | undefined };

/** The breaker's least number of doubts in a row. */
const FEWEST_DOUBTS = 5;

/** Certain refusals without a success between. */
export interface RefusalsInARow {
  /** Of creates, whatever the status. */
  creates: number;
  /** 403, to creates and PATCHes. */
  forbidden: number;
}

/** A tenant's writes in this run. */
interface TenantTrack {
  attempts: number;
  /** When the first was sent. */
  readonly startedAt: number;
}

/**
 * One run's own memory, which dies with its process: what was sent, who is halted, whose turn it is. Whatever must outlive the
 * process is in the log (`deps.recorder`), and nowhere else.
 */
export class RunSession {
  readonly deps: RunDeps;
  readonly options: SyncOptions;
  readonly halts: Halts;
  readonly slots: SendSlots;
  readonly startedAt: number;
  /** The task list past any cache: first copies of many source tasks are looked for in it at the same time. */
  readonly freshList: SharedReading<ListReading>;
  /** The server as it was last looked at. */
  context: PlanContext;
  /** Writes that were sent and are not answered yet. */
  inFlight = 0;
  doubtsInARow = 0;
  /** Since when the server has answered nothing but 429 to writes, on the monotonic clock. */
  slowedDownSince: number | undefined;
  /** How many copies the creates of this run have made. */
  created = 0;
  /** Whether copies were taken into the log since the plan was made: what is in force is no longer the plan's. */
  tookCopies = false;
  /** Apps that a copy turned out to read when it was looked at before its update: in force, which the plan did not know. */
  readonly shownApps = new Map<AppId, Holding[]>();
  /** Whether a create was sent, and whether the list was read again: then twins are looked for once more. */
  sentCreates = false;
  lookedAgain = false;
  /** Resolves when the log has what was unexplained when this run began to create. */
  unexplainedNoted: Promise<void> | undefined;
  /** What answers said that the log could not take. */
  readonly unlogged = new Map<TenantRef, Known>();
  /** Twins and crossed names that a look after the plan's showed. */
  readonly troubles = new Map<TenantRef, TenantError>();
  readonly notShownWarned = new Set<TaskId>();
  readonly missingWarned = new Set<string>();
  readonly #troubled = new Set<TenantRef>();
  #refusedSince: number | undefined;
  /** Task IDs that answers of this run named: each can be one tenant's only. */
  readonly #claimed = new Map<TaskId, TenantRef>();
  readonly #createGates = new Map<TaskId, Canary>();
  readonly #patchGates = new Map<TaskId, Canary>();
  readonly #refusals = new Map<TaskId, RefusalsInARow>();
  readonly #gaveUpAt = new Map<WriteId, number>();
  readonly #tracks = new Map<TenantRef, TenantTrack>();
  readonly #results = new Map<TenantRef, TenantResult>();
  readonly #warnings: Problem[] = [];

  constructor(deps: RunDeps, options: SyncOptions, context: PlanContext) {
    this.options = options;
    this.context = context;
    this.slots = new SendSlots(options.run.concurrency, deps.clock, deps.writer.turn);
    this.halts = new Halts(deps.clock, deps.interruption, (signal, reads) =>
      deps.emit({ kind: "stopping", signal, inFlight: this.inFlight + reads }),
    );
    const reader = readerUntilDrained(deps.reader, this.halts);
    this.deps = { ...deps, reader };
    this.freshList = new SharedReading(() => reader.listTasks({ fresh: true }));
    this.startedAt = deps.clock.monotonic();
  }

  /** What doubts are looked up with. */
  get look(): Look {
    const { reader, recorder, clock } = this.deps;
    return { reader, recorder, clock, context: this.context, checkGoesOn: () => this.halts.checkGoesOn() };
  }

  createGate(source: TaskId): Canary {
    return gateOf(this.#createGates, source);
  }

  patchGate(source: TaskId): Canary {
    return gateOf(this.#patchGates, source);
  }

  /**
   * Takes an ID out of an answer for one tenant; false where it is a source task's or another tenant's, or of a task that was
   * listed before anything was sent: no create has made that one.
   */
  claim(id: TaskId, ref: TenantRef): boolean {
    if (this.context.list?.index.has(id) === true) return false;
    if (this.context.sources?.has(id) === true) return false;
    if (this.deps.recorder.state.holdersOf(id).some((holder) => holder !== ref)) return false;
    const holder = this.#claimed.get(id);
    if (holder !== undefined && holder !== ref) return false;
    this.#claimed.set(id, ref);
    return true;
  }

  /** The server has answered (or kept us waiting): refused connections are counted anew. */
  answered(): void {
    this.#refusedSince = undefined;
  }

  /** How long connections have been refused without any answer between, in milliseconds. */
  refusedFor(): number {
    const now = this.deps.clock.monotonic();
    this.#refusedSince ??= now;
    return now - this.#refusedSince;
  }

  /** Counts certain refusals of a source task's writes: to be counted up, and back to zero by what is none. */
  refusalsOf(source: TaskId): RefusalsInARow {
    const known = this.#refusals.get(source);
    if (known !== undefined) return known;
    const none = { creates: 0, forbidden: 0 };
    this.#refusals.set(source, none);
    return none;
  }

  countSend(ref: TenantRef): void {
    const track = this.#tracks.get(ref);
    if (track === undefined) this.#tracks.set(ref, { attempts: 1, startedAt: this.deps.clock.monotonic() });
    else track.attempts += 1;
  }

  /** Counts a doubt; as many in a row as writes in flight (at least five), with no answer between, end all writes. */
  countDoubt(): void {
    this.doubtsInARow += 1;
    if (this.doubtsInARow >= Math.max(FEWEST_DOUBTS, this.options.run.concurrency)) this.halts.halt({ kind: "doubts" });
  }

  /** Counts a tenant that failed or went in doubt in this run's own writes (`--max-failures`). */
  countTrouble(ref: TenantRef): void {
    this.#troubled.add(ref);
    const most = this.options.run.maxFailures;
    if (most !== undefined && this.#troubled.size >= most) this.halts.halt({ kind: "failures" });
  }

  gaveUpOn(write: WriteId): void {
    this.#gaveUpAt.set(write, this.deps.clock.monotonic());
  }

  /** Whether this process itself gave up on a write. */
  sentInThisRun(write: WriteId): boolean {
    return this.#gaveUpAt.has(write);
  }

  /** Writes sent for a tenant in this run. */
  attemptsOf(ref: TenantRef): number {
    return this.#tracks.get(ref)?.attempts ?? 0;
  }

  /** When this process gave up on a write; a doubt of an earlier process counts from this run's start. */
  gaveUpAt(write: WriteId): number {
    return this.#gaveUpAt.get(write) ?? this.startedAt;
  }

  warn(problem: Problem): void {
    this.#warnings.push(problem);
    this.deps.emit({ kind: "warning", problem });
  }

  /** Tells that a tenant has more than one task, or another's name: in its result, carried out by this run or not, and as a warning. */
  tellTrouble(of: { readonly ref: TenantRef; readonly tenant: string }, error: TenantError): void {
    this.troubles.set(of.ref, error);
    this.warn({ ...error, tenant: of.tenant });
  }

  /** Holds the logged copies' names against a list that was just read. Whose names are crossed gets nothing sent from here on. */
  async noteNames(list: TaskIndex): Promise<void> {
    const { recorder } = this.deps;
    const { crossed, entries, warnings } = nameFindings(recorder.state, list, this.context.manifestNames);
    // First what holds back the next request: the disk takes its time. Until the log has it, a list that is cut short takes nothing back.
    this.context = { ...this.context, crossed: new Map([...this.context.crossed, ...crossed]) };
    for (const problem of warnings) this.warn(problem);
    await recorder.record(entries);
  }

  get warnings(): readonly Problem[] {
    return this.#warnings;
  }

  /** Ends one tenant and tells it. What it says must already be in the log. */
  end(item: PlanItem, end: End): void {
    const result = this.#resultOf(item, end);
    this.#results.set(item.ref, result);
    this.deps.emit({ kind: "tenant", result });
  }

  /** Changes what was already told of a tenant: a twin, or a crossed name, that only the last list showed. */
  amend(item: PlanItem, error: TenantError): void {
    const told = this.#results.get(item.ref);
    if (told !== undefined) this.#results.set(item.ref, { ...told, outcome: "failed", verified: false, error });
  }

  isEnded(ref: TenantRef): boolean {
    return this.#results.has(ref);
  }

  /** The item's result; one that never ended was not reached. */
  resultOf(item: PlanItem): TenantResult {
    return this.#results.get(item.ref) ?? this.#resultOf(item, { kind: "planned" });
  }

  #resultOf(item: PlanItem, end: End): TenantResult {
    const now = this.deps.clock.monotonic();
    const track = this.#tracks.get(item.ref);
    const from = track?.startedAt ?? now;
    const result = carriedResult(item, this.context, {
      outcome: end.kind,
      attempts: track?.attempts ?? 0,
      durationMs: Math.round(now - from),
      startedMs: track === undefined ? undefined : Math.round(from - this.startedAt),
      error: end.kind === "succeeded" ? undefined : end.error,
    });
    const known = this.unlogged.get(item.ref);
    if (known === undefined) return result;
    const error = result.error && { ...result.error, message: `${result.error.message}; known is: ${known.message}` };
    return { ...result, newTaskId: known.newTaskId ?? result.newTaskId, error };
  }
}

function gateOf(gates: Map<TaskId, Canary>, source: TaskId): Canary {
  const known = gates.get(source);
  if (known !== undefined) return known;
  const gate = new Canary();
  gates.set(source, gate);
  return gate;
}
