import type { TenantState } from "../log/tenant-state.js";
import type { PlanItem } from "../plan/decide.js";
import type { PlanContext } from "../plan/plan-context.js";
import { byReport, sameSwaps } from "../shared/mapping.js";
import { type Outcome, outcomeOfPlanned, type Summary, summarise, type TenantResult } from "../shared/outcome.js";

/** What this run did for one tenant. */
export interface Carried extends Pick<TenantResult, "attempts" | "durationMs" | "startedMs" | "error"> {
  readonly outcome: Outcome;
}

/** An item as a dry run tells it, and as a run tells what it did not carry out. */
export function plannedResult(item: PlanItem, context: PlanContext): TenantResult {
  const { action } = item;
  return carriedResult(item, context, {
    outcome: outcomeOf(item),
    attempts: 0,
    durationMs: 0,
    error: action.kind === "conflict" ? action.error : (twinError(item) ?? item.unread),
  });
}

/** What `--verify` could not read is not as it should be, whatever an earlier run saw. */
function outcomeOf({ action, unread }: PlanItem): Outcome {
  return action.kind === "unchanged" && unread !== undefined ? "failed" : outcomeOfPlanned(action.kind);
}

/** How many tenants a plan has of each action and outcome. */
export function plannedSummary(items: readonly PlanItem[]): Summary {
  return summarise(items.map((item) => ({ action: item.action.kind, outcome: outcomeOf(item) })));
}

/** An item as a run tells what it did for it. */
export function carriedResult(item: PlanItem, context: PlanContext, so: Carried): TenantResult {
  const state = context.log.tenant(item.ref);
  const copy = state?.copy;
  const { action } = item;
  const adopted = action.kind === "adopt" ? action.task : undefined;
  // What failed or is about to change is not claimed.
  const verified = (so.outcome === "succeeded" || so.outcome === "skipped") && isVerified(state, item);
  return {
    type: "tenant",
    tenant: item.tenant,
    action: action.kind,
    reason: item.reason,
    outcome: so.outcome,
    sourceTaskId: item.sourceTaskId,
    newTaskId: copy === undefined || copy.gone ? adopted?.id : copy.newTaskId,
    name: adopted?.name ?? copy?.name ?? item.name,
    verified,
    verifiedAt: verified ? state?.verifiedAt : undefined,
    mappings: item.wanted.mappings,
    attempts: so.attempts,
    durationMs: so.durationMs,
    startedMs: so.startedMs,
    line: item.line,
    error: so.error,
  };
}

/**
 * Whether what was read back is what this plan speaks of. A tenant that is not carried out may be wanted otherwise by now; a run
 * that could not read the source task's reports may know a report by the ID that was typed only, and that was never shown.
 */
function isVerified(state: TenantState | undefined, item: PlanItem): boolean {
  if (state?.verified !== true) return false;
  const { originalRows, reports } = state;
  const { mappings } = item.wanted;
  if (originalRows !== undefined && !mappings.every((mapping) => originalRows.has(mapping.reportId))) return false;
  if (item.action.kind !== "skip") return true;
  for (const [reportId, apps] of byReport(mappings))
    if (!sameSwaps(reports.get(reportId)?.known ?? [], apps)) return false;
  return true;
}

function twinError(item: PlanItem): TenantResult["error"] {
  if (item.twins.length === 0) return undefined;
  return {
    code: "TWIN",
    message: `the server has other tasks that may be this tenant's copy: ${item.twins.join(", ")}`,
    hint: "Look at them on the server and delete all but one",
  };
}
