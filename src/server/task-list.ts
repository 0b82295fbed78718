import type { Problem } from "../shared/problems.js";
import type { Clock } from "../shared/time.js";
import type { ReadRoute, ServerReads, SoundAnswer } from "./reads.js";
import { rowsOf, totalNamed } from "./wire.js";

/** What a list is read with. */
export type ListReads = Pick<ServerReads, "read" | "knows" | "recognise" | "suspect">;

/** A list that is read: which, and how its rows are told from each other. */
export interface ListRequest<T> {
  readonly route: ReadRoute;
  /** Below `/api/v2`, without a query. */
  readonly path: string;
  readonly fresh?: boolean | undefined;
  /** How many rows there should be. */
  readonly expected?: number | undefined;
  /** Called when everything came at once, before any page is waited for. */
  readonly onRecognised?: (() => void) | undefined;
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
/** At least so many are read. */
const LEAST_PAGES = 2;

/**
 * Reads a list to its end: everything at once, then pages of 50 from the first, at least two, until one is empty or brings
 * nothing that no page before it had. What came at once may be cut short too, so it does not tell what is new; the result is both.
 * Where the pages that tell so add up to what came at once, those between them are spared ({@link addUp}). Where fewer rows came
 * than a total that an answer names, every page is read (once more): tasks that were made meanwhile show then. A list that is
 * still shorter than what was named before lacks rows.
 */
export async function readToEnd<T>(reads: ListReads, list: ListRequest<T>, clock: Clock): Promise<ListRows<T>> {
  const wholeReading = reads.read({ route: list.route, path: `${list.path}?get_all=true`, fresh: list.fresh });
  // A list that was read before is there: its first two pages are wanted whatever comes at once.
  const early = list.wholeBelow === 0 && reads.knows(list.route) ? askEarly(reads, list) : undefined;
  const whole = await wholeReading;
  const atOnce = openRows(reads, whole);
  if (atOnce.kind === "none" && !mayHavePages(atOnce.answer)) return atOnce;
  const all = new RowCollection(list);
  if (atOnce.kind === "rows") {
    list.onRecognised?.();
    all.add(atOnce);
    if (atOnce.rows.length < list.wholeBelow && all.lacking(all.total) === undefined) return all.result();
  }
  const pages = { reads, list, all, clock };
  const isWhole = atOnce.kind === "rows" && (await addUp(pages, early ?? { firstTwo: askPages(reads, list, 1) }));
  let end = isWhole ? END : await readPages(pages);
  const { total } = all;
  if (end === END && all.lacking(total) !== undefined) end = await readPages(pages);
  if (end.kind === "failed" && atOnce.kind === "none" && end.page === 1) return { kind: "none", answer: end.answer };
  return all.result(end.kind === "failed" ? end.answer.problem : (end.problem ?? all.lacking(total)));
}

/** A server may refuse to send everything at once, and yet send pages. */
function mayHavePages(answer: Exclude<SoundAnswer, { kind: "json" }>): boolean {
  return answer.kind === "rejected" || (answer.kind === "failing" && answer.failure === undefined);
}

/** The rows of one answer, and the total that it names, if any. */
interface AnsweredRows {
  readonly rows: readonly unknown[];
  readonly total: number;
}

type OpenedRows = ({ readonly kind: "rows" } & AnsweredRows) | Extract<ListRows<never>, { kind: "none" }>;

function openRows(reads: ListReads, answer: SoundAnswer): OpenedRows {
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
  return { kind: "rows", rows, total: totalNamed(answer.value) };
}

type PagesEnd =
  | { readonly kind: "end"; readonly problem: Problem | undefined }
  | { readonly kind: "failed"; readonly page: number; readonly answer: Exclude<SoundAnswer, { kind: "json" }> };

interface PageReading<T> {
  readonly reads: ListReads;
  readonly list: ListRequest<T>;
  readonly all: RowCollection<T>;
  readonly clock: Clock;
}

/**
 * Whether the pages add up to what came at once: the first two tell how many rows a page has, and so which page is the last;
 * that one must hold just the rows that are left, all of them known, and the one after it nothing new. A list of 10,000 takes
 * four pages so, and not 201. Where anything differs, every page has to be read, from the first and in turn: a list that
 * changes meanwhile shifts its rows from page to page, and who reads a later page before an earlier one may miss one that was
 * there throughout.
 */
async function addUp<T>({ reads, list, all }: PageReading<T>, { firstTwo, end }: EarlyPages): Promise<boolean> {
  const rows = all.size;
  const seen = new Set<string>();
  /** How many of a page's rows no page before it had; none can be counted where it cannot be read or has one that is not known. */
  const count = (answer: SoundAnswer): number => {
    const opened = openRows(reads, answer);
    if (opened.kind === "none") return Number.NaN;
    const before = seen.size;
    for (const key of all.add(opened)) seen.add(key);
    return all.size === rows ? seen.size - before : Number.NaN;
  };
  const perPage = count(await firstTwo[0]);
  const second = count(await firstTwo[1]);
  if (second === 0) return perPage >= 0;
  if (!(perPage > 0 && second > 0)) return false;
  const last = Math.ceil(rows / perPage);
  if (last === LEAST_PAGES) return seen.size === rows && count(await readPage(reads, list, last + 1)) === 0;
  const [ofLast, afterLast] = end?.last === last ? end.pages : askPages(reads, list, last);
  const left = rows - perPage * (last - 1);
  return second === perPage && count(await ofLast) === left && count(await afterLast) === 0;
}

/** The pages that were asked for before everything had come. */
interface EarlyPages {
  readonly firstTwo: PagesAsked;
  /** The page that should be the last, and the one after it. */
  readonly end?: { readonly last: number; readonly pages: PagesAsked } | undefined;
}

function askEarly(reads: ListReads, list: ListRequest<unknown>): EarlyPages {
  const firstTwo = askPages(reads, list, 1);
  const last = Math.ceil((list.expected ?? 0) / PAGE_SIZE);
  return { firstTwo, end: last > LEAST_PAGES ? { last, pages: askPages(reads, list, last) } : undefined };
}

/** Two pages, asked for at the same time. */
type PagesAsked = readonly [Promise<SoundAnswer>, Promise<SoundAnswer>];

function askPages(reads: ListReads, list: ListRequest<unknown>, first: number): PagesAsked {
  const pages = [readPage(reads, list, first), readPage(reads, list, first + 1)] as const;
  // Neither may be looked at, if what came before is the end of it; what stops its reading then stops nothing else.
  for (const page of pages) page.catch(() => undefined);
  return pages;
}

/** Reads pages, each when the one before it has come. */
async function readPages<T>({ reads, list, all, clock }: PageReading<T>): Promise<PagesEnd> {
  const begun = clock.monotonic();
  const seen = new Set<string>();
  for (let page = 1; ; page += 1) {
    const opened = openRows(reads, await readPage(reads, list, page));
    if (opened.kind === "none") return { kind: "failed", page, answer: opened.answer };
    const before = seen.size;
    for (const key of all.add(opened)) seen.add(key);
    if (seen.size === before && page >= LEAST_PAGES) return END;
    if (page >= MOST_PAGES || clock.monotonic() - begun > LONGEST_READING_MS)
      return { kind: "end", problem: endlessList(list, page) };
  }
}

const END: PagesEnd = { kind: "end", problem: undefined };

function readPage(
  reads: ListReads,
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
  #total = 0;

  constructor(list: ListRequest<T>) {
    this.#list = list;
  }

  /** Rows taken in, each counted once. */
  get size(): number {
    return this.#rows.size;
  }

  /** The largest total that an answer has named so far. */
  get total(): number {
    return this.#total;
  }

  /** Takes rows in; returns their keys. */
  add({ rows, total }: AnsweredRows): readonly string[] {
    this.#total = Math.max(this.#total, total);
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

  /** What is wrong where a total is larger than the rows; an entry that cannot be read is a row too, but another fault. */
  lacking(total: number): Problem | undefined {
    if (this.#rows.size >= total || this.#unreadable) return undefined;
    return rowsLacking({ path: this.#list.path, rows: this.#rows.size, total });
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

function rowsLacking(list: { readonly path: string; readonly rows: number; readonly total: number }): Problem {
  return {
    code: "LIST_ROWS_LACKING",
    message: `${list.path} brought ${list.rows} of ${list.total} entries, the total that it names`,
    hint: "Give the key's owner a role that sees all of it, or look at the server: its paging may be broken",
  };
}

function unreadableEntries(path: string): Problem {
  return {
    code: "LIST_ENTRY_UNREADABLE",
    message: `${path} has entries without an ID or a name that can be read`,
    hint: "Look at the list on the server; the key's role may hide some of it",
  };
}
