import { Command, CommanderError, Option } from "commander";
import { EXIT, StopError } from "../shared/problems.js";
import type { CommandSpec, OptionSpec } from "./option-spec.js";

/** What commander made of one command's words. */
export interface ParsedCommand {
  /** By long name; an option that takes no value has an empty list. */
  readonly values: ReadonlyMap<string, readonly string[]>;
  readonly operands: readonly string[];
  /** The first word that is no option of this command, and what follows it. */
  readonly unknown: readonly string[];
}

/** Reads one command's words. Throws a {@link StopError} where an option's value is missing. */
export function parseCommand(spec: CommandSpec, words: readonly string[]): ParsedCommand {
  const command = commandOf(spec);
  const { operands, unknown } = parsed(command, words);
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

/** The command as commander has to know it to take words apart; it is asked for nothing else. */
function commandOf(spec: CommandSpec): Command {
  const command = new Command(spec.name)
    .exitOverride()
    .configureOutput({ writeOut: () => undefined, writeErr: () => undefined })
    .helpOption(false);
  for (const option of spec.options) command.addOption(optionOf(option));
  return command;
}

function optionOf(spec: OptionSpec): Option {
  const flags = [spec.short, spec.value === undefined ? spec.long : `${spec.long} <${spec.value}>`];
  const option = new Option(flags.filter(Boolean).join(", "));
  if (spec.value === undefined) return option;
  return option.argParser<readonly string[]>((value, previous) => [...(previous ?? []), value]);
}

/** A complaint of commander's is one that was not found before it was asked; its text is shown, never looked into. */
function parsed(command: Command, words: readonly string[]): ReturnType<Command["parseOptions"]> {
  try {
    return command.parseOptions([...words]);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    throw new StopError(
      EXIT.usage,
      { code: "USAGE", message: error.message.replace(/^error: /, "") },
      { cause: error },
    );
  }
}
