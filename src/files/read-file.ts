import { isUtf8 } from "node:buffer";
import type { ProblemCode } from "../shared/codes.js";
import { EXIT, type Problem, problem, StopError, stopError } from "../shared/problems.js";
import { keptValue, quote } from "../shared/text-safety.js";
import { type ReadFile, readFileOrPipe, readStream } from "./open-file.js";
import { faultOf } from "./paths.js";

/** A file that a person has named, and how it is told of. */
export interface NamedFile {
  readonly what: string;
  readonly code: ProblemCode;
  readonly most: number;
  readonly hint?: string | undefined;
}

/** Reads a file, or a pipe, that a person has named. Throws a StopError (exit 2) where it cannot be read, or is too large. */
export async function readNamedFile(path: string, named: NamedFile): Promise<ReadFile> {
  try {
    return await readFileOrPipe(path, named.most);
  } catch (cause) {
    throw unreadable(path, named, cause);
  }
}

/** Reads all of standard input. Throws a StopError (exit 2) where it is too large. */
export async function readInput(input: AsyncIterable<Uint8Array>, named: NamedFile): Promise<Buffer> {
  try {
    return await readStream("-", input, named.most);
  } catch (cause) {
    throw unreadable("on standard input", named, cause);
  }
}

function unreadable(path: string, { what, code, hint }: NamedFile, cause: unknown): StopError {
  return stopError(EXIT.usage, code, `${what} ${path} cannot be read: ${faultOf(cause)}`, { file: path, hint }, cause);
}

/** What a file in an encoding begins with. */
const MARKS: readonly (readonly [encoding: string, bytes: readonly number[]])[] = [
  ["utf-8", [0xef, 0xbb, 0xbf]],
  ["utf-16le", [0xff, 0xfe]],
  ["utf-16be", [0xfe, 0xff]],
];

const begins = (bytes: Uint8Array, start: readonly number[]) => start.every((byte, index) => bytes[index] === byte);

/** A ZIP archive, such as an .xlsx. */
export function isArchive(bytes: Uint8Array): boolean {
  return begins(bytes, [0x50, 0x4b, 0x03, 0x04]);
}

/** The fault of an .xls, or of a workbook under a password: both have Office's older container around them. */
export function olderWorkbook(bytes: Uint8Array, file: string): Problem | undefined {
  if (!begins(bytes, [0xd0, 0xcf, 0x11, 0xe0])) return undefined;
  const isLocked = Buffer.from(bytes).includes(Buffer.from("EncryptedPackage", "utf16le"));
  return notRead(file, isLocked ? "an Excel workbook under a password" : "a workbook of Excel's old form (.xls)");
}

/** The fault of a workbook, or of what may be taken for one, that is not read. */
export function notRead(file: string, what: string): Problem {
  return problem("WORKBOOK", `${file} is ${what}, which is not read.`, { file });
}

/**
 * Decodes a file as Excel, PowerShell and editors write it: UTF-8 with or without a mark, UTF-16 with one, Windows-1252 where
 * the bytes are no UTF-8 (a guess, which `warning` tells). `options.encoding`: `--encoding`, as typed. Throws a StopError (exit 2) for
 * a workbook, for NUL bytes without a mark, for an unknown encoding and for bytes that the stated one cannot have.
 */
export function decodeText(
  bytes: Uint8Array,
  options: { readonly file: string; readonly encoding?: string | undefined },
): { text: string; encoding: string; warning?: Problem } {
  const { file } = options;
  const workbook = isArchive(bytes) ? notRead(file, "an Excel workbook, not text") : olderWorkbook(bytes, file);
  if (workbook !== undefined) throw new StopError(EXIT.usage, workbook);
  const mark = MARKS.find(([, start]) => begins(bytes, start))?.[0];
  const encoding = agreedEncoding(mark, options);
  const nul = encoding?.startsWith("utf-16") ? -1 : bytes.indexOf(0);
  if (nul >= 0)
    throw stopError(
      EXIT.usage,
      "NUL_BYTES",
      `${file} holds NUL bytes (the first is byte ${nul + 1}) and has no mark that says UTF-16: it is not text.`,
      { file, hint: "Save it as UTF-8; if it is UTF-16 without a mark, say so with --encoding utf-16le" },
    );
  if (encoding !== undefined)
    return { text: decodeAs(encoding, bytes, file, options.encoding !== undefined), encoding };
  if (isUtf8(bytes)) return { text: new TextDecoder("utf-8").decode(bytes), encoding: "utf-8" };
  return { text: windows1252(latin1(bytes)), encoding: "windows-1252", warning: guessed(bytes, file) };
}

/** The encoding that `--encoding` states and the file's mark does not contradict; `undefined` where neither says anything. */
function agreedEncoding(
  mark: string | undefined,
  { encoding, file }: Parameters<typeof decodeText>[1],
): string | undefined {
  if (encoding === undefined) return mark;
  const typed = encoding.trim().toLowerCase();
  // Names that Windows and PowerShell use and the WHATWG's list of encodings lacks.
  const label = typed
    .replace(/^utf-?8-?(?:bom|nobom|sig)$/, "utf-8")
    .replace(/^utf-?16/, "utf-16")
    .replace(/^bigendianunicode$/, "utf-16be")
    .replace(/^ansi$/, "windows-1252");
  if (label === "utf-16") return mark?.startsWith("utf-16") ? mark : "utf-16le";
  let stated: string;
  try {
    stated = new TextDecoder(label).encoding;
  } catch (cause) {
    const message = `${quote(encoding)} is no encoding that is known here.`;
    throw stopError(EXIT.usage, "ENCODING_UNKNOWN", message, { file, value: keptValue(encoding) }, cause);
  }
  if (mark === undefined || stated === mark) return stated;
  const message = `${file} begins with the mark of ${mark}, but --encoding says ${stated}.`;
  const hint = "Leave --encoding out: the mark is right";
  throw stopError(EXIT.usage, "ENCODING_INVALID", message, { file, hint });
}

function decodeAs(encoding: string, bytes: Uint8Array, file: string, isStated: boolean): string {
  if (encoding === "windows-1252") return windows1252(latin1(bytes));
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (cause) {
    const line = encoding === "utf-8" ? firstOdd(bytes)?.line : undefined;
    const where = line === undefined ? "" : `: line ${line} has bytes that ${encoding} cannot have`;
    const message = `${file} is no valid ${encoding}${where}.`;
    const hint = isStated
      ? undefined
      : `It begins with the mark of ${encoding}, and was written on in another encoding. Save all of it as UTF-8`;
    throw stopError(EXIT.usage, "ENCODING_INVALID", message, { file, line, hint }, cause);
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

/** What Windows-1252 has at 0x80 to 0x9f. Node's own decoder reads Latin-1 there in some versions. */
const WINDOWS_1252_HIGH = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ";

function windows1252(text: string): string {
  return text.replace(/[\u0080-\u009f]/g, (char) => WINDOWS_1252_HIGH.charAt(char.charCodeAt(0) - 0x80));
}

function guessed(bytes: Uint8Array, file: string): Problem {
  const odd = firstOdd(bytes);
  const value = odd?.value;
  const shown = value === undefined ? "" : `: line ${odd?.line} is read as ${quote(value)}`;
  return problem("ENCODING_GUESSED", `${file} is no UTF-8; it was read as Windows-1252${shown}.`, {
    hint: 'If that looks wrong, say --encoding NAME. Excel\'s "CSV UTF-8" needs no guess',
    file,
    line: odd?.line,
    value: value === undefined ? undefined : keptValue(value),
  });
}

/** The first line whose bytes are no UTF-8, and its first value that is none, as Windows-1252 reads it. */
function firstOdd(bytes: Uint8Array): { readonly line: number; readonly value: string | undefined } | undefined {
  const isOdd = (text: string) => !isUtf8(Buffer.from(text, "latin1"));
  const lines = latin1(bytes).split(/\r\n?|\n/);
  const index = lines.findIndex(isOdd);
  if (index < 0) return undefined;
  const value = lines[index]?.split(/[\t,;"'{}[\]]/).find(isOdd);
  return { line: index + 1, value: value === undefined ? undefined : windows1252(value).trim() };
}
