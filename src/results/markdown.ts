import { counted, countOf, OUTCOME_WORDS, OUTCOMES_TO_READ, spokenDuration } from "../reporter/look.js";
import { placeOf } from "../reporter/problem-lines.js";
import { troubleOf } from "../reporter/tenant-groups.js";
import { verdictOf } from "../reporter/verdict.js";
import { ACTIONS, type ActionKind, type RunResult, type TenantResult } from "../shared/outcome.js";
import type { Problem } from "../shared/problems.js";
import { escapeMarkdown } from "../shared/text-safety.js";

/** A comment on GitHub or GitLab holds 65,536 characters: this leaves room for what a pipeline adds. */
const MOST_CHARACTERS = 59_000;
const LONGEST_CELL = 300;
const PROBLEMS_SHOWN = 20;

/** The parts of a result that are listed tenant by tenant, the most urgent first. */
const SECTIONS: readonly { readonly title: string; readonly holds: (tenant: TenantResult) => boolean }[] = [
  { title: "Conflicts", holds: (tenant) => tenant.action === "conflict" },
  { title: "Failed", holds: (tenant) => tenant.action !== "conflict" && tenant.outcome === "failed" },
  { title: "In doubt", holds: (tenant) => tenant.outcome === "in-doubt" },
  { title: "Updates", holds: (tenant) => isWell(tenant) && tenant.action === "update" },
  { title: "Adopted", holds: (tenant) => isWell(tenant) && tenant.action === "adopt" },
  { title: "To be settled", holds: (tenant) => isWell(tenant) && tenant.action === "settle" },
  { title: "Orphans", holds: (tenant) => tenant.action === "orphan" },
];

/**
 * The result as Markdown, under 60,000 characters, for a comment or a CI system's summary: counts, errors, warnings, then
 * conflicts, failures and updates tenant by tenant as far as there is room; the rest is counts.
 */
export function markdownResult(result: RunResult): string {
  const page = new Page(MOST_CHARACTERS);
  page.add(headOf(result));
  page.add(countsTable(result));
  addProblems(page, "Errors", result.errors);
  addProblems(page, "Warnings", result.warnings);
  const foot = footOf(result);
  page.keepFree(foot.length);
  for (const { title, holds } of SECTIONS) addTenants(page, title, result.tenants.filter(holds));
  return page.text() + foot;
}

function isWell(tenant: TenantResult): boolean {
  return tenant.outcome === "succeeded" || tenant.outcome === "planned";
}

/** Text that never grows beyond its room. */
class Page {
  #text = "";
  #room: number;

  constructor(room: number) {
    this.#room = room;
  }

  keepFree(characters: number): void {
    this.#room -= characters;
  }

  /** Adds a part if there is room for it and for `after` more characters. */
  add(part: string, after = 0): boolean {
    if (part.length + after > this.#room) return false;
    this.#text += part;
    this.#room -= part.length;
    return true;
  }

  text(): string {
    return this.#text;
  }
}

function headOf(result: RunResult): string {
  const verdict = verdictOf(result).text;
  const what = result.dryRun ? "Plan" : "Result";
  const of = result.manifest === null ? "" : ` of ${shown(result.manifest.path)}`;
  const where = result.server === null ? "" : `Server ${shown(result.server)}. `;
  const took = Date.parse(result.finishedAt) - Date.parse(result.startedAt);
  const time = Number.isFinite(took) && !result.dryRun ? ` Took ${spokenDuration(took)}.` : "";
  return `## ${what}${of}: ${verdict}\n\n${where}${counted(result.tenants.length, "tenant")}, exit code ${result.exitCode}.${time}\n\n`;
}

function countsTable({ summary, tenants }: RunResult): string {
  if (tenants.length === 0) return "";
  const outcomes = OUTCOMES_TO_READ.filter((outcome) => countOf(outcome, summary) > 0);
  const tally = new Map<string, number>();
  for (const { action, outcome } of tenants)
    tally.set(`${action} ${outcome}`, (tally.get(`${action} ${outcome}`) ?? 0) + 1);
  const row = (action: ActionKind): string =>
    `| ${action} | ${outcomes.map((outcome) => tally.get(`${action} ${outcome}`) ?? "").join(" | ")} | ${summary[action]} |\n`;
  const head = `| action | ${outcomes.map((outcome) => OUTCOME_WORDS[outcome]).join(" | ")} | all |\n`;
  const rule = `|---|${outcomes.map(() => "--:|").join("")}--:|\n`;
  return `${head}${rule}${ACTIONS.filter((action) => summary[action] > 0)
    .map(row)
    .join("")}\n`;
}

function addProblems(page: Page, title: string, problems: readonly Problem[]): void {
  if (problems.length === 0) return;
  page.add(`### ${title}: ${problems.length}\n\n`);
  for (const problem of problems.slice(0, PROBLEMS_SHOWN)) {
    const place = placeOf(problem);
    const hint = problem.hint === undefined ? "" : ` ${shown(problem.hint)}`;
    page.add(
      `- **${shown(problem.code)}**${place === "" ? "" : ` (${shown(place)})`}: ${shown(problem.message)}.${hint}\n`,
    );
  }
  const more = problems.length - PROBLEMS_SHOWN;
  page.add(more > 0 ? `- and ${more} more\n\n` : "\n");
}

/** Characters kept free for the line that says how many tenants were left out. */
const ROOM_FOR_MORE = 60;

function addTenants(page: Page, title: string, tenants: readonly TenantResult[]): void {
  if (tenants.length === 0) return;
  const head = `### ${title}: ${tenants.length}\n\n| tenant | name | copy | why |\n|---|---|---|---|\n`;
  if (!page.add(head, ROOM_FOR_MORE)) {
    page.add(`### ${title}: ${tenants.length}\n\n`);
    return;
  }
  let shownRows = 0;
  while (shownRows < tenants.length) {
    const tenant = tenants[shownRows];
    if (tenant === undefined || !page.add(tenantRow(tenant), ROOM_FOR_MORE)) break;
    shownRows += 1;
  }
  const more = tenants.length - shownRows;
  page.add(more > 0 ? `\nand ${counted(more, "more tenant")}\n\n` : "\n");
}

function tenantRow(tenant: TenantResult): string {
  const hasTrouble = tenant.error !== undefined || tenant.outcome === "failed" || tenant.outcome === "in-doubt";
  const { code, message, hint } = troubleOf(tenant);
  const why = hasTrouble
    ? `**${shown(code)}** ${shown(message)}${hint === undefined ? "" : `<br>${shown(hint)}`}`
    : shown(tenant.reason);
  return `| ${shown(tenant.tenant)} | ${shown(tenant.name ?? "")} | ${shown(tenant.newTaskId ?? "")} | ${why} |\n`;
}

function footOf({ log, runId }: RunResult): string {
  const head = log === null ? "" : `Log ${shown(log.path)}, seq ${log.seq}, digest ${shown(log.digest)}. `;
  return `<sub>${head}Run ${shown(runId)}.</sub>\n`;
}

function shown(text: string): string {
  return escapeMarkdown(text.length > LONGEST_CELL ? `${text.slice(0, LONGEST_CELL)}…` : text);
}
