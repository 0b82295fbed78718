import type { AppId, ReportId } from "./ids.js";

/** One app that a report reads, and the app it reads instead (`QlikAppId → NewQlikAppId`). */
export interface AppSwap {
  readonly qlikAppId: AppId;
  readonly newQlikAppId: AppId;
}

/** One report's mapping: `reportId` is the published report's ID, which source task and copies share. */
export interface Mapping extends AppSwap {
  readonly reportId: ReportId;
}

/** A set of swaps in its normal form: sorted, each once. Two equal sets are equal as text. */
function normalSwaps(swaps: readonly AppSwap[]): readonly AppSwap[] {
  const byText = new Map(swaps.map((swap) => [`${swap.qlikAppId}>${swap.newQlikAppId}`, swap]));
  return [...byText.keys()].sort().map((text) => {
    const swap = byText.get(text) as AppSwap;
    return { qlikAppId: swap.qlikAppId, newQlikAppId: swap.newQlikAppId };
  });
}

/** Whether two sets of swaps are the same set. */
export function sameSwaps(a: readonly AppSwap[], b: readonly AppSwap[]): boolean {
  // Nearly every report has one.
  const [one, other] = [a[0], b[0]];
  if (a.length === 1 && b.length === 1 && one !== undefined && other !== undefined) return sameSwap(one, other);
  return swapsText(a) === swapsText(b);
}

export function sameSwap(a: AppSwap, b: AppSwap): boolean {
  return a.qlikAppId === b.qlikAppId && a.newQlikAppId === b.newQlikAppId;
}

function swapsText(swaps: readonly AppSwap[]): string {
  return normalSwaps(swaps)
    .map((swap) => `${swap.qlikAppId}>${swap.newQlikAppId}`)
    .join(",");
}

/** The mappings of each report, in the order in which the reports first come. */
export function byReport(mappings: readonly Mapping[]): ReadonlyMap<ReportId, readonly AppSwap[]> {
  const grouped = new Map<ReportId, AppSwap[]>();
  for (const mapping of mappings) {
    const swap = { qlikAppId: mapping.qlikAppId, newQlikAppId: mapping.newQlikAppId };
    const swaps = grouped.get(mapping.reportId);
    if (swaps === undefined) grouped.set(mapping.reportId, [swap]);
    else swaps.push(swap);
  }
  return grouped;
}
