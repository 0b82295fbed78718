import type { ArgumentSpec, CommandSpec, OptionSpec } from "./option-spec.js";

/** A script for zsh, to be autoloaded from `fpath` or read with `source`. */
export function zshCompletion(program: string, commands: readonly CommandSpec[]): string {
  const name = `_${program}`;
  return `#compdef ${program}
# zsh completion for ${program}

${name}() {
  local curcontext="$curcontext" state line
  typeset -A opt_args
  local -a commands
  commands=(
${commands.map(({ name: command, summary }) => `    ${quoted(`${command}:${summary.replaceAll(":", "\\:")}`)}\n`).join("")}  )
  _arguments -C \\
    '(-h --help)'{-h,--help}'[this help]' \\
    '(-V --version)'{-V,--version}'[the version]' \\
    '1:command:->command' \\
    '*::argument:->argument'
  case $state in
    command)
      _describe -t commands command commands ;;
    argument)
      case $line[1] in
${commands.map(commandCase).join("")}      esac ;;
  esac
}

if [[ \${funcstack[1]} == ${name} ]]; then
  ${name} "$@"
else
  compdef ${name} ${program}
fi
`;
}

function commandCase(command: CommandSpec): string {
  const specs = [...command.options.map(optionSpec), ...command.arguments.map(argumentSpec)];
  return `        ${command.name})\n          _arguments \\\n${specs.map((spec) => `            ${spec}`).join(" \\\n")} ;;\n`;
}

function optionSpec(option: OptionSpec): string {
  const text = `[${escaped(option.description)}]`;
  const many = option.repeatable === true ? "*" : "";
  if (option.value !== undefined)
    return quoted(`${many}${option.long}=${text}:${escaped(option.value)}:${actionOf(option)}`);
  if (option.short === undefined) return quoted(`${option.long}${text}`);
  return `'(${option.short} ${option.long})'{${option.short},${option.long}}${quoted(text)}`;
}

function argumentSpec(argument: ArgumentSpec): string {
  const place = argument.variadic === true ? "*" : "1";
  return quoted(`${place}:${argument.name}:${actionOf(argument)}`);
}

function actionOf(value: OptionSpec | ArgumentSpec): string {
  if (value.choices !== undefined) return `(${value.choices.join(" ")})`;
  return value.file === true ? "_files" : " ";
}

function escaped(text: string): string {
  return text.replace(/[\\[\]:]/g, "\\$&");
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
