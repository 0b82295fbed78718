import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openLogForRun } from "../../src/log/file/log-file.js";
import { findLogOf, findLogs, readLog } from "../../src/log/file/read-log.js";
import type { LogEntry } from "../../src/log/records.js";
import type { TaskId } from "../../src/shared/ids.js";
import { StopError } from "../../src/shared/problems.js";
import { inFolder, openRequest, WatchedDisk } from "../support/log-places.js";
import { createIntent, createOutcome, HEADER, logText, MONTHLY, recordsIn, SERVER } from "../support/log-samples.js";

const NAME = "customers.csv.idempotency.jsonl";

function entriesOf(path: string): readonly LogEntry[] {
  return recordsIn(path).map(({ v, seq, at, run, synced, digest, ...entry }) => entry as LogEntry);
}

async function stopOf(promise: Promise<unknown>): Promise<StopError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof StopError)) throw new Error(`no stop, but ${String(error)}`);
  return error;
}

function codeOf(stop: StopError): unknown {
  return { exitCode: stop.exitCode, code: stop.problems[0]?.code };
}

describe("a new log", () => {
  it("comes into being with the first append, for its owner only, header first", () =>
    inFolder(async (folder) => {
      const path = join(folder, NAME);
      const disk = new WatchedDisk();
      const log = await openLogForRun(openRequest(path, { disk }));
      expect(log.head()).toBeNull();
      expect(existsSync(path)).toBe(false);
      await log.append([createIntent("acme", 1)]);
      await log.append([createOutcome(1)]);
      expect(disk.calls).toEqual([
        "create",
        "sync folder",
        "write",
        "datasync",
        "write",
        "datasync",
        "write",
        "datasync",
      ]);
      expect(statSync(path).mode & 0o777).toBe(0o600);
      const head = log.head();
      await log.close();
      expect(readdirSync(folder)).toEqual([NAME]);
      expect(await readLog(path)).toMatchObject({ head, warnings: [] });
      expect(JSON.parse(readFileSync(path, "utf8").split("\n")[0] ?? "")).toMatchObject(HEADER);
      expect((await readLog(path)).state.server()).toBe(SERVER);
      expect(entriesOf(path)).toEqual([createIntent("acme", 1), createOutcome(1)]);
    }));

  it("is read in steps: other work has its turn while a large one is read", () =>
    inFolder(async (folder) => {
      const path = join(folder, NAME);
      const entry: LogEntry = { type: "source", sourceTaskId: MONTHLY, name: "x".repeat(200) };
      writeFileSync(path, logText([Array.from({ length: 30_000 }, () => entry)]));
      let turns = 0;
      const timer = setInterval(() => {
        turns += 1;
      });
      await readLog(path);
      clearInterval(timer);
      expect(turns).toBeGreaterThan(1);
    }));

  it("leaves nothing behind where nothing was written", () =>
    inFolder(async (folder) => {
      const log = await openLogForRun(openRequest(join(folder, NAME)));
      expect(readdirSync(folder)).toEqual([`${NAME}.lock`]);
      await log.close();
      expect(readdirSync(folder)).toEqual([]);
      expect(await readLog(join(folder, NAME))).toMatchObject({ head: null, warnings: [] });
    }));

  it("is refused, with what to do, where its folder is missing", () =>
    inFolder(async (folder) => {
      const stop = await stopOf(openLogForRun(openRequest(join(folder, "missing", NAME))));
      expect(stop).toMatchObject({ exitCode: 6, problems: [{ code: "LOG_UNWRITABLE" }] });
      expect(stop.problems[0]?.hint).toContain("--idempotency-log");
    }));

  it.skipIf(process.getuid?.() === 0)("is refused where its folder is read-only", () =>
    inFolder(async (folder) => {
      chmodSync(folder, 0o500);
      const stop = await stopOf(openLogForRun(openRequest(join(folder, NAME))));
      chmodSync(folder, 0o700);
      expect(codeOf(stop)).toEqual({ exitCode: 6, code: "LOG_UNWRITABLE" });
    }),
  );

  it("takes the place of a header that a crash cut short, which is kept beside", () =>
    inFolder(async (folder) => {
      const path = join(folder, NAME);
      const torn = logText([]).slice(0, 100);
      writeFileSync(path, torn);
      const log = await openLogForRun(openRequest(path));
      await log.append([createIntent("acme", 1)]);
      await log.close();
      expect(entriesOf(path)).toEqual([createIntent("acme", 1)]);
      expect(readFileSync(`${path}.torn-20260131T020000Z-1`, "utf8")).toBe(torn);
    }));
});

describe("a log that is opened again", () => {
  it("gives its records to the run, makes them durable first, and goes on with the chain", () =>
    inFolder(async (folder) => {
      const path = join(folder, NAME);
      writeFileSync(path, logText([[createIntent("acme", 1)]]));
      const disk = new WatchedDisk();
      const log = await openLogForRun(openRequest(path, { disk, run: "run-2" }));
      expect(disk.calls).toEqual(["open", "datasync"]);
      expect([...log.state.tenants()].map(({ openCreates }) => openCreates)).toMatchObject([[createIntent("acme", 1)]]);
      await Promise.all([log.append([createOutcome(1), createIntent("globex", 2)]), log.append([createOutcome(2)])]);
      expect(log.head()).toMatchObject({ seq: 4 });
      await log.close();
      expect(recordsIn(path).slice(1)).toMatchObject([
        { seq: 2, run: "run-2", synced: 1, type: "create-outcome" },
        { seq: 3, run: "run-2", synced: 1, type: "create-intent" },
        { seq: 4, run: "run-2", synced: 1, type: "create-outcome" },
      ]);
    }));

  it.each([
    ["with CRLF", (text: string) => text.replaceAll("\n", "\r\n")],
    ["without a line end at its end", (text: string) => text.slice(0, -1)],
    ["with CRLF, without a line end at its end", (text: string) => text.replaceAll("\n", "\r\n").slice(0, -2)],
    ["with CRLF cut in two", (text: string) => text.replaceAll("\n", "\r\n").slice(0, -1)],
  ])("goes on %s", (_, change) =>
    inFolder(async (folder) => {
      const path = join(folder, NAME);
      writeFileSync(path, change(logText([[createIntent("acme", 1)]])));
      const log = await openLogForRun(openRequest(path));
      await log.append([createOutcome(1)]);
      await log.append([createIntent("globex", 2)]);
      await log.close();
      expect(entriesOf(path)).toEqual([createIntent("acme", 1), createOutcome(1), createIntent("globex", 2)]);
    }),
  );

  it("has its torn end cut off and kept beside it, byte by byte", () =>
    inFolder(async (folder) => {
      const path = join(folder, NAME);
      const whole = logText([[createIntent("acme", 1)]]);
      for (const torn of ['{"v":1,"seq":2,"at', "\0\0\0\0"]) {
        writeFileSync(path, whole + torn);
        expect((await readLog(path)).warnings).toMatchObject([{ code: "LOG_TORN", line: 3 }]);
        expect(readFileSync(path, "utf8")).toBe(whole + torn);
        const log = await openLogForRun(openRequest(path));
        expect(log.warnings).toMatchObject([{ code: "LOG_TORN", line: 3 }]);
        expect(readFileSync(path, "utf8")).toBe(whole);
        await log.append([createOutcome(1)]);
        await log.close();
        expect(entriesOf(path)).toEqual([createIntent("acme", 1), createOutcome(1)]);
      }
      expect(readFileSync(`${path}.torn-20260131T020000Z-1`, "utf8")).toBe('{"v":1,"seq":2,"at');
      expect(readFileSync(`${path}.torn-20260131T020000Z-2`, "utf8")).toBe("\0\0\0\0");
    }));

  it.each([
    [
      "LOG_DAMAGED",
      logText([[createIntent("acme", 1)], [createOutcome(1)]]).replace("Report - acme", "Report - evil"),
      2,
    ],
    ["LOG_FOREIGN", "tenant,appId\n", 1],
  ])("is refused as %s, unchanged, and without a lock left behind", (code, text, line) =>
    inFolder(async (folder) => {
      const path = join(folder, NAME);
      writeFileSync(path, text);
      const stop = await stopOf(openLogForRun(openRequest(path)));
      expect(stop).toMatchObject({ exitCode: 6, problems: [{ code, line, file: path }] });
      expect(readFileSync(path, "utf8")).toBe(text);
      expect(readdirSync(folder)).toEqual([NAME]);
      await expect(readLog(path)).rejects.toThrow(StopError);
    }),
  );

  it("is refused where it is a link that leads nowhere, as one to a disk that is not mounted; an empty file there is a new log", () =>
    inFolder(async (folder) => {
      const path = join(folder, NAME);
      symlinkSync("elsewhere.jsonl", path);
      const stop = await stopOf(openLogForRun(openRequest(path)));
      expect(codeOf(stop)).toEqual({ exitCode: 6, code: "LOG_LINK_BROKEN" });
      expect(stop.message).toContain(join(folder, "elsewhere.jsonl"));
      await expect(readLog(path)).rejects.toThrow("where no file is");
      expect(readdirSync(folder)).toEqual([NAME]);
      writeFileSync(join(folder, "elsewhere.jsonl"), "");
      const log = await openLogForRun(openRequest(path));
      await log.append([createIntent("acme", 1)]);
      await log.close();
      expect(entriesOf(join(folder, "elsewhere.jsonl"))).toEqual([createIntent("acme", 1)]);
    }));

  it("is refused where it is a folder", () =>
    inFolder(async (folder) => {
      mkdirSync(join(folder, NAME));
      expect(codeOf(await stopOf(openLogForRun(openRequest(join(folder, NAME)))))).toEqual({
        exitCode: 6,
        code: "LOG_UNREADABLE",
      });
    }));

  it("has one lock, by whatever symbolic link it is opened", () =>
    inFolder(async (folder) => {
      mkdirSync(join(folder, "real"));
      const path = join(folder, "real", NAME);
      writeFileSync(path, logText([]));
      symlinkSync(path, join(folder, "link.jsonl"));
      const log = await openLogForRun(openRequest(path));
      const stop = await stopOf(openLogForRun(openRequest(join(folder, "link.jsonl"))));
      expect(codeOf(stop)).toEqual({ exitCode: 6, code: "LOG_LOCKED" });
      await log.close();
    }));
});

describe("appending", () => {
  it("resolves only after the flush that covers it, and shares that flush with all that wait", () =>
    inFolder(async (folder) => {
      const path = join(folder, NAME);
      writeFileSync(path, logText([]));
      const disk = new WatchedDisk();
      const log = await openLogForRun(openRequest(path, { disk }));
      disk.calls.length = 0;
      const gates: (() => void)[] = [];
      disk.onDatasync = (flush) => new Promise<void>((open) => gates.push(open)).then(flush);
      const done: string[] = [];
      const append = (tenant: string, number: number) =>
        log.append([createIntent(tenant, number)]).then(() => done.push(tenant));
      const told = (number: number) => log.append([createOutcome(number)]).then(() => done.push(`outcome ${number}`));
      const first = [append("acme", 1), told(1)];
      await eventually(() => gates.length === 1);
      const second = [append("initech", 3), append("umbrella", 4), told(3)];
      await around();
      expect({ done, calls: disk.calls, written: entriesOf(path).length }).toEqual({
        done: [],
        calls: ["write", "datasync"],
        written: 2,
      });
      expect(log.head()?.seq).toBe(0);
      gates.shift()?.();
      await Promise.all(first);
      expect(done).toEqual(["acme", "outcome 1"]);
      expect(log.head()?.seq).toBe(2);
      await eventually(() => gates.length === 1);
      expect(done).toEqual(["acme", "outcome 1"]);
      gates.shift()?.();
      await Promise.all(second);
      expect(disk.calls).toEqual(["write", "datasync", "write", "datasync"]);
      await log.close();
      expect(entriesOf(path)).toHaveLength(5);
    }));

  it("goes on after a write that took only some of the bytes", () =>
    inFolder(async (folder) => {
      const path = join(folder, NAME);
      const disk = new WatchedDisk();
      disk.onWrite = (bytes, write) => write(bytes.subarray(0, 100));
      const log = await openLogForRun(openRequest(path, { disk }));
      await log.append([createIntent("acme", 1), createOutcome(1)]);
      await log.close();
      expect(entriesOf(path)).toEqual([createIntent("acme", 1), createOutcome(1)]);
    }));

  it("is over for this run once the disk is full: all that wait and all that come are told, and the torn end is no damage", () =>
    inFolder(async (folder) => {
      const path = join(folder, NAME);
      const disk = new WatchedDisk();
      const log = await openLogForRun(openRequest(path, { disk }));
      await log.append([createIntent("acme", 1)]);
      let room = 200;
      disk.onWrite = (bytes, write) => {
        if (room === 0) throw Object.assign(new Error("no space"), { code: "ENOSPC" });
        const taken = write(bytes.subarray(0, room));
        room -= taken;
        return taken;
      };
      const waiting = [stopOf(log.append([createOutcome(1)])), stopOf(log.append([createIntent("globex", 2)]))];
      for (const stop of await Promise.all(waiting)) {
        expect(codeOf(stop)).toEqual({ exitCode: 6, code: "LOG_UNWRITABLE" });
        expect(stop.cause).toMatchObject({ code: "ENOSPC" });
      }
      disk.onWrite = (bytes, write) => write(bytes);
      const calls = disk.calls.length;
      expect(codeOf(await stopOf(log.append([createOutcome(1)])))).toEqual({ exitCode: 6, code: "LOG_UNWRITABLE" });
      expect(disk.calls).toHaveLength(calls);
      expect(log.head()?.seq).toBe(1);
      await log.close();
      expect(entriesOf(path)).toEqual([createIntent("acme", 1)]);
      const again = await openLogForRun(openRequest(path));
      await again.append([createOutcome(1)]);
      await again.close();
      expect(entriesOf(path)).toEqual([createIntent("acme", 1), createOutcome(1)]);
    }));

  it("never tries a failed flush again: the second would lie", () =>
    inFolder(async (folder) => {
      const path = join(folder, NAME);
      const disk = new WatchedDisk();
      const log = await openLogForRun(openRequest(path, { disk }));
      await log.append([createIntent("acme", 1)]);
      disk.calls.length = 0;
      disk.onDatasync = () => Promise.reject(Object.assign(new Error("input/output error"), { code: "EIO" }));
      const stops = [stopOf(log.append([createOutcome(1)])), stopOf(log.append([createIntent("globex", 2)]))];
      expect((await Promise.all(stops)).map(codeOf)).toEqual(Array(2).fill({ exitCode: 6, code: "LOG_UNWRITABLE" }));
      await stopOf(log.append([createOutcome(2)]));
      expect(disk.calls).toEqual(["write", "datasync"]);
      expect(log.head()?.seq).toBe(1);
      await log.close();
    }));

  it.each<[string, (path: string) => void]>([
    ["grew", (path) => appendFileSync(path, "x")],
    ["was emptied", (path) => writeFileSync(path, "")],
    ["was removed", (path) => rmSync(path)],
    [
      "was replaced by a copy of the same length",
      (path) => {
        const copy = readFileSync(path);
        renameSync(path, `${path}.old`);
        writeFileSync(path, copy);
      },
    ],
  ])("stops where the file %s under the run's hands", (_, change) =>
    inFolder(async (folder) => {
      const path = join(folder, NAME);
      const log = await openLogForRun(openRequest(path));
      await log.append([createIntent("acme", 1)]);
      change(path);
      const after = existsSync(path) ? readFileSync(path, "utf8") : undefined;
      expect(codeOf(await stopOf(log.append([createOutcome(1)])))).toEqual({ exitCode: 6, code: "LOG_CHANGED" });
      expect(existsSync(path) ? readFileSync(path, "utf8") : undefined).toBe(after);
      await log.close();
    }),
  );

  it("stops where somebody appended in the very moment between the look and the write", () =>
    inFolder(async (folder) => {
      const path = join(folder, NAME);
      const disk = new WatchedDisk();
      const log = await openLogForRun(openRequest(path, { disk }));
      await log.append([createIntent("acme", 1)]);
      disk.onWrite = (bytes, write) => {
        appendFileSync(path, "theirs\n");
        return write(bytes);
      };
      expect(codeOf(await stopOf(log.append([createOutcome(1)])))).toEqual({ exitCode: 6, code: "LOG_CHANGED" });
      expect(readFileSync(path, "utf8")).toContain("theirs");
      await log.close();
    }));

  it("refuses what the next run could not read, before anything is written", () =>
    inFolder(async (folder) => {
      const path = join(folder, NAME);
      const log = await openLogForRun(openRequest(path));
      const wrong = { ...createOutcome(1), newTaskId: "no GUID" } as unknown as LogEntry;
      await expect(log.append([createIntent("acme", 1), wrong])).rejects.toThrow('field "newTaskId" of create-outcome');
      await log.append([createIntent("acme", 1)]);
      await log.close();
      expect(entriesOf(path)).toEqual([createIntent("acme", 1)]);
    }));
});

describe("finding logs", () => {
  it("lists a folder's logs and says what each is bound to, a new address and later source tasks included", () =>
    inFolder(async (folder) => {
      const moved = logText([
        [{ type: "source", sourceTaskId: MONTHLY, name: "Monthly Report" }],
        [{ type: "rebound", server: "https://new.example.com/api/v2" }],
      ]);
      writeFileSync(join(folder, "b.csv.idempotency.jsonl"), moved);
      writeFileSync(join(folder, NAME), logText([]));
      writeFileSync(join(folder, "bad.idempotency.jsonl"), "not a log\n");
      writeFileSync(join(folder, "customers.csv"), "tenant\n");
      const logs = findLogs(folder);
      expect(logs).toEqual(
        ["b.csv.idempotency.jsonl", "bad.idempotency.jsonl", NAME].map((name) => join(folder, name)),
      );
      const boundTo = (server: string) => findLogOf(folder, server, [MONTHLY]);
      expect(await boundTo("https://new.example.com/api/v2")).toBe(join(folder, "b.csv.idempotency.jsonl"));
      expect(await boundTo(SERVER)).toBe(join(folder, NAME));
      const later = createOutcome(1).newTaskId as TaskId;
      expect(await findLogOf(folder, SERVER, [later])).toBeUndefined();
      const known = logText([[{ type: "source", sourceTaskId: later, name: "Weekly Report" }]]);
      writeFileSync(join(folder, NAME), known);
      expect(await findLogOf(folder, SERVER, [later])).toBe(join(folder, NAME));
    }));
});

async function around(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

async function eventually(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}
