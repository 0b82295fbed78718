import type { Problem } from "../shared/problems.js";
import type { PlanItem } from "./decide.js";

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

/** The warning that these copies lack a report of their source task. */
export function copiesLackReport(of: {
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
