import { type AppId, foldTenantKey, type TaskId, type TenantKey, trimAround } from "../shared/ids.js";
import { withoutUnseen } from "../shared/unfit-characters.js";

/** An app of a list made by Qlik's tools; `name` is empty where the list has none. */
export interface NamedApp {
  readonly id: AppId;
  readonly name: string;
}

/** One row of a first manifest. */
export interface DraftedTenant {
  readonly tenant: string;
  readonly newQlikAppId: AppId;
}

/** A first manifest, before it is written. */
export interface ManifestDraft {
  readonly sourceTaskId: TaskId;
  /** `undefined`: `sync` needs `--master-app`. */
  readonly masterApp: AppId | undefined;
  readonly tenants: readonly DraftedTenant[];
}

/** What became of each app of a list. */
export interface DraftedTenants {
  readonly tenants: readonly DraftedTenant[];
  /** Apps whose name does not fit the pattern. */
  readonly unfit: readonly NamedApp[];
  /** The list holds the master app, which is no tenant's. */
  readonly leftMasterOut: boolean;
  /** Tenants that several apps give, by their folded key. */
  readonly twice: ReadonlyMap<TenantKey, readonly NamedApp[]>;
}

/** Makes a tenant of each app whose name fits the pattern; without one, the whole name is the tenant's key. */
export function draftTenants(
  apps: readonly NamedApp[],
  how: { readonly pattern: string | undefined; readonly masterApp: AppId | undefined },
): DraftedTenants {
  const tenantIn = tenantReader(how.pattern ?? PLACEHOLDER);
  const tenants: DraftedTenant[] = [];
  const unfit: NamedApp[] = [];
  const appsOf = new Map<TenantKey, NamedApp[]>();
  const others = apps.filter((app) => app.id !== how.masterApp);
  for (const app of others) {
    const tenant = tenantIn(app.name);
    if (tenant === undefined) unfit.push(app);
    else {
      tenants.push({ tenant, newQlikAppId: app.id });
      const key = foldTenantKey(tenant);
      appsOf.set(key, [...(appsOf.get(key) ?? []), app]);
    }
  }
  const twice = new Map([...appsOf].filter(([, same]) => same.length > 1));
  return { tenants, unfit, leftMasterOut: others.length < apps.length, twice };
}

const PLACEHOLDER = "{tenant}";

/**
 * Finds the tenant's key in an app's name by a pattern such as `Sales - {tenant}`: case does not matter, any blanks are as
 * good as others, marks that nobody sees are left out; `undefined` where the name does not fit, or nothing is left for the key.
 */
export function tenantReader(pattern: string): (name: string) => string | undefined {
  const [before = "", ...rest] = withoutUnseen(pattern).split(PLACEHOLDER);
  const fits = new RegExp(`^\\s*${literal(before)}(.*)${literal(rest.join(PLACEHOLDER))}\\s*$`, "isu");
  return (name) => {
    const tenant = trimAround(fits.exec(withoutUnseen(name))?.[1] ?? "");
    return tenant === "" ? undefined : tenant;
  };
}

function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&").replace(/\s+/g, "\\s+");
}
