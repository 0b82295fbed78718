import type { TenantState } from "../log/tenant-state.js";
import { appConflict } from "../plan/conflicts.js";
import { decideEntry } from "../plan/decide.js";
import type { PlanEntry } from "../plan/desired.js";
import { addTo } from "../shared/grouping.js";
import type { TenantError } from "../shared/outcome.js";
import type { TaskReport } from "../shared/source-task.js";
import type { RunSession } from "./session.js";

/**
 * What this run has learnt since the plan was made may hold an app that the plan gave to somebody else, or show that two copies bear
 * each other's names.
 */
export function conflictNow(session: RunSession, entry: PlanEntry): TenantError | undefined {
  const { context, shownApps, tookCopies } = session;
  const crossed = context.crossed.get(entry.ref);
  if (crossed !== undefined) return crossed;
  if (tookCopies) {
    const { action } = decideEntry(context, entry);
    if (action.kind === "conflict") return action.error;
  }
  return appConflict(context, entry, shownApps);
}

/** Notes the apps that a copy shows: they are its tenant's, whatever the log knew. */
export function noteShownApps(session: RunSession, state: TenantState, shown: readonly TaskReport[]): void {
  for (const { mappings = [] } of shown)
    for (const { newQlikAppId } of mappings) addTo(session.shownApps, newQlikAppId, state);
}
