import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { headerLine, LogScan, nextLines } from "../../src/log/chain.js";
import type { LogEntry, LogRecord } from "../../src/log/records.js";
import {
  createIntent,
  createOutcome,
  HEADER,
  type LogReading,
  logText,
  MONTHLY,
  nextLine,
  readLogBytes,
} from "../support/log-samples.js";

interface Read {
  readonly reading: LogReading;
  readonly records: readonly LogRecord[];
}

function read(bytes: Buffer | string): Read {
  const records: LogRecord[] = [];
  const reading = readLogBytes(Buffer.from(bytes), (record) => records.push(record));
  return { reading, records };
}

const GROUPS: readonly (readonly LogEntry[])[] = [
  [createIntent("acme", 1)],
  [createOutcome(1), createIntent("globex", 2)],
  [createOutcome(2), createIntent("initech", 3), createIntent("Müller & Söhne", 4), createOutcome(4)],
];
const TEXT = logText(GROUPS);
const LINES = TEXT.trimEnd().split("\n");
/** The text without its last group. */
const BEFORE_LAST_GROUP = `${LINES.slice(0, 4).join("\n")}\n`;

function withLine(index: number, change: (line: string) => string): string {
  return `${LINES.map((line, at) => (at === index ? change(line) : line)).join("\n")}\n`;
}

describe("a whole log", () => {
  it("gives back every record in order, with its envelope", () => {
    const { reading, records } = read(TEXT);
    expect(reading).toMatchObject({ kind: "log", header: HEADER, torn: undefined, endsWithoutNewline: false });
    expect(records.map(({ v, seq, at, run, synced, digest, ...entry }) => entry)).toEqual(GROUPS.flat());
    expect(records.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(records.map(({ synced }) => synced)).toEqual([0, 1, 1, 3, 3, 3, 3]);
  });

  it("chains each line to the whole line before it, as anybody can recompute", () => {
    const third = LINES[3] ?? "";
    const covered = `${LINES[2]}\n${third.slice(0, third.indexOf(',"digest":'))}`;
    expect(JSON.parse(third).digest).toBe(createHash("sha256").update(covered).digest("hex"));
  });

  it("reads the same after a checkout with CRLF, and goes on from there", () => {
    const crlf = TEXT.replaceAll("\n", "\r\n");
    const { reading, records } = read(crlf);
    expect(records).toEqual(read(TEXT).records);
    expect(reading).toMatchObject({ kind: "log", end: Buffer.byteLength(crlf), last: { line: LINES.at(-1) } });
    if (reading.kind !== "log" || reading.last === undefined) throw new Error("not read");
    const next = nextLine(reading.last, createOutcome(3), { at: "x", run: "run-2", synced: reading.last.seq });
    expect(read(`${crlf}${next.line}\n`).records).toHaveLength(8);
  });

  it("needs no line end behind its last line", () => {
    const { reading, records } = read(TEXT.slice(0, -1));
    expect(reading).toMatchObject({ kind: "log", torn: undefined, endsWithoutNewline: true });
    expect(records).toHaveLength(7);
  });

  it("reads the same in pieces of any size", () => {
    const bytes = Buffer.from(TEXT);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 900 }), fc.boolean(), (size, crlf) => {
        const all = crlf ? Buffer.from(TEXT.replaceAll("\n", "\r\n")) : bytes;
        const records: LogRecord[] = [];
        const reading = readLogBytes(all, (record) => records.push(record), size);
        expect({ reading, records }).toEqual(read(all));
      }),
      { numRuns: 60 },
    );
  });

  it("keeps any text, control characters and lone surrogates included, on its one line", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary" }),
        fc.string({ unit: fc.constantFrom("\n", "\r", "\u2028", '"', "\\", "}", "\ud800") }),
        (name, odd) => {
          const entry: LogEntry = { type: "source", sourceTaskId: MONTHLY, name: name + odd };
          const text = logText([[entry]]);
          expect(text.split("\n")).toHaveLength(3);
          const [record] = read(text).records;
          expect(record).toMatchObject({ type: "source", name: JSON.parse(JSON.stringify(name + odd)) });
        },
      ),
    );
  });
});

/** A log's text as it is made, group by group, and its last line. */
function textOf(groups: readonly (readonly LogEntry[])[]) {
  const at = "2026-01-31T02:00:00.000Z";
  let end = headerLine(HEADER, at, "run-1");
  let text = `${end.line}\n`;
  for (const entries of groups) {
    const lines = nextLines(end, entries, { at, run: "run-1", synced: end.seq });
    text += lines.text;
    end = lines.end;
  }
  return { text, end };
}

describe("the lines of a group", () => {
  it("are those that the format says, in bytes, whatever the groups and the texts", () => {
    const named = fc
      .string({ unit: "binary" })
      .map((name): LogEntry => ({ type: "source", sourceTaskId: MONTHLY, name }));
    const made = fc.nat(99).map((number): LogEntry => createIntent(`Müller ${number}`, number));
    fc.assert(
      fc.property(fc.array(fc.array(fc.oneof(named, made), { maxLength: 5 }), { maxLength: 4 }), (groups) => {
        const { text, end } = textOf(groups);
        expect(text).toBe(logText(groups));
        const { reading } = read(text);
        expect(reading).toMatchObject({ kind: "log", last: end });
      }),
    );
  });
});

describe("the lines of a group of many records", () => {
  it("are the same as of a small one, and small ones may follow", () => {
    const many = Array.from(
      { length: 5000 },
      (_, number): LogEntry => createIntent(`${"ü".repeat(300)} ${number}`, number),
    );
    const groups = [GROUPS[0] ?? [], many, GROUPS[1] ?? []];
    expect(textOf(groups).text === logText(groups)).toBe(true);
  });
});

describe("a torn end", () => {
  it("is the last group cut at any byte: what was durable before is all there", () => {
    const bytes = Buffer.from(TEXT);
    const durable = Buffer.byteLength(BEFORE_LAST_GROUP);
    const whole = read(TEXT).records;
    for (let length = durable; length <= bytes.length; length += 1) {
      const { reading, records } = read(bytes.subarray(0, length));
      expect(reading.kind).toBe("log");
      expect(records).toEqual(whole.slice(0, records.length));
      expect(records.length).toBeGreaterThanOrEqual(3);
      if (reading.kind === "log" && reading.torn !== undefined) {
        expect(reading.end + reading.torn.bytes).toBe(length);
        expect(bytes.subarray(0, reading.end).toString().endsWith("\n")).toBe(true);
      }
    }
  });

  it("may have lost a page of zeros in the middle, line ends included, before whole lines of the same group", () => {
    const bytes = Buffer.from(TEXT);
    const start = Buffer.byteLength(BEFORE_LAST_GROUP) + 40;
    const lastLineStart = bytes.length - Buffer.byteLength(`${LINES.at(-1)}\n`);
    bytes.fill(0, start, lastLineStart - 30);
    const { reading, records } = read(bytes);
    expect(reading).toMatchObject({ kind: "log", torn: { line: 5 }, last: { seq: 3 } });
    expect(records).toHaveLength(3);
  });

  it("is damage where a later line was written when the bad one was durable already", () => {
    const { reading } = read(withLine(3, (line) => line.slice(0, 50)));
    expect(reading).toMatchObject({ kind: "refused", refusal: { code: "LOG_DAMAGED", line: 4 } });
  });

  it("is damage where the whole lines behind are of two runs, as a merge leaves them", () => {
    const ours = `${LINES.slice(0, 4).join("\n")}\n<<<<<<< HEAD\n`;
    const theirs = logText(GROUPS, "run-2").split("\n").slice(4, 6).join("\n");
    const { reading } = read(`${ours}${LINES.slice(5, 7).join("\n")}\n=======\n${theirs}\n>>>>>>> theirs\n`);
    expect(reading).toMatchObject({ kind: "refused", refusal: { code: "LOG_DAMAGED", line: 5 } });
  });

  it("is damage where whole lines behind are of two runs, though their numbers would fit", () => {
    const theirs = logText([...GROUPS.slice(0, 2), [...(GROUPS[2] ?? []), createOutcome(3)]], "run-2").split("\n");
    const { reading } = read(`${BEFORE_LAST_GROUP}garbage\n${LINES[5]}\ngarbage\n${theirs[8]}\n`);
    expect(reading).toMatchObject({ kind: "refused", refusal: { code: "LOG_DAMAGED", line: 5 } });
  });

  it("is damage where a line behind has a number that cannot be", () => {
    const { reading } = read(`${BEFORE_LAST_GROUP}garbage\n${LINES[4]}\n`);
    expect(reading).toMatchObject({ kind: "refused", refusal: { code: "LOG_DAMAGED", line: 5 } });
  });
});

describe("NUL bytes, as a power loss leaves them", () => {
  const NULS = { code: "LOG_DAMAGED", message: expect.stringContaining("NUL bytes") };
  const header = `${LINES[0]}\n`;

  it.each<[string, string | Buffer, number]>([
    ["alone", Buffer.alloc(300), 1],
    ["alone, with line ends between", "\0\0\0\n\0\0\0\n", 1],
    ["alone, more of them than any line has bytes", Buffer.alloc(65 * 1024 * 1024), 1],
    ["behind a part of the header", `${header.slice(0, 9)}${"\0".repeat(300)}`, 1],
    ["behind the header alone", `${header}${"\0".repeat(300)}`, 2],
    ["behind the header and a part of the first record", `${header}${LINES[1]?.slice(0, 30)}\0`, 2],
    ["between the header and whole lines", `${header}${"\0".repeat(40)}\n${LINES.slice(2).join("\n")}\n`, 2],
    ["behind whole records, more than one group has", `${TEXT}${"\0".repeat(8 * 1024)}`, 9],
    ["in place of half the log", TEXT.slice(0, 1500) + "\0".repeat(100_000), 4],
  ])("are damage %s: whoever took them for the end of it could make every copy a second time", (_, text, line) => {
    expect(read(text).reading).toMatchObject({ kind: "refused", refusal: { ...NULS, line } });
  });

  it("are a torn end behind whole records, as far as one group goes", () => {
    const torn = (text: string, bytes: number) => read(text + "\0".repeat(bytes)).reading;
    expect(torn(TEXT, 4 * 1024)).toMatchObject({
      kind: "log",
      torn: { line: 9, bytes: 4 * 1024, hasNuls: true },
      last: { seq: 7 },
    });
    const many = Array.from({ length: 40 }, (_, number): LogEntry => createIntent(`globex ${number}`, number));
    const small = logText([[createIntent("acme", 1)]]);
    const group = Buffer.byteLength(logText([[createIntent("acme", 1)], many])) - Buffer.byteLength(small);
    expect(group).toBeGreaterThan(4 * 1024);
    // The biggest group may be the last one, or one before.
    for (const groups of [[many], [many, [createOutcome(1)]], [[createOutcome(1)], many]]) {
      const text = logText([[createIntent("acme", 1)], ...groups]);
      expect(torn(text, 2 * group - 200)).toMatchObject({ kind: "log", torn: { hasNuls: true } });
      expect(torn(text, 2 * group + 200)).toMatchObject({ kind: "refused", refusal: NULS });
    }
  });
});

describe("behind a header alone", () => {
  it("only the beginning of the first record is a torn end", () => {
    const [header = "", first = ""] = LINES;
    for (let length = 1; length < first.length; length += 1)
      expect(read(`${header}\n${first.slice(0, length)}`).reading).toMatchObject({ torn: { line: 2 } });
    for (const rest of ["garbage", "\n", LINES[2] ?? "", '{"v":1,"seq":2,"at":"20'])
      expect(read(`${header}\n${rest}`).reading).toMatchObject({ kind: "refused", refusal: { line: 2 } });
  });
});

describe("damage", () => {
  it("is a last line that was edited: it is whole JSON, so it was not torn", () => {
    const { reading } = read(withLine(7, (line) => line.replace(/succeeded/, "in-doubt")));
    expect(reading).toMatchObject({ kind: "refused", refusal: { code: "LOG_DAMAGED", line: 8 } });
  });

  it("is a line removed, doubled, or two swapped", () => {
    const without = LINES.filter((_, at) => at !== 2);
    const doubled = [...LINES.slice(0, 3), ...LINES.slice(2)];
    const swapped = [...LINES.slice(0, 5), LINES[6], LINES[5], ...LINES.slice(7)];
    for (const lines of [without, doubled, swapped])
      expect(read(`${lines.join("\n")}\n`).reading).toMatchObject({
        kind: "refused",
        refusal: { code: "LOG_DAMAGED" },
      });
  });

  it("is a number left out, even where the digests are right", () => {
    const first = headerLine(HEADER, "2026-01-31T02:00:00.000Z", "run-1");
    const group = { at: "2026-01-31T02:00:00.000Z", run: "run-1", synced: 0 };
    const second = nextLine({ ...first, seq: 1 }, createOutcome(1), group);
    expect(read(`${first.line}\n${second.line}\n`).reading).toMatchObject({
      kind: "refused",
      refusal: { code: "LOG_DAMAGED", line: 2, message: expect.stringContaining("its seq is 2 where 1 must stand") },
    });
  });

  it("is a record that no version of this program writes, even with a right digest", () => {
    const wrong = { ...createOutcome(9), outcome: "perhaps" } as unknown as LogEntry;
    expect(read(logText([[wrong]])).reading).toMatchObject({
      kind: "refused",
      refusal: { code: "LOG_DAMAGED", line: 2, message: expect.stringContaining('"outcome"') },
    });
  });

  it("never passes unseen: any one byte changed anywhere gives damage, or loses no more than the last group", () => {
    const bytes = Buffer.from(TEXT);
    const whole = read(TEXT).records;
    for (let at = 0; at < bytes.length; at += 1) {
      const bit = 1 << (at % 8);
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ bit;
      const { reading, records } = read(flipped);
      if (reading.kind !== "log") continue;
      expect(records).toEqual(whole.slice(0, records.length));
      expect(records.length).toBeGreaterThanOrEqual(3);
      expect(records.length === 7 || reading.torn !== undefined).toBe(true);
    }
  });

  it("never passes unseen: any bytes put anywhere, or cut out of the middle", () => {
    const bytes = Buffer.from(TEXT);
    const whole = read(TEXT).records;
    const place = fc.integer({ min: 0, max: bytes.length });
    fc.assert(
      fc.property(place, fc.integer({ min: 0, max: 400 }), fc.uint8Array({ maxLength: 60 }), (at, cut, put) => {
        const changed = Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(Math.min(bytes.length, at + cut))]);
        const { reading, records } = read(changed);
        expect(records).toEqual(whole.slice(0, records.length));
        const isNothingYet = reading.kind === "log" && reading.header === undefined;
        if (isNothingYet) expect(changed.includes("\n")).toBe(false);
        // Lines cut from the end cannot show; only a change that reaches the file's end may shorten the list in silence.
        if (reading.kind === "log" && !isNothingYet && at + cut < bytes.length)
          expect(records.length).toBeGreaterThanOrEqual(3);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("a file that is not this version's log", () => {
  it.each([
    ["a CSV file", "tenant,appId\nacme,1\n"],
    ["other JSON lines", '{"level":"info"}\n{"level":"warn"}\n'],
    ["a log with a byte order mark", `\ufeff${TEXT}`],
    ["blanks", "  \n"],
  ])("%s is foreign", (_, text) => {
    expect(read(text).reading).toMatchObject({ kind: "refused", refusal: { code: "LOG_FOREIGN", line: 1 } });
  });

  it("is damaged, and never nothing yet, where its header is a part of ours and then something else", () => {
    const { line } = headerLine(HEADER, "2026-01-31T02:00:00.000Z", "run-1");
    for (let length = 22; length < line.length; length += 1)
      for (const rest of ["\0", "\0\0\0\0", "\u0001", "}", "x\0"])
        if (line[length] !== rest)
          expect(read(line.slice(0, length) + rest).reading).not.toMatchObject({ kind: "log", header: HEADER });
    const others = [`${line.slice(0, -2)}","`, `${line.slice(0, -20)}-`, `${line.slice(0, -20)}A`];
    for (const cut of ['{"v":1,"seq":0,"at":"no time', `${line.slice(0, 60)}}`, `${line.slice(0, -20)}\0`, ...others])
      expect(read(cut).reading).toMatchObject({ kind: "refused", refusal: { code: "LOG_DAMAGED", line: 1 } });
  });

  it.each([
    ["a foreign file", "", "x", { code: "LOG_FOREIGN", line: 1 }],
    ["NULs where a log was", "", "\0", { code: "LOG_DAMAGED", line: 1, message: expect.stringContaining("NUL bytes") }],
    ["a log that somebody wrote on", TEXT, "x", { code: "LOG_DAMAGED", line: 9 }],
  ])("is given up where a line never ends: %s is not read into memory", (_, text, byte, refusal) => {
    const scan = new LogScan("log.jsonl", () => undefined);
    const piece = Buffer.alloc(8 * 1024 * 1024, byte);
    scan.push(Buffer.concat([Buffer.from(text), piece]));
    for (let pieces = 1; pieces < 8; pieces += 1) scan.push(piece);
    expect(() => scan.push(piece)).toThrow(
      expect.objectContaining({ exitCode: 6, problems: [expect.objectContaining(refusal)] }),
    );
  });

  it("is told to be newer by its header, a record's version or a record's type", () => {
    const header = withLine(0, (line) => line.replace('"formatVersion":1', '"formatVersion":2'));
    const version = withLine(2, (line) => line.replace('{"v":1', '{"v":2'));
    const type = logText([[{ type: "not-yet-known" } as unknown as LogEntry]]);
    for (const text of [header, version, type])
      expect(read(text).reading).toMatchObject({ kind: "refused", refusal: { code: "LOG_NEWER" } });
  });

  it("is nothing yet where it is empty or only a part of our header", () => {
    const { line } = headerLine(HEADER, "2026-01-31T02:00:00.000Z", "run-1");
    for (let length = 0; length < line.length; length += 1)
      expect(read(line.slice(0, length)).reading).toMatchObject({
        kind: "log",
        header: undefined,
        torn: length === 0 ? undefined : { bytes: length },
        end: 0,
      });
    expect(read(line).reading).toMatchObject({ kind: "log", endsWithoutNewline: true });
  });
});
