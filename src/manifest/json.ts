import type { Node } from "jsonc-parser";
import { trimAround } from "../shared/ids.js";
import { EXIT, StopError } from "../shared/problems.js";
import { quote } from "../shared/quotation.js";
import {
  COLUMN_RULES,
  columnOf,
  isManifestColumn,
  MANIFEST_COLUMNS,
  type ManifestColumn,
  normalHeader,
} from "./columns.js";
import { JsonText, membersOf } from "./json-text.js";
import type { Findings, Place, RawManifest, RawRow, SharedText } from "./raw-manifest.js";

/** Reads a JSON manifest. Throws a StopError (exit 2) where it is no JSON, or has no tenants that could be read. */
export function readJsonManifest(text: string, findings: Findings): RawManifest {
  return new JsonManifestReader(new JsonText(text, findings.file), findings).read();
}

/** One key of an object, with its value and the path that leads to it. */
interface Member {
  readonly key: string;
  readonly path: string;
  readonly value: Node;
}

/** An object with its keys looked up by what they mean: a known column, else the key folded. */
interface JsonObject {
  readonly line: number;
  /** Empty for the root. */
  readonly path: string;
  readonly members: ReadonlyMap<string, Member>;
}

/** What one key of a row says; `text` is `undefined` where its fault was told. */
interface Said {
  readonly member: Member;
  readonly text: string | undefined;
}

const MAPPING_COLUMNS = MANIFEST_COLUMNS.filter((column) => COLUMN_RULES[column].inMappings);
const TOP_COLUMNS = MANIFEST_COLUMNS.filter((column) => COLUMN_RULES[column].atTop !== undefined);
const TOP_KEYS: readonly string[] = [...TOP_COLUMNS, "reportids", "tenants", "$schema"];

const TENANTS_HINT = 'Write "tenants": [ { "tenant": "acme", "newQlikAppId": "GUID" } ].';
const MAPPINGS_HINT = 'Write "mappings": [ { "reportId": "GUID", "qlikAppId": "GUID", "newQlikAppId": "GUID" } ].';

class JsonManifestReader {
  readonly #json: JsonText;
  readonly #findings: Findings;
  /** Each key that any row has, in the order in which they come, with its column's number. */
  readonly #positions = new Map<string, number>();
  readonly #header: string[] = [];
  readonly #rows: RawRow[] = [];
  readonly #strangeToMappings = new Set<string>();

  constructor(json: JsonText, findings: Findings) {
    this.#json = json;
    this.#findings = findings;
  }

  read(): RawManifest {
    const { root } = this.#json;
    if (root.type === "array") return this.#manifestOf(root, "", {});
    const top = this.#object(
      root,
      "",
      "an array or an object",
      "Write an array of objects, or one object with tenants.",
    );
    if (top === undefined) throw new StopError(EXIT.usage, this.#findings.faults);
    for (const [meaning, { key, value }] of top.members)
      if (!TOP_KEYS.includes(meaning))
        this.#findings.warn("KEY_UNKNOWN", `The top level's key ${quote(key)} has no meaning there; it is not read.`, {
          hint: `The top level may hold ${TOP_COLUMNS.join(", ")}, reportIds and tenants.`,
          line: this.#json.lineOf(value),
          column: key,
        });
    const shared = this.#shared(top);
    const tenants = top.members.get("tenants");
    if (tenants?.value.type === "array") return this.#manifestOf(tenants.value, tenants.path, shared);
    if (tenants !== undefined) this.#wrongKind(tenants.value, tenants.path, "an array of tenants", TENANTS_HINT);
    else
      this.#findings.fault("COLUMN_MISSING", "The manifest has no tenants: its top level lacks the key tenants.", {
        hint: TENANTS_HINT,
        line: top.line,
        column: "tenants",
      });
    throw new StopError(EXIT.usage, this.#findings.faults);
  }

  /** Each key of the top level that all rows share. An empty value counts as not given, a faulty one as given. */
  #shared({ members }: JsonObject): RawManifest["shared"] {
    const read = (value: Node, path: string): SharedText | undefined => {
      const text = this.#text(value, path);
      return text !== undefined && trimAround(text) === "" ? undefined : { text: text ?? "", ...this.#at(value, path) };
    };
    const shared = TOP_COLUMNS.map((column) => {
      const member = members.get(column);
      return [column, member === undefined ? undefined : read(member.value, member.path)];
    });
    const reports = members.get("reportids");
    const items =
      reports === undefined ? [] : this.#items(reports, "an array of report IDs", 'Write "reportIds": [ "GUID" ].');
    const reportIds = items.flatMap(([item, path]) => read(item, path) ?? []);
    return { ...Object.fromEntries(shared), reportIds };
  }

  /** `path`: what leads to the tenants; empty where they are the root. */
  #manifestOf(tenants: Node, path: string, shared: RawManifest["shared"]): RawManifest {
    for (const [index, item] of (tenants.children ?? []).entries()) {
      const hint = 'Write { "tenant": "acme", "newQlikAppId": "GUID" }.';
      const entry = this.#object(item, `${path}[${index}]`, "an object", hint);
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
    if (misplaced !== undefined && misplaced.value.type !== "null")
      this.#findings.fault(
        "KEY_MISPLACED",
        `${misplaced.path} is not read there: reportIds belongs to the manifest's top level.`,
        {
          hint: 'Give a tenant its own reports by "mappings", one for each report.',
          ...this.#at(misplaced.value, misplaced.path),
        },
      );
    const said = this.#said(entry);
    const member = entry.members.get("mappings");
    const items = member === undefined ? [] : this.#items(member, "an array of mappings", MAPPINGS_HINT);
    const mappings = items.flatMap(([item, path]) => this.#object(item, path, "an object", MAPPINGS_HINT) ?? []);
    for (const [nth, mapping] of mappings.entries()) {
      const own = [...this.#said(mapping)].filter(([meaning, { member }]) => this.#isOfMapping(meaning, member));
      const merged = new Map(said);
      for (const [meaning, one] of own) {
        this.#refuseContradiction(meaning, said.get(meaning), one, said.get("tenant")?.text);
        if (one.text !== "" || said.get(meaning)?.text === "") merged.set(meaning, one);
      }
      this.#addRow(nth === 0 ? entry.line : mapping.line, merged, entry, mapping, []);
    }
    if (mappings.length > 0) return;
    // Where the mappings themselves are faulty, the app that they should have named is not told to be missing as well.
    const isFaulty = items.length > 0 || (member !== undefined && !["array", "null"].includes(member.value.type));
    this.#addRow(entry.line, said, entry, undefined, isFaulty ? ["newQlikAppId"] : []);
  }

  #addRow(
    line: number,
    said: ReadonlyMap<string, Said>,
    entry: JsonObject,
    mapping: JsonObject | undefined,
    faulty: readonly ManifestColumn[],
  ): void {
    const cells: string[] = [];
    const spoiled = [...faulty];
    for (const [meaning, { member, text }] of said) {
      cells[this.#position(meaning, member.key)] = text ?? "";
      if (text === undefined && isManifestColumn(meaning)) spoiled.push(meaning);
    }
    const placeOf = (column: ManifestColumn): Place => {
      const object = mapping !== undefined && MAPPING_COLUMNS.includes(column) ? mapping : entry;
      const member = said.get(column)?.member ?? object.members.get(column);
      if (member !== undefined) return this.#at(member.value, member.path);
      return { line: object.line, column: pathTo(object.path, column) };
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
  #said({ members }: JsonObject): Map<string, Said> {
    const said = new Map<string, Said>();
    for (const [meaning, member] of members) {
      const { value, path } = member;
      const isSwitch = meaning === "enabled" && (value.type === "boolean" || value.type === "number");
      if (isManifestColumn(meaning) && !isSwitch) said.set(meaning, { member, text: this.#text(value, path) });
      else if (meaning !== "mappings") {
        const text = this.#json.textOf(value);
        if (text !== undefined) said.set(meaning, { member, text });
      }
    }
    return said;
  }

  /** A key that a mapping does not have is told once: `report` for `reportId` would map every report. */
  #isOfMapping(meaning: string, { key, path, value }: Member): boolean {
    if (isManifestColumn(meaning) && MAPPING_COLUMNS.includes(meaning)) return true;
    if (!this.#strangeToMappings.has(meaning))
      this.#findings.warn("KEY_UNKNOWN", `The key ${quote(key)} has no meaning in a mapping; it is not read.`, {
        hint: `A mapping may hold ${MAPPING_COLUMNS.join(", ")}.`,
        ...this.#at(value, path),
      });
    this.#strangeToMappings.add(meaning);
    return false;
  }

  /** A tenant's own `newQlikAppId` or `reportId` that one of its mappings says otherwise: which one is meant cannot be told. */
  #refuseContradiction(meaning: string, flat: Said | undefined, mapped: Said, tenant: string | undefined): void {
    if (meaning === "qlikAppId" || !flat?.text || !mapped.text || flat.text === mapped.text) return;
    const [here, there] = [mapped.member, flat.member];
    this.#findings.fault(
      "CONTRADICTION",
      `${here.path} is ${quote(mapped.text)}, but ${there.path} is ${quote(flat.text)}.`,
      {
        hint: `Give ${meaning} to the tenant or to its mappings, not to both.`,
        tenant,
        ...this.#at(here.value, here.path),
        value: mapped.text,
      },
    );
  }

  /** Looks an object's keys up. Two keys of one meaning are a fault, and so is one that comes twice: JSON would take the last. */
  #object(node: Node, path: string, wanted: string, hint: string): JsonObject | undefined {
    if (node.type !== "object") return this.#wrongKind(node, path, wanted, hint);
    const members = new Map<string, Member>();
    for (const [key, value] of membersOf(node)) {
      const folded = normalHeader(key);
      const meaning = columnOf(folded) ?? folded;
      const member = { key, path: pathTo(path, key), value };
      const other = members.get(meaning)?.key;
      members.set(meaning, member);
      if (other === undefined) continue;
      const both =
        other === key
          ? `The key ${quote(key)} comes twice`
          : `The keys ${quote(other)} and ${quote(key)} mean the same`;
      this.#findings.fault("COLUMN_TWICE", `${both}: which one counts cannot be told.`, this.#at(value, member.path));
    }
    return { line: this.#json.lineOf(node), path, members };
  }

  /** An array's items, each with its path; none where there is no array. */
  #items({ value, path }: Member, wanted: string, hint: string): readonly (readonly [Node, string])[] {
    if (value.type === "array")
      return (value.children ?? []).map((item, index) => [item, `${path}[${index}]`] as const);
    if (value.type !== "null") this.#wrongKind(value, path, wanted, hint);
    return [];
  }

  /** A value that must be text, or `undefined` where it is not (then its fault is told). `null` counts as empty. */
  #text(node: Node, path: string): string | undefined {
    const text = this.#json.textOf(node);
    if (node.type === "string" || node.type === "null") return text;
    const hint =
      text === undefined
        ? "Write one text in quotes."
        : `Put it in quotes: "${text}". Text stays text, so that 007 is not 7.`;
    return this.#wrongKind(node, path, "text in quotes", hint);
  }

  #wrongKind(node: Node, path: string, wanted: string, hint: string): undefined {
    const text = node.type === "null" ? "null" : this.#json.textOf(node);
    const quoted = text === undefined ? `an ${node.type}` : quote(text);
    const shown = node.type === "string" || text === undefined ? quoted : quoted.slice(1, -1);
    this.#findings.fault("WRONG_KIND", `${path || "The manifest"} is ${shown}; ${wanted} is expected.`, {
      hint,
      ...this.#at(node, path),
      value: text,
    });
  }

  #at(node: Node, path: string): Place {
    return { line: this.#json.lineOf(node), column: path };
  }
}

function pathTo(path: string, key: string): string {
  return path === "" ? key : `${path}.${key}`;
}
