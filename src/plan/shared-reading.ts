import type { TaskReader } from "../server/ports.js";

/**
 * Reads one thing for many, each of whom wants it as it is after something that he has just done. Who asks while a reading is under way
 * may not have it, for it began too early: all of them share the next.
 */
export function sharedReading<T>(read: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  let next: Promise<T> | undefined;
  const begin = (): Promise<T> => {
    next = undefined;
    const reading = read();
    running = reading;
    const end = (): void => {
      if (running === reading) running = undefined;
    };
    reading.then(end, end);
    return reading;
  };
  return () => {
    if (running === undefined) return begin();
    next ??= running.then(begin, begin);
    return next;
  };
}

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
    const value = known.get(JSON.stringify(key)) ?? read(key);
    known.set(JSON.stringify(key), value);
    return value;
  };
}
