import { createHash } from "node:crypto";
import { basename } from "node:path";
import { MOST_BYTES } from "../files/open-file.js";
import { decodeText, isArchive, olderWorkbook, readNamedFile } from "../files/read-file.js";
import { EXIT, type Problem, StopError, stopError } from "../shared/problems.js";
import { mapInSteps, type Steps } from "../shared/steps.js";
import { inSteps } from "../shared/time.js";
import { checkManifest } from "./checks.js";
import { indexColumns, type NamedColumns, namedColumns } from "./columns.js";
import { readCsvManifest } from "./csv.js";
import { readJsonManifest } from "./json.js";
import { Findings, type Manifest, type ManifestDefaults, type RawManifest } from "./manifest.js";
import { readRow, shareValues, tenantsOf } from "./rows.js";

/** A manifest as bytes. */
export interface ManifestInput {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** `--encoding`; found by looking where it is not given. */
  readonly encoding?: string | undefined;
  /** `--sheet`, of a workbook; the first visible one where it is not given. */
  readonly sheet?: string | undefined;
  readonly defaults: ManifestDefaults;
}

/**
 * Reads a manifest's file and judges it. Throws a StopError (exit 2) with every fault, also where the file cannot be read.
 * `checkFile` is shown the file's SHA-256 before anything of it is read.
 */
export async function readManifestFile(
  path: string,
  { checkFile, ...options }: Omit<ManifestInput, "path" | "bytes"> & { readonly checkFile?: (sha256: string) => void },
): Promise<Manifest> {
  const named = { what: "the manifest", code: "MANIFEST_UNREADABLE", most: MOST_BYTES.table } as const;
  const { bytes } = await readNamedFile(path, named);
  checkFile?.(sha256Of(bytes));
  return readManifest({ ...options, path, bytes });
}

/**
 * Reads a manifest from its bytes: an Excel workbook, or CSV or JSON in any encoding that Excel or PowerShell writes. Throws a
 * StopError (exit 2) with every fault that can be seen without the server, by line.
 */
export async function readManifest(input: ManifestInput): Promise<Manifest> {
  const older = olderWorkbook(input.bytes, input.path);
  if (older !== undefined) throw new StopError(EXIT.usage, older);
  const reader = isArchive(input.bytes) ? (await import("./workbook-table.js")).readWorkbookManifest : undefined;
  return inSteps(judge(input, reader));
}

type WorkbookReader = typeof import("./workbook-table.js").readWorkbookManifest;

function* judge(input: ManifestInput, readWorkbook: WorkbookReader | undefined): Steps<Manifest> {
  const { path: file, bytes, encoding, sheet, defaults } = input;
  const findings = new Findings(file);
  const empty = stopError(EXIT.usage, "MANIFEST_EMPTY", `The manifest ${file} is empty.`, { file });
  const named = namedColumns(defaults.columns ?? [], findings);
  if (readWorkbook !== undefined && encoding !== undefined)
    findings.warn("OPTION_UNUSED", "--encoding serves nothing: a workbook has its own.", {});
  if (readWorkbook === undefined && sheet !== undefined)
    findings.warn("OPTION_UNUSED", "--sheet serves nothing: the manifest is no workbook.", {});
  const raw = yield* readWorkbook !== undefined
    ? readWorkbook(bytes, { named, sheet }, findings)
    : readText(input, { named, empty }, findings);
  if (raw.header.length === 0) throw findings.faults.length > 0 ? new StopError(EXIT.usage, findings.faults) : empty;
  if (raw.rows.length === 0 && findings.faults.length === 0) {
    const why = raw.format === "csv" ? "below its header is no row" : "its array is empty";
    findings.fault("NO_ROWS", `The manifest ${file} lists no tenant: ${why}.`, { line: raw.headerLine });
  }
  const columns = indexColumns(raw.header, raw.headerLine, named, findings);
  const shared = shareValues(raw, defaults, findings);
  const context = { raw, columns, shared, findings };
  const rows = yield* mapInSteps(raw.rows, (row) => readRow(row, context));
  const tenants = tenantsOf(rows, context);
  yield;
  yield* checkManifest({ ...context, rows, tenants });
  if (findings.faults.length > 0) throw new StopError(EXIT.usage, inOrder(findings.faults));
  return {
    path: file,
    fileName: basename(file),
    sha256: sha256Of(bytes),
    tenants: tenants.map(({ rows: _, ...tenant }) => tenant),
    appNames: defaults.knownApps,
    delimiter: raw.delimiter,
    header: raw.header,
    columns,
    cellAt: findings.cellAt && cellsOf(findings.cellAt, raw.header, columns),
    rows: rows.map(({ line, key, cells }) => ({ line, key, cells })),
    warnings: inOrder(findings.warnings),
  };
}

function cellsOf(
  cellAt: NonNullable<Findings["cellAt"]>,
  header: readonly string[],
  columns: ReadonlyMap<string, number>,
): Manifest["cellAt"] {
  return (line, column) => cellAt(line, header[columns.get(column) ?? -1] ?? "");
}

function* readText(
  { path: file, bytes, encoding }: ManifestInput,
  { named, empty }: { readonly named: NamedColumns; readonly empty: StopError },
  findings: Findings,
): Steps<RawManifest> {
  const { text, warning } = decodeText(bytes, { encoding, file });
  yield;
  if (warning !== undefined) findings.warnings.push(warning);
  if (text.trim() === "") throw empty;
  const json = isJson(text, file);
  if (json && named.size > 0)
    findings.fault("COLUMN_OPTION", "--column is for CSV: a JSON manifest's keys are its columns.", {
      hint: "Leave --column out, and name the keys as the columns are named.",
    });
  if (findings.faults.length > 0) throw new StopError(EXIT.usage, findings.faults);
  return yield* json ? readJsonManifest(text, findings) : readCsvManifest(text, named, findings);
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** By the name's ending; where that says nothing, by the first character that is not blank. */
function isJson(text: string, path: string): boolean {
  if (/\.json$/i.test(path)) return true;
  if (/\.(csv|tsv|tab)$/i.test(path)) return false;
  return /^\s*[[{]/.test(text);
}

/** By line, those of no line first; what was told of one cell in the same words is told once. */
function inOrder(problems: readonly Problem[]): readonly Problem[] {
  const distinct = new Map(problems.map((one) => [`${one.code} ${one.line} ${one.column} ${one.message}`, one]));
  return [...distinct.values()].sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
}
