import type { TenantError, TenantResult } from "../shared/outcome.js";
import { oneLine } from "../shared/text-safety.js";
import { arrow, counted, type Look, OUTCOME_WORDS, outcomeSymbol, paintOutcome } from "./look.js";
import { wrapLines } from "./wrapping.js";

/** Tenants that need a person, of one outcome and one code. */
export interface TenantGroup {
  readonly outcome: "failed" | "in-doubt";
  readonly code: string;
  readonly tenants: readonly TenantResult[];
}

const SHOWN_OF_A_GROUP = 8;
const NAMES_ON_A_LINE = 12;

/** What is wrong with a tenant that failed or is in doubt; for a tenant whose result tells no error, its reason. */
export function troubleOf(tenant: TenantResult): TenantError {
  return tenant.error ?? { code: tenant.outcome === "in-doubt" ? "IN_DOUBT" : "FAILED", message: tenant.reason };
}

/** The tenants that failed or are in doubt, by outcome and code, the largest group first; also tenants with an error otherwise. */
export function groupTroubles(tenants: readonly TenantResult[]): readonly TenantGroup[] {
  const groups = new Map<string, { outcome: TenantGroup["outcome"]; code: string; tenants: TenantResult[] }>();
  for (const tenant of tenants) {
    if (tenant.outcome !== "failed" && tenant.outcome !== "in-doubt" && tenant.error === undefined) continue;
    const outcome = tenant.outcome === "in-doubt" ? "in-doubt" : "failed";
    const { code } = troubleOf(tenant);
    const group = groups.get(`${outcome} ${code}`);
    if (group === undefined) groups.set(`${outcome} ${code}`, { outcome, code, tenants: [tenant] });
    else group.tenants.push(tenant);
  }
  const order = { failed: 0, "in-doubt": 1 };
  return [...groups.values()].sort(
    (a, b) => order[a.outcome] - order[b.outcome] || b.tenants.length - a.tenants.length,
  );
}

/** How many tenants a group has, and how they ended: `3 tenants in conflict`. */
export function groupCount({ tenants, outcome }: TenantGroup): string {
  const isConflict = tenants.every((tenant) => tenant.action === "conflict");
  const isOther = tenants.every((tenant) => tenant.outcome !== outcome);
  const how = isConflict ? "in conflict" : isOther ? "to be looked at" : OUTCOME_WORDS[outcome];
  return `${counted(tenants.length, "tenant")} ${how}`;
}

/** One group for people: once what they share, then each tenant, never hundreds of equal lines. */
export function groupLines(group: TenantGroup, look: Look): readonly string[] {
  const { palette } = look;
  const title = `${outcomeSymbol(group.outcome, look)} ${paintOutcome(group.outcome, look)(oneLine(group.code))}  ${groupCount(group)}`;
  const hints = new Set(group.tenants.map((tenant) => troubleOf(tenant).hint));
  const [hint] = hints;
  const sharedHint = hints.size === 1 ? hintLines(hint, look) : [];
  const shared = sharedTrouble(group);
  if (shared === undefined)
    return wrapLines([palette.bold(title), ...tenantLines(group, look, hints.size > 1), ...sharedHint], look, 6);
  const lines = [`    ${oneLine(shared.message)}`, ...namesLines(group.tenants), ...hintLines(shared.hint, look)];
  return wrapLines([palette.bold(title), ...lines], look, 6);
}

/** What all tenants of a group have to be told, where it is the same for all but their names: these are `TENANT` then. */
export function sharedTrouble(group: TenantGroup): TenantError | undefined {
  const [first, ...others] = group.tenants.map(troubleOf);
  if (others.every((other) => isSame(other, first))) return first;
  const [nameless, ...otherNameless] = group.tenants.map(withoutName);
  return otherNameless.every((other) => isSame(other, nameless)) ? nameless : undefined;
}

function isSame(one: TenantError, other: TenantError | undefined): boolean {
  return one.message === other?.message && one.hint === other.hint;
}

/** A tenant's trouble with `TENANT` wherever its key stands as words of its own. */
function withoutName(tenant: TenantResult): TenantError {
  const trouble = troubleOf(tenant);
  const key = tenant.tenant.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  const named = new RegExp(`(?<![\\p{L}\\p{N}_-])${key}(?![\\p{L}\\p{N}_-])`, "gu");
  const { hint } = trouble;
  return {
    ...trouble,
    message: trouble.message.replace(named, "TENANT"),
    ...(hint === undefined ? {} : { hint: hint.replace(named, "TENANT") }),
  };
}

function hintLines(hint: string | undefined, look: Look): readonly string[] {
  return hint === undefined ? [] : [`  ${look.palette.accent(arrow(look))} ${oneLine(hint)}`];
}

function namesLines(tenants: readonly TenantResult[]): readonly string[] {
  const names = tenants.slice(0, NAMES_ON_A_LINE).map((tenant) => oneLine(tenant.tenant));
  const more = tenants.length - names.length;
  return [
    `    ${tenants.length === 1 ? "tenant" : "tenants"}: ${names.join(", ")}${more > 0 ? `, and ${more} more` : ""}`,
  ];
}

function tenantLines(group: TenantGroup, look: Look, withHint: boolean): readonly string[] {
  const lines = group.tenants.slice(0, SHOWN_OF_A_GROUP).flatMap((tenant) => {
    const { message, hint } = troubleOf(tenant);
    const line = tenant.line === undefined ? "" : look.palette.dim(` (line ${tenant.line})`);
    return [
      `  - ${look.palette.bold(oneLine(tenant.tenant))}${line}: ${oneLine(message)}`,
      ...(withHint && hint !== undefined ? [`      ${look.palette.accent(arrow(look))} ${oneLine(hint)}`] : []),
    ];
  });
  const rest = group.tenants.slice(SHOWN_OF_A_GROUP);
  if (rest.length > 0)
    lines.push(`    and ${counted(rest.length, "more tenant")} (all of them: --format json, or --out FILE)`);
  return lines;
}
