import type { IdempotencyLog, Recorder } from "../log/port.js";
import type { PlanShape } from "../log/records.js";
import { hasOpenWrite } from "../log/tenant-state.js";
import type { PlanItem } from "../plan/decide.js";
import type { PlanContext } from "../plan/plan-context.js";
import type { TaskReader, TaskWriter } from "../server/ports.js";
import type { TaskId, TenantRef, WriteId } from "../shared/ids.js";
import { type Problem, problem } from "../shared/problems.js";
import type { Emit, TenantError } from "../shared/results.js";
import type { Chance, Clock } from "../shared/time.js";
import { type Interruption, RunAbort, readerUntilDrained } from "./abort.js";
import { type End, Results } from "./results.js";
import { Breakers } from "./send.js";
import { ServerView } from "./server-view.js";
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
  readonly clock: Clock;
  readonly chance: Chance;
  readonly emit: Emit;
  readonly interruption: Interruption;
}

/** The writes of one source task in this run. */
export interface SourceWrites {
  readonly creates: Canary;
  readonly updates: Canary;
  /** Certain refusals of creates, without a success between. */
  refusedCreates: number;
  /** 403 in a row, to creates and PATCHes. */
  forbidden: number;
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

  constructor(deps: SyncDeps & { readonly recorder: Recorder }, options: SyncOptions, context: PlanContext) {
    const { writer, recorder, log, clock, chance, emit } = deps;
    this.writer = writer;
    this.recorder = recorder;
    this.log = log;
    this.clock = clock;
    this.chance = chance;
    this.emit = emit;
    this.options = options;
    this.startedAt = clock.monotonic();
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
    const known = this.#sources.get(id);
    if (known !== undefined) return known;
    const writes = { creates: new Canary(), updates: new Canary(), refusedCreates: 0, forbidden: 0 };
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
