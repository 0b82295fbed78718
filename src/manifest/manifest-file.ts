import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { decodeText, readWholeFile, workbook } from "../files/read-file.js";
import { EXIT, type Problem, StopError } from "../shared/problems.js";
import type { Manifest, ManifestDefaults } from "./manifest.js";
import { readCsvManifest } from "./manifest-csv.js";
import { readJsonManifest } from "./manifest-json.js";
import type { RawManifest } from "./raw-manifest.js";
import { readRawManifest } from "./reading.js";

export interface ManifestOptions {
  /** `--encoding`; found by looking where it is not given. */
  readonly encoding?: string | undefined;
  readonly defaults: ManifestDefaults;
}

/** A manifest as bytes. `path` is `-` for standard input. */
export interface ManifestInput extends ManifestOptions {
  readonly path: string;
  readonly bytes: Uint8Array;
}

const MEGABYTE = 1024 * 1024;
const LARGEST = 256 * MEGABYTE;

/** How messages name a manifest: its path, or standard input. */
function shownPath(path: string): string {
  return path === "-" ? "standard input" : path;
}

/** Reads a manifest's file and judges it. Throws a StopError (exit 2) with every fault, also where the file cannot be read. */
export async function readManifestFile(path: string, options: ManifestOptions): Promise<Manifest> {
  return readManifest({ ...options, path, bytes: await readBytes(path) });
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(path);
    if (size <= LARGEST) return await readWholeFile(path);
  } catch (cause) {
    throw new StopError(EXIT.usage, unreadable(path, cause), { cause });
  }
  throw new StopError(EXIT.usage, tooLarge(path));
}

const WHY_UNREADABLE: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EISDIR: "it is a folder",
  EACCES: "this user may not read it",
  EPERM: "this user may not read it",
  EBUSY: "another program holds it open",
};

function unreadable(path: string, cause: unknown): Problem {
  const code =
    cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : "unknown error";
  return {
    code: "MANIFEST_UNREADABLE",
    message: `The manifest ${path} cannot be read: ${WHY_UNREADABLE[code] ?? code}.`,
    hint: "Check the path, from the folder that the command is run in; if the file is open in Excel, close it there.",
    file: path,
  };
}

function tooLarge(path: string): Problem {
  return {
    code: "MANIFEST_TOO_LARGE",
    message: `The manifest ${shownPath(path)} is larger than ${LARGEST / MEGABYTE} MB.`,
    hint: "Check that it is the right file; split a manifest that is really so large.",
    file: shownPath(path),
  };
}

/**
 * Reads a manifest from its bytes: CSV or JSON, in any encoding that Excel or PowerShell writes. Throws a StopError (exit 2)
 * with every fault that can be seen without the server, by line.
 */
export async function readManifest(input: ManifestInput): Promise<Manifest> {
  const file = shownPath(input.path);
  if (/\.xls[xmb]$/i.test(input.path)) throw new StopError(EXIT.usage, workbook(file));
  if (input.bytes.length > LARGEST) throw new StopError(EXIT.usage, tooLarge(input.path));
  const decoded = decodeText(input.bytes, { encoding: input.encoding, file });
  const raw = rawManifest(decoded.text, input.path);
  const faulty = raw.rows.length === 0 ? withoutRows(decoded.text, raw) : undefined;
  if (faulty !== undefined) throw new StopError(EXIT.usage, faulty);
  const reading = readRawManifest(raw, input.defaults);
  if (reading.faults.length > 0) throw new StopError(EXIT.usage, reading.faults);
  return {
    path: input.path,
    fileName: basename(input.path),
    sha256: createHash("sha256").update(input.bytes).digest("hex"),
    ...reading.content,
    warnings: [...(decoded.warning === undefined ? [] : [decoded.warning]), ...reading.warnings],
  };
}

function rawManifest(text: string, path: string): RawManifest {
  const file = shownPath(path);
  return isJson(text, path) ? readJsonManifest(text, file) : readCsvManifest(text, file);
}

/** By the name's ending; where that says nothing, by the first character that is not blank. */
function isJson(text: string, path: string): boolean {
  if (/\.json$/i.test(path)) return true;
  if (/\.(csv|tsv|tab)$/i.test(path)) return false;
  return /^\s*[[{]/.test(text);
}

/** What is wrong with a manifest that has no header that can be read, or no rows at all. */
function withoutRows(text: string, raw: RawManifest): readonly Problem[] | undefined {
  if (text.trim() === "" || (raw.header.length === 0 && raw.faults.length === 0)) return [empty(raw.file)];
  if (raw.header.length === 0) return raw.faults;
  return undefined;
}

function empty(file: string): Problem {
  return {
    code: "MANIFEST_EMPTY",
    message: `The manifest ${file} is empty.`,
    hint: "Write a header row and a row for each tenant, or let init write a first manifest.",
    file,
  };
}
