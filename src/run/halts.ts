import { type EndingSignal, exitOfSignal, foremostExitCode, StopError } from "../shared/problems.js";
import type { Clock } from "../shared/time.js";

/** How an administrator or a scheduler ends a run. Made by `main` from the process's signals. */
export interface Interruption {
  /** Aborted by the first signal: nothing new starts. */
  readonly requested: AbortSignal;
  /** Aborted by the second: what is in flight is given up at once. */
  readonly immediate: AbortSignal;
  /** Which signal came. */
  signal(): EndingSignal;
}

/** Waits for reads, but no longer than until the first signal: then throws a StopError (exit 130 or 143). */
export async function untilInterrupted<T>(interruption: Interruption, reading: Promise<T>): Promise<T> {
  const { requested } = interruption;
  let onAbort: (() => void) | undefined;
  const interrupted = new Promise<never>((_, reject) => {
    onAbort = () => reject(interruptedError(interruption.signal(), "nothing was written to it"));
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

function interruptedError(signal: EndingSignal, so: string): StopError {
  return new StopError(exitOfSignal(signal), {
    code: "INTERRUPTED",
    message: `${signal} while the server was being read: ${so}`,
    hint: "Run the same command again",
  });
}

/** Why no more writes start. */
export type Halt =
  /** The server or the log: the whole run ends. */
  | { readonly kind: "fatal"; readonly error: StopError }
  | { readonly kind: "signal"; readonly signal: EndingSignal }
  /** As many doubts in a row as writes in flight, with no answer between. */
  | { readonly kind: "doubts" }
  /** `--max-failures`. */
  | { readonly kind: "failures" }
  /** 429 to every write for as long as `--timeout`. */
  | { readonly kind: "slowed-down" };

/** How long what is in flight is waited for once a run must end. */
const DRAIN_MS = 5_000;

/**
 * The run's stop: once halted nothing new starts. After a signal or a fatal error what is in flight has five seconds, then
 * `drained` is aborted: writes are written down as in doubt, reads show nothing. A fatal error outranks every other reason.
 */
export class Halts {
  #halt: Halt | undefined;
  readonly #drain = new AbortController();
  readonly #halted = new AbortController();
  readonly #released = new AbortController();
  readonly #clock: Clock;
  readonly #interruption: Interruption;
  readonly #onSignal: () => void;
  /** Gives up what is being read. */
  readonly #reads = new Set<(error: StopError) => void>();

  /** `onSignal` is told of the first signal, and how many reads are under way, before anything is halted. */
  constructor(clock: Clock, interruption: Interruption, onSignal: (signal: EndingSignal, reads: number) => void) {
    this.#clock = clock;
    this.#interruption = interruption;
    this.#onSignal = () => {
      const signal = interruption.signal();
      onSignal(signal, this.#reads.size);
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
    const ended = this.ends;
    this.#halt = this.#foremost(halt);
    this.#halted.abort();
    if (!ended && this.ends) this.#startDraining();
  }

  /**
   * Reads, but waits no longer than for a write in flight: then, and for a read that begins later, throws the StopError that the
   * run ends with. A read that was given up shows nothing: it must not pass for one that the server could not answer.
   */
  untilDrained<T>(read: () => Promise<T>): Promise<T> {
    if (this.drained.aborted) return Promise.reject(this.#endError());
    return new Promise((resolve, reject) => {
      const reading = read();
      this.#reads.add(reject);
      // Given up, it goes on until the connection is closed; what comes of it is nobody's any more.
      void reading.then(resolve, reject).finally(() => this.#reads.delete(reject));
    });
  }

  /** Throws the StopError that the run ends with, where it must end without any further look at the server. */
  checkGoesOn(): void {
    if (this.ends) throw this.#endError();
  }

  /** Lets go of the process's signals. */
  release(): void {
    this.#released.abort();
    this.#interruption.requested.removeEventListener("abort", this.#onSignal);
    this.#interruption.immediate.removeEventListener("abort", this.#giveUp);
  }

  /** A fatal error outranks every other reason; of two, the one whose exit code comes first is told first. */
  #foremost(halt: Halt): Halt {
    const before = this.#halt;
    if (before === undefined) return halt;
    if (halt.kind === "signal") return before.kind === "fatal" ? before : halt;
    if (halt.kind !== "fatal") return before;
    const { exitCode, problems } = halt.error;
    // A read that was given up with the run says nothing new.
    if (before.kind === "signal") return exitCode === exitOfSignal(before.signal) ? before : halt;
    if (before.kind !== "fatal") return halt;
    if (foremostExitCode([exitCode, before.error.exitCode]) === before.error.exitCode) return before;
    return {
      kind: "fatal",
      error: new StopError(exitCode, [...problems, ...before.error.problems], { cause: halt.error }),
    };
  }

  #endError(): StopError {
    if (this.#halt?.kind === "fatal") return this.#halt.error;
    return interruptedError(this.#interruption.signal(), "what was not read yet is as it was");
  }

  readonly #giveUp = (): void => {
    this.#drain.abort();
    for (const giveUp of this.#reads) giveUp(this.#endError());
  };

  #startDraining(): void {
    if (this.#interruption.immediate.aborted) this.#giveUp();
    else this.#interruption.immediate.addEventListener("abort", this.#giveUp, { once: true });
    const early = AbortSignal.any([this.#interruption.immediate, this.#released.signal]);
    void this.#clock.sleep(DRAIN_MS, early).then(this.#giveUp);
  }
}
