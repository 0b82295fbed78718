import type { ReportId } from "../shared/ids.js";
import { type AppSwap, sameSwaps } from "../shared/mapping.js";
import type { TaskReport } from "../shared/source-task.js";
import type { ObservedReport } from "./records.js";

/**
 * What a copy shows of each of its reports, for the log: of all rows that the report has, mostly one. Reports of which no row
 * shows its mappings are left out: they stay as they are known (said only where rows are not even listed). Where rows differ, it is everything that one of them shows (all
 * of it is in force), and then that the report is not known: none of it holds for the whole.
 */
export function shownReports(rows: readonly TaskReport[], mustShow: RowCounts | undefined): readonly ObservedReport[] {
  const shown = new Map<ReportId, (readonly AppSwap[])[]>();
  const hidden = new Map<ReportId, number>();
  for (const { reportId, mappings } of rows) {
    const others = shown.get(reportId);
    if (mappings === undefined) hidden.set(reportId, (hidden.get(reportId) ?? 0) + 1);
    else if (others === undefined) shown.set(reportId, [mappings]);
    else others.push(mappings);
  }
  const unlisted = [...hidden].flatMap(([reportId, count]): readonly ObservedReport[] =>
    !shown.has(reportId) && count < (mustShow?.get(reportId) ?? 0) ? [{ reportId, apps: null, rowsLack: true }] : [],
  );
  const seen = [...shown].flatMap(([reportId, all]): readonly ObservedReport[] => {
    const [apps = []] = all;
    if (!all.every((swaps) => sameSwaps(swaps, apps)))
      return [
        { reportId, apps: all.flat() },
        { reportId, apps: null },
      ];
    if (hidden.has(reportId)) return [{ reportId, apps, partly: true }];
    return all.length < (mustShow?.get(reportId) ?? 0) ? [{ reportId, apps, rowsLack: true }] : [{ reportId, apps }];
  });
  return [...seen, ...unlisted];
}

/** How many rows a task has of each of its reports. */
export type RowCounts = ReadonlyMap<ReportId, number>;

export function countRows(reportOfEachRow: Iterable<ReportId>): RowCounts {
  const counts = new Map<ReportId, number>();
  for (const reportId of reportOfEachRow) counts.set(reportId, (counts.get(reportId) ?? 0) + 1);
  return counts;
}

/** The reports of which an answer shows fewer rows than there must be; an answer that lacks what was there is no answer. */
export function lackingReports(shown: RowCounts, mustBe: RowCounts): readonly ReportId[] {
  return [...mustBe].flatMap(([reportId, rows]) => ((shown.get(reportId) ?? 0) < rows ? [reportId] : []));
}

export function sameRows(a: RowCounts, b: RowCounts): boolean {
  return a.size === b.size && [...a].every(([reportId, rows]) => b.get(reportId) === rows);
}

/** Whether two sets hold the same reports, in whatever order. */
export function sameReports(a: ReadonlySet<ReportId>, b: ReadonlySet<ReportId>): boolean {
  return a.size === b.size && [...a].every((id) => b.has(id));
}
