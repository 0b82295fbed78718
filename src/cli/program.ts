import { basename, delimiter, dirname, join, relative, sep } from "node:path";
import { kill } from "node:process";
import type { Host, OutputStream } from "../commands/host.js";
import type { Interruption } from "../run/abort.js";
import { ENDING_SIGNALS, type EndingSignal, type ExitCode, exitOfSignal } from "../shared/problems.js";
import { wordsIn } from "../shared/quoting.js";
import type { Redactor } from "../shared/redaction.js";

/** The program's name, as everything that is typed says it. */
export const PROGRAM = "qalyptus-propagate";

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
  readonly #secrets: Redactor;
  #stream: NodeOutput | undefined;
  #failure: NodeJS.ErrnoException | undefined;
  #written = false;
  #patienceMs: number | undefined;
  /** Writes that nobody has taken yet: each starts its own patience. */
  readonly #waiting = new Set<(patienceMs: number) => void>();

  constructor(open: () => NodeOutput, secrets: Redactor) {
    this.#open = open;
    this.#secrets = secrets;
  }

  /** The process's own, but for `write`: a terminal's width, cursor and events stay the terminal's. */
  get stream(): NodeOutput {
    if (this.#stream !== undefined) return this.#stream;
    const target = this.#open();
    // Stays for ever: without a listener a reader that has gone would end the program in the middle of its writes.
    target.on("error", (error: NodeJS.ErrnoException) => {
      this.#failure ??= error;
    });
    const write = (chunk: unknown, ...rest: readonly unknown[]): boolean => {
      if (this.isClosed()) return false;
      this.#written ||= chunk !== "";
      const clean = typeof chunk === "string" ? this.#secrets.apply(chunk) : chunk;
      return Reflect.apply(target.write, target, [clean, ...rest]);
    };
    // Some terminals say 0 columns (a pseudo-terminal without a size): what is drawn to fit that never ends.
    const columns = { get: () => target.columns || undefined };
    const stream: NodeOutput = Object.create(target, { write: { value: write, writable: true }, columns });
    this.#stream = stream;
    return stream;
  }

  get isTTY(): boolean {
    return this.stream.isTTY === true;
  }

  /** `undefined`: nobody knows. */
  columns(): number | undefined {
    return this.stream.columns;
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
    return new Promise((resolve) => {
      let timer: NodeJS.Timeout | undefined;
      const waitNoLongerThan = (ms: number): void => {
        timer = setTimeout(() => end(Object.assign(new Error("nobody reads it"), { code: "EPIPE" })), ms);
      };
      const end = (error?: NodeJS.ErrnoException | null): void => {
        clearTimeout(timer);
        this.#waiting.delete(waitNoLongerThan);
        if (error) this.#failure ??= error;
        resolve();
      };
      this.#waiting.add(waitNoLongerThan);
      if (this.#patienceMs !== undefined) waitNoLongerThan(this.#patienceMs);
      this.stream.write(text, end);
    });
  }

  /** From now on a write is waited for no longer than this: who has not read it then is taken for gone. */
  hurry(patienceMs: number): void {
    this.#patienceMs = patienceMs;
    for (const waitNoLongerThan of this.#waiting) waitNoLongerThan(patienceMs);
  }

  /** Resolves when all that was written has been handed to the system. */
  async flush(): Promise<void> {
    if (this.#stream !== undefined) await this.write("");
  }
}

/** Within this a further signal is impatience: what was asked for is being done, and is let to write down what it did. */
const HASTE_MS = 2000;

/** What `main` does where a signal ends the program. */
export interface SignalEffects {
  /** The program was told to end: nobody is waited for any more who does not read what it says. */
  readonly hurry: () => void;
  /** One signal too many: the program ends here and now. */
  readonly endNow: (code: ExitCode) => void;
}

/**
 * Turns the process's signals into a run's {@link Interruption}: the first says that nothing new starts, the second that
 * nothing is waited for. One that comes much later ends the program, whatever it waits for.
 */
export class SignalWatch {
  readonly #requested = new AbortController();
  readonly #immediate = new AbortController();
  #first: EndingSignal | undefined;
  #heededAt = 0;
  #taken = false;
  /** Resolves where the first signal comes before a command has taken signals over. */
  readonly untaken: Promise<EndingSignal>;

  constructor(
    source: { on(signal: EndingSignal | "SIGBREAK", listener: () => void): unknown },
    platform: NodeJS.Platform,
    effects: SignalEffects,
  ) {
    this.untaken = new Promise((resolve) => {
      const listen = (name: EndingSignal | "SIGBREAK", signal: EndingSignal): void => {
        source.on(name, () => this.#receive(signal, effects, resolve));
      };
      for (const signal of ENDING_SIGNALS) listen(signal, signal);
      // Ctrl-Break; what build agents on Windows send after Ctrl-C.
      if (platform === "win32") listen("SIGBREAK", "SIGINT");
    });
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

  #receive(signal: EndingSignal, { hurry, endNow }: SignalEffects, tellUntaken: (signal: EndingSignal) => void): void {
    const now = performance.now();
    if (this.#first === undefined) {
      this.#first = signal;
      this.#heededAt = now;
      hurry();
      this.#requested.abort();
      if (!this.#taken) tellUntaken(signal);
    } else if (signal === "SIGHUP" && this.#first === "SIGHUP" && now - this.#heededAt < HASTE_MS) {
      // A terminal that closes sends one, and its shell another: nobody is impatient.
    } else if (this.#taken && !this.#immediate.signal.aborted) {
      this.#heededAt = now;
      this.#immediate.abort();
    } else if (now - this.#heededAt >= HASTE_MS) endNow(exitOfSignal(this.#first));
  }
}

/** Whether there is such a process. Signal 0 only asks: EPERM tells of a process that is somebody else's. */
export function processExists(pid: number): boolean {
  try {
    return kill(pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/**
 * What to type to start the program in the same way again: its name, by npx, the script in a clone, or the launcher of an archive that
 * brings its own Node (`.ci/release.mjs`). `node`: Node's own program.
 */
export function programName(
  script: string,
  node: string,
  { cwd, shell, env }: Pick<Host, "cwd" | "shell" | "env">,
): string {
  if (env.npm_command === "exec") return `npx ${PROGRAM}`;
  const [, archive] = /^(.*)[\\/]package[\\/]bin[\\/][^\\/]+$/.exec(script) ?? [];
  if (archive !== undefined && dirname(node) === archive)
    return launcherIn(archive, [node, script], { cwd, shell, env });
  const installed = /[\\/]node_modules[\\/]/.test(script) || basename(script) === PROGRAM;
  if (installed || script === "") return PROGRAM;
  return `node ${wordsIn(shell)(relative(cwd, script))}`;
}

/**
 * By its name where the shell finds it there, else by its path. Windows' launcher is for cmd alone: cmd reads it whoever starts it, and
 * another shell's quotes keep nothing from cmd (`'a&b'` would run b). There the archive's Node is called itself.
 */
function launcherIn(
  archive: string,
  [node, script]: readonly [node: string, script: string],
  { cwd, shell, env }: Pick<Host, "cwd" | "shell" | "env">,
): string {
  const isWindows = /\.exe$/i.test(node);
  const typed = (file: string, before: string): string => {
    const path = relative(cwd, file);
    const called = /^(?:\.|[a-z]:|[\\/])/i.test(path) ? path : `${before}${path}`;
    return wordsIn(shell)(isWindows && shell === "sh" ? called.replaceAll("\\", "/") : called);
  };
  const here = `.${sep}`;
  if (isWindows && shell !== "cmd") {
    const program = typed(node, here);
    // PowerShell calls what stands in quotes only behind `&`.
    const call = shell !== "sh" && /^["']/.test(program) ? "& " : "";
    return `${call}${program} ${typed(script, "")}`;
  }
  const folders = Object.entries(env).flatMap(([name, value = ""]) =>
    /^path$/i.test(name) ? value.split(delimiter) : [],
  );
  if (folders.includes(archive)) return PROGRAM;
  return typed(join(archive, isWindows ? `${PROGRAM}.cmd` : PROGRAM), here);
}

/** Whether the environment says that no person watches. */
export function isCi({ CI = "" }: Host["env"]): boolean {
  return !["", "0", "false"].includes(CI.toLowerCase());
}
