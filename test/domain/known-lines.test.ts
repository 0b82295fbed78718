import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KnownLines } from "../../src/domain/known-lines.js";
import { DIGEST_FIELD_LENGTH, headerLine } from "../../src/domain/log-chain.js";
import type { LogEntry, LogRecord } from "../../src/domain/log-record.js";
import { entryFault, isRawLine } from "../../src/domain/log-schema.js";
import { guid } from "../simulation/identifiers.js";
import { createOutcome, HEADER, nextLine, readLogBytes } from "../support/log-samples.js";
import { SyncStage } from "../support/sync-stage.js";

const AT = "2026-01-31T02:00:00.000Z";
const START = headerLine(HEADER, AT, "run-1");

function lineOf(entry: LogEntry, run = "run-1"): string {
  return nextLine(START, entry, { at: AT, run, synced: 0 }).line;
}

/** Reads a line somewhere in a buffer, as a log's scan does. */
function readFast(line: string | Buffer, lines = new KnownLines()): LogRecord | undefined {
  const bytes = Buffer.concat([Buffer.from("before\n"), Buffer.from(line), Buffer.from('\n","digest":""}')]);
  const end = 7 + Buffer.byteLength(line) - DIGEST_FIELD_LENGTH;
  const digest = bytes.toString("latin1", end + ',"digest":"'.length, end + DIGEST_FIELD_LENGTH - 2);
  return lines.read(bytes, { start: 7, end, digest });
}

/** Texts as they are in logs, and as they are in nobody's. */
const text = fc.oneof(
  fc.constantFrom("acme", "", "m.csv", "Monthly - acme"),
  fc.string({ maxLength: 8 }),
  fc.string({ unit: "binary", maxLength: 4 }),
);
const id = fc.oneof(
  { weight: 9, arbitrary: fc.nat(5).map((number) => guid(1, number)) },
  { weight: 1, arbitrary: text },
);
const ids = fc.array(id, { maxLength: 2 });
const swaps = fc.array(fc.record({ qlikAppId: id, newQlikAppId: id }), { maxLength: 2 });
const count = fc.oneof(fc.nat(9), fc.constantFrom(-1, 1.5, 2 ** 53, 1e21, 999_999_999_999_999, 1e15));

/** Records of the kinds that are read fast, right in most fields, written in the order of this program. */
const entry = fc
  .oneof(
    fc.record({
      type: fc.constant("create-intent"),
      write: text,
      sourceTaskId: id,
      key: text,
      tenant: text,
      manifest: text,
      name: text,
      mappings: fc.array(fc.record({ reportId: id, qlikAppId: id, newQlikAppId: id }), { maxLength: 3 }),
      reports: fc.array(fc.record({ rowId: id, reportId: id }), { maxLength: 2 }),
      reportIdMode: fc.constantFrom("row", "report", "rows"),
      named: ids,
      idempotencyKey: text,
      before: fc.option(ids),
      attempt: count,
    }),
    fc.record({
      type: fc.constant("create-outcome"),
      write: text,
      outcome: fc.constantFrom("succeeded", "refused"),
      newTaskId: id,
    }),
    fc.record({
      type: fc.constant("patch-intent"),
      write: text,
      sourceTaskId: id,
      key: text,
      manifest: text,
      newTaskId: id,
      reportId: id,
      rowId: text,
      apps: swaps,
      named: fc.boolean(),
      idempotencyKey: text,
      bodyId: fc.option(text, { nil: undefined }),
    }),
    fc.record({ type: fc.constant("patch-outcome"), write: text, outcome: fc.constantFrom("succeeded", "not-sent") }),
    fc.record({
      type: fc.constant("patch-outcome"),
      write: text,
      outcome: fc.constant("succeeded"),
      toRead: fc.constant(true),
      moreRows: fc.option(fc.constant(true), { nil: undefined }),
    }),
    fc.record({
      type: fc.constant("observed"),
      sourceTaskId: id,
      key: text,
      newTaskId: id,
      reports: fc.array(
        fc.record({ reportId: id, apps: fc.option(swaps), partly: fc.option(fc.constant(true), { nil: undefined }) }),
        { maxLength: 2 },
      ),
      has: ids,
      verified: fc.boolean(),
    }),
  )
  .map((made) => made as unknown as LogEntry);

const KNOWN = new Set(["create-intent", "create-outcome", "patch-intent", "patch-outcome", "observed"]);

/** What JSON and the schema's checks make of a line. */
function readSlowly(line: string): unknown {
  try {
    const value = JSON.parse(line) as unknown;
    return isRawLine(value) && value.v === 1 && entryFault(value) === undefined ? value : undefined;
  } catch {
    return undefined;
  }
}

describe("the lines that are read fast", () => {
  it("are read as JSON and the schema read them, one after the other", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(entry, text), { maxLength: 6 }), (entries) => {
        const lines = new KnownLines();
        for (const [one, run] of entries) {
          const line = lineOf(one, run);
          const fast = readFast(line, lines);
          if (fast !== undefined) expect(fast).toEqual(readSlowly(line));
        }
      }),
      { numRuns: 500 },
    );
  });

  it("are none that were changed into what is no record", () => {
    const anyByte = fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('"\\,:{}[]0-a\n ')));
    fc.assert(
      fc.property(entry, fc.nat(2_000), anyByte, fc.constantFrom("set", "add", "remove"), (one, where, byte, how) => {
        const line = Buffer.from(lineOf(one));
        const at = where % (line.length - DIGEST_FIELD_LENGTH);
        const rest = line.subarray(how === "add" ? at : at + 1);
        const changed = Buffer.concat([line.subarray(0, at), how === "remove" ? Buffer.of() : Buffer.of(byte), rest]);
        const fast = readFast(changed);
        if (fast !== undefined) expect(fast).toEqual(readSlowly(changed.toString()));
      }),
      { numRuns: 1_000 },
    );
  });

  it("are those that a run writes", async () => {
    const stage = new SyncStage();
    await stage.sync({ acme: { app: 1 }, globex: { app: 2 }, initech: { app: 3 } });
    await stage.sync({ acme: { app: 4 }, globex: { app: 5 }, initech: { app: 3 } }, { run: { verify: true } });
    const kinds = stage.records.map(({ entry: { type } }) => type);
    const read = stage.records.map(({ entry: one }) => readFast(lineOf(one))?.type);
    expect(new Set(kinds)).toEqual(new Set([...KNOWN, "run", "source", "run-end"]));
    expect(read).toEqual(kinds.map((kind) => (KNOWN.has(kind) ? kind : undefined)));
  });

  it.each([
    ["its seq is 7 where 2 must stand", { before: 6, synced: 0 }],
    ["its synced cannot be 2", { before: 1, synced: 2 }],
  ])("are damage where they do not stand in their place: %s", (what, { before, synced }) => {
    const { httpStatus: _, ...outcome } = createOutcome(2);
    const first = nextLine(START, createOutcome(1), { at: AT, run: "run-1", synced: 0 });
    const second = nextLine({ ...first, seq: before }, outcome, { at: AT, run: "run-1", synced });
    const reading = readLogBytes(Buffer.from(`${START.line}\n${first.line}\n${second.line}\n`), () => undefined);
    expect(readFast(second.line)).toMatchObject(outcome);
    expect(reading).toMatchObject({ kind: "refused", refusal: { code: "LOG_DAMAGED", line: 3, what } });
  });
});
