import type { Interruption } from "../run/abort.js";
import { type EndingSignal, type ExitCode, exitOfSignal } from "../shared/problems.js";

/** The process, as far as its signals go. */
export interface SignalSource {
  on(signal: EndingSignal | "SIGBREAK", listener: () => void): unknown;
}

/** What `main` does where a signal ends the program. */
export interface SignalEffects {
  /** Milliseconds on a clock that never goes back. */
  readonly now: () => number;
  /** The program was told to end: nobody is waited for any more who does not read what it says. */
  readonly hurry: () => void;
  /** The first signal came before a command took signals over. */
  readonly untaken: (signal: EndingSignal) => void;
  /** One signal too many: the program ends here and now. */
  readonly endNow: (code: ExitCode) => void;
}

/** Within this a further signal is impatience: what was asked for is being done, and is let to write down what it did. */
const HASTE_MS = 2000;

/**
 * Turns the process's signals into a run's {@link Interruption}: the first says that nothing new starts, the second that
 * nothing is waited for. One that comes much later ends the program, whatever it waits for. Made by `main` before anything else.
 */
export class SignalWatch {
  readonly #requested = new AbortController();
  readonly #immediate = new AbortController();
  readonly #effects: SignalEffects;
  #first: EndingSignal | undefined;
  #heededAt = 0;
  #taken = false;

  constructor(source: SignalSource, platform: NodeJS.Platform, effects: SignalEffects) {
    this.#effects = effects;
    source.on("SIGINT", () => this.#receive("SIGINT"));
    source.on("SIGTERM", () => this.#receive("SIGTERM"));
    // Ctrl-Break; what build agents on Windows send after Ctrl-C.
    if (platform === "win32") source.on("SIGBREAK", () => this.#receive("SIGINT"));
  }

  /** From now on the first and the second signal are the command's to act on. */
  takeOver(): Interruption {
    this.#taken = true;
    return {
      requested: this.#requested.signal,
      immediate: this.#immediate.signal,
      signal: () => this.#first ?? "SIGINT",
    };
  }

  #receive(signal: EndingSignal): void {
    const now = this.#effects.now();
    if (this.#first === undefined) {
      this.#first = signal;
      this.#heededAt = now;
      this.#effects.hurry();
      this.#requested.abort();
      if (!this.#taken) this.#effects.untaken(signal);
    } else if (this.#taken && !this.#immediate.signal.aborted) {
      this.#heededAt = now;
      this.#immediate.abort();
    } else if (now - this.#heededAt >= HASTE_MS) this.#effects.endNow(exitOfSignal(this.#first));
  }
}
