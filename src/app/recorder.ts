import type { LogEntry } from "../domain/log-record.js";
import type { LogState } from "../domain/log-state.js";
import type { IdempotencyLog } from "./ports.js";

/** What is known, and the one way to add to it. */
export interface Recorder {
  readonly state: LogState;
  /** Resolves when the facts are as durable as this run makes them. */
  record(entries: readonly LogEntry[]): Promise<void>;
  /** Makes the facts ready, and returns what records them, once: for who waits for a turn before they may be written. */
  prepare(entries: readonly LogEntry[]): () => Promise<void>;
}

/** A dry run's recorder: facts go into this process's state only. It has no log to write to. */
export function memoryRecorder(state: LogState, run: string): Recorder {
  const prepare = (entries: readonly LogEntry[]) => async () => {
    for (const entry of entries) state.apply(entry, run);
  };
  return { state, prepare, record: (entries) => prepare(entries)() };
}

/** A run's recorder: facts are on the disk before they count. `preamble` goes before the run's first record. */
export function logRecorder(
  state: LogState,
  log: IdempotencyLog,
  run: { readonly id: string; readonly preamble: LogEntry },
): Recorder & { readonly recorded: () => boolean } {
  let started = false;
  const prepare = (entries: readonly LogEntry[]): (() => Promise<void>) => {
    // What may be the run's first record is made ready with the preamble, when that is known.
    const append = started ? log.prepare(entries) : () => log.prepare(entries)();
    return () => recordOnce(entries, append);
  };
  const recordOnce = async (entries: readonly LogEntry[], append: () => Promise<void>): Promise<void> => {
    const all = started ? entries : [run.preamble, ...entries];
    // Ready at once: nobody's record may come before it.
    const appended = started ? append() : log.prepare(all)();
    started = true;
    await appended;
    for (const entry of all) state.apply(entry, run.id);
  };
  return {
    state,
    recorded: () => started,
    prepare,
    record: async (entries) => {
      if (entries.length > 0) await recordOnce(entries, () => log.append(entries));
    },
  };
}
