import { hash } from "node:crypto";
import { DIGEST_FIELD_LENGTH, digestField, isBeginningOfFirstRecord, isBeginningOfHeader } from "./chain.js";
import type { LogHeader, LogRecord } from "./records.js";
import { headerRefusal, type LogRefusal, NULS_FOR_LINES, recordFault } from "./refusal.js";
import { isHeader, isRawLine, type RawLine } from "./schema.js";

/** The last group was cut short by a crash: from the byte `at` to the file's end, `bytes` of them. */
export type LogTail =
  | { readonly kind: "clean" }
  | {
      readonly kind: "torn";
      readonly at: number;
      readonly bytes: number;
      readonly line: number;
      readonly hasNuls: boolean;
    };

/** A log that was read to its end. */
export interface WholeLog {
  readonly kind: "log";
  readonly header: LogHeader;
  /** The last whole line, its number and digest. */
  readonly last: { readonly seq: number; readonly digest: string; readonly line: string };
  readonly tail: LogTail;
  /** Where the last whole line ends in the file, its line end included, in bytes. */
  readonly end: number;
  /** The last whole line lacks its line end: the next one to be appended must begin with one. */
  readonly endsWithoutNewline: boolean;
}

/**
 * What a file's bytes are. `unborn`: empty, or a header that was cut short with nothing after it, so no record was lost;
 * its `bytes` may be replaced by the lock's holder.
 */
export type LogReading =
  | WholeLog
  | { readonly kind: "unborn"; readonly bytes: number }
  | { readonly kind: "refused"; readonly refusal: LogRefusal };

/** Far more than any line of ours; a "line" beyond it is no log's. */
const LONGEST_LINE = 64 * 1024 * 1024;
const LONGEST_UNBORN = 64 * 1024;
/**
 * A file system may show NULs for what was appended and not yet flushed: one group. More of them may stand for groups that were
 * flushed, and told. A file system shows whole blocks (4 KiB, nearly everywhere); a run's groups grow one by one with the writes in
 * flight: so a torn one may have one block of NULs, or twice the bytes of the log's biggest group.
 */
const FEW_NULS = 4 * 1024;
const LF = 10;
const CR = 13;

/** The first line that is not a right record, while it is not yet known whether only the last group is torn. */
interface Break {
  readonly line: number;
  readonly at: number;
  /** The number that the record on this line had, or would have had. */
  readonly seq: number;
  /** The last right line before it. */
  readonly lastLine: string;
}

/** A whole record seen behind a break. */
interface Survivor {
  readonly line: number;
  readonly seq: number;
  readonly run: string;
}

/**
 * Reads a log piece by piece, in one pass, holding little more than one piece: each record is checked (chain, number,
 * schema) and handed to `visit` once. Pure over the bytes pushed into it; keeps none of the pieces.
 *
 * Torn is the last group only: from the first bad line to the end there is no whole record, or the whole ones are of one
 * run, rightly numbered, and were written when the bad line was not yet durable. A bad line that still is JSON was edited,
 * not torn. NULs are torn behind whole records only, and no more than one group of them: behind the header alone they may be all
 * that is left of a log. All else is damage.
 */
export class LogScan {
  readonly #visit: (record: LogRecord) => void;
  /** Where each piece is copied to, behind what is left of the one before: fresh memory for each costs more than reading it. */
  #store: Buffer = Buffer.alloc(0);
  /** Bytes from the start of the line before the one that is to be read; the first part of the store. */
  #buffer: Buffer = this.#store;
  /** Where the buffer starts in the file. */
  #base = 0;
  /** The line before, in the buffer, without its line end. */
  #before = { start: 0, end: 0 };
  /** The line to be read starts here, in the buffer. */
  #start = 0;

  #lines = 0;
  #header: LogHeader | undefined;
  #seq = 0;
  #synced = 0;
  #digest = "";
  #end = 0;
  /** Where the group of the last right line begins in the file, and the bytes of the biggest before it. */
  #groupStart = 0;
  #biggestGroup = 0;
  #break: Break | undefined;
  #survivor: Survivor | undefined;
  /** NUL bytes from the break on. */
  #nuls = 0;
  #refusal: LogRefusal | undefined;

  constructor(visit: (record: LogRecord) => void) {
    this.#visit = visit;
  }

  /** Takes the file's next bytes. */
  push(chunk: Buffer): void {
    if (this.#refusal !== undefined) return;
    const sought = this.#buffer.length - this.#before.start;
    this.#moveTo(chunk);
    let lineEnd = this.#buffer.indexOf(LF, sought);
    while (lineEnd >= 0 && this.#refusal === undefined) {
      this.#readLine(lineEnd, lineEnd + 1);
      lineEnd = this.#buffer.indexOf(LF, lineEnd + 1);
    }
    if (this.#buffer.length - this.#start > LONGEST_LINE) this.#refusal = this.#endless();
  }

  /** Says what the file is, once all its bytes are pushed. */
  end(): LogReading {
    const rest = this.#buffer.subarray(this.#start);
    if (this.#refusal === undefined && this.#lines === 0 && isUnborn(rest))
      return { kind: "unborn", bytes: rest.length };
    if (this.#refusal === undefined && rest.length > 0) this.#readLine(this.#buffer.length, this.#buffer.length);
    this.#refusal ??= this.#lostToNuls();
    if (this.#refusal !== undefined) return { kind: "refused", refusal: this.#refusal };
    if (this.#header === undefined) throw new Error("a file without a header was neither refused nor found unborn");
    const line = this.#break?.lastLine ?? this.#buffer.toString("utf8", this.#before.start, this.#before.end);
    return {
      kind: "log",
      header: this.#header,
      last: { seq: this.#seq, digest: this.#digest, line },
      tail: this.#tail(),
      end: this.#end,
      endsWithoutNewline: this.#break === undefined && rest.length > 0,
    };
  }

  #endless(): LogRefusal {
    const line = this.#lines + 1;
    if (this.#buffer[this.#start] === 0) return { code: "LOG_DAMAGED", line, what: NULS_FOR_LINES };
    return { code: this.#header === undefined ? "LOG_FOREIGN" : "LOG_DAMAGED", line, what: "it never ends" };
  }

  #lostToNuls(): LogRefusal | undefined {
    if (this.#break === undefined) return undefined;
    const biggest = Math.max(this.#biggestGroup, this.#end - this.#groupStart);
    if (this.#nuls <= (this.#seq === 0 ? 0 : Math.max(FEW_NULS, 2 * biggest))) return undefined;
    return { code: "LOG_DAMAGED", line: this.#break.line, what: NULS_FOR_LINES };
  }

  #tail(): LogTail {
    if (this.#break === undefined) return { kind: "clean" };
    const { at, line } = this.#break;
    return { kind: "torn", at, line, bytes: this.#base + this.#buffer.length - at, hasNuls: this.#nuls > 0 };
  }

  /** Drops what is read, but for the line before, and adds the next bytes. */
  #moveTo(chunk: Buffer): void {
    const kept = this.#before.start;
    const rest = this.#buffer.length - kept;
    const length = rest + chunk.length;
    const store = this.#store.length < length ? Buffer.allocUnsafeSlow(2 * length) : this.#store;
    if (store !== this.#store || kept > 0) this.#buffer.copy(store, 0, kept);
    chunk.copy(store, rest);
    this.#store = store;
    this.#buffer = store.subarray(0, length);
    this.#base += kept;
    this.#start -= kept;
    this.#before = { start: 0, end: this.#before.end - kept };
  }

  #readLine(lineEnd: number, next: number): void {
    const end = lineEnd > this.#start && this.#buffer[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd;
    this.#lines += 1;
    if (this.#header === undefined) this.#refusal = this.#readHeader(end);
    else if (this.#break === undefined) this.#refusal = this.#readRecord(end);
    else this.#refusal = this.#readBehind(this.#break, end);
    if (this.#break === undefined) this.#end = this.#base + next;
    else this.#nuls += this.#countNuls(end);
    this.#before = { start: this.#start, end };
    this.#start = next;
  }

  #readHeader(end: number): LogRefusal | undefined {
    const value = this.#parse(end);
    const digest = this.#digestOf(this.#start, end);
    if (digest === undefined || !isHeader(value) || value.seq !== 0) return headerRefusal(value, this.#text(end));
    const { type, format, formatVersion, server, sourceTasks } = value;
    this.#header = { type, format, formatVersion, server, sourceTasks };
    this.#digest = digest;
    return undefined;
  }

  #readRecord(end: number): LogRefusal | undefined {
    const digest = this.#digestOf(this.#before.start, end);
    const value = this.#parse(end);
    if (digest === undefined && value === undefined) {
      const lastLine = this.#buffer.toString("utf8", this.#before.start, this.#before.end);
      this.#break = { line: this.#lines, at: this.#base + this.#start, seq: this.#seq + 1, lastLine };
      if (this.#seq > 0 || isBeginningOfFirstRecord(this.#text(end))) return undefined;
      const what = this.#countNuls(end) > 0 ? NULS_FOR_LINES : "it is no beginning of the log's first record";
      return { code: "LOG_DAMAGED", line: this.#lines, what };
    }
    const fault = recordFault(value, { seq: this.#seq + 1, synced: this.#synced, digest });
    if (fault !== undefined) return { code: fault.code, line: this.#lines, what: fault.what };
    return this.#take(value as LogRecord);
  }

  #take(record: LogRecord): undefined {
    if (record.synced !== this.#synced || this.#seq === 0) {
      const start = this.#base + this.#start;
      this.#biggestGroup = Math.max(this.#biggestGroup, start - this.#groupStart);
      this.#groupStart = start;
    }
    this.#seq = record.seq;
    this.#synced = record.synced;
    this.#digest = record.digest;
    this.#visit(record);
  }

  /** A line behind the first bad one: it must be part of the same, torn, group. */
  #readBehind(broken: Break, end: number): LogRefusal | undefined {
    const value = this.#parse(end);
    if (value === undefined) return undefined;
    if (isRawLine(value) && this.#isOfTornGroup(broken, value, end)) {
      this.#survivor = { line: this.#lines, seq: value.seq, run: value.run };
      return undefined;
    }
    const what = `it cannot be read, and what stands behind it, on line ${this.#lines}, was written later`;
    return { code: "LOG_DAMAGED", line: broken.line, what };
  }

  #isOfTornGroup(broken: Break, record: RawLine, end: number): boolean {
    // A line end that was lost makes one line of several: numbers may run ahead of lines, never behind.
    if (record.synced >= broken.seq || record.seq < broken.seq + this.#lines - broken.line) return false;
    const before = this.#survivor;
    if (before === undefined) return true;
    if (record.run !== before.run) return false;
    if (before.line + 1 < this.#lines) return record.seq >= before.seq + this.#lines - before.line;
    return record.seq === before.seq + 1 && this.#digestOf(this.#before.start, end) !== undefined;
  }

  #countNuls(end: number): number {
    let count = 0;
    for (let at = this.#start; at < end; at += 1) if (this.#buffer[at] === 0) count += 1;
    return count;
  }

  /** The digest of the line to be read, chained to the text from `from`; `undefined` where the line says another. */
  #digestOf(from: number, end: number): string | undefined {
    const bodyEnd = end - DIGEST_FIELD_LENGTH;
    if (bodyEnd < this.#start) return undefined;
    const digest = hash("sha256", this.#chained(from, bodyEnd), "hex");
    return this.#buffer.toString("latin1", bodyEnd, end) === digestField(digest) ? digest : undefined;
  }

  /** The bytes that a digest covers: as they stand in the file, but with a line feed for any line end between. */
  #chained(from: number, bodyEnd: number): Buffer {
    if (from === this.#start || this.#before.end + 1 === this.#start) return this.#buffer.subarray(from, bodyEnd);
    const before = this.#buffer.subarray(from, this.#before.end);
    return Buffer.concat([before, Buffer.of(LF), this.#buffer.subarray(this.#start, bodyEnd)]);
  }

  /** The line to be read as JSON, or `undefined` where it is none. */
  #parse(end: number): unknown {
    try {
      return JSON.parse(this.#text(end)) as unknown;
    } catch (error) {
      if (error instanceof SyntaxError) return undefined;
      throw error;
    }
  }

  #text(end: number): string {
    return this.#buffer.toString("utf8", this.#start, end);
  }
}

/** Whether a file without a line end is nothing yet: empty, or the beginning of our header, cut short by a crash. */
function isUnborn(bytes: Buffer): boolean {
  if (bytes.length > LONGEST_UNBORN) return false;
  return isBeginningOfHeader(bytes.toString("utf8"));
}
