import type { ProblemCode } from "../shared/codes.js";
import { EXIT, ownHint, type Problem, problem, StopError, stopError } from "../shared/problems.js";
import { LEAST_TOLD_MS } from "../shared/results.js";
import type { Clock } from "../shared/time.js";
import { type ApiVersion, apiRoot } from "./address.js";
import type { HttpClient, QalyptusApiSettings } from "./client.js";
import type { FailureKind } from "./failures.js";
import { classifyRead, type ReadAnswer } from "./replies.js";
import { rowsOf, totalNamed } from "./wire.js";

/** The read routes; which version of the API answers is remembered for each. */
export type ReadRoute = "list" | "task" | "reports" | "triggers" | "recipients";

/** One read. `path` is below `/api/v2`. */
export interface Read {
  readonly route: ReadRoute;
  readonly path: string;
  readonly fresh?: boolean | undefined;
}

/** Lists may be large; a list in pages that is larger than this is no list of tasks. */
const MOST_BYTES = 64 * 1024 * 1024;
const FIRST_BACK_OFF_MS = 200;
const LONGEST_BACK_OFF_MS = 10_000;
/** Once the server has answered in this run, connections may be refused for so long (a restart) before the run ends. */
const REFUSED_FOR_MS = 30_000;
/** How a first request fails where it is hardly worth asking for anything else. */
const NO_ANSWER_AT_ALL: readonly FailureKind[] = ["hang-up", "protocol", "unasked"];

/** Reads with retries, and from the older routes where the newer are missing. Keeps what this run has learned of the server. */
export class ServerReads {
  readonly #client: HttpClient;
  readonly #settings: QalyptusApiSettings;
  readonly #versions = new Map<ReadRoute, ApiVersion>();
  /** Routes that were missing in both versions, with an answer that is not this API's. */
  readonly #foreign = new Set<ReadRoute>();
  #answered = false;
  #isQalyptus = false;

  constructor(client: HttpClient, settings: QalyptusApiSettings) {
    this.#client = client;
    this.#settings = settings;
  }

  /** Reads one thing; the answer is never a `stop`. Throws a StopError (exit 5) where the whole run must end. */
  async read(read: Read): Promise<ReadAnswer> {
    const { route } = read;
    const version = this.#versions.get(route);
    const newer = sound(await this.#attempts(read, version ?? "v2"));
    if (newer.kind === "json") this.#versions.set(route, version ?? "v2");
    if (newer.kind !== "missing" || version !== undefined) return newer;
    const older = await this.#attempts(read, "v1");
    if (older.kind === "json") this.#versions.set(route, "v1");
    // Where v2 answers elsewhere, a login page at v1 only says that there is no v1.
    const isLogin = older.kind === "stop" && [...this.#versions.values()].includes("v2");
    if (older.kind !== "missing" && !isLogin) return sound(older);
    if (older.kind === "missing" && newer.isStrange === true && older.isStrange === true) {
      this.#foreign.add(route);
      if ((["list", "task", "reports"] as const).every((one) => this.#foreign.has(one))) this.suspect(newer);
    }
    return older.kind === "missing" && older.status === 405 ? { ...newer, status: 405 } : newer;
  }

  /** Says that this server answered as the API does: from now on, a strange answer is a fault and not a wrong server. */
  recognise(): void {
    this.#isQalyptus = true;
  }

  /** Ends the run with NOT_QALYPTUS where nothing has answered as this API does. */
  suspect({ isStrange, problem }: ReadAnswer): void {
    if (isStrange !== true || this.#isQalyptus) return;
    throw stopError(EXIT.server, "NOT_QALYPTUS", problem.message, { hint: ownHint(problem) });
  }

  async #attempts(read: Read, version: ApiVersion): Promise<ReadAnswer> {
    const client = this.#client;
    const { clock, chance, retries, timeoutMs, onPause } = this.#settings;
    const path = apiRoot(client.server, version) + read.path;
    const begun = clock.monotonic();
    for (let attempt = 0; ; attempt += 1) {
      const exchange = await client.exchange({ method: "GET", path, fresh: read.fresh, maxBytes: MOST_BYTES });
      if (exchange.kind === "answer") this.#answered = true;
      const answer = classifyRead(exchange, client);
      if (answer.isEnveloped === true) this.recognise();
      const { failure } = answer;
      if (answer.kind !== "failing" || failure?.kind === "aborted" || client.closing.aborted) return answer;
      const isRestart = failure?.connecting === true && this.#answered && clock.monotonic() - begun < REFUSED_FOR_MS;
      if (failure?.passing === false || (attempt >= retries && !isRestart)) return this.#givenUp(answer);
      // Full jitter, so that many clients do not come back at once; what the server asks for is the least.
      const jitter = chance.fraction() * Math.min(FIRST_BACK_OFF_MS * 2 ** attempt, LONGEST_BACK_OFF_MS);
      const pause = Math.max(jitter, Math.min(answer.retryAfterMs ?? 0, timeoutMs));
      if (pause >= LEAST_TOLD_MS) onPause?.(`before the server is asked again: ${answer.problem.message}`, pause);
      await clock.sleep(pause, client.closing);
    }
  }

  /** No connection, or none that ever came to an answer, ends the run; a server that answered before is only failing. */
  #givenUp(answer: ReadAnswer): ReadAnswer {
    const { failure } = answer;
    if (failure === undefined) return answer;
    if (failure.connecting) throw new StopError(EXIT.server, failure.problem, { cause: failure });
    if (this.#answered || !NO_ANSWER_AT_ALL.includes(failure.kind)) return answer;
    const code = failure.kind === "protocol" ? "NOT_QALYPTUS" : "UNREACHABLE";
    throw new StopError(EXIT.server, { ...failure.problem, code }, { cause: failure });
  }
}

function sound(answer: ReadAnswer): ReadAnswer {
  if (answer.kind === "stop") throw new StopError(EXIT.server, answer.problem);
  return answer;
}

/** What a list is read with. */
export type ListReads = Pick<ServerReads, "read" | "recognise" | "suspect">;

/** A list that is read: which (its path without a query), and how its rows are told from each other. */
export interface ListRequest<T> extends Read {
  /** Called when everything came at once, before any page is waited for. */
  readonly onRecognised?: (() => void) | undefined;
  /** What is kept of a row; `undefined` where it cannot be read. */
  readonly parse: (row: unknown) => T | undefined;
  /** A row's ID. */
  readonly keyOf: (row: T) => string;
  /** Fewer rows than this in one answer are all there are: no server's page is shorter. 0: always read on. */
  readonly wholeBelow: number;
}

/** Rows, each once. `problem`: they may not be all. `none`: the list could not be read at all. */
export type ListRows<T> =
  | { readonly kind: "rows"; readonly rows: readonly T[]; readonly problem: Problem | undefined }
  | { readonly kind: "none"; readonly answer: ReadAnswer };

const PAGE_SIZE = 50;
const LONGEST_READING_MS = 10 * 60_000;

/**
 * Reads a list to its end: everything at once, then pages of 50 from the first, at least two, until one is empty or brings
 * nothing that no page before it had. What came at once may be cut short too, so it does not tell what is new; the result is both.
 * Where a few pages show that all of them add up to what came at once, the others are spared. Where fewer rows came than a total
 * that an answer names, every page is read (once more): tasks that were made meanwhile show then. A list that is still shorter
 * than what was named before lacks rows.
 */
export async function readToEnd<T>(reads: ListReads, list: ListRequest<T>, clock: Clock): Promise<ListRows<T>> {
  const { route, path, fresh } = list;
  const ask = (query: string) => reads.read({ route, path: path + query, fresh });
  const askPage: AskPage = (page) => ask(`?page=${page}&page_size=${PAGE_SIZE}`);
  const all = new RowCollection(reads, list);
  /** Fewer rows than any page has are all there are, unless the answer names more. */
  const isAll = (keys: readonly string[]) => keys.length < list.wholeBelow && all.lacking() === undefined;

  const whole = await ask("?get_all=true");
  const atOnce = all.take(whole);
  if (atOnce !== undefined) {
    list.onRecognised?.();
    if (isAll(atOnce)) return all.result();
  } else if (!mayAnswerOtherwise(whole)) return { kind: "none", answer: whole };
  let trouble: Problem | undefined;
  if (atOnce === undefined || !(await pagesAddUp(all, askPage))) trouble = await readPages(all, askPage, clock);
  const { total } = all;
  if (trouble === undefined && all.lacking(total) !== undefined) trouble = await readPages(all, askPage, clock);
  const { refusal } = all;
  if (refusal === undefined || all.isRead) return all.result(trouble ?? all.lacking(total));
  if (list.wholeBelow === 0 || refusal.kind === "failing" || !mayAnswerOtherwise(refusal))
    return { kind: "none", answer: refusal };
  // A server that refuses every query may answer without one; as many rows as a page has may then be a first page.
  const bare = await ask("");
  const rows = all.take(bare);
  return rows !== undefined && isAll(rows) ? all.result() : { kind: "none", answer: bare };
}

/** A server may refuse to send everything at once, and yet send pages. */
function mayAnswerOtherwise({ kind, failure }: ReadAnswer): boolean {
  return kind === "json" || kind === "rejected" || (kind === "failing" && failure === undefined);
}

type AskPage = (page: number) => Promise<ReadAnswer>;

/**
 * Whether the pages add up to what came at once: the first two tell how many rows a page has, and so which page is the last;
 * that one must hold just the rows that are left, all of them known, and the one after it nothing new. A list of 10,000 takes
 * four pages so, and not 201. Where anything differs, every page has to be read, from the first and in turn: a list that
 * changes meanwhile shifts its rows from page to page, and who reads a later page before an earlier one may miss one that was
 * there throughout.
 */
async function pagesAddUp<T>(all: RowCollection<T>, askPage: AskPage): Promise<boolean> {
  const known = all.rows.size;
  const seen = new Set<string>();
  /** How many rows each of these pages has that no page before it had; NaN where it cannot be read or has one that is not known. */
  const countNew = async (...pages: readonly number[]): Promise<readonly number[]> => {
    const answers = await Promise.all(pages.map(askPage));
    return answers.map((answer) => {
      const before = seen.size;
      const keys = all.take(answer);
      for (const key of keys ?? []) seen.add(key);
      return keys === undefined || all.rows.size > known ? Number.NaN : seen.size - before;
    });
  };
  const [perPage = 0, second] = await countNew(1, 2);
  if (second === 0) return perPage >= 0;
  const last = Math.ceil(known / perPage);
  const left = known - perPage * (last - 1);
  if (last === 2) return second === left && (await countNew(3))[0] === 0;
  if (second !== perPage) return false;
  const [ofLast, afterLast] = await countNew(last, last + 1);
  return ofLast === left && afterLast === 0;
}

/** Reads pages, each when the one before it has come, until one brings nothing new; returns what kept it from that. */
async function readPages<T>(all: RowCollection<T>, askPage: AskPage, clock: Clock): Promise<Problem | undefined> {
  const begun = clock.monotonic();
  const seen = new Set<string>();
  for (let page = 1; ; page += 1) {
    const answer = await askPage(page);
    const keys = all.take(answer);
    if (keys === undefined) return answer.problem;
    const before = seen.size;
    for (const key of keys) seen.add(key);
    if (seen.size === before && page >= 2) return undefined;
    if (clock.monotonic() - begun > LONGEST_READING_MS)
      return all.problem("LIST_ENDLESS", `still brought new entries on page ${page}: it was not read to its end`);
  }
}

/** Rows, each once, as it was read last. */
class RowCollection<T> {
  readonly #reads: ListReads;
  readonly #list: ListRequest<T>;
  readonly rows = new Map<string, T>();
  /** A row that cannot be read is a reason not to rely on the list. */
  #unreadable = false;
  /** The largest total that an answer has named so far. */
  total = 0;
  /** An answer has had rows. */
  isRead = false;
  /** The last answer that had none. */
  refusal: ReadAnswer | undefined;

  constructor(reads: ListReads, list: ListRequest<T>) {
    this.#reads = reads;
    this.#list = list;
  }

  /** Takes the rows of an answer in; returns their keys, or `undefined` where the answer has no rows. */
  take(answer: ReadAnswer): readonly string[] | undefined {
    const rows = answer.kind === "json" ? rowsOf(answer.value) : undefined;
    if (rows === undefined) {
      if (answer.kind === "json" || answer.kind === "rejected") this.#reads.suspect(answer);
      this.refusal = answer;
      return undefined;
    }
    this.#reads.recognise();
    this.isRead = true;
    this.total = Math.max(this.total, totalNamed(answer.value));
    const { parse, keyOf } = this.#list;
    const parsed = rows.map(parse).filter((row) => row !== undefined);
    if (parsed.length < rows.length) this.#unreadable = true;
    for (const row of parsed) this.rows.set(keyOf(row), row);
    return parsed.map(keyOf);
  }

  /** What is wrong where a total is larger than the rows; an entry that cannot be read is a row too, but another fault. */
  lacking(total: number = this.total): Problem | undefined {
    const { size } = this.rows;
    if (size >= total || this.#unreadable) return undefined;
    return this.problem("LIST_ROWS_LACKING", `brought ${size} of ${total} entries, the total that it names`);
  }

  result(reason?: Problem): Extract<ListRows<T>, { kind: "rows" }> {
    const why = "has entries without an ID or a name that can be read";
    const unreadable = this.#unreadable ? this.problem("LIST_ENTRY_UNREADABLE", why) : undefined;
    return { kind: "rows", rows: [...this.rows.values()], problem: reason ?? unreadable };
  }

  problem(code: ProblemCode, why: string): Problem {
    return problem(code, `${this.#list.path} ${why}`);
  }
}
