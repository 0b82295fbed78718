import type { Host } from "../commands/host.js";
import type { Refusal } from "../commands/telling.js";
import type { RunResult } from "../shared/outcome.js";
import { type EndingSignal, EXIT, type ExitCode, exitOfSignal, type Problem, StopError } from "../shared/problems.js";
import { retypedOn } from "../shared/shell-word.js";
import { readWords } from "./argument-words.js";
import type { CommandLine, Manner, Outputs } from "./command-line.js";
import { type CommandHandlers, type Invocation, runInvocation } from "./commands.js";
import { defectOf } from "./defect.js";
import { helpText } from "./help-text.js";
import type { CommandName } from "./option-spec.js";
import { questionOf } from "./question.js";
import { emptyResult } from "./refused-result.js";

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
  /** What help on a command says at its end, from where the command is carried out. */
  readonly helpAppendix: (command: CommandName | undefined) => Promise<string>;
  /** Whether anything was written to standard output. */
  readonly hasAnswered: () => boolean;
  /** Resolves at a signal that no command has taken over. */
  readonly untakenSignal: Promise<EndingSignal>;
  readonly now: () => Date;
  readonly uuid: () => string;
}

type RunLine = Extract<CommandLine, { readonly kind: "run" }>;

/** Why a command line has no result of its own. */
interface Stop {
  readonly command: string;
  readonly dryRun: boolean;
  readonly exitCode: ExitCode;
  readonly errors: readonly Problem[];
  readonly warnings: readonly Problem[];
  readonly manner: Manner;
  readonly outputs: Outputs;
  readonly after: readonly string[];
}

/** Carries out one command line, from its words to the exit code. Rejects for nothing. */
export async function runShell(argv: readonly string[], deps: ShellDeps): Promise<ExitCode> {
  const { host } = deps;
  const line = questionOf(readWords(argv)) ?? (await readLine(argv, host));
  switch (line.kind) {
    case "version":
      return print(host, `${host.version}\n`);
    case "help":
      return print(host, `${helpText(line.command, host.stdout.columns())}${await deps.helpAppendix(line.command)}`);
    case "refused":
      redactKey(host);
      return tellStop({ ...line, errors: line.problems, warnings: [], after: [line.see] }, deps);
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

async function print(host: Host, text: string): Promise<ExitCode> {
  await host.stdout.write(text);
  return EXIT.ok;
}

/** The sandbox's key is fixed, printed, and no secret. */
function redactKey(host: Host): void {
  host.redact(host.env.QALYPTUS_API_KEY ?? "");
}

async function runLine(line: RunLine, deps: ShellDeps): Promise<ExitCode> {
  const { invocation } = line;
  if (invocation.command !== "sandbox" && invocation.command !== "demo") redactKey(deps.host);
  try {
    return await Promise.race([invoke(invocation, deps), interrupted(deps.untakenSignal)]);
  } catch (error) {
    return tellStop(stopOf(line, error, deps.host), deps);
  }
}

async function invoke(invocation: Invocation, { host, loadHandlers }: ShellDeps): Promise<ExitCode> {
  if (invocation.command === "completion") {
    const { completionScript } = await import("./completion.js");
    return print(host, completionScript(invocation.settings.shell));
  }
  return runInvocation(await loadHandlers(host), invocation);
}

async function interrupted(untakenSignal: Promise<EndingSignal>): Promise<never> {
  const signal = await untakenSignal;
  throw new StopError(exitOfSignal(signal), {
    code: "INTERRUPTED",
    message: `stopped by ${signal}`,
    hint: "Run the same command again",
  });
}

function stopOf({ invocation, manner, outputs }: RunLine, error: unknown, host: Host): Stop {
  const { command, settings } = invocation;
  const known = { command, dryRun: command === "sync" && settings.run.dryRun, manner, outputs };
  if (error instanceof StopError)
    return {
      ...known,
      exitCode: error.exitCode,
      errors: typedFor(host, error.problems),
      warnings: settings.warnings,
      after: [],
    };
  const stack = manner.verbose && error instanceof Error && error.stack !== undefined ? error.stack.split("\n") : [];
  return {
    ...known,
    exitCode: EXIT.defect,
    errors: [defectOf(error, host)],
    warnings: settings.warnings,
    after: stack,
  };
}

/** Hints hold commands; they are made without knowing whose shells they are typed for. */
function typedFor({ platform }: Host, problems: readonly Problem[]): readonly Problem[] {
  return problems.map((problem) =>
    problem.hint === undefined ? problem : { ...problem, hint: retypedOn(platform, problem.hint) },
  );
}

async function tellStop(stop: Stop, deps: ShellDeps): Promise<ExitCode> {
  const answered = deps.hasAnswered();
  const result = emptyResult({ ...stop, runId: deps.uuid(), at: deps.now() });
  const unwritten = await writeFiles({ result, ...stop.outputs }, deps);
  const errors = [...result.errors, ...unwritten];
  await deps.tell({ result: { ...result, errors }, manner: stop.manner, after: stop.after, answered });
  return stop.exitCode;
}

/**
 * The `--out` files, and on GitHub Actions the step's summary, of a run that has no result: without the files an earlier run's
 * would be taken for this one's.
 */
async function writeFiles(refusal: Refusal, deps: ShellDeps): Promise<readonly Problem[]> {
  if (refusal.files.length === 0 && deps.host.env.GITHUB_ACTIONS !== "true") return [];
  try {
    const handlers = await deps.loadHandlers(deps.host);
    await handlers.writeRefusal(refusal);
    return [];
  } catch (error) {
    return error instanceof StopError ? error.problems : [defectOf(error, deps.host)];
  }
}
