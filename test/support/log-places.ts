import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LogDisk, type LogHandle, nodeDisk } from "../../src/log/file/disk.js";
import type { LockRecord } from "../../src/log/file/lock-files.js";
import type { OpenLogRequest } from "../../src/log/file/log-file.js";
import { identityOf, type MachineFacts, type ProcessFacts, thisMachine } from "../../src/log/file/process-identity.js";
import { systemClock } from "../../src/shared/time.js";
import { MONTHLY, SERVER } from "./log-samples.js";

/** A temporary folder that is gone after `use`. */
export async function inFolder<T>(use: (folder: string) => Promise<T> | T): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "qalyptus-log-"));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export const THIS_PROCESS: ProcessFacts = { pid: process.pid, exists: () => true };

/** What opens `path` for a run of this process. */
export function openRequest(path: string, more: Partial<OpenLogRequest> = {}): OpenLogRequest {
  return {
    path,
    server: SERVER,
    sourceTasks: [MONTHLY],
    run: "run-1",
    command: "sync",
    clock: { ...systemClock, now: () => new Date("2026-01-31T02:00:00.000Z") },
    ownProcess: THIS_PROCESS,
    ...more,
  };
}

/** A machine made of what a test says; a Linux one unless that says another. */
export function machine(facts: {
  readonly platform?: string;
  readonly host?: string;
  readonly now?: string;
  readonly uptimeSeconds?: number;
  readonly files?: Readonly<Record<string, string>>;
  readonly pidSpace?: string;
  /** Where `/proc/self` points, and which time space this is. */
  readonly links?: Readonly<Record<string, string>>;
}): MachineFacts {
  return {
    platform: () => facts.platform ?? "linux",
    hostname: () => facts.host ?? "acme-01",
    now: () => Date.parse(facts.now ?? "2026-01-31T02:00:00.000Z"),
    uptimeSeconds: () => facts.uptimeSeconds ?? 1_000,
    readText: (path) => facts.files?.[path],
    readLink: (path) => (path === "/proc/self/ns/pid" ? facts.pidSpace : facts.links?.[path]),
  };
}

/** Puts a lock there as a process of `owner` left it; `age`: seconds since its last beat. Returns where it stands. */
export function leaveLock(path: string, owner: Partial<LockRecord>, age = 0): string {
  const me = identityOf(THIS_PROCESS, thisMachine);
  const note = { id: "00000000deadbeef", ...me, start: "1", startedAt: "2026-01-30T02:00:00.000Z", command: "sync" };
  writeFileSync(path, `${JSON.stringify({ v: 1, ...note, ...owner, beat: "0000000000" })}\n`);
  const then = Date.now() / 1000 - age;
  utimesSync(path, then, then);
  return path;
}

/** A process that nobody can look at from here. */
export const ELSEWHERE = { host: "another-host" };

/** The real disk, with what happens between write and flush in a test's hands. */
export class WatchedDisk implements LogDisk {
  readonly calls: string[] = [];
  /** Called in place of a flush; by default flushes. */
  onDatasync: (flush: () => Promise<void>) => Promise<void> = (flush) => flush();
  /** Called in place of a write; by default writes. */
  onWrite: (bytes: Uint8Array, write: (bytes: Uint8Array) => number) => number = (bytes, write) => write(bytes);

  /** Called in place of a rename; by default renames. */
  onRename: (rename: () => void) => void = (rename) => rename();

  read = nodeDisk.read;
  facts = nodeDisk.facts;

  create(path: string, model?: string): LogHandle {
    this.calls.push("create");
    return this.#watched(nodeDisk.create(path, model));
  }

  open(path: string): LogHandle {
    this.calls.push("open");
    return this.#watched(nodeDisk.open(path));
  }

  rename(from: string, to: string): void {
    this.calls.push("rename");
    this.onRename(() => nodeDisk.rename(from, to));
  }

  truncate(path: string, size: number, check: () => void): void {
    this.calls.push("truncate");
    nodeDisk.truncate(path, size, check);
  }

  syncFolder(folder: string): void {
    this.calls.push("sync folder");
    nodeDisk.syncFolder(folder);
  }

  #watched(handle: LogHandle): LogHandle {
    return {
      write: (bytes) => {
        this.calls.push("write");
        return this.onWrite(bytes, (taken) => handle.write(taken));
      },
      datasync: () => {
        this.calls.push("datasync");
        return this.onDatasync(() => handle.datasync());
      },
      facts: () => handle.facts(),
      close: () => handle.close(),
    };
  }
}
