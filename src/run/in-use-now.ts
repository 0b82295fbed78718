import type { TenantState } from "../log/tenant-state.js";
import { appConflict } from "../plan/decide.js";
import { decideEntry } from "../plan/plan-context.js";
import type { PlanEntry } from "../plan/plan-entries.js";
import type { AppId } from "../shared/ids.js";
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
  if (shownApps.size === 0) return undefined;
  const { row, sourceTaskId, wanted } = entry;
  const { key, tenant } = row;
  const { permissions } = context;
  return appConflict({
    key,
    tenant,
    sourceTaskId,
    wanted,
    permissions,
    inForce: shownApps,
    namedUnder: context.namedUnder(key),
  });
}

/** Notes the apps that a copy shows: they are its tenant's, whatever the log knew. */
export function noteShownApps(session: RunSession, state: TenantState, shown: readonly TaskReport[]): void {
  const { key, tenant, sourceTaskId, copy } = state;
  const holding = { key, tenant, sourceTaskId, newTaskId: copy?.newTaskId };
  const note = (app: AppId): void => {
    const holders = session.shownApps.get(app);
    if (holders === undefined) session.shownApps.set(app, [holding]);
    else holders.push(holding);
  };
  for (const { mappings = [] } of shown) for (const { newQlikAppId } of mappings) note(newQlikAppId);
}
