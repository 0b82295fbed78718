import { type IdempotencyLog, logRecorder, memoryRecorder, type Recorder } from "../log/port.js";
import type { LogEntry } from "../log/records.js";
import type { LogState } from "../log/state.js";
import type { Manifest } from "../manifest/manifest.js";
import type { PlanItem } from "../plan/decide.js";
import { makePlan, type Plan } from "../plan/make-plan.js";
import { type Observation, observeServer } from "../plan/observe.js";
import type { TaskReader, TaskWriter } from "../server/ports.js";
import type { Emit } from "../shared/events.js";
import type { TaskId } from "../shared/ids.js";
import {
  hasPendingChanges,
  type LogHead,
  type RunResult,
  type Summary,
  summarise,
  type TenantResult,
} from "../shared/outcome.js";
import { EXIT, type ExitCode, exitOfSignal, foremostExitCode, type Problem, StopError } from "../shared/problems.js";
import type { Chance, Clock } from "../shared/time.js";
import { applyPlan, isWork } from "./apply-plan.js";
import { doubtsBesidePlan } from "./doubts-aside.js";
import { type GuardFindings, judgePlan } from "./guards.js";
import { type Interruption, untilInterrupted } from "./halts.js";
import { RunSession } from "./session.js";
import type { SyncOptions } from "./sync-options.js";
import { plannedResult, plannedSummary } from "./tenant-results.js";

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
  readonly readLogAgain?: (() => ReadAgain) | undefined;
  /** Warnings found before the use case began. */
  readonly warnings: readonly Problem[];
  /** SHA-256 of the saved plan that is carried out. */
  readonly planDigest?: string | undefined;
  /** `--rebind`: the address that the log was bound to; the server must show the source task and known copies. */
  readonly rebindFrom?: string | undefined;
  /** A further guard over the finished plan: `--plan` compares it with the saved one. */
  readonly guard?: ((plan: Plan) => readonly Problem[]) | undefined;
}

/** The log's state and head. */
export interface ReadAgain {
  readonly state: LogState;
  readonly head: LogHead | null;
}

/** What a dry run works with: a reader, or nothing at all (`--offline`). It has no writer and no log to write to. */
export interface RehearsalDeps {
  readonly reader: TaskReader | undefined;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly head: LogHead | null;
  readonly interruption: Interruption;
}

/** What a run works with. */
export interface SyncDeps {
  readonly reader: TaskReader;
  readonly writer: TaskWriter;
  readonly log: IdempotencyLog;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly emit: Emit;
  readonly interruption: Interruption;
}

/** A dry run's result, and the plan it shows. */
export interface Rehearsal {
  readonly result: RunResult;
  readonly plan: Plan;
}

/** `sync --dry-run`: plans, and tells the plan. Cannot write. Throws a StopError where there can be no plan (exit 2, 5). */
export async function rehearseSync(request: SyncRequest, deps: RehearsalDeps): Promise<Rehearsal> {
  const startedAt = deps.clock.now().toISOString();
  let { head } = deps;
  let recorder: Recorder | undefined;
  const logNow = (): Recorder => {
    if (recorder !== undefined) return recorder;
    const again = request.readLogAgain?.();
    head = again?.head ?? head;
    recorder = memoryRecorder(again?.state ?? request.state, request.runId);
    return recorder;
  };
  const { plan, guards } = await untilInterrupted(deps.interruption, prepare(request, { ...deps, recorder: logNow }));
  const tenants = plan.items.map((item) => plannedResult(item, plan.context));
  const aside = doubtsBesidePlan(plan);
  const summary = summarise(tenants);
  deps.emit({ kind: "planned", summary });
  for (const result of tenants) deps.emit({ kind: "tenant", result });
  const codes: ExitCode[] = [];
  if (guards.refusals.length > 0) codes.push(EXIT.guard);
  if (summary.failed > 0 || plan.troubled || aside.some(({ code }) => code === "TWIN")) codes.push(EXIT.failed);
  if (request.options.run.detailedExitCode && hasPendingChanges(summary)) codes.push(EXIT.changes);
  const result: RunResult = {
    ...resultFrame(request, { startedAt, clock: deps.clock, dryRun: true }),
    log: head,
    summary,
    tenants,
    warnings: [...request.warnings, ...plan.warnings, ...guards.warnings, ...aside],
    errors: guards.refusals,
    exitCode: foremostExitCode(codes),
  };
  return { result, plan };
}

/** `sync`: makes the server match the manifest. Throws a StopError only where nothing was sent yet. */
export async function runSync(request: SyncRequest, deps: SyncDeps): Promise<RunResult> {
  const startedAt = deps.clock.now().toISOString();
  const preamble = runRecord(request);
  const recorder = logRecorder(request.state, deps.log, { id: request.runId, preamble });
  const { plan, guards } = await untilInterrupted(
    deps.interruption,
    prepare(request, { ...deps, recorder: () => recorder }),
  );
  for (const problem of [...plan.warnings, ...guards.warnings]) deps.emit({ kind: "warning", problem });
  if (guards.refusals.length > 0) return refusedResult(request, deps, { startedAt, plan, guards });
  const session = new RunSession({ ...deps, recorder }, request.options, plan.context);
  try {
    const carried = withinLimit(plan.items, request.options.shape.limit);
    deps.emit({ kind: "planned", summary: plannedSummary(plan.items) });
    deps.emit({ kind: "started", total: carried.length });
    for (const item of plan.items)
      if (!isWork(item.action)) deps.emit({ kind: "tenant", result: plannedResult(item, plan.context) });
    await applyPlan(session, plan, carried);
    const tenants = tenantsAfter(session, plan, new Set(carried));
    const summary = summarise(tenants);
    const exitCode = await endLog({
      session,
      recorder,
      summary,
      exitCode: exitCodeOf({ session, plan, carried, summary, request }),
    });
    return {
      ...resultFrame(request, { startedAt, clock: deps.clock, dryRun: false }),
      log: headOf(deps.log),
      summary,
      tenants,
      warnings: [...request.warnings, ...plan.warnings, ...guards.warnings, ...session.warnings],
      errors: errorsOf(session, summary),
      exitCode,
    };
  } finally {
    session.halts.release();
  }
}

async function prepare(
  request: SyncRequest,
  deps: Pick<RehearsalDeps, "reader" | "clock" | "emit"> & { readonly recorder: () => Recorder },
): Promise<{ readonly plan: Plan; readonly guards: GuardFindings }> {
  const { manifest, options } = request;
  const { reader, emit } = deps;
  if (reader !== undefined) emit({ kind: "step", message: "reading the server's tasks" });
  const observation =
    reader === undefined ? undefined : await observeServer(reader, () => deps.recorder().state, sourcesOf(manifest));
  const recorder = deps.recorder();
  if (observation !== undefined) await rebind(request, recorder, observation);
  const plan = await makePlan({
    manifest,
    shape: options.shape,
    newLog: options.run.newLog,
    verify: options.run.verify,
    recorder,
    clock: deps.clock,
    server: reader === undefined || observation === undefined ? undefined : { reader, observation },
  });
  const findings = judgePlan(plan, options);
  const further = request.guard?.(plan) ?? [];
  return { plan, guards: { ...findings, refusals: [...findings.refusals, ...further] } };
}

/** Accepts the server's new address where it shows the source tasks and the known copies. Throws exit 6 where it does not. */
async function rebind(request: SyncRequest, recorder: Recorder, observation: Observation): Promise<void> {
  if (request.rebindFrom === undefined || request.server === null) return;
  for (const id of observation.sources.keys()) {
    const wholeness = observation.list.wholenessOf(id);
    if (!wholeness.whole)
      throw new StopError(EXIT.log, {
        code: "REBIND_REFUSED",
        message: `${request.server} does not look like ${request.rebindFrom}, which the log is of: ${wholeness.why}`,
        hint: "Check --server; a log must never be used with another server",
      });
  }
  await recorder.record([{ type: "rebound", server: request.server }]);
}

/** The source tasks that a manifest's enabled rows name, each once. */
export function sourcesOf(manifest: Manifest): readonly TaskId[] {
  const sources = new Set<TaskId>();
  for (const { enabled, sourceTaskId } of manifest.tenants)
    if (enabled && sourceTaskId !== undefined) sources.add(sourceTaskId);
  return [...sources];
}

function withinLimit(items: readonly PlanItem[], limit: number | undefined): readonly PlanItem[] {
  const work = items.filter((item) => isWork(item.action));
  return limit === undefined ? work : work.slice(0, limit);
}

function tenantsAfter(session: RunSession, plan: Plan, carried: ReadonlySet<PlanItem>): readonly TenantResult[] {
  return plan.items.map((item) => {
    if (carried.has(item)) return session.resultOf(item);
    const result = plannedResult(item, session.context);
    const error = session.troubles.get(item.ref);
    if (error === undefined || result.error !== undefined) return result;
    // A second task leaves the copy what it is. A crossed name leaves nothing that could be said of it.
    return error.code === "TWIN" ? { ...result, error } : { ...result, outcome: "failed", verified: false, error };
  });
}

function exitCodeOf(of: {
  readonly session: RunSession;
  readonly plan: Plan;
  readonly carried: readonly PlanItem[];
  readonly summary: Summary;
  readonly request: SyncRequest;
}): ExitCode {
  const { session, plan, carried, summary } = of;
  const codes: ExitCode[] = [];
  const halt = session.halts.reason;
  if (halt?.kind === "fatal") codes.push(halt.error.exitCode);
  if (halt?.kind === "signal") codes.push(exitOfSignal(halt.signal));
  if (summary.inDoubt > 0) codes.push(EXIT.inDoubt);
  const notReached = carried.some((item) => session.resultOf(item).outcome === "planned");
  if (summary.failed > 0 || notReached || plan.troubled || session.troubles.size > 0) codes.push(EXIT.failed);
  if (of.request.options.run.detailedExitCode && summary.planned > 0) codes.push(EXIT.changes);
  return foremostExitCode(codes);
}

/** A run that wrote to the log ends its part of it. Returns the exit code, which a log that breaks only now changes. */
async function endLog(of: {
  readonly session: RunSession;
  readonly recorder: Recorder & { readonly recorded: () => boolean };
  readonly summary: Summary;
  readonly exitCode: ExitCode;
}): Promise<ExitCode> {
  if (!of.recorder.recorded() || of.exitCode === EXIT.log) return of.exitCode;
  const { planned: left, failed, inDoubt } = of.summary;
  try {
    await of.recorder.record([{ type: "run-end", exitCode: of.exitCode, left: left + failed + inDoubt }]);
    return of.exitCode;
  } catch (error) {
    if (!(error instanceof StopError)) throw error;
    of.session.halts.halt({ kind: "fatal", error });
    return foremostExitCode([of.exitCode, error.exitCode]);
  }
}

function errorsOf(session: RunSession, { planned, inDoubt }: Summary): readonly Problem[] {
  const halt = session.halts.reason;
  switch (halt?.kind) {
    case "fatal":
      return halt.error.problems;
    case "doubts":
      // The last of all, and found on the server since: it kept nothing back.
      if (planned + inDoubt === 0) return [];
      return [
        {
          code: "TOO_MANY_DOUBTS",
          message:
            "too many writes in a row were left in doubt, by no answer or by a server error: nothing more was sent, the other tenants stay planned",
          hint: "Find out what stands between this machine and the server, then run the same command again",
        },
      ];
    case "slowed-down":
      return [
        {
          code: "SLOW_DOWN",
          message: `the server answered every write with 429 for as long as --timeout: nothing more was sent, the other tenants stay planned`,
          hint: "Wait, then run the same command again with a lower --concurrency or a --rate",
        },
      ];
    case "failures":
      return [
        {
          code: "MAX_FAILURES",
          message: `${session.options.run.maxFailures} tenants failed or went in doubt (--max-failures): nothing more was sent`,
          hint: "Read the failures, correct their cause, then run the same command again",
        },
      ];
    default:
      return [];
  }
}

/** The log's head; a refused run makes no file, and what is not there has no head. */
function headOf(log: IdempotencyLog): LogHead | null {
  const head = log.head();
  return head.digest === "" ? null : head;
}

function refusedResult(
  request: SyncRequest,
  deps: SyncDeps,
  of: { readonly startedAt: string; readonly plan: Plan; readonly guards: GuardFindings },
): RunResult {
  const tenants = of.plan.items.map((item) => plannedResult(item, of.plan.context));
  return {
    ...resultFrame(request, { startedAt: of.startedAt, clock: deps.clock, dryRun: false }),
    log: headOf(deps.log),
    summary: summarise(tenants),
    tenants,
    warnings: [...request.warnings, ...of.plan.warnings, ...of.guards.warnings],
    errors: of.guards.refusals,
    exitCode: EXIT.guard,
  };
}

function resultFrame(
  request: SyncRequest,
  at: { readonly startedAt: string; readonly clock: Clock; readonly dryRun: boolean },
): Pick<RunResult, "version" | "command" | "dryRun" | "runId" | "server" | "manifest" | "startedAt" | "finishedAt"> {
  const { manifest } = request;
  return {
    version: 1,
    command: "sync",
    dryRun: at.dryRun,
    runId: request.runId,
    server: request.server,
    manifest: { path: manifest.path, sha256: manifest.sha256, tenants: manifest.tenants.length },
    startedAt: at.startedAt,
    finishedAt: at.clock.now().toISOString(),
  };
}

function runRecord(request: SyncRequest): LogEntry {
  const { path, fileName, sha256 } = request.manifest;
  return {
    type: "run",
    command: "sync",
    manifest: { path, fileName, sha256 },
    shape: request.options.shape,
    plan: request.planDigest,
  };
}
