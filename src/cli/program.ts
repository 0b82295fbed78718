import { Argument, Command, type CommanderError, Option } from "commander";
import type { Problem } from "../domain/errors.js";
import { COMMANDS, PROGRAM, PROGRAM_OPTIONS } from "./command-table.js";
import type { ArgumentSpec, CommandName, CommandSpec, Example, OptionSpec } from "./option-spec.js";

/** What commander made of one command's words. */
export interface ParsedCommand {
  /** By long name; an option that takes no value has an empty list. */
  readonly values: ReadonlyMap<string, readonly string[]>;
  readonly operands: readonly string[];
  /** The first word that is no option of this command, and what follows it. */
  readonly unknown: readonly string[];
}

/** The program as commander knows it: built from the table, used once for one command line. */
export class Program {
  readonly #root: Command;
  readonly #commands = new Map<CommandName, Command>();

  /** `width`: columns of the terminal; 80 where it is none. */
  constructor(width: number | undefined) {
    this.#root = configured(new Command(PROGRAM), width)
      .usage("COMMAND [options]")
      .description(
        "Gives every tenant of a Qlik Sense master app its own Qalyptus task: exactly once, resumable, auditable.",
      );
    for (const option of PROGRAM_OPTIONS) this.#root.addOption(optionOf(option));
    for (const spec of COMMANDS) this.#commands.set(spec.name, this.#addCommand(spec));
  }

  #addCommand(spec: CommandSpec): Command {
    return this.#root
      .command(spec.name)
      .helpGroup(spec.group)
      .helpOption(false)
      .summary(spec.summary)
      .description(spec.description)
      .usage(usageOf(spec));
  }

  /** Reads one command's words. Throws a {@link CommanderError} where an option's value is missing. */
  parse(spec: CommandSpec, words: readonly string[]): ParsedCommand {
    const command = this.#command(spec);
    const { operands, unknown } = command.parseOptions([...words]);
    const values = new Map<string, readonly string[]>();
    for (const option of command.options) {
      // commander keeps `--no-color` as `color`.
      const attribute = option.attributeName();
      const value: unknown = command.getOptionValue(attribute);
      if (option.long === undefined) continue;
      if (Array.isArray(value)) values.set(option.long, value.map(String));
      else if (command.getOptionValueSource(attribute) === "cli") values.set(option.long, []);
    }
    return { values, operands, unknown };
  }

  /** The help of the program, or of one command, as it is printed. */
  help(spec: CommandSpec | undefined): string {
    if (spec === undefined) return `${this.#root.helpInformation()}\n${ENVIRONMENT}\n${EXIT_CODES}\n${FIRST_STEPS}`;
    return `${this.#command(spec).helpInformation()}\n${examplesOf(spec.examples)}`;
  }

  /** The one command that this line is about, with its arguments and options: the others' are never made. */
  #command(spec: CommandSpec): Command {
    const command = this.#commands.get(spec.name);
    if (command === undefined) throw new Error(`no command ${spec.name} in the program`);
    if (command.options.length > 0) return command;
    for (const argument of spec.arguments) command.addArgument(argumentOf(argument));
    for (const option of spec.options) command.addOption(optionOf(option));
    return command;
  }
}

/** A complaint of commander's that was not found before it was asked; its text is shown, never looked into. */
export function commanderFault(error: CommanderError): Problem {
  return { code: "USAGE", message: error.message.replace(/^error: /, "") };
}

function configured(root: Command, width: number | undefined): Command {
  return root
    .exitOverride()
    .configureOutput({
      writeOut: () => undefined,
      writeErr: () => undefined,
      getOutHelpWidth: () => Math.min(width ?? 80, 120),
      getErrHelpWidth: () => Math.min(width ?? 80, 120),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .configureHelp({
      optionTerm: (option) => option.flags.replace(/[<>]/g, ""),
      optionDescription: (option) => option.description,
      subcommandTerm: (command) => command.name(),
    })
    .helpCommand(false)
    .helpOption(false);
}

function usageOf(spec: CommandSpec): string {
  const names = spec.arguments.map(({ name, required, variadic }) => {
    const shown = variadic === true ? `${name}...` : name;
    return required ? shown : `[${shown}]`;
  });
  return [...names, "[options]"].join(" ");
}

function argumentOf({ name, description, required, variadic, choices }: ArgumentSpec): Argument {
  const shown = variadic === true ? `${name}...` : name;
  const argument = new Argument(required ? `<${shown}>` : `[${shown}]`, description);
  return choices === undefined ? argument : argument.choices([...choices]);
}

function optionOf(spec: OptionSpec): Option {
  const flags = [spec.short, spec.value === undefined ? spec.long : `${spec.long} <${spec.value}>`];
  const option = new Option(flags.filter(Boolean).join(", "), describe(spec)).helpGroup(spec.group);
  if (spec.value === undefined) return option;
  return option.argParser<readonly string[]>((value, previous) => [...(previous ?? []), value]);
}

/** The description with what belongs to it: choices, default, variable, whether it may be repeated. */
function describe(spec: OptionSpec): string {
  const extras = [
    ...(spec.choices === undefined ? [] : [spec.choices.join(", ")]),
    ...(spec.repeatable === true ? ["repeatable"] : []),
    ...(spec.default === undefined ? [] : [`default: ${spec.default}`]),
    ...(spec.env === undefined ? [] : [`else ${spec.env}`]),
  ];
  return extras.length === 0 ? spec.description : `${spec.description} (${extras.join("; ")})`;
}

function examplesOf(examples: readonly Example[]): string {
  const lines = examples.map(({ command, note }) => `  # ${note}\n  ${PROGRAM} ${command}\n`);
  return `Examples:\n${lines.join("\n")}`;
}

const ENVIRONMENT = `Environment:
  QALYPTUS_SERVER          the server, where --server is not given
  QALYPTUS_API_KEY         the API key, where --api-key-file is not given
  HTTPS_PROXY, HTTP_PROXY, NO_PROXY
  NO_COLOR, FORCE_COLOR, CI
`;

const EXIT_CODES = `Exit codes:
  0 done   1 a defect   2 usage or manifest   3 some failed   4 some in doubt   5 server or key
  6 the log   7 refused by a guard   10 changes pending   130, 143 interrupted
`;

const FIRST_STEPS = `Examples:
  # the whole job on a local stand-in: no server, no key
  ${PROGRAM} demo

  # what would be done; then without --dry-run
  ${PROGRAM} sync customers.csv --server https://reports.example.com --dry-run

  # every option of a command
  ${PROGRAM} sync --help
`;
