import { hash } from "node:crypto";
import type { LogEntry, LogEnvelope, LogHeader } from "./log-record.js";

/**
 * The log's lines as text, and the digest that chains each to the one before. A digest is the SHA-256, in hex, of the line
 * before (whole, without its line end), a line feed, and this line up to its `,"digest":`, which always stands last; the
 * header's covers the header alone.
 */

/** What ends each line: the digest's field. Its length never changes, so that the rest is found without parsing. */
export const DIGEST_FIELD_LENGTH = ',"digest":""}'.length + 64;

/** How the first line of every log begins; tells a header that was cut short from a foreign file. */
export const HEADER_START = '{"v":1,"seq":0,"at":"';

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

/** The first line of a new log. */
export function headerLine(header: LogHeader, at: string, run: string): ChainEnd {
  const { type, ...rest } = header;
  const body = lineBody({ type, ...rest }, { seq: 0, at, run, synced: 0 });
  const digest = hash("sha256", body, "hex");
  return { seq: 0, digest, line: body + digestField(digest) };
}

/** The next line of a log whose last line is `end`. */
export function nextLine(end: ChainEnd, entry: LogEntry, group: GroupEnvelope): ChainEnd {
  const seq = end.seq + 1;
  const body = lineBody(entry, { seq, ...group });
  const digest = hash("sha256", `${end.line}\n${body}`, "hex");
  return { seq, digest, line: body + digestField(digest) };
}

function lineBody(entry: LogEntry | LogHeader, envelope: Omit<LogEnvelope, "v" | "digest">): string {
  const { seq, at, run, synced } = envelope;
  return `{"v":1,"seq":${seq},"at":"${at}","run":${JSON.stringify(run)},${JSON.stringify(entry).slice(1, -1)},"synced":${synced}`;
}
