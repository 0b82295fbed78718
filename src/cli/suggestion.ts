import { nearestSpellings } from "../shared/spelling.js";
import { COMMANDS } from "./command-table.js";
import type { OptionSpec } from "./option-spec.js";

/** "Did you mean": the commands nearest to a word that is none. */
export function nearestCommands(word: string): readonly string[] {
  return nearestSpellings(
    word.toLowerCase(),
    COMMANDS.map((command) => command.name),
  );
}

/** The flags nearest to a word that is none: `--dryrun`, `--dry_run`, `-dry-run` are all near `--dry-run`. */
export function nearestFlags(word: string, options: readonly OptionSpec[]): readonly string[] {
  const bare = word.replace(/^-+/, "").replaceAll("_", "-").toLowerCase();
  const names = nearestSpellings(
    bare,
    options.map((option) => option.long.slice(2)),
  );
  return names.map((name) => `--${name}`);
}

/** `Did you mean --settle or --state?`; empty where nothing is near. */
export function didYouMean(nearest: readonly string[]): string {
  return nearest.length === 0 ? "" : `Did you mean ${nearest.join(" or ")}?`;
}

/** Where everything is explained: `See qalyptus-propagate sync --help`. */
export function seeHelp(program: string, command: string | undefined): string {
  return `See ${[program, ...(command === undefined ? [] : [command]), "--help"].join(" ")}`;
}
