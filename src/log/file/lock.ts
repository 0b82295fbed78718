import { randomBytes } from "node:crypto";
import { fdatasync, renameSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { codeOf } from "../../files/paths.js";
import { EXIT, type Problem, problem, StopError, stopError } from "../../shared/problems.js";
import {
  breakWarnings,
  Heartbeat,
  type HeartbeatClock,
  LOCK_TIMING,
  lockedProblem,
  type Moment,
  momentOf,
} from "../heartbeat.js";
import type { SeenLock } from "../port.js";
import { diskTrouble, isDiskError, onDisk } from "./disk.js";
import {
  type ChainLink,
  isBusy,
  isThere,
  OwnRecord,
  readChain,
  removeFile,
  removeStaleFiles,
  successorPath,
} from "./lock-files.js";
import { identityOf, type ProcessFacts, stateOfOwner, thisMachine } from "./process-identity.js";

/** What only tests replace. `flush` makes a beat durable. */
const DEFAULTS = { machine: thisMachine, timing: LOCK_TIMING, flush: promisify(fdatasync) };

export interface LockRequest extends Partial<typeof DEFAULTS> {
  /** The log's real path; the lock is `PATH.lock`. */
  readonly logPath: string;
  /** What holds the lock, for people ("sync"). */
  readonly command: string;
  readonly ownProcess: ProcessFacts;
  readonly clock: HeartbeatClock;
  /** `--break-lock ID`: take over from exactly this lock, whoever holds it. */
  readonly breakLock?: string | undefined;
  /** Told before a silent lock is watched for `ms`, so that nobody waits without knowing why. */
  readonly onWaiting?: ((reason: string, ms: number) => void) | undefined;
}

type Asked = LockRequest & typeof DEFAULTS;

const MOST_TRIES = 100;
const MOST_BUSY_TRIES = 10;
const BUSY_PAUSE_MS = 20;

/**
 * Takes the log's lock. It is taken over from an owner that is provably gone at once, and from one that cannot be looked at
 * (container, other host) after 60 s without a beat; a beat in the future counts from the first look on.
 * Throws a StopError (exit 6, `LOG_LOCKED`) with owner, age and ID for any other lock, and `LOG_UNWRITABLE` where the folder
 * cannot be written. What is returned is to be settled when all that an earlier owner could still do to the log is warded off.
 */
export async function acquireLock(request: LockRequest): Promise<LogLock> {
  const trouble = (cause: unknown): StopError => diskTrouble(rootOf(request.logPath), "take the lock", cause);
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    try {
      const lock = await tryToAcquire({ ...DEFAULTS, ...request });
      if (lock !== undefined) return lock;
    } catch (error) {
      if (!isDiskError(error)) throw error;
      if (!isBusy(error) || tries >= MOST_BUSY_TRIES) throw trouble(error);
      await sleep(BUSY_PAUSE_MS);
    }
  }
  throw trouble(new Error("it changes hands all the time"));
}

/** The lock of a log as it stands, for `doctor`; reads only. `undefined`: it is free. */
export function inspectLock(
  logPath: string,
  { ownProcess, clock }: Pick<LockRequest, "ownProcess" | "clock">,
): SeenLock | undefined {
  const current = readChain(rootOf(logPath)).at(-1);
  const now = clock.now().getTime();
  return current && seenLock(current, Math.max(0, now - current.writtenMs), { ...DEFAULTS, ownProcess });
}

function rootOf(logPath: string): string {
  return `${logPath}.lock`;
}

/** One try: the lock, or `undefined` where somebody was faster and all has to be looked at anew. */
async function tryToAcquire(asked: Asked): Promise<LogLock | undefined> {
  const { ownProcess, machine, clock, command } = asked;
  const root = rootOf(asked.logPath);
  const identity = { ...identityOf(ownProcess, machine), startedAt: clock.now().toISOString(), command };
  let began = momentOf(clock);
  const own = new OwnRecord(root, { id: newId(), ...identity });
  let lock: LogLock | undefined;
  try {
    const before = readChain(root);
    const current = before.at(-1);
    if (current !== undefined) {
      if (!(await mayTakeOver(asked, current, own))) return undefined;
      // Watching takes longer than others may find a lock silent.
      began = momentOf(clock);
      own.touch();
    }
    const path = current === undefined ? root : successorPath(root, current.id);
    if (!own.place(path)) return undefined;
    const chain = readChain(root);
    if (chain.at(-1)?.id === own.record.id) {
      removeStaleFiles(root, [own.path, path]);
      lock = new LogLock(asked, own, path, before, began);
    } else if (!chain.some(({ id }) => id === own.record.id)) {
      // Void: the lock that was to be succeeded had gone before. What stands at LOG.lock now is somebody else's, or nothing.
      removeFile(path);
    }
    return lock;
  } finally {
    if (lock === undefined) own.close();
    removeFile(own.path);
  }
}

function newId(): string {
  return randomBytes(8).toString("hex");
}

/** Whether this lock may be succeeded; `false` where it changed while it was watched. Throws `LOG_LOCKED` where it may not. */
async function mayTakeOver(asked: Asked, current: ChainLink, own: OwnRecord): Promise<boolean> {
  const { breakLock, logPath, timing } = asked;
  const seen = seenLock(current, own.touch() - current.writtenMs, asked);
  if (breakLock === undefined ? seen.ownerState === "gone" : current.id === breakLock) return true;
  // The disk's clock was set back: the beat's age cannot be told, so the lock is silent from now on. By less than a beat it is
  // young for so long only.
  const isInFuture = seen.silentMs < -timing.beatMs;
  const isSilent = seen.silentMs >= timing.silentMs || isInFuture;
  if (breakLock !== undefined || seen.ownerState === "alive" || !isSilent)
    throw new StopError(EXIT.log, lockedProblem(seen, logPath, breakLock));
  const why = isInFuture ? "whose last heartbeat lies in the future" : `which was silent for ${seconds(seen.silentMs)}`;
  const watchMs = isInFuture ? timing.silentMs : timing.watchMs;
  asked.onWaiting?.(`watching the lock of ${seen.owner}, ${why}`, watchMs);
  return await staysSilent(rootOf(logPath), current, watchMs);
}

/** Watches a lock, on our own monotonic clock, for longer than a beat takes. */
async function staysSilent(root: string, current: ChainLink, watchMs: number): Promise<boolean> {
  const until = performance.now() + watchMs;
  while (performance.now() < until) {
    await sleep(Math.min(1_000, Math.max(1, until - performance.now())));
    const now = readChain(root).at(-1);
    if (now?.id !== current.id || now.text !== current.text || now.writtenMs !== current.writtenMs) return false;
  }
  return true;
}

function seenLock(
  link: ChainLink,
  silentMs: number,
  { ownProcess, machine }: Pick<Asked, "ownProcess" | "machine">,
): SeenLock {
  const ownerState = link.record === undefined ? "unknown" : stateOfOwner(link.record, silentMs, ownProcess, machine);
  return { id: link.id, owner: ownerOf(link), silentMs, ownerState };
}

function ownerOf({ record }: ChainLink): string {
  if (record === undefined) return "an unreadable lock file";
  return `"${record.command}" on host ${record.host}, process ${record.pid}, since ${record.startedAt}`;
}

/**
 * The lock of a log, held by this process. Beats until it is released; `check` says whether it still is ours, and `checkMaySend`
 * whether anybody could take it for dead.
 */
export class LogLock {
  readonly id: string;
  /** What `--break-lock` did. */
  readonly warnings: readonly Problem[];
  /**
   * Whether somebody held the lock before and did not release it. It may do something to the log yet, also where it looks gone: a
   * container may show the processes of another one.
   */
  readonly wasTakenOver: boolean;
  readonly #asked: Asked;
  readonly #root: string;
  readonly #own: OwnRecord;
  /** The chain of locks that we found, and succeeded. */
  readonly #before: readonly ChainLink[];
  readonly #heart: Heartbeat;
  /** Where our record stands: `LOG.lock` when all is settled, but where a disk would not let it be moved there. */
  #path: string;
  #isSettled: boolean;
  #lost: StopError | undefined;

  /** `path`: where our claim stands. `began`: before our record was last written; what others see of it is no older. */
  constructor(asked: Asked, own: OwnRecord, path: string, before: readonly ChainLink[], began: Moment) {
    this.id = own.record.id;
    const broken = before.at(-1);
    this.warnings = breakWarnings(asked.breakLock, broken && { id: broken.id, owner: ownerOf(broken) }, asked.logPath);
    this.wasTakenOver = before.length > 0;
    this.#asked = asked;
    this.#root = rootOf(asked.logPath);
    this.#own = own;
    this.#before = before;
    this.#path = path;
    this.#isSettled = path === this.#root;
    this.#heart = new Heartbeat(asked.clock, asked.timing, began, () => this.#beat());
  }

  /**
   * Moves our record to `LOG.lock`; from then on nothing tells of those that held it before. Until then whoever finds us gone finds
   * them too. Throws as `check` does.
   */
  settle(): void {
    this.check();
    this.#isSettled = true;
    const root = this.#root;
    if (this.#path === root) return;
    onDisk(root, "take the lock", () => {
      try {
        renameSync(this.#path, root);
      } catch (error) {
        // Windows, while a scanner holds the file open: our claim counts where it stands, too.
        if (isBusy(error)) return;
        throw error;
      }
      this.#path = root;
      for (const link of this.#before) if (link.path !== root) removeFile(link.path);
    });
  }

  /** Throws a StopError (exit 6, `LOG_LOCK_LOST`) where the lock is not ours any more, or cannot be looked at. */
  check(): void {
    if (this.#lost !== undefined) throw this.#lost;
    const root = this.#root;
    const isOurs = onDisk(this.#asked.logPath, "look at the lock of", () => {
      // The successor first: whoever takes the lock over moves it from there to LOG.lock, so that one of the two looks meets it.
      if (isThere(successorPath(root, this.id))) return false;
      return (this.#path === root && this.#own.isAt(root)) || readChain(root).at(-1)?.id === this.id;
    });
    if (!isOurs) throw this.#lose(isThere(root) ? "somebody took it over" : "its file was removed");
  }

  /** Throws as `check` does, and where the last beat on the disk is too old to send. */
  checkMaySend(): void {
    this.check();
    this.#heart.checkMaySend(`The lock ${this.id} of ${this.#asked.logPath}`, this.#asked.logPath);
  }

  /**
   * Gives the lock back; one that somebody took over is left to them, and one that was not settled to those that it was taken from.
   * Never throws: where the disk says no, the lock stays, the next run takes it over from a process that is gone, and the warning
   * that is returned says so.
   */
  async release(): Promise<Problem | undefined> {
    const file = this.#asked.logPath;
    await this.#heart.stop();
    try {
      this.#own.close();
      await this.#giveBack();
      return undefined;
    } catch (error) {
      const message = `The lock ${this.id} of ${file} could not be removed (${codeOf(error)}).`;
      const hint = `The next run takes it over. Where that run says that it is locked: add --break-lock ${this.id}`;
      return problem("LOCK_NOT_RELEASED", message, { file, hint });
    }
  }

  async #giveBack(): Promise<void> {
    const root = this.#root;
    // Nobody may take over from here on: we succeed ourselves, and only then remove what stands at LOG.lock.
    const farewell = new OwnRecord(root, { ...this.#own.record, id: newId() });
    const last = successorPath(root, this.id);
    try {
      if (!farewell.place(last)) return;
      if (readChain(root).at(-1)?.id === farewell.record.id) {
        // Windows may not let it go for a moment. What stays is taken over by the next run.
        if (this.#isSettled)
          for (let tries = 0; tries < MOST_BUSY_TRIES && !removeFile(root); tries += 1) await sleep(BUSY_PAUSE_MS);
        if (this.#path !== root) removeFile(this.#path);
      }
      removeFile(last);
    } finally {
      farewell.close();
      removeFile(farewell.path);
    }
  }

  async #beat(): Promise<boolean> {
    try {
      await this.#own.beat(this.#asked.flush);
      if (readChain(this.#root).at(-1)?.id !== this.id) this.#lose("somebody removed it or took it over");
      return true;
    } catch (error) {
      // Somebody has a file in hand for a moment (a virus scanner): the next beat, or the next append, looks again.
      if (!isBusy(error)) this.#lose("its heartbeat cannot be written", error);
      return false;
    }
  }

  /** From here on the lock counts as lost, for the first reason that was found. */
  #lose(what: string, cause?: unknown): StopError {
    const message = `This run does not hold the lock ${this.id} of ${this.#asked.logPath} any more: ${what}.`;
    this.#lost ??= stopError(EXIT.log, "LOG_LOCK_LOST", message, { file: this.#asked.logPath }, cause);
    return this.#lost;
  }
}

function seconds(ms: number): string {
  return `${Math.max(0, Math.round(ms / 1000))} s`;
}
