import type { Host } from "../commands/host.js";
import type { Refusal } from "../commands/telling.js";
import { type RunResult, summarise } from "../shared/outcome.js";
import {
  type EndingSignal,
  EXIT,
  type ExitCode,
  exitOfSignal,
  type Problem,
  problem,
  StopError,
} from "../shared/problems.js";
import { retypedOn } from "../shared/shell-word.js";
import type { CommandLine, Manner, RefusedLine, RunLine } from "./command-line.js";
import { helpText, plainQuestion } from "./help.js";
import type { CommandName, Invocation, SettingsOf } from "./settings.js";

/**
 * What the commands do. Each writes its own answer and resolves to the exit code. A StopError that it throws is told here, as
 * errors and as the JSON result.
 */
type RunHandlers = { readonly [N in CommandName]: (settings: SettingsOf[N]) => Promise<ExitCode> };

export interface CommandHandlers extends RunHandlers {
  /** Writes the `--out` files of a run that could not start, so that no old result is taken for this one's. */
  readonly writeRefusal: (refusal: Refusal) => Promise<void>;
}

/** Hands an invocation to its handler. */
export function runInvocation<N extends CommandName>(
  handlers: RunHandlers,
  { command, settings }: Invocation<N>,
): Promise<ExitCode> {
  return handlers[command](settings);
}

/** A result without tenants, as it is told to people and scripts. */
export interface Told {
  readonly result: RunResult;
  readonly manner: Manner;
  /** Lines for people after the errors: where everything is explained, or a defect's stack. */
  readonly after: readonly string[];
  /** Standard output has something else on it already: no result object is put behind it. */
  readonly answered: boolean;
}

/** What the shell needs from `main`. */
export interface ShellDeps {
  readonly host: Host;
  readonly loadHandlers: (host: Host) => Promise<CommandHandlers>;
  readonly tell: (told: Told) => Promise<void>;
  /** Whether anything was written to standard output. */
  readonly hasAnswered: () => boolean;
  /** Resolves at a signal that no command has taken over. */
  readonly untakenSignal: Promise<EndingSignal>;
}

/** Carries out one command line, from its words to the exit code. Rejects for nothing. */
export async function runShell(argv: readonly string[], deps: ShellDeps): Promise<ExitCode> {
  const { host } = deps;
  const line = plainQuestion(argv) ?? (await readLine(argv, host));
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
      return tellStop({ ...line, warnings: [], after: [line.see] }, deps);
    case "run":
      return runLine(line, deps);
    default:
      return line satisfies never;
  }
}

/** The parser and the settings are loaded only by who has something to do. */
async function readLine(argv: readonly string[], host: Host): Promise<CommandLine> {
  const { readCommandLine } = await import("./command-line.js");
  return readCommandLine(argv, { env: host.env, program: host.argv0 });
}

async function runLine(line: RunLine, deps: ShellDeps): Promise<ExitCode> {
  const { host } = deps;
  const { command, settings } = line.invocation;
  // The sandbox's key is fixed, printed, and no secret.
  if (command !== "sandbox" && command !== "demo") host.redact(host.env.QALYPTUS_API_KEY ?? "");
  try {
    const carriedOut = deps.loadHandlers(host).then((handlers) => runInvocation(handlers, line.invocation));
    return await Promise.race([carriedOut, interrupted(deps.untakenSignal)]);
  } catch (error) {
    const isStop = error instanceof StopError;
    const stack = !isStop && line.manner.verbose && error instanceof Error ? (error.stack ?? "").split("\n") : [];
    const stop = {
      ...line,
      command,
      dryRun: command === "sync" && settings.run.dryRun,
      exitCode: isStop ? error.exitCode : EXIT.defect,
      problems: isStop ? error.problems.map((each) => typedFor(host, each)) : [defectOf(error, host)],
      warnings: settings.warnings,
      after: stack,
    };
    return tellStop(stop, deps);
  }
}

async function interrupted(untakenSignal: Promise<EndingSignal>): Promise<never> {
  const signal = await untakenSignal;
  throw new StopError(exitOfSignal(signal), problem("INTERRUPTED", `stopped by ${signal}`));
}

/** Hints hold commands; they are made without knowing whose shells they are typed for. */
function typedFor({ platform }: Host, { hint, ...rest }: Problem): Problem {
  return hint === undefined ? rest : { ...rest, hint: retypedOn(platform, hint) };
}

/** What is told of an exception that nobody expected. */
export function defectOf(error: unknown, { version, platform }: Pick<Host, "version" | "platform">): Problem {
  const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return problem("DEFECT", `a defect in this program: ${what}`, {
    hint: `Run the same command again: what was written is in the log. Please report it with qalyptus-propagate ${version}, ${platform}, and what -v adds`,
  });
}

/** Why a command line has no result of its own. */
interface Stop extends Omit<RefusedLine, "kind" | "see"> {
  readonly warnings: readonly Problem[];
  readonly after: readonly string[];
}

/**
 * Tells a run that has no result: the contract's object with no tenants and the errors that stopped it. Its `--out` files, and
 * the step's summary on GitHub Actions, are written too, for else an earlier run's would be taken for this one's.
 */
async function tellStop({ manner, outputs, after, ...stop }: Stop, deps: ShellDeps): Promise<ExitCode> {
  const { host } = deps;
  const answered = deps.hasAnswered();
  const at = new Date().toISOString();
  const result: RunResult = {
    version: 1,
    command: stop.command,
    dryRun: stop.dryRun,
    // The global one: node:crypto is loaded when it is first asked for.
    runId: crypto.randomUUID(),
    server: null,
    log: null,
    manifest: null,
    summary: summarise([]),
    tenants: [],
    warnings: stop.warnings,
    errors: stop.problems,
    startedAt: at,
    finishedAt: at,
    exitCode: stop.exitCode,
  };
  let unwritten: readonly Problem[] = [];
  if (outputs.files.length > 0 || host.env.GITHUB_ACTIONS === "true")
    try {
      await (await deps.loadHandlers(host)).writeRefusal({ result, ...outputs });
    } catch (error) {
      unwritten = error instanceof StopError ? error.problems : [defectOf(error, host)];
    }
  await deps.tell({ result: { ...result, errors: [...result.errors, ...unwritten] }, manner, after, answered });
  return stop.exitCode;
}

/** What only the sandbox knows of its command. */
async function faultsHelp(): Promise<string> {
  const { faultLines } = await import("../sandbox/fault-setting.js");
  return `\nFaults:\n${faultLines()
    .map((line) => `  ${line}`.trimEnd().concat("\n"))
    .join("")}`;
}
