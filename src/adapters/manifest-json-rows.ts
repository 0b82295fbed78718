import type { ManifestColumn } from "../domain/manifest-columns.js";
import { columnOf, normalHeader } from "../domain/manifest-columns.js";
import { quote } from "../domain/quotation.js";
import type { Place, RawRow } from "../domain/raw-manifest.js";
import {
  type JsonNotes,
  type JsonObject,
  type KeyMeaning,
  meaningOf,
  pathTo,
  readJsonObject,
  textOf,
  wrongKind,
} from "./json-object.js";
import type { JsonMember } from "./json-text.js";

/** The columns that one mapping of a tenant's `mappings` may hold. */
const MAPPING_COLUMNS: readonly KeyMeaning[] = ["reportId", "qlikAppId", "newQlikAppId"];

/** Where a row's values came from: a tenant's entry, and one of its mappings. */
interface RowOrigin {
  readonly entry: JsonObject;
  readonly mapping: JsonObject | undefined;
}

interface Texts {
  readonly byMeaning: Map<KeyMeaning, string>;
  readonly spoiled: ManifestColumn[];
}

/** Collects the rows of a JSON manifest: one for each entry, or one for each mapping of an entry that has `mappings`. */
export class JsonRows {
  readonly #notes: JsonNotes;
  readonly #positions = new Map<KeyMeaning, number>();
  readonly #header: string[] = [];
  readonly #rows: (RawRow & { readonly cells: string[] })[] = [];
  readonly #origins = new Map<RawRow, RowOrigin>();
  readonly #unknownTold = new Set<KeyMeaning>();

  constructor(notes: JsonNotes) {
    this.#notes = notes;
  }

  addEntry(entry: JsonObject): void {
    this.#refuseReportIds(entry);
    const texts = this.#textsOf(entry, (meaning) => meaning !== "mappings");
    const mappings = this.#mappingsOf(entry, texts);
    if (mappings.length === 0) this.#addRow({ entry, mapping: undefined }, texts);
    for (const [index, mapping] of mappings.entries()) this.#addMapping({ entry, mapping }, texts, index);
  }

  /** The rows, each with a cell for every key that any entry has. A tenant and its app have a column in any case. */
  finish(): { readonly header: readonly string[]; readonly rows: readonly RawRow[] } {
    for (const column of ["tenant", "newQlikAppId"]) this.#position(column, column);
    for (const row of this.#rows)
      for (let position = 0; position < this.#header.length; position += 1) row.cells[position] ??= "";
    return { header: this.#header, rows: this.#rows };
  }

  place(row: RawRow, column: ManifestColumn): Place {
    const origin = this.#origins.get(row);
    const mapped = MAPPING_COLUMNS.includes(column) ? origin?.mapping : undefined;
    const owner = [mapped, origin?.entry].find((object) => object?.members.has(column)) ?? mapped ?? origin?.entry;
    const member = owner?.members.get(column);
    return {
      line: owner === undefined ? row.line : this.#notes.lineOf(member?.value.at ?? owner.at).line,
      column: pathTo(owner?.path ?? "", member?.key ?? column),
    };
  }

  #position(meaning: KeyMeaning, spelled: string): number {
    const known = this.#positions.get(meaning);
    if (known !== undefined) return known;
    this.#positions.set(meaning, this.#header.length);
    return this.#header.push(spelled) - 1;
  }

  #addMapping(origin: RowOrigin & { readonly mapping: JsonObject }, entryTexts: Texts, index: number): void {
    const own = this.#textsOf(origin.mapping, (meaning) => this.#isMappingKey(meaning, origin.mapping));
    this.#refuseOverridden(origin, { entryTexts, own });
    const texts = {
      byMeaning: new Map([...entryTexts.byMeaning, ...[...own.byMeaning].filter(([, text]) => text !== "")]),
      spoiled: [...entryTexts.spoiled.filter((column) => !own.byMeaning.has(column)), ...own.spoiled],
    };
    this.#addRow(origin, texts, index);
  }

  #addRow(origin: RowOrigin, texts: Texts, index = 0): void {
    const cells: string[] = [];
    for (const [meaning, text] of texts.byMeaning) {
      const member = origin.mapping?.members.get(meaning) ?? origin.entry.members.get(meaning);
      const position = this.#position(meaning, member?.key ?? meaning);
      while (cells.length < position) cells.push("");
      cells[position] = text;
    }
    const at = index === 0 ? origin.entry.at : (origin.mapping?.at ?? origin.entry.at);
    const row = { line: this.#notes.lineOf(at).line, cells, spoiled: texts.spoiled };
    this.#rows.push(row);
    this.#origins.set(row, origin);
  }

  #textsOf(object: JsonObject, isWanted: (meaning: KeyMeaning) => boolean): Texts {
    const texts: Texts = { byMeaning: new Map(), spoiled: [] };
    for (const [meaning, member] of object.members) {
      if (!isWanted(meaning)) continue;
      const column = columnOf(normalHeader(member.key));
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
        line: this.#notes.lineOf(member.value.at).line,
        column: pathTo(mapping.path, member.key),
      });
    this.#unknownTold.add(meaning);
    return false;
  }

  /** A tenant's own `newQlikAppId` or `reportId` that one of its mappings says otherwise: which one is meant cannot be told. */
  #refuseOverridden(
    origin: RowOrigin & { readonly mapping: JsonObject },
    texts: { readonly entryTexts: Texts; readonly own: Texts },
  ): void {
    for (const column of ["newQlikAppId", "reportId"] as const) {
      const flat = texts.entryTexts.byMeaning.get(column) ?? "";
      const mapped = texts.own.byMeaning.get(column) ?? "";
      const member = origin.mapping.members.get(column);
      if (flat === "" || mapped === "" || flat === mapped || member === undefined) continue;
      this.#notes.faults.push({
        code: "CONTRADICTION",
        message: `${pathTo(origin.mapping.path, member.key)} is ${quote(mapped)}, but ${pathTo(origin.entry.path, column)} is ${quote(flat)}.`,
        hint: `Give ${column} to the tenant or to its mappings, not to both.`,
        tenant: texts.entryTexts.byMeaning.get("tenant"),
        file: this.#notes.file,
        line: this.#notes.lineOf(member.value.at).line,
        column: pathTo(origin.mapping.path, member.key),
        value: mapped,
      });
    }
  }

  #refuseReportIds(entry: JsonObject): void {
    const member = entry.members.get(meaningOf("reportIds"));
    if (member === undefined || member.value.kind === "null") return;
    this.#notes.faults.push({
      code: "KEY_MISPLACED",
      message: `${pathTo(entry.path, member.key)} is not read there: reportIds belongs to the manifest's top level.`,
      hint: 'Give a tenant its own reports by "mappings", one for each report.',
      file: this.#notes.file,
      line: this.#notes.lineOf(member.value.at).line,
      column: pathTo(entry.path, member.key),
    });
  }
}

/** The text of a key that has no meaning of its own; `undefined` where it is no single value. */
function extraText({ value }: JsonMember): string | undefined {
  if (value.kind === "object" || value.kind === "array") return undefined;
  return value.kind === "null" ? "" : value.text;
}
