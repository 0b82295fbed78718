import * as z from "zod";
import { checkKind, MOST_BYTES, readOpen, withOpenFile } from "../files/open-file.js";
import { codeOf, spokenCode } from "../files/paths.js";
import { entryAt, type Target, targetOf, writeAtomically } from "../files/write-file.js";
import { EXIT, stopError } from "../shared/problems.js";
import type { SeededChance } from "./chaos.js";
import type { World, WorldReport, WorldTask } from "./world.js";

const FORMAT = "qalyptus-propagate sandbox state";
const guid = z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
/** One app that a report reads, and the app that it reads instead. */
const swap = z.strictObject({ qlikAppId: guid, newQlikAppId: guid });
/** One report's row within one task. */
const storedReport = z.strictObject({ rowId: guid, reportId: guid, mappings: z.array(swap) });
const storedTask = z.strictObject({
  id: guid,
  name: z.string(),
  /** The task that it was duplicated from; `null`: a source task of the world. */
  copyOf: guid.nullable(),
  /** The world's task that it descends from: says what it and its reports contain. */
  origin: guid,
  /** ISO 8601, UTC. */
  createdAt: z.string(),
  reports: z.array(storedReport),
});
const stateDocument = z.strictObject({ format: z.literal(FORMAT), version: z.literal(1), tasks: z.array(storedTask) });

export type Swap = z.output<typeof swap>;
export type StoredReport = z.output<typeof storedReport>;

/** A task in the sandbox: its own data, and the source task that says what it contains. */
export type SandboxTask = Omit<z.output<typeof storedTask>, "origin"> & { readonly origin: WorldTask };

/** What the stand-in server knows: the truth that a client can only ask for. */
export class TaskStore {
  readonly #chance: SeededChance;
  readonly #now: () => Date;
  readonly #stateFile: Target | undefined;
  readonly #tasks = new Map<string, SandboxTask>();
  #saving: Promise<void> = Promise.resolve();
  #queued: Promise<void> | undefined;

  private constructor(chance: SeededChance, now: () => Date, stateFile: Target | undefined) {
    this.#chance = chance;
    this.#now = now;
    this.#stateFile = stateFile;
  }

  /**
   * Opens the source tasks, or the tasks of the state file where there is one. Throws a StopError (exit 2) where that is not a
   * sandbox's (it is never repaired or overwritten) or cannot be read or written.
   */
  static async open(
    chance: SeededChance,
    now: () => Date,
    stateFile: string | undefined,
    { sourceTasks, copies }: World,
  ): Promise<TaskStore> {
    const target = stateFile === undefined ? undefined : targetOf(stateFile);
    const store = new TaskStore(chance, now, target);
    const kept = stateFile === undefined ? undefined : await readState(stateFile, sourceTasks);
    const createdAt = now().toISOString();
    for (const task of kept ?? sourceTasks.map((origin) => freshTask(origin, createdAt)))
      store.#tasks.set(task.id, task);
    for (const { id, name, of } of copies) {
      const source = store.task(of);
      if (source !== undefined && !store.#tasks.has(id)) store.addCopy(source, name, new Map(), id);
    }
    try {
      // Told at the start, and not at the first copy.
      await store.save();
    } catch (cause) {
      const message = `the state file ${stateFile} cannot be written (${spokenCode(cause)})`;
      throw stopError(EXIT.usage, "STATE_UNWRITABLE", message, { file: stateFile }, cause);
    }
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
    return this.tasks().some((task) => task.name === name);
  }

  /** The first of `name (1)`, `name (2)`, … that no task has. */
  nextFreeName(name: string): string {
    for (let n = 1; ; n += 1) if (!this.isTaken(`${name} (${n})`)) return `${name} (${n})`;
  }

  /**
   * Makes a copy: new IDs for the task and its rows; the reports' own IDs stay. `mappings` by the report's `reportID`, instead of
   * what the task has. Not idempotent, like the real one.
   */
  addCopy(
    source: SandboxTask,
    name: string,
    mappings: ReadonlyMap<string, readonly Swap[]>,
    given?: string,
  ): SandboxTask {
    let id = given ?? this.#chance.guid("task", source.id, name, 1);
    for (let n = 2; this.#tasks.has(id); n += 1) id = this.#chance.guid("task", source.id, name, n);
    const reports = source.reports.map(({ reportId, mappings: own }) => ({
      rowId: this.#chance.guid("row", id, reportId),
      reportId,
      mappings: [...(mappings.get(reportId) ?? own)],
    }));
    const task = { id, name, copyOf: source.id, createdAt: this.#now().toISOString(), origin: source.origin, reports };
    this.#tasks.set(id, task);
    return task;
  }

  /** Replaces one report's whole set of mappings. */
  replaceMappings(task: SandboxTask, rowId: string, mappings: readonly Swap[]): void {
    const reports = task.reports.map((report) =>
      report.rowId === rowId ? { ...report, mappings: [...mappings] } : report,
    );
    this.#tasks.set(task.id, { ...task, reports });
  }

  /**
   * Resolves when all that was done before the call is in the state file (at once without one). Calls that come while it is
   * being written share the next writing. Rejects with the file system's error.
   */
  save(): Promise<void> {
    const target = this.#stateFile;
    if (target === undefined) return Promise.resolve();
    const write = (): Promise<void> => {
      this.#queued = undefined;
      const tasks = this.tasks().map((task) => ({ ...task, origin: task.origin.id }));
      const document: z.input<typeof stateDocument> = { format: FORMAT, version: 1, tasks };
      return writeAtomically(target, [`${JSON.stringify(document)}\n`]);
    };
    // Those who waited for the writing before were told whether it failed; this one writes everything anew.
    this.#queued ??= this.#saving = this.#saving.then(write, write);
    return this.#queued;
  }

  /** Resolves when nothing is being written any more. */
  async idle(): Promise<void> {
    await Promise.allSettled([this.#saving]);
  }
}

/** What a task's report contains, as its source task was built. */
export function contentOf(task: SandboxTask, report: StoredReport): WorldReport {
  const content = task.origin.reports.find((candidate) => candidate.reportId === report.reportId);
  if (content === undefined) throw new Error(`task ${task.id} has a report ${report.reportId} that its source lacks`);
  return content;
}

function freshTask(origin: WorldTask, createdAt: string): SandboxTask {
  const reports = origin.reports.map(({ rowId, reportId }) => ({ rowId, reportId, mappings: [] }));
  return { id: origin.id, name: origin.name, copyOf: null, createdAt, origin, reports };
}

/** The tasks of a state file; `undefined` where there is none yet. */
async function readState(path: string, sourceTasks: World["sourceTasks"]): Promise<readonly SandboxTask[] | undefined> {
  let text: string;
  try {
    // A link is never followed: whoever made it chose what is written over.
    const found = entryAt(path);
    if (found !== undefined) checkKind(path, found);
    text = withOpenFile(path, (file) => readOpen(file, MOST_BYTES.table)).toString("utf8");
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return undefined;
    const message = `the state file ${path} cannot be read (${spokenCode(cause)})`;
    throw stopError(EXIT.usage, "STATE_UNREADABLE", message, { file: path }, cause);
  }
  try {
    const tasks = stateDocument.parse(JSON.parse(text)).tasks.map((task) => {
      const origin = sourceTasks.find((candidate) => candidate.id === task.origin);
      if (origin === undefined) throw new Error(`there is no source task ${task.origin}`);
      for (const report of task.reports) contentOf({ ...task, origin }, report);
      return { ...task, origin };
    });
    const missing = sourceTasks.find((task) => !tasks.some(({ id }) => id === task.id));
    if (missing !== undefined) throw new Error(`the source task ${missing.id} is not in it`);
    return tasks;
  } catch (cause) {
    const message = `${path} is not the state of a sandbox with these source tasks; it was left as it is`;
    const hint = "Give --state another file, or remove this one where you know what it is";
    throw stopError(EXIT.usage, "STATE_NOT_OURS", message, { hint, file: path }, cause);
  }
}
