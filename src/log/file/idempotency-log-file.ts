import { basename, dirname, join } from "node:path";
import { codeOf } from "../../files/paths.js";
import type { TaskId } from "../../shared/ids.js";
import { EXIT, type Problem, problem, StopError, stopError } from "../../shared/problems.js";
import type { LogHead } from "../../shared/results.js";
import type { IdempotencyLog } from "../port.js";
import { type LogContent, LogScan, type TornTail } from "../reading.js";
import type { LogHeader, LogRecord } from "../records.js";
import { LogState } from "../state.js";
import { LogWriter } from "../writer.js";
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

/** How logs are named: `customers.csv` → `customers.csv.idempotency.jsonl`. */
export const LOG_ENDING = ".idempotency.jsonl";

/** What opening a log for a run takes. */
export interface OpenLogRequest extends Omit<LockRequest, "logPath"> {
  readonly path: string;
  /** For the header of a new log. Whether an old log is of this server is for the caller to compare. */
  readonly server: string;
  readonly sourceTasks: readonly TaskId[];
  readonly run: string;
  /** Gets each record that is in the log already, in turn. */
  readonly visit: (record: LogRecord) => void;
  readonly disk?: LogDisk | undefined;
}

/** A log that is open for one run, with its lock. A new log's file comes into being with the first append. */
export interface OpenLog extends IdempotencyLog {
  /** The file's header, or the one that a new file will have. */
  readonly header: LogHeader;
  readonly warnings: readonly Problem[];
  /** Waits for what is under way, closes the file and gives the lock back; returns a warning where the lock stays behind. */
  close(): Promise<Problem | undefined>;
}

/** Where a log stands whose lock is held. */
interface LockedPlace {
  readonly disk: LogDisk;
  /** Without symbolic links. */
  readonly path: string;
  /** The path as the user gave it, for messages. */
  readonly shownPath: string;
  readonly lock: LogLock;
}

/** A log as it was read without a lock. */
export interface LogOnDisk {
  /** `undefined`: there is no log (no file, or one in which not even the header is whole). */
  readonly header: LogHeader | undefined;
  readonly head: LogHead | undefined;
  readonly warnings: readonly Problem[];
}

/** Reads a log for a dry run or `status`: no lock, nothing written, a torn end is ignored. Throws as opening does. */
export function readLogForPlan(path: string, visit: (record: LogRecord) => void, disk: LogDisk = nodeDisk): LogOnDisk {
  const { header, last, torn } = readLogFile(path, visit, disk) ?? {};
  if (header === undefined || last === undefined) return { header: undefined, head: undefined, warnings: [] };
  const warnings = torn === undefined ? [] : [tornWarning(path, torn)];
  return { header, head: { path, seq: last.seq, digest: last.digest }, warnings };
}

/**
 * Reads a log's file to its end, each record into `visit`; `undefined`: there is none. Throws a StopError (exit 6) where it is no
 * log of ours, damaged or unreadable. `shownPath`: as the user gave it, for messages.
 */
function readLogFile(
  path: string,
  visit: (record: LogRecord) => void,
  disk: LogDisk,
  shownPath = path,
): LogContent | undefined {
  const scan = new LogScan(shownPath, visit);
  return onDisk(shownPath, "read the idempotency log", () => {
    if (disk.facts(path) !== undefined) {
      disk.read(path, 0, (piece) => scan.push(piece));
      return scan.end();
    }
    const target = disk.linkTarget(path);
    if (target === undefined) return undefined;
    // A link that leads nowhere is a sign of a log that was here: a new one in its place would make every copy a second time.
    const message = `The idempotency log ${shownPath} is a symbolic link to ${target}, where no file is.`;
    throw stopError(EXIT.log, "LOG_LINK_BROKEN", message, { file: shownPath, value: target });
  });
}

/** The last group was cut short by a crash. `kept`: where the lock's holder put what it cut off. */
function tornWarning(path: string, torn: TornTail, kept?: string): Problem {
  const cut = `The last ${torn.bytes} bytes of ${path}, from line ${torn.line} on, were cut short by a crash`;
  const where = { file: path, line: torn.line };
  if (kept === undefined) return problem("LOG_TORN", `${cut} and are ignored.`, where);
  const hint = torn.hasNuls
    ? "NUL bytes are what a disk leaves that lost its power; one that says it has written before it has may have lost what was told. Run sync with --verify once: it holds every copy against the server."
    : "Nothing to do: they were never confirmed as written, so nothing was sent on the strength of them.";
  return problem("LOG_TORN", `${cut}; they were moved to ${kept}.`, { ...where, hint });
}

/** The logs in a folder, by their usual ending, sorted. Throws a StopError (exit 6) where the folder cannot be read. */
export function findLogs(folder: string): readonly string[] {
  const names = onDisk(folder, "look for logs in", () => nodeDisk.list(folder));
  const logs = names.filter((name) => name.endsWith(LOG_ENDING));
  return logs.sort().map((name) => join(folder, name));
}

/** Whether a file is the log of this server (after any `--rebind`) and knows one of these source tasks. */
export function isLogOf(path: string, server: string, sourceTasks: readonly TaskId[]): boolean {
  const state = new LogState();
  try {
    const { header } = readLogForPlan(path, (record) => state.apply(record, record.run));
    if (header === undefined || (state.reboundServer() ?? header.server) !== server) return false;
    return sourceTasks.some((task) => header.sourceTasks.includes(task) || state.isSource(task));
  } catch (error) {
    // A damaged or foreign neighbour is no reason to stop: it is refused where it is opened.
    if (error instanceof StopError) return false;
    throw error;
  }
}

/**
 * Opens a log for a run that writes: takes the lock, reads every record into `visit`, cuts off a torn end (which is kept
 * beside the log), and makes durable what an earlier process wrote. Throws a StopError (exit 6) where the log is locked,
 * damaged, not ours, or cannot be written.
 */
export async function openLogForRun(request: OpenLogRequest): Promise<OpenLog> {
  const { path: shownPath, disk = nodeDisk } = request;
  const path = onDisk(shownPath, "find the folder of", () => disk.realPath(shownPath));
  const lock = await acquireLock({ ...request, logPath: path });
  try {
    return await openLocked(request, { disk, path, shownPath, lock });
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function openLocked(request: OpenLogRequest, place: LockedPlace): Promise<OpenLog> {
  const { disk, path, shownPath, lock } = place;
  const { server, sourceTasks, run, now } = request;
  const warnings = [...lock.warnings, ...(await renewLog(place))];
  lock.settle();
  const found = readLogFile(path, request.visit, disk, shownPath);
  if (found?.torn !== undefined) warnings.push(await cutTorn(place, found.torn, now()));
  const header: LogHeader = found?.header ?? {
    type: "header",
    format: "qalyptus-propagate-log",
    formatVersion: 1,
    server,
    sourceTasks,
  };
  const file = new LogFile(place, found);
  if (found !== undefined) await file.open();
  const writer = new LogWriter({
    path: shownPath,
    header,
    run,
    now,
    last: found?.last,
    write: (lines) => file.write(lines),
  });
  return {
    header,
    warnings,
    append: (entries) => writer.append(entries),
    head: () => writer.head(),
    checkMaySend: () => lock.checkMaySend(),
    async close() {
      await writer.idle();
      file.close();
      return await lock.release();
    },
  };
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
async function renewLog({ disk, path, shownPath, lock }: LockedPlace): Promise<readonly Problem[]> {
  const copies = `${path}.lock.copy-`;
  return await onDisk(shownPath, "put into a new file", async () => {
    // An earlier holder that was frozen right before its rename must find nothing to put in the log's place. It looks at the lock
    // when its copy is complete; so a copy that comes into being after this is never moved.
    for (const name of disk.list(dirname(path)))
      if (name.startsWith(basename(copies))) disk.remove(join(dirname(path), name));
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
      disk.remove(copy);
    }
    disk.syncFolder(dirname(path));
    return [];
  });
}

/** Cuts off what a crash left, and keeps it beside the log as `LOG.torn-TIME-N`. Returns what to tell of it. */
async function cutTorn(place: LockedPlace, torn: TornTail, now: Date): Promise<Problem> {
  const { disk, path, shownPath, lock } = place;
  return await onDisk(shownPath, "cut the torn end off", async () => {
    const time = now.toISOString().replace(/[-:]|\.\d+/g, "");
    let count = 1;
    while (disk.facts(`${path}.torn-${time}-${count}`) !== undefined) count += 1;
    const kept = `${path}.torn-${time}-${count}`;
    await copyInto(disk.create(kept), disk, path, torn.at);
    disk.syncFolder(dirname(path));
    disk.truncate(path, torn.at, () => lock.check());
    return tornWarning(shownPath, torn, join(dirname(shownPath), basename(kept)));
  });
}

/** The log's file, to which only this run appends: it must be, and end, where the run left it. */
class LogFile {
  readonly #place: LockedPlace;
  /** `undefined`: the first write makes the file. */
  #handle: LogHandle | undefined;
  /** Where the file ends, in bytes. */
  #size: number;
  /** Which file it is; `undefined` where the disk numbers its files anew each time one looks. */
  #identity: string | undefined;
  #newlineMissing: boolean;

  constructor(place: LockedPlace, found: LogContent | undefined) {
    this.#place = place;
    this.#size = found?.end ?? 0;
    this.#newlineMissing = found?.endsWithoutNewline ?? false;
  }

  /** Opens the file that was read, and makes durable what is in it before anything is decided on the strength of it. */
  async open(): Promise<void> {
    const { disk, path, shownPath } = this.#place;
    const handle = onDisk(shownPath, "open for writing", () => disk.open(path));
    try {
      await onDisk(shownPath, "make durable", () => handle.datasync());
      this.#verifyLength(handle.facts());
    } catch (error) {
      handle.close();
      throw error;
    }
    this.#use(handle);
  }

  /** Writes at the end where this run left it, and flushes once. A failed flush is never tried again. */
  async write(lines: string): Promise<void> {
    const { shownPath, lock } = this.#place;
    await onDisk(shownPath, "write to the idempotency log", async () => {
      lock.check();
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
      lock.check();
    });
  }

  close(): void {
    this.#handle?.close();
    this.#handle = undefined;
  }

  #create(): LogHandle {
    const { disk, path, lock } = this.#place;
    if (disk.facts(path) !== undefined) throw this.#changed("a file appeared where there was none");
    const handle = disk.create(path);
    this.#use(handle);
    // Was this run frozen right before, the file is the next owner's to write, who found it or made it.
    lock.check();
    disk.syncFolder(dirname(path));
    return handle;
  }

  #use(handle: LogHandle): void {
    const { disk, path } = this.#place;
    this.#handle = handle;
    const { identity } = handle.facts();
    this.#identity = disk.facts(path)?.identity === identity ? identity : undefined;
  }

  #verifyPath(): void {
    const found = this.#place.disk.facts(this.#place.path);
    if (found === undefined) throw this.#changed("it was removed");
    if (this.#identity !== undefined && found.identity !== this.#identity)
      throw this.#changed("another file is in its place");
    this.#verifyLength(found);
  }

  #verifyLength({ size }: FileFacts): void {
    if (size !== this.#size) throw this.#changed(`it is ${size} bytes long where this run left it at ${this.#size}`);
  }

  #changed(what: string): StopError {
    const { shownPath, lock } = this.#place;
    // Whoever took the lock over changes the log by right: then that is what is to be told.
    lock.check();
    const message = `The idempotency log ${shownPath} was changed by somebody else while this run held it: ${what}.`;
    return stopError(EXIT.log, "LOG_CHANGED", message, { file: shownPath });
  }
}
