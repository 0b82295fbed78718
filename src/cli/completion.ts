import type { SettingsOf } from "../commands/settings.js";
import { type ArgumentSpec, COMMANDS, type CommandOption, type CommandSpec } from "./command-table.js";
import { PROGRAM } from "./program.js";

/** The script that teaches a shell this program's commands, options and values; made from the program's own table. */
export function completionScript(shell: SettingsOf["completion"]["shell"]): string {
  return { bash, zsh, fish, powershell }[shell]();
}

const NAMES = COMMANDS.map(({ name }) => name);

function lines<T>(items: readonly T[], line: (item: T) => string): string {
  return items.map((item) => `${line(item)}\n`).join("");
}

/** In single quotes, as sh and zsh read them. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** For bash 3.2 and later. */
function bash(): string {
  const name = `_${PROGRAM.replaceAll("-", "_")}`;
  const offer = ({ choices, file }: CommandOption | ArgumentSpec): string =>
    choices === undefined ? (file === true ? "files=yes" : ":") : `words="${choices.join(" ")}"`;
  const commandCases = ({ name: command, options, arguments: [argument] }: CommandSpec): string => {
    const valued = options.filter(({ value }) => value !== undefined);
    const flags = options.flatMap(({ long, short }) => (short === undefined ? [long] : [long, short]));
    const operand = argument === undefined ? ":" : offer(argument);
    return `${lines(valued, (option) => `    "${command} ${option.long}") ${offer(option)} ;;`)}    "${command} "*) if [[ $cur == -* ]]; then words="${flags.join(" ")}"; else ${operand}; fi ;;`;
  };
  return `# bash completion for ${PROGRAM}

${name}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev= command= words= files= word i
  COMPREPLY=()
  (( COMP_CWORD > 0 )) && prev=\${COMP_WORDS[COMP_CWORD-1]}
  # bash takes --option=value apart
  if [[ $cur == "=" ]]; then
    cur=
  elif [[ $prev == "=" ]] && (( COMP_CWORD > 1 )); then
    prev=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  for (( i = 1; i < COMP_CWORD; i++ )); do
    case \${COMP_WORDS[i]} in
      ${NAMES.join("|")}) command=\${COMP_WORDS[i]}; break ;;
    esac
  done
  case "$command $prev" in
${lines(COMMANDS, commandCases)}    *) words="${NAMES.join(" ")} --help --version" ;;
  esac
  [[ -n $files ]] && compopt -o filenames 2>/dev/null
  while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen \${files:+-f} -W "$words" -- "$cur")
}

complete -F ${name} ${PROGRAM}
`;
}

/** For zsh, to be autoloaded from `fpath` or read with `source`. */
function zsh(): string {
  const escaped = (text: string): string => text.replace(/[\\[\]:]/g, "\\$&");
  const offer = ({ choices, file }: CommandOption | ArgumentSpec): string =>
    choices === undefined ? (file === true ? "_files" : " ") : `(${choices.join(" ")})`;
  const optionSpec = (option: CommandOption): string => {
    const { long, short, value, repeatable } = option;
    const about = `[${escaped(option.description)}]`;
    if (value !== undefined)
      return quoted(`${repeatable ? "*" : ""}${long}=${about}:${escaped(value)}:${offer(option)}`);
    return short === undefined ? quoted(long + about) : `'(${short} ${long})'{${short},${long}}${quoted(about)}`;
  };
  const commandCase = ({ name, options, arguments: operands }: CommandSpec): string => {
    const specs = operands.map((each) => quoted(`${each.variadic === true ? "*" : "1"}:${each.name}:${offer(each)}`));
    return `        ${name})\n          _arguments ${[...options.map(optionSpec), ...specs].join(" \\\n            ")} ;;`;
  };
  return `#compdef ${PROGRAM}
# zsh completion for ${PROGRAM}

_${PROGRAM}() {
  local curcontext="$curcontext" state line
  typeset -A opt_args
  local -a commands
  commands=(
${lines(COMMANDS, ({ name, summary }) => `    ${quoted(`${name}:${summary.replaceAll(":", "\\:")}`)}`)}  )
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
${lines(COMMANDS, commandCase)}      esac ;;
  esac
}

if [[ \${funcstack[1]} == _${PROGRAM} ]]; then
  _${PROGRAM} "$@"
else
  compdef _${PROGRAM} ${PROGRAM}
fi
`;
}

function fish(): string {
  const word = (text: string): string => `'${text.replace(/[\\']/g, "\\$&")}'`;
  const offer = ({ choices, file }: CommandOption | ArgumentSpec): string =>
    choices === undefined ? (file === true ? " -F" : "") : ` -a ${word(choices.join(" "))}`;
  const start = `complete -c ${PROGRAM}`;
  const first = `${start} -n __fish_use_subcommand`;
  return `# fish completion for ${PROGRAM}
${start} -f
${lines(COMMANDS, ({ name, summary }) => `${first} -a ${name} -d ${word(summary)}`)}${first} -s h -l help -d 'this help'
${first} -s V -l version -d 'the version'
${COMMANDS.map(({ name, options, arguments: operands }) => {
  const seen = `${start} -n '__fish_seen_subcommand_from ${name}'`;
  const offered = operands.map(offer).filter((each) => each !== "");
  return `${lines(offered, (each) => seen + each)}${lines(options, (option) => {
    const short = option.short === undefined ? "" : ` -s ${option.short.slice(1)}`;
    const value = option.value === undefined ? "" : `${option.file === true ? " -r" : " -x"}${offer(option)}`;
    return `${seen}${short} -l ${option.long.slice(2)}${value} -d ${word(option.description)}`;
  })}`;
}).join("")}`;
}

/** For Windows PowerShell 5.1 and PowerShell 7. Where it offers nothing, PowerShell offers files. */
function powershell(): string {
  const word = (text: string): string => `'${text.replaceAll("'", "''")}'`;
  const list = (words: readonly string[] = []): string => `@(${words.map(word).join(", ")})`;
  return `# PowerShell completion for ${PROGRAM}
Register-ArgumentCompleter -Native -CommandName '${PROGRAM}', '${PROGRAM}.cmd', '${PROGRAM}.ps1' -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $commands = [ordered]@{
${lines(
  COMMANDS,
  ({ name, summary, options, arguments: [argument] }) => `    '${name}' = @{
      Tip = ${word(summary)}
      Choices = ${list(argument?.choices)}
      Options = @(
${lines(
  options,
  ({ long, value, choices, description }) =>
    `        @{ Name = '${long}'; Value = $${value !== undefined}; Choices = ${list(choices)}; Tip = ${word(description)} }`,
)}      )
    }`,
)}  }
  $before = @($commandAst.CommandElements | Select-Object -Skip 1 |
    Where-Object { $_.Extent.EndOffset -lt $cursorPosition } | ForEach-Object { $_.ToString() })
  $command = $before | Where-Object { $commands.Contains($_) } | Select-Object -First 1
  $offer = {
    param($text, $kind, $tip)
    if ($text.StartsWith($wordToComplete, [System.StringComparison]::OrdinalIgnoreCase)) {
      [System.Management.Automation.CompletionResult]::new($text, $text, $kind, $tip)
    }
  }
  if (-not $command) {
    foreach ($name in $commands.Keys) { & $offer $name 'Command' $commands[$name].Tip }
    foreach ($name in '--help', '--version') { & $offer $name 'ParameterName' $name }
    return
  }
  $options = $commands[$command].Options
  $last = if ($before.Count -gt 0) { $before[-1] } else { '' }
  $open = $options | Where-Object { $_.Name -ceq $last -and $_.Value } | Select-Object -First 1
  if ($open) {
    foreach ($choice in $open.Choices) { & $offer $choice 'ParameterValue' $choice }
    return
  }
  if ($wordToComplete.StartsWith('-')) {
    foreach ($option in $options) { & $offer $option.Name 'ParameterName' $option.Tip }
    return
  }
  foreach ($choice in $commands[$command].Choices) { & $offer $choice 'ParameterValue' $choice }
}
`;
}
