import { problemFields, safeJson } from "../results/json.js";
import { CHECK_NAMES, type Check, type CheckStatus, type Diagnosis } from "../shared/diagnosis.js";
import { EXIT } from "../shared/problems.js";
import { oneLine } from "../shared/text-safety.js";
import { padWidth } from "./display-width.js";
import { arrow, counted, type Look } from "./look.js";

const SYMBOLS: Readonly<Record<CheckStatus, readonly [unicode: string, ascii: string]>> = {
  ok: ["✓", "+"],
  warn: ["!", "!"],
  fail: ["✗", "x"],
  skipped: ["–", "-"],
};

const NAME_WIDTH = Math.max(...CHECK_NAMES.map((name) => name.length));

/** A diagnosis for people: one line a check, and below it what to do where something is to be done. */
export function humanDiagnosis(diagnosis: Diagnosis, look: Look): string {
  const lines = [
    look.palette.bold(`Doctor${diagnosis.server === null ? "" : `: ${oneLine(diagnosis.server)}`}`),
    ...diagnosis.checks.flatMap((check) => checkLines(check, look)),
    "",
    endLine(diagnosis, look),
  ];
  return `${lines.join("\n")}\n`;
}

/** {@link humanDiagnosis} for scripts: one JSON object. */
export function jsonDiagnosis(diagnosis: Diagnosis): string {
  const { version, command, server, checks, warnings, errors, exitCode } = diagnosis;
  const fields: readonly (readonly [string, unknown])[] = [
    ["version", version],
    ["command", command],
    ["server", server],
    ["checks", checks.map(({ name, status, message, hint }) => ({ name, status, message, hint }))],
    ["warnings", warnings.map(problemFields)],
    ["errors", errors.map(problemFields)],
    ["exitCode", exitCode],
  ];
  return `{\n${fields.map(([name, value]) => `  ${safeJson(name)}: ${valueText(value)}`).join(",\n")}\n}\n`;
}

function valueText(value: unknown): string {
  if (!Array.isArray(value) || value.length === 0) return safeJson(value);
  return `[\n${value.map((item) => `    ${safeJson(item)}`).join(",\n")}\n  ]`;
}

function checkLines(check: Check, look: Look): readonly string[] {
  const paint = paintOf(check.status, look);
  const [unicode, ascii] = SYMBOLS[check.status];
  const name = padWidth(check.name, NAME_WIDTH);
  const message = check.status === "skipped" ? `skipped: ${check.message}` : check.message;
  const line = `${paint(look.unicode ? unicode : ascii)} ${paint(name)}  ${oneLine(message)}`;
  if (check.hint === undefined) return [line];
  const indent = " ".repeat(NAME_WIDTH + 4);
  return [line, `${indent}${look.palette.accent(arrow(look))} ${oneLine(check.hint)}`];
}

function paintOf(status: CheckStatus, { palette }: Look): (text: string) => string {
  switch (status) {
    case "ok":
      return palette.good;
    case "warn":
      return palette.change;
    case "fail":
      return palette.bad;
    case "skipped":
      return palette.dim;
    default:
      return status satisfies never;
  }
}

function endLine({ checks, exitCode }: Diagnosis, look: Look): string {
  const count = (status: CheckStatus): number => checks.filter((check) => check.status === status).length;
  const counts = [
    `${count("ok")} ok`,
    counted(count("warn"), "warning"),
    `${count("fail")} failed`,
    `${count("skipped")} skipped`,
  ].join(", ");
  const end =
    exitCode === EXIT.ok
      ? look.palette.good("nothing stands in the way of a sync")
      : look.palette.bad(`a sync would end with exit code ${exitCode} before its first write`);
  return `${counts}: ${end}`;
}
