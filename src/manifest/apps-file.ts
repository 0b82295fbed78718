import { decodeText } from "../files/read-file.js";
import { type AppId, parseAppId, trimAround } from "../shared/ids.js";
import { EXIT, type Problem, StopError } from "../shared/problems.js";
import { keptValue, listed, quote } from "../shared/quotation.js";
import { normalHeader } from "./columns.js";
import { readCsvTable } from "./csv-table.js";
import { type JsonNode, readJsonText } from "./json-text.js";

/** An app of a list made by Qlik's tools. `name` is empty where the list has none. */
export interface ListedApp {
  readonly id: AppId;
  readonly name: string;
}

/** One entry of the list as text: folded key → text. */
interface AppEntry {
  readonly line: number;
  readonly values: ReadonlyMap<string, string>;
}

interface AppEntries {
  readonly entries: readonly AppEntry[];
  readonly faults: readonly Problem[];
}

/** Where an app's ID may stand. Qlik Cloud's lists have an `id` that is no app's beside the app's own `resourceId`: so that comes first. */
const ID_KEYS = ["resourceid", "appid", "id"];
const NAME_KEYS = ["name", "appname", "title"];

/**
 * The apps of an `--apps` file: what `qlik app ls --json`, the QRS API or PowerShell's Export-Csv write. Each app once, in the
 * file's order. Throws a StopError (exit 2) with every fault: no text, no list, an entry without an app's ID.
 */
export function readAppsFile(bytes: Uint8Array, file: string): readonly ListedApp[] {
  const { text } = decodeText(bytes, { file });
  const { entries, faults } = /^\s*[[{]/.test(text) ? entriesOfJson(text, file) : entriesOfCsv(text, file);
  const problems = [...faults];
  const apps = new Map<AppId, ListedApp>();
  for (const entry of entries.filter(isApp)) {
    const id = idOf(entry);
    if (id === undefined) problems.push(noAppId(entry, file));
    else if (!apps.has(id)) apps.set(id, { id, name: firstText(entry, NAME_KEYS) ?? "" });
  }
  if (apps.size === 0 && problems.length === 0) problems.push(noApps(file));
  if (problems.length > 0) throw new StopError(EXIT.usage, problems);
  return [...apps.values()];
}

/** Qlik Cloud lists all kinds of items, each with its `resourceType`. */
function isApp(entry: AppEntry): boolean {
  const type = entry.values.get("resourcetype");
  return type === undefined || type === "" || type.toLowerCase() === "app";
}

function idOf(entry: AppEntry): AppId | undefined {
  for (const key of ID_KEYS) {
    const id = parseAppId(entry.values.get(key) ?? "");
    if (id !== undefined) return id;
  }
  return undefined;
}

function firstText(entry: AppEntry, keys: readonly string[]): string | undefined {
  return keys.map((key) => entry.values.get(key)).find((text) => text !== undefined && text !== "");
}

function noAppId(entry: AppEntry, file: string): Problem {
  const key = ID_KEYS.find((one) => entry.values.has(one));
  const value = key === undefined ? undefined : entry.values.get(key);
  return {
    code: "APPS_FILE_ID",
    message:
      value === undefined
        ? "This entry of the list of apps has no id."
        : `This entry of the list of apps has the id ${quote(value)}, which is no app's GUID.`,
    hint: "Make the list by: qlik app ls --json > apps.json",
    file,
    line: entry.line,
    column: key ?? "id",
    value: value === undefined ? undefined : keptValue(value),
  };
}

function noApps(file: string): Problem {
  return {
    code: "APPS_FILE_EMPTY",
    message: `The list of apps ${file} holds no app.`,
    hint: "Make the list by: qlik app ls --json > apps.json",
    file,
  };
}

function entriesOfCsv(text: string, file: string): AppEntries {
  const isKnown = (header: string) => [...ID_KEYS, ...NAME_KEYS].includes(normalHeader(header));
  const table = readCsvTable(text, file, isKnown);
  const keys = table.header.map(normalHeader);
  if (table.header.length === 0 || table.faults.length > 0) return { entries: [], faults: table.faults };
  if (!keys.some((key) => ID_KEYS.includes(key))) return { entries: [], faults: [noIdColumn(table, file)] };
  const entries = table.rows.map(({ line, cells }) => ({
    line,
    values: new Map(keys.map((key, position) => [key, trimAround(cells[position] ?? "")])),
  }));
  return { entries, faults: [] };
}

function noIdColumn(table: { readonly header: readonly string[]; readonly headerLine: number }, file: string): Problem {
  return {
    code: "APPS_FILE_COLUMNS",
    message: `The list of apps has no column id; it has ${listed(table.header.map(quote))}.`,
    hint: "It needs the columns id and name (or resourceId, appId; appName).",
    file,
    line: table.headerLine,
    column: "id",
  };
}

function entriesOfJson(text: string, file: string): AppEntries {
  const reading = readJsonText(text);
  if (reading.kind === "fault") {
    const { line, column } = reading;
    const message = `${file} is not valid JSON: line ${line}, column ${column}: ${reading.message}.`;
    const hint = "Make the list by: qlik app ls --json > apps.json";
    return { entries: [], faults: [{ code: "JSON_SYNTAX", message, hint, file, line, column: String(column) }] };
  }
  const list = listIn(reading.root);
  return { entries: list.map((node) => ({ line: node.line, values: valuesOf(node) })), faults: [] };
}

/** The array itself, or the one under `data`; one object alone is one app (PowerShell writes a list of one so). */
function listIn(root: JsonNode): readonly JsonNode[] {
  if (root.kind === "array") return root.items;
  if (root.kind !== "object") return [];
  const data = root.members.find((member) => normalHeader(member.key) === "data")?.value;
  return data === undefined ? [root] : listIn(data);
}

/** An entry's own texts, and those of its `attributes`, where some of Qlik's lists keep them. */
function valuesOf(node: JsonNode): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  if (node.kind !== "object") return values;
  for (const { key, value } of node.members) {
    const folded = normalHeader(key);
    if (folded === "attributes")
      for (const [inner, text] of valuesOf(value)) values.set(inner, values.get(inner) ?? text);
    else if ("text" in value && value.kind !== "null") values.set(folded, trimAround(value.text));
  }
  return values;
}
