import type { Node } from "jsonc-parser";
import { trimAround } from "../shared/ids.js";
import { EXIT, StopError } from "../shared/problems.js";
import { mapInSteps, type Steps } from "../shared/steps.js";
import { excessOf, LONGEST_CELL, LONGEST_NAME } from "../shared/text-limits.js";
import { quote } from "../shared/text-safety.js";
import { COLUMN_RULES, isManifestColumn, MANIFEST_COLUMNS, type ManifestColumn, meaningOf } from "./columns.js";
import { JsonText, keyOf, membersOf } from "./json-text.js";
import {
  type Findings,
  MOST_CELLS,
  MOST_COLUMNS,
  MOST_ROWS,
  type Place,
  type RawManifest,
  type RawRow,
  type SharedText,
} from "./manifest.js";

/** Reads a JSON manifest. Throws a StopError (exit 2) where it is no JSON, or has no tenants that could be read. */
export function* readJsonManifest(text: string, findings: Findings): Steps<RawManifest> {
  const json = yield* JsonText.read(text, findings);
  return yield* new JsonManifestReader(json, findings).read();
}

/** An object's values by what their keys mean: a known column, else the key folded. */
type Members = ReadonlyMap<string, Node>;

/** What one key of a row says; `text` is `undefined` where its fault was told. */
interface Said {
  readonly node: Node;
  readonly text: string | undefined;
}

type SaidRow = Omit<RawRow, "cells"> & { readonly said: ReadonlyMap<string, Said> };

const MAPPING_COLUMNS = MANIFEST_COLUMNS.filter((column) => COLUMN_RULES[column].inMappings);
const TOP_COLUMNS = MANIFEST_COLUMNS.filter((column) => COLUMN_RULES[column].atTop !== undefined);

class JsonManifestReader {
  readonly #json: JsonText;
  readonly #findings: Findings;
  #mappings = 0;
  readonly #unknownInMappings = new Set<string>();

  constructor(json: JsonText, findings: Findings) {
    this.#json = json;
    this.#findings = findings;
  }

  *read(): Steps<RawManifest> {
    const { root } = this.#json;
    if (root.type === "array") return yield* this.#manifestOf(root, {});
    const top = this.#members(root, "an array or an object");
    const known = ["$schema", ...TOP_COLUMNS, "reportIds", "tenants"];
    for (const [meaning, value] of top ?? [])
      if (!known.map(meaningOf).includes(meaning)) this.#warnUnknown(value, "at the top level", known);
    const shared = top === undefined ? {} : this.#shared(top);
    const tenants = top?.get("tenants");
    if (tenants?.type === "array") return yield* this.#manifestOf(tenants, shared);
    const message = "The manifest has no tenants: its top level lacks the key tenants.";
    if (tenants !== undefined) this.#wrongKind(tenants, "an array of tenants");
    else if (top !== undefined)
      this.#findings.fault("COLUMN_MISSING", message, { ...this.#json.placeOf(root), column: "tenants" });
    throw new StopError(EXIT.usage, this.#findings.faults);
  }

  /** What the top level says for all rows. An empty value counts as not given, a faulty one as given. */
  #shared(top: Members): RawManifest["shared"] {
    const read = (node: Node | undefined): SharedText | undefined => {
      const text = node === undefined ? "" : this.#text(node);
      if (node === undefined || (text !== undefined && trimAround(text) === "")) return undefined;
      return { text: text ?? "", ...this.#json.placeOf(node) };
    };
    const shared = Object.fromEntries(TOP_COLUMNS.map((column) => [column, read(top.get(column))]));
    const reports = this.#items(top.get("reportids"), "an array of report IDs");
    return { ...shared, reportIds: reports.flatMap((report) => read(report) ?? []) };
  }

  *#manifestOf(tenants: Node, shared: RawManifest["shared"]): Steps<RawManifest> {
    const items = this.#items(tenants, "an array of tenants");
    this.#findings.checkSize(items.length, MOST_ROWS, "rows");
    const entries = (yield* mapInSteps(items, (entry) => this.#rowsOf(entry))).flat();
    /** Each key that any row has, by what it means. A tenant and its app have a column in any case. */
    const header = new Map<string, string>();
    for (const { said } of entries)
      for (const [meaning, { node }] of said) if (!header.has(meaning)) header.set(meaning, keyOf(node));
    this.#findings.checkSize(header.size, MOST_COLUMNS, "columns");
    this.#findings.checkSize(entries.length * header.size, MOST_CELLS, "values");
    for (const column of ["tenant", "newQlikAppId"]) if (!header.has(column)) header.set(column, column);
    const meanings = [...header.keys()];
    const rows = yield* mapInSteps(entries, ({ said, ...row }) => ({
      ...row,
      cells: meanings.map((one) => said.get(one)?.text ?? ""),
    }));
    return { format: "json", delimiter: ",", header: [...header.values()], headerLine: 1, rows, shared };
  }

  /** The rows of a tenant's entry: one, or one for each of its mappings. */
  #rowsOf(entry: Node): readonly SaidRow[] {
    const members = this.#members(entry, "an object");
    if (members === undefined) return [];
    const misplaced = members.get("reportids");
    if (misplaced !== undefined && misplaced.type !== "null") {
      const at = this.#json.placeOf(misplaced);
      const hint = "Give a tenant its own reports by mappings, one for each report.";
      const message = `${at.column} is not read there: reportIds belongs to the manifest's top level.`;
      this.#findings.fault("KEY_MISPLACED", message, { ...at, hint });
    }
    const said = this.#said(members);
    const given = members.get("mappings");
    const items = this.#items(given, "an array of mappings");
    this.#mappings += items.length;
    this.#findings.checkSize(this.#mappings, MOST_ROWS, "mappings");
    const rows = items.flatMap((mapping): SaidRow[] => {
      const own = this.#members(mapping, "an object");
      return own === undefined ? [] : [this.#row(this.#merged(said, own), entry, mapping)];
    });
    const [first, ...others] = rows;
    if (first !== undefined) return [{ ...first, line: this.#json.lineOf(entry) }, ...others];
    // Where the mappings themselves are faulty, the app that they should have named is not told to be missing as well.
    const isFaulty = items.length > 0 || (given !== undefined && !["array", "null"].includes(given.type));
    return [this.#row(said, entry, entry, isFaulty ? ["newQlikAppId"] : [])];
  }

  /** `mapping`: the object that holds what a mapping may say; the entry itself where that has no mappings. */
  #row(said: SaidRow["said"], entry: Node, mapping: Node, spoiled: readonly ManifestColumn[] = []): SaidRow {
    const placeOf = (column: ManifestColumn): Place => {
      const value = said.get(column)?.node;
      return this.#json.placeOf(
        value ?? (MAPPING_COLUMNS.includes(column) ? mapping : entry),
        value ? undefined : column,
      );
    };
    const faulty = [...said].flatMap(([meaning, { text }]) =>
      text === undefined && isManifestColumn(meaning) ? [meaning] : [],
    );
    return { line: this.#json.lineOf(mapping), said, spoiled: [...spoiled, ...faulty], placeOf };
  }

  /** What an object's keys say. Of keys that have no meaning of their own, those with a single value. */
  #said(members: Members): ReadonlyMap<string, Said> {
    const said = new Map<string, Said>();
    for (const [meaning, node] of members) {
      const isText =
        isManifestColumn(meaning) && !(meaning === "enabled" && (node.type === "boolean" || node.type === "number"));
      const text = isText ? this.#text(node) : this.#bounded(node, this.#json.textOf(node));
      if (isText || text !== undefined) said.set(meaning, { node, text });
    }
    return said;
  }

  /**
   * What a mapping says; what it leaves out is its tenant's. A key that a mapping does not have is told once: `report` for `reportId`
   * would map every report. Where both name an app or a report, and another, which one is meant cannot be told.
   */
  #merged(tenant: ReadonlyMap<string, Said>, mapping: Members): ReadonlyMap<string, Said> {
    const [known, unknown] = [new Map<string, Node>(), new Map<string, Node>()];
    for (const [meaning, node] of mapping)
      (isManifestColumn(meaning) && MAPPING_COLUMNS.includes(meaning) ? known : unknown).set(meaning, node);
    for (const [meaning, node] of unknown) {
      if (!this.#unknownInMappings.has(meaning)) this.#warnUnknown(node, "in a mapping", MAPPING_COLUMNS);
      this.#unknownInMappings.add(meaning);
    }
    const merged = new Map(tenant);
    for (const [meaning, own] of this.#said(known)) {
      const flat = tenant.get(meaning);
      if (own.text !== "" || !flat?.text) merged.set(meaning, own);
      if (meaning === "qlikAppId" || !flat?.text || !own.text || flat.text === own.text) continue;
      const at = this.#json.placeOf(own.node);
      const there = `${this.#json.placeOf(flat.node).column} is ${quote(flat.text)}`;
      this.#findings.fault("CONTRADICTION", `${at.column} is ${quote(own.text)}, but ${there}.`, {
        hint: `Give ${meaning} to the tenant or to its mappings, not to both.`,
        ...at,
        tenant: tenant.get("tenant")?.text,
        value: own.text,
      });
    }
    return merged;
  }

  /** Looks an object's keys up. Two keys of one meaning are a fault, and so is one that comes twice: JSON would take the last. */
  #members(object: Node, wanted: string): Members | undefined {
    if (object.type !== "object") return this.#wrongKind(object, wanted);
    const members = new Map<string, Node>();
    const pairs = membersOf(object);
    this.#findings.checkSize(pairs.length, MOST_COLUMNS, "keys in one object");
    for (const [key, node] of pairs) {
      this.#findings.checkSize(key.length, LONGEST_NAME, "characters in one key");
      const other = members.get(meaningOf(key));
      members.set(meaningOf(key), node);
      if (other === undefined) continue;
      const both = `The keys ${quote(keyOf(other))} and ${quote(key)} mean the same`;
      const twice = keyOf(other) === key ? `The key ${quote(key)} comes twice` : both;
      this.#findings.fault("COLUMN_TWICE", `${twice}: which one counts cannot be told.`, this.#json.placeOf(node));
    }
    return members;
  }

  /** An array's items; none where there is no array. */
  #items(array: Node | undefined, wanted: string): readonly Node[] {
    if (array === undefined || array.type === "null") return [];
    if (array.type !== "array") this.#wrongKind(array, wanted);
    return array.type === "array" ? (array.children ?? []) : [];
  }

  /** A value that must be text, or `undefined` where it is not (then its fault is told). `null` counts as empty. */
  #text(node: Node): string | undefined {
    const text = this.#json.textOf(node);
    if (node.type === "string" || node.type === "null") return this.#bounded(node, text);
    const quoted = `Put it in quotes: "${text}". Text stays text, so that 007 is not 7.`;
    return this.#wrongKind(node, "text in quotes", text === undefined ? undefined : quoted);
  }

  /** A text that is not too long; else its fault is told. */
  #bounded(node: Node, text: string | undefined): string | undefined {
    const excess = text === undefined ? undefined : excessOf(text, LONGEST_CELL);
    if (text === undefined || excess === undefined) return text;
    const at = this.#json.placeOf(node);
    this.#findings.fault("TEXT_TOO_LONG", `${at.column} is ${quote(text)}${excess}.`, { ...at, value: text });
    return undefined;
  }

  #wrongKind(node: Node, wanted: string, hint?: string): undefined {
    const at = this.#json.placeOf(node);
    const value = node.type === "null" ? "null" : this.#json.textOf(node);
    const quoted = value === undefined ? `an ${node.type}` : quote(value);
    const shown = node.type === "string" || value === undefined ? quoted : quoted.slice(1, -1);
    const message = `${at.column || "The manifest"} is ${shown}; ${wanted} is expected.`;
    this.#findings.fault("WRONG_KIND", message, { hint, ...at, value });
  }

  #warnUnknown(node: Node, where: string, known: readonly string[]): void {
    const message = `The key ${quote(keyOf(node))} has no meaning ${where}; it is not read.`;
    const hint = `What may stand there: ${known.join(", ")}.`;
    this.#findings.warn("KEY_UNKNOWN", message, { hint, ...this.#json.placeOf(node) });
  }
}
