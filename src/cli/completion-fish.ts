import type { CommandSpec, OptionSpec } from "./option-spec.js";

/** A script for fish. */
export function fishCompletion(program: string, commands: readonly CommandSpec[]): string {
  const lines = [
    `# fish completion for ${program}`,
    `complete -c ${program} -f`,
    ...commands.map(
      ({ name, summary }) => `complete -c ${program} -n __fish_use_subcommand -a ${name} -d ${quoted(summary)}`,
    ),
    `complete -c ${program} -n __fish_use_subcommand -s h -l help -d 'this help'`,
    `complete -c ${program} -n __fish_use_subcommand -s V -l version -d 'the version'`,
    ...commands.flatMap((command) => commandLines(program, command)),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

function commandLines(program: string, command: CommandSpec): readonly string[] {
  const start = `complete -c ${program} -n '__fish_seen_subcommand_from ${command.name}'`;
  const [argument] = command.arguments;
  return [
    ...(argument?.file === true ? [`${start} -F`] : []),
    ...(argument?.choices === undefined ? [] : [`${start} -a ${quoted(argument.choices.join(" "))}`]),
    ...command.options.map((option) => `${start} ${optionWords(option).join(" ")}`),
  ];
}

function optionWords(option: OptionSpec): readonly string[] {
  return [
    ...(option.short === undefined ? [] : [`-s ${option.short.slice(1)}`]),
    `-l ${option.long.slice(2)}`,
    ...(option.value === undefined ? [] : valueWords(option)),
    `-d ${quoted(option.description)}`,
  ];
}

function valueWords(option: OptionSpec): readonly string[] {
  if (option.file === true) return ["-r", "-F"];
  return option.choices === undefined ? ["-x"] : ["-x", `-a ${quoted(option.choices.join(" "))}`];
}

function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}
