import { nearestSpellings } from "../shared/spelling.js";
import { nfkc } from "../shared/text-limits.js";
import { listed, quote } from "../shared/text-safety.js";
import type { Findings } from "./manifest.js";

/** What is said and asked of a column; the JSON Schema is made of it too. */
interface ColumnRules {
  readonly kind: "text" | "guid" | "switch";
  /** Its other names. */
  readonly aliases?: readonly string[];
  /** What the JSON Schema says of it. */
  readonly description: string;
  /** One mapping of a JSON tenant's `mappings` may hold it. */
  readonly inMappings?: true;
  /** What the JSON Schema says of it at a JSON manifest's top level; without it, it may not stand there. */
  readonly atTop?: string;
  /** The option that gives it to rows that name none. */
  readonly option?: string;
}

const RULES = {
  tenant: {
    kind: "text",
    aliases: ["customer"],
    description: "The tenant's key, as text in quotes: 007 is not 7.",
  },
  newQlikAppId: {
    kind: "guid",
    aliases: ["appId"],
    description: "The tenant's own app, which the copy's reports read instead.",
    inMappings: true,
  },
  qlikAppId: {
    kind: "guid",
    aliases: ["masterAppId"],
    description: "The app that it replaces, usually the master app; without it the top level's, or --master-app.",
    inMappings: true,
    atTop: "The app to replace, for tenants that name none.",
    option: "--master-app",
  },
  sourceTaskId: {
    kind: "guid",
    description: "The task to duplicate; without it the top level's, or --source-task.",
    atTop: "The task to duplicate, for tenants that name none.",
    option: "--source-task",
  },
  reportId: {
    kind: "guid",
    description: "One report of the source task: its row's id or its reportID. Without it every report of the task.",
    inMappings: true,
  },
  name: {
    kind: "text",
    aliases: ["newName"],
    description: "The copy's name: {tenant}, {task}, {any key}; {{ and }} for braces.",
    atTop: "The copies' name, for tenants that give none; {task} - {tenant} unless given.",
  },
  enabled: {
    kind: "switch",
    description: "false (or no, n, 0, off, faux, non, falsch, nein): this tenant is skipped. Left out or empty: true.",
  },
  newTaskId: { kind: "guid", description: "A copy that exists already, under any name: it is adopted." },
} as const satisfies Readonly<Record<string, ColumnRules>>;

/** The columns that mean something; every other one may be used in a name. */
export type ManifestColumn = keyof typeof RULES;

/** The known columns, in the order in which a manifest is best written. */
export const COLUMN_RULES: Readonly<Record<ManifestColumn, ColumnRules>> = RULES;
export const MANIFEST_COLUMNS = Object.keys(RULES) as readonly ManifestColumn[];

/** A header or placeholder as it is compared: without regard to case, blanks, `_`, `-` and what nobody sees. */
export function normalHeader(text: string): string {
  return nfkc(text)
    .replace(/[\s_\-\u2800\p{Default_Ignorable_Code_Point}]+/gu, "")
    .toUpperCase()
    .toLowerCase();
}

function foldedNames(column: ManifestColumn): readonly string[] {
  return [column, ...(COLUMN_RULES[column].aliases ?? [])].map(normalHeader);
}

const COLUMN_OF: ReadonlyMap<string, ManifestColumn> = new Map(
  MANIFEST_COLUMNS.flatMap((column) => foldedNames(column).map((name) => [name, column] as const)),
);

/** What a header, key or placeholder means: a known column, by its own name or an alias, else itself as it is compared. */
export function meaningOf(title: string): string {
  const folded = normalHeader(title);
  return COLUMN_OF.get(folded) ?? folded;
}

/** Whether a meaning is that of a known column. */
export function isManifestColumn(meaning: string): meaning is ManifestColumn {
  return Object.hasOwn(RULES, meaning);
}

/** `--column`: the known column that each of these headers, as it is compared, stands for. */
export type NamedColumns = ReadonlyMap<string, ManifestColumn>;

/** Reads `tenant=Kunde`, as the command line has checked its form. What names no known column, or one header twice, is a fault. */
export function namedColumns(given: readonly string[], findings: Findings): NamedColumns {
  const named = new Map<string, ManifestColumn>();
  for (const text of given) {
    const [left = "", header = ""] = text.split(/=(.*)/s, 2);
    const column = meaningOf(left);
    const folded = normalHeader(header);
    const other = named.get(folded);
    if (!isManifestColumn(column))
      findings.fault("COLUMN_OPTION", `--column ${quote(text)} names no column that has a meaning.`, {
        hint: `The columns that have one: ${MANIFEST_COLUMNS.join(", ")}.`,
        value: text,
      });
    else if (other !== undefined && other !== column)
      findings.fault("COLUMN_OPTION", `--column says of ${quote(header)} that it is ${other}, and ${column}.`, {
        value: text,
      });
    else named.set(folded, column);
  }
  return named;
}

/** Where each header stands, by its meaning. Headers without a name are left out. */
export type ColumnIndex = ReadonlyMap<string, number>;

/**
 * Looks the headers up; two of one known column are a fault, one that is nearly a known one is a warning. Two of another meaning are
 * left out: only a name that uses them has to know which one counts.
 */
export function indexColumns(
  header: readonly string[],
  line: number,
  named: NamedColumns,
  findings: Findings,
): ColumnIndex {
  const index = new Map<string, number>();
  /** A header that `--column` names may be used in a name by its own word too. */
  const ownWords = new Map<string, number>();
  const unclear = new Set<string>();
  for (const [position, title] of header.entries()) {
    const column = named.get(normalHeader(title));
    if (column !== undefined) ownWords.set(normalHeader(title), position);
    const meaning = column ?? meaningOf(title);
    const first = index.get(meaning);
    if (first === undefined) {
      if (meaning !== "") index.set(meaning, position);
      continue;
    }
    if (!isManifestColumn(meaning)) {
      unclear.add(meaning);
      continue;
    }
    const both = `${quote(header[first] ?? "")} and ${quote(title)}`;
    const message = `The columns ${both} mean the same: which one counts cannot be told.`;
    findings.fault("COLUMN_TWICE", message, { line, column: title });
  }
  for (const meaning of unclear) index.delete(meaning);
  for (const meaning of index.keys()) {
    const title = header[index.get(meaning) ?? -1] ?? "";
    const meant = misspelt(meaning, index);
    if (meant === undefined) continue;
    const message = `The column ${quote(title)} has no meaning of its own; it is read as a column for --name only.`;
    findings.warn("COLUMN_MISSPELT", message, {
      hint: `If "${meant}" is meant, name it so.`,
      line,
      column: title,
    });
  }
  for (const [folded, column] of named)
    if (!ownWords.has(folded)) {
      const titles = listed(header.filter((title) => title !== "").map(quote));
      const message = `--column names a header for ${column} that the manifest has not; it has ${titles}.`;
      findings.fault("COLUMN_OPTION", message, { line, column });
    }
  for (const [word, position] of ownWords) if (!index.has(word)) index.set(word, position);
  return index;
}

/** The known column that an unknown header probably means; never one that the manifest has. */
function misspelt(meaning: string, index: ColumnIndex): string | undefined {
  if (isManifestColumn(meaning)) return undefined;
  const absent = MANIFEST_COLUMNS.filter((column) => !index.has(column) && column !== "name");
  const [near] = nearestSpellings(meaning, absent.flatMap(foldedNames), 1);
  if (near === undefined || near.length < 5 || Math.abs(near.length - meaning.length) > 2) return undefined;
  return meaningOf(near);
}
