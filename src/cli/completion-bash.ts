import type { CommandSpec, OptionSpec } from "./option-spec.js";

/** A script for bash 3.2 and later. */
export function bashCompletion(program: string, commands: readonly CommandSpec[]): string {
  const name = `_${program.replaceAll("-", "_")}`;
  return `# bash completion for ${program}

${name}_words() {
  local word
  while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -W "$1" -- "$2")
}

${name}_files() {
  local word
  compopt -o filenames 2>/dev/null
  while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$1")
}

${name}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev= command= i
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
      ${commands.map((command) => command.name).join("|")}) command=\${COMP_WORDS[i]}; break ;;
    esac
  done
  case $command in
    "")
      ${name}_words "${commands.map((command) => command.name).join(" ")} --help --version" "$cur" ;;
${commands.map((command) => commandCase(name, command)).join("")}  esac
}

complete -F ${name} ${program}
`;
}

function commandCase(name: string, command: CommandSpec): string {
  const valued = command.options.filter((option) => option.value !== undefined);
  const chosen = valued.filter((option) => option.choices !== undefined);
  const files = valued.filter((option) => option.file === true);
  const free = valued.filter((option) => option.choices === undefined && option.file !== true);
  const cases = [
    ...chosen.map((option) => `${option.long}) ${name}_words "${(option.choices ?? []).join(" ")}" "$cur"; return ;;`),
    ...(files.length === 0 ? [] : [`${longs(files)}) ${name}_files "$cur"; return ;;`]),
    ...(free.length === 0 ? [] : [`${longs(free)}) return ;;`]),
  ];
  const values = cases.length === 0 ? [] : ["case $prev in", ...cases.map((line) => `  ${line}`), "esac"];
  const flags = command.options.flatMap((option) => [
    option.long,
    ...(option.short === undefined ? [] : [option.short]),
  ]);
  const lines = [
    ...values,
    "if [[ $cur == -* ]]; then",
    `  ${name}_words "${flags.join(" ")}" "$cur"`,
    ...argumentLines(name, command),
    "fi ;;",
  ];
  return `    ${command.name})\n${lines.map((line) => `      ${line}\n`).join("")}`;
}

function longs(options: readonly OptionSpec[]): string {
  return options.map((option) => option.long).join("|");
}

function argumentLines(name: string, { arguments: [argument] }: CommandSpec): readonly string[] {
  if (argument?.file === true) return ["else", `  ${name}_files "$cur"`];
  if (argument?.choices !== undefined) return ["else", `  ${name}_words "${argument.choices.join(" ")}" "$cur"`];
  return [];
}
