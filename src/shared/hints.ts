import { shellWord } from "./quoting.js";
import { oneLine } from "./text-safety.js";

/*
 * A hint is lines: words that say when, and below them the command for it, alone on its line, so that it can be pasted. Who finds a
 * fault knows the tenant and its task; who tells it completes each command (`...`: the options of this run) and types it for the
 * shell at hand.
 */

const INDENT = "  ";
const PROGRAM = "qalyptus-propagate";
/**
 * Stands in a command for the operands and options of the command line that tells it; as the command, for that line's own command
 * too.
 */
export const SAME = "...";

/** A hint's lines as one text. */
export function hintOf(...lines: readonly (string | undefined)[]): string {
  return lines.flatMap((line) => (line === undefined ? [] : safeLine(line))).join("\n");
}

/** Text from outside ends no line, and makes none a command. */
function safeLine(line: string): string {
  return line.startsWith(`${INDENT}${PROGRAM} `) ? oneLine(line) : oneLine(line).trimStart();
}

/** A command of this program as a line of a hint, from its words as they shall arrive. */
export function commandLine(...words: readonly string[]): string {
  return INDENT + typedBy(shellWord, [PROGRAM, ...words]);
}

/** A `sync` of what this command line says, with something more. */
export function sameSync(...more: readonly string[]): string {
  return commandLine("sync", SAME, ...more);
}

/** This very command line, with something more. */
export function sameLine(...more: readonly string[]): string {
  return commandLine(SAME, ...more);
}

/** An option and its value as words. A value that begins like an option would be taken for one, unless it stands behind `=`. */
export function optionWords(flag: `--${string}`, value: string): readonly string[] {
  return value.startsWith("-") ? [`${flag}=${value}`] : [flag, value];
}

/** Words as one command, each typed as a shell reads it. */
export function typedBy(typeWord: (word: string) => string, words: readonly string[]): string {
  return words.map((word) => (/^--?[\w-]+$/.test(word) ? word : typeWord(word))).join(" ");
}

/** A hint's lines: words, or a command that stands alone. */
export function linesOfHint(hint: string): readonly { readonly text: string; readonly isCommand: boolean }[] {
  return hint.split("\n").map((line) => ({ text: oneLine(line.trim()), isCommand: commandIn(line) !== undefined }));
}

/** The command that a hint's line is; `undefined`: the line is words. */
function commandIn(line: string): string | undefined {
  return line.startsWith(INDENT) ? line.trim() : undefined;
}

/** A hint with each command of this program made anew from the words behind its name. */
export function withCommands(hint: string, made: (words: readonly string[]) => string): string {
  const madeLine = (line: string): string => {
    const [program, ...words] = wordsOf(commandIn(line) ?? "");
    return program === PROGRAM ? INDENT + made(words) : line;
  };
  return hint.split("\n").map(madeLine).join("\n");
}

/** The words of a command that {@link shellWord} has typed. */
function wordsOf(command: string): readonly string[] {
  const typed = command.match(/(?:[^\s"'\\]|"[^"]*"|'[^']*'|\\')+/g) ?? [];
  return typed.map((word) =>
    word.replace(/"([^"]*)"|'([^']*)'|\\'/g, (whole, double, single) => double ?? single ?? whole.slice(1)),
  );
}
