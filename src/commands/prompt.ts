import { createInterface } from "node:readline";
import { oneLine } from "../shared/text-safety.js";
import type { Host } from "./host.js";
import type { Ask, Question } from "./init-tenants.js";

/** How many choices are listed; the others can be typed. */
const LISTED = 40;

/** Asks on the terminal: standard error shows the question, standard input has the answer. `undefined` at its end. */
export function terminalAsk(host: Host): Ask {
  return async (question, complaint) => {
    await host.stderr.write(complaint === undefined ? questionText(question) : `${oneLine(complaint)}\n`);
    const way = question.otherwise === undefined ? "" : `, or nothing: ${question.otherwise}`;
    await host.stderr.write(`Number, ID or name${way}: `);
    const answer = await readLine(host);
    if (answer === undefined) await host.stderr.write("\n");
    return answer;
  };
}

function questionText({ title, choices }: Question): string {
  const width = String(Math.min(choices.length, LISTED)).length;
  const lines = choices
    .slice(0, LISTED)
    .map(
      ({ name, id }, at) =>
        `${String(at + 1).padStart(width + 2)}  ${oneLine(name === "" ? "(no name)" : name)}  ${id}`,
    );
  const more = choices.length > LISTED ? [`  … and ${choices.length - LISTED} more: type the ID or the name`] : [];
  return `${[title, ...lines, ...more].join("\n")}\n`;
}

/** One line. The terminal itself edits it, and turns Ctrl-C into the signal that it is everywhere else. */
function readLine(host: Host): Promise<string | undefined> {
  const lines = createInterface({ input: host.stdin.stream, terminal: false });
  return new Promise((resolve) => {
    let answer: string | undefined;
    lines.once("line", (line) => {
      answer = line;
      lines.close();
    });
    lines.once("close", () => resolve(answer));
  });
}
