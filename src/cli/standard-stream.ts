import type { Concealment } from "./concealment.js";
import type { OutputStream } from "./host.js";

/** One of the process's outputs as Node has it. */
export type NodeOutput = NodeJS.WritableStream & {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
};

/**
 * One of the process's outputs: keeps secrets, ends quietly where nobody reads any more (`| head`), and can be waited for. Made
 * by `main` for standard output and standard error.
 */
export class StandardStream implements OutputStream {
  readonly stream: NodeOutput;
  readonly #target: NodeOutput;
  readonly #concealment: Concealment;
  #failure: NodeJS.ErrnoException | undefined;
  #written = false;

  constructor(target: NodeOutput, concealment: Concealment) {
    this.#target = target;
    this.#concealment = concealment;
    this.stream = this.#concealingView();
    // Stays for ever: without a listener a reader that has gone would end the program in the middle of its writes.
    target.on("error", (error: NodeJS.ErrnoException) => this.#fail(error));
  }

  get isTTY(): boolean {
    return this.#target.isTTY === true;
  }

  columns(): number | undefined {
    return this.#target.columns;
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
      this.#target.write(this.#concealment.apply(text), (error) => {
        if (error) this.#fail(error);
        resolve();
      });
    });
  }

  /** Resolves when all that was written has been handed to the system. */
  async flush(): Promise<void> {
    await this.write("");
  }

  #fail(error: NodeJS.ErrnoException): void {
    this.#failure ??= error;
  }

  /** The target itself, but for `write`: a terminal's width, cursor and events stay the terminal's. */
  #concealingView(): NodeOutput {
    const write = (chunk: unknown, ...rest: readonly unknown[]): boolean => {
      if (this.isClosed()) return false;
      this.#written = true;
      const clean = typeof chunk === "string" ? this.#concealment.apply(chunk) : chunk;
      return Reflect.apply(this.#target.write, this.#target, [clean, ...rest]);
    };
    return Object.create(this.#target, { write: { value: write, writable: true } });
  }
}
