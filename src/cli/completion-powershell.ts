import type { CommandSpec, OptionSpec } from "./option-spec.js";

/** A script for Windows PowerShell 5.1 and PowerShell 7. Where it offers nothing, PowerShell offers files. */
export function powershellCompletion(program: string, commands: readonly CommandSpec[]): string {
  return `# PowerShell completion for ${program}
Register-ArgumentCompleter -Native -CommandName '${program}', '${program}.cmd', '${program}.ps1' -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $commands = [ordered]@{
${commands.map(commandEntry).join("")}  }
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

function commandEntry({ name, summary, options, arguments: [argument] }: CommandSpec): string {
  const lines = options.map((option) => `        ${optionEntry(option)}\n`).join("");
  return `    '${name}' = @{
      Tip = ${quoted(summary)}
      Choices = ${list(argument?.choices)}
      Options = @(
${lines}      )
    }
`;
}

function optionEntry({ long, value, choices, description }: OptionSpec): string {
  const takesValue = value === undefined ? "$false" : "$true";
  return `@{ Name = '${long}'; Value = ${takesValue}; Choices = ${list(choices)}; Tip = ${quoted(description)} }`;
}

function list(words: readonly string[] | undefined): string {
  return `@(${(words ?? []).map(quoted).join(", ")})`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
