import type { ProblemCode } from "../shared/codes.js";
import { type Problem, problem } from "../shared/problems.js";
import { keptValue } from "../shared/quotation.js";
import type { ManifestColumn } from "./columns.js";

/** Where a value stands: a CSV's line and column, or a JSON manifest's line and path. */
export interface Place {
  readonly line: number;
  readonly column: string;
}

/** One row as text, before it is judged. The CSV and the JSON reader both make these. */
export interface RawRow {
  /** Its first line. */
  readonly line: number;
  /** One text for each of the manifest's headers, as the file has it. */
  readonly cells: readonly string[];
  /** Columns of which the reader has told a fault already: they count as neither given nor missing. */
  readonly spoiled?: readonly ManifestColumn[];
  /** Where the value of a column stands, or would stand. Left out in a CSV, whose header tells it. */
  readonly placeOf?: (column: ManifestColumn) => Place;
}

/** One value that a JSON manifest's top level gives to all rows. */
export interface SharedText extends Place {
  readonly text: string;
}

/** A manifest as text: rows under headers, and where each value stands. */
export interface RawManifest {
  readonly format: "csv" | "json";
  readonly header: readonly string[];
  /** The header's line; 1 for JSON. */
  readonly headerLine: number;
  readonly rows: readonly RawRow[];
  /** What a JSON manifest's top level says for all rows. */
  readonly shared: {
    readonly sourceTaskId?: SharedText | undefined;
    readonly qlikAppId?: SharedText | undefined;
    readonly name?: SharedText | undefined;
    readonly reportIds?: readonly SharedText[] | undefined;
  };
}

/** What the readers and checks of one file find wrong with it. */
export class Findings {
  /** As messages name the file. */
  readonly file: string;
  readonly faults: Problem[] = [];
  readonly warnings: Problem[] = [];

  constructor(file: string) {
    this.file = file;
  }

  fault(code: ProblemCode, message: string, more: Omit<Problem, "code" | "message">): void {
    this.faults.push(this.#problem(code, message, more));
  }

  warn(code: ProblemCode, message: string, more: Omit<Problem, "code" | "message">): void {
    this.warnings.push(this.#problem(code, message, more));
  }

  #problem(code: ProblemCode, message: string, more: Omit<Problem, "code" | "message">): Problem {
    const value = more.value === undefined ? undefined : keptValue(more.value);
    return problem(code, message, { ...more, file: this.file, value });
  }
}
