import type { DesiredMapping, Manifest, ManifestTenant } from "../../src/manifest/manifest.js";
import { foldTenantKey, type TaskId } from "../../src/shared/ids.js";
import { folded, type Row } from "./history.js";
import { appId, MASTER, SECOND_MASTER } from "./identifiers.js";
import type { TrueTask } from "./server-model.js";

/** A manifest as the reader would give it. `newTaskIdOf` fills in what a person copied from a result. */
export function manifestOf(
  from: {
    readonly rows: readonly Row[];
    readonly sources: readonly TrueTask[];
    /** Which of a report's two IDs the user types: the one that the server takes. */
    readonly typed: "row" | "report" | "both";
  },
  newTaskIdOf: (row: Row, source: TrueTask) => TaskId | undefined,
): Manifest {
  const { rows, sources, typed } = from;
  const tenants: ManifestTenant[] = rows.flatMap((row, index) => {
    const source = sources[row.source];
    if (source === undefined) return [];
    // A manifest with one tenant twice is refused before it comes so far.
    const twice = rows.findIndex((one) => one.source === row.source && folded(one.tenant) === folded(row.tenant));
    if (twice !== index) return [];
    return [
      {
        key: foldTenantKey(row.tenant),
        tenant: row.tenant.trim(),
        line: index + 2,
        enabled: row.enabled,
        sourceTaskId: source.id,
        nameTemplate: row.template,
        newTaskId: newTaskIdOf(row, source),
        desired: desiredOf(row, source, {
          line: index + 2,
          typed: typed === "row" || (typed === "both" && index % 2 === 1) ? "row" : "report",
        }),
        columns: new Map([
          ["tenant", row.tenant.trim()],
          ["label", row.label],
        ]),
      },
    ];
  });
  return {
    path: "customers.csv",
    fileName: "customers.csv",
    sha256: JSON.stringify(rows),
    tenants,
    warnings: [],
    delimiter: ",",
    header: [],
    rows: [],
  };
}

function desiredOf(
  row: Row,
  source: TrueTask,
  at: { readonly line: number; readonly typed: "row" | "report" },
): readonly DesiredMapping[] {
  const app = appId(row.app);
  const reports = row.named
    ? source.reports.map((report) => (at.typed === "row" ? report.rowId : report.reportId))
    : [undefined];
  const masters = row.second ? [MASTER, SECOND_MASTER] : [MASTER];
  return reports.flatMap((report) =>
    masters.map((qlikAppId) => ({ report, qlikAppId, newQlikAppId: app, line: at.line })),
  );
}
