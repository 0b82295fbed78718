import type { TaskReader } from "../server/ports.js";
import { type EndingSignal, EXIT, exitOfSignal, foremostExitCode, problem, StopError } from "../shared/problems.js";
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

/** Waits for reads, but no longer than until the first signal: then throws a StopError (exit 129, 130, 131 or 143). */
export function untilInterrupted<T>({ requested, signal }: Interruption, reading: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    whenAborted(requested, () => reject(interruptedError(signal(), "nothing was written to it")));
    // What is still being read then is given up with the connection; its failure is nobody's any more.
    reading.then(resolve, reject);
  });
}

/** Acts when the signal is aborted, or now where it is already; not any more when `end` is. */
function whenAborted(signal: AbortSignal, act: () => void, end?: AbortSignal): void {
  if (signal.aborted) act();
  else signal.addEventListener("abort", act, { once: true, ...(end && { signal: end }) });
}

function interruptedError(signal: EndingSignal, consequence: string): StopError {
  const message = `${signal} while the server was being read: ${consequence}`;
  return new StopError(exitOfSignal(signal), problem("INTERRUPTED", message));
}

/** Why no more writes start. */
export type AbortReason =
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
 * The run's stop: once aborted nothing new starts. After a signal or a fatal error what is in flight has five seconds, then
 * `drained` is aborted: writes are written down as in doubt, reads show nothing. A fatal error outranks every other reason.
 */
export class RunAbort {
  readonly #clock: Clock;
  readonly #interruption: Interruption;
  readonly #aborted = new AbortController();
  readonly #drained = new AbortController();
  readonly #released = new AbortController();
  /** `undefined` while the run goes on. */
  reason: AbortReason | undefined;
  /** Aborted when the run is, for whatever reason. */
  readonly signal: AbortSignal = this.#aborted.signal;
  /** Aborted when writes in flight are given up. */
  readonly drained: AbortSignal = this.#drained.signal;
  /** What gives up each read that is under way. */
  readonly #reads = new Set<(error: StopError) => void>();

  /** `onSignal` is told of the first signal, and how many reads are under way, before anything is aborted. */
  constructor(clock: Clock, interruption: Interruption, onSignal: (signal: EndingSignal, reads: number) => void) {
    this.#clock = clock;
    this.#interruption = interruption;
    const onFirst = (): void => {
      const signal = interruption.signal();
      onSignal(signal, this.#reads.size);
      this.abort({ kind: "signal", signal });
    };
    whenAborted(interruption.requested, onFirst, this.#released.signal);
  }

  get isAborted(): boolean {
    return this.reason !== undefined;
  }

  /** Whether the run must end without any further look at the server. */
  get isFinal(): boolean {
    return this.reason?.kind === "fatal" || this.reason?.kind === "signal";
  }

  abort(reason: AbortReason): void {
    const wasFinal = this.isFinal;
    this.reason = this.#foremost(reason);
    this.#aborted.abort();
    if (wasFinal || !this.isFinal) return;
    const early = AbortSignal.any([this.#interruption.immediate, this.#released.signal]);
    void this.#clock.sleep(DRAIN_MS, early).then(() => {
      this.#drained.abort();
      for (const giveUp of this.#reads) giveUp(this.#finalError());
    });
  }

  /** Aborts the run by an error, and returns it as what stops the run: one that was not thrown on purpose is a defect. */
  fail(error: unknown): StopError {
    const defect = problem("DEFECT", "an unexpected error in this program");
    const stop = error instanceof StopError ? error : new StopError(EXIT.defect, defect, { cause: error });
    this.abort({ kind: "fatal", error: stop });
    return stop;
  }

  /** Takes a step of the run. An error aborts the run and gives `undefined`: what was done stays done, and later steps still come. */
  async guard<T>(step: () => Promise<T>): Promise<T | undefined> {
    try {
      return await step();
    } catch (error) {
      this.fail(error);
      return undefined;
    }
  }

  /**
   * Reads, but waits no longer than for a write in flight: then, and for a read that begins later, throws the StopError that the
   * run ends with. A read that was given up shows nothing: it must not pass for one that the server could not answer.
   */
  untilDrained<T>(read: () => Promise<T>): Promise<T> {
    if (this.drained.aborted) return Promise.reject(this.#finalError());
    return new Promise((resolve, reject) => {
      this.#reads.add(reject);
      // Given up, it goes on until the connection is closed; what comes of it is nobody's any more.
      void read()
        .then(resolve, reject)
        .finally(() => this.#reads.delete(reject));
    });
  }

  /** Throws the StopError that the run ends with, where it must end without any further look at the server. */
  throwIfFinal(): void {
    if (this.isFinal) throw this.#finalError();
  }

  /** Lets go of the process's signals. */
  release(): void {
    this.#released.abort();
  }

  /** Of two fatal errors, the one whose exit code comes first is told first. */
  #foremost(reason: AbortReason): AbortReason {
    const before = this.reason;
    if (before === undefined) return reason;
    if (reason.kind === "signal") return before.kind === "fatal" ? before : reason;
    if (reason.kind !== "fatal") return before;
    const { exitCode, problems } = reason.error;
    // A read that was given up with the run says nothing new.
    if (before.kind === "signal") return exitCode === exitOfSignal(before.signal) ? before : reason;
    if (before.kind !== "fatal") return reason;
    if (foremostExitCode([exitCode, before.error.exitCode]) === before.error.exitCode) return before;
    const all = [...problems, ...before.error.problems];
    return { kind: "fatal", error: new StopError(exitCode, all, { cause: reason.error }) };
  }

  #finalError(): StopError {
    if (this.reason?.kind === "fatal") return this.reason.error;
    return interruptedError(this.#interruption.signal(), "what was not read yet is as it was");
  }
}

/** A run's reader: its reads end with the run, as its writes do. */
export function readerUntilDrained(reader: TaskReader, abort: RunAbort): TaskReader {
  return {
    listTasks: (options) => abort.untilDrained(() => reader.listTasks(options)),
    readTask: (id) => abort.untilDrained(() => reader.readTask(id)),
    readReports: (id) => abort.untilDrained(() => reader.readReports(id)),
    readTriggers: (id) => abort.untilDrained(() => reader.readTriggers(id)),
    readRecipients: (id) => abort.untilDrained(() => reader.readRecipients(id)),
  };
}
