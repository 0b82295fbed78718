import type { Clock } from "../app/ports.js";
import type { Problem } from "../domain/errors.js";
import type { ReadRoute, ServerReads, SoundAnswer } from "./server-reads.js";
import { rowsOf } from "./wire.js";

/** A list that is read: which, and how its rows are told from each other. */
export interface ListRequest<T> {
  readonly route: ReadRoute;
  /** Below `/api/v2`, without a query. */
  readonly path: string;
  readonly fresh?: boolean | undefined;
  /** A row's ID and what is kept of it; `undefined` where it cannot be read. */
  readonly parse: (row: unknown) => { readonly key: string; readonly value: T } | undefined;
  /** Fewer rows than this in one answer are all there are: no server's page is shorter. 0: always read on. */
  readonly wholeBelow: number;
}

/** Rows, each once. `problem`: they may not be all. `none`: the list could not be read at all. */
export type ListRows<T> =
  | { readonly kind: "rows"; readonly rows: readonly T[]; readonly problem: Problem | undefined }
  | { readonly kind: "none"; readonly answer: Exclude<SoundAnswer, { kind: "json" }> };

const PAGE_SIZE = 50;
const MOST_PAGES = 100_000;
const LONGEST_READING_MS = 10 * 60_000;
/** Pages that are asked for ahead; no more are ever in flight than the client has connections (`--concurrency` and eight). */
const MOST_AHEAD = 24;
/** These are read in any case, and tell how many rows a page has. */
const FIRST_PAGES = 2;

/**
 * Reads a list to its end: everything at once, then pages of 50 from the first, at least two, until one is empty or brings
 * nothing that no page before it had. What came at once may be cut short too, so it does not tell what is new; the result is both.
 */
export async function readToEnd<T>(reads: ServerReads, list: ListRequest<T>, clock: Clock): Promise<ListRows<T>> {
  const ahead = new PagesAhead((page) => readPage(reads, list, page));
  const wholeReading = reads.read({ route: list.route, path: `${list.path}?get_all=true`, fresh: list.fresh });
  // A list that was read before is there: its first two pages are wanted whatever comes at once.
  if (list.wholeBelow === 0 && reads.knows(list.route)) ahead.askUpTo(FIRST_PAGES, 1);
  const whole = await wholeReading;
  const atOnce = openRows(reads, whole);
  if (atOnce.kind === "none" && !mayHavePages(atOnce.answer)) return atOnce;
  const all = new RowCollection(list);
  if (atOnce.kind === "rows") {
    all.add(atOnce.rows);
    if (atOnce.rows.length < list.wholeBelow) return all.result();
  }
  const pages = { reads, list, all, clock };
  const end =
    (atOnce.kind === "rows" ? await confirmByPages(pages, ahead, atOnce.rows.length) : undefined) ??
    (await readPages(pages));
  if (end.kind === "failed" && atOnce.kind === "none" && end.page === 1) return { kind: "none", answer: end.answer };
  return all.result(end.kind === "failed" ? end.answer.problem : end.problem);
}

/** A server may refuse to send everything at once, and yet send pages. */
function mayHavePages(answer: Exclude<SoundAnswer, { kind: "json" }>): boolean {
  return answer.kind === "rejected" || (answer.kind === "failing" && answer.failure === undefined);
}

type OpenedRows =
  | { readonly kind: "rows"; readonly rows: readonly unknown[] }
  | Extract<ListRows<never>, { kind: "none" }>;

function openRows(reads: ServerReads, answer: SoundAnswer): OpenedRows {
  if (answer.kind !== "json") {
    if (answer.kind === "rejected") reads.suspect(answer.stranger);
    return { kind: "none", answer };
  }
  const rows = rowsOf(answer.value);
  if (rows === undefined) {
    reads.suspect(answer.stranger);
    const problem = { ...answer.stranger, code: "UNREADABLE" };
    return { kind: "none", answer: { kind: "rejected", problem, stranger: undefined } };
  }
  reads.recognise();
  return { kind: "rows", rows };
}

type PagesEnd =
  | { readonly kind: "end"; readonly problem: Problem | undefined }
  | { readonly kind: "failed"; readonly page: number; readonly answer: Exclude<SoundAnswer, { kind: "json" }> };

interface PageReading<T> {
  readonly reads: ServerReads;
  readonly list: ListRequest<T>;
  readonly all: RowCollection<T>;
  readonly clock: Clock;
}

/**
 * Reads pages in their order, the next ones already on their way: as many as a list of `rows` rows may have. `undefined`: one
 * brought what had not come at once. Then they have to be read in turn, for a list that changes meanwhile shifts its rows from
 * page to page, and who reads a later page before an earlier one may miss one that was there throughout. The first two go
 * alone: a server that pays no heed to pages would else send the whole list many times over.
 */
async function confirmByPages<T>(
  { reads, list, all, clock }: PageReading<T>,
  ahead: PagesAhead,
  rows: number,
): Promise<PagesEnd | undefined> {
  const begun = clock.monotonic();
  const seen = new Set<string>();
  let expected = FIRST_PAGES;
  for (let page = 1; ; page += 1) {
    ahead.askUpTo(Math.max(expected, page), page);
    const opened = openRows(reads, await ahead.take(page));
    if (opened.kind === "none") return { kind: "failed", page, answer: opened.answer };
    const known = all.size;
    const before = seen.size;
    for (const key of all.add(opened.rows)) seen.add(key);
    if (all.size > known) return undefined;
    if (page < FIRST_PAGES) continue;
    if (seen.size === before) return END;
    if (page === FIRST_PAGES) expected = Math.ceil((rows * FIRST_PAGES) / seen.size) + 1;
    if (clock.monotonic() - begun > LONGEST_READING_MS) return { kind: "end", problem: endlessList(list, page) };
  }
}

/** Reads pages, each when the one before it has come. */
async function readPages<T>({ reads, list, all, clock }: PageReading<T>): Promise<PagesEnd> {
  const begun = clock.monotonic();
  const seen = new Set<string>();
  for (let page = 1; ; page += 1) {
    const opened = openRows(reads, await readPage(reads, list, page));
    if (opened.kind === "none") return { kind: "failed", page, answer: opened.answer };
    const before = seen.size;
    for (const key of all.add(opened.rows)) seen.add(key);
    if (seen.size === before && page >= FIRST_PAGES) return END;
    if (page >= MOST_PAGES || clock.monotonic() - begun > LONGEST_READING_MS)
      return { kind: "end", problem: endlessList(list, page) };
  }
}

const END: PagesEnd = { kind: "end", problem: undefined };

/** Pages that were asked for and not looked at yet. */
class PagesAhead {
  readonly #read: (page: number) => Promise<SoundAnswer>;
  readonly #asked = new Map<number, Promise<SoundAnswer>>();
  #last = 0;

  constructor(read: (page: number) => Promise<SoundAnswer>) {
    this.#read = read;
  }

  /** Asks for the pages up to this one, if they are not too far ahead of the one that is needed next. */
  askUpTo(page: number, next: number): void {
    while (this.#last < page && this.#last < next + MOST_AHEAD - 1) {
      this.#last += 1;
      const answer = this.#read(this.#last);
      // The list may end before this page is looked at: then what stops its reading stops nothing else.
      answer.catch(() => undefined);
      this.#asked.set(this.#last, answer);
    }
  }

  /** The answer of a page that was asked for. */
  take(page: number): Promise<SoundAnswer> {
    const answer = this.#asked.get(page);
    if (answer === undefined) throw new Error(`page ${page} was not asked for`);
    this.#asked.delete(page);
    return answer;
  }
}

function readPage(
  reads: ServerReads,
  list: Pick<ListRequest<never>, "route" | "path" | "fresh">,
  number: number,
): Promise<SoundAnswer> {
  const path = `${list.path}?page=${number}&page_size=${PAGE_SIZE}`;
  return reads.read({ route: list.route, path, fresh: list.fresh });
}

/** Rows, each once, as it was read last. A row that cannot be read is a reason not to rely on the list. */
class RowCollection<T> {
  readonly #list: ListRequest<T>;
  readonly #rows = new Map<string, T>();
  #unreadable = false;

  constructor(list: ListRequest<T>) {
    this.#list = list;
  }

  /** Rows taken in, each counted once. */
  get size(): number {
    return this.#rows.size;
  }

  /** Takes rows in; returns their keys. */
  add(rows: readonly unknown[]): readonly string[] {
    const keys: string[] = [];
    for (const row of rows) {
      const parsed = this.#list.parse(row);
      if (parsed === undefined) this.#unreadable = true;
      else {
        this.#rows.set(parsed.key, parsed.value);
        keys.push(parsed.key);
      }
    }
    return keys;
  }

  result(problem?: Problem | undefined): Extract<ListRows<T>, { kind: "rows" }> {
    const why = problem ?? (this.#unreadable ? unreadableEntries(this.#list.path) : undefined);
    return { kind: "rows", rows: [...this.#rows.values()], problem: why };
  }
}

function endlessList(list: Pick<ListRequest<never>, "path">, pages: number): Problem {
  return {
    code: "LIST_ENDLESS",
    message: `${list.path} still brought new entries after ${pages} pages: it was not read to its end`,
    hint: "Look at the server: its paging may be broken",
  };
}

function unreadableEntries(path: string): Problem {
  return {
    code: "LIST_ENTRY_UNREADABLE",
    message: `${path} has entries without an ID or a name that can be read`,
    hint: "Look at the list on the server; the key's role may hide some of it",
  };
}
