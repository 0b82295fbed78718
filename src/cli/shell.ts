import type { Host } from "../commands/host.js";
import type { Invocation, OutputSettings } from "../commands/settings.js";
import {
  type EndingSignal,
  EXIT,
  type ExitCode,
  exitOfSignal,
  type Problem,
  problem,
  StopError,
} from "../shared/problems.js";
import { oneLine } from "../shared/text-safety.js";
import { carryOut } from "./carry-out.js";
import type { Stopped } from "./command-line.js";
import { helpText, plainQuestion } from "./help.js";

/** What the shell needs from `main` besides the host that commands see. */
export interface Shell {
  readonly host: Host;
  /** Whether anything was written to standard output. */
  readonly hasAnswered: () => boolean;
  /** Resolves at a signal that no command has taken over. */
  readonly untakenSignal: Promise<EndingSignal>;
}

/** Carries out one command line, from its words to the exit code. Rejects for nothing. */
export async function runShell(argv: readonly string[], shell: Shell): Promise<ExitCode> {
  const { host } = shell;
  // The parser and the settings are loaded only by who has something to do.
  const line = plainQuestion(argv) ?? (await import("./command-line.js")).readCommandLine(argv, host);
  switch (line.kind) {
    case "version":
      await host.stdout.write(`${host.version}\n`);
      return EXIT.ok;
    case "help":
      await host.stdout.write(helpText(line.command, host.stdout.columns()));
      if (line.command === "sandbox") {
        // What only the sandbox knows of its command.
        const { faultLines } = await import("../sandbox/chaos.js");
        await host.stdout.write(`\nFaults:\n${faultLines().join("\n")}\n`);
      }
      return EXIT.ok;
    case "refused":
      host.secrets.add(host.env.QALYPTUS_API_KEY ?? "");
      return tellStopped(line, shell);
    case "run":
      return run(line.invocation, shell);
    default:
      return line satisfies never;
  }
}

async function run(invocation: Invocation, shell: Shell): Promise<ExitCode> {
  const { host, untakenSignal } = shell;
  const { command, settings } = invocation;
  // A sandbox takes its own key, which is printed to be pasted.
  if (command !== "sandbox" && command !== "demo") host.secrets.add(host.env.QALYPTUS_API_KEY ?? "");
  const interrupted = untakenSignal.then((signal) => {
    throw new StopError(exitOfSignal(signal), problem("INTERRUPTED", `stopped by ${signal}`));
  });
  try {
    return await Promise.race([carryOut(host, invocation), interrupted]);
  } catch (error) {
    const { output } = settings;
    const dryRun = command === "validate" || (command === "sync" && settings.run.dryRun);
    const isStop = error instanceof StopError;
    const problems = isStop ? error.problems : [defectOf(error, host)];
    const stack = !isStop && output.verbosity === "verbose" && error instanceof Error ? (error.stack ?? "") : "";
    const after = stack === "" ? [] : stack.split("\n");
    const exitCode = isStop ? error.exitCode : EXIT.defect;
    return tellStopped({ command, dryRun, problems, exitCode, output, after }, shell);
  }
}

/** What is told of an exception that nobody expected. */
export function defectOf(error: unknown, { version, platform }: Pick<Host, "version" | "platform">): Problem {
  const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return problem("DEFECT", `a defect in this program: ${what}`, {
    hint: `Run the same command again: what was written is in the log. Please report it with qalyptus-propagate ${version}, ${platform}, and what -v adds`,
  });
}

/**
 * Tells a run that has no result of its own: the contract's object with no tenants and the errors that stopped it. Its `--out`
 * files, and the step's summary on GitHub Actions, are written too, for else an earlier run's would be taken for this one's.
 */
async function tellStopped(stopped: Stopped, { host, hasAnswered }: Shell): Promise<ExitCode> {
  const { command, dryRun, problems, exitCode, output, after } = stopped;
  const { openTelling, resultWithoutTenants } = await import("../commands/telling.js");
  const open = (files: OutputSettings["files"]) => openTelling(host, { ...output, files }, { stopped: true });
  let errors = problems;
  // Refused for one of these files: then none of them is written.
  const files = problems.some(({ code }) => code.startsWith("OUT_")) ? [] : output.files;
  const telling = await open(files).catch((error: unknown) => {
    if (!(error instanceof StopError)) throw error;
    errors = [...problems, ...error.problems];
    return open([]);
  });
  const told = output.format === "human" || hasAnswered();
  await telling.finish(resultWithoutTenants({ command, dryRun, warnings: [], errors, exitCode }), { told });
  await host.stderr.write(after.map((line) => `${oneLine(line)}\n`).join(""));
  return exitCode;
}
