import { hash } from "node:crypto";
import { EXIT, type StopError, stopError } from "../shared/problems.js";
import { harmlessJson } from "../shared/text-safety.js";
import {
  entryFault,
  headerIn,
  isRawLine,
  isWholeRecord,
  type LogEntry,
  type LogEnvelope,
  type LogHeader,
  type LogRecord,
} from "./records.js";

/**
 * The log's lines as text, and the digest that chains each to the one before. A digest is the SHA-256, in hex, of the line
 * before (whole, without its line end), a line feed, and this line up to its `,"digest":`, which always stands last; the
 * header's covers the header alone.
 */

/** A line's end, as the digest makes it. Its length never changes, so that the rest is found without parsing. */
export function digestField(digest: string): string {
  return `,"digest":"${digest}"}`;
}

/** The end of the chain: the last line's number, its digest, and its text, which the next line's digest covers. */
export interface ChainEnd {
  readonly seq: number;
  readonly digest: string;
  readonly line: string;
}

/** What is the same for all lines of one group. */
export interface GroupEnvelope {
  readonly at: string;
  readonly run: string;
  readonly synced: number;
}

/** The first line of a new log. */
export function headerLine(
  { server, sourceTasks }: Pick<LogHeader, "server" | "sourceTasks">,
  at: string,
  run: string,
): ChainEnd {
  const header = { type: "header", format: "qalyptus-propagate-log", formatVersion: 1, server, sourceTasks } as const;
  return chainedLine("", 0, header, { at, run, synced: 0 });
}

/** The next lines of a log whose last line is `last`, each with its line end; and the last of them. */
export function nextLines(
  last: ChainEnd,
  entries: readonly LogEntry[],
  group: GroupEnvelope,
): { readonly text: string; readonly end: ChainEnd } {
  let end = last;
  let text = "";
  for (const entry of entries) {
    end = chainedLine(`${end.line}\n`, end.seq + 1, entry, group);
    text += `${end.line}\n`;
  }
  return { text, end };
}

function chainedLine(before: string, seq: number, fields: LogEntry | LogHeader, group: GroupEnvelope): ChainEnd {
  const { at, run, synced } = group;
  const body = harmlessJson(JSON.stringify({ v: 1, seq, at, run, ...fields, synced })).slice(0, -1);
  const digest = hash("sha256", before + body, "hex");
  return { seq, digest, line: body + digestField(digest) };
}

/** How the first line of every log begins; tells a header that was cut short from a foreign file. */
const HEADER_START = '{"v":1,"seq":0,"at":"';
const FIRST_RECORD_START = '{"v":1,"seq":1,"at":"';

/** What differs from header to header; the last of it may be cut short. */
const HEADER_VALUES =
  /(?<="at":")[0-9TZ:.+-]*|(?<="(?:run|server)":")(?:[^"\\\p{Cc}]|\\.|\\$)*|(?<="sourceTasks":\[)[0-9a-f",-]*|(?<="digest":")[0-9a-f]*/gu;
const EMPTY_HEADER = headerLine({ server: "", sourceTasks: [] }, "", "").line.replace(HEADER_VALUES, "");

/** More than that of a log of 20,000 source tasks. */
const LONGEST_HEADER = 1024 * 1024;

/** Whether a text is a beginning of a header, cut before its end: all that a crash may leave of a log that held nothing yet. */
function isBeginningOfHeader(text: string): boolean {
  if (text.length > LONGEST_HEADER) return false;
  const rest = text.replace(HEADER_VALUES, "");
  return rest.length < EMPTY_HEADER.length && EMPTY_HEADER.startsWith(rest);
}

/** The last group was cut short by a crash: from line `line` on, so many bytes behind the last whole line, to the file's end. */
export interface TornTail {
  readonly bytes: number;
  readonly line: number;
  readonly hasNuls: boolean;
}

/** A log that was read to its end. */
export interface LogContent {
  /** `undefined`: the file is empty, or holds a header that was cut short and nothing after it, so that no record was lost. */
  readonly header: LogHeader | undefined;
  /** The last whole line. */
  readonly last: ChainEnd | undefined;
  readonly torn: TornTail | undefined;
  /** Where the last whole line ends in the file, its line end included, in bytes. */
  readonly end: number;
  /** The last whole line lacks its line end: the next one to be appended must begin with one. */
  readonly endsWithoutNewline: boolean;
}

/** Far more than any line of ours; a "line" beyond it is no log's. */
const LONGEST_LINE = 64 * 1024 * 1024;
/**
 * A file system may show NULs for what was appended and not yet flushed: one group. More of them may stand for groups that were
 * flushed, and told. A file system shows whole blocks (4 KiB, nearly everywhere); a run's groups grow one by one with the writes in
 * flight: so a torn one may have one block of NULs, or twice the bytes of the log's biggest group.
 */
const FEW_NULS = 4 * 1024;
/** A log whose lines were lost so is never taken for one that held none: it would make every copy a second time. */
const NULS_FOR_LINES = "NUL bytes stand where its lines were, as a power loss or a broken disk leaves them";
const REFUSALS = {
  LOG_FOREIGN: "is not an idempotency log of qalyptus-propagate",
  LOG_NEWER: "was written by a newer version of qalyptus-propagate",
  LOG_DAMAGED: "is damaged",
};
const LF = 10;
const CR = 13;
const DIGEST_FIELD_LENGTH = digestField("").length + 64;

/**
 * Reads a log piece by piece, in one pass: each record is checked (chain, number, schema) and handed to `visit` once. Pure over the
 * bytes pushed into it; keeps of them the last two lines and what is not a whole line yet. Throws a StopError (exit 6) where they
 * are no log, or a damaged one, which is never repaired by the program.
 *
 * Torn is the last group only: from the first bad line to the end there is no whole record, or the whole ones are of one
 * run, rightly numbered, and were written when the bad line was not yet durable. A bad line that still is JSON was edited,
 * not torn. NULs are torn behind whole records only, and no more than one group of them: behind the header alone they may be all
 * that is left of a log. All else is damage.
 */
export class LogScan {
  readonly #path: string;
  readonly #visit: (record: LogRecord) => void;
  /** What is not a whole line yet, in the pieces that it came in, and how long it is. */
  #pieces: Buffer[] = [];
  #pending = 0;
  /** The lines that were read, where the next one starts in the file, and the text of the last one. */
  #lines = 0;
  #offset = 0;
  #before: Buffer | undefined;
  /** The header, and what is known of the last right line: its text, and where it ends in the file. */
  #header: LogHeader | undefined;
  #seq = 0;
  #synced = 0;
  #digest = "";
  #lastLine: Buffer = Buffer.alloc(0);
  #end = 0;
  /** Where the group of the last right line begins in the file, and the bytes of the biggest before it. */
  #groupStart = 0;
  #biggestGroup = 0;
  /** The first line that is not a right record, while it is not yet known whether only the last group is torn. */
  #break: number | undefined;
  /** The last whole record behind the break. */
  #survivor: { readonly line: number; readonly seq: number; readonly run: string } | undefined;
  /** NUL bytes from the break on. */
  #nuls = 0;

  /** `path`: as messages name the log. */
  constructor(path: string, visit: (record: LogRecord) => void) {
    this.#path = path;
    this.#visit = visit;
  }

  /** Takes the file's next bytes, which must stay as they are. */
  push(chunk: Buffer): void {
    this.#pieces.push(chunk);
    this.#pending += chunk.length;
    if (chunk.includes(LF)) {
      const bytes = this.#pieces.length === 1 ? chunk : Buffer.concat(this.#pieces);
      let start = 0;
      for (let end = bytes.indexOf(LF); end >= 0; end = bytes.indexOf(LF, start)) {
        this.#readLine(bytes.subarray(start, end), end + 1 - start);
        start = end + 1;
      }
      this.#pieces = start === bytes.length ? [] : [bytes.subarray(start)];
      this.#pending = bytes.length - start;
    }
    if (this.#pending <= LONGEST_LINE) return;
    this.#lines += 1;
    if (this.#pieces[0]?.[0] === 0) throw this.#damaged(NULS_FOR_LINES);
    throw this.#refusal(this.#header === undefined ? "LOG_FOREIGN" : "LOG_DAMAGED", "it never ends");
  }

  /** Says what the log is, once all its bytes are pushed. */
  end(): LogContent {
    const rest = Buffer.concat(this.#pieces);
    if (this.#lines === 0 && isBeginningOfHeader(rest.toString("utf8"))) {
      const torn = rest.length === 0 ? undefined : { bytes: rest.length, line: 1, hasNuls: false };
      return { header: undefined, last: undefined, torn, end: 0, endsWithoutNewline: false };
    }
    if (rest.length > 0) this.#readLine(rest, rest.length);
    const mostNuls = Math.max(FEW_NULS, 2 * this.#biggestGroup, 2 * (this.#end - this.#groupStart));
    if (this.#break !== undefined && this.#nuls > (this.#seq === 0 ? 0 : mostNuls))
      throw this.#damaged(NULS_FOR_LINES, this.#break);
    return {
      header: this.#header,
      last: { seq: this.#seq, digest: this.#digest, line: this.#lastLine.toString("utf8") },
      torn:
        this.#break === undefined
          ? undefined
          : { line: this.#break, bytes: this.#offset - this.#end, hasNuls: this.#nuls > 0 },
      end: this.#end,
      endsWithoutNewline: this.#break === undefined && rest.length > 0,
    };
  }

  /** `length`: of the line with its line end. */
  #readLine(bytes: Buffer, length: number): void {
    const line = bytes.at(-1) === CR ? bytes.subarray(0, -1) : bytes;
    this.#lines += 1;
    if (this.#header === undefined) this.#readHeader(line);
    else if (this.#break === undefined) this.#readRecord(line);
    else this.#readBehind(this.#break, line);
    this.#offset += length;
    this.#before = line;
    if (this.#break !== undefined) this.#nuls += countNuls(line);
    else {
      this.#end = this.#offset;
      this.#lastLine = line;
    }
  }

  #readHeader(line: Buffer): void {
    const value = parsed(line);
    const digest = this.#digestOf(line);
    const header = headerIn(value);
    if (digest !== undefined && header !== undefined) {
      this.#header = header;
      this.#digest = digest;
      return;
    }
    const found = Object(value) as Readonly<Record<string, unknown>>;
    if (found.type === "header" && found.format === "qalyptus-propagate-log") {
      if (Number(found.v) > 1 || Number(found.formatVersion) > 1)
        throw this.#refusal("LOG_NEWER", "the header is of a newer format");
      throw this.#damaged("the header's digest is not that of its text");
    }
    const text = line.toString("utf8");
    const nul = text.indexOf("\0");
    if (nul >= 0 && isBeginningOfHeader(text.slice(0, nul)) && /^\0+$/.test(text.slice(nul)))
      throw this.#damaged(NULS_FOR_LINES);
    if (text.startsWith(HEADER_START)) throw this.#damaged("the header is cut short or was edited");
    throw this.#refusal("LOG_FOREIGN", "it is not the header of an idempotency log");
  }

  #readRecord(line: Buffer): void {
    const digest = this.#digestOf(line);
    const value = parsed(line);
    if (digest === undefined && value === undefined) {
      this.#break = this.#lines;
      const text = line.toString("utf8");
      if (
        this.#seq > 0 ||
        (text !== "" && (text.startsWith(FIRST_RECORD_START) || FIRST_RECORD_START.startsWith(text)))
      )
        return;
      throw this.#damaged(countNuls(line) > 0 ? NULS_FOR_LINES : "it is no beginning of the log's first record");
    }
    // It is JSON: where it is wrong, it was edited, or a newer program wrote it.
    const seq = this.#seq + 1;
    const isWhole = isWholeRecord(value);
    if (!isWhole && !isRawLine(value)) throw this.#damaged("it is not a record of this log");
    if (value.v > 1) throw this.#refusal("LOG_NEWER", `its version is ${value.v}`);
    if (value.v !== 1) throw this.#damaged(`its version is ${value.v}`);
    if (value.seq !== seq) throw this.#damaged(`its seq is ${value.seq} where ${seq} must stand`);
    if (digest === undefined) throw this.#damaged("its digest is not that of its text and of the line before");
    if (value.synced >= seq || value.synced < this.#synced) throw this.#damaged(`its synced cannot be ${value.synced}`);
    const fault = isWhole ? undefined : entryFault(value);
    if (fault !== undefined && fault.field === undefined)
      throw this.#refusal("LOG_NEWER", `its type "${value.type}" is unknown to this version`);
    if (fault !== undefined)
      throw this.#damaged(`its field "${fault.field}" is not what a record of type "${value.type}" has`);
    if (value.synced !== this.#synced || this.#seq === 0) {
      this.#biggestGroup = Math.max(this.#biggestGroup, this.#offset - this.#groupStart);
      this.#groupStart = this.#offset;
    }
    this.#seq = seq;
    this.#synced = value.synced;
    this.#digest = digest;
    this.#visit(value as LogRecord);
  }

  /** A line behind the first bad one: it must be part of the same, torn, group. */
  #readBehind(brokenLine: number, line: Buffer): void {
    const value = parsed(line);
    if (value === undefined) return;
    if (!isRawLine(value) || !this.#isOfTornGroup(brokenLine, value, line)) {
      const what = `it cannot be read, and what stands behind it, on line ${this.#lines}, was written later`;
      throw this.#damaged(what, brokenLine);
    }
    this.#survivor = { line: this.#lines, seq: value.seq, run: value.run };
  }

  #isOfTornGroup(brokenLine: number, record: LogEnvelope, line: Buffer): boolean {
    const brokenSeq = this.#seq + 1;
    // A line end that was lost makes one line of several: numbers may run ahead of lines, never behind.
    if (record.synced >= brokenSeq || record.seq < brokenSeq + this.#lines - brokenLine) return false;
    const before = this.#survivor;
    if (before === undefined) return true;
    if (record.run !== before.run) return false;
    if (before.line + 1 < this.#lines) return record.seq >= before.seq + this.#lines - before.line;
    return record.seq === before.seq + 1 && this.#digestOf(line) !== undefined;
  }

  /** The digest of a line, chained to the one before; `undefined` where the line says another. */
  #digestOf(line: Buffer): string | undefined {
    const bodyEnd = line.length - DIGEST_FIELD_LENGTH;
    if (bodyEnd < 0) return undefined;
    const body = line.subarray(0, bodyEnd);
    const digest = hash("sha256", this.#before === undefined ? body : joined(this.#before, body), "hex");
    return line.toString("latin1", bodyEnd) === digestField(digest) ? digest : undefined;
  }

  #damaged(what: string, line = this.#lines): StopError {
    return this.#refusal("LOG_DAMAGED", what, line);
  }

  #refusal(code: keyof typeof REFUSALS, what: string, line = this.#lines): StopError {
    const name = code === "LOG_FOREIGN" ? this.#path : `The idempotency log ${this.#path}`;
    const message = `${name} ${REFUSALS[code]}: line ${line}: ${what}.`;
    return stopError(EXIT.log, code, message, { file: this.#path, line });
  }
}

/** Two lines as they stand in the file, but with a line feed for any line end between. Where they do stand so, nothing is copied. */
function joined(before: Buffer, line: Buffer): Buffer {
  const [start, length] = [before.byteOffset, before.length + 1 + line.length];
  const isNext = before.buffer === line.buffer && start + before.length + 1 === line.byteOffset;
  return isNext ? Buffer.from(line.buffer, start, length) : Buffer.concat([before, Buffer.of(LF), line]);
}

function countNuls(line: Buffer): number {
  return line.reduce((count, byte) => (byte === 0 ? count + 1 : count), 0);
}

/** A line as JSON, or `undefined` where it is none. */
function parsed(line: Buffer): unknown {
  try {
    return JSON.parse(line.toString("utf8")) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
