import type { WriteReply } from "../domain/answer.js";
import { backOffMs } from "../domain/back-off.js";
import { EXIT, StopError } from "../domain/errors.js";
import type { TenantRef } from "../domain/ids.js";
import type { CreateIntentRecord, LogEntry, PatchIntentRecord } from "../domain/log-record.js";
import type { FirstAlone } from "./first-alone.js";
import type { SendAttempt, WriteCall } from "./ports.js";
import type { RunSession } from "./run-session.js";

/** One write: what the log keeps of it, and how one attempt is sent. */
export interface Write {
  readonly ref: TenantRef;
  readonly intent: CreateIntentRecord | PatchIntentRecord;
  /** Records that belong right behind the intent, in the same group: without it they must not be. */
  readonly along?: readonly LogEntry[] | undefined;
  readonly send: SendAttempt;
}

/** `not-started`: the run was halted before the intent was written; nothing is in the log. */
export type Sent = WriteReply | { readonly kind: "not-started" };

/** How long refused connections are borne after the run's first answer. */
const REFUSED_FOR_MS = 30_000;

/**
 * Sends one write, again and again where it provably did nothing. The order of effects is the protocol:
 *
 * 1. wait for a slot;
 * 2. the intent is on the disk;
 * 3. send;
 * 4. (the caller) the outcome is on the disk;
 * 5. (the caller) it is told.
 *
 * Dies before 2: nothing was sent, nothing is known. Between 2 and 4: an intent without an outcome, which is a doubt.
 * Throws only where the intent could not be made durable (a StopError of the log): then nothing was sent.
 */
export async function sendWrite(session: RunSession, write: Write): Promise<Sent> {
  const { deps, halts, slots } = session;
  const call: WriteCall = {
    write: write.intent.write,
    idempotencyKey: write.intent.idempotencyKey,
    signal: halts.drained,
  };
  const gate = gateOfWrite(session, write);
  const recordIntent = deps.recorder.prepare([write.intent, ...(write.along ?? [])]);
  const startedAt = deps.clock.monotonic();
  let written = false;
  let last: Sent = { kind: "not-started" };
  for (let tries = 0; ; tries += 1) {
    last = await slots.run(async () => {
      // Whoever was let through together with others may find its source task stopped once its slot is free.
      if (halts.reason !== undefined || gate.isStopped) return last;
      if (!written) await recordIntent();
      written = true;
      // A halt that came while the intent was being flushed: it stays unsent, for certain.
      if (haltedNow(session)) return last.kind === "not-started" ? NEVER_SENT : last;
      session.countSend(write.ref);
      session.inFlight += 1;
      const reply = await write.send(call);
      session.inFlight -= 1;
      // Halted before the slot is free: the next write in line must not slip out after an answer that ends the run.
      if (reply.kind === "stop") halts.halt({ kind: "fatal", error: new StopError(EXIT.server, reply.problem) });
      return reply;
    }, halts.halted);
    if (halts.reason !== undefined || last.kind === "not-started") return last;
    const wait = waitBeforeNext(session, last, { tries, startedAt });
    if (wait === undefined) return last;
    await deps.clock.sleep(wait, halts.halted);
    if (gate.isStopped) return last;
  }
}

function gateOfWrite(session: RunSession, write: Write): FirstAlone {
  const { type, sourceTaskId } = write.intent;
  return type === "create-intent" ? session.createGate(sourceTaskId) : session.patchGate(sourceTaskId);
}

const NEVER_SENT: Sent = {
  kind: "not-sent",
  refusedConnection: false,
  problem: {
    code: "NOT_SENT",
    message: "the run was stopped before this request was sent",
    hint: "Run the same command again",
  },
};

function haltedNow(session: RunSession): boolean {
  return session.halts.reason !== undefined;
}

/** Milliseconds until the same request may go again; `undefined`: it must not, or not any more. */
function waitBeforeNext(
  session: RunSession,
  reply: Sent,
  so: { readonly tries: number; readonly startedAt: number },
): number | undefined {
  const { retries, timeoutMs } = session.options.run;
  const { chance, clock } = session.deps;
  if (reply.kind === "slow-down") {
    session.answered();
    const wait = reply.retryAfterMs ?? backOffMs(so.tries, chance.fraction());
    // However long the server asks to be left alone: the others are held up no longer than a request may take.
    session.slots.slowDown(Math.min(wait, timeoutMs));
    if (wait > timeoutMs) return undefined;
    // As long as others get through it is worth waiting, however often the server says 429.
    const since = Math.max(so.startedAt, session.slots.lastSuccessAt);
    return so.tries >= retries && clock.monotonic() + wait - since > timeoutMs ? undefined : 0;
  }
  if (reply.kind !== "not-sent") {
    session.answered();
    return undefined;
  }
  const wait = backOffMs(so.tries, chance.fraction());
  if (!reply.refusedConnection) return so.tries >= retries ? undefined : wait;
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
