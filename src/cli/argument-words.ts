import type { Problem } from "../shared/problems.js";
import { quote } from "../shared/quotation.js";
import { COMMANDS } from "./command-table.js";
import type { OptionSpec } from "./option-spec.js";
import { OPTIONS } from "./option-table.js";
import { didYouMean, nearestFlags } from "./suggestion.js";

/** A command line's words, read so far as no command has to be known. */
export interface ArgumentWords {
  /** The first word that is neither an option nor an option's value. */
  readonly command: string | undefined;
  /** All other words; options that stood before the command stand behind it now. */
  readonly rest: readonly string[];
  /** Options with their values, and arguments, as far as they could be read: enough to tell a refusal in the right form. */
  readonly values: readonly { readonly option: OptionSpec; readonly value: string }[];
  readonly operands: readonly string[];
  readonly verbose: boolean;
  readonly dryRun: boolean;
  readonly faults: readonly Problem[];
}

/** Every option of every command: one flag has one meaning, so that a word can be read before the command is known. */
const ALL_OPTIONS: ReadonlyMap<string, OptionSpec> = everyOption();

function everyOption(): ReadonlyMap<string, OptionSpec> {
  const byFlag = new Map<string, OptionSpec>();
  for (const { options } of COMMANDS)
    for (const option of options) {
      byFlag.set(option.long, option);
      if (option.short !== undefined) byFlag.set(option.short, option);
    }
  return byFlag;
}

/** `--api-key`, `--apikey=…`, `--key`, `--token`: ways to type a key where everybody can read it. */
const KEY_LIKE = /^--?(?:qalyptus[-_]?)?(?:api[-_]?)?(?:key|token|bearer|password|secret)(?:=|$)/i;

/**
 * Reads the words of a command line: finds the command, moves options before it behind it, and refuses what no parser may
 * guess at: a key as an argument, and an option whose value would be the next option.
 */
export function readWords(argv: readonly string[]): ArgumentWords {
  const reader = new WordReader();
  let index = 0;
  while (index < argv.length) index += reader.take(argv, index);
  return reader.words();
}

class WordReader {
  #command: string | undefined;
  readonly #before: string[] = [];
  readonly #after: string[] = [];
  readonly #values: { readonly option: OptionSpec; readonly value: string }[] = [];
  readonly #operands: string[] = [];
  readonly #faults: Problem[] = [];
  #flags = new Set<OptionSpec["long"]>();

  words(): ArgumentWords {
    return {
      command: this.#command,
      rest: [...this.#before, ...this.#after],
      values: this.#values,
      operands: this.#operands,
      verbose: this.#flags.has(OPTIONS.verbose.long),
      dryRun: this.#flags.has(OPTIONS.dryRun.long),
      faults: this.#faults,
    };
  }

  /** Takes the word at `index`, and says how many words that were. */
  take(argv: readonly string[], index: number): number {
    const word = argv[index] ?? "";
    if (word === "--") return this.#takeOperands(argv.slice(index));
    if (word.length > 1 && word.startsWith("-")) return this.#takeFlag(word, argv[index + 1]);
    if (this.#command === undefined) this.#command = word;
    else {
      this.#after.push(word);
      this.#operands.push(word);
    }
    return 1;
  }

  #takeOperands(words: readonly string[]): number {
    const [terminator = "--", ...operands] = words;
    if (this.#command === undefined) this.#command = operands.shift();
    this.#after.push(terminator, ...operands);
    this.#operands.push(...operands);
    return words.length;
  }

  #takeFlag(word: string, next: string | undefined): number {
    if (KEY_LIKE.test(word)) {
      this.#faults.push(keyAsArgument(word));
      return next === undefined || next.startsWith("-") ? 1 : 2;
    }
    const [name, value] = splitAtEquals(word);
    const option = ALL_OPTIONS.get(name);
    const kept = this.#command === undefined ? this.#before : this.#after;
    kept.push(word);
    if (option === undefined) this.#takeUnknown(word);
    else if (option.value === undefined) this.#flags.add(option.long);
    else if (value !== undefined) this.#values.push({ option, value });
    else return this.#takeValue({ option, next, kept });
    return 1;
  }

  #takeValue(found: {
    readonly option: OptionSpec;
    readonly next: string | undefined;
    readonly kept: string[];
  }): number {
    const { option, next, kept } = found;
    if (next === undefined || isFlag(next)) {
      this.#faults.push(missingValue(option, next));
      return 1;
    }
    kept.push(next);
    this.#values.push({ option, value: next });
    return 2;
  }

  #takeUnknown(word: string): void {
    if (isShortFlags(word)) {
      for (const letter of word.slice(1)) {
        const option = ALL_OPTIONS.get(`-${letter}`);
        if (option !== undefined) this.#flags.add(option.long);
      }
      return;
    }
    if (this.#command !== undefined) return;
    this.#faults.push(unknownOption(word, [...new Set(ALL_OPTIONS.values())]));
  }
}

/** `-nq`: several short options in one word, all of them known. */
function isShortFlags(word: string): boolean {
  return /^-[A-Za-z]+$/.test(word) && [...word.slice(1)].every((letter) => ALL_OPTIONS.has(`-${letter}`));
}

function splitAtEquals(word: string): readonly [string, string | undefined] {
  const at = word.indexOf("=");
  return at < 0 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
}

/** A word that can be no value: another option. `-` is standard input, `-5` a number. */
function isFlag(word: string): boolean {
  return word.length > 1 && word.startsWith("-") && !/^-\.?\d/.test(word);
}

function keyAsArgument(word: string): Problem {
  return {
    code: "KEY_AS_ARGUMENT",
    message: `${splitAtEquals(word)[0]}: no option takes the API key itself, for everybody on this machine can read arguments`,
    hint: "Set QALYPTUS_API_KEY, or give --api-key-file FILE (- for standard input); make a new key if this one was real",
  };
}

function missingValue(option: OptionSpec, next: string | undefined): Problem {
  const found = next === undefined ? "" : `, not ${quote(splitAtEquals(next)[0])}`;
  const way = next === undefined ? "" : `; for a value that begins with "-" write ${option.long}=VALUE`;
  return {
    code: "OPTION_WITHOUT_VALUE",
    message: `${option.long} needs a value${found}`,
    hint: `Write ${option.long} ${option.value ?? "VALUE"}${way}`,
  };
}

/** An option that is none of these; never shows what stands behind `=`. */
export function unknownOption(word: string, options: readonly OptionSpec[], command?: string): Problem {
  const name = word.startsWith("--") ? splitAtEquals(word)[0] : splitAtEquals(word)[0].slice(0, 2);
  const known = ALL_OPTIONS.get(name);
  const shown = quote(name);
  if (known !== undefined && options.includes(known))
    return { code: "UNKNOWN_OPTION", message: `${name} takes no value`, hint: `Write ${name} alone, or leave it out` };
  const elsewhere = COMMANDS.filter((spec) => spec.options.some((option) => option.long === known?.long));
  const near = didYouMean(nearestFlags(splitAtEquals(word)[0], options));
  if (command === undefined || elsewhere.length === 0)
    return { code: "UNKNOWN_OPTION", message: `there is no option ${shown}`, hint: near === "" ? undefined : near };
  return {
    code: "UNKNOWN_OPTION",
    message: `${command} has no option ${shown}`,
    hint: `It belongs to ${elsewhere.map((spec) => spec.name).join(", ")}`,
  };
}
