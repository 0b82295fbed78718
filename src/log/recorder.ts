import type { IdempotencyLog } from "./port.js";
import type { LogEntry } from "./records.js";
import type { LogState } from "./state.js";

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
