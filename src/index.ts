import { env, kill, pid } from "node:process";
import { askedOf, performSync, type SyncJob } from "./commands/sync-job.js";
import type { Interruption } from "./run/abort.js";
import type { RunEvent } from "./shared/events.js";
import { parseAppId, parseTaskId } from "./shared/ids.js";
import type { ActionKind, Outcome, RunResult, Summary, TenantError, TenantResult } from "./shared/outcome.js";
import { EXIT, type ExitCode, type Problem, StopError } from "./shared/problems.js";

export type { ActionKind, ExitCode, Outcome, Problem, RunEvent, RunResult, Summary, TenantError, TenantResult };
export { EXIT, StopError };

/** What a program asks of {@link sync}. The defaults are the command line's; times are milliseconds. */
export interface SyncCall {
  /** The manifest's path. */
  readonly manifest: string;
  /** As `--server` takes it. */
  readonly server: string;
  /** The key itself; it is in no byte of the log or of a result. */
  readonly apiKey: string;
  /** The log's path; beside the manifest unless given. */
  readonly idempotencyLog?: string | undefined;
  readonly sourceTask?: string | undefined;
  readonly masterApp?: string | undefined;
  readonly reports?: readonly string[] | undefined;
  readonly reportId?: "row" | "report" | undefined;
  readonly name?: string | undefined;
  readonly dryRun?: boolean | undefined;
  readonly verify?: boolean | undefined;
  readonly adopt?: boolean | undefined;
  readonly recreate?: boolean | undefined;
  readonly only?: readonly string[] | undefined;
  readonly limit?: number | undefined;
  readonly allowSharedApp?: readonly string[] | undefined;
  readonly allowMasterApp?: readonly string[] | undefined;
  readonly allowUnmappedReport?: readonly string[] | undefined;
  readonly allowLiveSource?: boolean | undefined;
  readonly newLog?: boolean | undefined;
  readonly concurrency?: number | undefined;
  readonly rate?: number | undefined;
  readonly retries?: number | undefined;
  readonly timeoutMs?: number | undefined;
  readonly settleMs?: number | undefined;
  readonly maxFailures?: number | undefined;
  readonly maxChanges?: number | undefined;
  readonly caFiles?: readonly string[] | undefined;
  readonly insecure?: boolean | undefined;
  readonly encoding?: string | undefined;
  /** Told of every step, as the command line's progress is. */
  readonly onEvent?: ((event: RunEvent) => void) | undefined;
  /** Aborted: nothing new starts, at most 5 s for what is in flight, the rest is written down as in doubt. */
  readonly signal?: AbortSignal | undefined;
}

const DEFAULT_TIMEOUT_MS = 60_000;
const LEAST_SETTLE_MS = 15_000;

/**
 * Makes the server match the manifest, or with `dryRun` tells what would be done. The result is the command line's, with its
 * exit code. Rejects with a {@link StopError} where the run could not start: `problems` says why, `exitCode` which kind.
 */
export async function sync(call: SyncCall): Promise<RunResult> {
  const emit = call.onEvent ?? (() => undefined);
  const machine = {
    env,
    cwd: ".",
    argv0: "qalyptus-propagate",
    stdin: NO_INPUT,
    pid,
    processExists,
    version: "library",
    interruption: () => interruptionOf(call.signal),
    redact: () => undefined,
  };
  const warn = async (problems: readonly Problem[]): Promise<void> => {
    for (const problem of problems) emit({ kind: "warning", problem });
  };
  return (await performSync(machine, await askedOf(machine, jobOf(call)), { emit, warn })).result;
}

function jobOf(call: SyncCall): SyncJob {
  const timeoutMs = call.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const retries = call.retries ?? 4;
  return {
    manifest: call.manifest,
    encoding: call.encoding,
    idempotencyLog: call.idempotencyLog,
    connection: {
      server: { text: call.server, from: "--server" },
      apiKey: { kind: "variable", name: "apiKey", text: call.apiKey },
      caFiles: call.caFiles ?? [],
      insecure: call.insecure ?? false,
      timeoutMs,
      retries,
      rate: call.rate,
    },
    shape: {
      sourceTask: call.sourceTask === undefined ? undefined : guid("sourceTask", call.sourceTask, parseTaskId),
      masterApp: call.masterApp === undefined ? undefined : guid("masterApp", call.masterApp, parseAppId),
      reports: call.reports ?? [],
      reportId: call.reportId ?? "row",
      name: call.name,
      adopt: call.adopt ?? false,
      recreate: call.recreate ?? false,
      only: call.only ?? [],
      limit: call.limit,
      allowSharedApp: (call.allowSharedApp ?? []).map((app) => guid("allowSharedApp", app, parseAppId)),
      allowMasterApp: call.allowMasterApp ?? [],
      allowUnmappedReport: call.allowUnmappedReport ?? [],
      allowLiveSource: call.allowLiveSource ?? false,
    },
    run: {
      dryRun: call.dryRun ?? false,
      offline: false,
      verify: call.verify ?? false,
      newLog: call.newLog ?? false,
      settleMs: call.settleMs ?? Math.max(timeoutMs, LEAST_SETTLE_MS),
      timeoutMs,
      concurrency: call.concurrency ?? 8,
      retries,
      maxFailures: call.maxFailures,
      maxChanges: call.maxChanges,
      detailedExitCode: false,
    },
    resume: false,
    plan: undefined,
    savePlan: undefined,
    apps: undefined,
    breakLock: undefined,
    rebind: false,
    warnings: [],
  };
}

function guid<T>(name: string, text: string, parse: (text: string) => T | undefined): T {
  const id = parse(text);
  if (id !== undefined) return id;
  throw new StopError(EXIT.usage, { code: "NOT_A_GUID", message: `${name}: "${text}" is no GUID`, value: text });
}

/** A library's caller has no standard input to give. */
const NO_INPUT = {
  isTTY: false,
  readAll: async () => new Uint8Array(),
  get stream(): NodeJS.ReadableStream {
    throw new TypeError("the library asks nobody");
  },
};

function processExists(other: number): boolean {
  try {
    return kill(other, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

function interruptionOf(signal: AbortSignal | undefined): Interruption {
  const never = new AbortController().signal;
  return { requested: signal ?? never, immediate: never, signal: () => "SIGINT" };
}
