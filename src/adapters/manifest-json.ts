import type { Problem } from "../domain/errors.js";
import { trimAround } from "../domain/ids.js";
import { quote } from "../domain/quotation.js";
import type { RawManifest, SharedText, SharedTexts } from "../domain/raw-manifest.js";
import { type JsonNotes, type JsonObject, meaningOf, readJsonObject, textOf, wrongKind } from "./json-object.js";
import { type ItemSink, type JsonFault, type JsonNode, lineFinder, readJsonText } from "./json-text.js";
import { JsonRows } from "./manifest-json-rows.js";

/** The tenants' rows, and what is wrong with them. */
interface Tenants {
  readonly rows: JsonRows;
  readonly notes: JsonNotes;
}

/** A JSON manifest as rows of text. Never throws: what is wrong with the file is among the faults. */
export function readJsonManifest(text: string, file: string): RawManifest {
  const notes: JsonNotes = { file, lineOf: lineFinder(text), meanings: new Map(), faults: [], warnings: [] };
  let tenants: Tenants | undefined;
  const collectTenants = (key: string | undefined): ItemSink | undefined => {
    if (key !== undefined && meaningOf(key) !== "tenants") return undefined;
    const own = { ...notes, faults: [], warnings: [] };
    const rows = new JsonRows(text, key ?? "", own);
    // Of two equal keys the last counts, as everywhere in JSON.
    tenants = { rows, notes: own };
    return (item, index) => rows.add(item, index);
  };
  const reading = readJsonText(text, collectTenants);
  if (reading.kind === "fault") return withoutTenants(notes, [syntaxFault(reading, notes)]);
  return manifestOf(reading.root, notes, () => tenants);
}

function manifestOf(root: JsonNode, notes: JsonNotes, collected: () => Tenants | undefined): RawManifest {
  if (root.kind === "array") return tenantsOf(collected(), {}, notes);
  if (root.kind !== "object") {
    const hint = "Write an array of objects, or one object with tenants.";
    return withoutTenants(notes, [wrongKind(root, { path: "", wanted: "an array or an object", hint }, notes)]);
  }
  const top = readJsonObject(root, "", notes);
  tellUnknownKeys(top, notes);
  const shared = sharedTexts(top, notes);
  const fault = tenantsFault(top, notes);
  if (fault !== undefined) return withoutTenants(notes, [...notes.faults, fault]);
  return tenantsOf(collected(), shared, notes);
}

function syntaxFault(fault: JsonFault, notes: JsonNotes): Problem {
  const { line, column } = notes.lineOf(fault.at);
  return {
    code: "JSON_SYNTAX",
    message: `${notes.file} is not valid JSON: line ${line}, column ${column}: ${fault.message}.`,
    hint: "Correct that place; JSON has no comments and no comma after the last entry.",
    file: notes.file,
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
        line: notes.lineOf(value.at).line,
        column: key,
      });
}

function tenantsFault(top: JsonObject, notes: JsonNotes): Problem | undefined {
  const member = top.members.get("tenants");
  const hint = 'Write "tenants": [ { "tenant": "acme", "newQlikAppId": "GUID" } ].';
  if (member === undefined)
    return {
      code: "COLUMN_MISSING",
      message: "The manifest has no tenants: its top level lacks the key tenants.",
      hint,
      file: notes.file,
      line: notes.lineOf(top.at).line,
      column: "tenants",
    };
  if (member.value.kind === "array") return undefined;
  return wrongKind(member.value, { path: member.key, wanted: "an array of tenants", hint }, notes);
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
  return { text: text ?? "", line: notes.lineOf(node.at).line, column: path };
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

function tenantsOf(tenants: Tenants | undefined, shared: SharedTexts, notes: JsonNotes): RawManifest {
  if (tenants === undefined) return withoutTenants(notes, notes.faults);
  return {
    file: notes.file,
    format: "json",
    ...tenants.rows.finish(),
    headerLine: 1,
    shared,
    place: (row, column) => tenants.rows.place(row, column),
    faults: [...notes.faults, ...tenants.notes.faults],
    warnings: [...notes.warnings, ...tenants.notes.warnings],
  };
}
