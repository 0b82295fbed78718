import type { Problem } from "../shared/problems.js";
import { oneLine } from "../shared/text-safety.js";
import { arrow, counted, type Look } from "./look.js";
import { wrapLines } from "./wrapping.js";

/** At most so many problems are printed for people; the rest is a number. */
const PRINTED = 50;
/** At most so many warnings of one code: a hundred equal warnings are one warning and a number. */
const WARNINGS_OF_ONE_CODE = 5;

/** One problem for people: what is wrong, where, what to do next. */
export function problemLines(kind: "error" | "warning", problem: Problem, look: Look): readonly string[] {
  const paint = kind === "error" ? look.palette.bad : look.palette.change;
  const where = placeOf(problem);
  const lines = [
    `${paint(`${kind}:`)} ${oneLine(problem.message)} ${look.palette.dim(`[${oneLine(problem.code)}]`)}`,
    ...(where === "" ? [] : [`  at ${where}`]),
    ...(problem.hint === undefined ? [] : [`  ${look.palette.accent(arrow(look))} ${oneLine(problem.hint)}`]),
  ];
  return wrapLines(lines, look, 4);
}

/** Where a problem is: `customers.csv:12, column newQlikAppId, tenant acme`; empty where it is nowhere in particular. */
export function placeOf(problem: Problem): string {
  const parts: string[] = [];
  if (problem.file !== undefined) parts.push(`${problem.file}${problem.line === undefined ? "" : `:${problem.line}`}`);
  else if (problem.line !== undefined) parts.push(`line ${problem.line}`);
  if (problem.column !== undefined) parts.push(`column ${problem.column}`);
  if (problem.tenant !== undefined) parts.push(`tenant ${problem.tenant}`);
  return oneLine(parts.join(", "));
}

/** Errors for people: the first fifty, then how many more. */
export function errorsText(errors: readonly Problem[], look: Look): string {
  const lines = errors.slice(0, PRINTED).flatMap((error) => problemLines("error", error, look));
  const more = errors.length - PRINTED;
  if (more > 0) lines.push(`and ${counted(more, "more error")} (all of them: --format json)`);
  return lines.map((line) => `${line}\n`).join("");
}

/** Warnings for people: a few of each code, then how many more of it. */
export function warningLines(warnings: readonly Problem[], look: Look): readonly string[] {
  const byCode = new Map<string, Problem[]>();
  for (const warning of warnings) {
    const same = byCode.get(warning.code);
    if (same === undefined) byCode.set(warning.code, [warning]);
    else same.push(warning);
  }
  const lines: string[] = [];
  let printed = 0;
  for (const same of byCode.values()) {
    const shown = same.slice(0, Math.max(0, Math.min(WARNINGS_OF_ONE_CODE, PRINTED - printed)));
    printed += shown.length;
    for (const warning of shown) lines.push(...problemLines("warning", warning, look));
    const more = same.length - shown.length;
    if (more > 0) lines.push(`  and ${counted(more, "more warning")} ${oneLine(`[${same[0]?.code ?? ""}]`)}`);
  }
  return lines;
}

/** Warnings as one line of numbers, where they were told already. */
export function warningCountLine(warnings: readonly Problem[], look: Look): string {
  const counts = new Map<string, number>();
  for (const { code } of warnings) counts.set(code, (counts.get(code) ?? 0) + 1);
  const codes = [...counts].slice(0, 10).map(([code, count]) => (count === 1 ? code : `${code} ×${count}`));
  return look.palette.change(oneLine(`${counted(warnings.length, "warning")}: ${codes.join(", ")}`));
}
