import type { CreateIntentRecord, PatchIntentRecord } from "../log/records.js";
import type { SendAttempt, WriteCall, WriteReply } from "../server/ports.js";
import type { TenantRef } from "../shared/ids.js";
import { EXIT, StopError } from "../shared/problems.js";
import { backOffMs } from "./back-off.js";
import type { Canary } from "./canary.js";
import type { RunSession } from "./session.js";

/** One write: what the log keeps of it, and how one attempt is sent. */
export interface Write {
  readonly ref: TenantRef;
  readonly intent: CreateIntentRecord | PatchIntentRecord;
  readonly send: SendAttempt;
  /** Stops this source task's writes of this kind, and says why. */
  readonly stopOthers: (why: string) => void;
}

/** `not-started`: the run was halted before the intent was written; nothing is in the log. */
export type Sent = WriteReply | { readonly kind: "not-started" };

/** How long refused connections are borne after the run's first answer. */
const REFUSED_FOR_MS = 30_000;

/** So many 403 in a row stop a source task's writes. */
const FORBIDDEN_THAT_STOP = 3;

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
export async function sendWrite(session: RunSession, write: Write): Promise<Sent> {
  const { deps, halts, slots } = session;
  const call: WriteCall = {
    write: write.intent.write,
    idempotencyKey: write.intent.idempotencyKey,
    signal: halts.drained,
    mayStart: () => mayStart(session, write.ref),
  };
  const gate = gateOfWrite(session, write);
  const startedAt = deps.clock.monotonic();
  let written = false;
  let last: Sent = { kind: "not-started" };
  let wait: number | undefined;
  for (let tries = 0; ; tries += 1) {
    await slots.run(async () => {
      wait = undefined;
      // Whoever was let through together with others may find its source task stopped once its slot is free.
      if (halts.reason !== undefined || gate.isStopped) return;
      if (!written) await deps.recorder.record([write.intent]);
      written = true;
      // What came while the intent was being flushed: a 429 is waited for, after a stop it stays unsent, for certain.
      if (slots.isHeldUp) await slots.untilResumed(halts.halted);
      if (isStopped(session, gate)) {
        if (last.kind === "not-started") last = NEVER_SENT;
        return;
      }
      session.countSend(write.ref);
      if (write.intent.type === "create-intent") session.sentCreates = true;
      session.inFlight += 1;
      last = await write.send(call);
      session.inFlight -= 1;
      wait = hear(session, write, { reply: last, tries, startedAt });
    }, halts.halted);
    if (wait === undefined || halts.reason !== undefined) return last;
    await deps.clock.sleep(wait, halts.halted);
  }
}

function gateOfWrite(session: RunSession, write: Write): Canary {
  const { type, sourceTaskId } = write.intent;
  return type === "create-intent" ? session.createGate(sourceTaskId) : session.patchGate(sourceTaskId);
}

/**
 * Whether a request may go now: the run was not stopped while it waited for a connection, its tenant's name is not crossed in a list
 * that was read by now, and the log lets it go. Where the log does not, the run ends. The write stays unsent for certain.
 */
function mayStart({ context, deps, halts }: RunSession, ref: TenantRef): boolean {
  if (halts.reason !== undefined || context.crossed.has(ref)) return false;
  try {
    deps.log.checkMaySend();
    return true;
  } catch (error) {
    if (!(error instanceof StopError)) throw error;
    halts.halt({ kind: "fatal", error });
    return false;
  }
}

const NEVER_SENT: Sent = {
  kind: "not-sent",
  refusedConnection: false,
  problem: {
    code: "NOT_SENT",
    message: "this request was stopped before it was sent",
    hint: "Run the same command again",
  },
};

function isStopped(session: RunSession, gate: Canary): boolean {
  return session.halts.reason !== undefined || gate.isStopped;
}

interface Heard {
  readonly reply: WriteReply;
  readonly tries: number;
  readonly startedAt: number;
}

/**
 * Takes in what a reply says of the whole run and of its source task. Returns the milliseconds until the same request may go
 * again; `undefined`: it must not, or not any more.
 */
function hear(session: RunSession, write: Write, heard: Heard): number | undefined {
  const { reply } = heard;
  if (reply.kind === "stop") session.halts.halt({ kind: "fatal", error: new StopError(EXIT.server, reply.problem) });
  if (reply.kind === "in-doubt" && !isAnswer(reply)) session.countDoubt();
  else if (reply.kind !== "not-sent") session.doubtsInARow = 0;
  if (reply.kind === "succeeded" || reply.kind === "refused") countForbidden(session, write, reply);
  const wait = waitBeforeNext(session, heard);
  if (wait === undefined && reply.kind !== "succeeded") session.countTrouble(write.ref);
  return wait;
}

/** A 2xx that leaves this write in doubt (it names no ID) is an answer for the breaker all the same; a 5xx is none. */
function isAnswer({ answered, httpStatus }: Extract<WriteReply, { kind: "in-doubt" }>): boolean {
  return answered && httpStatus !== undefined && httpStatus < 300;
}

function countForbidden(session: RunSession, write: Write, reply: { readonly httpStatus: number }): void {
  const refusals = session.refusalsOf(write.intent.sourceTaskId);
  refusals.forbidden = reply.httpStatus === 403 ? refusals.forbidden + 1 : 0;
  if (refusals.forbidden >= FORBIDDEN_THAT_STOP) write.stopOthers("403 three times in a row");
}

function waitBeforeNext(session: RunSession, { reply, tries, startedAt }: Heard): number | undefined {
  const { retries, timeoutMs } = session.options.run;
  const { chance, clock } = session.deps;
  if (reply.kind !== "slow-down" && reply.kind !== "not-sent") session.slowedDownSince = undefined;
  if (reply.kind === "slow-down") {
    session.answered();
    session.slowedDownSince ??= clock.monotonic();
    // Nothing gets through: the next tenants would wait as long, one after the other.
    if (clock.monotonic() - session.slowedDownSince >= timeoutMs) {
      session.halts.halt({ kind: "slowed-down" });
      return undefined;
    }
    // "At once" (0, or a date that has passed) is no wait that a server which wants less could mean.
    const wait = reply.retryAfterMs || backOffMs(tries, chance.fraction());
    // However long the server asks to be left alone: the others are held up no longer than a request may take.
    session.slots.slowDown(Math.min(wait, timeoutMs));
    if (wait > timeoutMs) return undefined;
    // As long as others get through it is worth waiting, however often the server says 429.
    const since = Math.max(startedAt, session.slots.lastSuccessAt);
    return tries >= retries && clock.monotonic() + wait - since > timeoutMs ? undefined : 0;
  }
  if (reply.kind !== "not-sent") {
    session.answered();
    return undefined;
  }
  const wait = backOffMs(tries, chance.fraction());
  if (!reply.refusedConnection) return tries >= retries ? undefined : wait;
  if (session.refusedFor() <= REFUSED_FOR_MS) return wait;
  session.halts.halt({
    kind: "fatal",
    error: new StopError(EXIT.server, {
      ...reply.problem,
      hint: reply.problem.hint ?? "Wait until the server is up again, then run the same command",
    }),
  });
  return undefined;
}
