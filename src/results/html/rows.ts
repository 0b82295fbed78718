import { counted, countOf, OUTCOME_WORDS, OUTCOMES_TO_READ, spokenDuration } from "../../reporter/look.js";
import { troubleOf } from "../../reporter/tenant-groups.js";
import { ACTIONS, type ActionKind, type Outcome, type RunResult, type TenantResult } from "../../shared/outcome.js";
import { escapeHtml, oneLine } from "../../shared/text-safety.js";
import { tenantFields } from "../json.js";
import { OUTCOME_TONES } from "./plot.js";

/** How a value is shown in the page: a word, a symbol, a tone of the style sheet. */
export interface Tag {
  readonly word: string;
  readonly symbol: string;
  readonly tone: string;
}

const ACTION_TAGS: Readonly<Record<ActionKind, Tag>> = {
  create: { word: "create", symbol: "+", tone: "plan" },
  update: { word: "update", symbol: "~", tone: "change" },
  adopt: { word: "adopt", symbol: "»", tone: "change" },
  settle: { word: "settle", symbol: "?", tone: "doubt" },
  unchanged: { word: "unchanged", symbol: "=", tone: "mute" },
  conflict: { word: "conflict", symbol: "!", tone: "bad" },
  orphan: { word: "orphan", symbol: "○", tone: "mute" },
  skip: { word: "skip", symbol: "–", tone: "mute" },
};

const OUTCOME_TAGS: Readonly<Record<Outcome, Tag>> = {
  succeeded: { word: OUTCOME_WORDS.succeeded, symbol: "✓", tone: OUTCOME_TONES.succeeded },
  failed: { word: OUTCOME_WORDS.failed, symbol: "✗", tone: OUTCOME_TONES.failed },
  "in-doubt": { word: OUTCOME_WORDS["in-doubt"], symbol: "?", tone: OUTCOME_TONES["in-doubt"] },
  planned: { word: OUTCOME_WORDS.planned, symbol: "○", tone: OUTCOME_TONES.planned },
  skipped: { word: OUTCOME_WORDS.skipped, symbol: "–", tone: OUTCOME_TONES.skipped },
};

/** What was sent for a tenant (in a plan: what would be), in one sentence. */
function sentOf(tenant: TenantResult, dryRun: boolean): string {
  if (!dryRun && tenant.attempts === 0) return "nothing";
  const times = dryRun ? "" : `${counted(tenant.attempts, "write")}: `;
  switch (tenant.action) {
    case "create":
    case "settle":
      return `${times}POST /tasks/${tenant.sourceTaskId ?? ""}/duplicate with this name and these mappings${tenant.action === "settle" ? ", where the first is found absent" : ""}`;
    case "update":
      return `${times}PATCH /tasks/${tenant.newTaskId ?? ""}/reports/… for each report that differs`;
    case "adopt":
      return `${times}PATCH /tasks/${tenant.newTaskId ?? ""}/reports/… where the mappings differ`;
    case "unchanged":
    case "conflict":
    case "orphan":
    case "skip":
      return dryRun ? "nothing" : counted(tenant.attempts, "write");
    default:
      return tenant.action satisfies never;
  }
}

function whenOf(tenant: TenantResult, result: RunResult): string | undefined {
  if (tenant.startedMs === undefined) return undefined;
  const at = Date.parse(result.startedAt) + tenant.startedMs;
  const clock = Number.isFinite(at) ? `${new Date(at).toISOString().replace("T", " ").replace("Z", " UTC")}, ` : "";
  return `${clock}${spokenDuration(tenant.startedMs)} after the start; took ${spokenDuration(tenant.durationMs)}`;
}

function tookOf(tenant: TenantResult): string {
  return tenant.startedMs === undefined ? "" : spokenDuration(tenant.durationMs);
}

/**
 * The rows for the page's script, as JSON that cannot end its element: `<` is written as an escape. Texts are as the rest of the
 * page shows them: no mark in a name reorders what is read.
 */
export function rowsJson(result: RunResult): string {
  const rows = result.tenants.map((tenant) => ({
    ...tenantFields(tenant),
    sent: sentOf(tenant, result.dryRun),
    when: whenOf(tenant, result),
    took: tookOf(tenant),
  }));
  const data = { dryRun: result.dryRun, actions: ACTION_TAGS, outcomes: OUTCOME_TAGS, rows };
  return JSON.stringify(data, (_, value: unknown) => (typeof value === "string" ? oneLine(value) : value)).replace(
    /</g,
    "\\u003c",
  );
}

/** A tag as the page shows it; the symbol is for the eye only. */
function tagHtml({ word, symbol, tone }: Tag): string {
  return `<span class="badge ${tone}"><span aria-hidden="true">${symbol}</span>${word}</span>`;
}

/** Every tenant as a plain table, for readers without scripts. */
export function* staticTable(result: RunResult): Generator<string> {
  const heads = [
    "Tenant",
    "Action",
    "Outcome",
    "Copy",
    "Why",
    "Verified",
    "Overwrite Report Apps (report: source → target)",
  ];
  yield `<div class="scroll"><table class="tenants"><thead><tr>${heads.map((head) => `<th scope="col">${head}</th>`).join("")}</tr></thead><tbody>`;
  for (const tenant of result.tenants) yield staticRow(tenant, result);
  yield "</tbody></table></div>";
}

const COPY_CELL = 2;

function staticRow(tenant: TenantResult, result: RunResult): string {
  const swaps = tenant.mappings.map(
    ({ reportId, qlikAppId, newQlikAppId }) =>
      `<span class="id">${escapeHtml(reportId)}: ${escapeHtml(qlikAppId)} → ${escapeHtml(newQlikAppId)}</span>`,
  );
  const { code, message, hint } = troubleOf(tenant);
  const why =
    tenant.error === undefined
      ? escapeHtml(tenant.reason)
      : `<b>${escapeHtml(code)}</b> ${escapeHtml(message)}${hint === undefined ? "" : `<p class="hint">${escapeHtml(hint)}</p>`}`;
  const when = whenOf(tenant, result);
  const sent =
    tenant.attempts === 0 && !result.dryRun ? "" : `<br>${escapeHtml(oneLine(sentOf(tenant, result.dryRun)))}`;
  const cells = [
    tagHtml(ACTION_TAGS[tenant.action]),
    tagHtml(OUTCOME_TAGS[tenant.outcome]),
    `<bdi>${escapeHtml(tenant.name ?? "")}</bdi><span class="id">${escapeHtml(tenant.newTaskId ?? "")}</span>`,
    `${why}${sent}${when === undefined ? "" : `<br>${escapeHtml(when)}`}`,
    tenant.verified ? "yes" : "no",
    swaps.join("<br>"),
  ];
  return `<tr class="row"><th scope="row" class="who"><bdi>${escapeHtml(tenant.tenant)}</bdi></th>${cells.map((cell, at) => `<td${at === COPY_CELL ? ' class="copy"' : ""}>${cell}</td>`).join("")}</tr>`;
}

/** How many tenants have each action and each outcome, for the legends; those that none has are left out. */
export function tallies({ summary }: RunResult): {
  readonly actions: readonly { readonly tag: Tag; readonly count: number }[];
  readonly outcomes: readonly { readonly tag: Tag; readonly count: number }[];
} {
  return {
    actions: ACTIONS.map((action) => ({ tag: ACTION_TAGS[action], count: summary[action] })).filter(
      ({ count }) => count > 0,
    ),
    outcomes: OUTCOMES_TO_READ.map((outcome) => ({ tag: OUTCOME_TAGS[outcome], count: countOf(outcome, summary) })),
  };
}
