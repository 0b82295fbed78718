import { hash } from "node:crypto";
import type { LogEntry, LogHeader } from "./records.js";

/**
 * The log's lines as text, and the digest that chains each to the one before. A digest is the SHA-256, in hex, of the line
 * before (whole, without its line end), a line feed, and this line up to its `,"digest":`, which always stands last; the
 * header's covers the header alone.
 */

/** What ends each line: the digest's field. Its length never changes, so that the rest is found without parsing. */
export const DIGEST_FIELD_LENGTH = ',"digest":""}'.length + 64;

/** How the first line of every log begins; tells a header that was cut short from a foreign file. */
export const HEADER_START = '{"v":1,"seq":0,"at":"';
const FIRST_RECORD_START = '{"v":1,"seq":1,"at":"';

/** The header's parts in their order: those that are the same in every log, and what may stand between them. */
const HEADER_PARTS: readonly (string | RegExp)[] = [
  HEADER_START,
  /^[0-9TZ:.+-]*/,
  '","run":"',
  /^(?:[^"\\\p{Cc}]|\\.|\\$)*/u,
  '","type":"header","format":"qalyptus-propagate-log","formatVersion":1,"server":"',
  /^(?:[^"\\\p{Cc}]|\\.|\\$)*/u,
  '","sourceTasks":[',
  /^[0-9a-f",-]*/i,
  '],"synced":0,"digest":"',
  /^[0-9a-f]*/,
  '"}',
];

/** Whether a text is a beginning of a header, cut before its end: all that a crash may leave of a log that held nothing yet. */
export function isBeginningOfHeader(text: string): boolean {
  let rest = text;
  for (const part of HEADER_PARTS) {
    if (typeof part !== "string") rest = rest.slice(part.exec(rest)?.[0].length);
    else if (!rest.startsWith(part)) return part.startsWith(rest);
    else rest = rest.slice(part.length);
  }
  return false;
}

/** Whether a text is a beginning of the line of the log's first record. */
export function isBeginningOfFirstRecord(text: string): boolean {
  return text !== "" && (text.startsWith(FIRST_RECORD_START) || FIRST_RECORD_START.startsWith(text));
}

/** A line's end, as the digest makes it. */
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

/** A record's own fields as they stand in its line, without the braces around them. */
export type EntryText = string & { readonly __entryText: unique symbol };

/** The text of a record's own part: the same whatever goes before it. */
export function entryText(entry: LogEntry | LogHeader): EntryText {
  return JSON.stringify(entry).slice(1, -1) as EntryText;
}

/** The first line of a new log. */
export function headerLine(header: LogHeader, at: string, run: string): ChainEnd {
  const { type, ...rest } = header;
  const body = lineBody(0, entryText({ type, ...rest }), fieldsAround({ at, run, synced: 0 }));
  const digest = hash("sha256", body, "hex");
  return { seq: 0, digest, line: body + digestField(digest) };
}

/** Lines to be appended: their bytes, which are valid until the next ones are made, and the last of them. */
export interface NextLines {
  readonly bytes: Buffer;
  readonly end: ChainEnd;
}

const LF = 10;
/** No character takes more bytes. */
const MOST_BYTES = 3;
/** A group that may need more gets a store of its own: one of 200,000 records comes once in a run, if ever. */
const MOST_KEPT = 4 * 1024 * 1024;

/**
 * Makes the lines of one group after another. Each is put into bytes once, behind the line before, as they will stand in the
 * file: what a digest covers is a piece of that.
 */
export class LineMaker {
  #store = Buffer.alloc(0);

  /** The next lines of a log whose last line is `last`. */
  next(last: ChainEnd, texts: readonly EntryText[], group: GroupEnvelope): NextLines {
    const around = fieldsAround(group);
    const bodies = texts.map((text, at) => lineBody(last.seq + 1 + at, text, around));
    const store = this.#storeFor(last, bodies);
    let before = 0;
    let at = store.write(last.line, "utf8");
    at = store.writeUInt8(LF, at);
    const start = at;
    let { digest, line } = last;
    for (const body of bodies) {
      const begun = at;
      at += store.write(body, at, "utf8");
      digest = hash("sha256", store.subarray(before, at), "hex");
      line = body + digestField(digest);
      at += store.write(digestField(digest), at, "latin1");
      at = store.writeUInt8(LF, at);
      before = begun;
    }
    return { bytes: store.subarray(start, at), end: { seq: last.seq + bodies.length, digest, line } };
  }

  #storeFor(last: ChainEnd, bodies: readonly string[]): Buffer {
    const sizeBy = (sizeOf: (text: string) => number): number =>
      bodies.reduce((sum, body) => sum + sizeOf(body) + DIGEST_FIELD_LENGTH + 1, sizeOf(last.line) + 1);
    const most = sizeBy((text) => MOST_BYTES * text.length);
    if (most > MOST_KEPT) return Buffer.allocUnsafeSlow(sizeBy((text) => Buffer.byteLength(text, "utf8")));
    if (this.#store.length < most) this.#store = Buffer.allocUnsafeSlow(Math.min(2 * most, MOST_KEPT));
    return this.#store;
  }
}

/** What stands around a record's own fields: the same on all lines of a group. */
interface FieldsAround {
  readonly before: string;
  readonly behind: string;
}

function fieldsAround({ at, run, synced }: GroupEnvelope): FieldsAround {
  return { before: `,"at":"${at}","run":${JSON.stringify(run)},`, behind: `,"synced":${synced}` };
}

function lineBody(seq: number, text: EntryText, { before, behind }: FieldsAround): string {
  return `{"v":1,"seq":${seq}${before}${text}${behind}`;
}
