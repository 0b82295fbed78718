import { displayWidth } from "./display-width.js";
import type { Look } from "./look.js";
import { withoutCommand } from "./text-safety.js";

/** Narrower than this nothing is wrapped: the lines would be hard to read either way. */
const NARROWEST = 30;
/** An option in a text: it holds a command to paste, which a line end of ours would break. */
const OPTION = /(?:^|\s)--[a-z]/;

/**
 * Finished lines (they may be painted) for a terminal of known width: prose is broken between words, its further lines stand
 * `indent` columns in. A line with a command stays whole, so that it can be pasted; so does everything where no width is known.
 */
export function wrapLines(lines: readonly string[], look: Look, indent = 2): readonly string[] {
  const { width } = look;
  if (width === undefined || width < NARROWEST) return lines;
  return lines.flatMap((line) =>
    displayWidth(line) <= width || OPTION.test(line) ? [line] : broken(line, width, " ".repeat(indent)),
  );
}

function broken(line: string, width: number, indent: string): readonly string[] {
  const start = /^\s*/.exec(line)?.[0] ?? "";
  const lines: string[] = [];
  let current = start;
  let isEmpty = true;
  for (const word of line.slice(start.length).split(" ")) {
    if (!isEmpty && displayWidth(current) + 1 + displayWidth(word) > width) {
      lines.push(current.trimEnd());
      current = indent;
      isEmpty = true;
    }
    current += isEmpty ? word : ` ${word}`;
    isEmpty = false;
  }
  return [...lines, current].map(withoutCommand);
}
