import { Command, Option } from "commander";
import type { Host } from "../commands/host.js";
import { ABSENT, Advice, didYouMean, OPTIONS, type OptionSpec, oneOf, type Values } from "../commands/options.js";
import { type Invocation, type OutputSettings, readInvocation } from "../commands/settings.js";
import { optionWords } from "../shared/hints.js";
import { addTo } from "../shared/ids.js";
import { EXIT, type ExitCode, type Problem, problem, StopError } from "../shared/problems.js";
import type { ResultFile } from "../shared/results.js";
import { nearestSpellings } from "../shared/spelling.js";
import { keptValue, quote } from "../shared/text-safety.js";
import { COMMANDS, type CommandOption, type CommandSpec, findCommand } from "./command-table.js";
import type { Question } from "./help.js";

/** Why a command line has no result of its own. */
export interface Stopped {
  /** Empty where none was named that there is. */
  readonly command: string;
  readonly dryRun: boolean;
  readonly problems: readonly Problem[];
  readonly exitCode: ExitCode;
  readonly output: OutputSettings;
  /** Lines for people after the errors: where everything is explained, or a defect's stack. */
  readonly after: readonly string[];
}

/** What a command line asks for. */
export type CommandLine =
  | Question
  | { readonly kind: "run"; readonly invocation: Invocation }
  | (Stopped & { readonly kind: "refused" });

type Surroundings = Pick<Host, "env" | "argv0">;

/** Reads a command line: what is to be done, with settings that are checked. Never throws for what was typed. */
export function readCommandLine(argv: readonly string[], around: Surroundings): CommandLine {
  const words = readWords(argv);
  try {
    return questionOf(words, around) ?? { kind: "run", invocation: invocationOf(words, around) };
  } catch (error) {
    if (!(error instanceof StopError)) throw error;
    const { problems, exitCode } = error;
    const command = findCommand(words.command)?.name ?? "";
    const dryRun = words.typed.has(OPTIONS.dryRun.long);
    const after = [`See ${[around.argv0, command, "--help"].filter(Boolean).join(" ")}`];
    return { kind: "refused", command, dryRun, problems, exitCode, after, output: outputOf(words) };
  }
}

type Words = ReturnType<typeof readWords>;

/** Every option of every command, once: one flag has one form, so that a word can be read before the command is known. */
const EVERY_OPTION = [...new Map(Object.values<OptionSpec>(OPTIONS).map((option) => [option.long, option])).values()];

/** `--api-key`, `--apikey=…`, `--key`, `--token`: ways to type a key where everybody can read it. */
const KEY_LIKE = /^--?(?:qalyptus[-_]?)?(?:api[-_]?)?(?:key|token|bearer|password|secret)(?:=|$)/i;

/**
 * Lets commander take the words of a command line apart, as far as they can be told apart before the command is known. A value is optional to commander alone: then it takes no word for one that looks like an
 * option, which must be tied to its option by `=`.
 */
function readWords(argv: readonly string[]) {
  /** The texts of each typed option by its long name; `null` where a value did not follow. */
  const typed = new Map<string, (string | null)[]>();
  const parser = new Command();
  for (const { long, short, value } of EVERY_OPTION) {
    const flags = [...(short === undefined ? [] : [short]), value === undefined ? long : `${long} [value]`];
    parser.addOption(new Option(flags.join(", ")));
    parser.on(`option:${long.slice(2)}`, (text: string | null) => addTo(typed, long, text));
  }
  const { operands: bare, unknown } = parser.parseOptions([...argv]);
  /** The first word that looks like an option and is none; the first that looks as if the API key stood in it or behind it. */
  let strange: string | undefined;
  let keyWord: string | undefined;
  for (let index = 0; index < unknown.length; index += 1) {
    const word = unknown[index] ?? "";
    if (word === "--") {
      bare.push(...unknown.slice(index + 1));
      break;
    }
    if (!/^-\D/.test(word)) bare.push(word);
    else if (!KEY_LIKE.test(word)) strange ??= word;
    else {
      keyWord ??= word;
      // What follows is the key, and no command.
      if (!word.includes("=") && unknown[index + 1]?.startsWith("-") === false) index += 1;
    }
  }
  // `log verify` and its like are one command of two words.
  const isPair = COMMANDS.some(({ name }) => name === `${bare[0]} ${bare[1]}`);
  const operands = bare.slice(isPair ? 2 : 1);
  const command = isPair ? `${bare[0]} ${bare[1]}` : bare[0];
  return { command, operands, typed, strange, keyWord };
}

/** What stands before `=`: a value is never shown, for it may be a key. */
function nameIn(word: string): string {
  return word.split("=", 1)[0] ?? "";
}

function refuse(...[code, message, more]: Parameters<typeof problem>): never {
  throw new StopError(EXIT.usage, problem(code, message, more));
}

/** What the line asks about the program itself. Like gh and kubectl: nothing typed is a question for help. */
function questionOf({ command, operands, typed, strange, keyWord }: Words, around: Surroundings): Question | undefined {
  const asksHelp = typed.has(OPTIONS.help.long) || (command === undefined && typed.size === 0 && strange === undefined);
  const topic = command === "help" ? operands.slice(0, 2).join(" ") || undefined : command;
  if (keyWord !== undefined) return undefined;
  if (command === "help" || asksHelp)
    return { kind: "help", command: topic === undefined ? undefined : commandOf(topic, around).name };
  const asksVersion = typed.has(OPTIONS.version.long) || (command === "version" && operands.length === 0);
  return asksVersion && strange === undefined ? { kind: "version" } : undefined;
}

/** As many as `log` has. */
const MOST_COMMANDS_OFFERED = 4;

function commandOf(word: string, { argv0 }: Surroundings): CommandSpec {
  const names = COMMANDS.map(({ name }) => name);
  const spec = findCommand(word);
  if (spec !== undefined) return spec;
  const isFile = /[./\\]/.test(word);
  const near =
    didYouMean(nearestSpellings(word.toLowerCase(), names, MOST_COMMANDS_OFFERED)) || `Commands: ${names.join(", ")}`;
  return refuse("UNKNOWN_COMMAND", `there is no command ${quote(word)}`, {
    hint: isFile ? `For a manifest: ${argv0} sync ${word} --dry-run` : near,
  });
}

function invocationOf(words: Words, around: Surroundings): Invocation {
  const { command, operands, typed, strange, keyWord } = words;
  if (keyWord !== undefined) {
    const why = "no option takes the API key itself, for everybody on this machine can read arguments";
    refuse("KEY_AS_ARGUMENT", `${nameIn(keyWord)}: ${why}`);
  }
  if (strange !== undefined) refuseOption(strange, findCommand(command));
  if (command === undefined)
    return refuse("COMMAND_MISSING", "there are options but no command", {
      hint: `Commands: ${COMMANDS.map(({ name }) => name).join(", ")}`,
    });
  // `log verfy` is a misspelt command of two words.
  const isHalf = operands[0] !== undefined && COMMANDS.some(({ name }) => name.startsWith(`${command} `));
  const spec = commandOf(isHalf ? `${command} ${operands[0]}` : command, around);
  for (const long of typed.keys()) if (!spec.options.some((option) => option.long === long)) refuseOption(long, spec);
  refuseOperands(spec, operands);
  const given = spec.options.filter(({ long }) => typed.has(long));
  return readInvocation(spec.name, {
    values: { ...ABSENT, ...valuesOf(given, typed) },
    typed: given.map(({ key }) => key),
    ...{ operands, output: outputOf(words), env: around.env, faults: [] },
  });
}

function refuseOption(word: string, spec: CommandSpec | undefined): never {
  const name = word.startsWith("--") ? nameIn(word) : word.slice(0, 2);
  const known = EVERY_OPTION.find(({ long, short }) => long === name || short === name);
  if (known !== undefined && (spec === undefined || spec.options.some(({ long }) => long === known.long)))
    return refuse("UNKNOWN_OPTION", `${name} takes no value`, { hint: `Write ${name} alone, or leave it out` });
  if (known !== undefined) {
    const owners = COMMANDS.filter(({ options }) => options.some(({ long }) => long === known.long));
    return refuse("UNKNOWN_OPTION", `${spec?.name} has no option ${quote(name)}`, {
      hint: `It belongs to ${owners.map((owner) => owner.name).join(", ")}`,
    });
  }
  // `--dryrun`, `--dry_run` and `-dry-run` are all near `--dry-run`.
  const near = nearestSpellings(
    nameIn(word).replace(/^-+/, "").replaceAll("_", "-").toLowerCase(),
    (spec?.options ?? EVERY_OPTION).map(({ long }) => long.slice(2)),
  );
  const hint = didYouMean(near.map((long) => `--${long}`));
  return refuse("UNKNOWN_OPTION", `there is no option ${quote(name)}`, hint === "" ? {} : { hint });
}

function refuseOperands(spec: CommandSpec, operands: readonly string[]): void {
  const missing = spec.arguments[operands.length];
  if (missing?.required === true)
    refuse("ARGUMENT_MISSING", `${spec.name} needs ${missing.name}: ${missing.description}`, {
      hint: missing.choices === undefined ? undefined : oneOf("", missing.choices),
    });
  for (const [at, { name, choices }] of spec.arguments.entries())
    if (choices !== undefined && !choices.includes(operands[at] ?? ""))
      refuse("OPTION_VALUE", `${name} cannot be ${quote(operands[at] ?? "")}`, {
        hint: oneOf(operands[at] ?? "", choices),
      });
  const last = spec.arguments.at(-1);
  const excess = operands[spec.arguments.length];
  if (excess !== undefined && last?.variadic !== true)
    refuse(
      "EXCESS_ARGUMENT",
      `${spec.name} takes ${last === undefined ? "no argument" : `one argument, ${last.name}`}, so ${quote(excess)} is one too many`,
    );
}

/** The values of the typed options. Throws everything that is wrong with them in one go. */
function valuesOf(options: readonly CommandOption[], typed: Words["typed"]): Partial<Values> {
  const faults: Problem[] = [];
  const values = options.map((option) => {
    const texts = typed.get(option.long) ?? [];
    const used = option.repeatable === true ? [...new Set(texts)] : texts.slice(-1);
    const found = used.map((text) => parsedValue(option, text, faults));
    return [option.key, option.repeatable === true ? [...new Set(found)] : found[0]];
  });
  if (faults.length > 0) throw new StopError(EXIT.usage, faults);
  return Object.fromEntries(values);
}

/** The value of one text; where it is none, a fault says why. */
function parsedValue({ long, value: name, parse }: CommandOption, text: string | null, faults: Problem[]): unknown {
  if (name === undefined) return true;
  const isEmpty = text === null || text.trim() === "";
  const value = isEmpty
    ? new Advice(`Write ${long} ${name}; for a value that begins with "-" write ${long}=VALUE`)
    : parse(text, long);
  if (!(value instanceof Advice)) return value;
  const { code, hint } = value;
  faults.push(
    text === null
      ? problem("OPTION_WITHOUT_VALUE", `${long} needs a value`, { hint })
      : problem(code, `${long} cannot be ${quote(text)}`, { hint, value: keptValue(text) }),
  );
  return undefined;
}

/** The options as they would be typed again. */
function optionsOf(typed: Words["typed"]): readonly (readonly string[])[] {
  return EVERY_OPTION.flatMap(({ long, value }) =>
    (typed.get(long) ?? []).map((text) =>
      value === undefined || text === null ? [long] : optionWords(long as `--${string}`, text),
    ),
  );
}

/** How the answer is told. What is wrong with an option that says so is told by `valuesOf`. */
function outputOf({ command, operands, typed }: Words): OutputSettings {
  const textsOf = ({ long }: OptionSpec): readonly string[] => (typed.get(long) ?? []).filter((text) => text !== null);
  const has = ({ long }: OptionSpec): boolean => typed.has(long);
  const format = OPTIONS.format.parse(textsOf(OPTIONS.format).at(-1) ?? "", "") as OutputSettings["format"] | Advice;
  // The `--out` of `init` is its manifest.
  const results = command === "init" ? [] : [...new Set(textsOf(OPTIONS.files))];
  const files = results.map((path) => OPTIONS.files.parse(path, "") as ResultFile | Advice);
  const written = [OPTIONS.files.long, OPTIONS.savePlan.long];
  const inputs = EVERY_OPTION.filter(({ file, long }) => file === true && !written.includes(long));
  return {
    format: format instanceof Advice ? "human" : format,
    verbosity: has(OPTIONS.quiet) ? "quiet" : has(OPTIONS.verbose) ? "verbose" : "normal",
    noColor: has(OPTIONS.noColor),
    files: files.flatMap((file) => (file instanceof Advice ? [] : file)),
    typed: { command: command ?? "", operands, options: optionsOf(typed) },
    inputs: [...operands, ...inputs.flatMap(textsOf)],
  };
}
