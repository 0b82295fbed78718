import { COMMANDS, commandSpec, PROGRAM, PROGRAM_OPTIONS } from "./command-table.js";
import type { ArgumentSpec, CommandName, CommandSpec, Example, OptionSpec } from "./option-spec.js";

/** Where the output is no terminal. */
const USUAL_WIDTH = 80;
/** Longer lines are hard to read, however wide the terminal is. */
const WIDEST = 120;
/** Prose with fewer columns than this is left as it is: the terminal breaks it no worse. */
const NARROWEST = 40;
const INDENT = "  ";
/** Between a term and what it means. */
const GAP = "  ";

/** One line of a list: a flag, an argument or a command, and what it means. */
interface Item {
  readonly heading: string;
  readonly term: string;
  readonly meaning: string;
}

interface Page {
  readonly usage: string;
  readonly description: string;
  readonly items: readonly Item[];
}

/**
 * The help of the program, or of one command, as it is printed; `width`: columns of the terminal. Made from the table alone, for
 * commander is not loaded to tell what it would parse.
 */
export function helpText(name: CommandName | undefined, width: number | undefined): string {
  const columns = Math.min(width ?? USUAL_WIDTH, WIDEST);
  if (name === undefined) return `${pageText(programPage(), columns)}\n${ENVIRONMENT}\n${EXIT_CODES}\n${FIRST_STEPS}`;
  const command = commandSpec(name);
  return `${pageText(commandPage(command), columns)}\n${examplesOf(command.examples)}`;
}

function programPage(): Page {
  return {
    usage: "COMMAND [options]",
    description:
      "Gives every tenant of a Qlik Sense master app its own Qalyptus task: exactly once, resumable, auditable.",
    items: [
      ...PROGRAM_OPTIONS.map(optionItem),
      ...COMMANDS.map(({ group, name, summary }) => ({ heading: group, term: name, meaning: summary })),
    ],
  };
}

function commandPage(command: CommandSpec): Page {
  return {
    usage: [command.name, ...command.arguments.map(shownArgument), "[options]"].join(" "),
    description: command.description,
    items: [...command.arguments.map(argumentItem), ...command.options.map(optionItem)],
  };
}

function shownArgument({ name, required, variadic }: ArgumentSpec): string {
  const shown = variadic === true ? `${name}...` : name;
  return required ? shown : `[${shown}]`;
}

function argumentItem({ name, description, choices }: ArgumentSpec): Item {
  const extra = choices === undefined ? "" : ` (choices: ${choices.map((choice) => `"${choice}"`).join(", ")})`;
  return { heading: "Arguments:", term: name, meaning: `${description}${extra}` };
}

function optionItem(option: OptionSpec): Item {
  const flags = option.short === undefined ? option.long : `${option.short}, ${option.long}`;
  return {
    heading: option.group,
    term: option.value === undefined ? flags : `${flags} ${option.value}`,
    meaning: optionMeaning(option),
  };
}

/** The description with what belongs to it: choices, default, variable, whether it may be repeated. */
function optionMeaning(option: OptionSpec): string {
  const extras = [
    ...(option.choices === undefined ? [] : [option.choices.join(", ")]),
    ...(option.repeatable === true ? ["repeatable"] : []),
    ...(option.default === undefined ? [] : [`default: ${option.default}`]),
    ...(option.env === undefined ? [] : [`else ${option.env}`]),
  ];
  return extras.length === 0 ? option.description : `${option.description} (${extras.join("; ")})`;
}

function pageText({ usage, description, items }: Page, columns: number): string {
  const termWidth = Math.max(...items.map(({ term }) => term.length));
  const indent = INDENT + " ".repeat(termWidth) + GAP;
  const lists = new Map<string, string>();
  for (const { heading, term, meaning } of items) {
    const lines = wrapped(meaning, columns - indent.length).join(`\n${indent}`);
    lists.set(heading, `${lists.get(heading) ?? ""}${INDENT}${term.padEnd(termWidth)}${GAP}${lines}\n`);
  }
  const head = `Usage: ${PROGRAM} ${usage}\n\n${wrapped(description, columns).join("\n")}\n`;
  return [head, ...[...lists].map(([heading, list]) => `${heading}\n${list}`)].join("\n");
}

/** Lines of so many columns at most, but for a word that is longer. */
function wrapped(text: string, columns: number): readonly string[] {
  if (columns < NARROWEST) return [text];
  const lines: string[] = [];
  let start = 0;
  while (text.length - start > columns) {
    const lastFitting = text.lastIndexOf(" ", start + columns);
    const end = lastFitting > start ? lastFitting : text.indexOf(" ", start);
    if (end < 0) break;
    lines.push(text.slice(start, end));
    start = end + 1;
  }
  return [...lines, text.slice(start)];
}

function examplesOf(examples: readonly Example[]): string {
  const lines = examples.map(({ command, note }) => `  # ${note}\n  ${PROGRAM} ${command}\n`);
  return `Examples:\n${lines.join("\n")}`;
}

const ENVIRONMENT = `Environment:
  QALYPTUS_SERVER          the server, where --server is not given
  QALYPTUS_API_KEY         the API key, where --api-key-file is not given
  HTTPS_PROXY, HTTP_PROXY, NO_PROXY
  NO_COLOR, FORCE_COLOR, CI
`;

const EXIT_CODES = `Exit codes:
  0 done   1 a defect   2 usage or manifest   3 some failed   4 some in doubt   5 server or key
  6 the log   7 refused by a guard   10 changes pending   130, 143 interrupted
`;

const FIRST_STEPS = `Examples:
  # the whole job on a local stand-in: no server, no key
  ${PROGRAM} demo

  # what would be done; then without --dry-run
  ${PROGRAM} sync customers.csv --server https://reports.example.com --dry-run

  # every option of a command
  ${PROGRAM} sync --help
`;
