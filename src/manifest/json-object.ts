import type { Problem } from "../shared/problems.js";
import { keptValue, quote } from "../shared/quotation.js";
import { columnOf, type ManifestColumn, normalHeader } from "./columns.js";
import type { JsonMember, JsonNode } from "./json-text.js";

/** What a key means: a known column, else the key folded. */
export type KeyMeaning = ManifestColumn | string;

/** Where faults of one JSON file are told. */
export interface JsonNotes {
  readonly file: string;
  readonly faults: Problem[];
  readonly warnings: Problem[];
}

/** An object of a JSON manifest with its keys looked up, and the path that leads to it (empty for the root). */
export interface JsonObject {
  readonly line: number;
  readonly path: string;
  readonly members: ReadonlyMap<KeyMeaning, JsonMember>;
}

function meaningOf(key: string): KeyMeaning {
  const folded = normalHeader(key);
  return columnOf(folded) ?? folded;
}

export function pathTo(path: string, key: string): string {
  return path === "" ? key : `${path}.${key}`;
}

/** Looks an object's keys up. Two keys of one meaning are a fault, and so is one that comes twice: JSON would take the last. */
export function readJsonObject(
  node: Extract<JsonNode, { kind: "object" }>,
  path: string,
  notes: JsonNotes,
): JsonObject {
  const members = new Map<KeyMeaning, JsonMember>();
  for (const member of node.members) {
    const meaning = meaningOf(member.key);
    const other = members.get(meaning);
    members.set(meaning, member);
    if (other === undefined) continue;
    notes.faults.push({
      code: "COLUMN_TWICE",
      message:
        other.key === member.key
          ? `The key ${quote(member.key)} comes twice: which one counts cannot be told.`
          : `The keys ${quote(other.key)} and ${quote(member.key)} mean the same: which one counts cannot be told.`,
      hint: "Keep one of them, and rename or remove the other.",
      file: notes.file,
      line: member.value.line,
      column: pathTo(path, member.key),
    });
  }
  return { line: node.line, path, members };
}

/** The fault of a value that is of the wrong kind. */
export function wrongKind(
  node: JsonNode,
  at: { readonly path: string; readonly wanted: string; readonly hint: string },
  notes: JsonNotes,
): Problem {
  const shown = "text" in node ? quote(node.text).slice(1, -1) : `an ${node.kind}`;
  return {
    code: "WRONG_KIND",
    message: `${at.path || "The manifest"} is ${node.kind === "string" ? quote(node.text) : shown}; ${at.wanted} is expected.`,
    hint: at.hint,
    file: notes.file,
    line: node.line,
    column: at.path,
    value: "text" in node ? keptValue(node.text) : undefined,
  };
}

/** A value that must be text, or `undefined` where it is not (then its fault is told). `null` counts as empty. */
export function textOf(node: JsonNode, path: string, notes: JsonNotes): string | undefined {
  if (node.kind === "string") return node.text;
  if (node.kind === "null") return "";
  const hint =
    node.kind === "number" || node.kind === "boolean"
      ? `Put it in quotes: "${node.text}". Text stays text, so that 007 is not 7.`
      : "Write one text in quotes.";
  notes.faults.push(wrongKind(node, { path, wanted: "text in quotes", hint }, notes));
  return undefined;
}
