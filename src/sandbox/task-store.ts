import type { SeededChance } from "./chance.js";
import { notOurs, readStateFile, type StoredTask, writeStateFile } from "./state-file.js";
import type { World, WorldReport, WorldTask } from "./world.js";

/** One app that a report reads, and the app that it reads instead. */
export interface Swap {
  readonly qlikAppId: string;
  readonly newQlikAppId: string;
}

/** One report's row within one task, with its mappings. */
export interface StoredReport {
  readonly rowId: string;
  readonly reportId: string;
  readonly mappings: readonly Swap[];
}

/** A task in the sandbox: its own data, and the source task that says what it contains. */
export interface SandboxTask {
  readonly id: string;
  readonly name: string;
  readonly copyOf: string | null;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  readonly origin: WorldTask;
  readonly reports: readonly StoredReport[];
}

/** A copy to be made; `mappings` by the report's `reportID`, instead of what the task that is copied has. */
export interface NewCopy {
  readonly of: SandboxTask;
  readonly name: string;
  readonly mappings: ReadonlyMap<string, readonly Swap[]>;
}

export interface StoreOptions {
  readonly world: World;
  readonly chance: SeededChance;
  readonly now: () => Date;
  /** Instead of the IDs that the seed gives. */
  readonly uuid?: (() => string) | undefined;
  readonly stateFile?: string | undefined;
}

/** What the stand-in server knows: the truth that a client can only ask for. */
export class TaskStore {
  readonly #options: StoreOptions;
  readonly #tasks = new Map<string, SandboxTask>();
  readonly #names = new Map<string, number>();
  #saving: Promise<void> = Promise.resolve();
  #queued: Promise<void> | undefined;

  private constructor(options: StoreOptions) {
    this.#options = options;
  }

  /** Opens the world, with the tasks of the state file where there is one. Throws a StopError where that is not ours. */
  static async open(options: StoreOptions): Promise<TaskStore> {
    const store = new TaskStore(options);
    const stored = options.stateFile === undefined ? undefined : await readStateFile(options.stateFile);
    if (stored === undefined) for (const task of options.world.tasks) store.#put(freshTask(task, options.now()));
    else store.#restore(stored, options.stateFile ?? "");
    return store;
  }

  /** Every task, in the order in which they were made. */
  tasks(): readonly SandboxTask[] {
    return [...this.#tasks.values()];
  }

  task(id: string): SandboxTask | undefined {
    return this.#tasks.get(id);
  }

  isTaken(name: string): boolean {
    return this.#names.has(name);
  }

  /** The first of `name (1)`, `name (2)`, … that no task has. */
  nextFreeName(name: string): string {
    for (let n = 1; ; n += 1) if (!this.isTaken(`${name} (${n})`)) return `${name} (${n})`;
  }

  /** Makes a copy: new IDs for the task and its rows; the reports' own IDs stay. Not idempotent, like the real one. */
  addCopy(copy: NewCopy): SandboxTask {
    const id = this.#freeId(copy.of.id, copy.name);
    const task: SandboxTask = {
      id,
      name: copy.name,
      copyOf: copy.of.id,
      createdAt: this.#options.now().toISOString(),
      origin: copy.of.origin,
      reports: copy.of.reports.map((report) => ({
        rowId: this.#options.uuid?.() ?? this.#options.chance.guid("row", id, report.reportId),
        reportId: report.reportId,
        mappings: copy.mappings.get(report.reportId) ?? report.mappings,
      })),
    };
    this.#put(task);
    return task;
  }

  /** Replaces one report's whole set of mappings. */
  replaceMappings(task: SandboxTask, rowId: string, mappings: readonly Swap[]): void {
    const reports = task.reports.map((report) => (report.rowId === rowId ? { ...report, mappings } : report));
    this.#tasks.set(task.id, { ...task, reports });
  }

  /**
   * Resolves when all that was done before the call is in the state file (at once without one). Calls that come while it is
   * being written share the next writing. Rejects with the file system's error.
   */
  save(): Promise<void> {
    const path = this.#options.stateFile;
    if (path === undefined) return Promise.resolve();
    if (this.#queued !== undefined) return this.#queued;
    const write = (): Promise<void> => {
      this.#queued = undefined;
      return writeStateFile(path, this.tasks().map(stored));
    };
    // Whether the writing before this one failed was told to those who waited for it; this one writes everything anew.
    this.#queued = this.#saving.then(write, write);
    this.#saving = this.#queued;
    return this.#queued;
  }

  /** Resolves when nothing is being written any more. Whether that went well was told to those who waited for it. */
  async idle(): Promise<void> {
    await Promise.allSettled([this.#saving]);
  }

  #put(task: SandboxTask): void {
    this.#tasks.set(task.id, task);
    this.#names.set(task.name, (this.#names.get(task.name) ?? 0) + 1);
  }

  #freeId(source: string, name: string): string {
    const { uuid, chance } = this.#options;
    for (let n = 1; ; n += 1) {
      const id = uuid?.() ?? chance.guid("task", source, name, n);
      if (!this.#tasks.has(id)) return id;
    }
  }

  #restore(tasks: readonly StoredTask[], path: string): void {
    const { world } = this.#options;
    for (const task of tasks) {
      const origin = world.tasks.find((candidate) => candidate.id === task.origin);
      const known = new Set(origin?.reports.map((report) => report.reportId));
      if (origin === undefined || task.reports.some((report) => !known.has(report.reportId))) throw notOurs(path);
      this.#put({ ...task, origin });
    }
    if (world.tasks.some((task) => !this.#tasks.has(task.id))) throw notOurs(path);
  }
}

/** What a task's report contains, as its source task was built. */
export function contentOf(task: SandboxTask, report: StoredReport): WorldReport {
  const content = task.origin.reports.find((candidate) => candidate.reportId === report.reportId);
  if (content === undefined) throw new Error(`task ${task.id} has a report ${report.reportId} that its source lacks`);
  return content;
}

function freshTask(task: WorldTask, now: Date): SandboxTask {
  return {
    id: task.id,
    name: task.name,
    copyOf: null,
    createdAt: now.toISOString(),
    origin: task,
    reports: task.reports.map((report) => ({ rowId: report.rowId, reportId: report.reportId, mappings: [] })),
  };
}

function stored(task: SandboxTask): StoredTask {
  return {
    id: task.id,
    name: task.name,
    copyOf: task.copyOf,
    origin: task.origin.id,
    createdAt: task.createdAt,
    reports: task.reports.map((report) => ({
      rowId: report.rowId,
      reportId: report.reportId,
      mappings: report.mappings.map((swap) => ({ ...swap })),
    })),
  };
}
