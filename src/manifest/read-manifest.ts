import { createHash } from "node:crypto";
import { basename } from "node:path";
import { MOST_BYTES } from "../files/open-file.js";
import { decodeText, readNamedFile, workbook } from "../files/read-file.js";
import { EXIT, type Problem, StopError, stopError } from "../shared/problems.js";
import { mapInSteps, type Steps } from "../shared/steps.js";
import { inSteps } from "../shared/time.js";
import { checkManifest } from "./checks.js";
import { indexColumns, namedColumns } from "./columns.js";
import { readCsvManifest } from "./csv.js";
import { readJsonManifest } from "./json.js";
import { Findings, type Manifest, type ManifestDefaults } from "./manifest.js";
import { readRow, shareValues, tenantsOf } from "./rows.js";

/** A manifest as bytes. */
export interface ManifestInput {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** `--encoding`; found by looking where it is not given. */
  readonly encoding?: string | undefined;
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
 * Reads a manifest from its bytes: CSV or JSON, in any encoding that Excel or PowerShell writes. Throws a StopError (exit 2)
 * with every fault that can be seen without the server, by line.
 */
export async function readManifest({ path: file, bytes, encoding, defaults }: ManifestInput): Promise<Manifest> {
  if (/\.xls[xmb]$/i.test(file)) throw new StopError(EXIT.usage, workbook(file));
  return inSteps(judge({ path: file, bytes, encoding, defaults }));
}

function* judge({ path: file, bytes, encoding, defaults }: ManifestInput): Steps<Manifest> {
  const { text, warning } = decodeText(bytes, { encoding, file });
  yield;
  const findings = new Findings(file);
  const empty = stopError(EXIT.usage, "MANIFEST_EMPTY", `The manifest ${file} is empty.`, { file });
  if (text.trim() === "") throw empty;
  const named = namedColumns(defaults.columns ?? [], findings);
  const json = isJson(text, file);
  if (json && named.size > 0)
    findings.fault("COLUMN_OPTION", "--column is for CSV: a JSON manifest's keys are its columns.", {
      hint: "Leave --column out, and name the keys as the columns are named.",
    });
  if (findings.faults.length > 0) throw new StopError(EXIT.usage, findings.faults);
  const raw = yield* json ? readJsonManifest(text, findings) : readCsvManifest(text, named, findings);
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
    rows: rows.map(({ line, key, cells }) => ({ line, key, cells })),
    warnings: [...(warning === undefined ? [] : [warning]), ...inOrder(findings.warnings)],
  };
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
