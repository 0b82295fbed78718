import { type ChildProcess, fork, spawnSync } from "node:child_process";
import { once } from "node:events";
import fs, {
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { hostname } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { acquireLock, inspectLock, type LockRequest, type LogLock } from "../../src/log/file/lock.js";
import type { ProcessIdentity } from "../../src/log/file/lock-files.js";
import { openLogForRun } from "../../src/log/file/log-file.js";
import { identityOf, stateOfOwner, thisMachine } from "../../src/log/file/process-identity.js";
import { StopError } from "../../src/shared/problems.js";
import { systemClock } from "../../src/shared/time.js";
import { compileSource } from "../support/compiled-sources.js";
import {
  ELSEWHERE,
  inFolder,
  leaveLock as leaveLockAt,
  machine,
  openRequest,
  THIS_PROCESS,
} from "../support/log-places.js";
import { createIntent, createOutcome } from "../support/log-samples.js";

/** Quick enough for a test; what is compared with them is the disk's clock, never the test's. */
const TIMING = { beatMs: 60_000, silentMs: 60_000, watchMs: 30, sendWithinMs: 45_000 };

function request(folder: string, more: Partial<LockRequest> = {}): LockRequest {
  return {
    logPath: join(folder, "log.jsonl"),
    command: "sync",
    ownProcess: { pid: process.pid, exists: () => true },
    clock: { ...systemClock, now: () => new Date("2026-01-31T02:00:00.000Z") },
    timing: TIMING,
    ...more,
  };
}

/** Takes a lock when nothing is to be done about an earlier owner. */
async function takeLock(asked: LockRequest): Promise<LogLock> {
  const lock = await acquireLock(asked);
  lock.settle();
  return lock;
}

async function stopOf(promise: Promise<unknown>): Promise<StopError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof StopError)) throw new Error(`no stop, but ${String(error)}`);
  return error;
}

/** Puts a lock there as a process left it that was here, and is not any more; `age`: seconds since its last beat. */
function leaveLock(folder: string, owner: Partial<ProcessIdentity> = {}, age = 0, id = "00000000deadbeef"): string {
  leaveLockAt(join(folder, "log.jsonl.lock"), { ...owner, id }, age);
  return id;
}

describe("taking the lock", () => {
  it("says who holds it, keeps others out with owner, age and ID, and leaves nothing when it is given back", () =>
    inFolder(async (folder) => {
      const lock = await takeLock(request(folder));
      const record = JSON.parse(readFileSync(join(folder, "log.jsonl.lock"), "utf8"));
      expect(record).toMatchObject({ ...identityOf(THIS_PROCESS, thisMachine), id: lock.id, command: "sync" });
      const stop = await stopOf(takeLock(request(folder)));
      expect(stop).toMatchObject({ exitCode: 6, problems: [{ code: "LOG_LOCKED", value: lock.id }] });
      expect(stop.message).toMatch(new RegExp(`"sync" on host ${record.host}, process ${process.pid}.*${lock.id}`));
      expect(stop.problems[0]?.hint).toContain(`--break-lock ${lock.id}`);
      expect(inspectLock(join(folder, "log.jsonl"), request(folder))).toMatchObject({
        id: lock.id,
        ownerState: "alive",
      });
      expect(await lock.release()).toBeUndefined();
      expect(readdirSync(folder)).toEqual([]);
      expect(inspectLock(join(folder, "log.jsonl"), request(folder))).toBeUndefined();
    }));

  it("takes over at once from a process that is provably gone", () =>
    inFolder(async (folder) => {
      leaveLock(folder);
      const lock = await takeLock(request(folder));
      expect(readdirSync(folder)).toEqual(["log.jsonl.lock"]);
      expect(inspectLock(join(folder, "log.jsonl"), request(folder))).toMatchObject({
        id: lock.id,
        ownerState: "alive",
      });
      await lock.release();
      expect(readdirSync(folder)).toEqual([]);
    }));

  it("waits for nobody: a lock that cannot be looked at and beat a minute ago or less is refused", () =>
    inFolder(async (folder) => {
      leaveLock(folder, ELSEWHERE, 50);
      const stop = await stopOf(takeLock(request(folder)));
      expect(stop).toMatchObject({ exitCode: 6, problems: [{ code: "LOG_LOCKED" }] });
      expect(stop.message).toContain('"sync" on host another-host');
      expect(stop.problems[0]?.hint).toContain("60 s");
    }));

  it("takes over a silent lock that cannot be looked at, after it watched it, and says so before", () =>
    inFolder(async (folder) => {
      leaveLock(folder, ELSEWHERE, 61);
      const told: unknown[] = [];
      const lock = await takeLock(request(folder, { onWaiting: (reason, ms) => told.push({ reason, ms }) }));
      expect(told).toEqual([{ reason: expect.stringContaining("another-host"), ms: 30 }]);
      await lock.release();
      expect(readdirSync(folder)).toEqual([]);
    }));

  it("watches a lock for all the 60 s whose beat lies in the future: by a clock that was set back it would be young for ever", () =>
    inFolder(async (folder) => {
      leaveLock(folder, ELSEWHERE, -3_600);
      const told: unknown[] = [];
      const onWaiting = (reason: string, ms: number) => told.push({ reason, ms });
      const lock = await takeLock(request(folder, { onWaiting, timing: { ...TIMING, silentMs: 40 } }));
      expect(told).toEqual([{ reason: expect.stringContaining("lies in the future"), ms: 40 }]);
      await lock.release();
      leaveLock(folder, ELSEWHERE, -3_600);
      const path = join(folder, "log.jsonl.lock");
      const beat = () => writeFileSync(path, readFileSync(path, "utf8").replace("0000000000", "0000000001"));
      const stop = await stopOf(takeLock(request(folder, { onWaiting: beat })));
      expect(stop.problems[0]?.code).toBe("LOG_LOCKED");
    }));

  it("believes a beat more than a clock: a silent lock that beats while it is watched is alive", () =>
    inFolder(async (folder) => {
      leaveLock(folder, ELSEWHERE, 7_200);
      const path = join(folder, "log.jsonl.lock");
      const beat = () => writeFileSync(path, readFileSync(path, "utf8").replace("0000000000", "0000000001"));
      const stop = await stopOf(takeLock(request(folder, { onWaiting: beat })));
      expect(stop.problems[0]?.code).toBe("LOG_LOCKED");
    }));

  it("never takes over from a process that is there, however silent it is", () =>
    inFolder(async (folder) => {
      leaveLock(folder, { start: identityOf(THIS_PROCESS, thisMachine).start }, 7_200);
      expect((await stopOf(takeLock(request(folder)))).problems[0]?.code).toBe("LOG_LOCKED");
    }));

  it("treats a file without a record as a lock of somebody who cannot be looked at", () =>
    inFolder(async (folder) => {
      const path = join(folder, "log.jsonl.lock");
      writeFileSync(path, "");
      const stop = await stopOf(takeLock(request(folder)));
      expect(stop.message).toContain("an unreadable lock file");
      const then = Date.now() / 1000 - 100;
      utimesSync(path, then, then);
      await (await takeLock(request(folder))).release();
      expect(readdirSync(folder)).toEqual([]);
    }));

  it("goes on from a take-over that crashed at any step", () =>
    inFolder(async (folder) => {
      const root = join(folder, "log.jsonl.lock");
      // The successor of the first died before it moved its record; its own successor too.
      leaveLock(folder, {}, 0, "00000000000000aa");
      renameSync(root, join(folder, "first"));
      for (const [id, place] of [
        ["00000000000000bb", `${root}.00000000000000aa`],
        ["00000000000000cc", `${root}.00000000000000bb`],
      ] as const) {
        leaveLock(folder, {}, 0, id);
        renameSync(root, place);
      }
      renameSync(join(folder, "first"), root);
      const lock = await takeLock(request(folder));
      expect(readdirSync(folder)).toEqual(["log.jsonl.lock"]);
      await lock.release();
      expect(readdirSync(folder)).toEqual([]);
    }));

  it("is not misled by a claim on a lock that is long gone", () =>
    inFolder(async (folder) => {
      leaveLock(folder, {}, 0, "00000000000000aa");
      renameSync(join(folder, "log.jsonl.lock"), join(folder, "log.jsonl.lock.00000000000000ff"));
      const lock = await takeLock(request(folder));
      expect((await stopOf(takeLock(request(folder)))).problems[0]?.value).toBe(lock.id);
      await lock.release();
    }));

  it("sweeps away what stands beside it: killed processes left it, and a living one tries anew", () =>
    inFolder(async (folder) => {
      const root = join(folder, "log.jsonl.lock");
      leaveLock(folder);
      renameSync(root, `${root}.new-00000000deadbeef`);
      leaveLock(folder, ELSEWHERE);
      renameSync(root, `${root}.new-00000000cafecafe`);
      const lock = await takeLock(request(folder));
      expect(readdirSync(folder)).toEqual(["log.jsonl.lock"]);
      await lock.release();
    }));

  it("is taken though what stands beside it cannot be looked at for a moment (a virus scanner): the next holder sweeps it away", () =>
    inFolder(async (folder) => {
      const root = join(folder, "log.jsonl.lock");
      leaveLock(folder);
      renameSync(root, `${root}.new-00000000deadbeef`);
      const { readdirSync: look } = fs;
      Object.assign(fs, {
        readdirSync: () => {
          throw Object.assign(new Error("EBUSY"), { code: "EBUSY" });
        },
      });
      syncBuiltinESMExports();
      try {
        const lock = await takeLock(request(folder));
        await lock.release();
      } finally {
        Object.assign(fs, { readdirSync: look });
        syncBuiltinESMExports();
      }
      expect(readdirSync(folder)).toEqual(["log.jsonl.lock.new-00000000deadbeef"]);
    }));

  it("keeps its own claim where an owner that it took over from wakes up, and moves its own, while the chain is read", () =>
    inFolder(async (folder) => {
      const root = join(folder, "log.jsonl.lock");
      const first = await takeLock(request(folder));
      const frozen = await acquireLock(request(folder, { breakLock: first.id }));
      const { readdirSync: list, openSync: open } = fs;
      let opened = 0;
      Object.assign(fs, {
        readdirSync: (folder: string) => {
          opened = 1;
          return list(folder);
        },
        // The first link of the chain was read, and the second is about to be.
        openSync: (...args: Parameters<typeof open>) => {
          if (opened > 0 && ++opened === 3) renameSync(`${root}.${first.id}`, root);
          return open(...args);
        },
      });
      syncBuiltinESMExports();
      const lock = await acquireLock(request(folder, { breakLock: frozen.id })).finally(() => {
        Object.assign(fs, { readdirSync: list, openSync: open });
        syncBuiltinESMExports();
      });
      expect(() => frozen.check()).toThrow("somebody took it over");
      lock.settle();
      lock.check();
      for (const one of [lock, frozen, first]) await one.release();
    }));
});

describe("--break-lock", () => {
  it("takes over exactly the lock that it names, whoever holds it", () =>
    inFolder(async (folder) => {
      const id = leaveLock(folder, ELSEWHERE);
      const lock = await takeLock(request(folder, { breakLock: id }));
      expect(lock.warnings).toMatchObject([{ code: "LOCK_BROKEN" }]);
      await lock.release();
      expect(readdirSync(folder)).toEqual([]);
    }));

  it("is refused for another lock, even one whose process is gone", () =>
    inFolder(async (folder) => {
      const id = leaveLock(folder);
      const stop = await stopOf(takeLock(request(folder, { breakLock: "00000000cafecafe" })));
      expect(stop).toMatchObject({ exitCode: 6, problems: [{ code: "LOG_LOCKED", value: id }] });
      expect(existsSync(join(folder, "log.jsonl.lock"))).toBe(true);
    }));

  it("warns, and goes on, where there is no lock any more", () =>
    inFolder(async (folder) => {
      const lock = await takeLock(request(folder, { breakLock: "00000000cafecafe" }));
      expect(lock.warnings).toMatchObject([{ code: "LOCK_NOT_THERE" }]);
      await lock.release();
    }));

  it("stops the run whose lock it broke before its next append, and that run leaves the new lock alone", () =>
    inFolder(async (folder) => {
      const path = join(folder, "log.jsonl");
      const first = await openLogForRun(openRequest(path));
      await first.append([createIntent("acme", 1)]);
      const id = inspectLock(path, request(folder))?.id;
      const second = await openLogForRun(openRequest(path, { breakLock: id }));
      const stop = await stopOf(first.append([createOutcome(1)]));
      expect(stop).toMatchObject({ exitCode: 6, problems: [{ code: "LOG_LOCK_LOST" }] });
      await first.close();
      await second.append([createOutcome(1)]);
      await second.close();
      expect(readdirSync(folder)).toEqual(["log.jsonl"]);
    }));
});

describe("a lock that is lost", () => {
  it.each<[string, (path: string) => void]>([
    ["removed", (path) => unlinkSync(path)],
    [
      "removed and taken by another",
      (path) => {
        rmSync(path);
        writeFileSync(path, "somebody else's");
      },
    ],
  ])("because somebody %s its file stops the run before its next append", (_, lose) =>
    inFolder(async (folder) => {
      const path = join(folder, "log.jsonl");
      const log = await openLogForRun(openRequest(path));
      await log.append([createIntent("acme", 1)]);
      const before = readFileSync(path, "utf8");
      lose(`${path}.lock`);
      const stop = await stopOf(log.append([createOutcome(1)]));
      expect(stop).toMatchObject({ exitCode: 6, problems: [{ code: "LOG_LOCK_LOST" }] });
      expect(readFileSync(path, "utf8")).toBe(before);
      const others = existsSync(`${path}.lock`);
      await log.close();
      expect(existsSync(`${path}.lock`)).toBe(others);
    }),
  );

  it.each([1, 2, 3])(
    "is seen to be lost, wherever among its looks the next owner's move to LOG.lock falls (%i)",
    async (nth) => {
      await inFolder(async (folder) => {
        const lock = await acquireLock(request(folder));
        const next = await acquireLock(request(folder, { breakLock: lock.id }));
        let looks = 0;
        const settling =
          <Look extends (...looked: never[]) => unknown>(look: Look) =>
          (...looked: Parameters<Look>) => {
            const found = look(...looked);
            looks += 1;
            if (looks === nth) next.settle();
            return found;
          };
        const { statSync, openSync } = fs;
        Object.assign(fs, { statSync: settling(statSync), openSync: settling(openSync) });
        syncBuiltinESMExports();
        try {
          expect(() => lock.check()).toThrow("somebody took it over");
        } finally {
          Object.assign(fs, { statSync, openSync });
          syncBuiltinESMExports();
        }
        await next.release();
        await lock.release();
      });
    },
  );

  it("beats while it is held, so that others see that its owner lives, and notices by itself that it was taken over", () =>
    inFolder(async (folder) => {
      const lock = await takeLock(request(folder, { timing: { ...TIMING, beatMs: 5 } }));
      const path = join(folder, "log.jsonl.lock");
      const beats = () => Number(JSON.parse(readFileSync(path, "utf8")).beat);
      while (beats() < 2) await new Promise((resolve) => setTimeout(resolve, 5));
      lock.check();
      const other = await takeLock(request(folder, { breakLock: lock.id }));
      expect(() => lock.check()).toThrow(StopError);
      await lock.release();
      other.check();
      await other.release();
      expect(readdirSync(folder)).toEqual([]);
    }));
});

describe("the last look before a request", () => {
  /** Both clocks in a test's hands. */
  class Clocks {
    ms = 1_000_000;
    wallMs = Date.parse("2026-01-31T02:00:00.000Z");
    readonly monotonic = () => this.ms;
    readonly now = () => new Date(this.wallMs);
  }

  it.each<[string, (clocks: Clocks) => void]>([
    [
      "the process was frozen",
      (clocks) => {
        clocks.ms += 45_000;
        clocks.wallMs += 45_000;
      },
    ],
    [
      "the machine slept, and its monotonic clock with it",
      (clocks) => {
        clocks.wallMs += 45_000;
      },
    ],
    [
      "the clock was set back meanwhile",
      (clocks) => {
        clocks.ms += 45_000;
        clocks.wallMs -= 3_600_000;
      },
    ],
  ])(
    "forbids it where %s and the last beat on the disk is 45 s old; the lock stays, so that this can be written",
    (_, pass) =>
      inFolder(async (folder) => {
        const clocks = new Clocks();
        const path = join(folder, "log.jsonl");
        const log = await openLogForRun(openRequest(path, { clock: clocks, timing: TIMING }));
        await log.append([createIntent("acme", 1)]);
        clocks.ms += 44_999;
        clocks.wallMs += 44_999;
        log.checkMaySend();
        clocks.ms -= 44_999;
        clocks.wallMs -= 44_999;
        pass(clocks);
        expect(() => log.checkMaySend()).toThrow(expect.objectContaining({ exitCode: 6 }));
        expect(() => log.checkMaySend()).toThrow(/gave no sign of life for 45 s/);
        await log.append([createOutcome(1)]);
        await log.close();
      }),
  );

  it("forbids it where the disk does not let the lock be looked at", () =>
    inFolder(async (folder) => {
      const path = join(folder, "log.jsonl");
      const log = await openLogForRun(openRequest(path));
      rmSync(`${path}.lock`);
      symlinkSync(`${path}.lock`, `${path}.lock`);
      expect(() => log.checkMaySend()).toThrow(StopError);
      expect(() => log.checkMaySend()).toThrow("(ELOOP)");
      rmSync(`${path}.lock`);
      await log.close();
    }));

  it("says of a link that leads nowhere, at the lock's name, what it is and what to do", () =>
    inFolder(async (folder) => {
      const path = join(folder, "log.jsonl");
      symlinkSync(join(folder, "nowhere"), `${path}.lock`);
      const refusal = await openLogForRun(openRequest(path)).catch((error: unknown) => error);
      expect(refusal).toMatchObject({ exitCode: 6, problems: [{ hint: expect.stringContaining("take it away") }] });
      expect(refusal).toHaveProperty("message", expect.stringContaining("log.jsonl.lock (it is a link that leads"));
    }));

  it("counts a beat from before its write, once it is on the disk; where the disk hangs, no other is begun", () =>
    inFolder(async (folder) => {
      const clocks = new Clocks();
      const gates: (() => void)[] = [];
      const flush = () => new Promise<void>((open) => gates.push(open));
      const lock = await takeLock(request(folder, { clock: clocks, flush, timing: { ...TIMING, beatMs: 5 } }));
      const pause = async (ms: number) => await new Promise((resolve) => setTimeout(resolve, ms));
      clocks.ms += 30_000;
      while (gates.length === 0) await pause(5);
      clocks.ms += 30_000;
      await pause(30);
      expect(gates).toHaveLength(1);
      expect(() => lock.checkMaySend()).toThrow("for 60 s");
      gates[0]?.();
      while (gates.length === 1) await pause(5);
      clocks.ms += 14_999;
      lock.checkMaySend();
      clocks.ms += 1;
      expect(() => lock.checkMaySend()).toThrow("for 45 s");
      gates[1]?.();
      await lock.release();
    }));

  it("finds a lock young that was long waited for", () =>
    inFolder(async (folder) => {
      leaveLock(folder, ELSEWHERE, 61);
      const clocks = new Clocks();
      const onWaiting = () => {
        clocks.ms += 60_000;
      };
      const lock = await takeLock(request(folder, { clock: clocks, onWaiting }));
      lock.checkMaySend();
      await lock.release();
    }));
});

describe("whether an owner is gone", () => {
  const files = {
    "/proc/sys/kernel/random/boot_id": "boot-2\n",
    "/etc/machine-id": "machine-1\n",
    "/proc/self/stat": stat("77"),
  };
  const outside = "pid:[4026531836]";
  const links = { "/proc/self": "7", "/proc/self/ns/time": "time:[4026531834]" };
  const me = { host: "acme-01", machine: "machine-1", boot: "boot-2", pidSpace: outside, pid: 7, start: "77" };
  const owner: ProcessIdentity = { ...me, pid: 4711, start: "500" };

  function stat(start: string, state = "S"): string {
    return `4711 (a ) b) ${state} ${Array(18).fill("0").join(" ")} ${start} 0 0\n`;
  }

  function state(
    of: ProcessIdentity,
    options: { proc?: string; exists?: boolean; age?: number; pidSpace?: string } = {},
  ) {
    const all = options.proc === undefined ? files : { ...files, "/proc/4711/stat": options.proc };
    const { age = 5_000, exists = false, pidSpace = outside } = options;
    const here = machine({ files: all, pidSpace, links, uptimeSeconds: 100 });
    return stateOfOwner(of, age, { pid: 7, exists: () => exists }, here);
  }

  it("reads who this is", () => {
    expect(identityOf({ pid: 7, exists: () => true }, machine({ files, pidSpace: outside, links }))).toEqual(me);
    expect(identityOf({ pid: 7, exists: () => true }, machine({}))).toMatchObject({ host: "acme-01", boot: undefined });
  });

  it.each([
    ["/proc is of another pid space", { "/proc/self": "4711" }],
    ["/proc is not there", {}],
    ["this is a time space of its own", { "/proc/self": "7", "/proc/self/ns/time": "time:[4026532001]" }],
  ])("does not say in which space its number counts where %s", (_what, otherLinks) => {
    const here = machine({ files, pidSpace: outside, links: otherLinks });
    const identity = identityOf({ pid: 7, exists: () => true }, here);
    expect(identity.pidSpace).toBeUndefined();
    const owner = { ...identity, pid: 4711 };
    expect(stateOfOwner(owner, 5_000, { pid: 7, exists: () => false }, here)).toBe("unknown");
  });

  it.each([
    ["there is no such process", state(owner), "gone"],
    ["it runs", state(owner, { proc: stat("500") }), "alive"],
    ["its number belongs to a later process", state(owner, { proc: stat("900") }), "gone"],
    ["it is dead and nobody has asked for its end yet", state(owner, { proc: stat("500", "Z") }), "gone"],
    ["/proc hides it, but a process of that number exists", state(owner, { exists: true }), "unknown"],
    ["it ran before this machine's last boot", state({ ...owner, boot: "boot-1" }, { age: 200_000 }), "gone"],
    [
      "it says another boot, but beat since this one began",
      state({ ...owner, boot: "boot-1" }, { age: 50_000 }),
      "unknown",
    ],
    [
      "it ran on another machine",
      state({ ...owner, boot: "boot-1", machine: "machine-2" }, { age: 200_000 }),
      "unknown",
    ],
    ["it ran on another host", state({ ...owner, host: "globex-01" }), "unknown"],
    ["it ran in a container", state({ ...owner, pidSpace: "pid:[4026532999]" }), "unknown"],
    [
      "both run in containers made from one image, which brings the machine's ID",
      state({ ...owner, boot: "boot-1", pidSpace: "pid:[4026532999]" }, { age: 200_000, pidSpace: "pid:[4026532888]" }),
      "unknown",
    ],
    [
      "it ran on Windows, under this host's name",
      state({ host: "acme-01", pid: 4711, upSince: "2026-01-31T01:58:20.000Z" }),
      "unknown",
    ],
    [
      "/proc has such a process, but the lock does not say when its own began",
      state({ ...owner, start: undefined }, { proc: stat("500") }),
      "unknown",
    ],
  ])("%s", (_, found, expected) => {
    expect(found).toBe(expected);
  });
});

describe.each(["win32", "darwin"])("whether an owner is gone on %s, where there is no /proc", (platform) => {
  // What stands at Linux's places there is somebody else's.
  const files = { "/etc/machine-id": "not-a-machine\n", "/proc/sys/kernel/random/boot_id": "not-a-boot\n" };

  function on(now: string, uptimeSeconds: number) {
    return machine({ platform, files, now, uptimeSeconds });
  }
  const owner: ProcessIdentity = { host: "acme-01", pid: 4711, upSince: "2026-01-31T01:00:00.000Z" };

  function state(of: ProcessIdentity, there: { now?: string; uptimeSeconds?: number; exists?: boolean }) {
    const { now = "2026-01-31T02:00:00.000Z", uptimeSeconds = 3_600, exists = false } = there;
    const facts = on(now, uptimeSeconds);
    return stateOfOwner(of, 5_000, { pid: 7, exists: () => exists }, facts);
  }

  it("reads who this is from the clock and the time the machine is up", () => {
    expect(identityOf({ pid: 4711, exists: () => true }, on("2026-01-31T02:00:00.000Z", 3_600))).toEqual(owner);
  });

  it.each([
    ["there is no such process", state(owner, {}), "gone"],
    ["there is none, and the two looks differ by 5 s", state(owner, { uptimeSeconds: 3_605 }), "gone"],
    ["a process has its number, its own or a later one's", state(owner, { exists: true }), "unknown"],
    ["the clock was set since, or the machine started anew", state(owner, { uptimeSeconds: 3_606 }), "unknown"],
    ["it ran on another host", state({ ...owner, host: "globex-01" }, {}), "unknown"],
    [
      "it ran in a Linux container of this host's name",
      state({ host: "acme-01", pid: 4711, boot: "not-a-boot" }, {}),
      "unknown",
    ],
    ["its lock says nothing of its machine", state({ host: "acme-01", pid: 4711 }, {}), "unknown"],
  ])("%s", (_, found, expected) => {
    expect(found).toBe(expected);
  });

  it("takes over at once from a killed process, and after 60 s from one whose number is in use again", () =>
    inFolder(async (folder) => {
      const facts = machine({ platform, host: hostname(), uptimeSeconds: 3_600 });
      const killed = { ...identityOf({ pid: 4711, exists: () => true }, facts), start: undefined };
      const lock = (exists: boolean) =>
        takeLock(request(folder, { machine: facts, ownProcess: { pid: process.pid, exists: () => exists } }));
      leaveLock(folder, { ...killed, machine: undefined, boot: undefined, pidSpace: undefined });
      await (await lock(false)).release();
      leaveLock(folder, { ...killed, machine: undefined, boot: undefined, pidSpace: undefined });
      expect((await stopOf(lock(true))).problems[0]?.code).toBe("LOG_LOCKED");
      leaveLock(folder, { ...killed, machine: undefined, boot: undefined, pidSpace: undefined }, 61);
      await (await lock(true)).release();
      expect(readdirSync(folder)).toEqual([]);
    }));
});

describe("processes that race", () => {
  const RACERS = 6;
  const ROUNDS = 200;

  it(
    `never are two holders at a time, in ${ROUNDS} rounds for the lock of an owner that is dead, or silent and not to be looked at`,
    { timeout: 120_000 },
    () =>
      inFolder(async (folder) => {
        const module = compileSource("src/log/file/lock.ts", folder);
        const racer = fileURLToPath(new URL("../support/lock-racer.mjs", import.meta.url));
        const racers = Array.from({ length: RACERS }, () => fork(racer, [module]));
        try {
          await Promise.all(racers.map((child) => answer(child, "ready")));
          const { pid } = spawnSync(process.execPath, ["-e", ""]);
          for (let round = 0; round < ROUNDS; round += 1) await raceOnce({ folder, racers, round, deadPid: pid });
        } finally {
          for (const child of racers) child.kill("SIGKILL");
        }
      }),
  );

  async function raceOnce(race: { folder: string; racers: readonly ChildProcess[]; round: number; deadPid: number }) {
    const { folder, racers, round, deadPid } = race;
    const logPath = join(folder, "log.jsonl");
    leaveLock(folder, round % 4 < 2 ? { pid: deadPid } : ELSEWHERE, 61, String(round).padStart(16, "0"));
    // Even rounds: the winner keeps it, so there is exactly one. Odd rounds: all come again and again while locks come and go.
    const keep = round % 2 === 0;
    const raced = racers.map((child) => answer(child, "raced"));
    for (const child of racers)
      child.send({ logPath, at: Date.now() + 3, turns: keep ? 1 : 4, keep, timing: { ...TIMING, watchMs: 3 } });
    const results = await Promise.all(raced);
    expect(results.flatMap(({ troubles }) => troubles)).toEqual([]);
    const held = results.reduce((sum, result) => sum + result.held, 0);
    if (keep) expect(held).toBe(1);
    else expect(held).toBeGreaterThanOrEqual(1);
    const released = racers.map((child) => answer(child, "released"));
    for (const child of racers) child.send({ kind: "release" });
    await Promise.all(released);
    expect(readdirSync(folder).filter((name) => name.startsWith("log.jsonl"))).toEqual([]);
  }

  async function answer(child: ChildProcess, kind: string): Promise<{ held: number; troubles: readonly string[] }> {
    const [message] = await once(child, "message");
    if (message.kind !== kind) throw new Error(`${message.kind} where ${kind} was due`);
    return message;
  }
});
