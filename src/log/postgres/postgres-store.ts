import { setTimeout as sleep } from "node:timers/promises";
import { EXIT, type Problem, problem, StopError, stopError } from "../../shared/problems.js";
import type { ChainEnd } from "../chain.js";
import { Heartbeat, type HeartbeatClock, LOCK_TIMING, type LockTiming, type Moment } from "../heartbeat.js";
import type { LogStore } from "../open-log.js";
import type { Opening } from "../port.js";
import type { RunBy } from "../records.js";
import { AnswerLost, type Database } from "./database.js";
import { APPEND, BEAT, LOOK, RELEASE } from "./statements.js";

/** How long a group of lines is tried again while no answer comes, and the pause between tries, in milliseconds. */
const TRY_FOR_MS = 30_000;
const PAUSE_MS = 250;

/** A log's row. */
export interface LogRow {
  readonly header: string | null;
  readonly seq: number;
  readonly digest: string;
  readonly fence: number;
  readonly holder: string | null;
  readonly beat: string | null;
  readonly silentMs: number | null;
}

/** Who holds the lock, as its row keeps it; `lease` makes it one of a kind. */
export interface Holder extends RunBy {
  readonly lease: string;
  readonly command: string;
  readonly run: string;
  readonly pid: number;
  readonly since: string;
}

/** The lock of a log, as it was taken. */
export interface Lease {
  readonly fence: number;
  readonly holder: string;
  /** Before it was taken: its first sign of life is no older. */
  readonly began: Moment;
  readonly warnings: readonly Problem[];
}

/** `timing`: what tests replace. */
export type PostgresOpening = Opening & { readonly timing?: LockTiming | undefined };

/** A log that one run holds: its lease, and the one way to append. */
export class PostgresStore implements LogStore {
  readonly #path: string;
  readonly #database: Database;
  readonly #name: string;
  readonly #lease: Lease;
  readonly #clock: HeartbeatClock;
  readonly #heartbeat: Heartbeat;
  /** The head as this run left it. */
  #head: Pick<ChainEnd, "seq" | "digest">;
  #lost: StopError | undefined;
  /** A transaction is open: what is lost of it is lost as a whole, and never sent again by itself. */
  #isFilling = false;

  constructor(
    path: string,
    database: Database,
    held: { name: string; lease: Lease; request: PostgresOpening; last: ChainEnd | undefined },
  ) {
    const { clock, timing = LOCK_TIMING } = held.request;
    this.#path = path;
    this.#database = database;
    this.#name = held.name;
    this.#lease = held.lease;
    this.#clock = clock;
    this.#head = held.last ?? { seq: -1, digest: "" };
    this.#heartbeat = new Heartbeat(clock, timing, held.lease.began, () => this.#beat());
  }

  /**
   * Where no answer comes, the log's row says what became of it: the head is ours (done), or the old one with our fence (the same lines
   * again: two of them cannot both be taken, for each compares the head). Anything else, or no row changed: the lock is lost.
   */
  async append(lines: string, end: ChainEnd): Promise<void> {
    const until = this.#clock.monotonic() + TRY_FOR_MS;
    const { seq, digest } = this.#head;
    const values = [
      this.#name,
      this.#lease.fence,
      this.#lease.holder,
      seq,
      digest,
      end.seq,
      end.digest,
      ...(end.seq === 0 ? [end.line, null] : [null, lines.slice(0, -1)]),
    ];
    for (let lost: AnswerLost | undefined; ; await sleep(PAUSE_MS)) {
      this.#throwIfLost();
      try {
        // Of an answer that was lost the row is asked first.
        const isThere = lost !== undefined && (await this.#isAppended(end));
        if (isThere || ((await this.#database.query(APPEND, values)).rowCount ?? 0) > 0) break;
        if (await this.#isAppended(end)) break;
        throw this.#lose();
      } catch (error) {
        if (!(error instanceof AnswerLost) || this.#isFilling) throw error;
        // A process that was frozen meanwhile has waited for nothing: it asks once more.
        if (lost !== undefined && this.#clock.monotonic() >= until) throw this.#database.unreachable(error);
        lost = error;
      }
    }
    this.#head = end;
  }

  /** Whether the head is this one, with our fence; `false`: it is the one before. Throws where the lock is not ours. */
  async #isAppended({ seq, digest }: ChainEnd): Promise<boolean> {
    const [row] = (await this.#database.query<LogRow>(LOOK, [this.#name])).rows;
    if (row === undefined || row.holder !== this.#lease.holder) throw this.#lose(row);
    if (row.seq === seq && row.digest === digest) return true;
    if (row.seq === this.#head.seq && row.digest === this.#head.digest) return false;
    throw this.#lose(row);
  }

  async fillAtOnce<T>(work: () => Promise<T>): Promise<T> {
    this.#isFilling = true;
    try {
      await this.#database.query("BEGIN");
      const done = await work();
      await this.#database.query("COMMIT");
      return done;
    } catch (error) {
      await this.#database.close();
      throw error instanceof AnswerLost ? this.#database.unreachable(error) : error;
    } finally {
      this.#isFilling = false;
    }
  }

  checkMaySend(): void {
    this.#throwIfLost();
    this.#heartbeat.checkMaySend(`The lock ${this.#lease.fence} of ${this.#path}`, this.#path);
  }

  async close(): Promise<Problem | undefined> {
    await this.#heartbeat.stop();
    try {
      await this.#database.query(RELEASE, [this.#name, this.#lease.fence, this.#lease.holder]);
      return undefined;
    } catch (error) {
      if (!(error instanceof AnswerLost || error instanceof StopError)) throw error;
      const message = `The lock ${this.#lease.fence} of ${this.#path} could not be given back (${error.message}).`;
      const hint = `It runs out by itself after 60 s. To go on at once, add: --break-lock ${this.#lease.fence}`;
      return problem("LOCK_NOT_RELEASED", message, { file: this.#path, hint });
    } finally {
      await this.#database.close();
    }
  }

  async #beat(): Promise<boolean> {
    try {
      const { rowCount } = await this.#database.query(BEAT, [this.#name, this.#lease.fence, this.#lease.holder]);
      if (rowCount === 0) this.#lose();
      return rowCount !== 0;
    } catch (error) {
      // The next one may get through; until then the last that did grows old, and nothing is sent any more.
      if (error instanceof AnswerLost || error instanceof StopError) return false;
      throw error;
    }
  }

  #throwIfLost(): void {
    if (this.#lost !== undefined) throw this.#lost;
  }

  #lose(row?: LogRow): StopError {
    const who = row?.holder ? `${ownerOf(row.holder)} took it over` : "it is not this run's any more";
    const message = `The lock ${this.#lease.fence} of ${this.#path} was lost: ${who}.`;
    this.#lost ??= stopError(EXIT.log, "LOG_LOCK_LOST", message, { file: this.#path });
    return this.#lost;
  }
}

/** Who holds a lock, for people. */
export function ownerOf(holder: string): string {
  try {
    const { command, host, pid, since, user, ciJob } = JSON.parse(holder) as Partial<Holder>;
    const by = user === undefined ? "" : ` by ${user}`;
    return `"${command}"${by} on host ${host}, process ${pid}, since ${since}${ciJob === undefined ? "" : `, ${ciJob}`}`;
  } catch (error) {
    if (error instanceof SyntaxError) return "an unreadable holder";
    throw error;
  }
}
