import type { ArgumentWords } from "./argument-words.js";
import { findCommand } from "./command-table.js";
import type { CommandName, OptionSpec } from "./option-spec.js";
import { OPTIONS } from "./option-table.js";

/** What a command line asks about the program itself. */
export type Question =
  | { readonly kind: "version" }
  | { readonly kind: "help"; readonly command: CommandName | undefined };

const VERSION: Question = { kind: "version" };

/**
 * The question that these words ask, as far as it stands there in a word of its own: answered without a parser and without
 * settings. What only the parser sees (`-nh`) and what is wrong with the words is left to `readCommandLine`.
 */
export function questionOf(words: ArgumentWords): Question | undefined {
  const { command, operands } = words;
  if (command === undefined) return withoutCommand(words);
  if (command === "help") return aboutTopic(operands[0]);
  if (command === "version" && operands.length === 0) return VERSION;
  return words.faults.length === 0 && asks(words, OPTIONS.help) ? aboutTopic(command) : undefined;
}

/** Like gh and kubectl: nothing typed is a question for help. */
function withoutCommand(words: ArgumentWords): Question | undefined {
  if (asks(words, OPTIONS.help)) return aboutTopic(undefined);
  if (words.faults.length > 0) return undefined;
  if (asks(words, OPTIONS.version)) return VERSION;
  return words.rest.length === 0 ? aboutTopic(undefined) : undefined;
}

function aboutTopic(topic: string | undefined): Question | undefined {
  const command = topic === undefined ? undefined : findCommand(topic)?.name;
  return topic !== undefined && command === undefined ? undefined : { kind: "help", command };
}

/** No option's value can be this word: a value that looks like a flag is a fault. */
function asks({ rest }: ArgumentWords, { long, short }: Pick<OptionSpec, "long" | "short">): boolean {
  const terminator = rest.indexOf("--");
  const flags = terminator < 0 ? rest : rest.slice(0, terminator);
  return flags.some((word) => word === long || word === short);
}
