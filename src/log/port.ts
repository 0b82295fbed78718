import type { LogHead } from "../shared/outcome.js";
import type { LogEntry } from "./records.js";

/** The idempotency log, open for one run. */
export interface IdempotencyLog {
  /**
   * Appends these entries as neighbours; resolves when they are durable. Concurrent calls share one flush.
   * Rejects with a StopError (exit 6) where they could not be made durable; every later call rejects too.
   */
  append(entries: readonly LogEntry[]): Promise<void>;
  head(): LogHead;
  /**
   * Looks at the log's lock once more. Throws a StopError (exit 6) where it is not this run's any more, or where its last beat that
   * reached the disk is 45 s old, on the monotonic clock or on the wall clock: a process that was frozen wakes up as a zombie,
   * and the lock may have been taken over after 60 s. After that throw `append` still works as long as the lock is this run's.
   */
  checkMaySend(): void;
}
