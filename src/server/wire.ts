import {
  normalGuid,
  parseAppId,
  parseReportId,
  parseRowId,
  parseTaskId,
  type ReportId,
  type RowId,
  type TaskId,
  trimAround,
} from "../shared/ids.js";
import type { AppSwap, ListedTask, MailSettings, TaskReport } from "../shared/tasks.js";
import { cutText, LONGEST_MESSAGE, listedName } from "../shared/text-limits.js";
import type { CreateRequest, PatchRequest, TaskDetails } from "./ports.js";

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

/** A body as JSON, or what else it is: its text, or the title of a web page. */
export type JsonBody =
  | { readonly kind: "json"; readonly value: unknown }
  | { readonly kind: "empty" | "text" | "html"; readonly text: string };

/** How much of a body is looked at to tell what it is. */
const LOOKED_AT = 1024;
/** Texts are for people: more than this is not kept. */
const LONGEST_TEXT = 4096;
const HTML_TYPE = /^\s*(?:text\/html|application\/xhtml\+xml)\b/i;
const HTML_START =
  /^(?:<\?xml[^>]{0,200}>\s*)?(?:<!--[^>]{0,500}>\s*)?<(?:!doctype|html|head|body|meta|script|title)\b/i;

/** Tells what a body is: JSON wins over its content type, HTML is known by its content type or by looking. */
export function parseBody(body: Buffer, contentType: string): JsonBody {
  const start = body.toString("utf8", 0, LOOKED_AT).replace(/^[\s\ufeff]+/, "");
  if (start === "" && body.length <= LOOKED_AT) return { kind: "empty", text: "" };
  const isMarkup = start.startsWith("<");
  const json = isMarkup ? undefined : parseJson(body.toString("utf8"));
  if (json !== undefined) return { kind: "json", value: json.value };
  const hasHtmlType = HTML_TYPE.test(contentType);
  // One word, such as an ID, is text whatever its type says.
  const isHtml = isMarkup ? hasHtmlType || HTML_START.test(start) : hasHtmlType && !/^[\w{}()-]+\s*$/.test(start);
  const text = body.toString("utf8", 0, LONGEST_TEXT);
  if (!isHtml) return { kind: "text", text };
  return { kind: "html", text: /<title[^>]{0,100}>([^<]{1,200})/i.exec(text)?.[1]?.trim() ?? "" };
}

/** Parses JSON text; `undefined` where it is none. */
function parseJson(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text.replace(/^\ufeff/, "")) };
  } catch {
    return undefined;
  }
}

type JsonObject = Readonly<Record<string, unknown>>;

function asObject(value: unknown): JsonObject | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
}

/**
 * One field of an object, whatever its casing, `_` and `-`. `names` are tried in turn, each spelled in lower case letters only;
 * `undefined` where there is none, or no object.
 */
function field(object: JsonObject | undefined, ...names: readonly string[]): unknown {
  if (object === undefined) return undefined;
  for (const name of names) {
    if (Object.hasOwn(object, name)) return object[name];
    const key = keysOf(object).get(name);
    if (key !== undefined) return object[key];
  }
  return undefined;
}

let lastKeys: { readonly object?: JsonObject; readonly keys: ReadonlyMap<string, string> } = { keys: new Map() };

/** Longer than any name with `_` and `-` between its words. */
const LONGEST_KEY = 64;

/** The first key of each folded name. Kept for the last object: it is asked for many names in turn, and may have a million keys. */
function keysOf(object: JsonObject): ReadonlyMap<string, string> {
  if (lastKeys.object === object) return lastKeys.keys;
  const keys = new Map<string, string>();
  for (const key of Object.keys(object)) {
    const name = key.length > LONGEST_KEY ? undefined : folded(key);
    if (name !== undefined && !keys.has(name)) keys.set(name, key);
  }
  lastKeys = { object, keys };
  return keys;
}

function folded(key: string): string {
  return key.toLowerCase().replace(/[_-]/g, "");
}

function guidOf(value: unknown): string | undefined {
  return typeof value === "string" && value.length <= 100 ? normalGuid(trimAround(value)) : undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value.trim() !== "" ? value : undefined;
}

function booleanOf(value: unknown): boolean | undefined {
  if (value === true || value === "true" || value === 1) return true;
  return value === false || value === "false" || value === 0 ? false : undefined;
}

/**
 * An answer's body without what is wrapped around it. `success`: `isSuccess` as the server says it, `undefined` where it does not.
 * `enveloped`: the body has the API's own envelope.
 */
export function openEnvelope(value: unknown): { success: boolean | undefined; data: unknown; enveloped: boolean } {
  const object = asObject(value) ?? {};
  const flag = field(object, "issuccess");
  const data = field(object, "data");
  return {
    success: typeof flag === "number" ? undefined : booleanOf(flag),
    data: data === undefined ? value : data,
    enveloped: flag !== undefined || (data !== undefined && asObject(field(object, "status")) !== undefined),
  };
}

/** Where lists are found in an object that stands around them. */
const LIST_NAMES = "items tasks results value rows records list reports triggers recipients".split(" ");

/** The rows of a list: an array, or an object that holds one; `undefined` where the body holds no list. */
export function rowsOf(body: unknown): readonly unknown[] | undefined {
  const { data } = openEnvelope(body);
  const held = Array.isArray(data) ? data : field(asObject(data), ...LIST_NAMES);
  return Array.isArray(held) ? held : undefined;
}

/** How a body names the number of all rows, of this answer and of others. `count` often is this answer's own: never too large. */
const TOTAL_NAMES = [
  ..."total totalcount totalitems totalrecords totalelements totalresults totalrows totaltasks totalreports".split(" "),
  ..."recordstotal itemcount count @odata.count".split(" "),
];
/** Objects beside the rows, where the total may stand. */
const PAGING_NAMES = "pagination paging pageinfo page metadata meta".split(" ");

/** The largest total that the envelope of a list names, or the object around its rows; 0 where none is named. */
export function totalNamed(body: unknown): number {
  const around = [asObject(body), asObject(openEnvelope(body).data)];
  const beside = around.flatMap((object) => PAGING_NAMES.map((name) => asObject(field(object, name))));
  const totals = [...around, ...beside].flatMap((object) => TOTAL_NAMES.map((name) => countOf(field(object, name))));
  return Math.max(0, ...totals);
}

function countOf(value: unknown): number {
  const count = typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : value;
  return typeof count === "number" && Number.isSafeInteger(count) ? count : 0;
}

const ID_NAMES = ["id", "taskid", "guid"];
const NAME_NAMES = ["name", "taskname", "title"];
const ENABLED_NAMES = ["isactive", "active", "isenabled", "enabled"];

function nameOf(task: JsonObject | undefined): string | undefined {
  const name = textOf(field(task, ...NAME_NAMES));
  return name === undefined ? undefined : listedName(name);
}

/** One task of a list; `undefined` where it has no ID or no name that can be read. */
export function taskOf(row: unknown): ListedTask | undefined {
  const object = asObject(row);
  const id = parseTaskId(guidOf(field(object, ...ID_NAMES)) ?? "");
  const name = nameOf(object);
  return id === undefined || name === undefined ? undefined : { id, name };
}

/** One task by its ID; `undefined` where the body holds no such task. */
export function taskDetailsOf(body: unknown, id: TaskId): TaskDetails | undefined {
  const { data } = openEnvelope(body);
  const held = asObject(Array.isArray(data) && data.length === 1 ? data[0] : data);
  const object = asObject(field(held, "task")) ?? held;
  const ownId = field(object, ...ID_NAMES);
  const name = nameOf(object);
  if (name === undefined || (ownId !== undefined && guidOf(ownId) !== id)) return undefined;
  const testMode = booleanOf(field(object, "testmode", "istestmode"));
  return { id, name, enabled: booleanOf(field(object, ...ENABLED_NAMES)), testMode };
}

/** A report row whose IDs are read, and the object that it came in. */
export interface SeenRow {
  readonly rowId: RowId;
  readonly reportId: ReportId;
  readonly name: string | undefined;
  readonly object: JsonObject;
}

/** A task's report row with its IDs read; `undefined` where it has none. */
export function reportRowOf(row: unknown): SeenRow | undefined {
  const object = asObject(row);
  const own = guidOf(field(object, "id", "rowid", "taskreportid"));
  const published = guidOf(field(object, "reportid") ?? field(asObject(field(object, "report")), "id"));
  const rowId = parseRowId(own ?? published ?? "");
  const reportId = parseReportId(published ?? own ?? "");
  if (object === undefined || rowId === undefined || reportId === undefined) return undefined;
  const name = field(object, "name", "reportname", "title");
  return { rowId, reportId, name: typeof name === "string" ? cutText(name) : undefined, object };
}

const MAPPING_NAMES = ["overwritereportapps", "overwriteapps", "reportapps", "appmappings", "qlikapps"];

/**
 * A task's reports, from all of its rows; their mappings are `undefined` where the server does not show them. `null` is not shown,
 * for a list that leaves them out looks so, unless another row of the same answer shows some: then it means none.
 */
export function reportsOf(rows: readonly SeenRow[]): readonly TaskReport[] {
  const shown = rows.map((row) => {
    const value = field(row.object, ...MAPPING_NAMES);
    return { row, isNull: value === null, swaps: swapsIn(value, row) };
  });
  const showsSome = shown.some(({ swaps }) => swaps !== undefined && swaps.length > 0);
  return shown.map(({ row: { rowId, reportId, name }, isNull, swaps }) => {
    return { rowId, reportId, name, mappings: isNull && showsSome ? [] : swaps };
  });
}

type Swaps = readonly AppSwap[] | undefined;

/** Lists in lists, or in text: what is nested deeper is no set of swaps. */
const DEEPEST_SWAPS = 8;

/** All that is read from several entries; where one cannot be read, nothing can be said of the set. */
function joined(entries: readonly Swaps[]): Swaps {
  return entries.some((entry) => entry === undefined) ? undefined : entries.flatMap((entry) => entry ?? []);
}

/**
 * A list of entries, as it is or as JSON text; one is a report's, with its swaps (none of them counts where it is another report's than
 * `row`), or one swap with its two fields, or an object that maps apps by their IDs.
 */
function swapsIn(value: unknown, row?: SeenRow, depth = DEEPEST_SWAPS): Swaps {
  if (depth === 0) return undefined;
  if (Array.isArray(value)) return joined(value.map((item) => swapsIn(item, row, depth - 1)));
  const inText = typeof value === "string" ? parseJson(value)?.value : undefined;
  if (typeof inText === "object") return swapsIn(inText, row, depth - 1);
  const object = asObject(value);
  if (object === undefined) return undefined;
  const reportId = row && field(object, "reportid", "taskreportid");
  if (typeof reportId === "string" && ![row?.rowId, row?.reportId].some((id) => id === normalGuid(reportId))) return [];
  const inner = row && field(object, "qlikapps", "apps", "mappings");
  if (inner !== undefined) return inner === null ? [] : swapsIn(inner, undefined, depth - 1);
  const target = field(object, "newqlikappid", "newappid", "targetappid");
  const source = field(object, "qlikappid", "appid", "sourceappid");
  const entries = target === undefined ? Object.entries(object) : [[source, target]];
  if (entries.length === 0) return undefined;
  return joined(
    entries.map(([oldId, newId]) => {
      const qlikAppId = typeof oldId === "string" ? parseAppId(oldId) : undefined;
      const newQlikAppId = typeof newId === "string" ? parseAppId(newId) : undefined;
      return qlikAppId === undefined || newQlikAppId === undefined ? undefined : [{ qlikAppId, newQlikAppId }];
    }),
  );
}

/** A task's active triggers; `undefined` where the body does not tell which are active. */
export function activeTriggersOf(rows: readonly unknown[]): NonNullable<MailSettings["activeTriggers"]> | undefined {
  const objects = rows.map((row) => asObject(row) ?? {});
  const states = objects.map((object) => booleanOf(field(object, ...ENABLED_NAMES)));
  const active = objects.filter((_, index) => states[index] === true);
  if (active.length === 0 && states.includes(undefined)) return undefined;
  return active.map((object) => {
    const name = field(object, "name", "eventtype", "type", "id");
    const appId = field(object, "appid", "qlikappid");
    return {
      name: typeof name === "string" ? cutText(name) : "(no name)",
      appId: typeof appId === "string" && appId !== "" ? (normalGuid(appId) ?? cutText(appId)) : undefined,
    };
  });
}

/** How many recipients a body holds: a list, or lists side by side (`users`, `groups`, …), or a number. */
export function recipientsOf(body: unknown): number | undefined {
  const rows = rowsOf(body);
  if (rows !== undefined) return rows.length;
  const object = asObject(openEnvelope(body).data);
  const lists = Object.values(object ?? {}).filter((value) => Array.isArray(value));
  if (lists.length > 0) return lists.flat().length;
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
    if (depth === 0) return;
    if (Array.isArray(value) && value.length === 1) collect(value[0], depth - 1);
    const object = asObject(value);
    for (const name of ["newtaskid", ...ID_NAMES]) collect(field(object, name), 0);
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
const TEXT_NAMES = [
  "error",
  "errordetails",
  "message",
  "title",
  "detail",
  "errors",
  "modelstate",
  "status",
  "description",
  "reason",
];

/**
 * What a server says about its answer, for people only: one line without control characters, at most 300 characters; `undefined`
 * where it says nothing. Never matched on.
 */
export function serverText(body: JsonBody, redact: (text: string) => string): string | undefined {
  // Cut when the key is out of it: of a key that is cut a part would be left.
  const line = redact(body.kind === "json" ? saidIn(body.value) : body.text)
    .slice(0, LONGEST_MESSAGE)
    .replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, " ")
    .replace(/\s+/g, " ")
    .trim();
  if (line === "") return undefined;
  return line.length <= LONGEST_SERVER_TEXT ? line : `${[...line].slice(0, LONGEST_SERVER_TEXT - 1).join("")}…`;
}

function saidIn(value: unknown): string {
  const object = asObject(value);
  if (object === undefined) return flat(value, 3);
  const parts = TEXT_NAMES.map((name) => flat(field(object, name), 3)).filter((part) => part !== "");
  return [...new Set(parts)].join(": ");
}

/** A JSON value as flowing text: only what a person can read, and only so deep and so much of it. */
function flat(value: unknown, depth: number): string {
  // Whole: of a key that is cut a part would be left.
  if (typeof value === "string") return trimAround(value);
  if (typeof value === "number") return String(value);
  if (depth === 0 || typeof value !== "object" || value === null) return "";
  const parts = Object.entries(value)
    .slice(0, 20)
    .map(([key, item]) => {
      const text = flat(item, depth - 1);
      const needsNoLabel = Array.isArray(value) || /^(?:message|text|description|detail|title)$/i.test(key);
      return needsNoLabel || text === "" ? text : `${key}: ${text}`;
    });
  return parts.filter((part) => part !== "").join(", ");
}
