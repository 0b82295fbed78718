import type { OutputStream } from "../commands/host.js";
import type { Redaction } from "./redaction.js";

/** One of the process's outputs as Node has it. */
export type NodeOutput = NodeJS.WritableStream & {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
};

/**
 * One of the process's outputs: keeps secrets, ends quietly where nobody reads any more (`| head`), and can be waited for. Made
 * by `main` for standard output and standard error; opened when it is first asked for anything, for Node needs a while for it.
 */
export class StandardStream implements OutputStream {
  readonly #open: () => NodeOutput;
  readonly #redaction: Redaction;
  #opened: { readonly target: NodeOutput; readonly view: NodeOutput } | undefined;
  #failure: NodeJS.ErrnoException | undefined;
  #written = false;
  #patienceMs: number | undefined;
  /** Writes that nobody has taken yet: each starts its own patience. */
  readonly #waiting = new Set<(patienceMs: number) => void>();

  constructor(open: () => NodeOutput, redaction: Redaction) {
    this.#open = open;
    this.#redaction = redaction;
  }

  get isTTY(): boolean {
    return this.#output().target.isTTY === true;
  }

  get stream(): NodeOutput {
    return this.#output().view;
  }

  /** `undefined`: nobody knows. Some terminals say 0 (a pseudo-terminal without a size): what is drawn to fit that never ends. */
  columns(): number | undefined {
    return this.#output().target.columns || undefined;
  }

  isClosed(): boolean {
    return this.#failure !== undefined;
  }

  /** Why the stream cannot be written; a reader that has gone is no failure. */
  failure(): NodeJS.ErrnoException | undefined {
    return this.#failure?.code === "EPIPE" ? undefined : this.#failure;
  }

  /** Whether anything was written to it. */
  hasWritten(): boolean {
    return this.#written;
  }

  write(text: string): Promise<void> {
    if (this.isClosed()) return Promise.resolve();
    this.#written ||= text !== "";
    return new Promise((resolve) => {
      let timer: NodeJS.Timeout | undefined;
      const waitNoLongerThan = (ms: number): void => {
        timer = setTimeout(() => end(Object.assign(new Error("nobody reads it"), { code: "EPIPE" })), ms);
      };
      const end = (error?: NodeJS.ErrnoException | null): void => {
        clearTimeout(timer);
        this.#waiting.delete(waitNoLongerThan);
        if (error) this.#fail(error);
        resolve();
      };
      this.#waiting.add(waitNoLongerThan);
      if (this.#patienceMs !== undefined) waitNoLongerThan(this.#patienceMs);
      this.#output().target.write(this.#redaction.apply(text), end);
    });
  }

  /** From now on a write is waited for no longer than this: who has not read it then is taken for gone. */
  hurry(patienceMs: number): void {
    this.#patienceMs = patienceMs;
    for (const waitNoLongerThan of this.#waiting) waitNoLongerThan(patienceMs);
  }

  /** Resolves when all that was written has been handed to the system. */
  async flush(): Promise<void> {
    if (this.#opened !== undefined) await this.write("");
  }

  #output(): { readonly target: NodeOutput; readonly view: NodeOutput } {
    if (this.#opened !== undefined) return this.#opened;
    const target = this.#open();
    this.#opened = { target, view: this.#redactingView(target) };
    // Stays for ever: without a listener a reader that has gone would end the program in the middle of its writes.
    target.on("error", (error: NodeJS.ErrnoException) => this.#fail(error));
    return this.#opened;
  }

  #fail(error: NodeJS.ErrnoException): void {
    this.#failure ??= error;
  }

  /** The target itself, but for `write`: a terminal's width, cursor and events stay the terminal's. */
  #redactingView(target: NodeOutput): NodeOutput {
    const write = (chunk: unknown, ...rest: readonly unknown[]): boolean => {
      if (this.isClosed()) return false;
      this.#written = true;
      const clean = typeof chunk === "string" ? this.#redaction.apply(chunk) : chunk;
      return Reflect.apply(target.write, target, [clean, ...rest]);
    };
    return Object.create(target, {
      write: { value: write, writable: true },
      columns: { get: () => target.columns || undefined },
    });
  }
}
