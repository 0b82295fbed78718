import { ACTIONS, type RunResult, type TenantResult } from "../shared/outcome.js";
import { oneLine, withoutCommands } from "../shared/text-safety.js";
import { actionSymbol, arrow, counted, type Look, paintAction } from "./look.js";
import { PLAIN } from "./palette.js";
import { warningCountLine, warningLines } from "./problem-lines.js";
import { type TableColumn, tableLines } from "./table.js";
import { groupLines, groupTroubles } from "./tenant-groups.js";
import { wrapLines } from "./wrapping.js";

/** What text for people holds besides the result itself. */
export interface HumanOptions {
  /** How to go on, a command that can be pasted; printed last. */
  readonly next?: string | undefined;
  /** `count` where the warnings were told on standard error already. */
  readonly warnings?: "list" | "count" | undefined;
}

/** A longer list of tenants is cut in the middle: so many of its first and of its last are shown. */
const HEAD_ROWS = 24;
const TAIL_ROWS = 8;

/** A dry run for people: the tenants with action, name and reason, what is in conflict, warnings, counts, the way on. */
export function humanPlan(result: RunResult, look: Look, options: HumanOptions = {}): string {
  const lines = [
    ...headingLines("Plan", result, look),
    "",
    ...planTable(result.tenants, look),
    ...troublesLines(result, look),
    ...section(warningsOf(result, look, options)),
    "",
    ...wrapLines([planCountLine(result, look)], look, 6),
    ...logHeadLines(result, look),
    ...nextLines(options.next, look),
  ];
  return toText(lines);
}

/** The first lines of a plan or a result: of what, for how many tenants, where. */
export function headingLines(word: string, result: RunResult, look: Look): readonly string[] {
  const of = result.manifest === null ? "" : ` of ${oneLine(result.manifest.path)}`;
  const server = result.server === null ? "" : ` on ${oneLine(result.server)}`;
  return wrapLines([look.palette.bold(`${word}${of}: ${counted(result.tenants.length, "tenant")}${server}`)], look);
}

/** Lines as one text: no line is a CI system's command. */
export function toText(lines: readonly string[]): string {
  return withoutCommands(lines)
    .map((line) => `${line}\n`)
    .join("");
}

/** How many lines go into one piece of text. */
const LINES_A_PIECE = 500;

/** {@link toText} in pieces, of lines that need never all be there at once. */
export function* textPieces(lines: Iterable<string>): Generator<string> {
  let piece: string[] = [];
  for (const line of lines) {
    piece.push(line);
    if (piece.length < LINES_A_PIECE) continue;
    yield toText(piece);
    piece = [];
  }
  if (piece.length > 0) yield toText(piece);
}

/** Lines after an empty one; nothing where there are none. */
export function section(lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : ["", ...lines];
}

/** What needs a person, group by group, each after an empty line. */
export function troublesLines(result: RunResult, look: Look): readonly string[] {
  return groupTroubles(result.tenants).flatMap((group) => section(groupLines(group, look)));
}

/** The warnings as the options say. */
export function warningsOf(result: RunResult, look: Look, options: HumanOptions): readonly string[] {
  if (result.warnings.length === 0) return [];
  return options.warnings === "count" ? [warningCountLine(result.warnings, look)] : warningLines(result.warnings, look);
}

/** The log's head, to be held against the next run's. */
export function logHeadLines({ log }: Pick<RunResult, "log">, look: Look): readonly string[] {
  if (log === null) return [];
  return wrapLines([look.palette.dim(oneLine(`Log: ${log.path}, seq ${log.seq}, digest ${log.digest}`))], look, 5);
}

/** The last line: how to go on. */
export function nextLines(next: string | undefined, look: Look): readonly string[] {
  return next === undefined ? [] : [`${look.palette.accent(arrow(look))} ${oneLine(next)}`];
}

function planTable(tenants: readonly TenantResult[], look: Look): readonly string[] {
  const isLong = tenants.length > HEAD_ROWS + TAIL_ROWS + 1;
  const rows = isLong ? tenants.filter((tenant) => tenant.action !== "unchanged") : tenants;
  const left = tenants.length - rows.length;
  const unchanged = left > 0 ? [look.palette.dim(`  ${counted(left, "tenant")} unchanged, not shown`)] : [];
  if (rows.length <= HEAD_ROWS + TAIL_ROWS + 1)
    return [...(rows.length === 0 ? [] : tableLines(planColumns(look), rows, look)), ...unchanged];
  const head = rows.slice(0, HEAD_ROWS);
  const tail = rows.slice(-TAIL_ROWS);
  const cut = rows.slice(HEAD_ROWS, -TAIL_ROWS);
  const lines = tableLines(planColumns(look), [...head, ...tail], look);
  return [
    ...lines.slice(0, head.length + 1),
    look.palette.dim(`  ... ${cut.length} more: ${actionCounts(cut)} (all of them: --format json, or --out FILE)`),
    ...lines.slice(head.length + 1),
    ...unchanged,
  ];
}

function planColumns(look: Look): readonly TableColumn<TenantResult>[] {
  return [
    { title: " ", text: ({ action }) => actionSymbol(action, { ...look, palette: PLAIN }), paint: paintOf(look) },
    { title: "TENANT", text: ({ tenant }) => tenant, atMost: 28 },
    { title: "ACTION", text: ({ action }) => action, paint: paintOf(look) },
    { title: "NAME", text: ({ name }) => name ?? "", atMost: 40 },
    { title: "WHY", text: whyOf },
  ];
}

function paintOf(look: Look): (tenant: TenantResult) => (text: string) => string {
  return ({ action }) => paintAction(action, look);
}

function whyOf(tenant: TenantResult): string {
  return tenant.error === undefined ? tenant.reason : `${tenant.error.code}: ${tenant.error.message}`;
}

function actionCounts(tenants: readonly TenantResult[]): string {
  return ACTIONS.map((action) => ({ action, count: tenants.filter((tenant) => tenant.action === action).length }))
    .filter(({ count }) => count > 0)
    .map(({ action, count }) => `${count} ${action}`)
    .join(", ");
}

function planCountLine({ summary }: RunResult, look: Look): string {
  const parts = ACTIONS.filter((action) => summary[action] > 0).map((action) =>
    paintAction(action, look)(`${summary[action]} ${action}`),
  );
  return `${look.palette.bold("Plan:")} ${parts.length === 0 ? "no tenants" : parts.join(", ")}${look.palette.dim(" (nothing was written to the server)")}`;
}
