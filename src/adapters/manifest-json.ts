import { trimAround } from "../domain/ids.js";
import { quote } from "../domain/quotation.js";
import type { RawManifest, SharedText, SharedTexts } from "../domain/raw-manifest.js";
import { type JsonNotes, type JsonObject, readJsonObject, textOf, wrongKind } from "./json-object.js";
import { type JsonNode, lineFinder, readJsonText } from "./json-text.js";
import { JsonRows } from "./manifest-json-rows.js";

/** A JSON manifest as rows of text. Never throws: what is wrong with the file is among the faults. */
export function readJsonManifest(text: string, file: string): RawManifest {
  const notes: JsonNotes = { file, lineOf: lineFinder(text), faults: [], warnings: [] };
  const reading = readJsonText(text);
  if (reading.kind === "fault") return notReadable({ ...notes, faults: [syntaxFault(reading, notes)] });
  const { root } = reading;
  if (root.kind === "array") return manifestOf(root.items, { path: "", shared: {} }, notes);
  if (root.kind !== "object") {
    const hint = "Write an array of objects, or one object with tenants.";
    const fault = wrongKind(root, { path: "", wanted: "an array or an object", hint }, notes);
    return notReadable({ ...notes, faults: [fault] });
  }
  return readTopLevel(readJsonObject(root, "", notes), notes);
}

function syntaxFault(fault: { readonly at: number; readonly message: string }, notes: JsonNotes) {
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

function notReadable(notes: JsonNotes): RawManifest {
  return {
    file: notes.file,
    format: "json",
    header: [],
    headerLine: 1,
    rows: [],
    shared: {},
    place: (row, column) => ({ line: row.line, column }),
    faults: notes.faults,
    warnings: notes.warnings,
  };
}

const TOP_LEVEL = ["sourceTaskId", "qlikAppId", "name", "reportids", "tenants", "$schema"];

function readTopLevel(root: JsonObject, notes: JsonNotes): RawManifest {
  for (const [meaning, { key, value }] of root.members)
    if (!TOP_LEVEL.includes(meaning))
      notes.warnings.push({
        code: "KEY_UNKNOWN",
        message: `The top level's key ${quote(key)} has no meaning there; it is not read.`,
        hint: "The top level may hold sourceTaskId, qlikAppId, reportIds, name and tenants.",
        file: notes.file,
        line: notes.lineOf(value.at).line,
        column: key,
      });
  const tenants = root.members.get("tenants");
  const shared = sharedTexts(root, notes);
  if (tenants?.value.kind === "array") return manifestOf(tenants.value.items, { path: tenants.key, shared }, notes);
  const hint = 'Write "tenants": [ { "tenant": "acme", "newQlikAppId": "GUID" } ].';
  if (tenants !== undefined)
    notes.faults.push(wrongKind(tenants.value, { path: tenants.key, wanted: "an array of tenants", hint }, notes));
  else
    notes.faults.push({
      code: "COLUMN_MISSING",
      message: "The manifest has no tenants: its top level lacks the key tenants.",
      hint,
      file: notes.file,
      line: notes.lineOf(root.at).line,
      column: "tenants",
    });
  return notReadable(notes);
}

function sharedTexts(root: JsonObject, notes: JsonNotes): SharedTexts {
  return {
    sourceTaskId: sharedText("sourceTaskId", root, notes),
    qlikAppId: sharedText("qlikAppId", root, notes),
    name: sharedText("name", root, notes),
    reportIds: sharedReports(root, notes),
  };
}

function sharedText(meaning: string, root: JsonObject, notes: JsonNotes): SharedText | undefined {
  const member = root.members.get(meaning);
  return member === undefined ? undefined : sharedAt(member.value, member.key, notes);
}

/** An empty value counts as not given. A faulty one counts as given: it is not also told as missing. */
function sharedAt(node: JsonNode, path: string, notes: JsonNotes): SharedText | undefined {
  const text = textOf(node, path, notes);
  if (text !== undefined && trimAround(text) === "") return undefined;
  return { text: text ?? "", line: notes.lineOf(node.at).line, column: path };
}

function sharedReports(root: JsonObject, notes: JsonNotes): readonly SharedText[] | undefined {
  const member = root.members.get("reportids");
  if (member === undefined || member.value.kind === "null") return undefined;
  if (member.value.kind === "array")
    return member.value.items.flatMap((item, index) => sharedAt(item, `${member.key}[${index}]`, notes) ?? []);
  const hint = 'Write "reportIds": [ "GUID" ].';
  notes.faults.push(wrongKind(member.value, { path: member.key, wanted: "an array of report IDs", hint }, notes));
  return undefined;
}

function manifestOf(
  entries: readonly JsonNode[],
  from: { readonly path: string; readonly shared: SharedTexts },
  notes: JsonNotes,
): RawManifest {
  const rows = new JsonRows(notes);
  for (const [index, entry] of entries.entries()) {
    const path = `${from.path}[${index}]`;
    if (entry.kind === "object") rows.addEntry(readJsonObject(entry, path, notes));
    else {
      const hint = 'Write { "tenant": "acme", "newQlikAppId": "GUID" }.';
      notes.faults.push(wrongKind(entry, { path, wanted: "an object", hint }, notes));
    }
  }
  const { header, rows: raw } = rows.finish();
  return {
    file: notes.file,
    format: "json",
    header,
    headerLine: 1,
    rows: raw,
    shared: from.shared,
    place: (row, column) => rows.place(row, column),
    faults: notes.faults,
    warnings: notes.warnings,
  };
}
