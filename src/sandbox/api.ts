import * as z from "zod";
import type { SeededChance } from "./chaos.js";
import { type Answer, type Behaviour, created, failure, success } from "./faults.js";
import { contentOf, type SandboxTask, type StoredReport, type Swap, type TaskStore } from "./store.js";
import type { AppReader, World } from "./world.js";

/** One request to the API, understood. */
export type ApiCall =
  | { readonly kind: "list"; readonly version: "v1" | "v2"; readonly query: URLSearchParams }
  | { readonly kind: "task" | "reports" | "recipients" | "triggers" | "duplicate"; readonly taskId: string }
  | { readonly kind: "report" | "patch"; readonly taskId: string; readonly rowId: string };

export type CallKind = ApiCall["kind"];

/** Where a request leads. `page` and `run` are the sandbox's own: no key, and no fault befalls them. `allow`: the wrong method. */
export type Route =
  | { readonly kind: "api"; readonly call: ApiCall }
  | { readonly kind: "page"; readonly query: URLSearchParams }
  | { readonly kind: "run"; readonly taskId: string }
  | { readonly kind: "stray"; readonly api: boolean; readonly allow?: string };

const NOWHERE: Route = { kind: "stray", api: true };

/** Finds where a method and a path lead. IDs are taken as they stand, in lower case: what no task has is found by nobody. */
export function routeOf(method: string, url: URL, behaviour: Behaviour): Route {
  const only = (allow: string, route: Route): Route =>
    method === allow ? route : { kind: "stray", api: route.kind === "api", allow };
  if (url.pathname === "/") return only("GET", { kind: "page", query: url.searchParams });
  const run = /^\/sandbox\/tasks\/([^/]*)\/run$/.exec(url.pathname);
  if (run !== null) return only("POST", { kind: "run", taskId: run[1]?.toLowerCase() ?? "" });
  const [, version, path] = /^\/api\/(v[12])\/tasks(?:\/(.*))?$/.exec(url.pathname) ?? [];
  if (version !== "v1" && version !== "v2") return { kind: "stray", api: /^\/api(\/|$)/.test(url.pathname) };
  const reads = version === "v1" || behaviour.readsUnderV2;
  const read = (call: ApiCall): Route => (reads ? only("GET", { kind: "api", call }) : NOWHERE);
  if (path === undefined) return read({ kind: "list", version, query: url.searchParams });
  const [taskId = "", part, rowId, ...more] = path.toLowerCase().split("/");
  if (more.length > 0) return NOWHERE;
  if (part === undefined) return behaviour.hasSingleTask ? read({ kind: "task", taskId }) : NOWHERE;
  if (part === "duplicate" && version === "v2" && rowId === undefined) {
    if (behaviour.missingDuplicate === 404) return NOWHERE;
    if (behaviour.missingDuplicate === 405) return { kind: "stray", api: true, allow: "GET" };
    return only("POST", { kind: "api", call: { kind: "duplicate", taskId } });
  }
  if (part === "reports" && !behaviour.hasReports && method === "GET") return NOWHERE;
  if (rowId === undefined)
    return part === "reports" || part === "recipients" || part === "triggers" ? read({ kind: part, taskId }) : NOWHERE;
  if (part !== "reports") return NOWHERE;
  if (version === "v2" && method === "PATCH") return { kind: "api", call: { kind: "patch", taskId, rowId } };
  if (version === "v2" && method !== "GET") return { kind: "stray", api: true, allow: "GET, PATCH" };
  return read({ kind: "report", taskId, rowId });
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
  readonly world: World;
  readonly chance: SeededChance;
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
  nameOf(call: ApiCall, body: unknown): string {
    if (call.kind === "list") return "";
    const sent = call.kind === "duplicate" ? duplicateBody.safeParse(body).data?.NewName : undefined;
    return sent ?? this.#deps.store.task(call.taskId)?.name ?? "";
  }

  /** Does the work of one request. Writes are in the state file when it resolves; rejects where they could not be put there. */
  async perform(call: ApiCall, body: unknown): Promise<Performed> {
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
  #list({ version, query }: Extract<ApiCall, { kind: "list" }>): Answer {
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
    const { behaviour, world } = this.#deps;
    if (behaviour.forbidden.some((fits) => fits(name))) return this.#refuse(403, "this key may not write this task");
    const unknown = entries.find((entry) => this.#named(task, entry.ReportId) === undefined);
    if (unknown !== undefined && behaviour.unknownReports === "refuse")
      return this.#refuse(400, `the task ${task.id} has no report ${unknown.ReportId}`);
    const apps = entries.flatMap((entry) => entry.QlikApps.flatMap((swap) => [swap.QlikAppId, swap.NewQlikAppId]));
    const app = apps.find((candidate) => !world.knowsApp(candidate));
    return app === undefined ? undefined : this.#refuse(400, `there is no Qlik Sense app ${app}`);
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
  return {
    id,
    name,
    description: origin.description,
    owner: "sandbox",
    isMine: true,
    project: { id: "99999999-0000-4000-8000-000000000001", name: "Sandbox" },
    isActive: origin.isActive,
    isScheduled: origin.triggers.some((trigger) => trigger.isActive),
    testMode: origin.testMode,
    testModeRecipients: [],
    sendNotifications: false,
    createdAt,
    lastExecution: null,
  };
}

/** A report's row as the reports' list shows it. */
function shownReport(task: SandboxTask, { rowId, reportId, mappings }: StoredReport, behaviour: Behaviour): object {
  const { name, outputFormats } = contentOf(task, { rowId, reportId, mappings });
  const shown = mappings.length === 0 ? [] : [{ reportId: rowId, qlikApps: mappings }];
  return {
    id: rowId,
    reportID: reportId,
    name,
    type: "Report",
    format: outputFormats[0] ?? null,
    description: "",
    isIteration: false,
    outputFormats,
    ...(behaviour.showMappings ? { overwriteReportApps: shown } : {}),
  };
}

/** What running a task would generate, and from which apps. */
export interface TaskRun {
  readonly taskId: string;
  readonly name: string;
  /** `readsApps`: every app that the report's figures come from, each once. */
  readonly reports: readonly {
    readonly name: string;
    readonly readsApps: readonly string[];
    readonly [field: string]: unknown;
  }[];
}

/**
 * Runs a task as the vendor's page describes it: where a report has mappings, the original app's ID is replaced by
 * `NewQlikAppId` in all its connections, filters and conditions. Each is replaced once: mappings do not chain.
 */
export function runTask(task: SandboxTask): TaskRun {
  const reports = task.reports.map((report) => {
    const content = contentOf(task, report);
    const targets = new Map(report.mappings.map((swap) => [swap.qlikAppId, swap.newQlikAppId]));
    const substitute = ({ name, appId }: AppReader) => ({
      name,
      originalAppId: appId,
      readsAppId: targets.get(appId) ?? appId,
      replaced: targets.has(appId),
    });
    const connections = content.connections.map(substitute);
    const filters = content.filters.map(substitute);
    const conditions = content.conditions.map(substitute);
    const readsApps = [...new Set([...connections, ...filters, ...conditions].map((reader) => reader.readsAppId))];
    const shown = { id: report.rowId, reportID: report.reportId, name: content.name };
    return { ...shown, overwriteReportApps: report.mappings, connections, filters, conditions, readsApps };
  });
  return { taskId: task.id, name: task.name, reports };
}
