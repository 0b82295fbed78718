import { hintOf, sameLine } from "../shared/hints.js";
import { EXIT, type Problem, problem, stopError } from "../shared/problems.js";
import type { Clock } from "../shared/time.js";
import type { SeenLock } from "./port.js";

/** How often a log's holder shows that it lives, and when its silence counts, in milliseconds. */
export const LOCK_TIMING = {
  beatMs: 10_000,
  /** Silence after which a lock whose owner cannot be looked at may be taken over … */
  silentMs: 60_000,
  /** … once no beat was seen for this long, on our own monotonic clock: longer than a beat, so a clock that jumped cannot lie. */
  watchMs: 12_000,
  /** The owner sends only while its last beat that arrived is younger: well before anybody may take the lock over. */
  sendWithinMs: 45_000,
};

export type LockTiming = typeof LOCK_TIMING;
export type HeartbeatClock = Pick<Clock, "now" | "monotonic">;

/** A moment on both clocks, in milliseconds: one stands still while a machine sleeps, the other may be set. */
export interface Moment {
  readonly monotonic: number;
  readonly wall: number;
}

export function momentOf(clock: HeartbeatClock): Moment {
  return { monotonic: clock.monotonic(), wall: clock.now().getTime() };
}

/** The sign of life that the holder of a log gives again and again, until it is stopped. */
export class Heartbeat {
  readonly #clock: HeartbeatClock;
  readonly #timing: LockTiming;
  readonly #timer: NodeJS.Timeout;
  /** One at a time: beats that hang on a disk must not take the threads that the log's own flush needs. */
  #beating: Promise<void> | undefined;
  /** When the last beat that arrived began. */
  #last: Moment;

  /** `began`: when the first sign of life was given. `beat` gives one more, and says whether it arrived; it never rejects. */
  constructor(clock: HeartbeatClock, timing: LockTiming, began: Moment, beat: () => Promise<boolean>) {
    this.#clock = clock;
    this.#timing = timing;
    this.#last = began;
    const next = async (): Promise<void> => {
      const start = momentOf(clock);
      if (await beat()) this.#last = start;
      this.#beating = undefined;
    };
    this.#timer = setInterval(() => {
      this.#beating ??= next();
    }, timing.beatMs).unref();
  }

  /**
   * Throws a StopError (exit 6, `LOG_LOCK_STALE`) where the last beat is too old to send: this process was frozen, or the disk hangs, and
   * somebody may be taking the lock over in this very moment. `lock`: as messages name it.
   */
  checkMaySend(lock: string, file: string): void {
    const now = momentOf(this.#clock);
    const age = Math.max(now.monotonic - this.#last.monotonic, now.wall - this.#last.wall);
    if (age < this.#timing.sendWithinMs) return;
    const message =
      `${lock} gave no sign of life for ${Math.round(age / 1000)} s (the process or the machine ` +
      "stood still, the clock was set, or the disk hung): another run may have taken it over.";
    throw stopError(EXIT.log, "LOG_LOCK_STALE", message, { file });
  }

  /** Resolves when no beat is under way. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#beating;
  }
}

/** What `--break-lock` did. `before`: the lock that was there. */
export function breakWarnings(
  breakLock: string | undefined,
  before: Pick<SeenLock, "id" | "owner"> | undefined,
  file: string,
): readonly Problem[] {
  if (breakLock === undefined) return [];
  if (before?.id !== breakLock)
    return [problem("LOCK_NOT_THERE", `There was no lock to break: ${breakLock} is gone already.`, { file })];
  const message = `The lock ${before.id} of ${before.owner} was broken, as --break-lock says.`;
  return [problem("LOCK_BROKEN", message, { file })];
}

/**
 * What is told of a lock that may not be taken. `breaking`: what goes before `--break-lock` to break it. `missing`: the lock that was to
 * be broken.
 */
export function lockedProblem(lock: SeenLock, file: string, missing?: string, command = sameLine): Problem {
  const { id, owner, silentMs, ownerState } = lock;
  const wait =
    ownerState === "alive"
      ? "Wait until it has ended"
      : "Wait: without a heartbeat for 60 s it is taken over by itself (its process cannot be looked at from here)";
  const other = missing === undefined ? "" : ` The lock ${missing}, which was to be broken, is not there any more.`;
  const message = `The idempotency log ${file} is locked by ${owner}; its last heartbeat is ${Math.max(0, Math.round(silentMs / 1000))} s old; the lock's ID is ${id}.${other}`;
  const hint = hintOf(`${wait}. Only if you know that it does not run any more:`, command("--break-lock", id));
  return problem("LOG_LOCKED", message, { file, value: id, hint });
}
