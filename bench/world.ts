/** What the bench's server, loops and program agree on. */
export const SOURCE_TASK = "11111111-0000-4000-8000-000000000001";
export const MASTER_APP = "22222222-0000-4000-8000-000000000001";
export const REPORT = "33333333-0000-4000-8000-000000000001";
export const SOURCE_ROW = "44444444-0000-4000-8000-000000000001";
export const KEY = "bench-key-0123456789";

/** A GUID that counts. */
export function guid(prefix: string, number: number): string {
  return `${prefix}-0000-4000-8000-${number.toString(16).padStart(12, "0")}`;
}

export function tenantName(number: number): string {
  return `customer-${String(number).padStart(6, "0")}`;
}

/** The app of one tenant. */
export function tenantApp(number: number): string {
  return guid("55555555", number);
}

export function duplicatePath(): string {
  return `/api/v2/tasks/${SOURCE_TASK}/duplicate`;
}

export function copyName(tenant: string): string {
  return `Monthly figures - ${tenant}`;
}

/** The body of one tenant's create, as the vendor documents it. */
export function bodyFor(tenant: string, newApp: string): string {
  return JSON.stringify({
    NewName: copyName(tenant),
    OverwriteReportApps: [{ ReportId: SOURCE_ROW, QlikApps: [{ QlikAppId: MASTER_APP, NewQlikAppId: newApp }] }],
  });
}

/** The same for the tenant of this number. */
export function duplicateBody(number: number): string {
  return bodyFor(tenantName(number), tenantApp(number));
}

/** A manifest of so many tenants. */
export function manifestText(tenants: number): string {
  const rows = Array.from({ length: tenants }, (_, number) => `${tenantName(number)},${tenantApp(number)}\n`);
  return `tenant,newQlikAppId\n${rows.join("")}`;
}
