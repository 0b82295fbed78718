import { readFileSync } from "node:fs";
import { carryOut } from "../../src/cli/carry-out.js";
import { readCommandLine } from "../../src/cli/command-line.js";
import { isCi, processExists, programName } from "../../src/cli/program.js";
import { runShell } from "../../src/cli/shell.js";
import { type ExitCode, StopError } from "../../src/shared/problems.js";
import { shellOf } from "../../src/shared/quoting.js";
import { type FakeHostFacts, fakeHost } from "./fake-host.js";
import { BIN, type CallOptions, type Ended, environmentOf, startProgram } from "./program.js";

/** How one command line ended in this process. */
export interface Said {
  readonly code: ExitCode;
  readonly stdout: string;
  readonly stderr: string;
  /** The codes of the problems that stopped it. */
  readonly stopped: readonly string[];
  readonly stop: StopError | undefined;
}

/** Carries out one command line on a machine of the test's own: parsed as the program does it, without a process. */
export async function say(argv: readonly string[], facts: FakeHostFacts = {}): Promise<Said> {
  const host = fakeHost(facts);
  const line = readCommandLine(argv, host);
  if (line.kind !== "run") throw new Error(`no command to carry out: ${JSON.stringify(line)}`);
  try {
    const code = await carryOut(host, line.invocation);
    return { code, ...told(host), stopped: [], stop: undefined };
  } catch (error) {
    if (!(error instanceof StopError)) throw error;
    return { code: error.exitCode, ...told(host), stopped: error.problems.map(({ code }) => code), stop: error };
  }
}

function told({ written }: ReturnType<typeof fakeHost>): Pick<Said, "stdout" | "stderr"> {
  return { stdout: written.stdout(), stderr: written.stderr() };
}

const VERSION: string = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")).version;
const HOME = process.cwd();
let hasSpawned = false;
/** A run is under way in this process, which has one working directory. */
let isRunning = false;

/**
 * Runs the program: the first time in a file by spawning what was built, and from then on in this process, with the same facts, which
 * takes a tenth of the time. Of runs at once only one is in this process. Where the process is the point (signals, streams, memory), a test
 * spawns: `startProgram`.
 */
export function runProgram(argv: readonly string[], options: CallOptions): Promise<Ended> {
  if (hasSpawned && !isRunning) return runHere(argv, options);
  hasSpawned = true;
  return startProgram(argv, options).ended;
}

async function runHere(argv: readonly string[], options: CallOptions): Promise<Ended> {
  const { cwd, input } = options;
  const env = environmentOf(options);
  const { platform } = process;
  const shell = shellOf(platform, env);
  const bytes = input === undefined ? [] : [Buffer.from(input)];
  const host = {
    ...fakeHost({ cwd, env }),
    input: async function* () {
      yield* bytes;
    },
    shell,
    processExists,
    version: VERSION,
    argv0: programName(BIN, process.execPath, { cwd, shell, env }),
    mainPath: BIN,
    ci: isCi(env),
  };
  isRunning = true;
  process.chdir(cwd);
  try {
    const hasAnswered = (): boolean => host.written.stdout() !== "";
    const code = await runShell(argv, { host, hasAnswered, untakenSignal: new Promise(() => undefined) });
    return { code, signal: null, ...told(host) };
  } finally {
    isRunning = false;
    process.chdir(HOME);
  }
}
