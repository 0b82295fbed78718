import type { LogState } from "../log/state.js";
import { foldName, type TaskId } from "../shared/ids.js";
import type { TaskIndex } from "./task-index.js";

/** How one logged copy shows on the server. */
export type Presence =
  /** In the list. */
  | "listed"
  /** Not in the list, but it answers by its own ID. */
  | "answers"
  /** Not in the list, and 404 by its own ID on a route that answered 200 for the source task in this run. */
  | "absent"
  /** Not in the list, and nothing can be said. */
  | "unknown";

/** Whether absence from a list means anything. */
export type Wholeness = { readonly whole: true } | { readonly whole: false; readonly why: string };

/** One logged copy, and the source task that it was made from. */
export interface CopyToBeListed {
  readonly id: TaskId;
  readonly sourceTaskId: TaskId;
}

/** The logged copies that a whole list must hold: all but those logged as gone. */
export function copiesToBeListed(log: LogState): readonly CopyToBeListed[] {
  const copies: CopyToBeListed[] = [];
  for (const { copy, sourceTaskId } of log.tenants())
    if (copy !== undefined && !copy.gone) copies.push({ id: copy.newTaskId, sourceTaskId });
  return copies;
}

/**
 * Judges a list that was read to its end. It is whole when it holds the source task and the logged copies, but those that
 * answer 404 by their own ID; of these no more than one in ten (at least one), and at least one copy is listed: else the key
 * may be blind to them.
 */
export function judgeList(list: TaskIndex, sourceTaskId: TaskId, copies: ReadonlyMap<TaskId, Presence>): Wholeness {
  if (!list.has(sourceTaskId)) return { whole: false, why: `the list does not hold the source task ${sourceTaskId}` };
  let absent = 0;
  for (const [id, presence] of copies) {
    if (presence === "absent") absent += 1;
    else if (presence !== "listed") return { whole: false, why: unseen(id, presence) };
  }
  if (absent > Math.max(1, Math.floor(copies.size / 10)))
    return {
      whole: false,
      why: `${absent} of ${copies.size} logged copies are missing: the key may be blind to them`,
    };
  if (copies.size > 0 && absent === copies.size)
    return { whole: false, why: "no logged copy is in the list: the key may be blind to them" };
  return { whole: true };
}

/** Whether a list shows a logged copy of a source task, under the name that the log has for it. */
export function hasShownCopy(list: TaskIndex, sourceTaskId: TaskId, log: LogState): boolean {
  for (const { copy, sourceTaskId: source } of log.tenants()) {
    if (source !== sourceTaskId || copy === undefined || copy.gone) continue;
    const listed = list.get(copy.newTaskId);
    if (listed !== undefined && foldName(listed.name) === foldName(copy.name)) return true;
  }
  return false;
}

function unseen(id: TaskId, presence: "answers" | "unknown"): string {
  return presence === "answers"
    ? `the copy ${id} answers by its ID but is not in the list`
    : `the copy ${id} is not in the list, and the server does not say that it is gone`;
}
