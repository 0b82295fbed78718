import type { TaskReader } from "../server/ports.js";

/** A reader that asks for each thing once, whoever wants it: for a command that looks at one moment of the server. */
export function rememberingReader(reader: TaskReader): TaskReader {
  return {
    listTasks: remembering(({ fresh }) => reader.listTasks({ fresh })),
    readTask: remembering((id) => reader.readTask(id)),
    readReports: remembering((id) => reader.readReports(id)),
    readTriggers: remembering((id) => reader.readTriggers(id)),
    readRecipients: remembering((id) => reader.readRecipients(id)),
  };
}

function remembering<Key, Value>(read: (key: Key) => Promise<Value>): (key: Key) => Promise<Value> {
  const known = new Map<string, Promise<Value>>();
  return (key) => {
    const name = JSON.stringify(key);
    const value = known.get(name) ?? read(key);
    known.set(name, value);
    return value;
  };
}
