import type { ListOptions, ListReading, Reading, TaskDetails, TaskReader } from "../../src/server/ports.js";
import { foldName, type TaskId } from "../../src/shared/ids.js";
import type { ListedTask, MailSettings, TaskReport } from "../../src/shared/tasks.js";
import {
  type Connection,
  type ServerModel,
  type ServerWorld,
  type TrueReport,
  type TrueTask,
  trouble,
} from "./server-model.js";

/** One task list as a process got it. */
export interface SeenList {
  readonly at: number;
  readonly kind: ListReading["kind"];
  readonly tasks: readonly ListedTask[];
}

/** What one process was shown. */
export interface Looks {
  readonly lists: SeenList[];
  /** How each copy's reports were last read: every row with its mappings, some of it, or not at all. */
  readonly copies: Map<TaskId, "whole" | "part" | "unread">;
  /** Those that were read at all. */
  readonly read: Set<TaskId>;
}

/** How many rows of a late answer are still there. */
const KEPT_ROWS = 0.4;

/** The reads of one client process: as whole, late or wrong as the server's profile and the run's weather say. */
export class ServerReader implements TaskReader {
  readonly #server: ServerModel;
  readonly #world: ServerWorld;
  readonly #connection: Connection;

  constructor(server: ServerModel, world: ServerWorld, connection: Connection) {
    this.#server = server;
    this.#world = world;
    this.#connection = connection;
  }

  readTask(id: TaskId): Promise<Reading<TaskDetails>> {
    return this.#reading("read task", this.#world.profile.hasTaskRoute, () => {
      const task = this.#visible(id);
      if (task === undefined) return absent();
      return { kind: "read", value: { id, name: task.name, enabled: false, testMode: undefined } };
    });
  }

  async readReports(id: TaskId): Promise<Reading<readonly TaskReport[]>> {
    let lookedAt = 0;
    const reading = await this.#reading<readonly TaskReport[]>(
      "read reports",
      this.#world.profile.hasReportsRoute,
      () => {
        lookedAt = this.#world.scheduler.now;
        const task = this.#visible(id);
        // A 404 that is none; not where it could make a copy look gone.
        if (this.#isListed(id) && this.#world.fault("reports answer 404", this.#connection.weather.readFaults / 4))
          return absent();
        return task === undefined ? absent() : { kind: "read", value: this.#rowsOf(task) };
      },
    );
    this.#noteLook(id, reading, lookedAt);
    return reading;
  }

  readTriggers(id: TaskId): Promise<Reading<NonNullable<MailSettings["activeTriggers"]>>> {
    return this.#reading("read triggers", true, () => (this.#visible(id) ? { kind: "read", value: [] } : absent()));
  }

  readRecipients(id: TaskId): Promise<Reading<number>> {
    return this.#reading("read recipients", true, () => (this.#visible(id) ? { kind: "read", value: 0 } : absent()));
  }

  async listTasks({ fresh }: ListOptions): Promise<ListReading> {
    let lookedAt = this.#world.scheduler.now;
    const reading = await this.#list(fresh, () => {
      lookedAt = this.#world.scheduler.now;
    });
    const tasks = reading.kind === "none" ? [] : reading.tasks;
    if (!this.#connection.isGivenUp()) this.#connection.looks.lists.push({ at: lookedAt, kind: reading.kind, tasks });
    return reading;
  }

  // By ID.

  #reading<T>(label: string, has: boolean, read: () => Reading<T>): Promise<Reading<T>> {
    const { fault, random } = this.#world;
    if (!has) return this.#deliver(() => absent<T>());
    const broken = fault(label, this.#connection.weather.readFaults);
    const stops = broken && fault(`${label} stops`, 0.06);
    if (stops) return this.#stopped();
    const forbidden = broken && random.chance(0.2);
    const problem = trouble(forbidden ? "HTTP_403" : "HTTP_503");
    return this.#deliver(() => (broken ? { kind: "unreadable", forbidden, problem } : read()));
  }

  #isListed(id: TaskId): boolean {
    const isCopy = this.#server.task(id)?.kind !== "source";
    return isCopy && this.#connection.looks.lists.at(-1)?.tasks.some((task) => task.id === id) === true;
  }

  #rowsOf(task: TrueTask): readonly TaskReport[] {
    const { fault, note, profile, random } = this.#world;
    const { shortAnswers } = this.#connection.weather;
    const seen = new Set<string>();
    const listed = task.reports.filter(({ reportId }) => {
      const isListed = task.kind === "source" || !profile.listsRowsOnce || !seen.has(reportId);
      seen.add(reportId);
      return isListed;
    });
    const isShort = task.kind === "copy" && listed.length > 0 && fault("reports come back short", shortAnswers);
    if (!isShort) return listed.map((report) => this.#shown(task, report));
    const kept = random.chance(0.5) ? [] : listed.slice(1).filter(() => random.chance(KEPT_ROWS));
    note(`the reports of ${task.id.slice(-4)} come back short: ${kept.length} of ${listed.length}`);
    return kept.map((report) => this.#shown(task, report));
  }

  #shown(task: TrueTask, report: TrueReport): TaskReport {
    const { rowId: row, reportId: id, swaps } = report;
    const { mappings } = this.#world.profile;
    const isLast = task.reports.length > 1 && report === task.reports.at(-1);
    const isShown = mappings === "all" || (mappings === "some" && !isLast);
    return isShown ? { rowId: row, reportId: id, mappings: swaps } : { rowId: row, reportId: id };
  }

  /** What a process knows of a copy's mappings, it knows from here. */
  #noteLook(id: TaskId, reading: Reading<readonly TaskReport[]>, at: number): void {
    const task = this.#server.task(id);
    if (task === undefined || task.kind === "source") return;
    const shown = reading.kind === "read" ? reading.value.filter((row) => row.mappings !== undefined).length : 0;
    const isWhole = reading.kind === "read" && shown === task.reports.length;
    if (isWhole) task.shownWholeAt = Math.max(at, task.shownWholeAt ?? 0);
    const { looks } = this.#connection;
    if (reading.kind === "read") looks.read.add(id);
    // A task that may be taken over by somebody else is read again: the best look of the run is what a run may tell.
    if (looks.copies.get(id) === "whole") return;
    looks.copies.set(id, isWhole ? "whole" : reading.kind === "read" ? "part" : "unread");
  }

  #visible(id: TaskId): TrueTask | undefined {
    const task = this.#server.task(id);
    if (task === undefined || !task.alive) return undefined;
    const isHidden = this.#connection.weather.blind || this.#world.profile.copies === "unseen";
    return isHidden && task.kind !== "source" ? undefined : task;
  }

  /** Read at one moment, delivered at a later one. */
  #deliver<T>(read: () => T): Promise<T> {
    const { scheduler, random } = this.#world;
    const { client } = this.#connection;
    return new Promise((resolve) => {
      scheduler.after(random.pick([0, 0, 1, 3]), client, () => {
        const value = read();
        scheduler.after(random.pick([0, 1, 10]), client, () => resolve(value));
      });
    });
  }

  #stopped(): Promise<never> {
    const { scheduler, random, note, stop } = this.#world;
    const { client, onStop } = this.#connection;
    return new Promise((_resolve, reject) => {
      scheduler.after(random.pick([0, 1, 3]), client, () => {
        note("a read stops the run (401)");
        onStop();
        reject(stop(trouble("HTTP_401")));
      });
    });
  }

  // The list.

  #list(fresh: boolean, onLook: () => void): Promise<ListReading> {
    const { profile, fault, random, note } = this.#world;
    if (profile.list === "missing" || profile.list === "forbidden")
      return this.#deliver(() => ({
        kind: "none",
        forbidden: profile.list === "forbidden",
        problem: trouble("NO_LIST"),
      }));
    const wrong = fault("list", this.#connection.weather.readFaults)
      ? random.weighted({ none: 3, partial: 3, short: 5, stops: 1 })
      : "well";
    if (wrong !== "well") note(`the task list goes wrong: ${wrong}`);
    if (wrong === "stops") return this.#stopped();
    return this.#deliver((): ListReading => {
      onLook();
      if (wrong === "none") return { kind: "none", forbidden: false, problem: trouble("HTTP_503") };
      const seen = this.#listed(fresh);
      const problem = trouble("CUT_SHORT");
      if (wrong === "partial")
        return { kind: "partial", tasks: seen.slice(0, random.between(0, seen.length)), problem };
      const tasks = wrong === "short" ? seen.filter(() => random.chance(0.6)) : seen;
      if (profile.namesTotal && tasks.length < this.#server.alive().length) return { kind: "partial", tasks, problem };
      this.#noteOmissions(tasks);
      return { kind: "read", tasks };
    });
  }

  #listed(fresh: boolean): readonly ListedTask[] {
    const { profile, scheduler } = this.#world;
    const { now } = scheduler;
    const tasks = this.#server
      .alive()
      .filter((task) => task.kind === "source" || (profile.copies === "seen" && this.#visible(task.id) !== undefined))
      .filter((task) => profile.list !== "late" || task.listedFrom <= now)
      .map(({ id, name }) => ({ id, name }));
    return profile.list === "cached" ? this.#server.cached({ at: now, tasks }, fresh) : tasks;
  }

  /**
   * A list that looks whole and leaves out a task that is there: no client can see that. It is judged for each source task; what
   * is more, absence may be believed only where one of its copies is listed under the name that the log has for it.
   */
  #noteOmissions(tasks: readonly ListedTask[]): void {
    const { loggedCopies, scheduler } = this.#world;
    const listed = new Map(tasks.map((task) => [task.id, task.name]));
    const logged = loggedCopies();
    if (!logged.every(({ id }) => this.#server.task(id)?.alive !== true || listed.has(id))) return;
    const sources = this.#server.tasks.filter((task) => task.kind === "source" && listed.has(task.id));
    const proven = sources.filter((source) =>
      logged.some((copy) => copy.sourceTaskId === source.id && isNamed(listed.get(copy.id), copy.name)),
    );
    for (const task of this.#server.alive()) {
      if (listed.has(task.id)) continue;
      const isOf = (source: TrueTask): boolean => task.by?.ref === undefined || task.by.ref.startsWith(`${source.id} `);
      if (sources.some(isOf)) task.leftOutAt.push(scheduler.now);
      if (proven.some(isOf)) task.omittedAt.push(scheduler.now);
    }
  }
}

function isNamed(listed: string | undefined, logged: string): boolean {
  return listed !== undefined && foldName(listed) === foldName(logged);
}

function absent<T>(): Reading<T> {
  return { kind: "absent", problem: trouble("HTTP_404") };
}
