import { TaskIndex } from "../plan/task-index.js";
import type { TaskReader } from "../server/ports.js";
import { parseTaskId, type TaskId } from "../shared/ids.js";
import { EXIT, stopError } from "../shared/problems.js";
import { nameAndId, quote } from "../shared/text-safety.js";

/** How many tasks an error lists. */
const TASKS_LISTED = 20;

/**
 * The task that an ID or a name means. A name counts where one task alone has it, in a list that was read to its end. Throws a StopError
 * (exit 2) that names the tasks which there are; also where none is `wanted`.
 */
export async function chooseSourceTask(reader: TaskReader, wanted: string | undefined): Promise<TaskId> {
  const id = wanted === undefined ? undefined : parseTaskId(wanted);
  if (id !== undefined) return id;
  const list = await reader.listTasks({ fresh: true });
  if (list.kind !== "read") {
    const message = `the task list cannot be read${list.kind === "none" ? "" : " to its end"}: ${list.problem.message}`;
    throw stopError(EXIT.usage, "LIST_UNREADABLE", message);
  }
  const { tasks } = list;
  if (tasks.length === 0) throw stopError(EXIT.usage, "NO_TASKS", "the server shows no task to this API key");
  const some = tasks.slice(0, TASKS_LISTED).map(nameAndId).join(", ");
  const more = tasks.length > TASKS_LISTED ? `, and ${tasks.length - TASKS_LISTED} more` : "";
  const offer = `the server has ${some}${more}`;
  if (wanted === undefined)
    throw stopError(EXIT.usage, "SOURCE_TASK_MISSING", `init needs the task to duplicate; ${offer}`);
  const [only, ...others] = new TaskIndex(tasks).named(wanted);
  if (only !== undefined && others.length === 0) return only.id;
  if (only !== undefined) {
    const message = `${others.length + 1} tasks are named ${quote(wanted)}: ${[only, ...others].map(nameAndId).join(", ")}`;
    throw stopError(EXIT.usage, "SOURCE_AMBIGUOUS", message, { value: wanted });
  }
  throw stopError(EXIT.usage, "SOURCE_UNKNOWN", `no task is named ${quote(wanted)}; ${offer}`, { value: wanted });
}
