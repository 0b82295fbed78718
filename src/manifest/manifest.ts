import type { ProblemCode } from "../shared/codes.js";
import type { AppId, TaskId, TenantKey } from "../shared/ids.js";
import { EXIT, type Problem, problem, StopError, stopError } from "../shared/problems.js";
import { keptValue } from "../shared/text-safety.js";
import type { ManifestColumn } from "./columns.js";

/** One desired mapping of a manifest: a report (`undefined`: every report) shall read `newQlikAppId` instead of `qlikAppId`. */
export interface DesiredMapping {
  /** As the user named it, a GUID in normal form: a report row's `id` or a `reportID`. */
  readonly report: string | undefined;
  readonly qlikAppId: AppId;
  readonly newQlikAppId: AppId;
  readonly line: number;
}

/** A tenant's texts by the meaning of their header. */
export type ColumnTexts = Pick<ReadonlyMap<string, string>, "get">;

/** One tenant of a manifest under one source task: all its rows together. */
export interface ManifestTenant {
  readonly key: TenantKey;
  /** As the manifest spells it. */
  readonly tenant: string;
  /** The first line of its rows. */
  readonly line: number;
  readonly enabled: boolean;
  /** `undefined` only for a disabled row that names none. */
  readonly sourceTaskId: TaskId | undefined;
  /** The template of the copy's name: the row's own, else the flag's, else the manifest's, else the default. */
  readonly nameTemplate: string;
  /** The `newTaskId` column: a copy that exists already. */
  readonly newTaskId: TaskId | undefined;
  readonly desired: readonly DesiredMapping[];
  /** For `{column}` in the name. */
  readonly columns: ColumnTexts;
}

/** A manifest that was read and found free of faults that can be seen without the server. */
export interface Manifest {
  readonly path: string;
  /** The file's name without its folder: what ties a log's tenants to a manifest. */
  readonly fileName: string;
  readonly sha256: string;
  readonly tenants: readonly ManifestTenant[];
  readonly warnings: readonly Problem[];
  /** `--apps`: the apps' names. */
  readonly appNames?: ReadonlyMap<AppId, string> | undefined;
  /** The input's delimiter, columns and rows as text, for a result that shows them again (CSV). */
  readonly delimiter: string;
  readonly header: readonly string[];
  /** Where each header stands, by its meaning. */
  readonly columns?: ReadonlyMap<string, number> | undefined;
  /** Of a workbook: how the cell of a known column is named, `Sheet1!B7`. */
  readonly cellAt?: ((line: number, column: string) => string | undefined) | undefined;
  readonly rows: readonly {
    readonly line: number;
    readonly key: TenantKey | undefined;
    readonly cells: readonly string[];
  }[];
}

/** What the command line adds to a manifest before it is checked. */
export interface ManifestDefaults {
  readonly sourceTaskId?: TaskId | undefined;
  readonly masterApp?: AppId | undefined;
  /** Reports to map for rows that name none; normal GUIDs. */
  readonly reports: readonly string[];
  /** `--name`; `undefined` where the flag is not given. */
  readonly nameTemplate?: string | undefined;
  readonly allowSharedApps: readonly AppId[];
  readonly allowMasterAppFor: readonly TenantKey[];
  /** `--column`: `tenant=Kunde`. */
  readonly columns?: readonly string[] | undefined;
  /** `--apps`: the apps that exist; `undefined` where the flag is not given. */
  readonly knownApps?: ReadonlyMap<AppId, string> | undefined;
}

/** The copy's name where nobody says otherwise. */
export const DEFAULT_NAME_TEMPLATE = "{task} - {tenant}";

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
  readonly spoiled?: readonly ManifestColumn[] | undefined;
  /** Where the value of a column stands, or would stand. Left out in a CSV, whose header tells it. */
  readonly placeOf?: ((column: ManifestColumn) => Place) | undefined;
}

/** One value that a JSON manifest's top level gives to all rows. */
export interface SharedText extends Place {
  readonly text: string;
}

/** A manifest as text: rows under headers, and where each value stands. */
export interface RawManifest {
  /** A workbook's sheet is a table as a CSV is. */
  readonly format: "csv" | "json";
  /** Between the cells of a CSV; a comma for JSON. A result in CSV has it too. */
  readonly delimiter: string;
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

/** What one file may hold: more than any manifest needs, and no more than this machine's memory does. */
export const MOST_ROWS = 1_000_000;
export const MOST_COLUMNS = 1024;
export const MOST_CELLS = 20_000_000;
/** More faults than anybody reads have one cause: reading ends there. */
export const MOST_FAULTS = 10_000;

/** What the readers and checks of one file find wrong with it. */
export class Findings {
  /** As messages name the file. */
  readonly file: string;
  /** In a workbook: how the cell of a column is named, `Sheet1!B7`. */
  cellAt: ((line: number, column: string) => string | undefined) | undefined;
  readonly faults: Problem[] = [];
  readonly warnings: Problem[] = [];

  constructor(file: string) {
    this.file = file;
  }

  fault(code: ProblemCode, message: string, more: Omit<Problem, "code" | "message">): void {
    this.add(this.#problem(code, message, more));
  }

  /** Adds a fault. Throws a StopError (exit 2) with all of them where there are too many. */
  add(fault: Problem): void {
    this.faults.push(fault);
    if (this.faults.length < MOST_FAULTS) return;
    const message = `${this.file} has ${MOST_FAULTS} faults and more: what stands behind them was not looked at.`;
    throw new StopError(EXIT.usage, [...this.faults, problem("FAULTS_BEYOND", message, { file: this.file })]);
  }

  /** Refuses a file that has more of something than is read: throws a StopError (exit 2) with this alone. */
  checkSize(found: number, most: number, what: string): void {
    if (found <= most) return;
    const message = `${this.file} has more ${what} than are read: at most ${most}.`;
    throw stopError(EXIT.usage, "MANIFEST_TOO_LARGE", message, { file: this.file });
  }

  warn(code: ProblemCode, message: string, more: Omit<Problem, "code" | "message">): void {
    this.warnings.push(this.#problem(code, message, more));
  }

  #problem(code: ProblemCode, message: string, more: Omit<Problem, "code" | "message">): Problem {
    const value = more.value === undefined ? undefined : keptValue(more.value);
    const { line, column } = more;
    const cell = line === undefined || column === undefined ? undefined : this.cellAt?.(line, column);
    const place = cell === undefined ? column : `${column} (${cell})`;
    return problem(code, message, { ...more, file: this.file, value, column: place });
  }
}
