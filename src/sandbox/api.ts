import * as z from "zod";
import type { SeededChance } from "./chaos.js";
import { type Answer, type Behaviour, created, failure, success } from "./faults.js";
import { contentOf, type SandboxTask, type StoredReport, type Swap, type TaskStore } from "./store.js";
import type { World } from "./world.js";

/** Every address that the sandbox answers to. `page` and `run` are its own: no key, and no fault befalls them. */
const ROUTES = (
  [
    ["GET", "/", "page"],
    ["POST", "/sandbox/tasks/:task/run", "run"],
    ["GET", "/api/:version/tasks", "list"],
    ["GET", "/api/:version/tasks/:task", "task"],
    ["GET", "/api/:version/tasks/:task/reports", "reports"],
    ["GET", "/api/:version/tasks/:task/reports/:row", "report"],
    ["GET", "/api/:version/tasks/:task/recipients", "recipients"],
    ["GET", "/api/:version/tasks/:task/triggers", "triggers"],
    ["POST", "/api/v2/tasks/:task/duplicate", "duplicate"],
    ["PATCH", "/api/v2/tasks/:task/reports/:row", "patch"],
  ] as const
).map(([method, path, kind]) => {
  const pattern = path.replace(":version", "(?<version>v[12])").replace(/:(\w+)/g, "(?<$1>[^/]*)");
  return { method, kind, pattern: new RegExp(`^${pattern}$`) };
});

export type CallKind = Exclude<(typeof ROUTES)[number]["kind"], "page" | "run">;

/** Where a request leads: to one of the routes, or nowhere (`stray`); `allow` then says with which methods its path is one. */
export interface Call<Kind = CallKind | "page" | "run" | "stray"> {
  readonly kind: Kind;
  /** A request to the API: it needs the key, and it counts. */
  readonly isApi: boolean;
  readonly url: URL;
  /** As they stand in the path, in lower case: what no task has is found by nobody. */
  readonly taskId: string;
  readonly rowId: string;
  readonly version: string;
  readonly allow: string;
}

/** Finds where a method and a path lead. */
export function routeOf(method: string, url: URL, behaviour: Behaviour): Call {
  const found = ROUTES.flatMap(({ pattern, ...route }) => {
    const match = pattern.exec(url.pathname);
    const version = match?.groups?.version ?? "";
    const { task = "", row = "" } = match?.groups ?? {};
    if (match === null || isMissing(route.kind, version, behaviour)) return [];
    return { ...route, version, taskId: task.toLowerCase(), rowId: row.toLowerCase() };
  });
  const isClosed = behaviour.missingDuplicate === 405 && found.some(({ kind }) => kind === "duplicate");
  const allow = isClosed ? "GET" : found.map((route) => route.method).join(", ");
  const route = isClosed ? undefined : found.find((one) => one.method === method);
  const isApi = /^\/api(\/|$)/.test(url.pathname);
  return { kind: "stray", version: "", taskId: "", rowId: "", ...route, isApi, url, allow };
}

function isMissing(kind: (typeof ROUTES)[number]["kind"], version: string, behaviour: Behaviour): boolean {
  if (version === "v2" && !behaviour.readsUnderV2) return true;
  if (kind === "task") return !behaviour.hasSingleTask;
  if (kind === "reports" || kind === "report") return !behaviour.hasReports;
  return kind === "duplicate" && behaviour.missingDuplicate === 404;
}

/** The server reads GUIDs with dashes only, in any case; braces and bare digits are refused. */
const guid = z
  .string()
  .regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, "must be a GUID with dashes")
  .transform((text) => text.toLowerCase());

/** No two entries may have the same ID. */
function each<T>(entry: z.ZodType<T>, field: keyof T & string): z.ZodType<T[]> {
  return z.array(entry).refine((entries) => new Set(entries.map((one) => one[field])).size === entries.length, {
    error: `one ${field} comes twice`,
  });
}

const qlikApps = each(z.strictObject({ QlikAppId: guid, NewQlikAppId: guid }), "QlikAppId");
const overwrite = z.strictObject({ ReportId: guid, QlikApps: qlikApps });
type Overwrite = z.output<typeof overwrite>;

/** Exactly the documented fields, nothing else. */
const duplicateBody = z.strictObject({
  NewName: z.string().min(1, "must not be empty").nullish(),
  OverwriteReportApps: each(overwrite, "ReportId").optional(),
});
const patchBody = z.strictObject({ OverwriteReportApps: z.array(overwrite).length(1) });

/** What was done and what is to be answered. `made`: the copy that a create made. */
export interface Performed {
  readonly answer: Answer;
  readonly made?: SandboxTask | undefined;
}

export interface ApiDeps {
  readonly store: TaskStore;
  readonly behaviour: Behaviour;
  readonly chance: SeededChance;
  readonly world: World;
}

const USUAL_PAGE_SIZE = 10;
const LARGEST_PAGE_SIZE = 50;

/** Carries out requests on the store, as strictly as this server behaves. Decides nothing about faults of single requests. */
export class Api {
  readonly #deps: ApiDeps;
  #listReadings = 0;

  constructor(deps: ApiDeps) {
    this.#deps = deps;
  }

  /** The name of the task that a request is about: what faults are aimed by. Empty for the list. */
  nameOf(call: Call<CallKind>, body: unknown): string {
    if (call.kind === "list") return "";
    const sent = call.kind === "duplicate" ? duplicateBody.safeParse(body).data?.NewName : undefined;
    return sent ?? this.#deps.store.task(call.taskId)?.name ?? "";
  }

  /** Does the work of one request. Writes are in the state file when it resolves; rejects where they could not be put there. */
  async perform(call: Call<CallKind>, body: unknown): Promise<Performed> {
    if (call.kind === "list") return { answer: this.#list(call) };
    const { store, behaviour } = this.#deps;
    const task = store.task(call.taskId);
    if (task === undefined || (task.copyOf !== null && behaviour.hidesCopies))
      return this.#refuse(404, `there is no task ${call.taskId}`);
    switch (call.kind) {
      case "task":
        return this.#show(shownTask(task));
      case "reports":
        return this.#show(task.reports.map((report) => shownReport(task, report, behaviour)));
      case "recipients":
        return this.#show(task.origin.recipients);
      case "triggers":
        return this.#show(task.origin.triggers);
      case "duplicate":
        return this.#duplicate(task, body);
      case "report":
      case "patch": {
        const row = task.reports.find((report) => report.rowId === call.rowId);
        if (row === undefined) return this.#refuse(404, `the task ${task.id} has no report row ${call.rowId}`);
        if (call.kind === "patch") return this.#patch(task, row, body);
        const { connections, filters, conditions } = contentOf(task, row);
        return this.#show({ ...shownReport(task, row, behaviour), connections, filters, conditions });
      }
    }
  }

  /** The part of all tasks that one reading of the list shows. v1 lists come whole; v2's in pages, unless `get_all=true`. */
  #list({ version, url: { searchParams: query } }: Call): Answer {
    const { behaviour, chance, store } = this.#deps;
    const { hidesCopies, missingFromList: missing, paging } = behaviour;
    if (behaviour.listRefusal !== undefined)
      return failure(behaviour, behaviour.listRefusal, "the task list is not for you");
    this.#listReadings += 1;
    const reading = missing?.changing === true ? this.#listReadings : 0;
    const shown = store.tasks().filter((task) => {
      if (task.copyOf === null) return true;
      return !hidesCopies && (missing === undefined || chance.fraction("unlisted", task.id, reading) >= missing.share);
    });
    const whole = version === "v1" || query.get("get_all")?.toLowerCase() === "true";
    if (paging === "whole-only" || (whole && paging !== "pages-only")) return success(behaviour, shown.map(shownTask));
    for (const name of ["page", "page_size"])
      if (!/^[1-9]\d{0,8}$/.test(query.get(name) ?? "1"))
        return failure(behaviour, 400, `${name} must be a whole number from 1`);
    const size = Math.min(Number(query.get("page_size") ?? USUAL_PAGE_SIZE), LARGEST_PAGE_SIZE);
    const page = Number(query.get("page") ?? 1);
    return success(behaviour, shown.slice((page - 1) * size, page * size).map(shownTask));
  }

  async #duplicate(task: SandboxTask, body: unknown): Promise<Performed> {
    const { store, behaviour } = this.#deps;
    const parsed = duplicateBody.safeParse(body);
    if (!parsed.success) return this.#refuse(400, faultsOf(parsed.error));
    const { NewName, OverwriteReportApps = [] } = parsed.data;
    const refusal = this.#refusalOf(task, NewName ?? task.name, OverwriteReportApps);
    if (refusal !== undefined) return refusal;
    let name = typeof NewName === "string" ? behaviour.storedName(NewName) : store.nextFreeName(task.name);
    if (behaviour.takenNames !== "allow" && store.isTaken(name)) {
      if (behaviour.takenNames === "refuse") return this.#refuse(409, `there is a task named "${NewName}" already`);
      name = store.nextFreeName(name);
    }
    const mappings = new Map<string, readonly Swap[]>();
    for (const entry of OverwriteReportApps) {
      const report = this.#named(task, entry.ReportId);
      if (report !== undefined) mappings.set(report.reportId, swapsOf(entry));
    }
    const made = store.addCopy(task, name, mappings);
    await store.save();
    return { answer: created(behaviour, made.id), made };
  }

  async #patch(task: SandboxTask, row: StoredReport, body: unknown): Promise<Performed> {
    const { store, behaviour } = this.#deps;
    const parsed = patchBody.safeParse(body);
    if (!parsed.success) return this.#refuse(400, faultsOf(parsed.error));
    const { OverwriteReportApps } = parsed.data;
    const refusal = this.#refusalOf(task, task.name, OverwriteReportApps);
    if (refusal !== undefined) return refusal;
    for (const entry of OverwriteReportApps) {
      const named = this.#named(task, entry.ReportId);
      if (named === undefined) continue;
      if (named !== row) return this.#refuse(400, `the ReportId ${entry.ReportId} is not the report of the path`);
      if (behaviour.patchesTakeEffect) store.replaceMappings(task, row.rowId, swapsOf(entry));
    }
    await store.save();
    return this.#show(null);
  }

  /** The report that a body's `ReportId` means on this server: by its row's ID or by the published report's. */
  #named(task: SandboxTask, id: string): StoredReport | undefined {
    const byRow = this.#deps.behaviour.reportIds === "row";
    return task.reports.find((report) => (byRow ? report.rowId : report.reportId) === id);
  }

  #refusalOf(task: SandboxTask, name: string, entries: readonly Overwrite[]): Performed | undefined {
    const { behaviour } = this.#deps;
    if (behaviour.forbidden.some((fits) => fits(name))) return this.#refuse(403, "this key may not write this task");
    const unknown = entries.find((entry) => this.#named(task, entry.ReportId) === undefined);
    if (unknown !== undefined && behaviour.unknownReports === "refuse")
      return this.#refuse(400, `the task ${task.id} has no report ${unknown.ReportId}`);
    const apps = entries.flatMap((entry) => entry.QlikApps.flatMap((swap) => [swap.QlikAppId, swap.NewQlikAppId]));
    const { world } = this.#deps;
    const app = apps.find((candidate) => !world.knowsApp(candidate));
    return app === undefined ? undefined : this.#refuse(400, `there is no Qlik Sense app ${app}: ${world.told}`);
  }

  #show(data: unknown): Performed {
    return { answer: success(this.#deps.behaviour, data) };
  }

  #refuse(status: number, message: string): Performed {
    return { answer: failure(this.#deps.behaviour, status, message) };
  }
}

function swapsOf(entry: Overwrite): readonly Swap[] {
  return entry.QlikApps.map((swap) => ({ qlikAppId: swap.QlikAppId, newQlikAppId: swap.NewQlikAppId }));
}

function faultsOf({ issues }: z.ZodError): string {
  return issues.map(({ path, message }) => `${path.length === 0 ? "body" : path.join(".")}: ${message}`).join("; ");
}

/** A task as the list and `GET /tasks/{id}` show it. */
function shownTask({ id, name, createdAt, origin }: SandboxTask): object {
  const { description, isActive, testMode, triggers } = origin;
  const isScheduled = triggers.some((trigger) => trigger.isActive);
  return { id, name, description, isActive, isScheduled, testMode, testModeRecipients: [], createdAt };
}

/** A report's row as the reports' list shows it. */
function shownReport(task: SandboxTask, report: StoredReport, { showMappings }: Behaviour): object {
  const { rowId, reportId, mappings } = report;
  const { name, outputFormats } = contentOf(task, report);
  const overwriteReportApps = mappings.length === 0 ? [] : [{ reportId: rowId, qlikApps: mappings }];
  const shown = { id: rowId, reportID: reportId, name, type: "Report", outputFormats };
  return showMappings ? { ...shown, overwriteReportApps } : shown;
}
