import type { Host } from "../commands/host.js";
import type { SettingsOf } from "../commands/settings.js";
import { EXIT, type ExitCode } from "../shared/problems.js";
import { COMMANDS } from "./command-table.js";
import { PROGRAM } from "./program.js";

/**
 * `completion`: the script that teaches a shell to ask this program what may stand at the cursor; with the words of a line, the
 * answer to that.
 */
export async function completionCommand(host: Host, settings: SettingsOf["completion"]): Promise<ExitCode> {
  const { shell, words } = settings;
  await host.stdout.write(words.length === 0 ? SCRIPTS[shell] : offersFor(shell, words));
  return EXIT.ok;
}

/** Something that may stand at the cursor, and what it is. */
type Offer = readonly [word: string, about: string];

/** One line for each offer, as the shell's script reads it. */
function offersFor(shell: keyof typeof SCRIPTS, words: readonly string[]): string {
  const line = ([word, about]: Offer): string =>
    shell === "bash" ? word : shell === "zsh" ? `${word.replaceAll(":", "\\:")}:${about}` : `${word}\t${about}`;
  return offers(words)
    .map((offer) => `${line(offer)}\n`)
    .join("");
}

/** What may stand in place of the last word. Nothing where a file is wanted, or what only a person knows: then shells offer files. */
function offers(words: readonly string[]): readonly Offer[] {
  // bash takes `--option=value` apart, and PowerShell loses an empty word unless something stands before it.
  const last = words.at(-1)?.replace(/^=/, "") ?? "";
  const before = words.slice(0, -1).filter((word) => word !== "=");
  const spec = COMMANDS.find(({ name }) => before.includes(name));
  const [tied = "", tiedTo] = /^(--[^=]+)=/.exec(last) ?? [];
  const open = spec?.options.find(({ long, value }) => value !== undefined && long === (tiedTo ?? before.at(-1)));
  const withStart = (all: readonly Offer[]): readonly Offer[] => all.filter(([word]) => word.startsWith(last));
  if (spec === undefined)
    return withStart([
      ...COMMANDS.map(({ name, summary }): Offer => [name, summary]),
      ["--help", "this help"],
      ["--version", "the version"],
    ]);
  if (open === undefined && last.startsWith("-"))
    return withStart(spec.options.map(({ long, description }): Offer => [long, description]));
  const choices = (open ?? spec.arguments[0])?.choices ?? [];
  return withStart(choices.map((choice): Offer => [`${tied}${choice}`, choice]));
}

const SCRIPTS = {
  bash: `# bash completion for ${PROGRAM}
_qalyptus_propagate() {
  local word
  COMPREPLY=()
  while IFS= read -r word; do COMPREPLY+=("$word"); done < <(${PROGRAM} completion bash -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _qalyptus_propagate ${PROGRAM}
`,
  zsh: `#compdef ${PROGRAM}
# zsh completion for ${PROGRAM}
_${PROGRAM}() {
  local -a offers
  offers=("\${(@f)$(${PROGRAM} completion zsh -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "$offers" ]]; then _describe -V ${PROGRAM} offers; else _files; fi
}
if [[ \${funcstack[1]} == _${PROGRAM} ]]; then
  _${PROGRAM} "$@"
else
  compdef _${PROGRAM} ${PROGRAM}
fi
`,
  fish: `# fish completion for ${PROGRAM}
function __qalyptus_propagate
  set -l words (commandline -opc)
  set -e words[1]
  set -l offers (${PROGRAM} completion fish -- $words (commandline -ct) 2>/dev/null)
  if test (count $offers) -gt 0
    printf '%s\\n' $offers
  else
    __fish_complete_path (commandline -ct)
  end
end
complete -c ${PROGRAM} -f -k -a '(__qalyptus_propagate)'
`,
  powershell: `# PowerShell completion for ${PROGRAM}; where nothing is offered, PowerShell offers files
Register-ArgumentCompleter -Native -CommandName '${PROGRAM}', '${PROGRAM}.cmd', '${PROGRAM}.ps1' -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $words = @($commandAst.CommandElements | Select-Object -Skip 1 |
    Where-Object { $_.Extent.EndOffset -lt $cursorPosition } | ForEach-Object { $_.ToString() })
  & $commandAst.GetCommandName() completion powershell '--' @words "=$wordToComplete" 2>$null | ForEach-Object {
    $word, $about = $_ -split "\`t", 2
    [System.Management.Automation.CompletionResult]::new($word, $word, 'ParameterValue', $about)
  }
}
`,
};
