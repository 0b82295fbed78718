import { carryOut } from "../../src/cli/carry-out.js";
import { readCommandLine } from "../../src/cli/command-line.js";
import { type ExitCode, StopError } from "../../src/shared/problems.js";
import { type FakeHostFacts, fakeHost } from "./fake-host.js";

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
