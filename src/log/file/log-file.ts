import { readdirSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { codeOf } from "../../files/paths.js";
import { EXIT, type Problem, problem, type StopError, stopError } from "../../shared/problems.js";
import type { TornTail } from "../chain.js";
import { type LogRun, type LogStore, OpenLog } from "../open-log.js";
import { LogState } from "../state.js";
import {
  copyInto,
  type FileFacts,
  isDiskError,
  type LogDisk,
  type LogHandle,
  nodeDisk,
  onDisk,
  writeAll,
} from "./disk.js";
import { acquireLock, type LockRequest, type LogLock } from "./lock.js";
import { logPathOf, readLogFile, tornWarning } from "./read-log.js";

/** What opening a log for a run takes. Whether an old log is of this server is for the caller to compare. */
export interface OpenLogRequest extends LogRun, Omit<LockRequest, "logPath" | "clock"> {
  readonly clock: LockRequest["clock"];
  readonly disk?: LogDisk | undefined;
}

/**
 * Opens a log for a run that writes: takes the lock, reads every record, cuts off a torn end (which is kept beside the log), and
 * makes durable what an earlier process wrote. Throws a StopError (exit 6) where the log is locked, damaged, not ours, or cannot be
 * written.
 */
export async function openLogForRun(request: OpenLogRequest): Promise<OpenLog> {
  const path = logPathOf(request.path);
  const file = new LogFile(request, path, await acquireLock({ ...request, logPath: path }));
  try {
    return await file.open();
  } catch (error) {
    await file.close();
    throw error;
  }
}

/**
 * A log's file that is open for one run, with its lock. A new log's file comes into being with the first append. Only this run
 * appends to it: it must be, and end, where the run left it.
 */
class LogFile implements LogStore {
  readonly #request: OpenLogRequest;
  readonly #disk: LogDisk;
  /** Without symbolic links. */
  #path: string;
  readonly #lock: LogLock;
  /** `undefined`: the first write makes the file. */
  #handle: LogHandle | undefined;
  /** Where the file ends, in bytes. */
  #size = 0;
  /** Which file it is; `undefined` where the disk numbers its files anew each time one looks. */
  #identity: string | undefined;
  #newlineMissing = false;

  constructor(request: OpenLogRequest, path: string, lock: LogLock) {
    this.#request = request;
    this.#disk = request.disk ?? nodeDisk;
    this.#path = path;
    this.#lock = lock;
  }

  /** Reads what is there, and makes it durable before anything is decided on the strength of it. */
  async open(): Promise<OpenLog> {
    const { path: shownPath } = this.#request;
    const warnings = [...this.#lock.warnings, ...(await this.#renew())];
    this.#lock.settle();
    const state = new LogState();
    const found = await readLogFile(this.#path, shownPath, state, this.#disk);
    if (found !== undefined) {
      if (found.torn !== undefined) warnings.push(await this.#cutTorn(found.torn, found.end));
      this.#size = found.end;
      this.#newlineMissing = found.endsWithoutNewline;
      const handle = onDisk(shownPath, "open for writing", () => this.#use(this.#disk.open(this.#path)));
      await onDisk(shownPath, "make durable", () => handle.datasync());
      this.#verifyLength(handle.facts());
    }
    return new OpenLog(this, this.#request, { state, last: found?.last, warnings });
  }

  /** Under a name that the lock's next holder removes. */
  async fillAtOnce<T>(work: () => Promise<T>): Promise<T> {
    const [disk, path] = [this.#disk, this.#path];
    this.#path = `${path}.lock.copy-${this.#lock.id}`;
    try {
      const done = await work();
      onDisk(this.#request.path, "put the copied log in its place as", () => {
        this.#lock.check();
        if (disk.facts(path) !== undefined) throw this.#changed("a file appeared where there was none");
        disk.rename(this.#path, path);
        disk.syncFolder(dirname(path));
      });
      return done;
    } catch (error) {
      rmSync(this.#path, { force: true });
      throw error;
    } finally {
      this.#path = path;
    }
  }

  checkMaySend(): void {
    this.#lock.checkMaySend();
  }

  async close(): Promise<Problem | undefined> {
    this.#handle?.close();
    this.#handle = undefined;
    return await this.#lock.release();
  }

  /**
   * Puts the log into a new file where an earlier owner of the lock did not release it: it may be frozen, or held up by a write that
   * hangs. What its open descriptor still does then reaches a file that nobody reads. To be done before anything of the log is read.
   * Returns a warning where the disk lets no new file take the log's place.
   *
   * Nothing that counts is lost. The earlier owner looks at the lock after each flush and before each send, and our claim on the
   * lock was there before the copy was begun: of what is not in the copy, that look came later and was refused, so nothing
   * was sent or told on the strength of it. What is in the copy, but was never acknowledged, is read like a killed run's: the
   * intent is a doubt, half a line is torn.
   *
   * Dies before the rename: the log is as it was, and the lock's chain still names the earlier owner, so the next holder does all
   * this again. Dies after it: the same, once more than needed.
   */
  async #renew(): Promise<readonly Problem[]> {
    const { path: shownPath } = this.#request;
    const [disk, path, lock, folder] = [this.#disk, this.#path, this.#lock, dirname(this.#path)];
    const copies = `${path}.lock.copy-`;
    return await onDisk(shownPath, "put into a new file", async () => {
      // An earlier holder that was frozen right before its rename must find nothing to put in the log's place. It looks at the lock
      // when its copy is complete; so a copy that comes into being after this is never moved.
      for (const name of readdirSync(folder))
        if (name.startsWith(basename(copies))) rmSync(join(folder, name), { force: true });
      if (!lock.wasTakenOver || disk.facts(path) === undefined) return [];
      const copy = `${copies}${lock.id}`;
      try {
        await copyInto(disk.create(copy, path), disk, path, 0);
        lock.check();
        disk.rename(copy, path);
      } catch (error) {
        if (!isDiskError(error)) throw error;
        const message =
          `The lock of ${shownPath} was taken over from a run that cannot be looked at, and the log could not be put into a new ` +
          `file (${codeOf(error)}): should that run wake up in the middle of a write, its line damages the log.`;
        return [problem("LOG_NOT_RENEWED", message, { file: shownPath })];
      } finally {
        rmSync(copy, { force: true });
      }
      disk.syncFolder(folder);
      return [];
    });
  }

  /** Cuts off what a crash left, and keeps it beside the log as `LOG.torn-TIME-N`. Returns what to tell of it. */
  async #cutTorn(torn: TornTail, end: number): Promise<Problem> {
    const { path: shownPath, clock } = this.#request;
    const [disk, path] = [this.#disk, this.#path];
    return await onDisk(shownPath, "cut the torn end off", async () => {
      const begin = `${path}.torn-${clock
        .now()
        .toISOString()
        .replace(/[-:]|\.\d+/g, "")}`;
      let count = 1;
      while (disk.facts(`${begin}-${count}`) !== undefined) count += 1;
      const kept = `${begin}-${count}`;
      await copyInto(disk.create(kept), disk, path, end);
      disk.syncFolder(dirname(path));
      disk.truncate(path, end, () => this.#lock.check());
      return tornWarning(shownPath, torn, join(dirname(shownPath), basename(kept)));
    });
  }

  /** Writes at the end where this run left it, and flushes once. A failed flush is never tried again. */
  async append(lines: string): Promise<void> {
    await onDisk(this.#request.path, "write to the idempotency log", async () => {
      this.#lock.check();
      const handle = this.#handle ?? this.#create();
      this.#verifyLength(handle.facts());
      const bytes = Buffer.from(this.#newlineMissing ? `\n${lines}` : lines);
      writeAll(handle, bytes);
      this.#newlineMissing = false;
      this.#size += bytes.length;
      this.#verifyLength(handle.facts());
      const flushed = handle.datasync();
      try {
        // While the disk works. Nobody is told of the group, and so nothing is sent, before both are done.
        this.#verifyPath();
      } finally {
        await flushed;
      }
      // Who took the lock over meanwhile may have read the log without these lines: nothing is told on the strength of them.
      this.#lock.check();
    });
  }

  #create(): LogHandle {
    if (this.#disk.facts(this.#path) !== undefined) throw this.#changed("a file appeared where there was none");
    const handle = this.#use(this.#disk.create(this.#path));
    // Was this run frozen right before, the file is the next owner's to write, who found it or made it.
    this.#lock.check();
    this.#disk.syncFolder(dirname(this.#path));
    return handle;
  }

  #use(handle: LogHandle): LogHandle {
    this.#handle = handle;
    const { identity } = handle.facts();
    this.#identity = this.#disk.facts(this.#path)?.identity === identity ? identity : undefined;
    return handle;
  }

  #verifyPath(): void {
    const found = this.#disk.facts(this.#path);
    if (found === undefined) throw this.#changed("it was removed");
    if (this.#identity !== undefined && found.identity !== this.#identity)
      throw this.#changed("another file is in its place");
    this.#verifyLength(found);
  }

  #verifyLength({ size }: FileFacts): void {
    if (size !== this.#size) throw this.#changed(`it is ${size} bytes long where this run left it at ${this.#size}`);
  }

  #changed(what: string): StopError {
    const { path: file } = this.#request;
    // Whoever took the lock over changes the log by right: then that is what is to be told.
    this.#lock.check();
    const message = `The idempotency log ${file} was changed by somebody else while this run held it: ${what}.`;
    return stopError(EXIT.log, "LOG_CHANGED", message, { file });
  }
}
