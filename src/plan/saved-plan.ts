import { createHash } from "node:crypto";
import type { PlanShape } from "../log/records.js";
import type { LogState } from "../log/state.js";
import type { TenantRef } from "../shared/ids.js";
import type { Problem } from "../shared/problems.js";
import type { PlanItem } from "./decide.js";

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
  /** The plan was made from what every copy showed: carried out from less, it would be another. */
  readonly verify?: boolean | undefined;
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
  const hash = createHash("sha256");
  for (const piece of canonicalPieces(plan)) hash.update(piece);
  return hash.digest("hex");
}

/** So many characters at a time: the whole text of 200,000 tenants would be 100 MB. */
const LONGEST_PIECE = 65_536;

/** {@link canonical} of an object, in pieces: its own arrays one entry after the other. */
function* canonicalPieces(object: object): Generator<string> {
  let piece = "{";
  let before = "";
  for (const [key, inner] of Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (inner === undefined) continue;
    piece += `${before}${JSON.stringify(key)}:`;
    before = ",";
    if (!Array.isArray(inner)) {
      piece += canonical(inner);
      continue;
    }
    piece += "[";
    for (const [at, entry] of inner.entries()) {
      piece += `${at === 0 ? "" : ","}${canonical(entry)}`;
      if (piece.length < LONGEST_PIECE) continue;
      yield piece;
      piece = "";
    }
    piece += "]";
  }
  yield `${piece}}`;
}

/** JSON with the keys of every object in order, so that a pretty-printer may lay the file out as it likes. */
function canonical(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  const object: Readonly<Record<string, unknown>> = { ...value };
  let text = "";
  for (const key of Object.keys(object).sort()) {
    const inner = object[key];
    if (inner !== undefined) text += `${text === "" ? "" : ","}${JSON.stringify(key)}:${canonical(inner)}`;
  }
  return `{${text}}`;
}

/** What a saved plan keeps of each tenant. */
export function savedTenants(items: readonly PlanItem[]): readonly SavedTenant[] {
  return items.map(savedTenant);
}

function savedTenant(item: PlanItem): SavedTenant {
  return {
    sourceTaskId: item.sourceTaskId ?? null,
    key: item.key,
    tenant: item.tenant,
    action: item.action.kind,
    name: item.name ?? null,
    newTaskId: item.action.kind === "adopt" ? item.action.task.id : null,
    mappings: item.wanted.mappings,
  };
}

/**
 * Holds a plan that was made anew against the saved one, tenant by tenant: action, name, mappings. Differences of tenants that
 * runs of this very plan have written to since do not count, so that a plan that was cut short can be finished.
 */
export function comparePlans(saved: SavedPlan, items: readonly PlanItem[], log: LogState): readonly Problem[] {
  const written = log.writtenUnder(saved.digest);
  const before = new Map(saved.tenants.map((tenant) => [refOf(tenant), tenant]));
  const now = new Map(items.map((item) => [refOf(item), item]));
  const differences: Problem[] = [];
  for (const [ref, tenant] of before) {
    const item = now.get(ref);
    if (written.has(ref as TenantRef)) continue;
    const what = item === undefined ? "it is in the plan no more" : differenceOf(tenant, savedTenant(item));
    if (what !== undefined) differences.push(differs(tenant.tenant, what));
  }
  for (const [ref, item] of now)
    if (!before.has(ref) && !written.has(ref as TenantRef))
      differences.push(differs(item.tenant, `it is new in the plan (${item.action.kind})`));
  return differences;
}

function refOf(tenant: { readonly sourceTaskId?: string | null | undefined; readonly key: string }): string {
  return `${tenant.sourceTaskId ?? "-"} ${tenant.key}`;
}

function differenceOf(saved: SavedTenant, now: SavedTenant): string | undefined {
  if (saved.action !== now.action) return `the saved plan says ${saved.action}, now it is ${now.action}`;
  if (saved.name !== now.name) return `the saved plan names it "${saved.name ?? ""}", now it is "${now.name ?? ""}"`;
  if (saved.newTaskId !== now.newTaskId)
    return `the saved plan adopts ${saved.newTaskId ?? "nothing"}, now it is ${now.newTaskId ?? "nothing"}`;
  return isSameInOrder(saved.mappings, now.mappings) || mappingText(saved) === mappingText(now)
    ? undefined
    : "its mappings are not those of the saved plan";
}

function isSameInOrder(saved: SavedTenant["mappings"], now: SavedTenant["mappings"]): boolean {
  return (
    saved.length === now.length &&
    saved.every(({ reportId, qlikAppId, newQlikAppId }, at) => {
      const other = now[at];
      return other?.reportId === reportId && other.qlikAppId === qlikAppId && other.newQlikAppId === newQlikAppId;
    })
  );
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
