import { describe, expect, it } from "vitest";
import { COMMANDS } from "../../src/cli/command-table.js";
import { helpText } from "../../src/cli/help.js";

/** The page above its examples, which are lines to paste and never broken. */
const prose = (text: string): readonly string[] => (text.split("\nExamples:\n")[0] ?? "").split("\n");
const longest = (lines: readonly string[]): number => Math.max(...lines.map((line) => line.length));

describe("a page of help", () => {
  it("is laid out as usage, description, lists and examples", () => {
    expect(helpText("completion", 80)).toBe(`Usage: qalyptus-propagate completion SHELL [WORD...] [options]

Prints a script that teaches a shell this program's commands, options and
values.

Arguments:
  SHELL          the shell (bash, zsh, fish, powershell)
  WORD           of a line, to its cursor, behind --: tells what may stand there

Everywhere:
  -q, --quiet    no progress, only what needs attention
  -v, --verbose  tell each request, and the stack of a defect
  --no-color     no colours; NO_COLOR, FORCE_COLOR and CI are honoured too
  -h, --help     this help
  -V, --version  the program's version

Examples:
  # bash
  qalyptus-propagate completion bash >> ~/.bash_completion

  # zsh
  qalyptus-propagate completion zsh > "$\{fpath[1]}/_qalyptus-propagate"

  # fish
  qalyptus-propagate completion fish > ~/.config/fish/completions/qalyptus-propagate.fish

  # PowerShell, in $PROFILE
  qalyptus-propagate completion powershell | Out-String | Invoke-Expression
`);
  });

  it.each([
    ["sync", "sync [MANIFEST] [options]"],
    ["validate", "validate MANIFEST [options]"],
    ["resolve", "resolve TENANT... [options]"],
    ["demo", "demo [options]"],
  ] as const)("shows the arguments of %s in its usage", (name, usage) => {
    expect(helpText(name, 80)).toMatch(`Usage: qalyptus-propagate ${usage}\n`);
  });

  it("breaks a meaning within its column, between words", () => {
    expect(helpText("validate", 80)).toContain(`
  --apps FILE                   a list of apps (CSV or JSON, with IDs): an app
                                that is not in it is refused
`);
  });

  it.each(COMMANDS.map(({ name }) => name))("fits a terminal of 100 columns: %s", (name) => {
    expect(longest(prose(helpText(name, 100)))).toBeLessThanOrEqual(100);
  });

  it("takes 80 columns where the width is not known, and never more than 120", () => {
    expect(helpText("sync", undefined)).toBe(helpText("sync", 80));
    expect(helpText("sync", 500)).toBe(helpText("sync", 120));
    expect(longest(prose(helpText("sync", 500)))).toBeGreaterThan(100);
  });

  it("leaves prose whole where its column is too narrow to be read", () => {
    const narrow = prose(helpText("sync", 30));
    expect(narrow).toEqual(prose(helpText("sync", 0)));
    expect(longest(narrow)).toBeGreaterThan(100);
  });
});
