import { withoutCommand } from "../shared/text-safety.js";
import { displayWidth } from "./display-width.js";
import type { Look } from "./look.js";

/** Narrower than this nothing is wrapped: the lines would be hard to read either way. */
const NARROWEST = 30;
/** Before a command to paste, however the program is called: `qalyptus-propagate`, `npx …`, `node bin/….js`. */
const BEFORE_COMMAND = /(?<!\b(?:npx|node)) (?=(?:npx |node )?\S*qalyptus-propagate(?:\.\w+)?"? [a-z])/;

/**
 * Finished lines (they may be painted) for a terminal of known width: prose is broken between words, its further lines stand
 * `indent` columns in. A command starts a line of its own and is left whole, so that it can be pasted; so is everything where no
 * width is known.
 */
export function wrapLines(lines: readonly string[], look: Look, indent = 2): readonly string[] {
  const { width } = look;
  if (width === undefined || width < NARROWEST) return lines;
  const inset = " ".repeat(indent);
  return lines.flatMap((line) => {
    if (displayWidth(line) <= width) return [line];
    const [prose = "", ...commands] = line.split(BEFORE_COMMAND);
    return [...broken(prose, width, inset), ...commands.map((command) => inset + command)].map(withoutCommand);
  });
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
  return [...lines, current];
}
