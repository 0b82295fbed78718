import type { IdempotencyLog, Recorder } from "../log/port.js";
import type { LogEntry, PlanShape, RunBy } from "../log/records.js";
import { hasOpenWrite, type RowCounts, type TenantState } from "../log/tenant-state.js";
import { type PlanContext, type PlanItem, refreshed, unexplainedTasks } from "../plan/decide.js";
import { listNotRead, type ObservedList, observeListAgain, sharedReading } from "../plan/observe.js";
import { TaskIndex } from "../plan/task-index.js";
import { nameFindings, TenantNames } from "../plan/tenant-names.js";
import type { ListReading, TaskReader, TaskWriter } from "../server/ports.js";
import { type AppId, addTo, type TaskId, type TenantRef, type WriteId } from "../shared/ids.js";
import { type Problem, problem } from "../shared/problems.js";
import type { Emit, TenantError } from "../shared/results.js";
import type { TaskReport } from "../shared/tasks.js";
import type { Chance, Clock } from "../shared/time.js";
import { type Interruption, RunAbort, readerUntilDrained } from "./abort.js";
import { type End, Results } from "./results.js";
import { Breakers } from "./send.js";
import { Canary, SendSlots } from "./slots.js";

/** How a run writes and waits; nothing here shapes the plan. Times in milliseconds. */
export interface RunOptions {
  readonly dryRun: boolean;
  readonly offline: boolean;
  readonly verify: boolean;
  readonly newLog: boolean;
  readonly settleMs: number;
  readonly timeoutMs: number;
  readonly concurrency: number;
  readonly retries: number;
  readonly maxFailures: number | undefined;
  readonly maxChanges: number | undefined;
  readonly detailedExitCode: boolean;
}

/** All that a sync is asked to do. */
export interface SyncOptions {
  readonly shape: PlanShape;
  readonly run: RunOptions;
}

/** What a run works with. */
export interface SyncDeps {
  readonly reader: TaskReader;
  readonly writer: TaskWriter;
  readonly log: IdempotencyLog;
  /** `--sign-head`: has the log's head signed when all is written. Throws a StopError (exit 6) where it was not. */
  readonly signHead?: (() => Promise<void>) | undefined;
  /** Who runs it, for the log. */
  readonly by?: RunBy | undefined;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly emit: Emit;
  readonly interruption: Interruption;
}

/** The writes of one source task in this run. */
class SourceWrites {
  readonly creates = new Canary();
  readonly updates = new Canary();
  /** Certain refusals of creates, without a success between. */
  refusedCreates = 0;
  /** 403 in a row, to creates and PATCHes. */
  forbidden = 0;
}

/**
 * One run: what it works with, and what it remembers until its process ends. Whatever must outlive the process is in the log
 * (`recorder`), and nowhere else.
 */
export class Run {
  /** Its reads end with the run. */
  readonly reader: TaskReader;
  readonly writer: TaskWriter;
  readonly recorder: Recorder;
  readonly log: Pick<IdempotencyLog, "checkMaySend">;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly emit: Emit;
  readonly options: SyncOptions;
  readonly startedAt: number;
  readonly abort: RunAbort;
  readonly slots: SendSlots;
  readonly breakers: Breakers;
  readonly results: Results;
  readonly server: ServerView;
  /** When this process gave up on a write, on the monotonic clock. */
  readonly gaveUpAt = new Map<WriteId, number>();
  readonly #sources = new Map<TaskId, SourceWrites>();

  /** `startedAt`: when the run began, on the monotonic clock; before it was planned. */
  constructor(deps: SyncDeps & Pick<Run, "recorder" | "startedAt">, options: SyncOptions, context: PlanContext) {
    const { writer, recorder, log, clock, chance, emit } = deps;
    this.writer = writer;
    this.recorder = recorder;
    this.log = log;
    this.clock = clock;
    this.chance = chance;
    this.emit = emit;
    this.options = options;
    this.startedAt = deps.startedAt;
    this.slots = new SendSlots(options.run.concurrency, clock, writer.turn);
    this.abort = new RunAbort(clock, deps.interruption, (signal, reads) =>
      emit({ kind: "stopping", signal, inFlight: this.slots.inFlight + reads }),
    );
    this.reader = readerUntilDrained(deps.reader, this.abort);
    this.breakers = new Breakers(this);
    this.results = new Results(this);
    this.server = new ServerView(this, context);
  }

  source(id: TaskId): SourceWrites {
    const writes = this.#sources.get(id) ?? new SourceWrites();
    this.#sources.set(id, writes);
    return writes;
  }

  /** Stops a source task's creates or updates, and says why. What was in flight already is no news. */
  stopSource(
    id: TaskId,
    writes: "creates" | "updates",
    why: string,
    more: Pick<Problem, "hint" | "tenant"> = {},
  ): void {
    const canary = this.source(id)[writes];
    if (canary.state === "stopped") return;
    canary.stop();
    const message = `the ${writes} of source task ${id} are stopped: ${why}; none of its tenants is begun any more`;
    this.results.warn(problem("SOURCE_STOPPED", message, more));
  }

  /** Whether some write of this tenant has no certain outcome. */
  isInDoubt(ref: TenantRef): boolean {
    const state = this.recorder.state.tenant(ref);
    return state !== undefined && hasOpenWrite(state);
  }

  /**
   * A certain refusal closes its own attempt alone, and what keeps a write from being sent closes none: where an earlier one is
   * open, the tenant is in doubt as before.
   */
  endOfRefusal(ref: TenantRef, error: TenantError): End {
    return { kind: this.isInDoubt(ref) ? "in-doubt" : "failed", error };
  }

  /** Takes one tenant's step. What stops the run ends this tenant too: in doubt where a write is open, else not reached. */
  async guardTenant(item: PlanItem, step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (cause) {
      const stop = this.abort.fail(cause);
      const { code, message, hint } = stop.problems[0] ?? problem("STOPPED", stop.message);
      this.results.end(item, {
        kind: this.isInDoubt(item.ref) ? "in-doubt" : "planned",
        error: { code, message, hint },
      });
    }
  }
}

/** So many tasks are kept by a run that begins to create; of a server with more, what came since is not told from the rest. */
const MOST_UNEXPLAINED = 20_000;

/** The server as this run sees it by now: its plan's context, and what was learnt since. */
export class ServerView {
  context: PlanContext;
  /** Whether a create was sent. */
  sentCreate = false;
  /** Whether the list was read once more after all creates. */
  lookedLast = false;
  readonly #run: Run;
  /** Apps that a copy turned out to read before its update: the log does not take that in while a PATCH of the report is in doubt. */
  readonly #shownApps: (readonly [AppId, TenantState])[] = [];
  /** Task IDs that answers of this run named: each can be one tenant's only. */
  readonly #claimed = new Map<TaskId, TenantRef>();
  /** First copies of many source tasks are looked for in it at the same time. */
  readonly #freshList: () => Promise<ListReading>;
  #unexplainedNoted: Promise<void> | undefined;

  constructor(run: Run, context: PlanContext) {
    this.#run = run;
    this.#freshList = sharedReading(() => run.reader.listTasks({ fresh: true }));
    this.context = context;
  }

  /** Reads and judges the list anew. */
  readList(): Promise<ObservedList> {
    return observeListAgain(this.#run.reader, this.#run.recorder.state, this.context.sources ?? new Map());
  }

  /** Reads the list again, with whose names it shows. */
  async lookAgain(): Promise<ObservedList> {
    const list = await this.readList();
    try {
      await this.noteNames(list.index);
    } finally {
      // What it shows is told, also where the log takes no more.
      this.refresh(list);
    }
    return list;
  }

  /** Reads the list after the last create. */
  async lookLast(): Promise<void> {
    const before = this.context.list;
    const { reading } = await this.lookAgain();
    this.lookedLast = reading.kind === "read" || !this.#run.abort.isFinal;
    if (reading.kind !== "read" && before?.reading.kind === "read")
      this.#run.results.warn(listNotRead(reading.problem));
  }

  /** The list past any cache. Whose names it shows counts at once, also where a new copy's own answer comes late or stops the run. */
  async listForNewCopy(): Promise<ListReading> {
    const list = await this.#freshList();
    if (list.kind !== "none") await this.noteNames(new TaskIndex(list.tasks));
    return list;
  }

  /** Takes in what the log, or a list, has come to hold. */
  refresh(list = this.context.list): void {
    this.context = refreshed(this.context, list);
    for (const [app, holder] of this.#shownApps) addTo(this.context.inForce, app, holder);
  }

  /** Holds the logged copies' names against a list that was just read. Whose names are crossed gets nothing sent from here on. */
  async noteNames(list: TaskIndex): Promise<void> {
    const log = this.#run.recorder.state;
    const names = new TenantNames(log, this.context.entries.values());
    const { crossed, entries, warnings } = nameFindings(log, list, names);
    // First what holds back the next request: the disk takes its time. Until the log has it, a list that is cut short takes nothing back.
    this.context = { ...this.context, crossed: new Map([...this.context.crossed, ...crossed]) };
    for (const problem of warnings) this.#run.results.warn(problem);
    await this.#run.recorder.record(entries);
  }

  /** Notes, once, the listed tasks that nothing explains before the first intent: what comes besides may be the work of this run's creates. */
  noteUnexplained(): Promise<void> {
    this.#unexplainedNoted ??= this.#run.recorder.record(this.#unexplained());
    return this.#unexplainedNoted;
  }

  #unexplained(): readonly LogEntry[] {
    if (this.context.list?.reading.kind !== "read") return [];
    const tasks = unexplainedTasks(this.context);
    return [{ type: "unexplained", tasks: tasks.length > MOST_UNEXPLAINED ? null : tasks }];
  }

  /**
   * Takes an ID out of an answer for one tenant; false where it is a source task's or another tenant's, or of a task that was
   * listed before anything was sent: no create has made that one.
   */
  claim(id: TaskId, ref: TenantRef): boolean {
    if (this.context.list?.index.has(id) === true || this.context.sources?.has(id) === true) return false;
    if (this.#run.recorder.state.holdersOf(id).some((holder) => holder !== ref)) return false;
    if ((this.#claimed.get(id) ?? ref) !== ref) return false;
    this.#claimed.set(id, ref);
    return true;
  }

  /** Notes the apps that a copy shows: they are its tenant's, whatever the log knew when the plan was made. */
  noteShownApps(state: TenantState, shown: readonly TaskReport[]): void {
    for (const { newQlikAppId } of shown.flatMap(({ mappings = [] }) => mappings)) {
      this.#shownApps.push([newQlikAppId, state]);
      addTo(this.context.inForce, newQlikAppId, state);
    }
  }

  /** The rows that a tenant's copy has to show. */
  rowsToBeShown({ copy, sourceTaskId }: TenantState): RowCounts | undefined {
    return copy?.sourceRows ?? this.context.sources?.get(sourceTaskId)?.rows;
  }
}
