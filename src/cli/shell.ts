import type { Host } from "../commands/host.js";
import { lookOf } from "../reporter/look.js";
import {
  type EndingSignal,
  EXIT,
  type ExitCode,
  exitOfSignal,
  type Problem,
  problem,
  StopError,
} from "../shared/problems.js";
import { retypedOn } from "../shared/quoting.js";
import { type RunResult, summarise } from "../shared/results.js";
import type { Manner, Stopped } from "./command-line.js";
import { helpText, plainQuestion } from "./help.js";
import type { Invocation } from "./settings.js";

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
      if (line.command === "sandbox") await host.stdout.write(await faultsHelp());
      return EXIT.ok;
    case "refused":
      host.redact(host.env.QALYPTUS_API_KEY ?? "");
      return tellStopped(line, line.manner, shell);
    case "run":
      return run(line.invocation, line.manner, shell);
    default:
      return line satisfies never;
  }
}

/** What only the sandbox knows of its command. */
async function faultsHelp(): Promise<string> {
  const { faultLines } = await import("../sandbox/chaos.js");
  const lines = faultLines().map((line) => `  ${line}`.trimEnd());
  return `\nFaults:\n${lines.join("\n")}\n`;
}

async function run(invocation: Invocation, manner: Manner, shell: Shell): Promise<ExitCode> {
  const { host, untakenSignal } = shell;
  const { command, settings } = invocation;
  // The sandbox's key is fixed, printed, and no secret.
  if (command !== "sandbox" && command !== "demo") host.redact(host.env.QALYPTUS_API_KEY ?? "");
  const interrupted = untakenSignal.then((signal) => {
    throw new StopError(exitOfSignal(signal), problem("INTERRUPTED", `stopped by ${signal}`));
  });
  try {
    const ended = import("./carry-out.js").then(({ carryOut }) => carryOut(host, invocation));
    return await Promise.race([ended, interrupted]);
  } catch (error) {
    const dryRun = command === "sync" && settings.run.dryRun;
    return tellStopped(
      { command, dryRun, warnings: settings.warnings, ...whyStopped(error, manner, host) },
      manner,
      shell,
    );
  }
}

function whyStopped(error: unknown, { verbose }: Manner, host: Host): Pick<Stopped, "problems" | "exitCode" | "after"> {
  if (error instanceof StopError) {
    // Hints hold commands; they are made without knowing whose shells they are typed for.
    const problems = error.problems.map(({ hint, ...rest }) =>
      hint === undefined ? rest : { ...rest, hint: retypedOn(host.platform, hint) },
    );
    return { problems, exitCode: error.exitCode, after: [] };
  }
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  return { problems: [defectOf(error, host)], exitCode: EXIT.defect, after: verbose ? stack.split("\n") : [] };
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
async function tellStopped(stopped: Stopped, manner: Manner, { host, hasAnswered }: Shell): Promise<ExitCode> {
  const { command, dryRun, problems, warnings, exitCode, after } = stopped;
  const answered = hasAnswered();
  const at = new Date().toISOString();
  const nothing = { server: null, log: null, manifest: null, summary: summarise([]), tenants: [] };
  // The global crypto: node:crypto is loaded when it is first asked for.
  const runId = crypto.randomUUID();
  const known = { command, dryRun, warnings, errors: problems, exitCode };
  const result: RunResult = { version: 1, runId, ...known, ...nothing, startedAt: at, finishedAt: at };
  const told = { ...result, errors: [...problems, ...(await writeFiles(result, manner, host))] };
  await tellPeople(told, after, manner, host);
  if (!answered && manner.format !== "human") {
    const { jsonResult, summaryLine } = await import("../results/json.js");
    await host.stdout.write(manner.format === "json" ? [...jsonResult(told)].join("") : summaryLine(told));
  }
  return exitCode;
}

/** Returns why they could not be written. */
async function writeFiles(result: RunResult, { files, inputs }: Manner, host: Host): Promise<readonly Problem[]> {
  if (files.length === 0 && host.env.GITHUB_ACTIONS !== "true") return [];
  try {
    await (await import("../commands/telling.js")).writeRefusal(host, { result, files, inputs });
    return [];
  } catch (error) {
    return error instanceof StopError ? error.problems : [defectOf(error, host)];
  }
}

async function tellPeople(result: RunResult, after: readonly string[], manner: Manner, host: Host): Promise<void> {
  const { errorsText, warningLines } = await import("../reporter/problems.js");
  const { toText } = await import("../reporter/layout.js");
  const { stderr, env } = host;
  const look = lookOf(host, manner, stderr);
  const warnings = toText([...warningLines(result.warnings, look), ...after], look);
  await stderr.write(`${errorsText(result.errors, look)}${warnings}`);
  if (env.GITHUB_ACTIONS !== "true") return;
  const { githubAnnotations } = await import("../results/github.js");
  for (const line of githubAnnotations(result)) await stderr.write(`${line}\n`);
}
