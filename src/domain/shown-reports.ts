import type { ReportId } from "./ids.js";
import type { ObservedRecord } from "./log-record.js";
import { type AppSwap, sameSwaps } from "./mapping.js";
import type { TaskReport } from "./source-task.js";

/**
 * What a copy shows of each of its reports, for the log: of all rows that the report has, mostly one. Reports whose mappings are
 * not shown are left out: they stay as they are known. Where rows differ, it is everything that one of them shows (all of it is in
 * force), and then that the report is not known: none of it holds for the whole.
 */
export function shownReports(rows: readonly TaskReport[]): ObservedRecord["reports"] {
  const shown = new Map<ReportId, (readonly AppSwap[])[]>();
  for (const { reportId, mappings } of rows) {
    if (mappings === undefined) continue;
    const others = shown.get(reportId);
    if (others === undefined) shown.set(reportId, [mappings]);
    else others.push(mappings);
  }
  return [...shown].flatMap(([reportId, all]): ObservedRecord["reports"] => {
    const [first = []] = all;
    if (all.every((swaps) => sameSwaps(swaps, first))) return [{ reportId, apps: first }];
    return [
      { reportId, apps: all.flat() },
      { reportId, apps: null },
    ];
  });
}
