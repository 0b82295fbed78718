import { nextStep, type ProblemCode } from "./codes.js";

/** What a person is told: what is wrong, where, and what to do next. Errors and warnings have the same shape. */
export interface Problem {
  /** Stable, upper case: what scripts match on. */
  readonly code: string;
  /** What is wrong, one sentence, with the offending value. */
  readonly message: string;
  /** What to do next, typed so that it can be pasted. */
  readonly hint?: string | undefined;
  readonly tenant?: string | undefined;
  readonly file?: string | undefined;
  readonly line?: number | undefined;
  /** A CSV column, or a path into a JSON manifest (`tenants[3].newQlikAppId`). */
  readonly column?: string | undefined;
  readonly value?: string | undefined;
}

/**
 * A problem with the table's next step as its hint. `more` says where it is, and gives a hint where this place knows more than the
 * table.
 */
export function problem(code: ProblemCode, message: string, more: Omit<Problem, "code" | "message"> = {}): Problem {
  return { code, message, ...more, hint: more.hint ?? nextStep(code) };
}

/** A problem's hint where it says more than the table does of its code: it is kept when the problem is told under another code. */
export function ownHint({ code, hint }: Problem): string | undefined {
  return hint === nextStep(code as ProblemCode) ? undefined : hint;
}

/** The exit codes, as docs/commands.md explains them. Where several hold, the first of these is the process's. */
export const EXIT = {
  defect: 1,
  log: 6,
  usage: 2,
  guard: 7,
  server: 5,
  hungUp: 129,
  interrupted: 130,
  quit: 131,
  terminated: 143,
  inDoubt: 4,
  failed: 3,
  changes: 10,
  ok: 0,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** What an administrator or a scheduler ends a run with. */
export type EndingSignal = keyof typeof SIGNAL_EXITS;

/** 128 and the signal's number, as shells say it. SIGHUP comes when a terminal closes. */
const SIGNAL_EXITS = {
  ...{ SIGHUP: EXIT.hungUp, SIGINT: EXIT.interrupted, SIGQUIT: EXIT.quit, SIGTERM: EXIT.terminated },
} as const;
export const ENDING_SIGNALS = Object.keys(SIGNAL_EXITS) as readonly EndingSignal[];

export function exitOfSignal(signal: EndingSignal): ExitCode {
  return SIGNAL_EXITS[signal];
}

/** The signal that ended a run with this exit code. */
export function signalOfExit(code: ExitCode): EndingSignal | undefined {
  return ENDING_SIGNALS.find((signal) => SIGNAL_EXITS[signal] === code);
}

/** The one exit code of a run to which several apply. */
export function foremostExitCode(codes: Iterable<ExitCode>): ExitCode {
  const all = new Set(codes);
  return Object.values(EXIT).find((code) => all.has(code)) ?? EXIT.ok;
}

/** The first of several problems, with its line, and how many more there are. */
export function lineOf(problems: readonly Problem[]): string {
  const [first, ...others] = problems;
  if (first === undefined) return "something is wrong";
  const place = first.line === undefined ? "" : `line ${first.line}: `;
  return `${place}${first.message}${others.length === 0 ? "" : ` (and ${others.length} more)`}`;
}

/**
 * What stops a whole run: the only thing that is thrown on purpose. A tenant's own trouble is an outcome, a value.
 * Made by whoever finds it, caught where a command ends, told as `problems`, exits with `exitCode`.
 */
export class StopError extends Error {
  readonly exitCode: ExitCode;
  readonly problems: readonly Problem[];

  constructor(exitCode: ExitCode, problems: Problem | readonly Problem[], options?: { readonly cause?: unknown }) {
    const all = Array.isArray(problems) ? (problems as readonly Problem[]) : [problems as Problem];
    super(lineOf(all), options);
    this.name = "StopError";
    this.exitCode = exitCode;
    this.problems = all;
  }
}

/** A {@link StopError} with one {@link problem}. */
export function stopError(
  exitCode: ExitCode,
  code: ProblemCode,
  message: string,
  more: Omit<Problem, "code" | "message"> = {},
  cause?: unknown,
): StopError {
  return new StopError(exitCode, problem(code, message, more), cause === undefined ? undefined : { cause });
}
