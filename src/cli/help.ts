import { OPTIONS, type OptionSpec } from "../commands/options.js";
import type { CommandName } from "../commands/settings.js";
import { type ArgumentSpec, COMMANDS, findCommand } from "./command-table.js";
import { PROGRAM } from "./program.js";

/** What a command line asks about the program itself. */
export type Question =
  | { readonly kind: "version" }
  | { readonly kind: "help"; readonly command: CommandName | undefined };

/**
 * The help that these words plainly ask for: found without a parser, so that a start that only prints help loads none. What only
 * the parser sees (`-nh`), and a command that there is not, is left to `readCommandLine`.
 */
export function plainQuestion(argv: readonly string[]): Question | undefined {
  const end = argv.indexOf("--");
  const words = end < 0 ? argv : argv.slice(0, end);
  const [first] = words;
  const asks = words.some((word) => word === OPTIONS.help.long || word === OPTIONS.help.short);
  if (argv.length === 0 || (words.length === 1 && (asks || first === "help")))
    return { kind: "help", command: undefined };
  const isHelp = first === "help" || first === OPTIONS.help.long || first === OPTIONS.help.short;
  const command = findCommand(isHelp ? words[1] : first)?.name;
  return command !== undefined && (asks || isHelp) ? { kind: "help", command } : undefined;
}

/** Where the output is no terminal. */
const USUAL_WIDTH = 80;
/** Longer lines are hard to read, however wide the terminal is. */
const WIDEST = 120;
/** Prose with fewer columns than this is left as it is: the terminal breaks it no worse. */
const NARROWEST = 40;

/** One line of a list: an option, an argument or a command, and what it means. */
type Item = ReturnType<typeof itemOf>;

/** The help of the program, or of one command, as it is printed; `width`: columns of the terminal. */
export function helpText(name: CommandName | undefined, width: number | undefined): string {
  const columns = Math.min(width ?? USUAL_WIDTH, WIDEST);
  const spec = findCommand(name);
  if (spec === undefined) {
    const about =
      "Gives every tenant of a Qlik Sense master app its own Qalyptus task: exactly once, resumable, auditable.";
    const commands = COMMANDS.map(({ group, name: term, summary }) => ({ group, term, meaning: summary }));
    const options = [OPTIONS.help, OPTIONS.version].map((option) => itemOf({ ...option, group: "Options:" }));
    return `${page("COMMAND [options]", about, [...options, ...commands], columns)}\n${PROGRAM_NOTES}`;
  }
  const usage = [spec.name, ...spec.arguments.map(shownArgument), "[options]"].join(" ");
  const operands = spec.arguments.map((argument) => ({ ...argument, long: argument.name, group: "Arguments:" }));
  const items = [...operands, ...spec.options].map(itemOf);
  const examples = spec.examples.map(([line, note]) => `  # ${note}\n  ${PROGRAM} ${line}\n`);
  return `${page(usage, spec.description, items, columns)}\nExamples:\n${examples.join("\n")}`;
}

function shownArgument({ name, required, variadic }: ArgumentSpec): string {
  const shown = variadic === true ? `${name}...` : name;
  return required === true ? shown : `[${shown}]`;
}

type Described = Pick<OptionSpec, "long" | "description"> & Partial<OptionSpec> & { readonly group: string };

function itemOf({ long, short, value, description, choices, repeatable, otherwise, env, group }: Described) {
  const extras = [
    ...(choices === undefined ? [] : [choices.join(", ")]),
    ...(repeatable === true ? ["repeatable"] : []),
    ...(otherwise === undefined ? [] : [`default: ${otherwise}`]),
    ...(env === undefined ? [] : [`else ${env}`]),
  ];
  const flags = short === undefined ? long : `${short}, ${long}`;
  return {
    group,
    term: value === undefined ? flags : `${flags} ${value}`,
    meaning: extras.length === 0 ? description : `${description} (${extras.join("; ")})`,
  };
}

function page(usage: string, description: string, items: readonly Item[], columns: number): string {
  const termWidth = Math.max(...items.map(({ term }) => term.length));
  const indent = " ".repeat(termWidth + 4);
  const lists = new Map<string, string>();
  for (const { group, term, meaning } of items) {
    const line = `  ${term.padEnd(termWidth)}  ${wrapped(meaning, columns - indent.length, indent)}\n`;
    lists.set(group, `${lists.get(group) ?? ""}${line}`);
  }
  const head = `Usage: ${PROGRAM} ${usage}\n\n${wrapped(description, columns, "")}\n`;
  return [head, ...[...lists].map(([group, list]) => `${group}\n${list}`)].join("\n");
}

/** Broken between words into lines of so many columns at most; each but the first is indented. */
function wrapped(text: string, columns: number, indent: string): string {
  if (columns < NARROWEST) return text;
  return text.replace(new RegExp(`(.{1,${columns}})(?: |$)`, "g"), `$1\n${indent}`).trimEnd();
}

const PROGRAM_NOTES = `Environment:
  QALYPTUS_SERVER          the server, where --server is not given
  QALYPTUS_API_KEY         the API key, where --api-key-file is not given
  QALYPTUS_IDEMPOTENCY_LOG the log, where --idempotency-log is not given
  PGPASSWORD, PGPASSFILE, PGSSLROOTCERT  of a log in PostgreSQL
  HTTPS_PROXY, HTTP_PROXY, NO_PROXY
  NO_COLOR, FORCE_COLOR, CI

Exit codes:
  0 done   1 a defect   2 usage or manifest   3 some failed   4 some in doubt   5 server or key
  6 the log   7 refused by a guard   10 changes pending   129, 130, 131, 143 interrupted

Examples:
  # the whole job on a local stand-in: no server, no key
  ${PROGRAM} demo

  # what would be done; then without --dry-run
  ${PROGRAM} sync customers.csv --server https://reports.example.com --dry-run

  # every option of a command
  ${PROGRAM} sync --help
`;
