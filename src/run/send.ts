import type { CreateIntentRecord, LogEntry, PatchIntentRecord, WriteEnd } from "../log/records.js";
import type { PlanEntry } from "../plan/desired.js";
import type { SendAttempt, WriteCall, WriteReply } from "../server/ports.js";
import type { TaskId, TenantRef } from "../shared/ids.js";
import { EXIT, problem, StopError } from "../shared/problems.js";
import { LEAST_TOLD_MS, type TenantError } from "../shared/results.js";
import { type End, PLANNED, type Unlogged } from "./results.js";
import type { Run } from "./run.js";

type Intent = CreateIntentRecord | PatchIntentRecord;

/** What became of one write. */
export type Sent =
  /** Its outcome is left to its caller to write down. */
  | { readonly kind: "succeeded"; readonly taskId: TaskId | undefined }
  /** Its outcome is in the log, if it was begun at all. `refusedWith`: the status of a certain refusal. */
  | { readonly kind: "ended"; readonly end: End; readonly refusedWith?: number };

/**
 * Sends one write, again and again where it provably did nothing. The order of effects is the protocol:
 *
 * 1. wait for a slot;
 * 2. the intent is on the disk;
 * 3. the last look: the lock is still this run's, and its last beat is young;
 * 4. send, and hear the reply while the slot is still taken: what it says of the others holds for the next in line;
 * 5. the outcome is on the disk (of a success by the caller);
 * 6. (the caller) it is told.
 *
 * Dies before 2: nothing was sent, nothing is known. Between 2 and 5: an intent without an outcome, which is a doubt. Frozen
 * between 2 and 3, and taken over: 3 says so, and nothing is sent.
 * `lookBack` says what a refusal is, by what the server shows. Rejects only for a broken log.
 */
export async function send(
  run: Run,
  entry: PlanEntry,
  intent: Intent,
  attempt: SendAttempt,
  lookBack: (httpStatus: number) => Promise<WriteEnd>,
): Promise<Sent> {
  const { abort, slots, clock } = run;
  const isCreate = intent.type === "create-intent";
  const source = run.source(intent.sourceTaskId);
  const canary = isCreate ? source.creates : source.updates;
  const isStopped = (): boolean => abort.isAborted || canary.state === "stopped";
  const call: WriteCall = {
    write: intent.write,
    idempotencyKey: intent.idempotencyKey,
    signal: abort.drained,
    mayStart: () => mayStart(run, entry.ref),
  };
  const startedAt = clock.monotonic();
  let isWritten = false;
  let wait: number | undefined;
  let last: WriteReply | undefined;
  for (let tries = 0; tries === 0 || (wait !== undefined && !abort.isAborted); tries += 1) {
    if (wait !== undefined) await clock.sleep(wait, abort.signal);
    last = await slots.run(async () => {
      wait = undefined;
      // Whoever was let through together with others may find its source task stopped once its slot is free.
      if (isStopped()) return last;
      if (!isWritten) await run.recorder.record([intent]);
      isWritten = true;
      // What came while the intent was being flushed: a 429 is waited for, after a stop it stays unsent, for certain.
      await slots.untilResumed(abort.signal);
      if (isStopped()) return last ?? NEVER_SENT;
      run.results.countSend(entry.ref);
      if (isCreate) run.server.sentCreate = true;
      slots.inFlight += 1;
      const reply = await attempt(call);
      slots.inFlight -= 1;
      run.breakers.hear(reply);
      countForbidden(run, intent, reply);
      wait = waitBeforeNext(run, reply, tries, startedAt);
      if (wait === undefined && reply.kind !== "succeeded") run.breakers.countTrouble(entry.ref);
      return reply;
    }, abort.signal);
  }
  if (last === undefined) return { kind: "ended", end: PLANNED };
  if (last.kind === "succeeded") return { kind: "succeeded", taskId: last.taskId };
  const outcome = last.kind === "refused" ? await lookBack(last.httpStatus) : judge(last);
  if (outcome === "succeeded") return { kind: "succeeded", taskId: undefined };
  const error = errorOf(last);
  if (outcome === "in-doubt") return { kind: "ended", end: await endInDoubt(run, intent, error) };
  const isSlow = last.kind === "slow-down" && abort.reason?.kind === "slowed-down";
  const isHeldBack = last.kind !== "refused" && isStopped() && (canary.state === "stopped" || !isSlow);
  const known = { message: `nothing was done for it (${error.message}), but the log could not take that` };
  await recordOrTell(run, entry, [outcomeOf(intent, outcome, error)], known);
  const end: End = isHeldBack ? { kind: "planned", error } : run.endOfRefusal(entry.ref, error);
  return { kind: "ended", end, ...(last.kind === "refused" && { refusedWith: last.httpStatus }) };
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

type Failure = Exclude<WriteReply, { kind: "succeeded" }>;

/** What a reply that is no success says of its own write. */
function judge(reply: Failure): WriteEnd {
  if (reply.kind === "stop") return reply.inDoubt ? "in-doubt" : "refused";
  return reply.kind === "slow-down" ? "refused" : reply.kind;
}

function errorOf(reply: Failure): TenantError {
  const { code, message, hint } = reply.problem;
  const httpStatus = "httpStatus" in reply ? reply.httpStatus : reply.kind === "slow-down" ? 429 : undefined;
  return { code, message, hint, httpStatus };
}

/** Writes down that nobody knows what became of a write. */
export async function endInDoubt(run: Run, intent: Intent, error: TenantError): Promise<End> {
  run.gaveUpAt.set(intent.write, run.clock.monotonic());
  await run.recorder.record([outcomeOf(intent, "in-doubt", error)]);
  return { kind: "in-doubt", error };
}

function outcomeOf({ type, write }: Intent, outcome: WriteEnd, { code, message, httpStatus }: TenantError): LogEntry {
  const record = { write, outcome, code, message, httpStatus };
  return type === "create-intent" ? { type: "create-outcome", ...record } : { type: "patch-outcome", ...record };
}

/** Records what an answer said; where the log cannot take it, that is told at once, and stands in the tenant's result. */
export async function recordOrTell(
  run: Run,
  { ref, tenant }: PlanEntry,
  entries: readonly LogEntry[],
  known: Unlogged,
): Promise<void> {
  try {
    await run.recorder.record(entries);
  } catch (cause) {
    run.results.tellUnlogged(ref, tenant, known);
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
  readonly #run: Run;
  readonly #troubled = new Set<TenantRef>();
  #doubtsInARow = 0;
  /** Since when connections have been refused without any answer between, on the monotonic clock. */
  #refusedSince: number | undefined;
  /** Since when the server has answered nothing but 429 to writes. */
  #slowedDownSince: number | undefined;

  constructor(run: Run) {
    this.#run = run;
  }

  hear(reply: WriteReply): void {
    const { abort, clock, options } = this.#run;
    const now = clock.monotonic();
    if (reply.kind === "stop") abort.fail(new StopError(EXIT.server, reply.problem));
    if (reply.kind === "not-sent") {
      if (!reply.refusedConnection) return;
      this.#refusedSince ??= now;
      if (now - this.#refusedSince <= REFUSED_FOR_MS) return;
      abort.fail(new StopError(EXIT.server, reply.problem));
      return;
    }
    this.#refusedSince = undefined;
    this.#slowedDownSince = reply.kind === "slow-down" ? (this.#slowedDownSince ?? now) : undefined;
    // Nothing gets through: the next tenants would wait as long, one after the other.
    if (this.#slowedDownSince !== undefined && now - this.#slowedDownSince >= options.run.timeoutMs)
      abort.abort({ kind: "slowed-down" });
    // A 2xx that leaves its write in doubt (it names no ID) is an answer all the same; a 5xx is none.
    const isAnswer = reply.kind !== "in-doubt" || (reply.answered && (reply.httpStatus ?? 500) < 300);
    this.#doubtsInARow = isAnswer ? 0 : this.#doubtsInARow + 1;
    if (this.#doubtsInARow >= Math.max(FEWEST_DOUBTS, options.run.concurrency)) abort.abort({ kind: "doubts" });
  }

  /** Counts a tenant that failed or went in doubt in this run's own writes (`--max-failures`). */
  countTrouble(ref: TenantRef): void {
    const { abort, options } = this.#run;
    this.#troubled.add(ref);
    if (this.#troubled.size >= (options.run.maxFailures ?? Number.POSITIVE_INFINITY)) abort.abort({ kind: "failures" });
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
    if (run.slots.slowDown(Math.min(wait, timeoutMs)) && wait >= LEAST_TOLD_MS)
      run.emit({ kind: "waiting", reason: "the server asks for a pause (429)", ms: Math.min(wait, timeoutMs) });
    if (wait > timeoutMs) return undefined;
    // As long as others get through it is worth waiting, however often the server says 429.
    const since = Math.max(startedAt, run.slots.lastSuccessAt);
    return tries >= retries && run.clock.monotonic() + wait - since > timeoutMs ? undefined : 0;
  }
  if (reply.kind !== "not-sent") return undefined;
  if (!reply.refusedConnection && tries >= retries) return undefined;
  const wait = backOffMs(tries, run.chance.fraction());
  if (wait >= LEAST_TOLD_MS)
    run.emit({ kind: "waiting", reason: `before it is sent again: ${reply.problem.message}`, ms: wait });
  return wait;
}

/** The wait before try number `tries + 1`, in milliseconds: exponential, with full jitter. `fraction` is from 0 up to 1. */
function backOffMs(tries: number, fraction: number): number {
  return Math.ceil(fraction * Math.min(10_000, 200 * 2 ** Math.min(tries, 16)));
}
