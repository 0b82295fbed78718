import type { Problem } from "../shared/problems.js";
import type { ManifestColumn } from "./columns.js";

/** Where a value stands: a CSV's line and column, or a JSON manifest's line and path. */
export interface Place {
  readonly line: number;
  readonly column: string;
}

/** One row as text, before it is judged. Made by the CSV and the JSON reader. */
export interface RawRow {
  /** Its first line. */
  readonly line: number;
  /** One text for each of the manifest's headers, as the file has it. */
  readonly cells: readonly string[];
  /** Columns of which the reader has told a fault already: they count as neither given nor missing. */
  readonly spoiled?: readonly ManifestColumn[] | undefined;
  /** The JSON reader's own number of this row, for `place`. */
  readonly origin?: number | undefined;
}

/** One value that a JSON manifest's top level gives to all rows. */
export interface SharedText extends Place {
  readonly text: string;
}

/** What a JSON manifest's rows share. */
export interface SharedTexts {
  readonly sourceTaskId?: SharedText | undefined;
  readonly qlikAppId?: SharedText | undefined;
  readonly name?: SharedText | undefined;
  readonly reportIds?: readonly SharedText[] | undefined;
}

/** A manifest as text: rows under headers, and where each value stands. */
export interface RawManifest {
  /** As messages name it. */
  readonly file: string;
  readonly format: "csv" | "json";
  readonly header: readonly string[];
  /** The header's line; 1 for JSON. */
  readonly headerLine: number;
  readonly rows: readonly RawRow[];
  readonly shared: SharedTexts;
  /** Where a row's value of a known column stands, or would stand. */
  readonly place: (row: RawRow, column: ManifestColumn) => Place;
  readonly faults: readonly Problem[];
  readonly warnings: readonly Problem[];
}
