import type { Node } from "jsonc-parser";
import { decodeText } from "../files/read-file.js";
import { type AppId, parseAppId, trimAround } from "../shared/ids.js";
import { EXIT, StopError } from "../shared/problems.js";
import { listed, quote } from "../shared/text-safety.js";
import { normalHeader } from "./columns.js";
import { readCsvTable } from "./csv.js";
import { JsonText, membersOf } from "./json-text.js";
import { Findings } from "./manifest.js";

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

/** Where an app's ID may stand. Qlik Cloud's lists have an `id` that is no app's beside the app's own `resourceId`: so that comes first. */
const ID_KEYS = ["resourceid", "appid", "id"];
const NAME_KEYS = ["name", "appname", "title"];

/**
 * The apps of an `--apps` file: what `qlik app ls --json`, the QRS API or PowerShell's Export-Csv write. Each app once, in the
 * file's order. Throws a StopError (exit 2) with every fault: no text, no list, an entry without an app's ID.
 */
export function readAppsFile(bytes: Uint8Array, file: string): readonly ListedApp[] {
  const { text } = decodeText(bytes, { file });
  const findings = new Findings(file);
  const entries = /^\s*[[{]/.test(text) ? entriesOfJson(new JsonText(text, file)) : entriesOfCsv(text, findings);
  const apps = new Map<AppId, ListedApp>();
  for (const { line, values } of entries) {
    // Qlik Cloud lists all kinds of items.
    const type = values.get("resourcetype");
    if (type && type.toLowerCase() !== "app") continue;
    const texts = ID_KEYS.flatMap((key) => values.get(key) ?? []);
    const id = texts.map(parseAppId).find((one) => one !== undefined);
    const name = NAME_KEYS.map((key) => values.get(key)).find((one) => one) ?? "";
    if (id !== undefined) {
      if (!apps.has(id)) apps.set(id, { id, name });
      continue;
    }
    const [value] = texts;
    const has = value === undefined ? "no id" : `the id ${quote(value)}, which is no app's GUID`;
    const column = ID_KEYS.find((key) => values.has(key)) ?? "id";
    findings.fault("APPS_FILE_ID", `This entry of the list of apps has ${has}.`, { line, column, value });
  }
  if (apps.size === 0 && findings.faults.length === 0)
    findings.fault("APPS_FILE_EMPTY", `The list of apps ${file} holds no app.`, {});
  if (findings.faults.length > 0) throw new StopError(EXIT.usage, findings.faults);
  return [...apps.values()];
}

function entriesOfCsv(text: string, findings: Findings): readonly AppEntry[] {
  const table = readCsvTable(text, (header) => [...ID_KEYS, ...NAME_KEYS].includes(normalHeader(header)), findings);
  if (table.header.length === 0 || findings.faults.length > 0) return [];
  const keys = table.header.map(normalHeader);
  if (!keys.some((key) => ID_KEYS.includes(key))) {
    const message = `The list of apps has no column id; it has ${listed(table.header.map(quote))}.`;
    findings.fault("APPS_FILE_COLUMNS", message, { line: table.headerLine, column: "id" });
    return [];
  }
  return table.rows.map(({ line, cells }) => ({
    line,
    values: new Map(keys.map((key, position) => [key, trimAround(cells[position] ?? "")])),
  }));
}

function entriesOfJson(json: JsonText): readonly AppEntry[] {
  return listIn(json.root).map((node) => ({ line: json.lineOf(node), values: valuesOf(node, json) }));
}

/** The array itself, or the one under `data`; one object alone is one app (PowerShell writes a list of one so). */
function listIn(root: Node): readonly Node[] {
  if (root.type === "array") return root.children ?? [];
  if (root.type !== "object") return [];
  const data = membersOf(root).find(([key]) => normalHeader(key) === "data");
  return data === undefined ? [root] : listIn(data[1]);
}

/** An entry's own texts, and those of its `attributes`, where some of Qlik's lists keep them. */
function valuesOf(node: Node, json: JsonText): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const [key, value] of node.type === "object" ? membersOf(node) : []) {
    const folded = normalHeader(key);
    const text = json.textOf(value);
    if (folded === "attributes")
      for (const [inner, one] of valuesOf(value, json)) values.set(inner, values.get(inner) ?? one);
    else if (text !== undefined && value.type !== "null") values.set(folded, trimAround(text));
  }
  return values;
}
