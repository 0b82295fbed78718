import { countBy, SIGNS, spokenDuration, TENANT_COLUMNS, verdictOf } from "../reporter/look.js";
import { placeOf, troubleOf } from "../reporter/problems.js";
import { groupBy } from "../shared/ids.js";
import type { Problem } from "../shared/problems.js";
import type { RunResult, TenantResult } from "../shared/results.js";
import { counted, escapeMarkdown } from "../shared/text-safety.js";

/** A comment on GitHub or GitLab holds 65,536 characters: this leaves room for what a pipeline adds. */
const MOST_CHARACTERS = 59_000;
const LONGEST_CELL = 300;
const PROBLEMS_SHOWN = 20;
/** Every title of a list has room, also where its lines have none. */
const ROOM_FOR_TITLES = 2000;

/** The tenants that are listed one by one, the most urgent first: by what became of them, else by what was to be done. */
const SECTIONS = {
  conflict: "Conflicts",
  failed: "Failed",
  "in-doubt": "In doubt",
  update: "Updates",
  adopt: "Adopted",
  settle: "To be settled",
  orphan: "Orphans",
};

function sectionOf({ action, outcome }: TenantResult): string {
  return action !== "conflict" && (outcome === "failed" || outcome === "in-doubt") ? outcome : action;
}

/**
 * The result as Markdown, under 60,000 characters, for a comment or a CI system's summary: counts, errors, warnings, then
 * conflicts, failures and updates tenant by tenant as far as there is room; the rest is counts.
 */
export function markdownResult(result: RunResult): string {
  const foot = footOf(result);
  let text = headOf(result) + countsTable(result.tenants);
  /** Adds as many items as there is room for, and how many more. */
  const add = <Item>(title: string, items: readonly Item[], lineOf: (item: Item) => string, head = ""): void => {
    if (items.length === 0) return;
    text += `### ${title}: ${items.length}\n\n${head}`;
    const room = MOST_CHARACTERS - ROOM_FOR_TITLES - foot.length;
    let left = items.length;
    for (const item of head === "" ? items.slice(0, PROBLEMS_SHOWN) : items) {
      const line = lineOf(item);
      if (text.length + line.length > room) break;
      text += line;
      left -= 1;
    }
    text += left > 0 ? `\nand ${counted(left, head === "" ? "more problem" : "more tenant")}\n\n` : "\n";
  };
  add("Errors", result.errors, problemLine);
  add("Warnings", result.warnings, problemLine);
  const sections = groupBy(result.tenants, sectionOf);
  for (const [section, title] of Object.entries(SECTIONS))
    add(title, sections.get(section) ?? [], tenantRow, TENANTS_HEAD);
  return text + foot;
}

function headOf(result: RunResult): string {
  const { dryRun, manifest, server, startedAt, finishedAt, tenants, exitCode } = result;
  const what = `${dryRun ? "Plan" : "Result"}${manifest === null ? "" : ` of ${shown(manifest.path)}`}`;
  const where = server === null ? "" : `Server ${shown(server)}. `;
  const time = dryRun ? "" : ` Took ${spokenDuration(Date.parse(finishedAt) - Date.parse(startedAt))}.`;
  const count = counted(tenants.length, "tenant");
  return `## ${what}: ${verdictOf(result).text}\n\n${where}${count}, exit code ${exitCode}.${time}\n\n`;
}

function countsTable(tenants: readonly TenantResult[]): string {
  if (tenants.length === 0) return "";
  const outcomes = countBy(tenants, "outcome").map(({ shown }) => shown);
  const rows = countBy(tenants, "action").map(({ shown, count }) => {
    const same = tenants.filter(({ action }) => action === shown);
    const counts = outcomes.map((outcome) => same.filter((tenant) => tenant.outcome === outcome).length || "");
    return tableRow([shown, ...counts, count]);
  });
  const heads = ["action", ...outcomes.map((outcome) => SIGNS[outcome].word), "all"];
  return `${tableRow(heads)}|---|${"--:|".repeat(heads.length - 1)}\n${rows.join("")}\n`;
}

function tableRow(cells: readonly (string | number)[]): string {
  return `| ${cells.join(" | ")} |\n`;
}

function problemLine(problem: Problem): string {
  const { code, message, hint } = problem;
  const place = placeOf(problem);
  const where = place === "" ? "" : ` (${shown(place)})`;
  return `- **${shown(code)}**${where}: ${shown(message)}.${hint === undefined ? "" : ` ${shown(hint)}`}\n`;
}

const COLUMNS = ["tenant", "name", "newTaskId", "reason"] as const;
const TITLES = COLUMNS.map((column) => TENANT_COLUMNS[column].title.toLowerCase());
const TENANTS_HEAD = `${tableRow(TITLES)}|${"---|".repeat(TITLES.length)}\n`;

function tenantRow(tenant: TenantResult): string {
  return tableRow(COLUMNS.map((column) => cellOf(tenant, column)));
}

function cellOf(tenant: TenantResult, column: (typeof COLUMNS)[number]): string {
  const isTrouble = tenant.outcome === "failed" || tenant.outcome === "in-doubt" || tenant.error !== undefined;
  if (column !== "reason" || !isTrouble) return shown(TENANT_COLUMNS[column].text(tenant));
  const { code, message, hint } = troubleOf(tenant);
  return `**${shown(code)}** ${shown(message)}${hint === undefined ? "" : `<br>${shown(hint)}`}`;
}

function footOf({ log, runId }: RunResult): string {
  const head = log === null ? "" : `Log ${shown(log.path)}, seq ${log.seq}, digest ${shown(log.digest)}. `;
  return `<sub>${head}Run ${shown(runId)}.</sub>\n`;
}

function shown(text: string): string {
  return escapeMarkdown(text.length > LONGEST_CELL ? `${text.slice(0, LONGEST_CELL)}…` : text);
}
