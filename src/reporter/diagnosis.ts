import { CHECK_NAMES, type Check, type CheckStatus, type Diagnosis } from "../shared/diagnosis.js";
import { EXIT } from "../shared/problems.js";
import { counted, oneLine } from "../shared/text-safety.js";
import { toText } from "./layout.js";
import { type Look, paint, symbolOf } from "./look.js";
import { hintLines } from "./problems.js";

const NAME_WIDTH = Math.max(...CHECK_NAMES.map((name) => name.length));

/** A diagnosis for people: one line a check, and below it what to do where something is to be done. */
export function humanDiagnosis({ server, checks, exitCode }: Diagnosis, look: Look): string {
  const { palette } = look;
  const count = (status: CheckStatus): number => checks.filter((check) => check.status === status).length;
  const counts = `${count("ok")} ok, ${counted(count("warn"), "warning")}, ${count("fail")} failed, ${count("skipped")} skipped`;
  const end =
    exitCode === EXIT.ok
      ? palette.good("nothing stands in the way of a sync")
      : palette.bad(`a sync would end with exit code ${exitCode} before its first write`);
  const lines = [
    palette.bold(`Doctor${server === null ? "" : `: ${oneLine(server)}`}`),
    ...checks.flatMap((check) => checkLines(check, look)),
    "",
    `${counts}: ${end}`,
  ];
  return toText(lines, { ...look, width: undefined });
}

function checkLines({ status, name, message, hint }: Check, look: Look): readonly string[] {
  const head = paint(status, `${symbolOf(status, look)} ${name.padEnd(NAME_WIDTH)}`, look);
  const text = oneLine(status === "skipped" ? `skipped: ${message}` : message);
  return [`${head}  ${text}`, ...hintLines(hint, look, " ".repeat(NAME_WIDTH + 4))];
}
