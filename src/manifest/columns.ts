import type { Problem } from "../shared/problems.js";
import { quote } from "../shared/quotation.js";
import { nearestSpellings } from "../shared/spelling.js";

/** The columns that mean something; every other one may be used in a name. */
export type ManifestColumn =
  | "tenant"
  | "newQlikAppId"
  | "qlikAppId"
  | "sourceTaskId"
  | "reportId"
  | "name"
  | "enabled"
  | "newTaskId";

/** Each column's names, folded; the first is its own, the others are aliases. */
const FOLDED_NAMES: Readonly<Record<ManifestColumn, readonly string[]>> = {
  tenant: ["tenant", "customer"],
  newQlikAppId: ["newqlikappid", "appid"],
  qlikAppId: ["qlikappid", "masterappid"],
  sourceTaskId: ["sourcetaskid"],
  reportId: ["reportid"],
  name: ["name", "newname"],
  enabled: ["enabled"],
  newTaskId: ["newtaskid"],
};

/** The columns' own names, in the order in which a manifest is best written. */
export const MANIFEST_COLUMNS = Object.keys(FOLDED_NAMES) as readonly ManifestColumn[];

const COLUMN_OF: ReadonlyMap<string, ManifestColumn> = new Map(
  MANIFEST_COLUMNS.flatMap((column) => FOLDED_NAMES[column].map((name) => [name, column] as const)),
);

/** A header or placeholder as it is compared: without regard to case, blanks, `_`, `-` and what nobody sees. */
export function normalHeader(text: string): string {
  return text
    .normalize("NFKC")
    .replace(/[\s_\-\u2800\p{Default_Ignorable_Code_Point}]+/gu, "")
    .toUpperCase()
    .toLowerCase();
}

/** The column that a folded header means, by its own name or an alias. */
export function columnOf(folded: string): ManifestColumn | undefined {
  return COLUMN_OF.get(folded);
}

/** Whether a text is a column's own name, spelled as here. */
export function isManifestColumn(text: string): text is ManifestColumn {
  return Object.hasOwn(FOLDED_NAMES, text);
}

/** The other folded names of the column that a folded header means. */
export function partnersOf(folded: string): readonly string[] {
  const column = COLUMN_OF.get(folded);
  return column === undefined ? [] : FOLDED_NAMES[column].filter((name) => name !== folded);
}

/** A manifest's header, looked up. */
export interface ColumnIndex {
  /** Where each known column stands. */
  readonly positions: Readonly<Partial<Record<ManifestColumn, number>>>;
  /** Each header folded; empty for a header without a name. */
  readonly folded: readonly string[];
  /** Where each folded name stands (the first, where there are two); headers without a name are left out. */
  readonly named: ReadonlyMap<string, number>;
  readonly faults: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** Looks the headers up; two of one meaning are a fault, one that is nearly a known one is a warning. */
export function indexColumns(
  header: readonly string[],
  at: { readonly file: string; readonly line: number },
): ColumnIndex {
  const positions: Partial<Record<ManifestColumn, number>> = {};
  const folded = header.map(normalHeader);
  const firstOf = new Map<string, number>();
  const faults: Problem[] = [];
  const warnings: Problem[] = [];
  for (const [position, name] of folded.entries()) {
    if (name === "") continue;
    const column = columnOf(name);
    const meaning = column ?? name;
    const first = firstOf.get(meaning);
    if (first !== undefined) {
      faults.push(columnTwice(header[first] ?? "", header[position] ?? "", at));
      continue;
    }
    firstOf.set(meaning, position);
    if (column !== undefined) positions[column] = position;
  }
  for (const [position, name] of folded.entries()) {
    const meant = name === "" || columnOf(name) !== undefined ? undefined : misspelt(name, positions);
    if (meant !== undefined) warnings.push(columnMisspelt(header[position] ?? "", meant, at));
  }
  return { positions, folded, named: firstPositions(folded), faults, warnings };
}

function firstPositions(folded: readonly string[]): ReadonlyMap<string, number> {
  const positions = new Map<string, number>();
  for (const [position, name] of folded.entries())
    if (name !== "" && !positions.has(name)) positions.set(name, position);
  return positions;
}

/** The known column that this header probably means; never one that the manifest has. */
function misspelt(
  name: string,
  positions: Readonly<Partial<Record<ManifestColumn, number>>>,
): ManifestColumn | undefined {
  const absent = MANIFEST_COLUMNS.filter((column) => positions[column] === undefined && column !== "name");
  const near = nearestSpellings(
    name,
    absent.flatMap((column) => FOLDED_NAMES[column]),
    1,
  )[0];
  return near === undefined || near.length < 5 || Math.abs(near.length - name.length) > 2 ? undefined : columnOf(near);
}

function columnTwice(first: string, second: string, at: { readonly file: string; readonly line: number }): Problem {
  return {
    code: "COLUMN_TWICE",
    message: `The columns ${quote(first)} and ${quote(second)} mean the same: which one counts cannot be told.`,
    hint: "Keep one of them, and rename or remove the other.",
    file: at.file,
    line: at.line,
    column: second,
  };
}

function columnMisspelt(
  header: string,
  meant: ManifestColumn,
  at: { readonly file: string; readonly line: number },
): Problem {
  return {
    code: "COLUMN_MISSPELT",
    message: `The column ${quote(header)} has no meaning of its own; it is read as a column for --name only.`,
    hint: `If "${meant}" is meant, name it so.`,
    file: at.file,
    line: at.line,
    column: header,
  };
}
