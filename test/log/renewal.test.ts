import { fork } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { nodeDisk } from "../../src/log/file/disk.js";
import { openLogForRun } from "../../src/log/file/log-file.js";
import type { OpenLog } from "../../src/log/open-log.js";
import { StopError } from "../../src/shared/problems.js";
import { compileSource } from "../support/compiled-sources.js";
import { ELSEWHERE, inFolder, leaveLock, openRequest, WatchedDisk } from "../support/log-places.js";
import { createIntent, createOutcome, logText, MONTHLY, recordsIn, SERVER } from "../support/log-samples.js";

const NAME = "customers.csv.idempotency.jsonl";
const TIMING = { beatMs: 60_000, silentMs: 60_000, watchMs: 5, sendWithinMs: 45_000 };

async function codeOf(promise: Promise<unknown>): Promise<string | undefined> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof StopError)) throw new Error(`no stop, but ${String(error)}`);
  return error.problems[0]?.code;
}

/** Opens a log whose lock was left by somebody who cannot be looked at, and who was silent for long. */
function takeOver(path: string, disk = new WatchedDisk()): Promise<OpenLog> {
  leaveLock(`${path}.lock`, ELSEWHERE, 61);
  return openLogForRun(openRequest(path, { timing: TIMING, disk }));
}

/** Opens a log for a second run, which breaks the lock of the first. */
function breakInto(path: string): Promise<OpenLog> {
  const { id } = JSON.parse(readFileSync(`${path}.lock`, "utf8"));
  return openLogForRun(openRequest(path, { run: "run-2", breakLock: id }));
}

function typesIn(path: string): readonly string[] {
  return recordsIn(path).map((record) => `${record.run} ${record.type}`);
}

const fileOf = (path: string): number => statSync(path).ino;

describe("a log whose lock is taken over from a run that may live", () => {
  it("becomes a new file, byte for byte and with the same rights, and what that run still writes is read by nobody", () =>
    inFolder(async (folder) => {
      const path = join(folder, NAME);
      writeFileSync(path, logText([[createIntent("acme", 1)]]));
      chmodSync(path, 0o640);
      const before = fileOf(path);
      const late = nodeDisk.open(path);
      const log = await takeOver(path);
      expect(log.warnings).toEqual([]);
      expect(fileOf(path)).not.toBe(before);
      expect(statSync(path).mode & 0o777).toBe(0o640);
      expect(readFileSync(path, "utf8")).toBe(logText([[createIntent("acme", 1)]]));
      late.write(Buffer.from("half a li"));
      late.close();
      await log.append([createOutcome(1)]);
      await log.close();
      expect(typesIn(path)).toEqual(["run-1 create-intent", "run-1 create-outcome"]);
      expect(readdirSync(folder)).toEqual([NAME]);
    }));

  it.skipIf(process.getuid?.() !== 0)("stays its owner's", () =>
    inFolder(async (folder) => {
      const path = join(folder, NAME);
      writeFileSync(path, logText([]));
      chownSync(path, 12_345, 12_346);
      await (await takeOver(path)).close();
      expect(statSync(path)).toMatchObject({ uid: 12_345, gid: 12_346 });
    }),
  );

  it("is put into a new file also where the run before looks gone: a container may show another one's processes", () =>
    inFolder(async (folder) => {
      const path = join(folder, NAME);
      writeFileSync(path, logText([[createIntent("acme", 1)]]));
      const before = fileOf(path);
      leaveLock(`${path}.lock`, {});
      const log = await openLogForRun(openRequest(path));
      expect(fileOf(path)).not.toBe(before);
      await log.close();
      const renewed = fileOf(path);
      await (await openLogForRun(openRequest(path))).close();
      expect(fileOf(path)).toBe(renewed);
    }));

  it("is made new by the next holder where one was killed on the way, whatever that one left", () =>
    inFolder(async (folder) => {
      const path = join(folder, NAME);
      writeFileSync(path, logText([[createIntent("acme", 1)]]));
      const before = fileOf(path);
      leaveLock(`${path}.lock`, ELSEWHERE, 61);
      leaveLock(`${path}.lock.00000000deadbeef`, { id: "00000000000000aa" });
      writeFileSync(`${path}.lock.copy-00000000000000aa`, "half a copy");
      const log = await openLogForRun(openRequest(path));
      expect(fileOf(path)).not.toBe(before);
      expect(readdirSync(folder)).toEqual([NAME, `${NAME}.lock`]);
      await log.close();
      expect(typesIn(path)).toEqual(["run-1 create-intent"]);
      expect(readdirSync(folder)).toEqual([NAME]);
    }));

  it("keeps the line of a write that was under way, as a doubt; the run that wrote it is told nothing and sends nothing", () =>
    inFolder(async (folder) => {
      const path = join(folder, NAME);
      const disk = new WatchedDisk();
      const first = await openLogForRun(openRequest(path, { disk }));
      await first.append([createIntent("acme", 1)]);
      let release = () => {};
      const hangs = new Promise<void>((open) => {
        disk.onDatasync = (flush) => {
          open();
          return new Promise<void>((go) => {
            release = go;
          }).then(flush);
        };
      });
      const told = codeOf(first.append([createOutcome(1), createIntent("globex", 2)]));
      await hangs;
      const second = await breakInto(path);
      release();
      expect(await told).toBe("LOG_LOCK_LOST");
      expect(() => first.checkMaySend()).toThrow(StopError);
      await second.append([createOutcome(2)]);
      await first.close();
      await second.close();
      expect(typesIn(path)).toEqual([
        "run-1 create-intent",
        "run-1 create-outcome",
        "run-1 create-intent",
        "run-2 create-outcome",
      ]);
    }));

  it("is told to nobody as written where the lock went while the disk worked, though the file is still in its place", () =>
    inFolder(async (folder) => {
      const path = join(folder, NAME);
      const disk = new WatchedDisk();
      const first = await openLogForRun(openRequest(path, { disk }));
      await first.append([createIntent("acme", 1)]);
      disk.onDatasync = async (flush) => {
        await flush();
        // Whoever takes over has the lock first, then copies: the copy may lack this line.
        const { id } = JSON.parse(readFileSync(`${path}.lock`, "utf8"));
        leaveLock(`${path}.lock.${id}`, { ...ELSEWHERE, id: "00000000000000bb" });
      };
      expect(await codeOf(first.append([createOutcome(1)]))).toBe("LOG_LOCK_LOST");
      await first.close();
    }));

  it("is told as a lost lock, and not as a changed file, to the run whose write came too late", () =>
    inFolder(async (folder) => {
      const path = join(folder, NAME);
      const disk = new WatchedDisk();
      const first = await openLogForRun(openRequest(path, { disk }));
      await first.append([createIntent("acme", 1)]);
      disk.onWrite = (bytes, write) => {
        // The write hangs until the next holder has made the log new.
        const { id } = JSON.parse(readFileSync(`${path}.lock`, "utf8"));
        leaveLock(`${path}.lock.${id}`, { ...ELSEWHERE, id: "00000000000000bb" });
        writeFileSync(`${path}.next`, readFileSync(path));
        renameSync(`${path}.next`, path);
        return write(bytes);
      };
      expect(await codeOf(first.append([createOutcome(1)]))).toBe("LOG_LOCK_LOST");
      expect(typesIn(path)).toEqual(["run-1 create-intent"]);
      await first.close();
    }));

  it("loses nothing that counts where the earlier run writes while the copy is made: that run hears of it", () =>
    inFolder(async (folder) => {
      const path = join(folder, NAME);
      const first = await openLogForRun(openRequest(path));
      await first.append([createIntent("acme", 1)]);
      const late = nodeDisk.open(path);
      const disk = new WatchedDisk();
      disk.onRename = (rename) => {
        late.write(Buffer.from("a line that is not in the copy\n"));
        expect(() => first.checkMaySend()).toThrow("somebody took it over");
        rename();
      };
      const { id } = JSON.parse(readFileSync(`${path}.lock`, "utf8"));
      const second = await openLogForRun(openRequest(path, { disk, run: "run-2", breakLock: id }));
      expect(disk.calls).toContain("rename");
      late.close();
      await second.append([createOutcome(1)]);
      await second.close();
      await first.close();
      expect(typesIn(path)).toEqual(["run-1 create-intent", "run-2 create-outcome"]);
    }));

  it("is not replaced by one who was frozen before the rename, and lost the lock meanwhile", () =>
    inFolder(async (folder) => {
      const path = join(folder, NAME);
      writeFileSync(path, logText([[createIntent("acme", 1)]]));
      const before = fileOf(path);
      const disk = new WatchedDisk();
      disk.onRename = (rename) => {
        // What the next holder does: its claim, then the copies of all others.
        const [copy] = readdirSync(folder).filter((name) => name.includes(".copy-"));
        leaveLock(`${path}.lock.${copy?.slice(-16)}`, { ...ELSEWHERE, id: "00000000000000bb" });
        rmSync(join(folder, copy ?? ""));
        rename();
      };
      expect(await codeOf(takeOver(path, disk))).toBe("LOG_LOCK_LOST");
      expect(fileOf(path)).toBe(before);
    }));

  it("stays the file that it is, told, where no file can take its place (a mount)", () =>
    inFolder(async (folder) => {
      const path = join(folder, NAME);
      writeFileSync(path, logText([[createIntent("acme", 1)]]));
      const before = fileOf(path);
      const disk = new WatchedDisk();
      disk.onRename = () => {
        throw Object.assign(new Error("busy"), { code: "EBUSY" });
      };
      const log = await takeOver(path, disk);
      expect(log.warnings).toMatchObject([{ code: "LOG_NOT_RENEWED", message: expect.stringContaining("(EBUSY)") }]);
      await log.append([createOutcome(1)]);
      await log.close();
      expect(fileOf(path)).toBe(before);
      expect(readdirSync(folder)).toEqual([NAME]);
    }));

  it("gives the lock back to whom it was taken from where it cannot be opened, so that the next run makes it new", () =>
    inFolder(async (folder) => {
      const path = join(folder, NAME);
      writeFileSync(path, logText([[createIntent("acme", 1)]]));
      const disk = new WatchedDisk();
      disk.syncFolder = () => {
        throw Object.assign(new Error("input/output error"), { code: "EIO" });
      };
      expect(await codeOf(takeOver(path, disk))).toBe("LOG_UNWRITABLE");
      expect(readdirSync(folder)).toEqual([NAME, `${NAME}.lock`]);
      expect(JSON.parse(readFileSync(`${path}.lock`, "utf8"))).toMatchObject(ELSEWHERE);
    }));
});

describe("cutting a torn end off", () => {
  it("that comes too late, after another file took the log's place, leaves that file whole", () =>
    inFolder((folder) => {
      const path = join(folder, NAME);
      writeFileSync(path, "whole\ntorn");
      writeFileSync(`${path}.next`, "whole\nwhole too\n");
      nodeDisk.truncate(path, 6, () => renameSync(`${path}.next`, path));
      expect(readFileSync(path, "utf8")).toBe("whole\nwhole too\n");
    }));
});

describe("a process that is frozen", () => {
  it(
    "for longer than the lease, and taken over, sends nothing and writes nothing when it wakes up",
    { timeout: 60_000 },
    () =>
      inFolder(async (folder) => {
        const path = join(folder, NAME);
        const module = compileSource("src/log/file/log-file.ts", join(folder));
        const timing = { beatMs: 20, silentMs: 400, watchMs: 100, sendWithinMs: 300 };
        const zombie = fork(fileURLToPath(new URL("../support/log-zombie.mjs", import.meta.url)), [
          module,
          JSON.stringify({
            request: { path, server: SERVER, sourceTasks: [MONTHLY], run: "zombie", timing },
            first: createIntent("acme", 1),
            next: createOutcome(1),
          }),
        ]);
        try {
          await once(zombie, "message");
          zombie.kill("SIGSTOP");
          const second = await whenSilent(() => openLogForRun(openRequest(path, { run: "run-2", timing })));
          const answer = once(zombie, "message");
          zombie.send("go on");
          zombie.kill("SIGCONT");
          expect((await answer)[0]).toEqual({ sending: "LOG_LOCK_LOST", appending: "LOG_LOCK_LOST" });
          await second.append([createIntent("globex", 2)]);
          await second.close();
          expect(typesIn(path)).toEqual(["zombie create-intent", "run-2 create-intent"]);
          expect(readdirSync(folder).filter((name) => name.startsWith(NAME))).toEqual([NAME]);
        } finally {
          zombie.kill("SIGKILL");
        }
      }),
  );

  async function whenSilent(open: () => Promise<OpenLog>): Promise<OpenLog> {
    for (;;) {
      try {
        return await open();
      } catch (error) {
        if (!(error instanceof StopError) || error.problems[0]?.code !== "LOG_LOCKED") throw error;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }
});
