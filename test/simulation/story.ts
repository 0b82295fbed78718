import type { RunPlan } from "./history.js";
import type { LoggedEntry } from "./log-model.js";

/* A history as a person reads it. */

/** What a record says, in one line. */
export function shortEntry(entry: LoggedEntry["entry"]): string {
  switch (entry.type) {
    case "create-intent":
      return `create-intent ${entry.key} "${entry.name}" attempt ${entry.attempt} before ${entry.before?.length ?? "unknown"}`;
    case "create-outcome":
      return `create-outcome ${entry.outcome} ${entry.newTaskId ?? entry.code ?? ""}`;
    case "settled":
      return `settled ${entry.found} ${entry.newTaskId ?? ""}`;
    case "patch-intent":
      return `patch-intent ${entry.key} ${entry.reportId.slice(-4)}`;
    case "patch-outcome":
      return `patch-outcome ${entry.outcome}`;
    case "observed":
      return `observed ${entry.key}${entry.verified ? ", verified" : ""}`;
    case "adopted":
      return `adopted ${entry.key} ${entry.newTaskId} by ${entry.by}`;
    default:
      return "key" in entry ? `${entry.type} ${entry.key}` : entry.type;
  }
}

/** A run's rows and options, in one line. */
export function describeRun(plan: RunPlan): string {
  const rows = plan.rows.map(
    (row) =>
      `${row.tenant}>app${row.app}@${row.source}${row.enabled ? "" : " off"}${row.named ? " named" : ""}${row.newTaskId === "none" ? "" : ` newTaskId:${row.newTaskId}`} "${row.template}"${row.label === row.tenant.trim() ? "" : ` label:${row.label}`}`,
  );
  const options = (["adopt", "recreate", "verify", "newLog", "shareApps", "allowUnmapped", "blind"] as const).filter(
    (flag) => plan[flag],
  );
  const limits = plan.limit === undefined ? "" : ` --limit ${plan.limit}`;
  const only = plan.only.length === 0 ? "" : ` --only ${plan.only.join(",")}`;
  const freeze = plan.freeze === undefined ? "" : ` ${JSON.stringify(plan.freeze)}`;
  return `${rows.join("; ")} | concurrency ${plan.concurrency}, retries ${plan.retries}, ${plan.reportId} IDs${limits}${only} ${options.join(" ")}${freeze}`;
}
