import { EXIT, type Problem, stopError } from "../shared/problems.js";
import type { Redactor } from "../shared/redaction.js";
import type { LogHead } from "../shared/results.js";
import type { Clock } from "../shared/time.js";
import { type ChainEnd, headerLine, nextLines } from "./chain.js";
import { GroupCommit } from "./group-commit.js";
import type { IdempotencyLog } from "./port.js";
import { entryFault, type LogEntry, type LogHeader } from "./records.js";
import type { LogState } from "./state.js";

/** Where the lines of a log are kept, held by one run alone. */
export interface LogStore {
  /**
   * Makes these lines durable behind those that are there; `end` is the last of them. Rejects with a StopError (exit 6) where it cannot,
   * or where the log is not this run's any more. Never called twice at a time, and never again once it rejected.
   */
  append(lines: string, end: ChainEnd): Promise<void>;
  /** Lets `work` fill a log that does not exist yet: all of it is there at its end, or, where it is cut short, none. */
  fillAtOnce<T>(work: () => Promise<T>): Promise<T>;
  /** As {@link IdempotencyLog.checkMaySend} says. */
  checkMaySend(): void;
  /** Gives the lock back; returns a warning where it stays behind. */
  close(): Promise<Problem | undefined>;
}

/** The run that a log is open for. */
export interface LogRun extends Pick<LogHeader, "server" | "sourceTasks"> {
  /** The log's path as the user gave it. */
  readonly path: string;
  readonly run: string;
  readonly clock: Pick<Clock, "now">;
  /** What goes into no byte of the log; none in a test. */
  readonly secrets?: Redactor | undefined;
}

/** What was in a log when it was opened. `last`: its last durable line; `undefined`: not even the header is there. */
interface Found {
  readonly state: LogState;
  readonly last: ChainEnd | undefined;
  readonly warnings: readonly Problem[];
}

/** What people and servers say. Only this may be changed, for nothing is decided by it but by the names that are compared anew in each run. */
const TOLD = ["message", "reason", "by", "listed", "sent", "from", "options", "errors"];

/**
 * A record as it may be written down. Secrets are taken out of what is told. An ID, a tenant's key or what an intent sends decides
 * later runs: changed, it would be a lie, so that a secret in it is refused. A name that a server gives to a copy stands here
 * without the secret, and is no more than "another name" to the next run, which says so again.
 */
function withoutSecrets(entry: LogEntry, { secrets, path: file }: LogRun): LogEntry {
  if (secrets === undefined) return entry;
  let clean = entry;
  for (const [name, value] of Object.entries(entry)) {
    if (!TOLD.includes(name) && !(name === "name" && entry.type === "adopted")) continue;
    const told = secrets.applyAll(value);
    if (told !== value) clean = { ...clean, [name]: told };
  }
  if (!secrets.isIn(clean)) return clean;
  const message = `The API key stands in what the log ${file} would keep (${entry.type}): nothing of it was written.`;
  throw stopError(EXIT.log, "KEY_IN_NAME", message, { file });
}

/** A log that is open for one run, wherever its lines are kept. */
export class OpenLog implements IdempotencyLog {
  readonly state: LogState;
  readonly warnings: readonly Problem[];
  readonly #store: LogStore;
  readonly #run: LogRun;
  /** The last durable line. */
  #last: ChainEnd | undefined;
  readonly #groups = new GroupCommit<LogEntry>((group) => this.#flush(group));

  constructor(store: LogStore, run: LogRun, { state, last, warnings }: Found) {
    this.#store = store;
    this.#run = run;
    this.state = state;
    this.#last = last;
    this.warnings = warnings;
  }

  async append(entries: readonly LogEntry[]): Promise<void> {
    const clean = entries.map((entry) => withoutSecrets(entry, this.#run));
    for (const entry of clean) {
      const fault = entryFault(entry);
      // A record that the next run could not read must never get into the log: that is a defect of the caller.
      if (fault !== undefined)
        throw new TypeError(`not a log entry: field "${fault.field ?? "type"}" of ${entry.type}`);
    }
    await this.#groups.add(clean);
  }

  async #flush(group: readonly LogEntry[]): Promise<void> {
    const { run, clock } = this.#run;
    const at = clock.now().toISOString();
    if (this.#last === undefined) {
      // Durable by itself before any record: what is found without a whole header held nothing.
      const header = headerLine(this.#run, at, run);
      await this.#store.append(`${header.line}\n`, header);
      this.#last = header;
    }
    const { text, end } = nextLines(this.#last, group, { at, run, synced: this.#last.seq });
    await this.#store.append(text, end);
    this.#last = end;
  }

  /** Lets `work` take another log over. Where this one is empty, what is cut short leaves nothing that could be taken for a log. */
  async takeOver<T>(work: () => Promise<T>): Promise<T> {
    return this.#last === undefined ? await this.#store.fillAtOnce(work) : await work();
  }

  /** Takes lines of another log over, as they are; they go on where this one ends. */
  async appendLines(lines: readonly string[]): Promise<void> {
    const line = lines.at(-1) ?? "";
    const { seq, digest } = JSON.parse(line) as ChainEnd;
    const end = { seq, digest, line };
    await this.#store.append(`${lines.join("\n")}\n`, end);
    this.#last = end;
  }

  head(): LogHead | null {
    return this.#last ? { path: this.#run.path, seq: this.#last.seq, digest: this.#last.digest } : null;
  }

  checkMaySend(): void {
    this.#store.checkMaySend();
  }

  /** Waits for what is under way, and gives the log back; returns a warning where its lock stays behind. */
  async close(): Promise<Problem | undefined> {
    await this.#groups.idle();
    return await this.#store.close();
  }
}
