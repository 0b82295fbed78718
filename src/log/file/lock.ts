import { randomBytes } from "node:crypto";
import { closeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { type Problem, StopError } from "../../shared/problems.js";
import { type Flush, LOCK_TIMING, type LockClock, type LockTiming, LogLock, momentOf, nodeFlush } from "./held-lock.js";
import {
  type ChainLink,
  diskNow,
  isBusy,
  type LockNote,
  type PreparedNote,
  place,
  prepareNote,
  readChain,
  readLitter,
  removeFile,
  successorPath,
  touchNote,
} from "./lock-files.js";
import { diskTrouble, logStop } from "./problem.js";
import {
  fateOf,
  identityOf,
  type MachineFacts,
  type OwnerFate,
  type ProcessFacts,
  type ProcessIdentity,
  thisMachine,
} from "./process-identity.js";

export interface LockRequest {
  /** The log's real path; the lock is `PATH.lock`. */
  readonly logPath: string;
  /** What holds the lock, for people ("sync"). */
  readonly command: string;
  readonly ownProcess: ProcessFacts;
  readonly machine?: MachineFacts | undefined;
  /** UTC: for people, and for the age of this process's own beat. */
  readonly now: () => Date;
  /** Milliseconds on a clock that nobody sets. */
  readonly monotonic?: (() => number) | undefined;
  readonly flush?: Flush | undefined;
  /** `--break-lock ID`: take over from exactly this lock, whoever holds it. */
  readonly breakLock?: string | undefined;
  /** Told before a silent lock is watched for `ms`, so that nobody waits without knowing why. */
  readonly onWaiting?: ((reason: string, ms: number) => void) | undefined;
  readonly timing?: LockTiming | undefined;
}

/** A lock as `doctor` shows it. */
export interface LockInspection {
  readonly id: string;
  /** "sync" on host acme-01, process 4711, since … */
  readonly owner: string;
  /** Since its last heartbeat, by this machine's clock. */
  readonly silentMs: number;
  readonly fate: OwnerFate;
}

interface Here {
  readonly me: ProcessIdentity;
  readonly ownProcess: ProcessFacts;
  readonly machine: MachineFacts;
}

const MOST_TRIES = 100;
const BUSY_PAUSE_MS = 20;

/**
 * Takes the log's lock. It is taken over from an owner that is provably gone at once, and from one that cannot be looked at
 * (container, other host) after {@link LockTiming.silentMs} without a beat; a beat in the future counts from the first look on. Throws a StopError (exit 6,
 * `LOG_LOCKED`) with owner, age and ID for any other lock, and `LOG_UNWRITABLE` where the folder cannot be written.
 * What is returned is to be settled when all that an earlier owner could still do to the log is warded off.
 */
export async function acquireLock(request: LockRequest): Promise<LogLock> {
  const machine = request.machine ?? thisMachine;
  const here: Here = { me: identityOf(request.ownProcess, machine), ownProcess: request.ownProcess, machine };
  let busy: unknown;
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    try {
      const lock = await tryToAcquire(request, here);
      if (lock !== undefined) return lock;
    } catch (error) {
      if (error instanceof StopError) throw error;
      if (!isBusy(error) || tries >= 10) throw diskTrouble(rootOf(request.logPath), "take the lock", error);
      busy = error;
      await sleep(BUSY_PAUSE_MS);
    }
  }
  throw diskTrouble(rootOf(request.logPath), "take the lock", busy ?? new Error("it changes hands all the time"));
}

/** The lock of a log as it stands, for `doctor`; reads only. `undefined`: it is free. */
export function inspectLock(
  logPath: string,
  request: Pick<LockRequest, "ownProcess" | "machine" | "now">,
): LockInspection | undefined {
  const tail = readChain(rootOf(logPath)).at(-1);
  if (tail === undefined) return undefined;
  const machine = request.machine ?? thisMachine;
  const silentMs = Math.max(0, request.now().getTime() - tail.writtenMs);
  const here: Here = { me: identityOf(request.ownProcess, machine), ownProcess: request.ownProcess, machine };
  return { id: tail.id, owner: ownerOf(tail), silentMs, fate: fate(tail, silentMs, here) };
}

function rootOf(logPath: string): string {
  return `${logPath}.lock`;
}

/** One try: the lock, or `undefined` where somebody was faster and all has to be looked at anew. */
async function tryToAcquire(request: LockRequest, here: Here): Promise<LogLock | undefined> {
  const root = rootOf(request.logPath);
  const id = randomBytes(8).toString("hex");
  const clock: LockClock = { monotonic: request.monotonic ?? (() => performance.now()), now: request.now };
  let beganAt = momentOf(clock);
  const note: LockNote = { id, ...here.me, startedAt: request.now().toISOString(), command: request.command };
  const prepared = prepareNote(root, note);
  const toClose = new Set([prepared.fd]);
  try {
    const before = readChain(root);
    const tail = before.at(-1);
    if (tail !== undefined) {
      if (!(await mayTakeOver(tail, prepared, { request, here }))) return undefined;
      // Watching takes longer than others may find a lock silent.
      beganAt = momentOf(clock);
      touchNote(prepared);
    }
    const claim = tail === undefined ? root : successorPath(root, tail.id);
    const fd = place(prepared, claim);
    if (fd === undefined) return undefined;
    toClose.add(fd);
    const chain = readChain(root);
    if (chain.at(-1)?.id !== id) {
      // Void: the lock that was to be succeeded had gone before. What stands at LOG.lock now is somebody else's, or nothing.
      if (!chain.some((link) => link.id === id)) removeFile(claim);
      return undefined;
    }
    sweep(root, prepared, here);
    const { logPath, timing = LOCK_TIMING, flush = nodeFlush } = request;
    const held = { logPath, note, text: prepared.text, fd, path: claim, root, before, beganAt };
    toClose.delete(fd);
    return new LogLock(held, breakWarnings(request, tail), { timing, clock, flush });
  } finally {
    for (const fd of toClose) closeSync(fd);
    removeFile(prepared.path);
  }
}

/** Removes what killed processes left beside the lock. None of it can be, or become, a lock: a living one tries anew. */
function sweep(root: string, prepared: PreparedNote, here: Here): void {
  try {
    const litter = readLitter(root, readChain(root)).filter((link) => link.id !== prepared.id);
    if (litter.length === 0) return;
    const now = diskNow(prepared);
    for (const link of litter) {
      const silentMs = now - link.writtenMs;
      const wasCutShort = link.note === undefined && silentMs > LOCK_TIMING.silentMs;
      if (wasCutShort || fate(link, silentMs, here) === "gone") removeFile(link.path);
    }
  } catch (error) {
    // What cannot be looked at now harms nobody: the next holder looks again.
    if (!isBusy(error)) throw error;
  }
}

/** Whether this lock may be succeeded; `false` where it changed while it was watched. Throws `LOG_LOCKED` where it may not. */
async function mayTakeOver(
  tail: ChainLink,
  prepared: PreparedNote,
  context: { readonly request: LockRequest; readonly here: Here },
): Promise<boolean> {
  const { request, here } = context;
  const silentMs = diskNow(prepared) - tail.writtenMs;
  if (request.breakLock !== undefined) {
    if (tail.id === request.breakLock) return true;
    throw lockedStop(request, tail, { silentMs, fate: fate(tail, silentMs, here) });
  }
  const found = fate(tail, silentMs, here);
  if (found === "gone") return true;
  const { silentMs: enough, watchMs, beatMs } = request.timing ?? LOCK_TIMING;
  // The disk's clock was set back: the beat's age cannot be told, so the lock is silent from now on. By less than a beat it is
  // young for so long only.
  const inFuture = silentMs < -beatMs;
  if (found === "alive" || (silentMs < enough && !inFuture)) throw lockedStop(request, tail, { silentMs, fate: found });
  const [why, ms] = inFuture
    ? ["whose last heartbeat lies in the future", enough]
    : [`which was silent for ${seconds(silentMs)}`, watchMs];
  request.onWaiting?.(`watching the lock of ${ownerOf(tail)}, ${why}`, ms);
  return staysSilent(rootOf(request.logPath), tail, ms);
}

function fate(tail: ChainLink, silentMs: number, here: Here): OwnerFate {
  return tail.note === undefined ? "unknown" : fateOf(tail.note, silentMs, here);
}

/** Watches a lock, on our own monotonic clock, for longer than a beat takes. */
async function staysSilent(root: string, tail: ChainLink, watchMs: number): Promise<boolean> {
  const until = performance.now() + watchMs;
  while (performance.now() < until) {
    await sleep(Math.min(1_000, Math.max(1, until - performance.now())));
    const now = readChain(root).at(-1);
    if (now?.id !== tail.id || now.text !== tail.text || now.writtenMs !== tail.writtenMs) return false;
  }
  return true;
}

function ownerOf(link: ChainLink): string {
  if (link.note === undefined) return "an unreadable lock file";
  const { command, host, pid, startedAt } = link.note;
  return `"${command}" on host ${host}, process ${pid}, since ${startedAt}`;
}

function seconds(ms: number): string {
  return `${Math.max(0, Math.round(ms / 1000))} s`;
}

function lockedStop(
  request: LockRequest,
  tail: ChainLink,
  seen: { readonly silentMs: number; readonly fate: OwnerFate },
): StopError {
  const { breakLock, logPath } = request;
  const other = breakLock === undefined ? "" : ` The lock ${breakLock}, which was to be broken, is not there any more.`;
  const wait =
    seen.fate === "alive"
      ? "Wait until it has ended"
      : "Wait: without a heartbeat for 60 s it is taken over by itself (its process cannot be looked at from here)";
  return logStop({
    code: "LOG_LOCKED",
    file: logPath,
    message:
      `The idempotency log ${logPath} is locked by ${ownerOf(tail)}; its last heartbeat is ${seconds(seen.silentMs)} old; ` +
      `the lock's ID is ${tail.id}.${other}`,
    hint: `${wait}. Only if you know that it does not run any more: add --break-lock ${tail.id}`,
    value: tail.id,
  });
}

function breakWarnings(request: LockRequest, tail: ChainLink | undefined): readonly Problem[] {
  if (request.breakLock === undefined) return [];
  const file = request.logPath;
  const warning =
    tail === undefined
      ? { code: "LOCK_NOT_THERE", file, message: `There was no lock to break: ${request.breakLock} is gone already.` }
      : {
          code: "LOCK_BROKEN",
          file,
          message: `The lock ${tail.id} of ${ownerOf(tail)} was broken, as --break-lock says.`,
        };
  return [warning];
}
