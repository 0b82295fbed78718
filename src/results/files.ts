import { meaningOf, normalHeader } from "../manifest/columns.js";
import type { Manifest } from "../manifest/manifest.js";
import { changeTexts, TENANT_COLUMNS } from "../reporter/look.js";
import { foldTenantKey, groupBy, normalGuid } from "../shared/ids.js";
import { CSV_DELIMITERS, csvLine, disarmFormula } from "../shared/quoting.js";
import type { ResultFile, RunResult, TenantResult } from "../shared/results.js";
import { oneLine } from "../shared/text-safety.js";

/** The manifest's own columns and rows, as its reader found them. */
export type InputTable = Pick<Manifest, "delimiter" | "header" | "rows" | "columns">;

/** Makes a file of a result, in pieces: joined they are the whole file. */
type Render = (result: RunResult, input: InputTable | undefined) => Iterable<string>;

/** What writes each ending of `--out`. A new format needs its ending in `RESULT_KINDS` and its line here. */
export const RESULT_FORMATS: Readonly<Record<ResultFile["kind"], () => Promise<Render>>> = {
  json: () => import("./json.js").then(({ jsonResult }) => jsonResult),
  csv: () => Promise.resolve(csvResult),
  md: () => import("./ci.js").then(({ markdownResult }) => markdownResult),
  html: () => import("./html.js").then(({ htmlResult }) => htmlResult),
  xml: () => import("./ci.js").then(({ junitResult }) => junitResult),
};

const ADDED = ["newTaskId", "action", "outcome", "reason", "changes"] as const;
const WITHOUT_INPUT = ["tenant", "sourceTaskId", "name", ...ADDED] as const;
const MARK = "\ufeff";

/**
 * The result as a CSV that opens right in Excel (byte order mark, CRLF, the input's delimiter, formulas disarmed) and that can be fed back as a
 * manifest: every row and column of the input, then newTaskId, action, outcome, reason, changes; a column of that name that the input
 * has already is filled instead. Orphans are no rows of the input and stay out. Without an input: one row a tenant.
 */
export function* csvResult(result: RunResult, input: InputTable | undefined): Generator<string> {
  const { tenants } = result;
  if (input === undefined || input.header.length === 0) {
    yield MARK + safeLine(WITHOUT_INPUT);
    for (const tenant of tenants) yield safeLine(WITHOUT_INPUT.map((column) => cellOf(tenant, column, result)));
    return;
  }
  const { header, rows, columns } = input;
  const placeIn = (titles: readonly string[], title: string): number =>
    columns?.get(meaningOf(title)) ?? titles.findIndex((name) => normalHeader(name) === normalHeader(title));
  const titles = [...header, ...ADDED.filter((title) => placeIn(header, title) < 0)];
  const places = ADDED.map((title) => placeIn(titles, title));
  const delimiter = CSV_DELIMITERS.find((one) => one === input.delimiter) ?? ",";
  yield MARK + safeLine(titles, delimiter);
  const resultOf = resultsByRow(tenants, input);
  for (const row of rows) {
    const tenant = resultOf(row);
    const cells = titles.map((_, at) => row.cells[at] ?? "");
    ADDED.forEach((column, at) => {
      const place = places[at] ?? -1;
      const value = tenant === undefined ? "" : cellOf(tenant, column, result);
      // An ID that the manifest gives stays where the run told none.
      if (value !== "" || column !== "newTaskId") cells[place] = value;
    });
    yield safeLine(cells, delimiter);
  }
}

function cellOf(tenant: TenantResult, column: (typeof WITHOUT_INPUT)[number], { appNames }: RunResult): string {
  if (column === "changes")
    return oneLine(
      changeTexts(tenant, appNames)
        .map(({ reports, before, after }) => `${reports}: ${before} → ${after}`)
        .join("; "),
    );
  const text = TENANT_COLUMNS[column].text(tenant);
  return column === "reason" ? oneLine(text) : text;
}

/**
 * Finds the result of each row: by its key, and where that key stands under several source tasks, by the row's own source
 * task, else by the line at which the tenant's rows without one begin.
 */
function resultsByRow(tenants: readonly TenantResult[], { header, rows, columns }: InputTable) {
  const inManifest = tenants.filter(({ action }) => action !== "orphan");
  const ofKey = groupBy(inManifest, ({ tenant }) => foldTenantKey(tenant));
  const sourceAt = columns?.get("sourceTaskId") ?? header.findIndex((name) => meaningOf(name) === "sourceTaskId");
  const sourceOf = ({ cells }: InputTable["rows"][number]) => normalGuid(cells[sourceAt] ?? "");
  const firstLine = new Map<string, number>();
  for (const row of rows)
    if (row.key !== undefined && sourceOf(row) === undefined && !firstLine.has(row.key))
      firstLine.set(row.key, row.line);
  return (row: InputTable["rows"][number]): TenantResult | undefined => {
    const { key = "" } = row;
    const candidates = ofKey.get(key) ?? [];
    if (candidates.length <= 1) return candidates[0];
    const source = sourceOf(row);
    if (source !== undefined) return candidates.find(({ sourceTaskId }) => sourceTaskId === source);
    return candidates.find(({ line }) => line === firstLine.get(key)) ?? candidates[0];
  };
}

/** A line of cells: their line breaks and tabs stay, other control characters go. */
function safeLine(cells: readonly string[], delimiter?: string): string {
  const clean = (cell: string): string =>
    cell.replace(/[\0-\x08\v\f\x0e-\x1f\x7f-\x9f]/g, "").replace(/\p{Surrogate}/gu, "\ufffd");
  return csvLine(
    cells.map((cell) => disarmFormula(clean(cell))),
    delimiter,
  );
}
