import { type ExitCode, foremostExitCode, type Problem } from "./problems.js";

/** What `doctor` looks at, in the order in which it tells it. */
export const CHECK_NAMES = [
  "server",
  "proxy",
  "certificate",
  "key",
  "task-list",
  "source-task",
  "reports",
  "mappings",
  "mail",
  "manifest",
  "log",
  "lock",
  "disk",
  "plan",
] as const;

export type CheckName = (typeof CHECK_NAMES)[number];

/** How one thing is. `skipped`: what it needs failed, or was not named. */
export type CheckStatus = "ok" | "warn" | "fail" | "skipped";

interface CheckText {
  readonly name: CheckName;
  /** How it is, one sentence. */
  readonly message: string;
  /** What to do. */
  readonly hint?: string | undefined;
}

/** One line of a diagnosis. `problems` are all that stand behind the line; a `fail` has the exit code that a sync would end with. */
export type Check = CheckText &
  (
    | { readonly status: "ok" | "skipped" }
    | { readonly status: "warn"; readonly problems: readonly Problem[] }
    | { readonly status: "fail"; readonly problems: readonly Problem[]; readonly exitCode: ExitCode }
  );

/** What `doctor` answers. */
export interface Diagnosis {
  readonly version: 1;
  readonly command: "doctor";
  readonly server: string | null;
  readonly checks: readonly Check[];
  readonly warnings: readonly Problem[];
  readonly errors: readonly Problem[];
  /** The exit code that a sync would end with before its first write. */
  readonly exitCode: ExitCode;
}

/** A check that found all well. */
export function passed(name: CheckName, message: string): Check {
  return { name, status: "ok", message };
}

/** A check that could not be made, and why. */
export function skipped(name: CheckName, message: string, hint?: string): Check {
  return { name, status: "skipped", message, hint };
}

/** A check that found something a sync goes on in spite of. The first problem makes the line, unless `message` is given. */
export function warned(name: CheckName, problems: readonly Problem[], message?: string): Check {
  return { name, status: "warn", message: message ?? lineOf(problems), hint: problems[0]?.hint, problems };
}

/** A check that found what would stop a sync. */
export function failed(
  name: CheckName,
  stop: { readonly exitCode: ExitCode; readonly problems: readonly Problem[] },
): Check {
  const { exitCode, problems } = stop;
  return { name, status: "fail", message: lineOf(problems), hint: problems[0]?.hint, problems, exitCode };
}

function lineOf(problems: readonly Problem[]): string {
  const [first, ...others] = problems;
  if (first === undefined) return "something is wrong";
  const place = first.line === undefined ? "" : `line ${first.line}: `;
  return `${place}${first.message}${others.length === 0 ? "" : ` (and ${others.length} more)`}`;
}

/** Puts checks in order, adds those that were not made, and says what they come to. `warnings`: those of the command line itself. */
export function diagnose(of: {
  readonly server: string | null;
  readonly checks: readonly Check[];
  readonly warnings: readonly Problem[];
}): Diagnosis {
  const unmade = CHECK_NAMES.filter((name) => !of.checks.some((check) => check.name === name));
  const why = "not looked at, for what it needs failed or was not named";
  const checks = [...of.checks, ...unmade.map((name) => skipped(name, why))].sort(
    (a, b) => CHECK_NAMES.indexOf(a.name) - CHECK_NAMES.indexOf(b.name),
  );
  const errors = unique(checks.flatMap((check) => (check.status === "fail" ? check.problems : [])));
  const told = new Set(errors.map(textOf));
  const found = checks.flatMap((check) => (check.status === "warn" ? check.problems : []));
  const warnings = unique([...of.warnings, ...found]).filter((problem) => !told.has(textOf(problem)));
  const exitCode = foremostExitCode(checks.flatMap((check) => (check.status === "fail" ? [check.exitCode] : [])));
  return { version: 1, command: "doctor", server: of.server, checks, warnings, errors, exitCode };
}

/** Two checks may meet the same problem: it is one. */
function unique(problems: readonly Problem[]): readonly Problem[] {
  return [...new Map(problems.map((problem) => [textOf(problem), problem])).values()];
}

function textOf(problem: Problem): string {
  const { code, message, tenant, file, line, column } = problem;
  return JSON.stringify([code, message, tenant, file, line, column]);
}
