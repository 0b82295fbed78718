import type { LogEntry } from "../log/records.js";
import type { PlanEntry } from "../plan/desired.js";
import type { TaskId } from "../shared/ids.js";
import type { RunSession } from "./session.js";

/** What an answer said of a tenant. */
export interface Known {
  /** One sentence, for a person. */
  readonly message: string;
  readonly newTaskId?: TaskId | undefined;
}

/**
 * Records what an answer said. What is known must not be lost, an ID least of all: where the log cannot take it, it is told at
 * once, and stands in the tenant's result.
 */
export async function recordOrTell(
  session: RunSession,
  entry: PlanEntry,
  entries: readonly LogEntry[],
  known: Known,
): Promise<void> {
  try {
    await session.deps.recorder.record(entries);
  } catch (cause) {
    session.unlogged.set(entry.ref, known);
    session.deps.emit({ kind: "unlogged", tenant: entry.row.tenant, ...known });
    throw cause;
  }
}
