import { randomBytes } from "node:crypto";
import { closeSync, fdatasync, write } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { codeOf } from "../../files/paths.js";
import type { Problem, StopError } from "../../shared/problems.js";
import {
  beatAt,
  type ChainLink,
  fileIdentity,
  isBusy,
  type LockNote,
  moveToRoot,
  openFileIdentity,
  place,
  prepareNote,
  readChain,
  removeFile,
  successorPath,
} from "./lock-files.js";
import { logStop } from "./problem.js";

const writeAt = promisify(write);

/** Makes a beat durable. */
export type Flush = (fd: number) => Promise<void>;

export const nodeFlush: Flush = promisify(fdatasync);

/** How often a lock shows that its owner lives, and when silence counts, in milliseconds. */
export interface LockTiming {
  readonly beatMs: number;
  /** Silence, by the clock of the disk, after which a lock whose owner cannot be looked at may be taken over … */
  readonly silentMs: number;
  /** … once no beat was seen for this long, on our own monotonic clock: longer than a beat, so a clock that jumped cannot lie. */
  readonly watchMs: number;
  /** The owner sends only while its last beat on the disk is younger: well before anybody may take the lock over. */
  readonly sendWithinMs: number;
}

export const LOCK_TIMING: LockTiming = { beatMs: 10_000, silentMs: 60_000, watchMs: 12_000, sendWithinMs: 45_000 };

/** The clocks that a beat's age is taken by: one stands still while a machine sleeps, the other may be set. */
export interface LockClock {
  readonly monotonic: () => number;
  readonly now: () => Date;
}

/** A moment on both clocks, in milliseconds. */
export interface Moment {
  readonly monotonic: number;
  readonly wall: number;
}

export function momentOf(clock: LockClock): Moment {
  return { monotonic: clock.monotonic(), wall: clock.now().getTime() };
}

/** What acquiring a lock leaves in hand. */
export interface HeldLock {
  readonly logPath: string;
  readonly note: LockNote;
  readonly text: string;
  readonly fd: number;
  /** Where our claim stands: `LOG.lock`, or the place of the successor of the last of `before`. */
  readonly path: string;
  readonly root: string;
  /** The chain of locks that we found, and succeeded. */
  readonly before: readonly ChainLink[];
  /** Before the note was last written: what others see of it is no older. */
  readonly beganAt: Moment;
}

/**
 * The lock of a log, held by this process. Beats until it is released; `check` says whether it still is ours, and `checkMaySend`
 * whether anybody could take it for dead.
 */
export class LogLock {
  readonly id: string;
  /** What `--break-lock` did. */
  readonly warnings: readonly Problem[];
  readonly #held: HeldLock;
  readonly #timing: LockTiming;
  readonly #clock: LockClock;
  readonly #flush: Flush;
  readonly #timer: NodeJS.Timeout;
  /** Where a disk numbers its files anew each time one looks, a file is told by what is in it. */
  readonly #numbered: boolean;
  /** Where our note stands: `LOG.lock` when all is settled, but where a disk would not let it be moved there. */
  #path: string;
  #isSettled: boolean;
  /** The files that must stand where they stand, for as long as we hold the lock; ours is open here, so its number stays taken. */
  #standing: readonly StandingFile[];
  #beats = 0;
  /** One at a time: beats that hang on a disk must not take the threads that the log's own flush needs. */
  #beating: Promise<void> | undefined;
  /** When the last beat that reached the disk began. */
  #lastBeat: Moment;
  #lost: StopError | undefined;

  constructor(
    held: HeldLock,
    warnings: readonly Problem[],
    by: { timing: LockTiming; clock: LockClock; flush: Flush },
  ) {
    this.id = held.note.id;
    this.warnings = warnings;
    this.#held = held;
    this.#timing = by.timing;
    this.#clock = by.clock;
    this.#flush = by.flush;
    this.#lastBeat = held.beganAt;
    this.#numbered = fileIdentity(held.path) === openFileIdentity(held.fd);
    this.#path = held.path;
    this.#isSettled = held.path === held.root;
    this.#standing = this.#standingFiles();
    this.#timer = setInterval(() => {
      this.#beating ??= this.#beat().finally(() => {
        this.#beating = undefined;
      });
    }, this.#timing.beatMs).unref();
  }

  /**
   * Whether somebody held the lock before and did not release it. It may do something to the log yet, also where it looks gone: a
   * container may show the processes of another one.
   */
  get wasTakenOver(): boolean {
    return this.#held.before.length > 0;
  }

  /**
   * Moves our note to `LOG.lock`; from then on nothing tells of those that held it before. Until then whoever finds us gone finds them
   * too. Throws as `check` does.
   */
  settle(): void {
    this.check();
    const { root, before } = this.#held;
    this.#isSettled = true;
    if (this.#path === root || !moveToRoot(this.#path, root)) return;
    for (const link of before) if (link.path !== root) removeFile(link.path);
    this.#path = root;
    this.#standing = this.#standingFiles();
  }

  /** Our own file is known by its descriptor: at its path another's may stand by now. */
  #standingFiles(): readonly StandingFile[] {
    const { fd, root } = this.#held;
    const own = { path: this.#path, identity: openFileIdentity(fd) };
    return this.#path === root ? [own] : [own, { path: root, identity: fileIdentity(root) }];
  }

  /** Throws a StopError (exit 6, `LOG_LOCK_LOST`) where the lock is not ours any more. Costs two or three looks at the folder. */
  check(): void {
    if (this.#lost !== undefined) throw this.#lost;
    const { root } = this.#held;
    if (fileIdentity(successorPath(root, this.id)) !== undefined) this.#lose("somebody took it over");
    const stands = this.#numbered
      ? this.#standing.every(({ path, identity }) => identity !== undefined && fileIdentity(path) === identity)
      : readChain(root).at(-1)?.id === this.id;
    if (!stands) this.#lose(fileIdentity(root) === undefined ? "its file was removed" : "somebody took it over");
    if (this.#lost !== undefined) throw this.#lost;
  }

  /**
   * Throws as `check` does, and where the last beat on the disk is too old to send (`LOG_LOCK_STALE`): this process was frozen, or the
   * disk hangs, and somebody may be taking the lock over in this very moment.
   */
  checkMaySend(): void {
    this.check();
    const now = momentOf(this.#clock);
    const age = Math.max(now.monotonic - this.#lastBeat.monotonic, now.wall - this.#lastBeat.wall);
    if (age < this.#timing.sendWithinMs) return;
    const { logPath } = this.#held;
    throw logStop({
      code: "LOG_LOCK_STALE",
      file: logPath,
      message:
        `The lock ${this.id} of ${logPath} gave no sign of life for ${Math.round(age / 1000)} s (the process or the machine ` +
        "stood still, the clock was set, or the disk hung): another run may have taken it over.",
      hint: "Nothing more is sent by this run. When no other run is under way, run the same command again.",
    });
  }

  /**
   * Gives the lock back; one that somebody took over is left to them, and one that was not settled to those that it was taken from. Never throws: where the disk says no, the lock stays,
   * the next run takes it over from a process that is gone, and the warning that is returned says so.
   */
  async release(): Promise<Problem | undefined> {
    clearInterval(this.#timer);
    await this.#beating;
    try {
      closeSync(this.#held.fd);
      await this.#giveBack();
      return undefined;
    } catch (error) {
      const { logPath, note } = this.#held;
      return {
        code: "LOCK_NOT_RELEASED",
        file: logPath,
        message: `The lock ${note.id} of ${logPath} could not be removed (${codeOf(error)}).`,
        hint: `The next run takes it over. Where that run says that it is locked: add --break-lock ${note.id}`,
      };
    }
  }

  async #giveBack(): Promise<void> {
    const { note, root } = this.#held;
    // Nobody may take over from here on: we succeed ourselves, and only then remove what stands at LOG.lock.
    const farewell = prepareNote(root, { ...note, id: randomBytes(8).toString("hex") });
    const toClose = new Set([farewell.fd]);
    try {
      const last = successorPath(root, this.id);
      const placed = place(farewell, last);
      if (placed === undefined) return;
      toClose.add(placed);
      if (readChain(root).at(-1)?.id === farewell.id) {
        if (this.#isSettled) await removeInTime(root);
        if (this.#path !== root) removeFile(this.#path);
      }
      removeFile(last);
    } finally {
      for (const open of toClose) closeSync(open);
      removeFile(farewell.path);
    }
  }

  async #beat(): Promise<void> {
    this.#beats += 1;
    const { position, digits } = beatAt(this.#held.text, this.#beats);
    const began = momentOf(this.#clock);
    try {
      await writeAt(this.#held.fd, digits, position, "latin1");
      await this.#flush(this.#held.fd);
      this.#lastBeat = began;
      if (readChain(this.#held.root).at(-1)?.id !== this.id) this.#lose("somebody removed it or took it over");
    } catch (error) {
      // Somebody has a file in hand for a moment (a virus scanner): the next beat, or the next append, looks again.
      if (!isBusy(error)) this.#lose("its heartbeat cannot be written", error);
    }
  }

  #lose(what: string, cause?: unknown): void {
    const { logPath } = this.#held;
    this.#lost ??= logStop(
      {
        code: "LOG_LOCK_LOST",
        file: logPath,
        message: `This run does not hold the lock ${this.id} of ${logPath} any more: ${what}.`,
        hint: "Nothing more is written by this run. When no other run is under way, run the same command again.",
      },
      cause,
    );
  }
}

interface StandingFile {
  readonly path: string;
  readonly identity: string | undefined;
}

/** Removes a file that Windows may not let go for a moment. What stays is taken over by the next run. */
async function removeInTime(path: string): Promise<void> {
  for (let tries = 0; tries < 10 && !removeFile(path); tries += 1) await sleep(20);
}
