import type { Node } from "jsonc-parser";
import { decodeText } from "../files/read-file.js";
import {
  type AppId,
  addTo,
  foldTenantKey,
  parseAppId,
  type TaskId,
  type TenantKey,
  trimAround,
} from "../shared/ids.js";
import { EXIT, StopError } from "../shared/problems.js";
import { csvLine, disarmFormula, rearmFormula } from "../shared/quoting.js";
import { mapInSteps, type Steps } from "../shared/steps.js";
import { excessOf, excessOfName } from "../shared/text-limits.js";
import { firstUnfit, listed, quote, withoutUnseen } from "../shared/text-safety.js";
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
const TYPE_KEY = "resourcetype";
const READ_KEYS = new Set([...ID_KEYS, ...NAME_KEYS, TYPE_KEY]);

/**
 * The apps of an `--apps` file: what `qlik app ls --json`, the QRS API or PowerShell's Export-Csv write. Each app once, in the
 * file's order. Throws a StopError (exit 2) with every fault: no text, no list, an entry without an app's ID.
 */
export function* readAppsFile(bytes: Uint8Array, file: string): Steps<readonly ListedApp[]> {
  const { text } = decodeText(bytes, { file });
  const findings = new Findings(file);
  const entries = /^\s*[[{]/.test(text)
    ? yield* entriesOfJson(yield* JsonText.read(text, findings))
    : yield* entriesOfCsv(text, findings);
  const apps = new Map<AppId, ListedApp>();
  for (const { line, values } of entries) {
    // Qlik Cloud lists all kinds of items.
    const type = values.get(TYPE_KEY);
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

function* entriesOfCsv(text: string, findings: Findings): Steps<readonly AppEntry[]> {
  const table = yield* readCsvTable(
    text,
    (header) => [...ID_KEYS, ...NAME_KEYS].includes(normalHeader(header)),
    findings,
  );
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

function entriesOfJson(json: JsonText): Steps<readonly AppEntry[]> {
  return mapInSteps(listIn(json.root), (node) => ({ line: json.lineOf(node), values: valuesOf(node, json) }));
}

/** The array itself, or the one under `data`; one object alone is one app (PowerShell writes a list of one so). */
function listIn(root: Node): readonly Node[] {
  if (root.type === "array") return root.children ?? [];
  if (root.type !== "object") return [];
  const data = membersOf(root).find(([key]) => normalHeader(key) === "data");
  return data === undefined ? [root] : listIn(data[1]);
}

/** An entry's own texts that are read, and those of its `attributes`, where some of Qlik's lists keep them. */
function valuesOf(node: Node, json: JsonText): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const [key, value] of node.type === "object" ? membersOf(node) : []) {
    const folded = normalHeader(key);
    const text = json.textOf(value);
    if (folded === "attributes")
      for (const [inner, one] of valuesOf(value, json)) values.set(inner, values.get(inner) ?? one);
    else if (READ_KEYS.has(folded) && text !== undefined && value.type !== "null") values.set(folded, trimAround(text));
  }
  return values;
}

/** A first manifest, before it is written. */
export interface ManifestDraft {
  readonly sourceTaskId: TaskId;
  /** `undefined`: `sync` needs `--master-app`. */
  readonly masterApp: AppId | undefined;
  readonly tenants: ReturnType<typeof draftTenants>["tenants"];
}

const PLACEHOLDER = "{tenant}";

/**
 * Makes a tenant of each app whose name fits the pattern; without one, the whole name is the tenant's key. `unfit`: apps whose name does
 * not; `leftMasterOut`: the list holds the master app, which is no tenant's; `twice`: tenants that several apps give.
 */
export function draftTenants(
  apps: readonly ListedApp[],
  { pattern = PLACEHOLDER, masterApp }: { readonly pattern: string | undefined; readonly masterApp: AppId | undefined },
) {
  const tenantIn = tenantReader(pattern);
  const others = apps.filter((app) => app.id !== masterApp);
  const tenants: { tenant: string; newQlikAppId: AppId }[] = [];
  const unfit: ListedApp[] = [];
  const appsOf = new Map<TenantKey, ListedApp[]>();
  for (const app of others) {
    const tenant = excessOf(app.name) === undefined ? tenantIn(app.name) : undefined;
    if (tenant === undefined || excessOfName(tenant) !== undefined || firstUnfit(tenant) !== undefined) {
      unfit.push(app);
      continue;
    }
    tenants.push({ tenant, newQlikAppId: app.id });
    addTo(appsOf, foldTenantKey(tenant), app);
  }
  const twice = new Map([...appsOf].filter(([, same]) => same.length > 1));
  return { tenants, unfit, leftMasterOut: others.length < apps.length, twice };
}

/**
 * Finds the tenant's key in an app's name by a pattern such as `Sales - {tenant}`: case does not matter, any blanks are as
 * good as others, marks that nobody sees are left out; `undefined` where the name does not fit, or nothing is left for the key.
 */
export function tenantReader(pattern: string): (name: string) => string | undefined {
  const [before = "", ...rest] = withoutUnseen(pattern).split(PLACEHOLDER);
  const fits = new RegExp(`^ ?${literal(before)}(.*)${literal(rest.join(PLACEHOLDER))} ?$`, "isu");
  return (name) => trimAround(fits.exec(withoutUnseen(name).replace(/\s+/g, " "))?.[1] ?? "") || undefined;
}

function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&").replace(/\s+/g, " ");
}

/** A first manifest as a table: the tenants' keys read back exactly as they are. */
export function draftRows({ sourceTaskId, masterApp, tenants }: ManifestDraft): readonly (readonly string[])[] {
  const rows = [
    ["tenant", "newQlikAppId", masterApp && "qlikAppId", "sourceTaskId"],
    ...tenants.map(({ tenant, newQlikAppId }) => {
      // A key that the reader would take a mark from gets one more.
      const key = rearmFormula(tenant) === tenant ? tenant : disarmFormula(tenant);
      return [key, newQlikAppId, masterApp, sourceTaskId];
    }),
  ];
  return rows.map((cells) => cells.flatMap((text) => text ?? []));
}

/** A first manifest as CSV: byte order mark and CRLF, so that Excel opens it right. */
export function draftAsCsv(draft: ManifestDraft): string {
  return `\ufeff${draftRows(draft)
    .map((cells) => csvLine(cells))
    .join("")}`;
}

/** A first manifest as JSON: what the tenants share on top, and each tenant on a line. */
export function draftAsJson({ sourceTaskId, masterApp, tenants }: ManifestDraft): string {
  const shared = JSON.stringify(
    { $schema: "./manifest.schema.json", sourceTaskId, qlikAppId: masterApp },
    undefined,
    2,
  );
  const rows = tenants.map(({ tenant, newQlikAppId }) => `    ${JSON.stringify({ tenant, newQlikAppId })}`);
  return `${shared.slice(0, -2)},\n  "tenants": [\n${rows.join(",\n")}\n  ]\n}\n`;
}
