import type { OutputFormat, ResultFile } from "../commands/settings.js";
import { EXIT, type ExitCode, type Problem, StopError } from "../shared/problems.js";
import { quote } from "../shared/quotation.js";
import { type ArgumentWords, readWords, unknownOption } from "./argument-words.js";
import { readInvocation } from "./command-settings.js";
import { COMMANDS, findCommand } from "./command-table.js";
import type { Invocation } from "./commands.js";
import { frozen } from "./frozen.js";
import { GivenOptions } from "./given-options.js";
import type { CommandSpec } from "./option-spec.js";
import { OPTIONS } from "./option-table.js";
import { resultFile } from "./output-settings.js";
import { type ParsedCommand, parseCommand } from "./parsed-command.js";
import { type Question, questionOf } from "./question.js";
import { didYouMean, nearestCommands, seeHelp } from "./suggestion.js";

/** How an answer or a refusal is to be told; read even from a command line that is wrong elsewhere. */
export interface Manner {
  readonly format: OutputFormat;
  readonly verbose: boolean;
  readonly noColor: boolean;
}

/** What a command line asks for. */
export type CommandLine =
  | Question
  | { readonly kind: "run"; readonly invocation: Invocation; readonly manner: Manner; readonly outputs: Outputs }
  | RefusedCommandLine;

/** A command line that nothing was started for. */
export interface RefusedCommandLine {
  readonly kind: "refused";
  readonly command: string;
  readonly dryRun: boolean;
  readonly problems: readonly Problem[];
  readonly exitCode: ExitCode;
  /** Where everything is explained. */
  readonly see: string;
  readonly manner: Manner;
  readonly outputs: Outputs;
}

/** The result files that were asked for, and every other path that was named. */
export interface Outputs {
  readonly files: readonly ResultFile[];
  readonly inputs: readonly string[];
}

/** What a command line is read with. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What is typed to start the program, for lines to paste. */
  readonly program: string;
}

/** Reads a command line: what is to be done, with settings that are checked and frozen. Never throws for what was typed. */
export function readCommandLine(argv: readonly string[], around: Surroundings): CommandLine {
  const words = readWords(argv);
  try {
    return readCommand(words, around);
  } catch (error) {
    if (!(error instanceof StopError)) throw error;
    return {
      kind: "refused",
      command: words.command ?? "",
      dryRun: words.dryRun,
      problems: error.problems,
      exitCode: error.exitCode,
      see: seeHelp(around.program, findCommand(words.command ?? "")?.name),
      manner: mannerOf(words),
      outputs: outputsOf(words),
    };
  }
}

function readCommand(words: ArgumentWords, around: Surroundings): CommandLine {
  const question = questionOf(words);
  if (question !== undefined) return question;
  const { command } = words;
  if (command === "help") refuseCommand(words.operands[0] ?? "", around);
  refuseIfAny(words.faults);
  if (command === undefined) return refuseMissingCommand();
  const spec = findCommand(command) ?? refuseCommand(command, around);
  const parsed = parseCommand(spec, words.rest);
  if (parsed.values.has(OPTIONS.help.long)) return { kind: "help", command: spec.name };
  if (parsed.values.has(OPTIONS.version.long)) return { kind: "version" };
  refuseStrayWords(spec, parsed);
  const given = new GivenOptions(parsed.values, around.env);
  const invocation = readInvocation(spec.name, given, parsed.operands);
  given.throwFaults();
  return { kind: "run", invocation: frozen(invocation), manner: mannerOf(words), outputs: outputsOf(words) };
}

function refuse(problem: Problem): never {
  throw new StopError(EXIT.usage, problem);
}

function refuseIfAny(faults: readonly Problem[]): void {
  if (faults.length > 0) throw new StopError(EXIT.usage, faults);
}

function refuseMissingCommand(): never {
  return refuse({
    code: "COMMAND_MISSING",
    message: "there are options but no command",
    hint: `Commands: ${COMMANDS.map((command) => command.name).join(", ")}`,
  });
}

function refuseCommand(word: string, { program }: Surroundings): never {
  const near = didYouMean(nearestCommands(word));
  const isFile = /[./\\]/.test(word);
  const hint = isFile ? `For a manifest: ${program} sync ${word} --dry-run` : near;
  return refuse({
    code: "UNKNOWN_COMMAND",
    message: `there is no command ${quote(word)}`,
    hint: hint === "" ? `Commands: ${COMMANDS.map((command) => command.name).join(", ")}` : hint,
  });
}

function refuseStrayWords(spec: CommandSpec, { operands, unknown }: ParsedCommand): void {
  const [stray] = unknown;
  if (stray !== undefined) refuse(unknownOption(stray, spec.options, spec.name));
  const missing = spec.arguments[operands.length];
  if (missing?.required === true)
    refuse({
      code: "ARGUMENT_MISSING",
      message: `${spec.name} needs ${missing.name}: ${missing.description}`,
      hint: missing.choices === undefined ? undefined : `It is one of ${missing.choices.join(", ")}`,
    });
  const last = spec.arguments.at(-1);
  const excess = last?.variadic === true ? undefined : operands[spec.arguments.length];
  if (excess !== undefined)
    refuse({
      code: "EXCESS_ARGUMENT",
      message: `${spec.name} takes ${spec.arguments.length === 0 ? "no argument" : `one argument, ${last?.name}`}, so ${quote(excess)} is one too many`,
      hint: "Quote a value that has blanks in it",
    });
}

const FORMATS: readonly OutputFormat[] = ["human", "json", "ndjson"];

function mannerOf(words: ArgumentWords): Manner {
  const typed = words.values.findLast(({ option }) => option.long === OPTIONS.format.long)?.value;
  return {
    format: FORMATS.find((format) => format === typed) ?? "human",
    verbose: words.verbose,
    noColor: words.rest.includes(OPTIONS.noColor.long),
  };
}

function outputsOf(words: ArgumentWords): Outputs {
  const isOut = (long: string): boolean => words.command !== "init" && long === OPTIONS.out.long;
  const paths = words.values.filter(({ option }) => isOut(option.long)).map(({ value }) => value);
  const others = words.values
    .filter(({ option }) => option.file === true && !isOut(option.long))
    .map(({ value }) => value);
  return {
    files: [...new Set(paths)].flatMap((path) => resultFile(path) ?? []),
    inputs: [...words.operands, ...others],
  };
}
