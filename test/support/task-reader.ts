import type { ListReading, Reading, TaskDetails, TaskReader } from "../../src/server/ports.js";
import type { TaskId } from "../../src/shared/ids.js";
import type { Problem } from "../../src/shared/problems.js";
import type { ListedTask, MailSettings, TaskReport } from "../../src/shared/tasks.js";

/** One task of a server that a test makes up. What is left out is not shown by that server. */
export interface MadeUpTask {
  readonly id: TaskId;
  readonly name: string;
  readonly reports?: readonly TaskReport[];
  readonly triggers?: NonNullable<MailSettings["activeTriggers"]>;
  readonly recipients?: number;
  readonly enabled?: boolean;
}

/** A server in memory: shows these tasks, and keeps what it was asked. */
export function taskReader(
  tasks: readonly MadeUpTask[],
  changes: Partial<TaskReader> = {},
): TaskReader & { readonly asked: readonly string[] } {
  const asked: string[] = [];
  const read = async <T>(what: string, id: TaskId, pick: (task: MadeUpTask) => T | undefined): Promise<Reading<T>> => {
    asked.push(`${what} ${id}`);
    const task = tasks.find((one) => one.id === id);
    if (task === undefined) return { kind: "absent", problem: NOT_THERE };
    const value = pick(task);
    return value === undefined ? { kind: "unreadable", forbidden: false, problem: NOT_THERE } : { kind: "read", value };
  };
  const details = ({ id, name, enabled }: MadeUpTask): TaskDetails => ({ id, name, enabled, testMode: false });
  return {
    asked,
    listTasks: async () => {
      asked.push("list");
      return listOf(tasks);
    },
    readTask: (id) => read("task", id, details),
    readReports: (id) => read("reports", id, (task) => task.reports),
    readTriggers: (id) => read("triggers", id, (task) => task.triggers),
    readRecipients: (id) => read("recipients", id, (task) => task.recipients),
    ...changes,
  };
}

export function listOf(tasks: readonly ListedTask[]): ListReading {
  return { kind: "read", tasks: tasks.map(({ id, name }) => ({ id, name })) };
}

const NOT_THERE: Problem = { code: "NOT_FOUND", message: "the server does not know it", hint: "Check the ID" };
