import type { LogState } from "../log/state.js";
import type { TenantState } from "../log/tenant-state.js";
import { type AppId, type FoldedName, foldName, type TaskId, type TenantKey } from "../shared/ids.js";

/** One tenant that an app is in force for. */
export interface Holding {
  readonly key: TenantKey;
  readonly tenant: string;
  readonly sourceTaskId: TaskId;
  readonly newTaskId: TaskId | undefined;
}

/** The apps in force, each with its holders: every logged key's confirmed mappings, plus those of every open intent. */
export type InForce = ReadonlyMap<AppId, readonly Holding[]>;

export function appsInForce(log: LogState): InForce {
  const inForce = new Map<AppId, Holding[]>();
  for (const tenant of log.tenants()) {
    const holding: Holding = {
      key: tenant.key,
      tenant: tenant.tenant,
      sourceTaskId: tenant.sourceTaskId,
      newTaskId: tenant.copy?.newTaskId,
    };
    forEachApp(tenant, (app) => {
      const holders = inForce.get(app);
      if (holders === undefined) inForce.set(app, [holding]);
      else if (holders.at(-1) !== holding) holders.push(holding);
    });
  }
  return inForce;
}

/** The apps that one tenant's copy reads, or may read; some of them more than once. */
function forEachApp(tenant: TenantState, tell: (app: AppId) => void): void {
  for (const report of tenant.copy?.gone === true ? [] : tenant.reports.values()) {
    for (const swap of report.known ?? []) tell(swap.newQlikAppId);
    for (const possible of report.possible) for (const swap of possible) tell(swap.newQlikAppId);
  }
  for (const intent of tenant.openCreates) for (const mapping of intent.mappings) tell(mapping.newQlikAppId);
}

/** The names of open creates, each with the tenants that they were sent for: a task of such a name may be any one's of them. */
export function namesInDoubt(log: LogState): ReadonlyMap<FoldedName, readonly TenantState[]> {
  const inDoubt = new Map<FoldedName, TenantState[]>();
  for (const tenant of log.tenants())
    for (const intent of tenant.openCreates) {
      const name = foldName(intent.name);
      const tenants = inDoubt.get(name);
      if (tenants === undefined) inDoubt.set(name, [tenant]);
      else tenants.push(tenant);
    }
  return inDoubt;
}
