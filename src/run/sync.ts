import { type IdempotencyLog, logRecorder, memoryRecorder, type Recorder } from "../log/port.js";
import type { RunEndRecord } from "../log/records.js";
import type { LogState } from "../log/state.js";
import type { Manifest } from "../manifest/manifest.js";
import { makePlan, type Plan } from "../plan/make-plan.js";
import { type Observation, observeServer } from "../plan/observe.js";
import type { TaskReader } from "../server/ports.js";
import type { TaskId } from "../shared/ids.js";
import {
  EXIT,
  type ExitCode,
  exitOfSignal,
  foremostExitCode,
  type Problem,
  problem,
  StopError,
  stopError,
} from "../shared/problems.js";
import type { Redactor } from "../shared/redaction.js";
import {
  hasPendingChanges,
  type LogHead,
  type RunResult,
  type Summary,
  summarise,
  type TenantResult,
} from "../shared/results.js";
import { untilInterrupted } from "./abort.js";
import { applyPlan, isWork } from "./apply-plan.js";
import { judgePlan } from "./guards.js";
import { plannedResult } from "./results.js";
import { Run, type SyncDeps, type SyncOptions } from "./run.js";
import { doubtsBesidePlan } from "./settle.js";

/** What is asked of a sync, whether it is carried out or only planned. */
export interface SyncRequest {
  readonly runId: string;
  /** The server's address as results and the log show it; `null` offline. */
  readonly server: string | null;
  readonly manifest: Manifest;
  readonly options: SyncOptions;
  /** The log as it was read; its state grows as the run goes on. */
  readonly state: LogState;
  /**
   * The log as it is now, for a dry run beside a live one: read when the list has been read, so that whatever task the list shows, its
   * intent is known. Without it the log is `state`.
   */
  readonly readLogAgain?: (() => Promise<{ readonly state: LogState; readonly head: LogHead | null }>) | undefined;
  /** Warnings found before the use case began. */
  readonly warnings: readonly Problem[];
  /** The options as they were typed, for the log. */
  readonly typed?: readonly string[] | undefined;
  /** SHA-256 of the saved plan that is carried out. */
  readonly planDigest?: string | undefined;
  /** `--rebind`: the address that the log was bound to; the server must show the source task and known copies. */
  readonly rebindFrom?: string | undefined;
  /** What no name may hold. */
  readonly secrets?: Redactor | undefined;
  /** A further guard over the finished plan: `--plan` compares it with the saved one. */
  readonly guard?: ((plan: Plan) => readonly Problem[]) | undefined;
}

/** What a dry run works with: a reader, or nothing at all (`--offline`). It has no writer and no log to write to. */
export interface DryRunDeps extends Pick<SyncDeps, "clock" | "emit" | "interruption"> {
  readonly reader: TaskReader | undefined;
  readonly head: LogHead | null;
}

/** `sync --dry-run`: plans, and tells the plan. Cannot write. Throws a StopError where there can be no plan (exit 2, 5). */
export async function dryRunSync(request: SyncRequest, deps: DryRunDeps) {
  const startedAt = deps.clock.now();
  let log = deps.head;
  let recorder: Recorder | undefined;
  const logNow = async (): Promise<Recorder> => {
    if (recorder !== undefined) return recorder;
    const again = await request.readLogAgain?.();
    log = again?.head ?? log;
    recorder = memoryRecorder(again?.state ?? request.state, request.runId);
    return recorder;
  };
  const { plan, refusals, warnings } = await untilInterrupted(deps.interruption, prepare(request, deps, logNow));
  const tenants = plan.items.map((item) => plannedResult(item, plan.context));
  const aside = doubtsBesidePlan(plan);
  const summary = summarise(tenants);
  deps.emit({ kind: "planned", summary });
  for (const result of tenants) deps.emit({ kind: "tenant", result });
  const codes: ExitCode[] = [];
  if (refusals.length > 0) codes.push(EXIT.guard);
  if (summary.failed > 0 || plan.troubled || aside.some(({ code }) => code === "TWIN")) codes.push(EXIT.failed);
  if (request.options.run.detailedExitCode && hasPendingChanges(summary)) codes.push(EXIT.changes);
  const told = { log, tenants, warnings: [...warnings, ...aside], errors: refusals, exitCode: foremostExitCode(codes) };
  return { plan, result: resultOf(request, startedAt, deps, { dryRun: true, ...told }) };
}

/** `sync`: makes the server match the manifest. Throws a StopError only where nothing was sent yet. */
export async function runSync(request: SyncRequest, deps: SyncDeps): Promise<RunResult> {
  const [startedAt, monotonicStart] = [deps.clock.now(), deps.clock.monotonic()];
  const { path, fileName, sha256 } = request.manifest;
  const { shape, run: options } = request.options;
  const recorder = logRecorder(request.state, deps.log, {
    id: request.runId,
    preamble: {
      type: "run",
      command: "sync",
      manifest: { path, fileName, sha256 },
      shape,
      plan: request.planDigest,
      options: request.typed,
      by: deps.by,
    },
  });
  const preparing = prepare(request, deps, () => recorder);
  const { plan, refusals, warnings } = await untilInterrupted(deps.interruption, preparing);
  for (const problem of warnings.slice(request.warnings.length)) deps.emit({ kind: "warning", problem });
  const planned = plan.items.map((item) => plannedResult(item, plan.context));
  const ended = (told: Pick<RunResult, "tenants" | "warnings" | "errors" | "exitCode">): RunResult =>
    resultOf(request, startedAt, deps, { dryRun: false, log: deps.log.head(), ...told });
  if (refusals.length > 0) {
    await recordEnd(deps.log, recorder, plan, planned, {
      exitCode: EXIT.guard,
      left: planned.length,
      errors: refusals,
    });
    return ended({ tenants: planned, warnings, errors: refusals, exitCode: EXIT.guard });
  }
  const run = new Run({ ...deps, recorder, startedAt: monotonicStart }, request.options, plan.context);
  try {
    const work = plan.items.filter((item) => isWork(item.action.kind)).slice(0, shape.limit);
    deps.emit({ kind: "planned", summary: summarise(planned) });
    deps.emit({ kind: "started", total: work.length });
    for (const result of planned) if (!isWork(result.action)) deps.emit({ kind: "tenant", result });
    await applyPlan(run, plan, work);
    const carried = new Set(work);
    const tenants = plan.items.map((item) => run.results.of(item, carried.has(item)));
    const summary = summarise(tenants);
    const codes: ExitCode[] = [];
    if (summary.inDoubt > 0) codes.push(EXIT.inDoubt);
    const isLeft = work.some((item) => run.results.of(item, true).outcome === "planned");
    if (summary.failed > 0 || isLeft || plan.troubled || run.results.troubles.size > 0) codes.push(EXIT.failed);
    if (options.detailedExitCode && summary.planned > 0) codes.push(EXIT.changes);
    // A signal that came when all was done has kept nothing back: no tenant, no last look, and no read that was given up.
    const wasLookedAt = (!run.server.sentCreate || run.server.lookedLast) && !run.abort.drained.aborted;
    const isDone = summary.planned + summary.inDoubt === 0 && wasLookedAt;
    let isSigned = deps.signHead === undefined;
    const exitCode = exitCodeOf(run, codes, isDone);
    const left = summary.planned + summary.failed + summary.inDoubt;
    const errors = errorsOf(run, summary);
    // A log that breaks only now changes the exit code.
    if (exitCode !== EXIT.log)
      await run.abort.guard(async () => {
        await recordEnd(deps.log, recorder, plan, tenants, { exitCode, left, errors });
        // After a signal nothing new starts; the next run's signature covers this one's records.
        if (run.abort.reason?.kind !== "signal") await deps.signHead?.();
        isSigned = run.abort.reason?.kind !== "signal";
      });
    const all = [...warnings, ...run.results.warnings];
    return ended({
      tenants,
      warnings: all,
      errors: errorsOf(run, summary),
      exitCode: exitCodeOf(run, codes, isDone && isSigned),
    });
  } finally {
    run.abort.release();
  }
}

/**
 * Ends a run's part of the log: what was done for nobody, and how it ended. Who looked, and found nothing to do or was refused, is in the
 * log too; but no log is begun for that.
 */
async function recordEnd(
  log: Pick<IdempotencyLog, "head">,
  recorder: Recorder,
  plan: Plan,
  tenants: readonly TenantResult[],
  { errors, ...end }: Omit<RunEndRecord, "type">,
): Promise<void> {
  if (log.head() === null) return;
  const notDone = tenants.flatMap(({ error, attempts, tenant }, at) => {
    const { sourceTaskId, key } = plan.items[at] ?? {};
    if (error === undefined || attempts > 0 || sourceTaskId === undefined || key === undefined) return [];
    const { code, message } = error;
    return [{ type: "not-done", sourceTaskId, key, tenant, code, message } as const];
  });
  const told = errors?.map(({ code, message }) => ({ code, message }));
  await recorder.record([...notDone, { type: "run-end", ...end, ...(told?.length ? { errors: told } : {}) }]);
}

async function prepare(
  request: SyncRequest,
  { reader, clock, emit }: Pick<DryRunDeps, "reader" | "clock" | "emit">,
  recorderNow: () => Recorder | Promise<Recorder>,
) {
  const { manifest, options } = request;
  if (reader !== undefined) emit({ kind: "step", message: "reading the server's tasks" });
  const observation =
    reader && (await observeServer(reader, async () => (await recorderNow()).state, sourcesOf(manifest)));
  const { tenants } = manifest;
  refuseSecrets(
    request,
    tenants.map(({ tenant, nameTemplate: name, line }) => ({ tenant, name, line })),
  );
  const recorder = await recorderNow();
  if (observation !== undefined) await rebind(request, recorder, observation);
  const plan = await makePlan({
    manifest,
    shape: options.shape,
    newLog: options.run.newLog,
    verify: options.run.verify,
    concurrency: options.run.concurrency,
    recorder,
    clock,
    server: reader && observation && { reader, observation },
  });
  // The name of a copy that is there is the server's: it is told without the secret, and stops nobody.
  refuseSecrets(
    request,
    plan.items.filter(({ action }) => action.kind === "create" || action.kind === "settle"),
  );
  const guards = judgePlan(plan, options);
  return {
    plan,
    refusals: [...guards.refusals, ...(request.guard?.(plan) ?? [])],
    warnings: [...request.warnings, ...plan.warnings, ...guards.warnings],
  };
}

/**
 * Throws a StopError (exit 2) where a tenant's key or a copy's name holds a secret: taken out of an intent, the copy would never be found
 * again.
 */
function refuseSecrets(
  { secrets, manifest: { path: file } }: SyncRequest,
  named: readonly { readonly tenant: string; readonly name?: string | undefined; readonly line?: number | undefined }[],
): void {
  const held = named.filter(({ tenant, name }) => secrets?.isIn([tenant, name]));
  if (held.length === 0) return;
  const message = "the API key stands in a tenant's key or in the name of its copy";
  throw new StopError(
    EXIT.usage,
    held.map(({ line }) => problem("KEY_IN_NAME", message, { file, line })),
  );
}

/** Accepts the server's new address where it shows the source tasks and the known copies. Throws exit 6 where it does not. */
async function rebind(
  { rebindFrom, server }: SyncRequest,
  recorder: Recorder,
  { sources, list }: Observation,
): Promise<void> {
  if (rebindFrom === undefined || server === null) return;
  for (const id of sources.keys()) {
    const wholeness = list.wholenessOf(id);
    if (wholeness.whole) continue;
    const message = `${server} does not look like ${rebindFrom}, which the log is of: ${wholeness.why}`;
    throw stopError(EXIT.log, "REBIND_REFUSED", message);
  }
  await recorder.record([{ type: "rebound", server }]);
}

/** The source tasks that a manifest's enabled rows name, each once. */
export function sourcesOf(manifest: Manifest): readonly TaskId[] {
  return [...new Set(manifest.tenants.flatMap(({ enabled, sourceTaskId }) => (enabled && sourceTaskId) || []))];
}

function exitCodeOf({ abort: { reason } }: Run, codes: readonly ExitCode[], isDone: boolean): ExitCode {
  if (reason?.kind === "fatal") return foremostExitCode([reason.error.exitCode, ...codes]);
  return foremostExitCode(reason?.kind === "signal" && !isDone ? [exitOfSignal(reason.signal), ...codes] : codes);
}

/** Why a run was stopped short of its end, as its result tells it. */
function errorsOf({ abort: { reason } }: Run, { planned, inDoubt }: Summary): readonly Problem[] {
  if (reason?.kind === "fatal") return reason.error.problems;
  // The last doubt of all, found on the server since, kept nothing back.
  if (reason === undefined || reason.kind === "signal" || (reason.kind === "doubts" && planned + inDoubt === 0))
    return [];
  return [STOPPED_BY[reason.kind]];
}

const STOPPED_BY = {
  doubts: problem(
    "TOO_MANY_DOUBTS",
    "too many writes in a row were left in doubt, by no answer or by a server error: nothing more was sent, the other tenants stay planned",
  ),
  "slowed-down": problem(
    "SLOW_DOWN",
    "the server answered every write with 429 for as long as --timeout: nothing more was sent, the other tenants stay planned",
  ),
  failures: problem(
    "MAX_FAILURES",
    "as many tenants failed or went in doubt as --max-failures allows: nothing more was sent",
  ),
};

function resultOf(
  { runId, server, manifest: { path, sha256, tenants, appNames } }: SyncRequest,
  startedAt: Date,
  { clock }: Pick<SyncDeps, "clock">,
  told: Pick<RunResult, "dryRun" | "log" | "tenants" | "warnings" | "errors" | "exitCode">,
): RunResult {
  return {
    version: 1,
    command: "sync",
    runId,
    server,
    manifest: { path, sha256, tenants: tenants.length },
    appNames: appNames && Object.fromEntries(appNames),
    startedAt: startedAt.toISOString(),
    finishedAt: clock.now().toISOString(),
    summary: summarise(told.tenants),
    ...told,
  };
}
