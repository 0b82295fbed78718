import { normalGuid, parseReportId, parseRowId, parseTaskId, type TaskId, trimAround } from "../shared/ids.js";
import type { ListedTask, MailSettings, TaskReport } from "../shared/source-task.js";
import { asObject, field, hasField, type JsonBody } from "./json-body.js";
import type { CreateRequest, PatchRequest, TaskDetails } from "./ports.js";
import { rowMappings, type SeenRow } from "./wire-mappings.js";

/**
 * Every oddity of the API's bodies. Requests are exactly as the vendor documents them (PascalCase); answers are read in any
 * casing and in every shape that is known or likely.
 */

/** The body of `POST /tasks/{id}/duplicate`. */
export function createBody(request: CreateRequest): string {
  return JSON.stringify({ NewName: request.name, OverwriteReportApps: request.reports.map(overwriteReportApps) });
}

/** The body of `PATCH /tasks/{id}/reports/{rowId}`: that one report's whole, final set; empty to remove them all. */
export function patchBody(request: PatchRequest): string {
  return JSON.stringify({ OverwriteReportApps: [overwriteReportApps(request)] });
}

function overwriteReportApps(report: CreateRequest["reports"][number]): unknown {
  return {
    ReportId: report.reportId,
    QlikApps: report.apps.map((app) => ({ QlikAppId: app.qlikAppId, NewQlikAppId: app.newQlikAppId })),
  };
}

/** An answer's body without what is wrapped around it. */
export interface Envelope {
  /** `isSuccess` as the server says it; `undefined` where it does not. */
  readonly success: boolean | undefined;
  readonly data: unknown;
  /** Whether the body has the API's own envelope. */
  readonly enveloped: boolean;
}

export function openEnvelope(value: unknown): Envelope {
  const object = asObject(value);
  if (object === undefined) return { success: undefined, data: value, enveloped: false };
  const flag = field(object, "issuccess");
  const success = flag === false || flag === "false" ? false : flag === true || flag === "true" ? true : undefined;
  const status = asObject(field(object, "status"));
  const enveloped = hasField(object, "issuccess") || (hasField(object, "data") && status !== undefined);
  return { success, data: hasField(object, "data") ? field(object, "data") : value, enveloped };
}

/** Where lists are found in an object that stands around them. */
const LIST_NAMES = [
  "items",
  "tasks",
  "results",
  "value",
  "rows",
  "records",
  "list",
  "reports",
  "triggers",
  "recipients",
];

/** The rows of a list: an array, or an object that holds one; `undefined` where the body holds no list. */
export function rowsOf(body: unknown): readonly unknown[] | undefined {
  const { data } = openEnvelope(body);
  if (Array.isArray(data)) return data;
  const object = asObject(data);
  if (object === undefined) return undefined;
  const held = field(object, ...LIST_NAMES);
  return Array.isArray(held) ? held : undefined;
}

/** How a body names the number of all rows, of this answer and of others. `count` often is this answer's own: never too large. */
const TOTAL_NAMES = [
  "total",
  "totalcount",
  "totalitems",
  "totalrecords",
  "totalelements",
  "totalresults",
  "totalrows",
  "totaltasks",
  "totalreports",
  "recordstotal",
  "itemcount",
  "count",
  "@odata.count",
];
/** Objects beside the rows, where the total may stand. */
const PAGING_NAMES = ["pagination", "paging", "pageinfo", "page", "metadata", "meta"];

/** The largest total that the envelope of a list names, or the object around its rows; 0 where none is named. */
export function totalNamed(body: unknown): number {
  const around = [asObject(body), asObject(openEnvelope(body).data)];
  const beside = around.flatMap((object) => PAGING_NAMES.map((name) => object && asObject(field(object, name))));
  const totals = [...around, ...beside].flatMap((object) =>
    object === undefined ? [] : TOTAL_NAMES.map((name) => countOf(field(object, name))),
  );
  return Math.max(0, ...totals);
}

function countOf(value: unknown): number {
  const count = typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : value;
  return typeof count === "number" && Number.isSafeInteger(count) ? count : 0;
}

/** One task of a list; `undefined` where it has no ID or no name that can be read. */
export function taskOf(row: unknown): ListedTask | undefined {
  const object = asObject(row);
  const id = object && guidOf(field(object, "id", "taskid", "guid"));
  const name = object && field(object, "name", "taskname", "title");
  const taskId = id === undefined ? undefined : parseTaskId(id);
  if (taskId === undefined || typeof name !== "string" || name.trim() === "") return undefined;
  return { id: taskId, name };
}

/** One task by its ID; `undefined` where the body holds no such task. */
export function taskDetailsOf(body: unknown, id: TaskId): TaskDetails | undefined {
  const { data } = openEnvelope(body);
  const single = Array.isArray(data) && data.length === 1 ? data[0] : data;
  const held = asObject(single);
  const object = held && (asObject(field(held, "task")) ?? held);
  if (object === undefined) return undefined;
  const ownId = field(object, "id", "taskid", "guid");
  const name = field(object, "name", "taskname", "title");
  if (typeof name !== "string" || name.trim() === "") return undefined;
  if (ownId !== undefined && guidOf(ownId) !== id) return undefined;
  return {
    id,
    name,
    enabled: booleanOf(field(object, "isactive", "active", "isenabled", "enabled")),
    testMode: booleanOf(field(object, "testmode", "istestmode")),
  };
}

/** A task's report row with its IDs read; `undefined` where it has none. */
export function reportRowOf(row: unknown): SeenRow | undefined {
  const object = asObject(row);
  const own = object && guidOf(field(object, "id", "rowid", "taskreportid"));
  const published = object && guidOf(field(object, "reportid") ?? nestedId(object, "report"));
  const rowId = parseRowId(own ?? published ?? "");
  const reportId = parseReportId(published ?? own ?? "");
  if (object === undefined || rowId === undefined || reportId === undefined) return undefined;
  const name = field(object, "name", "reportname", "title");
  return { rowId, reportId, name: typeof name === "string" ? name : undefined, object };
}

/** A task's reports, from all of its rows. */
export function reportsOf(rows: readonly SeenRow[]): readonly TaskReport[] {
  const mappings = rowMappings(rows);
  return rows.map(({ rowId, reportId, name }, index) => ({ rowId, reportId, name, mappings: mappings[index] }));
}

function nestedId(object: Readonly<Record<string, unknown>>, name: string): unknown {
  const nested = asObject(field(object, name));
  return nested && field(nested, "id");
}

/** A task's active triggers; `undefined` where the body does not tell which are active. */
export function activeTriggersOf(rows: readonly unknown[]): NonNullable<MailSettings["activeTriggers"]> | undefined {
  const triggers = rows.map((row) => {
    const object = asObject(row) ?? {};
    const name = field(object, "name", "eventtype", "type", "id");
    const appId = field(object, "appid", "qlikappid");
    return {
      active: booleanOf(field(object, "isactive", "active", "isenabled", "enabled")),
      name: typeof name === "string" ? name : "(no name)",
      appId: typeof appId === "string" && appId !== "" ? (normalGuid(appId) ?? appId) : undefined,
    };
  });
  const active = triggers.filter((trigger) => trigger.active === true).map(({ name, appId }) => ({ name, appId }));
  return active.length === 0 && triggers.some((trigger) => trigger.active === undefined) ? undefined : active;
}

/** How many recipients a body holds: a list, or lists side by side (`users`, `groups`, …), or a number. */
export function recipientsOf(body: unknown): number | undefined {
  const rows = rowsOf(body);
  if (rows !== undefined) return rows.length;
  const object = asObject(openEnvelope(body).data);
  if (object === undefined) return undefined;
  const lists = Object.values(object).filter((value) => Array.isArray(value));
  if (lists.length > 0) return lists.reduce((sum, list) => sum + list.length, 0);
  const count = field(object, "count", "total", "totalcount");
  return typeof count === "number" && count >= 0 ? count : undefined;
}

/**
 * The ID of the new task in the answer to a duplicate: as text, in `data`, in an object. The source task's own is none; two
 * that differ are none.
 */
export function newTaskIdOf(body: JsonBody, sourceTaskId: TaskId): TaskId | undefined {
  const found = new Set<string>();
  const collect = (value: unknown, depth: number): void => {
    const guid = guidOf(value);
    if (guid !== undefined) found.add(guid);
    if (Array.isArray(value) && value.length === 1 && depth > 0) collect(value[0], depth - 1);
    const object = asObject(value);
    if (object === undefined || depth === 0) return;
    for (const name of ["newtaskid", "id", "taskid", "guid"]) collect(field(object, name), 0);
    for (const name of ["data", "task", "result", "value"]) collect(field(object, name), depth - 1);
  };
  if (body.kind === "json") collect(body.value, 3);
  if (body.kind === "text") collect(body.text, 0);
  found.delete(sourceTaskId);
  const [only, ...others] = found;
  return only === undefined || others.length > 0 ? undefined : parseTaskId(only);
}

/** Longer texts of a server are cut. */
const LONGEST_SERVER_TEXT = 300;

/**
 * What a server says about its answer, for people only: one line without control characters, at most 300 characters; `undefined`
 * where it says nothing. Never matched on.
 */
export function serverText(body: JsonBody, redact: (text: string) => string): string | undefined {
  const line = said(body, redact)
    .replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, " ")
    .replace(/\s+/g, " ")
    .trim();
  if (line === "") return undefined;
  return line.length <= LONGEST_SERVER_TEXT ? line : `${[...line].slice(0, LONGEST_SERVER_TEXT - 1).join("")}…`;
}

function said(body: JsonBody, redact: (text: string) => string): string {
  switch (body.kind) {
    case "json":
      return saidIn(body.value, redact);
    case "text":
      return redact(body.text);
    case "html":
      return redact(body.title ?? "");
    case "empty":
      return "";
    default:
      return body satisfies never;
  }
}

const TEXT_NAMES = ["error", "errordetails", "message", "title", "detail", "errors", "status", "description", "reason"];

function saidIn(value: unknown, redact: (text: string) => string): string {
  const object = asObject(value);
  if (object === undefined) return flat(value, redact, 3);
  const parts = TEXT_NAMES.map((name) => flat(field(object, name), redact, 3)).filter((part) => part !== "");
  return [...new Set(parts)].join(": ");
}

/** A JSON value as flowing text: only what a person can read, and only so deep and so much of it. */
function flat(value: unknown, redact: (text: string) => string, depth: number): string {
  if (typeof value === "string") return redact(trimAround(value)).slice(0, 2000);
  if (typeof value === "number") return String(value);
  if (depth === 0 || typeof value !== "object" || value === null) return "";
  const parts = Array.isArray(value)
    ? value.slice(0, 20).map((item) => flat(item, redact, depth - 1))
    : Object.entries(value)
        .slice(0, 20)
        .map(([key, item]) => labelled(redact(key), flat(item, redact, depth - 1)));
  return parts.filter((part) => part !== "").join(", ");
}

function labelled(key: string, text: string): string {
  if (text === "" || /^(?:message|text|description|detail|title)$/i.test(key)) return text;
  return `${key.slice(0, 100)}: ${text}`;
}

function guidOf(value: unknown): string | undefined {
  return typeof value === "string" && value.length <= 100 ? normalGuid(trimAround(value)) : undefined;
}

function booleanOf(value: unknown): boolean | undefined {
  if (typeof value === "boolean") return value;
  if (value === "true" || value === 1) return true;
  return value === "false" || value === 0 ? false : undefined;
}
