import type { TaskReader } from "../server/ports.js";
import type { Halts } from "./halts.js";

/** A run's reader: its reads end with the run, as its writes do (see {@link Halts.untilDrained}). */
export function readerUntilDrained(reader: TaskReader, halts: Halts): TaskReader {
  return {
    listTasks: (options) => halts.untilDrained(() => reader.listTasks(options)),
    readTask: (id) => halts.untilDrained(() => reader.readTask(id)),
    readReports: (id) => halts.untilDrained(() => reader.readReports(id)),
    readTriggers: (id) => halts.untilDrained(() => reader.readTriggers(id)),
    readRecipients: (id) => halts.untilDrained(() => reader.readRecipients(id)),
  };
}
