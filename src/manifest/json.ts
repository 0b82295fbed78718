import type { Node } from "jsonc-parser";
import type { ProblemCode } from "../shared/codes.js";
import { trimAround } from "../shared/ids.js";
import { EXIT, type Problem, StopError } from "../shared/problems.js";
import { quote } from "../shared/text-safety.js";
import {
  COLUMN_RULES,
  columnOf,
  isManifestColumn,
  MANIFEST_COLUMNS,
  type ManifestColumn,
  normalHeader,
} from "./columns.js";
import { JsonText, membersOf } from "./json-text.js";
import type { Findings, Place, RawManifest, RawRow, SharedText } from "./manifest.js";

/** Reads a JSON manifest. Throws a StopError (exit 2) where it is no JSON, or has no tenants that could be read. */
export function readJsonManifest(text: string, findings: Findings): RawManifest {
  return new JsonManifestReader(new JsonText(text, findings.file), findings).read();
}

/** A value with its place: `column` is the path that leads to it, empty for the root. */
interface Value extends Place {
  /** Its key; empty in an array. */
  readonly key: string;
  readonly node: Node;
}

/** An object with its keys looked up by what they mean: a known column, else the key folded. */
interface JsonObject extends Place {
  readonly members: ReadonlyMap<string, Value>;
}

/** What one key of a row says; `text` is `undefined` where its fault was told. */
interface Said {
  readonly value: Value;
  readonly text: string | undefined;
}

const MAPPING_COLUMNS = MANIFEST_COLUMNS.filter((column) => COLUMN_RULES[column].inMappings);
const TOP_COLUMNS = MANIFEST_COLUMNS.filter((column) => COLUMN_RULES[column].atTop !== undefined);

class JsonManifestReader {
  readonly #json: JsonText;
  readonly #findings: Findings;
  /** Each key that any row has, in the order in which they come, with its column's number. */
  readonly #positions = new Map<string, number>();
  readonly #header: string[] = [];
  readonly #rows: RawRow[] = [];
  readonly #unknownInMappings = new Set<string>();

  constructor(json: JsonText, findings: Findings) {
    this.#json = json;
    this.#findings = findings;
  }

  read(): RawManifest {
    const root = this.#value("", this.#json.root, "");
    if (root.node.type === "array") return this.#manifestOf(root, {});
    const top = this.#object(root, "an array or an object");
    const known = ["$schema", ...TOP_COLUMNS, "reportIds", "tenants"];
    for (const [meaning, value] of top?.members ?? [])
      if (!known.map(meaningOf).includes(meaning)) this.#warnUnknown(value, "at the top level", known);
    const shared = top === undefined ? {} : this.#shared(top);
    const tenants = top?.members.get("tenants");
    if (tenants?.node.type === "array") return this.#manifestOf(tenants, shared);
    const message = "The manifest has no tenants: its top level lacks the key tenants.";
    if (tenants !== undefined) this.#wrongKind(tenants, "an array of tenants");
    else if (top !== undefined) this.#fault("COLUMN_MISSING", message, { ...top, column: "tenants" });
    throw new StopError(EXIT.usage, this.#findings.faults);
  }

  /** What the top level says for all rows. An empty value counts as not given, a faulty one as given. */
  #shared({ members }: JsonObject): RawManifest["shared"] {
    const read = (value: Value | undefined): SharedText | undefined => {
      const text = value === undefined ? "" : this.#text(value);
      if (value === undefined || (text !== undefined && trimAround(text) === "")) return undefined;
      return { text: text ?? "", line: value.line, column: value.column };
    };
    const shared = Object.fromEntries(TOP_COLUMNS.map((column) => [column, read(members.get(column))]));
    const reports = this.#items(members.get("reportids"), "an array of report IDs");
    return { ...shared, reportIds: reports.flatMap((report) => read(report) ?? []) };
  }

  #manifestOf(tenants: Value, shared: RawManifest["shared"]): RawManifest {
    for (const tenant of this.#items(tenants, "an array of tenants")) {
      const entry = this.#object(tenant, "an object");
      if (entry !== undefined) this.#addEntry(entry);
    }
    // A tenant and its app have a column in any case, and each row has a cell for every column.
    for (const column of ["tenant", "newQlikAppId"]) this.#position(column, column);
    const rows = this.#rows.map((row) => ({ ...row, cells: this.#header.map((_, at) => row.cells[at] ?? "") }));
    return { format: "json", header: this.#header, headerLine: 1, rows, shared };
  }

  /** Adds a row for a tenant's entry, or one for each of its mappings. */
  #addEntry(entry: JsonObject): void {
    const misplaced = entry.members.get("reportids");
    if (misplaced !== undefined && misplaced.node.type !== "null") {
      const message = `${misplaced.column} is not read there: reportIds belongs to the manifest's top level.`;
      this.#fault(
        "KEY_MISPLACED",
        message,
        misplaced,
        "Give a tenant its own reports by mappings, one for each report.",
      );
    }
    const said = this.#said(entry.members);
    const given = entry.members.get("mappings");
    const items = this.#items(given, "an array of mappings");
    const mappings = items.flatMap((item) => this.#object(item, "an object") ?? []);
    for (const [nth, mapping] of mappings.entries()) {
      const merged = new Map(said);
      for (const [meaning, own] of this.#said(this.#ofMapping(mapping))) {
        const flat = said.get(meaning);
        if (meaning !== "qlikAppId") this.#refuseContradiction(meaning, flat, own, said.get("tenant")?.text);
        if (own.text !== "" || flat?.text === "") merged.set(meaning, own);
      }
      this.#addRow(nth === 0 ? entry.line : mapping.line, merged, entry, mapping);
    }
    // Where the mappings themselves are faulty, the app that they should have named is not told to be missing as well.
    const isFaulty = items.length > 0 || (given !== undefined && !["array", "null"].includes(given.node.type));
    if (mappings.length === 0) this.#addRow(entry.line, said, entry, undefined, isFaulty ? ["newQlikAppId"] : []);
  }

  #addRow(
    line: number,
    said: ReadonlyMap<string, Said>,
    entry: JsonObject,
    mapping?: JsonObject,
    spoiled: ManifestColumn[] = [],
  ): void {
    const cells: string[] = [];
    for (const [meaning, { value, text }] of said) {
      cells[this.#position(meaning, value.key)] = text ?? "";
      if (text === undefined && isManifestColumn(meaning)) spoiled.push(meaning);
    }
    const placeOf = (column: ManifestColumn): Place => {
      const object = mapping !== undefined && MAPPING_COLUMNS.includes(column) ? mapping : entry;
      const value = said.get(column)?.value ?? object.members.get(column);
      return { line: (value ?? object).line, column: value?.column ?? pathTo(object.column, column) };
    };
    this.#rows.push({ line, cells, spoiled, placeOf });
  }

  #position(meaning: string, key: string): number {
    const known = this.#positions.get(meaning);
    if (known !== undefined) return known;
    this.#positions.set(meaning, this.#header.length);
    return this.#header.push(key) - 1;
  }

  /** What an object's keys say. Of keys that have no meaning of their own, those with a single value. */
  #said(members: Iterable<readonly [string, Value]>): Map<string, Said> {
    const said = new Map<string, Said>();
    for (const [meaning, value] of members) {
      const { type } = value.node;
      const isText = isManifestColumn(meaning) && !(meaning === "enabled" && (type === "boolean" || type === "number"));
      const text = isText ? this.#text(value) : this.#json.textOf(value.node);
      if (isText || text !== undefined) said.set(meaning, { value, text });
    }
    return said;
  }

  /** A mapping's keys. One that a mapping does not have is told once: `report` for `reportId` would map every report. */
  #ofMapping({ members }: JsonObject): readonly (readonly [string, Value])[] {
    return [...members].filter(([meaning, value]) => {
      if (isManifestColumn(meaning) && MAPPING_COLUMNS.includes(meaning)) return true;
      if (!this.#unknownInMappings.has(meaning)) this.#warnUnknown(value, "in a mapping", MAPPING_COLUMNS);
      this.#unknownInMappings.add(meaning);
      return false;
    });
  }

  /** A tenant's own `newQlikAppId` or `reportId` that one of its mappings says otherwise: which one is meant cannot be told. */
  #refuseContradiction(column: string, flat: Said | undefined, mapped: Said, tenant: string | undefined): void {
    if (!flat?.text || !mapped.text || flat.text === mapped.text) return;
    const message = `${mapped.value.column} is ${quote(mapped.text)}, but ${flat.value.column} is ${quote(flat.text)}.`;
    const hint = `Give ${column} to the tenant or to its mappings, not to both.`;
    this.#fault("CONTRADICTION", message, mapped.value, hint, { tenant, value: mapped.text });
  }

  /** Looks an object's keys up. Two keys of one meaning are a fault, and so is one that comes twice: JSON would take the last. */
  #object(object: Value, wanted: string): JsonObject | undefined {
    if (object.node.type !== "object") return this.#wrongKind(object, wanted);
    const members = new Map<string, Value>();
    for (const [key, node] of membersOf(object.node)) {
      const value = this.#value(key, node, pathTo(object.column, key));
      const other = members.get(meaningOf(key))?.key;
      members.set(meaningOf(key), value);
      if (other === undefined) continue;
      const both = `The keys ${quote(other)} and ${quote(key)} mean the same`;
      const twice = other === key ? `The key ${quote(key)} comes twice` : both;
      this.#fault("COLUMN_TWICE", `${twice}: which one counts cannot be told.`, value);
    }
    return { line: object.line, column: object.column, members };
  }

  /** An array's items; none where there is no array. */
  #items(array: Value | undefined, wanted: string): readonly Value[] {
    if (array === undefined || array.node.type === "null") return [];
    if (array.node.type !== "array") this.#wrongKind(array, wanted);
    else return (array.node.children ?? []).map((node, nth) => this.#value("", node, `${array.column}[${nth}]`));
    return [];
  }

  /** A value that must be text, or `undefined` where it is not (then its fault is told). `null` counts as empty. */
  #text(value: Value): string | undefined {
    const text = this.#json.textOf(value.node);
    if (value.node.type === "string" || value.node.type === "null") return text;
    const quoted = `Put it in quotes: "${text}". Text stays text, so that 007 is not 7.`;
    return this.#wrongKind(value, "text in quotes", text === undefined ? undefined : quoted);
  }

  #wrongKind(value: Value, wanted: string, hint?: string): undefined {
    const { type } = value.node;
    const text = type === "null" ? "null" : this.#json.textOf(value.node);
    const quoted = text === undefined ? `an ${type}` : quote(text);
    const shown = type === "string" || text === undefined ? quoted : quoted.slice(1, -1);
    const message = `${value.column || "The manifest"} is ${shown}; ${wanted} is expected.`;
    this.#fault("WRONG_KIND", message, value, hint, { value: text });
  }

  #warnUnknown({ key, line, column }: Value, where: string, known: readonly string[]): void {
    const hint = `What may stand there: ${known.join(", ")}.`;
    this.#findings.warn("KEY_UNKNOWN", `The key ${quote(key)} has no meaning ${where}; it is not read.`, {
      hint,
      line,
      column,
    });
  }

  #fault(
    code: ProblemCode,
    message: string,
    { line, column }: Place,
    hint?: string,
    more?: Pick<Problem, "tenant" | "value">,
  ): void {
    this.#findings.fault(code, message, { hint, line, column, ...more });
  }

  #value(key: string, node: Node, column: string): Value {
    return { key, node, line: this.#json.lineOf(node), column };
  }
}

function meaningOf(key: string): string {
  const folded = normalHeader(key);
  return columnOf(folded) ?? folded;
}

function pathTo(path: string, key: string): string {
  return path === "" ? key : `${path}.${key}`;
}
