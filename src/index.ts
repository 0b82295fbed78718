import { env, pid, platform } from "node:process";
import { processExists } from "./cli/program.js";
import { ABSENT, Advice, OPTIONS, type OptionSpec, type Values } from "./commands/options.js";
import { connectionOptions, SHAPING, syncJob } from "./commands/settings.js";
import { librarySync } from "./commands/sync.js";
import { EXIT, type Problem, stopError } from "./shared/problems.js";
import { shellOf } from "./shared/quoting.js";
import { Redactor } from "./shared/redaction.js";
import type { RunEvent, RunResult } from "./shared/results.js";

export { EXIT, type ExitCode, type Problem, StopError } from "./shared/problems.js";
export type { ActionKind, Outcome, RunEvent, RunResult, Summary, TenantError, TenantResult } from "./shared/results.js";

/** The options of the command line's `sync` that a call may give, by their names in camel case; times are milliseconds. */
const CALL_OPTIONS = [
  ...SHAPING,
  ...(["newLog", "dryRun", "verify", "settleMs", "concurrency", "maxFailures", "maxChanges"] as const),
  ...(["timeoutMs", "retries", "rate", "caFiles", "insecure", "allowHttp", "idempotencyLog", "encoding"] as const),
];

type Unbranded<T> = T extends string ? (string extends T ? string : T extends "row" | "report" ? T : string) : T;

/** What a program asks of {@link sync}. The defaults are the command line's. */
export type SyncCall = {
  readonly [K in (typeof CALL_OPTIONS)[number]]?: Unbranded<Values[K]> | undefined;
} & {
  /** The manifest's path. */
  readonly manifest: string;
  /** As `--server` takes it. */
  readonly server: string;
  /** The key itself; it is in no byte of the log or of a result. */
  readonly apiKey: string;
  /** Told of every step, as the command line's progress is. */
  readonly onEvent?: ((event: RunEvent) => void) | undefined;
  /** Aborted: nothing new starts, at most 5 s for what is in flight, the rest is written down as in doubt. */
  readonly signal?: AbortSignal | undefined;
};

/**
 * Makes the server match the manifest, or with `dryRun` tells what would be done. The result is the command line's, with its
 * exit code. Rejects with a {@link StopError} where the run could not start: `problems` says why, `exitCode` which kind.
 */
export async function sync(call: SyncCall): Promise<RunResult> {
  const emit = call.onEvent ?? (() => undefined);
  const never = new AbortController().signal;
  const machine = {
    env,
    cwd: ".",
    argv0: "qalyptus-propagate",
    input: async function* () {},
    pid,
    processExists,
    platform,
    shell: shellOf(platform, env),
    version: "library",
    interruption: () => ({ requested: call.signal ?? never, immediate: never, signal: () => "SIGINT" as const }),
    secrets: new Redactor(),
  };
  const warn = async (problems: readonly Problem[]): Promise<void> => {
    for (const each of problems) emit({ kind: "warning", problem: each });
  };
  const values = valuesOf(call);
  const job = {
    ...values,
    ...syncJob(values),
    manifest: call.manifest,
    connection: {
      server: { text: call.server, from: "--server" as const },
      apiKey: { kind: "variable" as const, name: "apiKey", text: call.apiKey },
      ...connectionOptions(values),
    },
    warnings: [],
  };
  return librarySync(machine, job, { emit, warn });
}

/** What the call gives; text is checked as the command line checks it. */
function valuesOf(call: SyncCall): Values {
  const given = CALL_OPTIONS.flatMap((key) => {
    const { parse }: OptionSpec = OPTIONS[key];
    const checked = (value: unknown): unknown => {
      const parsed = typeof value === "string" ? parse(value, key) : value;
      if (!(parsed instanceof Advice)) return parsed;
      const { code, hint } = parsed;
      throw stopError(EXIT.usage, code, `${key} cannot be "${value}"`, { hint, value: String(value) });
    };
    const value: unknown = call[key];
    return value === undefined ? [] : [[key, Array.isArray(value) ? value.map(checked) : checked(value)]];
  });
  return { ...ABSENT, ...Object.fromEntries(given) };
}
