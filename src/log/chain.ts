import { hash } from "node:crypto";
import type { LogEntry, LogHeader } from "./records.js";

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
  const body = JSON.stringify({ v: 1, seq, at, run, ...fields, synced }).slice(0, -1);
  const digest = hash("sha256", before + body, "hex");
  return { seq, digest, line: body + digestField(digest) };
}

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
