import type { LogEntry, PlanShape } from "../../src/log/records.js";
import { LogState } from "../../src/log/state.js";
import type { Manifest } from "../../src/manifest/manifest.js";
import type { RunOptions, SyncDeps } from "../../src/run/run.js";
import { dryRunSync, runSync, type SyncRequest } from "../../src/run/sync.js";
import type { CreateRequest, PatchRequest, TaskReader, TaskWriter, WriteReply } from "../../src/server/ports.js";
import { foldTenantKey, type ReportId, type RowId, type TaskId } from "../../src/shared/ids.js";
import { StopError } from "../../src/shared/problems.js";
import type { RunEvent, RunResult } from "../../src/shared/results.js";
import type { AppSwap } from "../../src/shared/tasks.js";
import { appId, guid, MASTER, reportId, rowId, taskId } from "../simulation/identifiers.js";

/** What becomes of one write: as it should; lost before or after the work; refused; or a work that arrives so many ms later. */
export type Fate =
  | "ok"
  | "lost-before"
  | "lost-after"
  | "killed-after"
  | "no-id"
  /** Answered with success, and not done. */
  | "no-effect"
  /** Done, and answered with a conflict. */
  | "done-409"
  | 400
  | 403
  | 409
  | 429
  | 500
  | { readonly late: number };

/** One tenant of the manifest. */
export interface Wish {
  readonly app: number;
  readonly name?: string;
  readonly newTaskId?: TaskId;
  /** The reports that are mapped, by whichever ID; none given: every report. */
  readonly reports?: readonly string[];
}

interface Task {
  readonly id: TaskId;
  readonly name: string;
  readonly reports: { readonly rowId: RowId; readonly reportId: ReportId; swaps: readonly AppSwap[] }[];
  bornAt: number;
}

interface StageOptions {
  readonly shape?: Partial<PlanShape>;
  readonly run?: Partial<RunOptions>;
}

/** How a tenant ended: its action, its outcome, its error's code. */
export function told(result: RunResult, tenant: string): string {
  const found = result.tenants.find((one) => one.tenant === tenant);
  if (found === undefined) throw new Error(`nothing was told of ${tenant}`);
  return [found.action, found.outcome, found.error?.code].filter((word) => word !== undefined).join(" ");
}

/** What a process that was killed leaves behind: nothing but the log and the server. */
export class Killed extends Error {}

const problem = (code: string): { code: string; message: string; hint: string } => ({
  code,
  message: code.toLowerCase(),
  hint: "look at the server",
});

/**
 * A server, a log and a clock in memory, for schedules that a test writes down: every write's fate is said by the tenant's
 * name, and waiting costs nothing.
 */
export class SyncStage {
  readonly source: Task;
  readonly tasks: Task[] = [];
  /** Every request in its order, as a person would tell it. */
  readonly sent: string[] = [];
  readonly events: RunEvent[] = [];
  readonly records: { readonly run: string; readonly entry: LogEntry }[] = [];
  /** How long the log's disk takes: a record counts when this has passed. */
  flush: () => Promise<void> = async () => {};
  /** The last look at the lock: throws where this process may send nothing more. */
  checkMaySend: () => void = () => {};
  /** Copies whose reports the server fails to show now. */
  readonly unreadable = new Set<TaskId>();
  /** Tasks that are listed, and whose reports answer 404. */
  readonly without = new Set<TaskId>();
  /** What else happens when a create is sent. */
  onSend: () => void = () => {};
  /** The rows (from 0) whose mappings the server does not show. */
  hidesRow: (row: number) => boolean = () => false;
  /** What the list shows; `undefined`: the server fails to list. */
  listed: (tasks: readonly Task[]) => readonly Task[] | undefined = (tasks) => tasks;
  readonly #fates = new Map<string, Fate[]>();
  #now = 0;
  #run = 0;
  #ids = 1;
  /** Rows that are not a made task's first. */
  #rows = 5_000;

  constructor() {
    this.source = this.make("Monthly Report", []);
  }

  /** The fates of the next writes whose task's name ends with this. */
  fate(tenant: string, ...fates: readonly Fate[]): void {
    this.#fates.set(tenant, [...fates]);
  }

  make(name: string, swaps: readonly AppSwap[], bornAt = this.#now): Task {
    const id = this.#ids++;
    const task: Task = {
      id: taskId(id),
      name,
      bornAt,
      reports: [{ rowId: rowId(id), reportId: reportId(1), swaps }],
    };
    this.tasks.push(task);
    return task;
  }

  /** Gives a task one more row, which maps nothing. */
  addRow(task: Task, report = reportId(1)): void {
    task.reports.push({ rowId: rowId(this.#rows++), reportId: report, swaps: [] });
  }

  /** A copy has the source task's reports on rows of its own, each mapped where the request names it. */
  #duplicate(request: CreateRequest, at: number): Task {
    const copy = this.make(request.name, [], at);
    const rows = this.source.reports.map((row) => ({
      rowId: rowId(this.#rows++),
      reportId: row.reportId,
      swaps: request.reports.find(({ reportId: id }) => id === row.rowId || id === row.reportId)?.apps ?? [],
    }));
    copy.reports.splice(0, 1, ...rows);
    return copy;
  }

  named(name: string): readonly Task[] {
    return this.tasks.filter((task) => task.name === name && task.bornAt <= this.#now);
  }

  remove(task: Task): void {
    this.tasks.splice(this.tasks.indexOf(task), 1);
  }

  state(): LogState {
    const state = new LogState();
    for (const { entry, run } of this.records) state.apply(entry, run);
    return state;
  }

  /** One run. Rejects with {@link Killed} where a fate says that the process dies. */
  async sync(desired: Readonly<Record<string, Wish>>, options: StageOptions = {}): Promise<RunResult> {
    this.#run += 1;
    const runId = `run-${this.#run}`;
    let kill: (reason: Killed) => void = () => {};
    const killed = new Promise<never>((_resolve, reject) => {
      kill = reject;
    });
    let uuid = this.#run * 1000;
    const append = (entries: readonly LogEntry[]): void => {
      for (const entry of entries) this.records.push({ run: runId, entry });
    };
    const run = runSync(
      { ...this.#request(desired, options), runId },
      {
        ...this.#deps(),
        writer: this.#writer(kill),
        log: {
          append: (entries) => this.flush().then(() => append(entries)),
          head: () => ({ path: "log", seq: this.records.length, digest: "" }),
          checkMaySend: () => this.checkMaySend(),
        },
        chance: { fraction: () => 0.5, uuid: () => guid(0x1d, uuid++) },
      },
    );
    return Promise.race([run, killed]);
  }

  /** One dry run. */
  async rehearse(desired: Readonly<Record<string, Wish>>, options: StageOptions = {}): Promise<RunResult> {
    const request = { ...this.#request(desired, options), runId: "dry-run" };
    return (await dryRunSync(request, { ...this.#deps(), head: null })).result;
  }

  #request(desired: Readonly<Record<string, Wish>>, options: StageOptions): Omit<SyncRequest, "runId"> {
    return {
      server: "http://127.0.0.1",
      manifest: manifestOf(desired, this.source.id),
      state: this.state(),
      warnings: [],
      options: { shape: { ...SHAPE, ...options.shape }, run: { ...RUN, ...options.run } },
    };
  }

  #deps(): Omit<SyncDeps, "writer" | "log" | "chance"> {
    return {
      reader: this.#reader(),
      clock: {
        now: () => new Date(0),
        monotonic: () => this.#now,
        sleep: async (ms, signal) => {
          if (signal?.aborted === true || ms === DRAIN_MS) return new Promise(() => {});
          this.#now += ms;
        },
      },
      emit: (event) => this.events.push(event),
      interruption: {
        requested: new AbortController().signal,
        immediate: new AbortController().signal,
        signal: () => "SIGINT",
      },
    };
  }

  #seen(): readonly Task[] {
    return this.tasks.filter((task) => task.bornAt <= this.#now);
  }

  #writer(kill: (reason: Killed) => void): TaskWriter {
    const fateOf = (name: string): Fate => {
      const tenant = [...this.#fates.keys()].find((key) => name.endsWith(key));
      return (tenant === undefined ? undefined : this.#fates.get(tenant)?.shift()) ?? "ok";
    };
    const answer = (fate: Fate, work: (at: number) => TaskId | undefined): Promise<WriteReply> => {
      if (fate === 429) return Promise.resolve({ kind: "slow-down", retryAfterMs: 0, problem: problem("HTTP_429") });
      if (fate === 500)
        return Promise.resolve({ kind: "in-doubt", answered: true, httpStatus: 500, problem: problem("HTTP_500") });
      if (typeof fate === "number")
        return Promise.resolve({ kind: "refused", httpStatus: fate, problem: problem(`HTTP_${fate}`) });
      if (fate === "lost-before") return Promise.resolve(NO_ANSWER);
      if (fate === "no-effect") return Promise.resolve({ kind: "succeeded", taskId: undefined, httpStatus: 200 });
      const made = work(typeof fate === "object" ? this.#now + fate.late : this.#now);
      if (fate === "ok") return Promise.resolve({ kind: "succeeded", taskId: made, httpStatus: 201 });
      if (fate === "done-409")
        return Promise.resolve({ kind: "refused", httpStatus: 409, problem: problem("HTTP_409") });
      if (fate === "no-id")
        return Promise.resolve({ kind: "in-doubt", answered: true, httpStatus: 200, problem: problem("NO_TASK_ID") });
      if (fate !== "killed-after") return Promise.resolve(NO_ANSWER);
      kill(new Killed());
      return new Promise(() => {});
    };
    return {
      createCopy: (request: CreateRequest) => async (call) => {
        if (!call.mayStart()) return UNSENT;
        this.sent.push(`create ${request.name}`);
        this.onSend();
        return answer(fateOf(request.name), (at) => this.#duplicate(request, at).id);
      },
      patchReport: (request: PatchRequest) => async (call) => {
        if (!call.mayStart()) return UNSENT;
        const task = this.tasks.find((one) => one.id === request.taskId);
        if (task === undefined) throw new StopError(1, problem("NO_SUCH_TASK"));
        this.sent.push(`patch ${task.name}`);
        return answer(fateOf(task.name), () => {
          for (const report of task.reports) if (report.rowId === request.rowId) report.swaps = request.apps;
          return undefined;
        });
      },
    };
  }

  #reader(): TaskReader {
    const absent = { kind: "absent", problem: problem("HTTP_404") } as const;
    const find = (id: TaskId): Task | undefined => this.#seen().find((task) => task.id === id);
    return {
      listTasks: async () => {
        const tasks = this.listed(this.#seen());
        if (tasks === undefined) return { kind: "none", forbidden: false, problem: problem("HTTP_500") };
        return { kind: "read", tasks: tasks.map(({ id, name }) => ({ id, name })) };
      },
      readTask: async (id) => {
        const task = find(id);
        return task === undefined
          ? absent
          : { kind: "read", value: { id, name: task.name, enabled: false, testMode: undefined } };
      },
      readReports: async (id) => {
        const task = find(id);
        if (task === undefined || this.without.has(id)) return absent;
        if (this.unreadable.has(id)) return { kind: "unreadable", forbidden: false, problem: problem("HTTP_500") };
        return {
          kind: "read",
          value: task.reports.map((report, row) => ({
            ...report,
            mappings: this.hidesRow(row) ? undefined : report.swaps,
          })),
        };
      },
      readTriggers: async () => ({ kind: "read", value: [] }),
      readRecipients: async () => ({ kind: "read", value: 0 }),
    };
  }
}

/** How long a stopped run waits for what is in flight: here nothing ever is. */
const DRAIN_MS = 5_000;

const UNSENT: WriteReply = { kind: "not-sent", refusedConnection: false, problem: problem("ABORTED") };
const NO_ANSWER: WriteReply = { kind: "in-doubt", answered: false, problem: problem("NO_ANSWER") };

const SHAPE: PlanShape = {
  reports: [],
  reportId: "row",
  adopt: false,
  recreate: false,
  only: [],
  allowSharedApp: [],
  allowMasterApp: [],
  allowUnmappedReport: [],
  allowLiveSource: false,
};

const RUN: RunOptions = {
  dryRun: false,
  offline: false,
  verify: false,
  newLog: false,
  settleMs: 15_000,
  timeoutMs: 10_000,
  concurrency: 1,
  retries: 0,
  maxFailures: undefined,
  maxChanges: undefined,
  detailedExitCode: false,
};

function manifestOf(desired: Readonly<Record<string, Wish>>, source: TaskId): Manifest {
  return {
    path: "customers.csv",
    fileName: "customers.csv",
    sha256: JSON.stringify(desired),
    warnings: [],
    delimiter: ",",
    header: [],
    rows: [],
    tenants: Object.entries(desired).map(([tenant, mapping], index) => ({
      key: foldTenantKey(tenant),
      tenant,
      line: index + 2,
      enabled: true,
      sourceTaskId: source,
      nameTemplate: mapping.name ?? "{task} - {tenant}",
      newTaskId: mapping.newTaskId,
      desired: (mapping.reports ?? [undefined]).map((report) => ({
        report,
        qlikAppId: MASTER,
        newQlikAppId: appId(mapping.app),
        line: index + 2,
      })),
      columns: new Map(),
    })),
  };
}
