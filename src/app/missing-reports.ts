import type { Problem } from "../domain/errors.js";
import type { ReportId, TaskId } from "../domain/ids.js";
import type { PlanItem } from "../domain/plan.js";
import type { RunSession } from "./run-session.js";

/** A report that copies were born without is one warning for its source task, not an update. */
export function missingReports(items: readonly PlanItem[]): readonly Problem[] {
  const missing = new Map<
    string,
    { readonly sourceTaskId: string; readonly report: string; readonly tenants: string[] }
  >();
  for (const item of items)
    for (const report of item.missing) {
      const key = `${item.sourceTaskId} ${report}`;
      const found = missing.get(key) ?? { sourceTaskId: item.sourceTaskId ?? "", report, tenants: [] };
      found.tenants.push(item.tenant);
      missing.set(key, found);
    }
  return [...missing.values()].map(copiesLackReport);
}

/** Warns of reports that a copy turned out not to have only when it was to be updated. Once for each report of a source task. */
export function warnMissing(
  session: RunSession,
  of: { readonly sourceTaskId: TaskId; readonly tenant: string; readonly missing: readonly ReportId[] },
): void {
  for (const report of of.missing) {
    const key = `${of.sourceTaskId} ${report}`;
    if (session.missingWarned.has(key)) continue;
    session.missingWarned.add(key);
    session.warn(copiesLackReport({ sourceTaskId: of.sourceTaskId, report, tenants: [of.tenant] }));
  }
}

function copiesLackReport(of: {
  readonly sourceTaskId: string;
  readonly report: string;
  readonly tenants: readonly string[];
}): Problem {
  const { sourceTaskId, report, tenants } = of;
  return {
    code: "COPY_LACKS_REPORT",
    message: `the source task ${sourceTaskId} has the report ${report}, which ${tenants.length} ${tenants.length === 1 ? "copy was" : "copies were"} born without (${tenants.slice(0, 3).join(", ")}${tenants.length > 3 ? ", …" : ""})`,
    hint: "Add the report to these copies on the server, or delete the copies and run sync --recreate",
  };
}
