import { hash } from "node:crypto";
import { type ChainEnd, digestField, HEADER_START, isBeginningOfFirstRecord, isBeginningOfHeader } from "./chain.js";
import { entryFault, isHeader, isRawLine, type LogEnvelope, type LogHeader, type LogRecord } from "./records.js";

/** The last group was cut short by a crash: from the byte `at`, on line `line`, to the file's end. */
export interface TornTail {
  readonly at: number;
  readonly bytes: number;
  readonly line: number;
  readonly hasNuls: boolean;
}

/** A log that was read to its end. */
export interface LogContent {
  readonly kind: "log";
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

/** Why a file is not read as a log: what is wrong, and on which line. Never repaired by the program. */
export interface LogRefusal {
  readonly code: "LOG_DAMAGED" | "LOG_FOREIGN" | "LOG_NEWER";
  readonly line: number;
  readonly what: string;
}

/** What a file's bytes are. */
export type LogReading = LogContent | { readonly kind: "refused"; readonly refusal: LogRefusal };

type Fault = readonly [code: LogRefusal["code"], what: string];

/** Far more than any line of ours; a "line" beyond it is no log's. */
const LONGEST_LINE = 64 * 1024 * 1024;
const LONGEST_UNBORN = 64 * 1024;
/**
 * A file system may show NULs for what was appended and not yet flushed: one group. More of them may stand for groups that were
 * flushed, and told. A file system shows whole blocks (4 KiB, nearly everywhere); a run's groups grow one by one with the writes in
 * flight: so a torn one may have one block of NULs, or twice the bytes of the log's biggest group.
 */
const FEW_NULS = 4 * 1024;
/** A log whose lines were lost so is never taken for one that held none: it would make every copy a second time. */
const NULS_FOR_LINES = "NUL bytes stand where its lines were, as a power loss or a broken disk leaves them";
const LF = 10;
const CR = 13;
const DIGEST_FIELD_LENGTH = digestField("").length + 64;

/**
 * Reads a log piece by piece, in one pass: each record is checked (chain, number, schema) and handed to `visit` once. Pure over the
 * bytes pushed into it; keeps of them the last two lines and what is not a whole line yet.
 *
 * Torn is the last group only: from the first bad line to the end there is no whole record, or the whole ones are of one
 * run, rightly numbered, and were written when the bad line was not yet durable. A bad line that still is JSON was edited,
 * not torn. NULs are torn behind whole records only, and no more than one group of them: behind the header alone they may be all
 * that is left of a log. All else is damage.
 */
export class LogScan {
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
  #break: { readonly line: number; readonly at: number } | undefined;
  /** The last whole record behind the break. */
  #survivor: { readonly line: number; readonly seq: number; readonly run: string } | undefined;
  /** NUL bytes from the break on. */
  #nuls = 0;
  #refusal: LogRefusal | undefined;

  constructor(visit: (record: LogRecord) => void) {
    this.#visit = visit;
  }

  /** Takes the file's next bytes, which must stay as they are. */
  push(chunk: Buffer): void {
    if (this.#refusal !== undefined) return;
    this.#pieces.push(chunk);
    this.#pending += chunk.length;
    if (chunk.includes(LF)) this.#readLines(this.#takePending());
    if (this.#pending > LONGEST_LINE) this.#refuseEndless();
  }

  /** Says what the file is, once all its bytes are pushed. */
  end(): LogReading {
    const rest = this.#takePending();
    if (this.#refusal === undefined && this.#lines === 0 && isUnborn(rest)) {
      const torn = rest.length === 0 ? undefined : { at: 0, bytes: rest.length, line: 1, hasNuls: false };
      return { kind: "log", header: undefined, last: undefined, torn, end: 0, endsWithoutNewline: false };
    }
    if (this.#refusal === undefined && rest.length > 0) this.#readLine(rest, rest.length);
    if (this.#break !== undefined && this.#nuls > this.#mostNuls()) this.#refuse(NULS_FOR_LINES, this.#break.line);
    if (this.#refusal !== undefined) return { kind: "refused", refusal: this.#refusal };
    return {
      kind: "log",
      header: this.#header,
      last: { seq: this.#seq, digest: this.#digest, line: this.#lastLine.toString("utf8") },
      torn: this.#break && { ...this.#break, bytes: this.#offset - this.#break.at, hasNuls: this.#nuls > 0 },
      end: this.#end,
      endsWithoutNewline: this.#break === undefined && rest.length > 0,
    };
  }

  #takePending(): Buffer {
    const all = Buffer.concat(this.#pieces, this.#pending);
    this.#pieces = [];
    this.#pending = 0;
    return all;
  }

  #readLines(bytes: Buffer): void {
    let start = 0;
    for (let end = bytes.indexOf(LF); end >= 0; end = bytes.indexOf(LF, start)) {
      this.#readLine(bytes.subarray(start, end), end + 1 - start);
      if (this.#refusal !== undefined) return;
      start = end + 1;
    }
    this.#pieces = [bytes.subarray(start)];
    this.#pending = bytes.length - start;
  }

  /** Damage is what nothing else explains. */
  #refuse(what: string, line = this.#lines, code: LogRefusal["code"] = "LOG_DAMAGED"): void {
    this.#refusal ??= { code, line, what };
  }

  #refuseEndless(): void {
    const line = this.#lines + 1;
    if (this.#pieces[0]?.[0] === 0) this.#refuse(NULS_FOR_LINES, line);
    else this.#refuse("it never ends", line, this.#header === undefined ? "LOG_FOREIGN" : "LOG_DAMAGED");
  }

  #mostNuls(): number {
    return this.#seq === 0 ? 0 : Math.max(FEW_NULS, 2 * this.#biggestGroup, 2 * (this.#end - this.#groupStart));
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
    if (digest === undefined || !isHeader(value) || value.seq !== 0) {
      const [code, what] = headerFault(value, line.toString("utf8"));
      this.#refuse(what, this.#lines, code);
      return;
    }
    const { type, format, formatVersion, server, sourceTasks } = value;
    this.#header = { type, format, formatVersion, server, sourceTasks };
    this.#digest = digest;
  }

  #readRecord(line: Buffer): void {
    const digest = this.#digestOf(line);
    const value = parsed(line);
    if (digest === undefined && value === undefined) {
      this.#break = { line: this.#lines, at: this.#offset };
      if (this.#seq === 0 && !isBeginningOfFirstRecord(line.toString("utf8")))
        this.#refuse(countNuls(line) > 0 ? NULS_FOR_LINES : "it is no beginning of the log's first record");
      return;
    }
    const fault = this.#recordFault(value, digest);
    if (fault === undefined) this.#takeIn(value as LogRecord);
    else this.#refuse(fault[1], this.#lines, fault[0]);
  }

  /** What is wrong with a line that is JSON: it was edited, or a newer program wrote it. */
  #recordFault(value: unknown, digest: string | undefined): Fault | undefined {
    const seq = this.#seq + 1;
    if (!isRawLine(value)) return ["LOG_DAMAGED", "it is not a record of this log"];
    if (value.v !== 1) return [isNewer(value.v) ? "LOG_NEWER" : "LOG_DAMAGED", `its version is ${value.v}`];
    if (value.seq !== seq) return ["LOG_DAMAGED", `its seq is ${value.seq} where ${seq} must stand`];
    if (digest === undefined) return ["LOG_DAMAGED", "its digest is not that of its text and of the line before"];
    if (value.synced >= seq || value.synced < this.#synced)
      return ["LOG_DAMAGED", `its synced cannot be ${value.synced}`];
    const fault = entryFault(value);
    if (fault === undefined) return undefined;
    return fault.field === undefined
      ? ["LOG_NEWER", `its type "${value.type}" is unknown to this version`]
      : ["LOG_DAMAGED", `its field "${fault.field}" is not what a record of type "${value.type}" has`];
  }

  #takeIn(record: LogRecord): void {
    if (record.synced !== this.#synced || this.#seq === 0) {
      this.#biggestGroup = Math.max(this.#biggestGroup, this.#offset - this.#groupStart);
      this.#groupStart = this.#offset;
    }
    this.#seq = record.seq;
    this.#synced = record.synced;
    this.#digest = record.digest;
    this.#visit(record);
  }

  /** A line behind the first bad one: it must be part of the same, torn, group. */
  #readBehind(broken: { readonly line: number }, line: Buffer): void {
    const value = parsed(line);
    if (value === undefined) return;
    if (isRawLine(value) && this.#isOfTornGroup(broken.line, value, line))
      this.#survivor = { line: this.#lines, seq: value.seq, run: value.run };
    else
      this.#refuse(
        `it cannot be read, and what stands behind it, on line ${this.#lines}, was written later`,
        broken.line,
      );
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
    // As the bytes stand in the file, but with a line feed for any line end between.
    const covered = this.#before === undefined ? body : Buffer.concat([this.#before, Buffer.of(LF), body]);
    const digest = hash("sha256", covered, "hex");
    return line.toString("latin1", bodyEnd) === digestField(digest) ? digest : undefined;
  }
}

/** Why a first line is not the header of a log that this version can read. */
function headerFault(value: unknown, text: string): Fault {
  const { type, format, v, formatVersion } = Object(value) as Readonly<Record<string, unknown>>;
  if (type === "header" && format === "qalyptus-propagate-log")
    return isNewer(v) || isNewer(formatVersion)
      ? ["LOG_NEWER", "the header is of a newer format"]
      : ["LOG_DAMAGED", "the header's digest is not that of its text"];
  const nul = text.indexOf("\0");
  if (nul >= 0 && isBeginningOfHeader(text.slice(0, nul)) && /^\0+$/.test(text.slice(nul)))
    return ["LOG_DAMAGED", NULS_FOR_LINES];
  return text.startsWith(HEADER_START)
    ? ["LOG_DAMAGED", "the header is cut short or was edited"]
    : ["LOG_FOREIGN", "it is not the header of an idempotency log"];
}

function isNewer(version: unknown): boolean {
  return typeof version === "number" && version > 1;
}

/** Whether a file without a line end is nothing yet: empty, or the beginning of our header, cut short by a crash. */
function isUnborn(bytes: Buffer): boolean {
  return bytes.length <= LONGEST_UNBORN && isBeginningOfHeader(bytes.toString("utf8"));
}

function countNuls(line: Buffer): number {
  let count = 0;
  for (const byte of line) if (byte === 0) count += 1;
  return count;
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
