import type { LogEntry } from "../log/records.js";
import type { RowCounts, TenantState } from "../log/tenant-state.js";
import { decideEntry } from "../plan/decide.js";
import type { PlanEntry } from "../plan/desired.js";
import { listNotRead, type ObservedList, observeListAgain, sharedReading } from "../plan/observe.js";
import { type PlanContext, refreshed, unexplainedTasks } from "../plan/plan-context.js";
import { TaskIndex } from "../plan/task-index.js";
import { nameFindings, TenantNames } from "../plan/tenant-names.js";
import type { ListReading } from "../server/ports.js";
import { addTo, type TaskId, type TenantRef } from "../shared/ids.js";
import type { TenantError } from "../shared/results.js";
import type { TaskReport } from "../shared/tasks.js";
import type { Run } from "./run.js";

/** So many tasks are kept by a run that begins to create; of a server with more, what came since is not told from the rest. */
const MOST_UNEXPLAINED = 20_000;

/** The server as this run sees it by now: its plan's context, and what was learnt since. */
export class ServerView {
  context: PlanContext;
  /** Whether a create was sent. */
  sentCreate = false;
  readonly #run: Run;
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

  /**
   * What this run has learnt since the plan was made may hold an app that the plan gave to somebody else, or show that two copies bear
   * each other's names.
   */
  conflictNow(entry: PlanEntry): TenantError | undefined {
    const { action } = decideEntry(this.context, entry);
    return action.kind === "conflict" ? action.error : undefined;
  }

  /** Notes the apps that a copy shows: they are its tenant's, whatever the log knew when the plan was made. */
  noteShownApps(state: TenantState, shown: readonly TaskReport[]): void {
    for (const { newQlikAppId } of shown.flatMap(({ mappings = [] }) => mappings))
      addTo(this.context.inForce, newQlikAppId, state);
  }

  /** The rows that a tenant's copy has to show. */
  rowsToBeShown({ copy, sourceTaskId }: TenantState): RowCounts | undefined {
    return copy?.sourceRows ?? this.context.sources?.get(sourceTaskId)?.rows;
  }
}
