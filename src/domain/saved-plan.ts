import { createHash } from "node:crypto";
import type { Problem } from "./errors.js";
import type { TenantRef } from "./ids.js";
import type { PlanShape } from "./log-record.js";
import type { LogState } from "./log-state.js";
import type { PlanItem } from "./plan.js";

interface SavedTenant {
  readonly sourceTaskId: string | null;
  readonly key: string;
  readonly tenant: string;
  readonly action: string;
  readonly name: string | null;
  readonly newTaskId: string | null;
  readonly mappings: readonly {
    readonly reportId: string;
    readonly qlikAppId: string;
    readonly newQlikAppId: string;
  }[];
}

/** A dry run's plan as `--save-plan` keeps it. `digest` is SHA-256 over everything else: an edited file shows. */
export interface SavedPlan {
  readonly format: "qalyptus-propagate-plan";
  readonly version: 1;
  readonly savedAt: string;
  readonly server: string;
  /** Paths as they were given: relative ones are found from the folder that the plan is carried out in. */
  readonly manifest: { readonly path: string; readonly sha256: string; readonly encoding?: string | undefined };
  readonly logFile: string;
  readonly log: { readonly path: string; readonly seq: number; readonly digest: string } | null;
  readonly apps?: string | undefined;
  /** The options that shape the plan, as text; they were checked when the plan was made. */
  readonly shape: Omit<PlanShape, "sourceTask"> & { readonly sourceTask?: string | undefined };
  readonly tenants: readonly SavedTenant[];
  readonly digest: string;
}

/** The same plan with its digest. */
export function sealPlan(plan: Omit<SavedPlan, "digest">): SavedPlan {
  return { ...plan, digest: digestOf(plan) };
}

/** Whether a plan that was read back is as it was saved. */
export function isSealed(plan: SavedPlan): boolean {
  const { digest, ...rest } = plan;
  return digestOf(rest) === digest;
}

function digestOf(plan: Omit<SavedPlan, "digest">): string {
  return createHash("sha256").update(canonical(plan)).digest("hex");
}

/** JSON with the keys of every object in order, so that a pretty-printer may lay the file out as it likes. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`).join(",")}}`;
}

/** What a saved plan keeps of each tenant. */
export function savedTenants(items: readonly PlanItem[]): readonly SavedTenant[] {
  return items.map((item) => ({
    sourceTaskId: item.sourceTaskId ?? null,
    key: item.key,
    tenant: item.tenant,
    action: item.action.kind,
    name: item.name ?? null,
    newTaskId: item.action.kind === "adopt" ? item.action.task.id : null,
    mappings: item.wanted.mappings.map((mapping) => ({ ...mapping })),
  }));
}

/**
 * Holds a plan that was made anew against the saved one, tenant by tenant: action, name, mappings. Differences of tenants that
 * runs of this very plan have written to since do not count, so that a plan that was cut short can be finished.
 */
export function comparePlans(saved: SavedPlan, items: readonly PlanItem[], log: LogState): readonly Problem[] {
  const written = log.writtenUnder(saved.digest);
  const before = new Map(saved.tenants.map((tenant) => [refOf(tenant), tenant]));
  const now = new Map(savedTenants(items).map((tenant) => [refOf(tenant), tenant]));
  const differences: Problem[] = [];
  for (const [ref, tenant] of before) {
    const other = now.get(ref);
    if (written.has(ref as TenantRef)) continue;
    const what = other === undefined ? "it is in the plan no more" : differenceOf(tenant, other);
    if (what !== undefined) differences.push(differs(tenant.tenant, what));
  }
  for (const [ref, tenant] of now)
    if (!before.has(ref) && !written.has(ref as TenantRef))
      differences.push(differs(tenant.tenant, `it is new in the plan (${tenant.action})`));
  return differences;
}

function refOf(tenant: SavedTenant): string {
  return `${tenant.sourceTaskId ?? "-"} ${tenant.key}`;
}

function differenceOf(saved: SavedTenant, now: SavedTenant): string | undefined {
  if (saved.action !== now.action) return `the saved plan says ${saved.action}, now it is ${now.action}`;
  if (saved.name !== now.name) return `the saved plan names it "${saved.name ?? ""}", now it is "${now.name ?? ""}"`;
  if (saved.newTaskId !== now.newTaskId)
    return `the saved plan adopts ${saved.newTaskId ?? "nothing"}, now it is ${now.newTaskId ?? "nothing"}`;
  return mappingText(saved) === mappingText(now) ? undefined : "its mappings are not those of the saved plan";
}

function mappingText(tenant: SavedTenant): string {
  return tenant.mappings
    .map(({ reportId, qlikAppId, newQlikAppId }) => `${reportId} ${qlikAppId}>${newQlikAppId}`)
    .sort()
    .join("\n");
}

function differs(tenant: string, what: string): Problem {
  return {
    code: "PLAN_DIFFERS",
    message: `tenant "${tenant}": ${what}`,
    hint: "Make the plan anew with --dry-run --save-plan, and have it reviewed again",
    tenant,
  };
}

/** A saved plan's options as the planner takes them; they were checked when the plan was made. */
export function shapeOf(plan: SavedPlan): PlanShape {
  return plan.shape as PlanShape;
}
