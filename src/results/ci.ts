/** A result as CI systems show it: Markdown for a comment or a summary, annotations on GitHub, JUnit XML. */
import {
  changeTexts,
  countBy,
  kindOf,
  permissionsText,
  SIGNS,
  spokenDuration,
  TENANT_COLUMNS,
  tenantsText,
  verdictOf,
  verifiedText,
} from "../reporter/look.js";
import { placeOf, troubleOf } from "../reporter/problems.js";
import { linesOfHint } from "../shared/hints.js";
import { groupBy } from "../shared/ids.js";
import type { Problem } from "../shared/problems.js";
import { type RunResult, type TenantResult, whoText } from "../shared/results.js";
import { counted, escapeMarkdown, escapeXml, oneLine } from "../shared/text-safety.js";

/** A comment on GitHub or GitLab holds 65,536 characters: this leaves room for what a pipeline adds. */
const MOST_CHARACTERS = 59_000;
/** A text of a tenant is cut to this, between two words; what can be pasted never is. */
const LONGEST_CELL = 300;
const PROBLEMS_SHOWN = 20;
/** A longer list of tenants is folded. */
const ROWS_UNFOLDED = 20;
/** Every title of a list, and its end, has room, also where its lines have none. */
const ROOM_FOR_TITLES = 2000;

/** The tenants that are listed one by one, the most urgent first: by what became of them, else by what was to be done. */
const SECTIONS = {
  conflict: "Conflicts",
  failed: "Failed",
  "in-doubt": "In doubt",
  update: "Updates",
  adopt: "Adoptions",
  settle: "To be settled",
  create: "Creates",
  orphan: "Orphans",
};

function sectionOf({ action, outcome }: TenantResult): string {
  return action !== "conflict" && (outcome === "failed" || outcome === "in-doubt") ? outcome : action;
}

/**
 * The result as Markdown, under 60,000 characters, for a comment or a CI system's summary: counts, errors, warnings, then every tenant
 * that changes or needs a person, as far as there is room, and how many more.
 */
export function markdownResult(result: RunResult): string {
  const foot = footOf(result);
  let text = headOf(result) + countsTable(result);
  /** Adds as many lines as there is room for; says how many are left. */
  const addLines = <Item>(items: readonly Item[], lineOf: (item: Item) => string): number => {
    const room = MOST_CHARACTERS - ROOM_FOR_TITLES - foot.length;
    for (const [at, item] of items.entries()) {
      const line = lineOf(item);
      if (text.length + line.length > room) return items.length - at;
      text += line;
    }
    return 0;
  };
  const addProblems = (title: string, problems: readonly Problem[]): void => {
    if (problems.length === 0) return;
    text += `### ${title}: ${problems.length}\n\n`;
    const left =
      addLines(problems.slice(0, PROBLEMS_SHOWN), problemLine) + Math.max(0, problems.length - PROBLEMS_SHOWN);
    text += left > 0 ? `\nand ${counted(left, "more problem")}\n\n` : "\n";
  };
  addProblems("Errors", result.errors);
  addProblems("Warnings", result.warnings);
  const sections = groupBy(result.tenants, sectionOf);
  for (const [section, word] of Object.entries(SECTIONS)) {
    const tenants = sections.get(section) ?? [];
    if (tenants.length === 0) continue;
    const title = `${word}: ${tenants.length}`;
    const isFolded = tenants.length > ROWS_UNFOLDED;
    text += isFolded ? `<details><summary><b>${title}</b></summary>\n\n` : `### ${title}\n\n`;
    text += TENANTS_HEAD;
    const left = addLines(tenants, (tenant) => tenantRow(tenant, result));
    text +=
      left > 0 ? `\nand ${counted(left, "more tenant")}: they stand in the result as HTML, CSV or JSON\n\n` : "\n";
    if (isFolded) text += "</details>\n\n";
  }
  const unlisted = ["unchanged", "skip"].map((action) => [action, sections.get(action)?.length ?? 0] as const);
  const left = unlisted.filter(([, count]) => count > 0).map(([action, count]) => `${count} ${action}`);
  return text + (left.length > 0 ? `Not listed: ${left.join(", ")}.\n\n` : "") + foot;
}

function headOf(result: RunResult): string {
  const { dryRun, manifest, server, startedAt, finishedAt, tenants, exitCode, plan } = result;
  const what = `${kindOf(result)}${manifest === null ? "" : ` of ${shown(manifest.path)}`}`;
  const where = server === null ? "" : `Server ${shown(server)}. `;
  const time = dryRun ? "" : ` Took ${spokenDuration(Date.parse(finishedAt) - Date.parse(startedAt))}.`;
  const count = tenantsText(tenants);
  const saved =
    plan === undefined
      ? ""
      : `Saved plan ${shown(plan.path)}, SHA-256 ${shown(plan.digest)}. Permissions: ${shown(permissionsText(plan))}.\n\n`;
  return `## ${what}: ${verdictOf(result).text}\n\n${where}${count}, exit code ${exitCode}.${time}\n\n${saved}`;
}

function countsTable({ tenants, dryRun }: RunResult): string {
  if (tenants.length === 0) return "";
  // A plan has no outcomes yet.
  const outcomes = dryRun ? [] : countBy(tenants, "outcome").map(({ shown }) => shown);
  const rows = countBy(tenants, "action").map(({ shown, count }) => {
    const same = tenants.filter(({ action }) => action === shown);
    const counts = outcomes.map((outcome) => same.filter((tenant) => tenant.outcome === outcome).length || "");
    return tableRow([shown, ...counts, count]);
  });
  const heads = ["action", ...outcomes.map((outcome) => SIGNS[outcome].word), dryRun ? "tenants" : "all"];
  return `${tableRow(heads)}|---|${"--:|".repeat(heads.length - 1)}\n${rows.join("")}\n`;
}

/** A hint in a table's cell or a list, its commands as code. */
function hintMarkdown(hint: string): string {
  return linesOfHint(hint)
    .map(({ text, isCommand }) => (isCommand ? codeSpan(text) : escapeMarkdown(text)))
    .join("<br>");
}

/** Code that no backtick in it ends; it can be copied as it is, but for a `|`, which would end the cell. */
function codeSpan(text: string): string {
  const longest = Math.max(0, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = "`".repeat(longest + 1);
  return `${fence} ${text.replaceAll("|", "\\|")} ${fence}`;
}

function tableRow(cells: readonly (string | number)[]): string {
  return `| ${cells.join(" | ")} |\n`;
}

function problemLine(problem: Problem): string {
  const { code, message, hint } = problem;
  const place = placeOf(problem);
  const where = place === "" ? "" : ` (${shown(place)})`;
  return `- **${shown(code)}**${where}: ${shown(message)}.${hint === undefined ? "" : ` ${hintMarkdown(hint)}`}\n`;
}

const COLUMNS = ["tenant", "name", "newTaskId", "reason"] as const;
const TITLES = COLUMNS.map((column) => TENANT_COLUMNS[column].title.toLowerCase());
const TENANTS_HEAD = `${tableRow(TITLES)}|${"---|".repeat(TITLES.length)}\n`;

function tenantRow(tenant: TenantResult, { appNames }: RunResult): string {
  const { code, message, hint } = troubleOf(tenant);
  const isTrouble = tenant.outcome === "failed" || tenant.outcome === "in-doubt" || tenant.error !== undefined;
  const cells = COLUMNS.map((column) => shown(TENANT_COLUMNS[column].text(tenant)));
  const why = isTrouble
    ? [`**${shown(code)}** ${shown(message)}`, ...(hint === undefined ? [] : [hintMarkdown(hint)])]
    : cells.slice(-1);
  const changes = changeTexts(tenant, appNames).map(({ reports, before, after }) =>
    escapeMarkdown(`${reports}: ${before} → ${after}`),
  );
  return tableRow([...cells.slice(0, -1), [...why, ...changes].join("<br>")]);
}

function footOf(result: RunResult): string {
  const { log, runId, startedAt, by, dryRun } = result;
  const head = log === null ? "" : `Log ${shown(log.path)}, head ${log.seq}:${shown(log.digest)}. `;
  const read = (!dryRun && verifiedText(result)) || "";
  const who = by === undefined ? "" : `, by ${shown(whoText(by))}`;
  return `${read && `${read}.\n\n`}<sub>${head}Run ${shown(runId)}, started ${startedAt}${who}.</sub>\n`;
}

/** A text from outside, cut between two words. */
function shown(text: string): string {
  if (text.length <= LONGEST_CELL) return escapeMarkdown(text);
  const start = text.slice(0, LONGEST_CELL);
  const lastBlank = start.lastIndexOf(" ");
  return escapeMarkdown(`${start.slice(0, lastBlank > 0 ? lastBlank : LONGEST_CELL)}…`);
}

/** GitHub shows ten of a kind for a step. */
const MOST_ANNOTATIONS = 10;

/**
 * GitHub's `::error` and `::warning` lines for standard error, with the manifest's file and line: at most ten of each, the last
 * of them a number where there are more.
 */
export function githubAnnotations({ tenants, errors, warnings, manifest }: RunResult): readonly string[] {
  const failures = tenants
    .filter(({ outcome }) => outcome === "failed" || outcome === "in-doubt")
    .map((tenant): Problem => {
      const { code, message, hint } = troubleOf(tenant);
      const how = tenant.action === "conflict" ? "conflict" : SIGNS[tenant.outcome].word;
      const place = tenant.line === undefined ? {} : { file: manifest?.path, line: tenant.line };
      return { code: `${code} (${how})`, message, hint, tenant: tenant.tenant, ...place };
    });
  return [...annotations("error", [...errors, ...failures]), ...annotations("warning", warnings)];
}

function annotations(kind: "error" | "warning", problems: readonly Problem[]): readonly string[] {
  // What has gone through oneLine has no line end left to be escaped.
  const escaped = (text: string): string => oneLine(text).replaceAll("%", "%25");
  const more = problems.length - MOST_ANNOTATIONS + 1;
  const rest = { code: `${more} more`, message: `${counted(more, `more ${kind}`)} in the result` };
  const told = more > 1 ? [...problems.slice(0, MOST_ANNOTATIONS - 1), rest] : problems;
  return told.map(({ code, message, hint, tenant, file, line }: Problem) => {
    const properties = entriesOf({ file: file?.replaceAll("\\", "/"), line, title: code }).map(
      ([name, value]) => `${name}=${escaped(value).replaceAll(":", "%3A").replaceAll(",", "%2C")}`,
    );
    const said = tenant === undefined ? message : `tenant ${tenant}: ${message}`;
    return `::${kind} ${properties.join(",")}::${[said, ...(hint?.split("\n") ?? [])].map(escaped).join("%0A")}`;
  });
}

/**
 * The result as JUnit XML: one case a tenant; failed and conflict are failures, in doubt is an error, skipped and planned are
 * skipped. Errors of the run itself (it could not start, a guard) are cases too: an empty report would pass.
 */
export function* junitResult(result: RunResult): Generator<string> {
  const { summary, tenants, errors, command, dryRun, startedAt, finishedAt } = result;
  const all = {
    tests: tenants.length + errors.length,
    failures: summary.failed,
    errors: summary.inDoubt + errors.length,
    skipped: summary.skipped + summary.planned,
    time: (Math.max(0, Date.parse(finishedAt) - Date.parse(startedAt)) / 1000).toFixed(3),
  };
  const name = dryRun ? `${command} --dry-run` : command;
  yield `<?xml version="1.0" encoding="UTF-8"?>\n`;
  yield `<testsuites${attributes({ name: "qalyptus-propagate", ...all })}>\n`;
  yield `  <testsuite${attributes({ name, timestamp: startedAt, ...all })}>\n${propertiesOf(result)}`;
  for (const tenant of tenants) yield tenantCase(tenant, result);
  for (const error of errors) yield errorCase(error);
  yield "  </testsuite>\n</testsuites>\n";
}

function tenantCase(tenant: TenantResult, { manifest, appNames }: RunResult): string {
  const { sourceTaskId = "no source task", tenant: name, durationMs, line, action, outcome, reason } = tenant;
  const file = line === undefined ? undefined : manifest?.path;
  const time = (durationMs / 1000).toFixed(3);
  const output = { action, reason, name: tenant.name, newTaskId: tenant.newTaskId, verified: tenant.verified };
  const changes = changeTexts(tenant, appNames).map(({ reports, before, after }) => `${reports}: ${before} → ${after}`);
  const lines = [...entriesOf(output).map(([title, value]) => `${title}: ${value}`), ...changes];
  const { code, message, hint } = troubleOf(tenant);
  const told =
    outcome === "failed" || outcome === "in-doubt"
      ? element(outcome === "failed" ? "failure" : "error", { message, type: code }, [
          `${name}: ${message}`,
          ...(hint?.split("\n") ?? []),
        ])
      : outcome === "succeeded"
        ? ""
        : `      <skipped${attributes({ message: `${outcome} (${action}): ${reason}` })}/>\n`;
  const head = attributes({ classname: sourceTaskId, name, time, file, line });
  return `    <testcase${head}>\n${told}${element("system-out", {}, lines)}    </testcase>\n`;
}

function errorCase(error: Problem): string {
  const { code, message, hint, file, line } = error;
  const place = placeOf(error);
  const lines = [message, place === "" ? undefined : `at ${place}`, ...(hint?.split("\n") ?? [])];
  const head = attributes({ classname: "run", name: code, time: "0.000", file, line });
  return `    <testcase${head}>\n${element("error", { message, type: code }, lines)}    </testcase>\n`;
}

function propertiesOf({ server, runId, exitCode, manifest, log, plan }: RunResult): string {
  const manifestFacts = { manifest: manifest?.path, manifestSha256: manifest?.sha256 };
  const logFacts = { logPath: log?.path, logSeq: log?.seq, logDigest: log?.digest };
  const planFacts = plan && { planSha256: plan.digest, planPermissions: permissionsText(plan) };
  const lines = entriesOf({ server: server ?? undefined, runId, exitCode, ...manifestFacts, ...logFacts, ...planFacts })
    .map(([name, value]) => `      <property${attributes({ name, value })}/>\n`)
    .join("");
  return `    <properties>\n${lines}    </properties>\n`;
}

type Values = Readonly<Record<string, string | number | boolean | undefined>>;

/** The values that are known. */
function entriesOf(values: Values): readonly (readonly [string, string])[] {
  return Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]));
}

function attributes(values: Values): string {
  return entriesOf(values)
    .map(([name, value]) => ` ${name}="${escapeXml(value)}"`)
    .join("");
}

function element(name: string, values: Values, lines: readonly (string | undefined)[]): string {
  const text = lines.flatMap((line) => (line === undefined ? [] : escapeXml(line))).join("\n");
  return `      <${name}${attributes(values)}>${text}</${name}>\n`;
}
