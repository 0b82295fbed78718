import type { Problem } from "../shared/problems.js";
import type { LogHead } from "../shared/results.js";
import type { HeartbeatClock } from "./heartbeat.js";
import type { LogRun, OpenLog } from "./open-log.js";
import type { LogEntry, LogRecord, RunBy } from "./records.js";
import type { LogState } from "./state.js";

/** The idempotency log, open for one run. */
export interface IdempotencyLog {
  /**
   * Appends these entries as neighbours; resolves when they are durable. Concurrent calls share one flush.
   * Rejects with a StopError (exit 6) where they could not be made durable; every later call rejects too.
   */
  append(entries: readonly LogEntry[]): Promise<void>;
  /** The last durable line; `null` where nothing was written yet: what is not there has no head. */
  head(): LogHead | null;
  /**
   * Looks at the log's lock once more. Throws a StopError (exit 6) where it is not this run's any more, or where its last beat that
   * reached the disk is 45 s old, on the monotonic clock or on the wall clock: a process that was frozen wakes up as a zombie,
   * and the lock may have been taken over after 60 s. After that throw `append` still works as long as the lock is this run's.
   */
  checkMaySend(): void;
}

/** A log as it was read without a lock. */
export interface ReadLog {
  readonly state: LogState;
  /** `null`: there is no log (no file, or one in which not even the header is whole). */
  readonly head: LogHead | null;
  readonly warnings: readonly Problem[];
}

/** What opening a log for a run takes. Whether an old log is of this server is for the caller to compare. */
export interface Opening extends LogRun {
  readonly clock: HeartbeatClock;
  /** What holds the lock, for people ("sync"). */
  readonly command: string;
  readonly by: RunBy;
  /** `--break-lock ID`: take over from exactly this lock, whoever holds it. */
  readonly breakLock?: string | undefined;
  /** Told before a silent lock is watched for `ms`, so that nobody waits without knowing why. */
  readonly onWaiting?: ((reason: string, ms: number) => void) | undefined;
}

/** A lock as it was seen. */
export interface SeenLock {
  readonly id: string;
  /** "sync" on host acme-01, process 4711, since … */
  readonly owner: string;
  /** Since its last heartbeat. */
  readonly silentMs: number;
  /** What can be said of its owner: there, provably gone, or not to be told from here. */
  readonly ownerState: "alive" | "gone" | "unknown";
}

/** Is handed each record of a log in its order, with the state of the log before it. */
export type RecordVisitor = (record: LogRecord, before: LogState) => void;

/** Where a log is kept: in a file, or in a PostgreSQL. Every method throws a StopError (exit 6) where the log cannot be used. */
export interface LogPlace {
  /** As people read it, without a secret. */
  readonly path: string;
  /** A number that grows with every append; `undefined`: there is no log. */
  size(): Promise<number | undefined>;
  /** Reads the log without its lock. */
  read(visit?: RecordVisitor): Promise<ReadLog>;
  /** Takes the log's lock and reads every record. */
  open(opening: Opening): Promise<OpenLog>;
  /** The log's lines as they stand, in pieces. */
  text(): AsyncIterable<Uint8Array>;
  /** The lock as it stands; `undefined`: it is free. */
  lock(): Promise<SeenLock | undefined>;
  /** Throws where a run could not write here. Returns what `doctor` tells of the place. */
  checkMayWrite(): Promise<string>;
}

/** What is known, and the one way to add to it. */
export interface Recorder {
  readonly state: LogState;
  /** Resolves when the facts are as durable as this run makes them. */
  record(entries: readonly LogEntry[]): Promise<void>;
}

/** A dry run's recorder: facts go into this process's state only. It has no log to write to. */
export function memoryRecorder(state: LogState, run: string): Recorder {
  return {
    state,
    record: async (entries) => {
      for (const entry of entries) state.apply(entry, run);
    },
  };
}

/** A run's recorder: facts are on the disk before they count. `preamble` goes before the run's first record. */
export function logRecorder(
  state: LogState,
  log: Pick<IdempotencyLog, "append">,
  run: { readonly id: string; readonly preamble: LogEntry },
): Recorder {
  let started = false;
  return {
    state,
    record: async (entries) => {
      if (entries.length === 0) return;
      const all = started ? entries : [run.preamble, ...entries];
      started = true;
      await log.append(all);
      for (const entry of all) state.apply(entry, run.id);
    },
  };
}
