import { isUtf8 } from "node:buffer";
import { EXIT, type Problem, StopError } from "../shared/problems.js";
import { keptValue, quote } from "../shared/quotation.js";

/** A file's text and the encoding that it was read in. `warning`: the encoding was guessed. */
export interface DecodedText {
  readonly text: string;
  readonly encoding: string;
  readonly warning?: Problem | undefined;
}

export interface DecodeOptions {
  /** `--encoding`, as typed; found by looking where it is not given. */
  readonly encoding?: string | undefined;
  /** As messages name the file. */
  readonly file: string;
  /** A key file: no message shows anything of its content. */
  readonly secret?: boolean | undefined;
}

interface Mark {
  readonly bytes: readonly number[];
  readonly encoding: string;
}

/** The longer mark first: UTF-32's begins with UTF-16's. */
const MARKS: readonly Mark[] = [
  { bytes: [0xff, 0xfe, 0x00, 0x00], encoding: "utf-32le" },
  { bytes: [0x00, 0x00, 0xfe, 0xff], encoding: "utf-32be" },
  { bytes: [0xef, 0xbb, 0xbf], encoding: "utf-8" },
  { bytes: [0xff, 0xfe], encoding: "utf-16le" },
  { bytes: [0xfe, 0xff], encoding: "utf-16be" },
];

/** Names that Windows and PowerShell use and the WHATWG's list of encodings lacks. */
const WINDOWS_NAMES: ReadonlyMap<string, string> = new Map([
  ["ansi", "windows-1252"],
  ["utf8bom", "utf-8"],
  ["utf-8-bom", "utf-8"],
  ["utf-8-sig", "utf-8"],
  ["utf8nobom", "utf-8"],
  ["utf16", "utf-16"],
  ["utf16le", "utf-16le"],
  ["utf16be", "utf-16be"],
  ["bigendianunicode", "utf-16be"],
]);

/** What Windows-1252 has at 0x80 to 0x9f. Node's own decoder reads Latin-1 there in some versions. */
const WINDOWS_1252_HIGH = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ";

/**
 * Decodes a file as Excel, PowerShell and editors write it: UTF-8 with or without a mark, UTF-16 with one, Windows-1252 where
 * the bytes are no UTF-8. Throws a StopError (exit 2) for a workbook, for NUL bytes without a mark, for an unknown encoding and
 * for bytes that the stated one cannot have.
 */
export function decodeText(bytes: Uint8Array, options: DecodeOptions): DecodedText {
  refuseWorkbook(bytes, options.file);
  const stated = statedEncoding(options);
  const mark = MARKS.find((one) => one.bytes.every((byte, index) => bytes[index] === byte))?.encoding;
  const encoding = agreedEncoding(stated, mark, options);
  if (!encoding?.startsWith("utf-16")) refuseNulBytes(bytes, options.file);
  if (encoding !== undefined) return { text: decodeAs(encoding, bytes, options), encoding };
  if (isUtf8(bytes)) return { text: new TextDecoder("utf-8").decode(bytes), encoding: "utf-8" };
  return { text: decodeWindows1252(bytes), encoding: "windows-1252", warning: guessed(bytes, options) };
}

function refuse(problem: Problem, cause?: unknown): never {
  throw new StopError(EXIT.usage, problem, { cause });
}

function refuseWorkbook(bytes: Uint8Array, file: string): void {
  const begins = (...start: readonly number[]) => start.every((byte, index) => bytes[index] === byte);
  if (begins(0x50, 0x4b, 0x03, 0x04) || begins(0xd0, 0xcf, 0x11, 0xe0)) refuse(workbook(file));
}

/** The fault of an Excel workbook, known by its first bytes or by its name. */
export function workbook(file: string): Problem {
  return {
    code: "WORKBOOK",
    message: `${file} is an Excel workbook, not text.`,
    hint: 'In Excel: File > Save As > "CSV UTF-8 (Comma delimited) (*.csv)", then give that file.',
    file,
  };
}

function statedEncoding(options: DecodeOptions): string | undefined {
  if (options.encoding === undefined) return undefined;
  const typed = options.encoding.trim().toLowerCase();
  const label = WINDOWS_NAMES.get(typed) ?? typed;
  if (label === "utf-16") return label;
  try {
    return new TextDecoder(label).encoding;
  } catch (cause) {
    return refuse(
      {
        code: "ENCODING_UNKNOWN",
        message: `${quote(options.encoding)} is no encoding that is known here.`,
        hint: "Use utf-8, utf-16le, utf-16be or windows-1252 with --encoding, or leave it out: it is found by looking.",
        file: options.file,
        value: keptValue(options.encoding),
      },
      cause,
    );
  }
}

function agreedEncoding(
  stated: string | undefined,
  mark: string | undefined,
  options: DecodeOptions,
): string | undefined {
  if (mark?.startsWith("utf-32"))
    refuse({
      code: "ENCODING_UNKNOWN",
      message: `${options.file} is written in UTF-32, which is not read here.`,
      hint: "Save it as UTF-8.",
      file: options.file,
    });
  if (stated === "utf-16") return mark?.startsWith("utf-16") ? mark : "utf-16le";
  if (stated !== undefined && mark !== undefined && stated !== mark)
    refuse({
      code: "ENCODING_INVALID",
      message: `${options.file} begins with the mark of ${mark}, but --encoding says ${stated}.`,
      hint: "Leave --encoding out: the mark is right.",
      file: options.file,
    });
  return mark ?? stated;
}

function refuseNulBytes(bytes: Uint8Array, file: string): void {
  const at = bytes.indexOf(0);
  if (at >= 0)
    refuse({
      code: "NUL_BYTES",
      message: `${file} holds NUL bytes (the first is byte ${at + 1}) and has no mark that says UTF-16: it is not text.`,
      hint: "Save it as UTF-8; if it is UTF-16 without a mark, say so with --encoding utf-16le.",
      file,
    });
}

function decodeAs(encoding: string, bytes: Uint8Array, options: DecodeOptions): string {
  if (encoding === "windows-1252") return decodeWindows1252(bytes);
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (cause) {
    const line = encoding === "utf-8" ? firstOddLine(bytes)?.line : undefined;
    return refuse(
      {
        code: "ENCODING_INVALID",
        message: `${options.file} is no valid ${encoding}${line === undefined ? "" : `: line ${line} has bytes that ${encoding} cannot have`}.`,
        hint: "Leave --encoding out, or save the file as UTF-8.",
        file: options.file,
        line,
      },
      cause,
    );
  }
}

function decodeWindows1252(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    .toString("latin1")
    .replace(/[\u0080-\u009f]/g, (char) => WINDOWS_1252_HIGH.charAt(char.charCodeAt(0) - 0x80));
}

function guessed(bytes: Uint8Array, options: DecodeOptions): Problem {
  const odd = firstOddLine(bytes);
  const value = odd === undefined || options.secret === true ? undefined : firstOddValue(odd.bytes);
  const shown = value === undefined ? "" : `: line ${odd?.line} is read as ${quote(value)}`;
  return {
    code: "ENCODING_GUESSED",
    message: `${options.file} is no UTF-8; it was read as Windows-1252${shown}.`,
    hint: 'If that looks wrong, say --encoding NAME. Excel\'s "CSV UTF-8" needs no guess.',
    file: options.file,
    line: odd?.line,
    value: value === undefined ? undefined : keptValue(value),
  };
}

interface OddLine {
  readonly line: number;
  readonly bytes: Uint8Array;
}

const LF = 0x0a;
const CR = 0x0d;

/** The first line whose bytes are no UTF-8. Lines end in LF, CRLF or CR. */
function firstOddLine(bytes: Uint8Array): OddLine | undefined {
  let line = 1;
  let start = 0;
  for (let at = 0; at <= bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte !== LF && byte !== CR && byte !== undefined) continue;
    const content = bytes.subarray(start, at);
    if (!isUtf8(content)) return { line, bytes: content };
    if (byte === CR && bytes[at + 1] === LF) at += 1;
    line += 1;
    start = at + 1;
  }
  return undefined;
}

const BETWEEN_VALUES = new Set([..."\t,;\"'{}[]"].map((char) => char.charCodeAt(0)));

/** The first value of a line that is no UTF-8, read as Windows-1252. */
function firstOddValue(line: Uint8Array): string | undefined {
  let start = 0;
  for (let at = 0; at <= line.length; at += 1) {
    const byte = line[at];
    if (byte !== undefined && !BETWEEN_VALUES.has(byte)) continue;
    const value = line.subarray(start, at);
    if (!isUtf8(value)) return decodeWindows1252(value).trim();
    start = at + 1;
  }
  return undefined;
}
