import { type AppId, foldTenantKey, type TaskId, type TenantKey, trimAround } from "../shared/ids.js";
import { withoutUnseen } from "../shared/text-safety.js";
import type { ListedApp } from "./apps-file.js";

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
  readonly unfit: readonly ListedApp[];
  /** The list holds the master app, which is no tenant's. */
  readonly leftMasterOut: boolean;
  /** Tenants that several apps give, by their folded key. */
  readonly twice: ReadonlyMap<TenantKey, readonly ListedApp[]>;
}

const PLACEHOLDER = "{tenant}";

/** Makes a tenant of each app whose name fits the pattern; without one, the whole name is the tenant's key. */
export function draftTenants(
  apps: readonly ListedApp[],
  { pattern = PLACEHOLDER, masterApp }: { readonly pattern: string | undefined; readonly masterApp: AppId | undefined },
): DraftedTenants {
  const tenantIn = tenantReader(pattern);
  const others = apps.filter((app) => app.id !== masterApp);
  const tenants: DraftedTenant[] = [];
  const unfit: ListedApp[] = [];
  const appsOf = new Map<TenantKey, ListedApp[]>();
  for (const app of others) {
    const tenant = tenantIn(app.name);
    if (tenant === undefined) {
      unfit.push(app);
      continue;
    }
    tenants.push({ tenant, newQlikAppId: app.id });
    const key = foldTenantKey(tenant);
    appsOf.set(key, [...(appsOf.get(key) ?? []), app]);
  }
  const twice = new Map([...appsOf].filter(([, same]) => same.length > 1));
  return { tenants, unfit, leftMasterOut: others.length < apps.length, twice };
}

/**
 * Finds the tenant's key in an app's name by a pattern such as `Sales - {tenant}`: case does not matter, any blanks are as
 * good as others, marks that nobody sees are left out; `undefined` where the name does not fit, or nothing is left for the key.
 */
export function tenantReader(pattern: string): (name: string) => string | undefined {
  const [before = "", ...rest] = withoutUnseen(pattern).split(PLACEHOLDER);
  const fits = new RegExp(`^\\s*${literal(before)}(.*)${literal(rest.join(PLACEHOLDER))}\\s*$`, "isu");
  return (name) => trimAround(fits.exec(withoutUnseen(name))?.[1] ?? "") || undefined;
}

function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&").replace(/\s+/g, "\\s+");
}

/** Where `schema` is told to put the JSON Schema that editors check a manifest with. */
export const SCHEMA_FILE = "manifest.schema.json";

/**
 * A first manifest as CSV: byte order mark and CRLF, so that Excel opens it right; the tenants' keys exactly as they are, which
 * quoting alone cannot change (a manifest's text is data: a formula's `=` stays).
 */
export function draftAsCsv({ sourceTaskId, masterApp, tenants }: ManifestDraft): string {
  const rows = [
    ["tenant", "newQlikAppId", masterApp && "qlikAppId", "sourceTaskId"],
    ...tenants.map(({ tenant, newQlikAppId }) => [tenant, newQlikAppId, masterApp, sourceTaskId]),
  ];
  const line = (cells: readonly (string | undefined)[]) =>
    cells
      .flatMap((text) => text ?? [])
      .map(csvCell)
      .join(",");
  return `\ufeff${rows.map((cells) => `${line(cells)}\r\n`).join("")}`;
}

function csvCell(text: string): string {
  return /[",;\t\r\n]|^\s|\s$/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}

/** A first manifest as JSON: what the tenants share on top, and each tenant on a line. */
export function draftAsJson({ sourceTaskId, masterApp, tenants }: ManifestDraft): string {
  const shared = JSON.stringify({ $schema: `./${SCHEMA_FILE}`, sourceTaskId, qlikAppId: masterApp }, undefined, 2);
  const rows = tenants.map(({ tenant, newQlikAppId }) => `    ${JSON.stringify({ tenant, newQlikAppId })}`);
  return `${shared.slice(0, -2)},\n  "tenants": [\n${rows.join(",\n")}\n  ]\n}\n`;
}
