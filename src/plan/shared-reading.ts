import type { TaskReader } from "../server/ports.js";

/**
 * One thing that many want to read, each as it is after something that it has just done. Who asks while a reading is under way
 * may not have it, for it began too early: all of them share the next.
 */
export class SharedReading<T> {
  readonly #read: () => Promise<T>;
  #running: Promise<T> | undefined;
  #next: Promise<T> | undefined;

  constructor(read: () => Promise<T>) {
    this.#read = read;
  }

  /** A reading that begins now or later. */
  begunFromNow(): Promise<T> {
    if (this.#running === undefined) return this.#begin();
    const begin = (): Promise<T> => this.#begin();
    this.#next ??= this.#running.then(begin, begin);
    return this.#next;
  }

  #begin(): Promise<T> {
    this.#next = undefined;
    const reading = this.#read();
    this.#running = reading;
    const end = (): void => {
      if (this.#running === reading) this.#running = undefined;
    };
    reading.then(end, end);
    return reading;
  }
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
    const name = JSON.stringify(key);
    const value = known.get(name) ?? read(key);
    known.set(name, value);
    return value;
  };
}
