import type { ServerResponse } from "node:http";
import { type LoopbackServer, type SeenRequest, serve } from "./loopback-server.js";
import { MASTER, MONTHLY } from "./manifests.js";

/** One report of a task, on one row. `apps`: from which app to which. */
export interface HostileReport {
  readonly id: string;
  readonly reportID: string;
  apps: readonly Swap[];
}

interface Swap {
  readonly qlikAppId: string;
  readonly newQlikAppId: string;
}

export interface HostileTask {
  id: string;
  name: string;
  readonly reports: HostileReport[];
}

/** A write as it came. `name`: of the copy that is to be made, or of the task that is patched. */
export interface HostileWrite {
  readonly kind: "create" | "patch";
  readonly name: string;
}

/**
 * What becomes of a write: as it should; its answer lost, before or after the work; done twice; answered with success and not
 * done; answered by a status and not done; behind an unasked `100 Continue`; kept back, without an answer, until it is delivered.
 */
export type Fate = "ok" | "lost-before" | "lost-after" | "twice" | "no-effect" | "continue" | "late" | number;

const guid = (prefix: string, n: number): string => `${prefix}-0000-4000-8000-${String(n).padStart(12, "0")}`;
/** The published reports of the source task, as it has them; the second may stand on two rows. */
export const REPORTS = [guid("cccccccc", 1), guid("cccccccc", 2)] as const;

/** A small server with a memory, that a test bends by its hooks. Nothing is bent unless a hook says so. */
export class HostileServer {
  readonly tasks: HostileTask[] = [];
  readonly source: HostileTask;
  /** Every write, in its order, however it ended. */
  readonly writes: HostileWrite[] = [];
  showsMappings = true;

  /** The name that it gives to a new task. */
  nameGiven: (wanted: string, taken: ReadonlySet<string>) => string = (wanted) => wanted;
  /** What becomes of a write. */
  fate: (write: HostileWrite) => Fate = () => "ok";
  /** The ID that a create is answered with. */
  idAnswered: (made: HostileTask) => Promise<string> | string = ({ id }) => id;
  /** What the list shows: tasks, or a status. It is asked once for each answer. */
  listed: (tasks: readonly HostileTask[]) => Promise<Shown<HostileTask>> | Shown<HostileTask> = (tasks) => tasks;
  /** A total that the list's envelope names, if any. */
  totalNamed: (tasks: readonly HostileTask[]) => number | undefined = () => undefined;
  /** What a task's reports show: rows, or a status. */
  reportsShown: (task: HostileTask) => Shown<HostileReport> = ({ reports }) => reports;
  /** Answers any request by this status, before anything else is looked at. */
  refusal: (request: SeenRequest) => number | undefined = () => undefined;

  #born = 1;
  #server: LoopbackServer | undefined;
  readonly #late: (() => void)[] = [];

  constructor() {
    this.source = { id: MONTHLY, name: "Monthly Report", reports: [] };
    this.source.reports.push(...REPORTS.map((reportID) => this.row(reportID)));
    this.tasks.push(this.source);
  }

  async open(): Promise<void> {
    this.#server = await serve((request, response) => this.#answer(request, response));
  }

  get origin(): string {
    if (this.#server === undefined) throw new Error("the server is not open: the test is wrong");
    return this.#server.origin;
  }

  close(): Promise<void> {
    return this.#server?.close() ?? Promise.resolve();
  }

  /** All tasks but the source task. */
  get copies(): readonly HostileTask[] {
    return this.tasks.filter((task) => task !== this.source);
  }

  /** The only task of this name. */
  named(name: string): HostileTask {
    const found = this.tasks.filter((task) => task.name === name);
    const [only] = found;
    if (only === undefined || found.length > 1) throw new Error(`${found.length} tasks are named ${name}`);
    return only;
  }

  /** A task that somebody made by hand, mapped to this app. */
  add(name: string, newQlikAppId?: string): HostileTask {
    const apps = newQlikAppId === undefined ? [] : [{ qlikAppId: MASTER, newQlikAppId }];
    const reports = this.source.reports.map(({ reportID }) => ({ ...this.row(reportID), apps }));
    const task = { id: guid("dddddddd", this.#born++), name, reports };
    this.tasks.push(task);
    return task;
  }

  remove(task: HostileTask): void {
    this.tasks.splice(this.tasks.indexOf(task), 1);
  }

  /** A row of a report, which maps nothing. */
  row(reportID: string): HostileReport {
    return { id: guid("bbbbbbbb", this.#born++), reportID, apps: [] };
  }

  /** Gives these tasks new IDs under their old names, as the vendor's migration tool does. */
  migrate(tasks: readonly HostileTask[]): void {
    for (const task of tasks) task.id = guid("eeeeeeee", this.#born++);
  }

  /** Does the work that came and was kept back. */
  deliver(): void {
    for (const work of this.#late.splice(0)) work();
  }

  async #answer(request: SeenRequest, response: ServerResponse): Promise<void> {
    const refused = this.refusal(request);
    if (refused !== undefined) return reply(response, refused);
    const { pathname, searchParams } = new URL(request.url, "http://server");
    const [, id, part, row] = /^\/api\/v2\/tasks(?:\/([^/]+)(?:\/([^/]+)(?:\/([^/]+))?)?)?$/.exec(pathname) ?? [];
    if (pathname === "/api/v2/tasks") return this.#list(searchParams, response);
    const task = this.tasks.find((one) => one.id === id);
    if (task === undefined) return reply(response, 404);
    if (request.method === "POST" && part === "duplicate") return this.#duplicate(task, request.body, response);
    if (request.method === "PATCH" && row !== undefined)
      return this.#patch({ task, row, body: request.body }, response);
    if (part === undefined)
      return reply(response, 200, { id: task.id, name: task.name, isActive: false, testMode: false });
    if (part !== "reports") return reply(response, 200, []);
    const reports = this.reportsShown(task);
    if (typeof reports === "number") return reply(response, reports);
    const shown = reports.map(({ id: rowId, reportID, apps }) => ({
      id: rowId,
      reportID,
      name: "Sales",
      ...(this.showsMappings
        ? { overwriteReportApps: apps.length === 0 ? [] : [{ reportId: rowId, qlikApps: apps }] }
        : {}),
    }));
    return reply(response, 200, shown);
  }

  async #list(query: URLSearchParams, response: ServerResponse): Promise<void> {
    const shown = await this.listed([...this.tasks]);
    if (typeof shown === "number") return reply(response, shown);
    const page = Number(query.get("page") ?? 1);
    const rows = query.has("get_all") ? shown : shown.slice(page * 50 - 50, page * 50);
    const total = this.totalNamed(shown);
    reply(
      response,
      200,
      rows.map(({ id, name }) => ({ id, name })),
      total === undefined ? {} : { total },
    );
  }

  #duplicate(of: HostileTask, body: string, response: ServerResponse): Promise<void> {
    const { NewName, OverwriteReportApps } = JSON.parse(body) as CreateBody;
    const work = (): HostileTask => {
      const name = this.nameGiven(NewName, new Set(this.tasks.map((task) => task.name)));
      const reports = of.reports.map((report) => {
        const mapped = OverwriteReportApps.find(
          ({ ReportId }) => ReportId === report.id || ReportId === report.reportID,
        );
        return { ...this.row(report.reportID), apps: swapsOf(mapped) };
      });
      const made = { id: guid("dddddddd", this.#born++), name, reports };
      this.tasks.push(made);
      return made;
    };
    return this.#write({ kind: "create", name: NewName }, work, response);
  }

  #patch(
    of: { readonly task: HostileTask; readonly row: string; readonly body: string },
    response: ServerResponse,
  ): Promise<void> {
    const { OverwriteReportApps } = JSON.parse(of.body) as CreateBody;
    const row = of.task.reports.find((report) => report.id === of.row);
    if (row === undefined) return Promise.resolve(reply(response, 404));
    const work = (): undefined => {
      row.apps = swapsOf(OverwriteReportApps[0]);
    };
    return this.#write({ kind: "patch", name: of.task.name }, work, response);
  }

  async #write(write: HostileWrite, work: () => HostileTask | undefined, response: ServerResponse): Promise<void> {
    this.writes.push(write);
    const fate = this.fate(write);
    if (typeof fate === "number") return reply(response, fate);
    if (fate === "late") {
      this.#late.push(work);
      return;
    }
    if (fate === "no-effect") return reply(response, 200, null);
    if (fate === "lost-before") return void response.destroy();
    if (fate === "twice") work();
    const made = work();
    if (fate === "lost-after") return void response.destroy();
    if (fate === "continue") response.writeContinue();
    reply(response, made === undefined ? 200 : 201, made === undefined ? null : { id: await this.idAnswered(made) });
  }
}

/** What a list shows: its rows, or the status that it is refused with. */
type Shown<T> = readonly T[] | number;

interface CreateBody {
  readonly NewName: string;
  readonly OverwriteReportApps: readonly Overwrite[];
}

interface Overwrite {
  readonly ReportId: string;
  readonly QlikApps: readonly { readonly QlikAppId: string; readonly NewQlikAppId: string }[];
}

function swapsOf(overwrite: Overwrite | undefined): readonly Swap[] {
  return (overwrite?.QlikApps ?? []).map((app) => ({ qlikAppId: app.QlikAppId, newQlikAppId: app.NewQlikAppId }));
}

function reply(response: ServerResponse, status: number, data: unknown = null, beside: object = {}): void {
  const isSuccess = status < 300;
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify({ data, isSuccess, error: isSuccess ? null : `refused with ${status}`, ...beside }));
}

/** Exchanges the answers of the creates of two names: each gets the other's ID. For {@link HostileServer.idAnswered}. */
export function crossing(one: string, other: string): HostileServer["idAnswered"] {
  let first: { readonly id: string; readonly answer: (id: string) => void } | undefined;
  return ({ name, id }) => {
    if (name !== one && name !== other) return id;
    if (first === undefined)
      return new Promise((answer) => {
        first = { id, answer };
      });
    first.answer(id);
    return first.id;
  };
}
