import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { ProblemCode } from "../../shared/codes.js";
import { EXIT, type Problem, problem, StopError, stopError } from "../../shared/problems.js";
import { type LogContent, LogScan } from "../chain.js";
import { breakWarnings, LOCK_TIMING, lockedProblem, momentOf } from "../heartbeat.js";
import { OpenLog } from "../open-log.js";
import type { LogPlace, ReadLog, RecordVisitor, SeenLock } from "../port.js";
import { LogState } from "../state.js";
import type { PostgresAddress } from "./address.js";
import { AnswerLost, type Credentials, Database } from "./database.js";
import {
  type Holder,
  type Lease,
  type LogRow,
  ownerOf,
  type PostgresOpening,
  PostgresStore,
} from "./postgres-store.js";
import { FACTS, LOOK, MAKE_LOG, READ, RELEASE, TAKE } from "./statements.js";
import { INIT_SQL } from "./tables.js";

/** So many lines are read at once, some 0.5 MB: of longer answers the client makes many copies. */
const PAGE = 1_000;

/** What a database says of itself and its user. */
interface DatabaseFacts {
  readonly version: string;
  readonly role: string;
  readonly standby: boolean;
  readonly encoding: string;
  readonly fsync: string;
  readonly reads: boolean;
  readonly appends: boolean;
  /** By the database's clock, since 1970, in milliseconds. */
  readonly now: number;
}

/** A log in a PostgreSQL: the lines of a log's file, one row each. */
export class PostgresLog implements LogPlace {
  readonly path: string;
  readonly #database: Database;
  readonly #name: string;
  readonly #pid: number;

  readonly #warnings: readonly Problem[];

  /** `warnings`: what was found while the credentials were read. */
  constructor(address: PostgresAddress, credentials: Credentials, pid: number, warnings: readonly Problem[] = []) {
    this.#warnings = warnings;
    this.#pid = pid;
    this.path = address.shown;
    this.#name = address.log;
    this.#database = new Database(address, credentials);
  }

  /** What the database says of itself. Throws a StopError (exit 6) where no log can be kept in it. */
  async #facts(): Promise<DatabaseFacts> {
    const [facts] = (await this.#ask<DatabaseFacts>(FACTS)).rows;
    if (facts === undefined) throw this.#refusal("LOG_UNREACHABLE", "it does not say what it is");
    if (facts.standby) throw this.#refusal("LOG_STANDBY", "it is a standby, which nobody can write to");
    if (facts.encoding !== "UTF8") throw this.#refusal("LOG_UNWRITABLE", `its encoding is ${facts.encoding}, not UTF8`);
    if (!facts.reads) throw this.#refusal("LOG_NO_RIGHT", `the role ${facts.role} may not read it`);
    return facts;
  }

  async read(visit?: RecordVisitor): Promise<ReadLog> {
    await this.#facts();
    const state = new LogState();
    const last = (await this.#readInto(state, visit))?.last;
    const head = last === undefined ? null : { path: this.path, seq: last.seq, digest: last.digest };
    return { state, head, warnings: this.#warnings };
  }

  async size(): Promise<number | undefined> {
    const row = await this.#row();
    return row === undefined || row.header === null ? undefined : row.seq;
  }

  async lock(): Promise<SeenLock | undefined> {
    const row = await this.#row();
    return row === undefined || row.holder === null ? undefined : seenLock(row);
  }

  async checkMayWrite(): Promise<string> {
    const facts = await this.#facts();
    if (!facts.appends) throw this.#refusal("LOG_NO_RIGHT", `the role ${facts.role} may only read it`);
    const before = performance.now();
    const { now } = await this.#facts();
    const took = performance.now() - before;
    const apart = Math.round((Date.now() - took / 2 - now) / 100) / 10;
    return `${this.path}: PostgreSQL ${facts.version}, role ${facts.role}, answers in ${took.toFixed(1)} ms, its clock is ${Math.abs(apart)} s ${apart < 0 ? "ahead" : "behind"}`;
  }

  /** The log's row; `undefined`: there is none. */
  async #row(): Promise<LogRow | undefined> {
    return (await this.#ask<LogRow>(LOOK, [this.#name])).rows[0];
  }

  /** Makes the tables and the roles (`log init`). */
  async makeTables(): Promise<void> {
    await this.#ask(INIT_SQL);
  }

  async close(): Promise<void> {
    await this.#database.close();
  }

  async *text(): AsyncIterable<Uint8Array> {
    const row = await this.#row();
    if (row !== undefined) for await (const lines of this.#lines(row)) yield Buffer.from(lines);
  }

  /** The lines as the log's row knows of them, whole ones in each piece. */
  async *#lines({ header, seq }: LogRow): AsyncIterable<string> {
    if (header === null) return;
    yield `${header}\n`;
    if (seq === 0) return;
    const page = (after: number) => {
      const values = [this.#name, after, Math.min(PAGE, seq - after)];
      return this.#ask<{ lines: string | null; last: number | null }>(READ, values);
    };
    for (let after = 0, next = page(0); after < seq; ) {
      const { lines, last } = (await next).rows[0] ?? { lines: null, last: null };
      // Lines are missing: whoever reads holds the end against the head.
      if (lines === null || last === null) return;
      after = last;
      // While the database looks for the next lines, these are read.
      if (after < seq) next = page(after);
      yield lines;
    }
  }

  /** Reads every line into `state`. Throws a StopError (exit 6) where they are no whole log. */
  async #readInto(state: LogState, visit?: RecordVisitor): Promise<LogContent | undefined> {
    const row = await this.#row();
    if (row === undefined || row.header === null) return undefined;
    const scan = new LogScan(this.path, (record) => {
      visit?.(record, state);
      state.apply(record, record.run);
    });
    for await (const lines of this.#lines(row)) scan.push(Buffer.from(lines));
    const content = scan.end();
    // Lines that were cut from the end show here: the log's row has the head.
    if (content.torn !== undefined || content.last?.seq !== row.seq || content.last.digest !== row.digest) {
      const message = `The idempotency log ${this.path} is damaged: its row says that it ends with seq ${row.seq}, and its lines end with ${content.last?.seq ?? "none"}.`;
      throw stopError(EXIT.log, "LOG_DAMAGED", message, { file: this.path });
    }
    if (content.header !== undefined) state.applyHeader(content.header);
    return content;
  }

  /** Opens the log for a run that writes: takes its lock, and reads every record. The log that is returned closes the connection. */
  async open(request: PostgresOpening): Promise<OpenLog> {
    let lease: Lease | undefined;
    try {
      const facts = await this.#facts();
      if (!facts.appends) throw this.#refusal("LOG_NO_RIGHT", `the role ${facts.role} may only read it`);
      lease = await this.#take(request);
      const state = new LogState();
      const last = (await this.#readInto(state))?.last;
      const store = new PostgresStore(this.path, this.#database, { name: this.#name, lease, request, last });
      const message = `The database of ${this.path} runs with fsync=off: what it says it has written, a crash may lose.`;
      const unsafe = facts.fsync === "off" ? [problem("LOG_NOT_DURABLE", message, { file: this.path })] : [];
      return new OpenLog(store, request, { state, last, warnings: [...this.#warnings, ...lease.warnings, ...unsafe] });
    } catch (error) {
      if (lease !== undefined) await this.#ask(RELEASE, [this.#name, lease.fence, lease.holder]).catch(() => undefined);
      await this.close();
      throw error;
    }
  }

  async #take(request: PostgresOpening): Promise<Lease> {
    const { breakLock, timing = LOCK_TIMING, clock, onWaiting } = request;
    const since = clock.now().toISOString();
    const { run, command, by } = request;
    const held: Holder = { lease: randomUUID(), command, run, pid: this.#pid, since, ...by };
    const holder = JSON.stringify(held);
    await this.#ask(MAKE_LOG, [this.#name]);
    const toBreak = breakLock !== undefined && /^\d{1,15}$/.test(breakLock) ? Number(breakLock) : null;
    let before = await this.#row();
    let watched: LogRow | undefined;
    for (;;) {
      const began = momentOf(clock);
      const values = [this.#name, holder, timing.silentMs, toBreak, watched?.fence ?? null, watched?.beat ?? null];
      // Where its answer was lost it is asked again: the lock is this run's then, or still another's.
      const [taken] = (await this.#askAgain<{ fence: number }>(TAKE, values)).rows;
      if (taken !== undefined)
        return {
          fence: taken.fence,
          holder,
          began,
          warnings: breakWarnings(breakLock, before?.holder ? seenLock(before) : undefined, this.path),
        };
      const seen = await this.#row();
      if (seen === undefined || seen.holder === null) continue;
      before = seen;
      // The database's clock was set back: how old the beat is cannot be told, so the lock counts as silent from now on.
      if ((seen.silentMs ?? 0) > -timing.beatMs || breakLock !== undefined)
        throw new StopError(EXIT.log, lockedProblem(seenLock(seen), this.path, breakLock));
      onWaiting?.(
        `watching the lock of ${ownerOf(seen.holder)}, whose last heartbeat lies in the future`,
        timing.silentMs,
      );
      await sleep(timing.silentMs);
      watched = seen;
    }
  }

  /** Asks once more where the answer was lost: for what may be carried out twice. */
  async #askAgain<Row>(text: string, values: readonly unknown[]) {
    try {
      return await this.#database.query<Row>(text, values);
    } catch (error) {
      if (!(error instanceof AnswerLost && error.wasSent)) throw error;
      return await this.#ask<Row>(text, values);
    }
  }

  async #ask<Row>(text: string, values: readonly unknown[] = []) {
    try {
      return await this.#database.query<Row>(text, values);
    } catch (error) {
      throw error instanceof AnswerLost ? this.#database.unreachable(error) : error;
    }
  }

  #refusal(code: ProblemCode, why: string): StopError {
    return stopError(EXIT.log, code, `The idempotency log ${this.path} cannot be used: ${why}.`, { file: this.path });
  }
}

function seenLock({ fence, holder, silentMs }: LogRow): SeenLock {
  return { id: String(fence), owner: ownerOf(holder ?? ""), silentMs: silentMs ?? 0, ownerState: "unknown" };
}
