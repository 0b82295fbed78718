import type { LogHead } from "../shared/results.js";
import type { LogEntry } from "./records.js";
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
): Recorder & { readonly recorded: () => boolean } {
  let started = false;
  return {
    state,
    recorded: () => started,
    record: async (entries) => {
      if (entries.length === 0) return;
      const all = started ? entries : [run.preamble, ...entries];
      started = true;
      await log.append(all);
      for (const entry of all) state.apply(entry, run.id);
    },
  };
}
