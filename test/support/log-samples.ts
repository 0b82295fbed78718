import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { type ChainEnd, type GroupEnvelope, headerLine, type LogContent, LogScan } from "../../src/log/chain.js";
import type { CreateIntentRecord, CreateOutcomeRecord, LogEntry, LogHeader, LogRecord } from "../../src/log/records.js";
import { foldTenantKey, parseAppId, parseReportId, parseRowId, parseTaskId, writeId } from "../../src/shared/ids.js";
import { type Problem, StopError } from "../../src/shared/problems.js";

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("a sample is no GUID");
  return value;
}

/** A GUID that is easy to tell from others. */
function guid(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;
}

export const MONTHLY = present(parseTaskId(guid(1)));
export const SERVER = "https://qalyptus.example.com/api/v2";

export const HEADER: LogHeader = {
  type: "header",
  format: "qalyptus-propagate-log",
  formatVersion: 1,
  server: SERVER,
  sourceTasks: [MONTHLY],
};

/** The intent to make the copy of this tenant; `number` makes its IDs. */
export function createIntent(tenant: string, number: number): CreateIntentRecord {
  return {
    type: "create-intent",
    sourceTaskId: MONTHLY,
    key: foldTenantKey(tenant),
    write: writeId(`write-${number}`),
    tenant,
    manifest: "customers.csv",
    name: `Monthly Report - ${tenant}`,
    mappings: [
      {
        reportId: present(parseReportId(guid(20))),
        qlikAppId: present(parseAppId(guid(30))),
        newQlikAppId: present(parseAppId(guid(1000 + number))),
      },
    ],
    named: [],
    reports: [{ rowId: present(parseRowId(guid(40))), reportId: present(parseReportId(guid(20))) }],
    reportIdMode: "row",
    idempotencyKey: guid(2000 + number),
    before: [],
    attempt: 1,
  };
}

/** The end of that create: the copy exists. */
export function createOutcome(number: number): CreateOutcomeRecord {
  return {
    type: "create-outcome",
    write: writeId(`write-${number}`),
    outcome: "succeeded",
    newTaskId: present(parseTaskId(guid(5000 + number))),
    httpStatus: 200,
  };
}

/** The next line of a log whose last line is `end`, as the format says it. */
export function nextLine(end: ChainEnd, entry: LogEntry, { at, run, synced }: GroupEnvelope): ChainEnd {
  const seq = end.seq + 1;
  const body = JSON.stringify({ v: 1, seq, at, run, ...entry, synced }).slice(0, -1);
  const digest = createHash("sha256").update(`${end.line}\n${body}`).digest("hex");
  return { seq, digest, line: `${body},"digest":"${digest}"}` };
}

/** A log's text: each inner list is one group, written by one flush. */
export function logText(groups: readonly (readonly LogEntry[])[], run = "run-1"): string {
  const at = "2026-01-31T02:00:00.000Z";
  let end: ChainEnd = headerLine(HEADER, at, run);
  const lines = [end.line];
  for (const group of groups) {
    const synced = end.seq;
    for (const entry of group) {
      end = nextLine(end, entry, { at, run, synced });
      lines.push(end.line);
    }
  }
  return `${lines.join("\n")}\n`;
}

/** What a file's bytes are: a log, or why they are none. */
export type LogReading =
  | (LogContent & { readonly kind: "log" })
  | { readonly kind: "refused"; readonly refusal: Problem | undefined };

/** The records of a log's file. */
export function recordsIn(path: string): readonly LogRecord[] {
  const records: LogRecord[] = [];
  const reading = readLogBytes(readFileSync(path), (record) => records.push(record));
  if (reading.kind === "refused") throw new Error(`no log: ${reading.refusal?.message}`);
  return records;
}

/** Reads a whole file's bytes, in pieces of this size; `visit` gets each record in turn. */
export function readLogBytes(bytes: Buffer, visit: (record: LogRecord) => void, size = bytes.length): LogReading {
  const scan = new LogScan("log.jsonl", visit);
  try {
    for (let at = 0; at < bytes.length; at += size) scan.push(bytes.subarray(at, at + size));
    return { kind: "log", ...scan.end() };
  } catch (error) {
    if (!(error instanceof StopError)) throw error;
    return { kind: "refused", refusal: error.problems[0] };
  }
}
