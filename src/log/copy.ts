import { EXIT, stopError } from "../shared/problems.js";
import { counted } from "../shared/text-safety.js";
import { digestField } from "./chain.js";
import type { OpenLog } from "./open-log.js";
import type { LogPlace, ReadLog, RecordVisitor } from "./port.js";

/** Reads a log, and finds out whether a head that was noted once is in it. */
export async function findHead(
  place: LogPlace,
  noted: { readonly seq: number; readonly digest: string } | undefined,
  visit?: RecordVisitor,
): Promise<{ readonly log: ReadLog; readonly found: boolean }> {
  let found = false;
  const log = await place.read((record, before) => {
    found ||= record.seq === noted?.seq && record.digest === noted.digest;
    visit?.(record, before);
  });
  // A log that holds no record yet has its header for a head.
  if (noted?.seq === 0 && log.head !== null) found = await beginsWith(place.text(), noted.digest);
  return { log, found };
}

/** Whether a log's first line, its header, has this digest. */
async function beginsWith(text: AsyncIterable<Uint8Array>, digest: string): Promise<boolean> {
  for await (const line of linesOf(text)) return endsWithDigest(line, digest);
  return false;
}

function endsWithDigest(line: string, digest: string | undefined): boolean {
  return digest !== undefined && line.endsWith(digestField(digest));
}

/** So many lines are made durable at once. */
const LINES_AT_ONCE = 1_000;

/** Copies the lines of a log, behind what an earlier copy has left there. Throws a StopError (exit 6) where that is another log. */
export async function copyLines(from: LogPlace, old: OpenLog, copy: OpenLog, to: LogPlace): Promise<void> {
  const there = copy.head()?.seq ?? -1;
  const refuse = (): never => {
    const message = `There is another log at ${to.path} already, with ${counted(Math.max(0, there), "record")}.`;
    throw stopError(EXIT.log, "LOG_NOT_EMPTY", message, { file: to.path });
  };
  if (there > (old.head()?.seq ?? -1)) refuse();
  let waiting: string[] = [];
  const flush = async (): Promise<void> => {
    if (waiting.length > 0) await copy.appendLines(waiting);
    waiting = [];
  };
  let seq = 0;
  for await (const line of linesOf(from.text())) {
    // What an earlier, cut-short copy has left there must be the same log.
    if (seq === there && !endsWithDigest(line, copy.head()?.digest)) refuse();
    if (seq > there) waiting.push(line);
    // The header by itself: a place may keep it apart.
    if (seq === 0 || waiting.length >= LINES_AT_ONCE) await flush();
    seq += 1;
  }
  await flush();
}

/** Whole lines, without their ends: a log that went through a checkout on Windows may have CRLF. */
async function* linesOf(pieces: AsyncIterable<Uint8Array>): AsyncIterable<string> {
  let rest = Buffer.alloc(0);
  for await (const piece of pieces) {
    const bytes = Buffer.concat([rest, piece]);
    let start = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
      yield bytes.toString("utf8", start, end).replace(/\r$/, "");
      start = end + 1;
    }
    rest = bytes.subarray(start);
  }
  if (rest.length > 0) yield rest.toString("utf8").replace(/\r$/, "");
}
