import type { Interruption } from "../run/abort.js";
import type { Problem } from "../shared/problems.js";
import type { Shell } from "../shared/quoting.js";
import type { Redactor } from "../shared/redaction.js";
import type { Emit } from "../shared/results.js";

/** One of the process's outputs, as commands see it. */
export interface OutputStream {
  readonly isTTY: boolean;
  /** Columns as they are now; `undefined` where it is no terminal. */
  columns(): number | undefined;
  /** Writes text; what has to be kept secret is taken out. Resolves when it was handed on, or when nobody reads any more. */
  write(text: string): Promise<void>;
  /** Whether nobody reads any more (`| head`). */
  isClosed(): boolean;
  /** The stream for what draws on a terminal; keeps secrets as `write` does. */
  readonly stream: NodeJS.WritableStream & { readonly columns?: number | undefined };
}

/**
 * The machine and the process that commands run in: plain facts and a few functions. Made by `main` alone, so that nothing else
 * reads the process.
 */
export interface Host {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Standard input, opened by who reads it. */
  input(): AsyncIterable<Uint8Array>;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly platform: NodeJS.Platform;
  /** Where hints are pasted. */
  readonly shell: Shell;
  readonly pid: number;
  /** Whether a process of this number exists here, its owner whoever. */
  readonly processExists: (pid: number) => boolean;
  /** This package's version. */
  readonly version: string;
  /** How the program was started, as a hint can be pasted: `qalyptus-propagate`, `node bin/qalyptus-propagate.js`. */
  readonly argv0: string;
  /** Node and the program's own file, for what starts the program once more (`demo`). */
  readonly execPath: string;
  readonly mainPath: string;
  /** The environment says that no person watches (`CI`). */
  readonly ci: boolean;
  /**
   * Takes over SIGHUP, SIGINT, SIGQUIT and SIGTERM: from now on the first and the second only abort these signals. Until then, and where it is
   * never called, the first ends the program with 129, 130, 131 or 143. The third always does.
   */
  interruption(): Interruption;
  /** What is added here is shown nowhere from then on, and goes into no file. */
  readonly secrets: Redactor;
}

/** Where a command tells what goes on. */
export interface Tell {
  readonly emit: Emit;
  warn(problems: readonly Problem[]): Promise<void>;
}
