import { linesOfHint } from "../shared/hints.js";
import { groupBy } from "../shared/ids.js";
import type { Problem } from "../shared/problems.js";
import type { TenantError, TenantResult } from "../shared/results.js";
import { counted, oneLine } from "../shared/text-safety.js";
import { toText } from "./layout.js";
import { type Look, paint, SIGNS } from "./look.js";

/** At most so many errors are printed for people; the rest is a number. */
const ERRORS_PRINTED = 50;
/** At most so many warnings of one code are printed: a hundred equal warnings are five and a number. */
export const WARNINGS_OF_ONE_CODE = 5;
/** So many tenants of a group are told with their own messages, or by their names alone. */
const TENANTS_TOLD = 8;
const NAMES_TOLD = 12;

/** What to do next: each command on a line of its own, so that it can be pasted. */
export function hintLines(hint: string | undefined, { palette }: Look, indent = "  "): readonly string[] {
  if (hint === undefined) return [];
  return linesOfHint(hint).map(({ text, isCommand }) =>
    isCommand ? `${indent}    ${palette.bold(text)}` : `${indent}${palette.accent("→")} ${text}`,
  );
}

/** One problem for people: what is wrong, where, what to do next. */
export function problemLines(kind: "error" | "warning", problem: Problem, look: Look): readonly string[] {
  const { palette } = look;
  const title = palette[kind === "error" ? "bad" : "change"](`${kind}:`);
  const place = placeOf(problem);
  return [
    `${title} ${oneLine(problem.message)} ${palette.dim(`[${oneLine(problem.code)}]`)}`,
    ...(place === "" ? [] : [`  at ${place}`]),
    ...hintLines(problem.hint, look),
  ];
}

/** Where a problem is: `customers.csv:12, column newQlikAppId, tenant acme`; empty where it is nowhere in particular. */
export function placeOf({ file, line, column, tenant }: Problem): string {
  const place = line === undefined ? file : file === undefined ? `line ${line}` : `${file}:${line}`;
  const inFile = column === undefined ? [] : [`column ${column}`];
  return oneLine([place ?? [], inFile, tenant === undefined ? [] : `tenant ${tenant}`].flat().join(", "));
}

/** Errors for people: the first fifty, then how many more. */
export function errorsText(errors: readonly Problem[], look: Look): string {
  const lines = errors.slice(0, ERRORS_PRINTED).flatMap((error) => problemLines("error", error, look));
  const more = errors.length - ERRORS_PRINTED;
  if (more > 0) lines.push(`and ${counted(more, "more error")} (all of them: --format json)`);
  return toText(lines);
}

/** Warnings for people: a few of each code, then how many more of it. */
export function warningLines(warnings: readonly Problem[], look: Look): readonly string[] {
  return [...groupBy(warnings, ({ code }) => code)].flatMap(([code, same]) => {
    const lines = same.slice(0, WARNINGS_OF_ONE_CODE).flatMap((warning) => problemLines("warning", warning, look));
    const more = same.length - WARNINGS_OF_ONE_CODE;
    return more > 0 ? [...lines, `  and ${counted(more, "more warning")} [${oneLine(code)}]`] : lines;
  });
}

/** Warnings that were told already, as one line of numbers. */
export function warningCountLines(warnings: readonly Problem[], look: Look): readonly string[] {
  if (warnings.length === 0) return [];
  const codes = [...groupBy(warnings, ({ code }) => code)].map(([code, { length }]) =>
    length === 1 ? code : `${code} ×${length}`,
  );
  return [look.palette.change(oneLine(`${counted(warnings.length, "warning")}: ${codes.join(", ")}`))];
}

/** What is wrong with a tenant that failed or is in doubt; for a tenant whose result tells no error, its reason. */
export function troubleOf(tenant: TenantResult): TenantError {
  return tenant.error ?? { code: tenant.outcome === "in-doubt" ? "IN_DOUBT" : "FAILED", message: tenant.reason };
}

/** Whether a tenant needs a person: it failed or is in doubt, or has an error although it was not carried out. */
function troubleKind({ outcome, error }: TenantResult): "failed" | "in-doubt" | undefined {
  if (outcome === "in-doubt") return outcome;
  return outcome === "failed" || error !== undefined ? "failed" : undefined;
}

/**
 * The tenants that need a person, by outcome and code: those that failed before those in doubt, the largest group first. `count`:
 * `3 tenants in conflict`. `shared`: what all of them have to be told, where it is the same for all but their names.
 */
export function groupTroubles(all: readonly TenantResult[]) {
  return (["failed", "in-doubt"] as const).flatMap((outcome) => {
    const same = all.filter((tenant) => troubleKind(tenant) === outcome);
    const groups = [...groupBy(same, (tenant) => troubleOf(tenant).code)].map(([code, tenants]) => {
      const isConflict = tenants.every(({ action }) => action === "conflict");
      const isOther = tenants.every((tenant) => tenant.outcome !== outcome);
      const how = isConflict ? "in conflict" : isOther ? "to be looked at" : SIGNS[outcome].word;
      const count = `${counted(tenants.length, "tenant")} ${how}`;
      const told = tenants.map((tenant) => ({ tenant: tenant.tenant, line: tenant.line, ...troubleOf(tenant) }));
      return { outcome, code, tenants: told, count, shared: sharedBy(tenants) };
    });
    return groups.sort((a, b) => b.tenants.length - a.tenants.length);
  });
}

export type TenantGroup = ReturnType<typeof groupTroubles>[number];

function sharedBy(tenants: readonly TenantResult[]): TenantError | undefined {
  for (const view of [troubleOf, namelessTrouble]) {
    const [first, ...others] = tenants.map(view);
    if (first === undefined || !others.every(({ message, hint }) => message === first.message && hint === first.hint))
      continue;
    const { hint } = first;
    return hint === undefined
      ? first
      : {
          ...first,
          hint: hintForAll(
            hint,
            tenants.map((tenant) => troubleOf(tenant).hint ?? ""),
          ),
        };
  }
  return undefined;
}

/** So many tenants stand in one command: a longer one is too long for some shells. */
const NAMES_OF_A_COMMAND = 100;

/** A hint for all tenants: a `resolve` that takes many names all of them. `each`: the hint as every one of them has it. */
function hintForAll(hint: string, each: readonly string[]): string {
  const lineForAll = (line: string, at: number): string => {
    const [start, end] = line.split(/(?<=^ {2}.*\s)TENANT(?=\s|$)/);
    if (start === undefined || end === undefined || !start.includes(" resolve ") || line.includes(" --task-id "))
      return line;
    const names = each.map((own) => own.split("\n")[at]?.slice(start.length, -end.length || undefined) ?? "");
    return start + names.slice(0, NAMES_OF_A_COMMAND).join(" ") + end;
  };
  return hint.split("\n").map(lineForAll).join("\n");
}

/** A tenant's trouble with `TENANT` wherever its key stands as words of its own. */
function namelessTrouble(tenant: TenantResult): TenantError {
  const { hint, message, ...trouble } = troubleOf(tenant);
  const key = tenant.tenant.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  const name = new RegExp(`(?<![\\p{L}\\p{N}_-])${key}(?![\\p{L}\\p{N}_-])`, "gu");
  const word = new RegExp(`(?<=\\s)(["'])${key}\\1(?=\\s|$)`, "gu");
  const nameless = (text: string): string => text.replace(word, "TENANT").replace(name, "TENANT");
  return { ...trouble, message: message.replace(name, "TENANT"), hint: hint && nameless(hint) };
}

/** One group for people: once what its tenants share, then each tenant, never hundreds of equal lines. */
export function groupLines({ outcome, code, tenants, count, shared }: TenantGroup, look: Look): readonly string[] {
  const { palette } = look;
  const title = palette.bold(`${paint(outcome, `${SIGNS[outcome].symbol} ${oneLine(code)}`, look)}  ${count}`);
  if (shared !== undefined) {
    const names = tenants.slice(0, NAMES_TOLD).map(({ tenant }) => oneLine(tenant));
    const more = tenants.length > names.length ? `, and ${tenants.length - names.length} more` : "";
    const list = `    ${tenants.length === 1 ? "tenant" : "tenants"}: ${names.join(", ")}${more}`;
    return [title, `    ${oneLine(shared.message)}`, list, ...hintLines(shared.hint, look)];
  }
  const hints = new Set(tenants.map(({ hint }) => hint));
  const lines = tenants.slice(0, TENANTS_TOLD).flatMap(({ tenant, line, message, hint }) => {
    const place = line === undefined ? "" : palette.dim(` (line ${line})`);
    const told = `  - ${palette.bold(oneLine(tenant))}${place}: ${oneLine(message)}`;
    return hints.size > 1 ? [told, ...hintLines(hint, look, "      ")] : [told];
  });
  const more = tenants.length - TENANTS_TOLD;
  if (more > 0) lines.push(`    and ${counted(more, "more tenant")} (all of them: --format json, or --out FILE)`);
  return [title, ...lines, ...(hints.size > 1 ? [] : hintLines([...hints][0], look))];
}
