import { type ExitCode, foremostExitCode, lineOf, type Problem } from "./problems.js";

/** What `doctor` looks at, in the order in which it tells it. */
export const CHECK_NAMES = [
  ...(["server", "key", "task-list", "source-task", "reports"] as const),
  ...(["manifest", "log", "lock", "plan"] as const),
];

export type CheckName = (typeof CHECK_NAMES)[number];

/** How one thing is. `skipped`: what it needs failed, or was not named. */
export type CheckStatus = "ok" | "warn" | "fail" | "skipped";

/** One line of a diagnosis. */
export interface Check {
  readonly name: CheckName;
  readonly status: CheckStatus;
  /** How it is, one sentence. */
  readonly message: string;
  /** What to do. */
  readonly hint?: string | undefined;
  /** All that stand behind a `warn` or a `fail`. */
  readonly problems?: readonly Problem[];
  /** Of a `fail`: what a sync would end with. */
  readonly exitCode?: ExitCode;
}

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

/** A check that found something a sync goes on in spite of. The first problem makes the line, behind what is `shown`. */
export function warned(name: CheckName, problems: readonly Problem[], shown?: string): Check {
  const line = lineOf(problems);
  const message = shown === undefined ? line : `${shown}; ${line}`;
  return { name, status: "warn", message, hint: problems[0]?.hint, problems };
}

/** A check that found what would stop a sync. */
export function failed(
  name: CheckName,
  { exitCode, problems }: { readonly exitCode: ExitCode; readonly problems: readonly Problem[] },
): Check {
  return { name, status: "fail", message: lineOf(problems), hint: problems[0]?.hint, problems, exitCode };
}

/** Puts checks in order, adds those that were not made, and says what they come to. */
export function diagnose(server: string | null, made: readonly Check[], warningsBefore: readonly Problem[]): Diagnosis {
  const unmade = CHECK_NAMES.filter((name) => !made.some((check) => check.name === name));
  const why = "not looked at, for what it needs failed or was not named";
  const checks = [...made, ...unmade.map((name) => skipped(name, why))].sort(
    (a, b) => CHECK_NAMES.indexOf(a.name) - CHECK_NAMES.indexOf(b.name),
  );
  const problemsOf = (status: CheckStatus): readonly Problem[] =>
    checks.flatMap((check) => (check.status === status ? (check.problems ?? []) : []));
  const errors = unique(problemsOf("fail"));
  const told = new Set(errors.map(identityOf));
  const warnings = unique([...warningsBefore, ...problemsOf("warn")]).filter((one) => !told.has(identityOf(one)));
  const exitCode = foremostExitCode(checks.flatMap((check) => check.exitCode ?? []));
  return { version: 1, command: "doctor", server, checks, warnings, errors, exitCode };
}

/** Two checks may meet the same problem: it is one. */
function unique(problems: readonly Problem[]): readonly Problem[] {
  return [...new Map(problems.map((problem) => [identityOf(problem), problem])).values()];
}

function identityOf({ code, message, tenant, file, line, column }: Problem): string {
  return JSON.stringify([code, message, tenant, file, line, column]);
}
