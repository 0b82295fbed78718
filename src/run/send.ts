import type { CreateIntentRecord, LogEntry, PatchIntentRecord, WriteEnd } from "../log/records.js";
import type { PlanEntry } from "../plan/desired.js";
import type { SendAttempt, WriteCall, WriteReply } from "../server/ports.js";
import type { TaskId, TenantRef } from "../shared/ids.js";
import type { TenantError } from "../shared/outcome.js";
import { EXIT, type Problem, problem, StopError } from "../shared/problems.js";
import type { Clock } from "../shared/time.js";
import type { AbortReason, RunAbort } from "./abort.js";
import type { End, Unlogged } from "./results.js";
import type { Run, RunOptions } from "./run.js";

type Intent = CreateIntentRecord | PatchIntentRecord;

/** What became of one write. Only the outcome of one that succeeded, and what a refusal may hide, is left to its caller. */
export type Sent =
  /** The run was aborted before the intent was written: nothing is in the log. */
  | { readonly kind: "not-started" }
  | { readonly kind: "succeeded"; readonly taskId: TaskId | undefined }
  /** The server certainly did nothing for this attempt. */
  | { readonly kind: "refused"; readonly error: TenantError; readonly httpStatus: number }
  /** It certainly never began. `isHeldBack`: by the end of the run or of its source task's writes, and by nothing of its own. */
  | { readonly kind: "undone"; readonly error: TenantError; readonly end: WriteEnd; readonly isHeldBack: boolean }
  | { readonly kind: "in-doubt"; readonly error: TenantError };

/**
 * Sends one write, again and again where it provably did nothing. The order of effects is the protocol:
 *
 * 1. wait for a slot;
 * 2. the intent is on the disk;
 * 3. the last look: the lock is still this run's, and its last beat is young;
 * 4. send, and hear the reply while the slot is still taken: what it says of the others holds for the next in line;
 * 5. (the caller) the outcome is on the disk;
 * 6. (the caller) it is told.
 *
 * Dies before 2: nothing was sent, nothing is known. Between 2 and 5: an intent without an outcome, which is a doubt. Frozen
 * between 2 and 3, and taken over: 3 says so, and nothing is sent.
 * Throws only where the intent could not be made durable (a StopError of the log): then nothing was sent.
 */
export async function send(run: Run, ref: TenantRef, intent: Intent, attempt: SendAttempt): Promise<Sent> {
  const { abort, slots, clock } = run;
  const isCreate = intent.type === "create-intent";
  const source = run.source(intent.sourceTaskId);
  const canary = isCreate ? source.creates : source.updates;
  const isStopped = (): boolean => abort.isAborted || canary.isStopped;
  const call: WriteCall = {
    write: intent.write,
    idempotencyKey: intent.idempotencyKey,
    signal: abort.drained,
    mayStart: () => mayStart(run, ref),
  };
  const startedAt = clock.monotonic();
  let isWritten = false;
  let reply: WriteReply | undefined;
  let wait: number | undefined;
  for (let tries = 0; ; tries += 1) {
    await slots.run(async () => {
      wait = undefined;
      // Whoever was let through together with others may find its source task stopped once its slot is free.
      if (isStopped()) return;
      if (!isWritten) await run.recorder.record([intent]);
      isWritten = true;
      // What came while the intent was being flushed: a 429 is waited for, after a stop it stays unsent, for certain.
      await slots.untilResumed(abort.signal);
      if (isStopped()) {
        reply ??= NEVER_SENT;
        return;
      }
      run.results.countSend(ref);
      if (isCreate) run.server.creates += 1;
      slots.inFlight += 1;
      reply = await attempt(call);
      slots.inFlight -= 1;
      run.breakers.hear(reply);
      countForbidden(run, intent, reply);
      wait = waitBeforeNext(run, reply, tries, startedAt);
      if (wait === undefined && reply.kind !== "succeeded") run.breakers.countTrouble(ref);
    }, abort.signal);
    if (wait === undefined || abort.isAborted) return judge(reply, abort.reason, canary.isStopped);
    await clock.sleep(wait, abort.signal);
  }
}

/**
 * Whether a request may go now: the run was not aborted while it waited for a connection, its tenant's name is not crossed in a list
 * that was read by now, and the log lets it go. Where the log does not, the run ends. The write stays unsent for certain.
 */
function mayStart({ abort, log, server }: Run, ref: TenantRef): boolean {
  if (abort.isAborted || server.context.crossed.has(ref)) return false;
  try {
    log.checkMaySend();
    return true;
  } catch (error) {
    abort.fail(error);
    return false;
  }
}

const NEVER_SENT: WriteReply = {
  kind: "not-sent",
  refusedConnection: false,
  problem: problem("NOT_SENT", "this request was stopped before it was sent"),
};

/** What the last reply says of its own write. */
function judge(reply: WriteReply | undefined, reason: AbortReason | undefined, isSourceStopped: boolean): Sent {
  if (reply === undefined) return { kind: "not-started" };
  switch (reply.kind) {
    case "succeeded":
      return { kind: "succeeded", taskId: reply.taskId };
    case "refused":
      return { kind: "refused", error: errorOf(reply.problem, reply.httpStatus), httpStatus: reply.httpStatus };
    case "slow-down": {
      // One that was itself answered 429 until the run gave up has failed.
      const isHeldBack = isSourceStopped || (reason !== undefined && reason.kind !== "slowed-down");
      return { kind: "undone", error: errorOf(reply.problem, 429), end: "refused", isHeldBack };
    }
    case "not-sent": {
      const isHeldBack = isSourceStopped || reason !== undefined;
      return { kind: "undone", error: errorOf(reply.problem, undefined), end: "not-sent", isHeldBack };
    }
    case "stop": {
      const error = errorOf(reply.problem, reply.httpStatus);
      return reply.inDoubt ? { kind: "in-doubt", error } : { kind: "undone", error, end: "refused", isHeldBack: true };
    }
    case "in-doubt":
      return { kind: "in-doubt", error: errorOf(reply.problem, reply.httpStatus) };
    default:
      return reply satisfies never;
  }
}

function errorOf({ code, message, hint }: Problem, httpStatus: number | undefined): TenantError {
  return { code, message, hint, httpStatus };
}

/** Writes down that nobody knows what became of a write. */
export async function endInDoubt(run: Run, intent: Intent, error: TenantError): Promise<End> {
  run.gaveUpAt.set(intent.write, run.clock.monotonic());
  await run.recorder.record([outcomeOf(intent, "in-doubt", error)]);
  return { kind: "in-doubt", error };
}

/** Writes down that a write certainly did nothing. */
export async function endUndone(
  run: Run,
  entry: PlanEntry,
  intent: Intent,
  sent: Extract<Sent, { kind: "refused" | "undone" }>,
): Promise<End> {
  const { error } = sent;
  const known = { message: `nothing was done for it (${error.message}), but the log could not take that` };
  await recordOrTell(run, entry, [outcomeOf(intent, sent.kind === "refused" ? "refused" : sent.end, error)], known);
  return sent.kind === "undone" && sent.isHeldBack ? { kind: "planned", error } : run.endOfRefusal(entry.ref, error);
}

function outcomeOf({ type, write }: Intent, outcome: WriteEnd, { code, message, httpStatus }: TenantError): LogEntry {
  const record = { write, outcome, code, message, httpStatus };
  return type === "create-intent" ? { type: "create-outcome", ...record } : { type: "patch-outcome", ...record };
}

/** Records what an answer said; where the log cannot take it, that is told at once, and stands in the tenant's result. */
export async function recordOrTell(
  run: Run,
  { ref, row }: PlanEntry,
  entries: readonly LogEntry[],
  known: Unlogged,
): Promise<void> {
  try {
    await run.recorder.record(entries);
  } catch (cause) {
    run.results.tellUnlogged(ref, row.tenant, known);
    throw cause;
  }
}

/** How long refused connections are borne after the run's first answer. */
const REFUSED_FOR_MS = 30_000;
/** The least number of doubts in a row that stop a run. */
const FEWEST_DOUBTS = 5;
/** So many 403 in a row stop a source task's writes. */
const FORBIDDEN_THAT_STOP = 3;

/** What replies say of the whole run, and when they stop it. */
export class Breakers {
  readonly #options: RunOptions;
  readonly #clock: Clock;
  readonly #abort: RunAbort;
  readonly #troubled = new Set<TenantRef>();
  #doubtsInARow = 0;
  /** Since when connections have been refused without any answer between, on the monotonic clock. */
  #refusedSince: number | undefined;
  /** Since when the server has answered nothing but 429 to writes. */
  #slowedDownSince: number | undefined;

  constructor(options: RunOptions, clock: Clock, abort: RunAbort) {
    this.#options = options;
    this.#clock = clock;
    this.#abort = abort;
  }

  hear(reply: WriteReply): void {
    const now = this.#clock.monotonic();
    if (reply.kind === "stop") this.#abort.fail(new StopError(EXIT.server, reply.problem));
    if (reply.kind === "not-sent") {
      if (!reply.refusedConnection) return;
      this.#refusedSince ??= now;
      if (now - this.#refusedSince <= REFUSED_FOR_MS) return;
      const hint = reply.problem.hint ?? "Wait until the server is up again, then run the same command";
      this.#abort.fail(new StopError(EXIT.server, { ...reply.problem, hint }));
      return;
    }
    this.#refusedSince = undefined;
    this.#slowedDownSince = reply.kind === "slow-down" ? (this.#slowedDownSince ?? now) : undefined;
    // Nothing gets through: the next tenants would wait as long, one after the other.
    if (this.#slowedDownSince !== undefined && now - this.#slowedDownSince >= this.#options.timeoutMs)
      this.#abort.abort({ kind: "slowed-down" });
    // A 2xx that leaves its write in doubt (it names no ID) is an answer all the same; a 5xx is none.
    const isAnswer = reply.kind !== "in-doubt" || (reply.answered && (reply.httpStatus ?? 500) < 300);
    this.#doubtsInARow = isAnswer ? 0 : this.#doubtsInARow + 1;
    if (this.#doubtsInARow >= Math.max(FEWEST_DOUBTS, this.#options.concurrency)) this.#abort.abort({ kind: "doubts" });
  }

  /** Counts a tenant that failed or went in doubt in this run's own writes (`--max-failures`). */
  countTrouble(ref: TenantRef): void {
    this.#troubled.add(ref);
    if (this.#troubled.size >= (this.#options.maxFailures ?? Number.POSITIVE_INFINITY))
      this.#abort.abort({ kind: "failures" });
  }
}

function countForbidden(run: Run, { type, sourceTaskId }: Intent, reply: WriteReply): void {
  if (reply.kind !== "succeeded" && reply.kind !== "refused") return;
  const source = run.source(sourceTaskId);
  source.forbidden = reply.httpStatus === 403 ? source.forbidden + 1 : 0;
  if (source.forbidden >= FORBIDDEN_THAT_STOP)
    run.stopSource(sourceTaskId, type === "create-intent" ? "creates" : "updates", "403 three times in a row");
}

/** The milliseconds until the same request may go again; `undefined`: it must not, or not any more. */
function waitBeforeNext(run: Run, reply: WriteReply, tries: number, startedAt: number): number | undefined {
  const { retries, timeoutMs } = run.options.run;
  if (reply.kind === "slow-down") {
    // "At once" (0, or a date that has passed) is no wait that a server which wants less could mean.
    const wait = reply.retryAfterMs || backOffMs(tries, run.chance.fraction());
    // However long the server asks to be left alone: the others are held up no longer than a request may take.
    run.slots.slowDown(Math.min(wait, timeoutMs));
    if (wait > timeoutMs) return undefined;
    // As long as others get through it is worth waiting, however often the server says 429.
    const since = Math.max(startedAt, run.slots.lastSuccessAt);
    return tries >= retries && run.clock.monotonic() + wait - since > timeoutMs ? undefined : 0;
  }
  if (reply.kind !== "not-sent") return undefined;
  return reply.refusedConnection || tries < retries ? backOffMs(tries, run.chance.fraction()) : undefined;
}

/** The wait before try number `tries + 1`, in milliseconds: exponential, with full jitter. `fraction` is from 0 up to 1. */
function backOffMs(tries: number, fraction: number): number {
  return Math.ceil(fraction * Math.min(10_000, 200 * 2 ** Math.min(tries, 16)));
}
