import { quote } from "../shared/quotation.js";
import { isManifestColumn, type ManifestColumn } from "./columns.js";
import {
  type JsonNotes,
  type JsonObject,
  type KeyMeaning,
  pathTo,
  readJsonObject,
  textOf,
  wrongKind,
} from "./json-object.js";
import type { JsonMember, JsonNode } from "./json-text.js";
import type { Place, RawManifest, RawRow } from "./raw-manifest.js";

/** The columns that one mapping of a tenant's `mappings` may hold. */
const MAPPING_COLUMNS: readonly KeyMeaning[] = ["reportId", "qlikAppId", "newQlikAppId"];

/** Where a row's values come from: a tenant's entry, and one of its mappings. */
interface RowObjects {
  readonly entry: JsonObject;
  readonly mapping: JsonObject | undefined;
}

interface Texts {
  readonly byMeaning: Map<KeyMeaning, string>;
  readonly spoiled: ManifestColumn[];
}

/** Collects the rows of a JSON manifest: one for each entry, or one for each mapping of an entry that has `mappings`. */
export class JsonRows {
  readonly #path: string;
  readonly #notes: JsonNotes;
  readonly #positions = new Map<KeyMeaning, number>();
  readonly #header: string[] = [];
  readonly #rows: RawRow[] = [];
  /** By each row's number. */
  readonly #origins: RowObjects[] = [];
  readonly #unknownTold = new Set<KeyMeaning>();

  /** `path`: what leads to the array of tenants; empty where it is the root. */
  constructor(path: string, notes: JsonNotes) {
    this.#path = path;
    this.#notes = notes;
  }

  /** Adds one item of the array of tenants. */
  add(item: JsonNode, index: number): void {
    const path = `${this.#path}[${index}]`;
    if (item.kind === "object") {
      this.#addEntry(readJsonObject(item, path, this.#notes));
      return;
    }
    const hint = 'Write { "tenant": "acme", "newQlikAppId": "GUID" }.';
    this.#notes.faults.push(wrongKind(item, { path, wanted: "an object", hint }, this.#notes));
  }

  #addEntry(entry: JsonObject): void {
    this.#refuseReportIds(entry);
    const texts = this.#textsOf(entry, (meaning) => meaning !== "mappings");
    const mappings = this.#mappingsOf(entry, texts);
    if (mappings.length === 0) this.#addRow({ entry, mapping: undefined }, texts);
    for (const [nth, mapping] of mappings.entries()) this.#addMapping({ entry, mapping }, texts, nth);
  }

  /** The rows, each with a cell for every key that any entry has. A tenant and its app have a column in any case. */
  finish(): Pick<RawManifest, "header" | "rows"> {
    for (const column of ["tenant", "newQlikAppId"]) this.#position(column, column);
    const rows = this.#rows.map((row) =>
      row.cells.length === this.#header.length
        ? row
        : { ...row, cells: this.#header.map((_, at) => row.cells[at] ?? "") },
    );
    return { header: this.#header, rows };
  }

  place({ line, origin = -1 }: RawRow, column: ManifestColumn): Place {
    const objects = this.#origins[origin];
    if (objects === undefined) return { line, column };
    const { entry, mapping } = objects;
    const isOfMapping =
      MAPPING_COLUMNS.includes(column) && (mapping?.members.has(column) || !entry.members.has(column));
    return placeIn(isOfMapping && mapping !== undefined ? mapping : entry, column);
  }

  #position(meaning: KeyMeaning, spelled: string): number {
    const known = this.#positions.get(meaning);
    if (known !== undefined) return known;
    this.#positions.set(meaning, this.#header.length);
    return this.#header.push(spelled) - 1;
  }

  #addMapping(objects: RowObjects & { readonly mapping: JsonObject }, entryTexts: Texts, nth: number): void {
    const own = this.#textsOf(objects.mapping, (meaning) => this.#isMappingKey(meaning, objects.mapping));
    this.#refuseOverridden(objects, { entryTexts, own });
    const texts = {
      byMeaning: new Map([...entryTexts.byMeaning, ...[...own.byMeaning].filter(([, text]) => text !== "")]),
      spoiled: [...entryTexts.spoiled.filter((column) => !own.byMeaning.has(column)), ...own.spoiled],
    };
    this.#addRow(objects, texts, nth);
  }

  #addRow(objects: RowObjects, texts: Texts, nth = 0): void {
    const { entry, mapping } = objects;
    const cells: string[] = [];
    for (const [meaning, text] of texts.byMeaning) {
      const member = mapping?.members.get(meaning) ?? entry.members.get(meaning);
      const position = this.#position(meaning, member?.key ?? meaning);
      while (cells.length < position) cells.push("");
      cells[position] = text;
    }
    this.#rows.push({
      line: (nth === 0 ? entry : (mapping ?? entry)).line,
      cells: cells.slice(),
      spoiled: texts.spoiled.length === 0 ? undefined : texts.spoiled,
      origin: this.#origins.push(objects) - 1,
    });
  }

  #textsOf(object: JsonObject, isWanted: (meaning: KeyMeaning) => boolean): Texts {
    const texts: Texts = { byMeaning: new Map(), spoiled: [] };
    for (const [meaning, member] of object.members) {
      if (!isWanted(meaning)) continue;
      const column = isManifestColumn(meaning) ? meaning : undefined;
      const text = column === undefined ? extraText(member) : this.#knownText(column, member, object);
      if (text !== undefined) texts.byMeaning.set(meaning, text);
      else if (column !== undefined) {
        texts.byMeaning.set(meaning, "");
        texts.spoiled.push(column);
      }
    }
    return texts;
  }

  #knownText(column: ManifestColumn, member: JsonMember, object: JsonObject): string | undefined {
    const { value } = member;
    if (column === "enabled" && (value.kind === "boolean" || value.kind === "number")) return value.text;
    return textOf(value, pathTo(object.path, member.key), this.#notes);
  }

  #mappingsOf(entry: JsonObject, texts: Texts): readonly JsonObject[] {
    const member = entry.members.get("mappings");
    if (member === undefined || member.value.kind === "null") return [];
    const path = pathTo(entry.path, member.key);
    const hint = 'Write "mappings": [ { "reportId": "GUID", "qlikAppId": "GUID", "newQlikAppId": "GUID" } ].';
    if (member.value.kind !== "array") {
      this.#notes.faults.push(wrongKind(member.value, { path, wanted: "an array of mappings", hint }, this.#notes));
      texts.spoiled.push("newQlikAppId");
      return [];
    }
    const mappings: JsonObject[] = [];
    for (const [index, item] of member.value.items.entries()) {
      const itemPath = `${path}[${index}]`;
      if (item.kind === "object") mappings.push(readJsonObject(item, itemPath, this.#notes));
      else this.#notes.faults.push(wrongKind(item, { path: itemPath, wanted: "an object", hint }, this.#notes));
    }
    if (mappings.length === 0 && member.value.items.length > 0) texts.spoiled.push("newQlikAppId");
    return mappings;
  }

  /** A key that a mapping does not have is told once: `report` for `reportId` would map every report. */
  #isMappingKey(meaning: KeyMeaning, mapping: JsonObject): boolean {
    if (MAPPING_COLUMNS.includes(meaning)) return true;
    const member = mapping.members.get(meaning);
    if (member !== undefined && !this.#unknownTold.has(meaning))
      this.#notes.warnings.push({
        code: "KEY_UNKNOWN",
        message: `The key ${quote(member.key)} has no meaning in a mapping; it is not read.`,
        hint: "A mapping may hold reportId, qlikAppId and newQlikAppId.",
        file: this.#notes.file,
        line: member.value.line,
        column: pathTo(mapping.path, member.key),
      });
    this.#unknownTold.add(meaning);
    return false;
  }

  /** A tenant's own `newQlikAppId` or `reportId` that one of its mappings says otherwise: which one is meant cannot be told. */
  #refuseOverridden(
    objects: RowObjects & { readonly mapping: JsonObject },
    texts: { readonly entryTexts: Texts; readonly own: Texts },
  ): void {
    for (const column of ["newQlikAppId", "reportId"] as const) {
      const flat = texts.entryTexts.byMeaning.get(column) ?? "";
      const mapped = texts.own.byMeaning.get(column) ?? "";
      const member = objects.mapping.members.get(column);
      if (flat === "" || mapped === "" || flat === mapped || member === undefined) continue;
      this.#notes.faults.push({
        code: "CONTRADICTION",
        message: `${pathTo(objects.mapping.path, member.key)} is ${quote(mapped)}, but ${pathTo(objects.entry.path, column)} is ${quote(flat)}.`,
        hint: `Give ${column} to the tenant or to its mappings, not to both.`,
        tenant: texts.entryTexts.byMeaning.get("tenant"),
        file: this.#notes.file,
        line: member.value.line,
        column: pathTo(objects.mapping.path, member.key),
        value: mapped,
      });
    }
  }

  #refuseReportIds(entry: JsonObject): void {
    const member = entry.members.get("reportids");
    if (member === undefined || member.value.kind === "null") return;
    this.#notes.faults.push({
      code: "KEY_MISPLACED",
      message: `${pathTo(entry.path, member.key)} is not read there: reportIds belongs to the manifest's top level.`,
      hint: 'Give a tenant its own reports by "mappings", one for each report.',
      file: this.#notes.file,
      line: member.value.line,
      column: pathTo(entry.path, member.key),
    });
  }
}

function placeIn(object: JsonObject, column: ManifestColumn): Place {
  const member = object.members.get(column);
  return { line: member?.value.line ?? object.line, column: pathTo(object.path, member?.key ?? column) };
}

/** The text of a key that has no meaning of its own; `undefined` where it is no single value. */
function extraText({ value }: JsonMember): string | undefined {
  if (value.kind === "object" || value.kind === "array") return undefined;
  return value.kind === "null" ? "" : value.text;
}
