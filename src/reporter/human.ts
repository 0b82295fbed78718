import { ACTIONS, type LogHead, type RunResult, type TenantResult } from "../shared/outcome.js";
import { EXIT } from "../shared/problems.js";
import { oneLine } from "../shared/text-safety.js";
import { type TableColumn, tableLines, toText } from "./layout.js";
import {
  counted,
  countOf,
  type Look,
  OUTCOMES_TO_READ,
  paint,
  SIGNS,
  spokenDuration,
  symbolOf,
  TENANT_COLUMNS,
} from "./look.js";
import { groupLines, groupTroubles, hintLines, warningCountLines, warningLines } from "./problems.js";

/** What text for people holds besides the result itself. */
export interface HumanOptions {
  /** How to go on, a command that can be pasted; printed last. */
  readonly next?: string | undefined;
  /** `count` where the warnings were told on standard error already. */
  readonly warnings?: "list" | "count" | undefined;
}

/**
 * A plan or a result for people: what failed or is in doubt and what to do about it, warnings, counts, the log's head, the way on.
 * A plan lists its tenants too. Where a guard refused, nothing was written, and what there is to show is the plan.
 */
export function humanResult(result: RunResult, look: Look, { next, warnings }: HumanOptions = {}): string {
  const isPlan = result.dryRun || result.exitCode === EXIT.guard;
  // On a terminal what was told on the way stands right above a result.
  const above = isPlan || look.width === undefined ? [] : [""];
  const lines = [
    ...above,
    headingLine(isPlan ? "Plan" : "Result", result, look),
    ...(isPlan ? ["", ...planTable(result.tenants, look)] : interruptionLines(result, look)),
    ...groupTroubles(result.tenants).flatMap((group) => ["", ...groupLines(group, look)]),
    ...section(warnings === "count" ? warningCountLines(result.warnings, look) : warningLines(result.warnings, look)),
    "",
    ...(isPlan ? [planCountLine(result, look)] : [...outcomeLines(result, look), ...verifiedLines(result, look)]),
    ...logHeadLines(result.log, look),
  ];
  return toText(lines, look) + nextText(next, look);
}

/** Lines after an empty one; nothing where there are none. */
export function section(lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : ["", ...lines];
}

/** The log's head, to be held against the next run's. */
export function logHeadLines(log: LogHead | null, { palette }: Look): readonly string[] {
  return log === null ? [] : [palette.dim(oneLine(`Log: ${log.path}, seq ${log.seq}, digest ${log.digest}`))];
}

/** How to go on. It is never wrapped, so that it can be pasted. */
export function nextText(next: string | undefined, look: Look): string {
  return toText(hintLines(next, look, ""), { ...look, width: undefined });
}

function headingLine(word: string, { manifest, server, tenants }: RunResult, { palette }: Look): string {
  const what = manifest === null ? "" : ` of ${oneLine(manifest.path)}`;
  const where = server === null ? "" : ` on ${oneLine(server)}`;
  return palette.bold(`${word}${what}: ${counted(tenants.length, "tenant")}${where}`);
}

/** A longer list of tenants is cut in the middle: so many of its first and of its last are shown. */
const HEAD_ROWS = 24;
const TAIL_ROWS = 8;
const MOST_ROWS = HEAD_ROWS + TAIL_ROWS + 1;

const PLAN_COLUMNS: readonly TableColumn<TenantResult>[] = [
  // The table never begins with a tenant: text from outside starts no line.
  { title: " ", text: ({ action }) => SIGNS[action].symbol, tone: toneOf },
  { ...headed("tenant"), atMost: 28 },
  { ...headed("action"), tone: toneOf },
  { ...headed("name"), atMost: 40 },
  headed("reason"),
];

function headed(column: keyof typeof TENANT_COLUMNS): TableColumn<TenantResult> {
  const { title, text } = TENANT_COLUMNS[column];
  return { title: title.toUpperCase(), text };
}

function toneOf({ action }: TenantResult) {
  return SIGNS[action].tone;
}

function planTable(tenants: readonly TenantResult[], look: Look): readonly string[] {
  const rows = tenants.length > MOST_ROWS ? tenants.filter(({ action }) => action !== "unchanged") : tenants;
  const cut = rows.length > MOST_ROWS ? rows.slice(HEAD_ROWS, -TAIL_ROWS) : [];
  const shown = cut.length > 0 ? [...rows.slice(0, HEAD_ROWS), ...rows.slice(-TAIL_ROWS)] : rows;
  const lines = shown.length > 0 ? [...tableLines(PLAN_COLUMNS, shown, look)] : [];
  const { dim } = look.palette;
  if (cut.length > 0) {
    const counts = actionCounts(cut).map(({ text }) => text);
    const more = `  ... ${cut.length} more: ${counts.join(", ")} (all of them: --format json, or --out FILE)`;
    lines.splice(HEAD_ROWS + 1, 0, dim(more));
  }
  const unchanged = tenants.length - rows.length;
  if (unchanged > 0) lines.push(dim(`  ${counted(unchanged, "tenant")} unchanged, not shown`));
  return lines;
}

/** How many of these tenants have each action: `3 create`. */
function actionCounts(tenants: readonly TenantResult[]) {
  return ACTIONS.flatMap((action) => {
    const count = tenants.filter((tenant) => tenant.action === action).length;
    return count > 0 ? [{ action, text: `${count} ${action}` }] : [];
  });
}

function paintedCounts(tenants: readonly TenantResult[], look: Look): string {
  return actionCounts(tenants)
    .map(({ action, text }) => paint(action, text, look))
    .join(", ");
}

function planCountLine({ tenants }: RunResult, look: Look): string {
  const counts = tenants.length === 0 ? "no tenants" : paintedCounts(tenants, look);
  return `${look.palette.bold("Plan:")} ${counts}${look.palette.dim(" (nothing was written to the server)")}`;
}

/** An interrupted run says so, and what it left: nobody shall take it for a finished one. */
function interruptionLines({ exitCode, summary }: RunResult, { palette }: Look): readonly string[] {
  if (exitCode !== EXIT.interrupted && exitCode !== EXIT.terminated) return [];
  const signal = exitCode === EXIT.interrupted ? "SIGINT" : "SIGTERM";
  const left = counted(summary.planned + summary.inDoubt, "tenant");
  return [palette.change(`Interrupted by ${signal}: ${left} left to do or to look up`)];
}

function outcomeLines({ tenants, summary, startedAt, finishedAt }: RunResult, look: Look): readonly string[] {
  const lines = OUTCOMES_TO_READ.filter((outcome) => countOf(outcome, summary) > 0).map((outcome) => {
    const count = look.palette.bold(String(countOf(outcome, summary)).padStart(7));
    const word = paint(outcome, SIGNS[outcome].word.padEnd(10), look);
    const same = tenants.filter((tenant) => tenant.outcome === outcome);
    return `${paint(outcome, symbolOf(outcome, look), look)} ${count} ${word} ${paintedCounts(same, look)}`;
  });
  const took = spokenDuration(Date.parse(finishedAt) - Date.parse(startedAt));
  return [...lines, look.palette.dim(`${counted(tenants.length, "tenant")} in ${took}`)];
}

/** Says how many copies are known to be mapped to their own app, and when they were read: an old look is not told as a new one. */
function verifiedLines({ tenants, startedAt }: RunResult, { palette }: Look): readonly string[] {
  const good = tenants.filter(({ outcome }) => outcome === "succeeded");
  if (good.length === 0) return [];
  const verified = good.filter((tenant) => tenant.verified);
  const now = verified.filter(({ verifiedAt = "" }) => verifiedAt >= startedAt);
  const told = `${now.length} of ${good.length} copies read back with their mappings in this run (verified)`;
  const earlier = verified.length - now.length;
  const [oldest] = verified.flatMap(({ verifiedAt }) => verifiedAt ?? []).sort();
  const since = oldest === undefined ? "" : `, the oldest on ${oldest.slice(0, 10)}`;
  return [palette.dim(earlier === 0 ? told : `${told}; ${earlier} verified earlier${since}`)];
}
