import { EXIT, StopError } from "../domain/errors.js";
import type { Clock } from "./ports.js";

/** How an administrator or a scheduler ends a run. Made by `main` from the process's signals. */
export interface Interruption {
  /** Aborted by the first signal: nothing new starts. */
  readonly requested: AbortSignal;
  /** Aborted by the second: what is in flight is given up at once. */
  readonly immediate: AbortSignal;
  /** Which signal came. */
  signal(): "SIGINT" | "SIGTERM";
}

/** Waits for reads, but no longer than until the first signal: then throws a StopError (exit 130 or 143). */
export async function untilInterrupted<T>(interruption: Interruption, reading: Promise<T>): Promise<T> {
  const { requested } = interruption;
  let onAbort: (() => void) | undefined;
  const interrupted = new Promise<never>((_, reject) => {
    onAbort = () => reject(interruptedError(interruption.signal()));
    if (requested.aborted) onAbort();
    else requested.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([reading, interrupted]);
  } finally {
    if (onAbort !== undefined) requested.removeEventListener("abort", onAbort);
    // What is still being read is given up with the connection; its failure is nobody's any more.
    reading.catch(() => undefined);
  }
}

function interruptedError(signal: "SIGINT" | "SIGTERM"): StopError {
  return new StopError(signal === "SIGINT" ? EXIT.interrupted : EXIT.terminated, {
    code: "INTERRUPTED",
    message: `${signal} while the server was being read: nothing was written to it`,
    hint: "Run the same command again",
  });
}

/** Why no more writes start. */
export type Halt =
  /** The server or the log: the whole run ends. */
  | { readonly kind: "fatal"; readonly error: StopError }
  | { readonly kind: "signal"; readonly signal: "SIGINT" | "SIGTERM" }
  /** As many doubts in a row as writes in flight, with no answer between. */
  | { readonly kind: "doubts" }
  /** `--max-failures`. */
  | { readonly kind: "failures" };

/** How long writes in flight are waited for once a run must end. */
const DRAIN_MS = 5_000;

/**
 * The run's stop: once halted nothing new starts. After a signal or a fatal error what is in flight has five seconds, then
 * `drained` is aborted and it is written down as in doubt. A fatal error outranks every other reason.
 */
export class Halts {
  #halt: Halt | undefined;
  readonly #drain = new AbortController();
  readonly #halted = new AbortController();
  readonly #released = new AbortController();
  readonly #clock: Clock;
  readonly #interruption: Interruption;
  readonly #onSignal: () => void;

  /** `onSignal` is told of the first signal, before anything is halted. */
  constructor(clock: Clock, interruption: Interruption, onSignal: (signal: "SIGINT" | "SIGTERM") => void) {
    this.#clock = clock;
    this.#interruption = interruption;
    this.#onSignal = () => {
      const signal = interruption.signal();
      onSignal(signal);
      this.halt({ kind: "signal", signal });
    };
    if (interruption.requested.aborted) this.#onSignal();
    else interruption.requested.addEventListener("abort", this.#onSignal, { once: true });
  }

  /** Why the run is halted; `undefined` while it goes on. */
  get reason(): Halt | undefined {
    return this.#halt;
  }

  /** Aborted when the run is halted, for whatever reason. */
  get halted(): AbortSignal {
    return this.#halted.signal;
  }

  /** Aborted when writes in flight are given up. */
  get drained(): AbortSignal {
    return this.#drain.signal;
  }

  /** Whether the run must end without any further look at the server. */
  get ends(): boolean {
    return this.#halt?.kind === "fatal" || this.#halt?.kind === "signal";
  }

  halt(halt: Halt): void {
    if (this.#halt?.kind === "fatal") return;
    const ended = this.ends;
    if (this.#halt === undefined || halt.kind === "fatal" || halt.kind === "signal") this.#halt = halt;
    this.#halted.abort();
    if (!ended && this.ends) this.#startDraining();
  }

  /** Lets go of the process's signals. */
  release(): void {
    this.#released.abort();
    this.#interruption.requested.removeEventListener("abort", this.#onSignal);
    this.#interruption.immediate.removeEventListener("abort", this.#giveUp);
  }

  readonly #giveUp = (): void => this.#drain.abort();

  #startDraining(): void {
    if (this.#interruption.immediate.aborted) this.#giveUp();
    else this.#interruption.immediate.addEventListener("abort", this.#giveUp, { once: true });
    const early = AbortSignal.any([this.#interruption.immediate, this.#released.signal]);
    void this.#clock.sleep(DRAIN_MS, early).then(this.#giveUp);
  }
}
