/** The answers for people: a plan or a result, what the log knows, a diagnosis. */
import { CHECK_NAMES, type Check, type CheckStatus, type Diagnosis } from "../shared/diagnosis.js";
import { groupBy } from "../shared/ids.js";
import { EXIT, signalOfExit } from "../shared/problems.js";
import {
  changesOf,
  type LogHead,
  type RunResult,
  type StatusReport,
  standingCounts,
  TENANT_STANDINGS,
  type TenantResult,
  type TenantStatus,
} from "../shared/results.js";
import { counted, oneLine } from "../shared/text-safety.js";
import { inPieces, type TableColumn, tableLines, toText } from "./layout.js";
import {
  changeTexts,
  countBy,
  type Look,
  PLAIN,
  paint,
  permissionsText,
  SIGNS,
  spokenDuration,
  TENANT_COLUMNS,
  tenantsText,
  verifiedText,
} from "./look.js";
import { groupLines, groupTroubles, hintLines, warningCountLines, warningLines } from "./problems.js";

/**
 * A plan or a result for people: what failed or is in doubt and what to do about it, warnings, counts, the log's head, the way on.
 * A plan lists its tenants too. Where a guard refused, nothing was written, and what there is to show is the plan. `next`: how to go
 * on, a command that can be pasted. `warnings`: only counted where they were told on standard error already.
 */
export function humanResult(
  result: RunResult,
  look: Look,
  { next, warnings }: { readonly next?: string | undefined; readonly warnings?: "list" | "count" } = {},
): string {
  const isPlan = result.dryRun || result.exitCode === EXIT.guard;
  // On a terminal what was told on the way stands right above a result.
  const above = isPlan || look.width === undefined ? [] : [""];
  const lines = [
    ...above,
    headingLine(isPlan ? "Plan" : "Result", result, look),
    ...(isPlan
      ? ["", ...planTable(result, look)]
      : [...interruptionLines(result, look), ...changedLines(result, look)]),
    ...groupTroubles(result.tenants).flatMap((group) => ["", ...groupLines(group, look)]),
    ...section(warnings === "count" ? warningCountLines(result.warnings, look) : warningLines(result.warnings, look)),
    "",
    ...(isPlan ? [planCountLine(result, look)] : [...outcomeLines(result, look), ...verifiedLines(result, look)]),
    ...logHeadLines(result.log, look),
    ...planLines(result),
    ...hintLines(next, look, ""),
  ];
  return toText(lines);
}

/** Lines after an empty one; nothing where there are none. */
function section(lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : ["", ...lines];
}

/** The log's head, to be held against the next run's. */
function logHeadLines(log: LogHead | null, { palette }: Look): readonly string[] {
  return log === null ? [] : [palette.dim(oneLine(`Log: ${log.path}, seq ${log.seq}, digest ${log.digest}`))];
}

/** What whoever approves a saved plan has to see. */
function planLines({ plan }: RunResult): readonly string[] {
  if (plan === undefined) return [];
  return [
    oneLine(`Saved plan: ${plan.path}, SHA-256 ${plan.digest}`),
    oneLine(`Permissions: ${permissionsText(plan)}`),
  ];
}

function headingLine(word: string, { manifest, server, tenants }: RunResult, { palette }: Look): string {
  const what = manifest === null ? "" : ` of ${oneLine(manifest.path)}`;
  const where = server === null ? "" : ` on ${oneLine(server)}`;
  return palette.bold(`${word}${what}: ${tenantsText(tenants)}${where}`);
}

/** A longer list of tenants is cut in the middle: so many of its first and of its last are shown. */
const HEAD_ROWS = 24;
const TAIL_ROWS = 8;
const MOST_ROWS = HEAD_ROWS + TAIL_ROWS + 1;

const toneOf = ({ action }: TenantResult) => SIGNS[action].tone;
const { tenant, action, name, reason } = TENANT_COLUMNS;
const PLAN_COLUMNS: readonly TableColumn<TenantResult>[] = [
  // The table never begins with a tenant: text from outside starts no line.
  { title: " ", text: (row) => SIGNS[row.action].symbol, tone: toneOf },
  { ...tenant, atMost: 28 },
  { ...action, tone: toneOf },
  { ...name, atMost: 40 },
  reason,
];

function planTable({ tenants, appNames }: RunResult, look: Look): readonly string[] {
  const rows = tenants.length > MOST_ROWS ? tenants.filter(({ action }) => action !== "unchanged") : tenants;
  const cut = rows.length > MOST_ROWS ? rows.slice(HEAD_ROWS, -TAIL_ROWS) : [];
  const shown = cut.length > 0 ? [...rows.slice(0, HEAD_ROWS), ...rows.slice(-TAIL_ROWS)] : rows;
  const [titles = "", ...lines] = shown.length > 0 ? tableLines(PLAN_COLUMNS, shown, look) : [];
  const { dim } = look.palette;
  const below = lines.map((line, at) => [line, ...changeLines(shown[at], appNames, look)]);
  if (cut.length > 0) {
    const counts = actionCounts(cut, { ...look, palette: PLAIN });
    const more = `  ... ${cut.length} more: ${counts} (all of them: --format json, or --out FILE)`;
    below.splice(HEAD_ROWS, 0, [dim(more)]);
  }
  const unchanged = tenants.length - rows.length;
  if (unchanged > 0) below.push([dim(`  ${counted(unchanged, "tenant")} unchanged, not shown`)]);
  return [...(titles === "" ? [] : [titles]), ...below.flat()];
}

/** Below a tenant, what its reports read before, and what after. */
function changeLines(tenant: TenantResult | undefined, appNames: RunResult["appNames"], look: Look): readonly string[] {
  const { bad, good, dim } = look.palette;
  return (tenant === undefined ? [] : changeTexts(tenant, appNames)).flatMap(({ before, after, reports }) => [
    bad(oneLine(`     - ${before}`)),
    good(oneLine(`     + ${after}`)) + dim(oneLine(`  ${reports}`)),
  ]);
}

/** The copies that a run has mapped otherwise than they were. */
function changedLines({ tenants, appNames }: RunResult, look: Look): readonly string[] {
  const changed = tenants.filter((tenant) => tenant.attempts > 0 && changesOf(tenant).length > 0);
  const shown = changed.slice(0, MOST_ROWS);
  const more = changed.length - shown.length;
  return [
    ...shown.flatMap((tenant) => [
      `${paint(tenant.action, SIGNS[tenant.action].symbol, look)} ${look.palette.bold(oneLine(tenant.tenant))}`,
      ...changeLines(tenant, appNames, look),
    ]),
    ...(more > 0 ? [look.palette.dim(`  ... ${more} more (all of them: --format json, or --out FILE)`)] : []),
  ];
}

function actionCounts(tenants: readonly TenantResult[], look: Look): string {
  const counts = countBy(tenants, "action").map(({ shown, count }) => paint(shown, `${count} ${shown}`, look));
  return counts.join(", ");
}

function planCountLine({ tenants }: RunResult, look: Look): string {
  const counts = tenants.length === 0 ? "no tenants" : actionCounts(tenants, look);
  return `${look.palette.bold("Plan:")} ${counts}${look.palette.dim(" (nothing was written to the server)")}`;
}

/** An interrupted run says so, and what it left: nobody shall take it for a finished one. */
function interruptionLines({ exitCode, summary }: RunResult, { palette }: Look): readonly string[] {
  const signal = signalOfExit(exitCode);
  if (signal === undefined) return [];
  const left = counted(summary.planned + summary.inDoubt, "tenant");
  return [palette.change(`Interrupted by ${signal}: ${left} left to do or to look up`)];
}

function outcomeLines({ tenants, startedAt, finishedAt }: RunResult, look: Look): readonly string[] {
  const lines = countBy(tenants, "outcome").map(({ shown, count }) => {
    const symbol = paint(shown, SIGNS[shown].symbol, look);
    const word = paint(shown, SIGNS[shown].word.padEnd(10), look);
    const actions = actionCounts(
      tenants.filter(({ outcome }) => outcome === shown),
      look,
    );
    return `${symbol} ${look.palette.bold(String(count).padStart(7))} ${word} ${actions}`;
  });
  const took = spokenDuration(Date.parse(finishedAt) - Date.parse(startedAt));
  return [...lines, look.palette.dim(`${tenantsText(tenants)} in ${took}`)];
}

function verifiedLines(result: RunResult, { palette }: Look): readonly string[] {
  const told = verifiedText(result);
  return told === undefined ? [] : [palette.dim(told)];
}

const DOUBTS_SHOWN = 20;

/** What the log knows, for people, in pieces: every tenant in a table (the answer is never cut), counts, the log's head. */
export function* humanStatus(report: StatusReport, look: Look): Generator<string> {
  const { tenants, warnings, log } = report;
  const server = report.server === null ? "" : ` on ${oneLine(report.server)}`;
  yield toText([look.palette.bold(`Status: ${tenantsText(tenants)}${server}`)]);
  const columns =
    look.width !== undefined && look.width < WIDE ? STATUS_COLUMNS.slice(0, COLUMNS_OF_NARROW) : STATUS_COLUMNS;
  for (const [id, same] of groupBy(tenants, ({ sourceTaskId }) => sourceTaskId)) {
    const name = same[0]?.sourceTaskName;
    yield toText([
      "",
      look.palette.dim(oneLine(`Source task ${name === undefined ? "" : `"${name}" `}${id || "not named"}`)),
    ]);
    for (const lines of inPieces(tableLines(columns, same, look))) yield toText(lines);
  }
  yield toText([
    ...section(doubtLines(tenants, look)),
    ...section(warningLines(warnings, look)),
    "",
    standingLine(tenants, look),
    ...logHeadLines(log, look),
  ]);
}

const toneOfState = ({ state }: TenantStatus) => SIGNS[state].tone;
/** From so many columns on, a copy's ID and name stand in the line too. */
const WIDE = 120;
const COLUMNS_OF_NARROW = 4;
const STATUS_COLUMNS: readonly TableColumn<TenantStatus>[] = [
  // The table never begins with a tenant: text from outside starts no line.
  { title: " ", text: ({ state }) => SIGNS[state].symbol, tone: toneOfState },
  { title: "Tenant", text: ({ tenant }) => tenant, atMost: 22 },
  { title: "State", text: ({ state, orphan }) => (orphan ? "orphan" : SIGNS[state].word), tone: toneOfState },
  { title: "App", text: appOf },
  { title: "Verified", text: ({ verified, verifiedAt }) => (verified ? (verifiedAt?.slice(0, 10) ?? "yes") : "no") },
  { title: "Copy", text: ({ newTaskId = "-" }) => newTaskId },
  { title: "Name", text: ({ name = "" }) => name },
];

/** The app that a tenant's reports read, as far as the log knows. */
function appOf({ mappings, state }: TenantStatus): string {
  const apps = new Set(mappings.map(({ newQlikAppId }) => newQlikAppId));
  const [only = state === "none" ? "-" : "not known"] = apps;
  return apps.size > 1 ? `${apps.size} apps` : only;
}

function doubtLines(tenants: readonly TenantStatus[], look: Look): readonly string[] {
  const lines: string[] = [];
  let more = 0;
  for (const { tenant, doubts } of tenants)
    for (const { kind, name = "", reportId = "", at = "at an unknown time" } of doubts) {
      const what = kind === "create" ? `create "${name}"` : `PATCH of report ${reportId}`;
      const told = oneLine(`${tenant}: ${what}, sent ${at}, has no certain outcome`);
      if (lines.length < DOUBTS_SHOWN) lines.push(`${look.palette.doubt("?")} ${told}`);
      else more += 1;
    }
  return more > 0 ? [...lines, `  and ${counted(more, "more doubt")} (all of them: --format json)`] : lines;
}

function standingLine(tenants: readonly TenantStatus[], look: Look): string {
  const counts = standingCounts(tenants);
  const parts = TENANT_STANDINGS.filter((state) => counts[state] > 0).map((state) =>
    paint(state, `${counts[state]} ${SIGNS[state].word}`, look),
  );
  return `${look.palette.bold("The log knows:")} ${parts.length === 0 ? "no tenant yet" : parts.join(", ")}`;
}

const NAME_WIDTH = Math.max(...CHECK_NAMES.map((name) => name.length));

/** A diagnosis for people: one line a check, and below it what to do where something is to be done. */
export function humanDiagnosis({ server, checks, exitCode }: Diagnosis, look: Look): string {
  const { palette } = look;
  const count = (status: CheckStatus): number => checks.filter((check) => check.status === status).length;
  const counts = `${count("ok")} ok, ${counted(count("warn"), "warning")}, ${count("fail")} failed, ${count("skipped")} skipped`;
  const end =
    exitCode === EXIT.ok
      ? palette.good("nothing stands in the way of a sync")
      : palette.bad(`a sync would end with exit code ${exitCode} before its first write`);
  return toText([
    palette.bold(`Doctor${server === null ? "" : `: ${oneLine(server)}`}`),
    ...checks.flatMap((check) => checkLines(check, look)),
    "",
    `${counts}: ${end}`,
  ]);
}

function checkLines({ status, name, message, hint }: Check, look: Look): readonly string[] {
  const head = paint(status, `${SIGNS[status].symbol} ${name.padEnd(NAME_WIDTH)}`, look);
  const text = oneLine(status === "skipped" ? `skipped: ${message}` : message);
  return [`${head}  ${text}`, ...hintLines(hint, look, " ".repeat(NAME_WIDTH + 4))];
}
