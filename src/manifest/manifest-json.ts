import { trimAround } from "../shared/ids.js";
import type { Problem } from "../shared/problems.js";
import { quote } from "../shared/quotation.js";
import { type JsonNotes, type JsonObject, readJsonObject, textOf, wrongKind } from "./json-object.js";
import { type JsonFault, type JsonMember, type JsonNode, readJsonText } from "./json-text.js";
import { JsonRows } from "./manifest-json-rows.js";
import type { RawManifest, SharedText, SharedTexts } from "./raw-manifest.js";

/** A JSON manifest as rows of text. Never throws: what is wrong with the file is among the faults. */
export function readJsonManifest(text: string, file: string): RawManifest {
  const notes: JsonNotes = { file, faults: [], warnings: [] };
  const reading = readJsonText(text);
  if (reading.kind === "fault") return withoutTenants(notes, [syntaxFault(reading, file)]);
  const { root } = reading;
  if (root.kind === "array") return tenantsOf(root.items, "", {}, notes);
  if (root.kind !== "object") {
    const hint = "Write an array of objects, or one object with tenants.";
    return withoutTenants(notes, [wrongKind(root, { path: "", wanted: "an array or an object", hint }, notes)]);
  }
  const top = readJsonObject(root, "", notes);
  tellUnknownKeys(top, notes);
  const shared = sharedTexts(top, notes);
  const tenants = top.members.get("tenants");
  if (tenants?.value.kind === "array") return tenantsOf(tenants.value.items, tenants.key, shared, notes);
  return withoutTenants(notes, [...notes.faults, tenantsFault(top, tenants, notes)]);
}

function syntaxFault({ line, column, message }: JsonFault, file: string): Problem {
  return {
    code: "JSON_SYNTAX",
    message: `${file} is not valid JSON: line ${line}, column ${column}: ${message}.`,
    hint: "Correct that place; JSON has no comments and no comma after the last entry.",
    file,
    line,
    column: String(column),
  };
}

function withoutTenants(notes: JsonNotes, faults: readonly Problem[]): RawManifest {
  return {
    file: notes.file,
    format: "json",
    header: [],
    headerLine: 1,
    rows: [],
    shared: {},
    place: (row, column) => ({ line: row.line, column }),
    faults,
    warnings: notes.warnings,
  };
}

const TOP_LEVEL = ["sourceTaskId", "qlikAppId", "name", "reportids", "tenants", "$schema"];

function tellUnknownKeys(top: JsonObject, notes: JsonNotes): void {
  for (const [meaning, { key, value }] of top.members)
    if (!TOP_LEVEL.includes(meaning))
      notes.warnings.push({
        code: "KEY_UNKNOWN",
        message: `The top level's key ${quote(key)} has no meaning there; it is not read.`,
        hint: "The top level may hold sourceTaskId, qlikAppId, reportIds, name and tenants.",
        file: notes.file,
        line: value.line,
        column: key,
      });
}

function tenantsFault(top: JsonObject, tenants: JsonMember | undefined, notes: JsonNotes): Problem {
  const hint = 'Write "tenants": [ { "tenant": "acme", "newQlikAppId": "GUID" } ].';
  if (tenants !== undefined)
    return wrongKind(tenants.value, { path: tenants.key, wanted: "an array of tenants", hint }, notes);
  return {
    code: "COLUMN_MISSING",
    message: "The manifest has no tenants: its top level lacks the key tenants.",
    hint,
    file: notes.file,
    line: top.line,
    column: "tenants",
  };
}

function sharedTexts(top: JsonObject, notes: JsonNotes): SharedTexts {
  const shared = (meaning: string) => {
    const member = top.members.get(meaning);
    return member === undefined ? undefined : sharedAt(member.value, member.key, notes);
  };
  return {
    sourceTaskId: shared("sourceTaskId"),
    qlikAppId: shared("qlikAppId"),
    name: shared("name"),
    reportIds: sharedReports(top, notes),
  };
}

/** An empty value counts as not given. A faulty one counts as given: it is not also told as missing. */
function sharedAt(node: JsonNode, path: string, notes: JsonNotes): SharedText | undefined {
  const text = textOf(node, path, notes);
  if (text !== undefined && trimAround(text) === "") return undefined;
  return { text: text ?? "", line: node.line, column: path };
}

function sharedReports(top: JsonObject, notes: JsonNotes): readonly SharedText[] | undefined {
  const member = top.members.get("reportids");
  if (member === undefined || member.value.kind === "null") return undefined;
  if (member.value.kind === "array")
    return member.value.items.flatMap((item, index) => sharedAt(item, `${member.key}[${index}]`, notes) ?? []);
  const hint = 'Write "reportIds": [ "GUID" ].';
  notes.faults.push(wrongKind(member.value, { path: member.key, wanted: "an array of report IDs", hint }, notes));
  return undefined;
}

/** `path`: what leads to the tenants; empty where they are the root. */
function tenantsOf(tenants: readonly JsonNode[], path: string, shared: SharedTexts, notes: JsonNotes): RawManifest {
  const rows = new JsonRows(path, notes);
  for (const [index, tenant] of tenants.entries()) rows.add(tenant, index);
  return {
    file: notes.file,
    format: "json",
    ...rows.finish(),
    headerLine: 1,
    shared,
    place: (row, column) => rows.place(row, column),
    faults: notes.faults,
    warnings: notes.warnings,
  };
}
