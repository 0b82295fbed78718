import { createHash } from "node:crypto";
import {
  countBy,
  kindOf,
  permissionsText,
  SIGNS,
  spokenDuration,
  TENANT_COLUMNS,
  type Tone,
  tenantsText,
  verdictOf,
  verifiedText,
} from "../reporter/look.js";
import { groupTroubles, placeOf, type TenantGroup } from "../reporter/problems.js";
import { linesOfHint } from "../shared/hints.js";
import type { Problem } from "../shared/problems.js";
import { shellWord } from "../shared/quoting.js";
import { type ActionKind, type RunResult, type TenantResult, whoText } from "../shared/results.js";
import { counted, escapeHtml } from "../shared/text-safety.js";
import { EARLY_SCRIPT, HTML_SCRIPT, HTML_STYLE } from "./html-assets.js";

/**
 * The plan or the result as one page for an auditor, in pieces: nothing is loaded from outside, and a content security policy
 * lets only the page's own style and script run. Text from outside is text everywhere.
 */
export function* htmlResult(result: RunResult): Generator<string> {
  const { tenants, errors, warnings } = result;
  yield headHtml(result);
  yield titleCard(result);
  yield notesCard("Errors", errors, (error) => problemNote(error, "bad"));
  yield notesCard("Warnings", warnings, (warning) => problemNote(warning, "change"));
  yield notesCard("Needs a person", groupTroubles(tenants), groupNote);
  if (tenants.length > 0) yield countsCard(result);
  yield plotSection(tenants);
  yield tenantsOpening(result);
  for (const [at, tenant] of tenants.entries()) yield tenantRows(tenant, result, at);
  yield `</tbody></table></div><p><button id="more-rows" hidden></button></p></section>${footCard(result)}`;
  yield `</main><script>${HTML_SCRIPT}</script></body></html>\n`;
}

function headHtml({ dryRun, manifest, command }: RunResult): string {
  const own = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
  const policy = `default-src 'none'; style-src ${own(HTML_STYLE)}; script-src ${own(EARLY_SCRIPT)} ${own(HTML_SCRIPT)}; base-uri 'none'; form-action 'none'`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer">
<title>${kindOf({ command, dryRun })}: ${escapeHtml(manifest?.path ?? command)}</title><script>${EARLY_SCRIPT}</script><style>${HTML_STYLE}</style></head>
<body><a class="skip" href="#h-tenants">Skip to the tenants</a><main class="page">`;
}

/** Text from outside: however it is written, it turns nothing around it. */
function bdi(text: string): string {
  return `<bdi>${escapeHtml(text)}</bdi>`;
}

function idHtml(text: string): string {
  return `<span class="id">${escapeHtml(text)}</span>`;
}

/** A list of facts; one whose value is `undefined` is left out. */
function factsHtml(facts: readonly (readonly [title: string, html: string | undefined])[]): string {
  const items = facts.map(([title, html]) =>
    html === undefined ? "" : `<div><dt>${title}</dt><dd>${html}</dd></div>`,
  );
  return `<dl class="facts">${items.join("")}</dl>`;
}

function utc(time: string): string {
  return time.replace("T", " ").replace("Z", " UTC");
}

function titleCard(result: RunResult): string {
  const { command, dryRun, manifest, server, startedAt, finishedAt, exitCode, runId, log, plan, by } = result;
  const verdict = verdictOf(result);
  const took = spokenDuration(Date.parse(finishedAt) - Date.parse(startedAt));
  const facts = factsHtml([
    ["Server", bdi(server ?? "none")],
    ["Started", utc(startedAt)],
    ["Finished", `${utc(finishedAt)} (${took})`],
    ["Exit code", String(exitCode)],
    ["Run", idHtml(runId)],
    ["By", by && bdi(whoText(by))],
    ["Options", by && bdi(by.options.map(shellWord).join(" "))],
    ["Read back", dryRun ? undefined : verifiedText(result)],
    [
      "The log’s head",
      log === null ? undefined : `<a href="#h-log">sequence number ${log.seq}, digest ${log.digest.slice(0, 8)}…</a>`,
    ],
    ["Manifest, SHA-256", manifest === null ? undefined : idHtml(manifest.sha256)],
    ["Saved plan, SHA-256", plan && idHtml(plan.digest)],
    ["Permissions of the plan", plan && bdi(permissionsText(plan))],
  ]);
  return `<header class="card"><p class="soft">qalyptus-propagate ${escapeHtml(command)} · ${dryRun ? "nothing was written" : "result"}</p>
<div class="title"><h1>${bdi(manifest?.path ?? command)}</h1><p class="badge ${verdict.tone}">${verdict.text}</p></div>${facts}</header>`;
}

const NOTES_SHOWN = 50;
const TENANTS_OF_A_GROUP = 12;

function notesCard<Item>(title: string, items: readonly Item[], noteOf: (item: Item) => string): string {
  if (items.length === 0) return "";
  const id = `h-${title.replaceAll(" ", "-")}`;
  const list = (some: readonly Item[]): string => `<ul>${some.map(noteOf).join("")}</ul>`;
  const rest = items.slice(NOTES_SHOWN);
  const more = rest.length > 0 ? `<details><summary>${rest.length} more</summary>${list(rest)}</details>` : "";
  return `<section class="card" aria-labelledby="${id}"><h2 id="${id}">${title}</h2>${list(items.slice(0, NOTES_SHOWN))}${more}</section>`;
}

/** A problem or a group of tenants, under its code. */
function noteHtml(tone: Tone, title: string, html: string): string {
  return `<li class="note ${tone}"><h3>${escapeHtml(title)}</h3>${html}</li>`;
}

function problemNote(problem: Problem, tone: Tone): string {
  const place = placeOf(problem);
  const where = place === "" ? "" : `<p class="soft">${escapeHtml(place)}</p>`;
  return noteHtml(tone, problem.code, `<p>${bdi(problem.message)}</p>${where}${hintHtml(problem.hint)}`);
}

function hintHtml(hint: string | undefined): string {
  if (hint === undefined) return "";
  const lines = linesOfHint(hint).map(({ text, isCommand }) =>
    isCommand
      ? `<pre class="command"><code>${escapeHtml(text)}</code></pre>`
      : `<p class="hint">${escapeHtml(text)}</p>`,
  );
  return lines.join("");
}

function groupNote({ outcome, code, tenants, count, shared }: TenantGroup): string {
  const items = tenants.slice(0, TENANTS_OF_A_GROUP).map(({ tenant, message, hint }) => {
    const own = shared === undefined ? `: ${bdi(message)}${hintHtml(hint)}` : "";
    return `<li><b>${bdi(tenant)}</b>${own}</li>`;
  });
  const more = tenants.length - items.length;
  if (more > 0)
    items.push(`<li>and ${counted(more, "more tenant")}: search the list below for ${escapeHtml(code)}</li>`);
  const list = `<ul${shared === undefined ? "" : ` class="names"`}>${items.join("")}</ul>`;
  const told = shared === undefined ? list : `<p>${bdi(shared.message)}</p>${list}${hintHtml(shared.hint)}`;
  return noteHtml(SIGNS[outcome].tone, `${code}: ${count}`, told);
}

/** How many tenants have each action or outcome, an element each. */
function countsHtml(
  tenants: readonly TenantResult[],
  kind: "action" | "outcome",
  element: (count: string, word: string, tone: Tone, value: string) => string,
): string {
  const elements = countBy(tenants, kind).map(({ shown, count }) => {
    return element(`<b>${count.toLocaleString("en")}</b>`, SIGNS[shown].word, SIGNS[shown].tone, shown);
  });
  return elements.join("");
}

function countsCard({ tenants, dryRun }: RunResult): string {
  const tiles = (kind: "action" | "outcome"): string => {
    const items = countsHtml(tenants, kind, (count, word, tone) => `<li class="tile ${tone}">${count}${word}</li>`);
    return `<ul class="tiles" aria-label="By ${kind}">${items}</ul>`;
  };
  const title = tenantsText(tenants).replace(/\d+/g, (count) => Number(count).toLocaleString("en"));
  return `<section class="card" aria-labelledby="h-counts"><h2 id="h-counts">${title}</h2>${dryRun ? "" : tiles("outcome")}${tiles("action")}</section>`;
}

/** The columns of the list of tenants; a copy stands below its name. */
const COLUMNS = ["tenant", "action", "outcome", "newTaskId", "reason", "verified", "took"] as const;
type Column = (typeof COLUMNS)[number];

/** A plan has no outcomes yet, and took no time. */
function columnsOf({ dryRun }: Pick<RunResult, "dryRun">): readonly Column[] {
  return dryRun ? COLUMNS.filter((column) => column !== "outcome" && column !== "took") : COLUMNS;
}

function tenantsOpening({ tenants, dryRun }: RunResult): string {
  const heads = columnsOf({ dryRun }).map((column) => `<th scope="col">${TENANT_COLUMNS[column].title}</th>`);
  const told = dryRun
    ? "What a run would do for each tenant: the app that each of its reports read when this plan was made, as the server shows it, else as the log knows it, and the app that the manifest wants."
    : "What was sent for each tenant, and when: the app that each of its reports read before, and the app that was asked for. Only where “Verified” has a date were the mappings read back from the server.";
  const chips = (kind: "action" | "outcome"): string => {
    const buttons = countsHtml(tenants, kind, (count, word, tone, value) => {
      return `<button class="${tone}" data-kind="${kind}" data-value="${value}" aria-pressed="false">${word} ${count}</button>`;
    });
    return `<div class="chips" role="group" aria-label="Filter by ${kind}">${buttons}</div>`;
  };
  return `<section class="card" aria-labelledby="h-tenants"><h2 id="h-tenants" tabindex="-1">Tenants</h2><p class="soft lead">${told}</p>
<div id="tools" hidden><div class="chips"><input id="search" type="search" aria-label="Search the tenants" placeholder="Search tenant, name, ID, reason …" autocomplete="off" spellcheck="false"><button id="open-all" aria-pressed="false">Open all mappings</button><span class="soft" id="shown" role="status"></span></div>
${dryRun ? "" : chips("outcome")}${chips("action")}</div>
<div class="scroll"><table class="tenants"><caption class="vh">Tenants with action, outcome, copy and reason</caption><thead><tr>${heads.join("")}</tr></thead><tbody id="tenant-rows">`;
}

/** A tenant's row, and below it what can be opened. On a narrow page each cell stands below its title. */
function tenantRows(tenant: TenantResult, result: RunResult, at: number): string {
  const { action, outcome, name = "" } = tenant;
  const text = (column: Column): string => escapeHtml(TENANT_COLUMNS[column].text(tenant));
  // The symbol is for the eye only.
  const badge = ({ word, symbol, tone }: (typeof SIGNS)[keyof typeof SIGNS]): string =>
    `<span class="badge ${tone}" data-symbol="${escapeHtml(symbol)}">${word}</span>`;
  const cells: Readonly<Record<Column, string>> = {
    tenant: `<th scope="row"><bdi>${text("tenant")}</bdi></th>`,
    action: cell("action", badge(SIGNS[action])),
    outcome: cell("outcome", badge(SIGNS[outcome])),
    newTaskId: cell("newTaskId", `${bdi(name)}${idHtml(tenant.newTaskId ?? "")}`, "copy"),
    reason: cell("reason", `<bdi>${text("reason")}</bdi>`, "why"),
    verified: cell("verified", text("verified"), "when"),
    took: cell("took", text("took"), "num"),
  };
  const columns = columnsOf(result);
  return `<tr class="row" data-action="${action}" data-outcome="${outcome}">${columns.map((column) => cells[column]).join("")}</tr>
<tr id="d${at}"><td colspan="${columns.length}"><div class="detail">${detailHtml(tenant, result)}${mappingsHtml(tenant, result)}</div></td></tr>
`;
}

function cell(column: Column, html: string, kind = ""): string {
  const { title } = TENANT_COLUMNS[column];
  return `<td${kind === "" ? "" : ` class="${kind}"`} data-title="${title}">${html}</td>`;
}

function detailHtml(tenant: TenantResult, { dryRun, startedAt }: RunResult): string {
  const { reason, startedMs, durationMs, sourceTaskId, line, error } = tenant;
  const begin = new Date(Date.parse(startedAt) + (startedMs ?? 0)).toISOString();
  const when = `${utc(begin)}, ${spokenDuration(startedMs ?? 0)} after the start; took ${spokenDuration(durationMs)}`;
  return factsHtml([
    // The row says why, but where an error stands there instead.
    ["Why", error === undefined ? undefined : bdi(reason)],
    ["What to do", error?.hint === undefined ? undefined : hintHtml(error.hint)],
    ["HTTP status", error?.httpStatus === undefined ? undefined : String(error.httpStatus)],
    [dryRun ? "Would send" : "Sent", escapeHtml(sentOf(tenant, dryRun))],
    ["When", startedMs === undefined ? undefined : when],
    ["Verified", tenant.verified ? escapeHtml(readBackText(tenant)) : undefined],
    ["Source task", sourceTaskId === undefined ? undefined : idHtml(sourceTaskId)],
    ["Line in the manifest", line === undefined ? undefined : String(line)],
  ]);
}

/** When its mappings were read back as they shall be, and by which run. */
function readBackText({ verifiedAt, verifiedBy }: TenantResult): string {
  if (verifiedAt === undefined) return "read back";
  return `read back on ${utc(verifiedAt)}${verifiedBy === undefined ? "" : ` by run ${verifiedBy}`}`;
}

/** What was sent for a tenant (in a plan: what would be), in one sentence. */
function sentOf({ action, attempts, sourceTaskId = "", newTaskId = "" }: TenantResult, dryRun: boolean): string {
  if (!dryRun && attempts === 0) return "nothing";
  const create = `POST /tasks/${sourceTaskId}/duplicate with this name and these mappings`;
  const patch = `PATCH /tasks/${newTaskId}/reports/…`;
  const requests: Partial<Record<ActionKind, string>> = {
    create,
    settle: `${create}, where the first is found absent`,
    update: `${patch} for each report that differs`,
    adopt: `${patch} where the mappings differ`,
  };
  const request = requests[action] ?? "nothing";
  return dryRun ? request : `${counted(attempts, "write")}: ${request}`;
}

function mappingsHtml({ mappings }: TenantResult, { dryRun, appNames }: RunResult): string {
  const appHtml = (id: string): string => {
    const name = appNames?.[id];
    return idHtml(id) + (name ? bdi(name) : "");
  };
  const titles = ["Report", "App of the report", "Read before", dryRun ? "Wanted" : "Asked for"];
  const rows = mappings.map(({ reportId, reportName, qlikAppId, before, newQlikAppId }) => {
    const was = before === undefined ? "not known" : before === null ? "not mapped" : appHtml(before);
    const report = (reportName === undefined ? "" : bdi(reportName)) + idHtml(reportId);
    const cells = [report, appHtml(qlikAppId), was, appHtml(newQlikAppId)].map(
      (html, at) => `<td data-title="${titles[at]}">${html}</td>`,
    );
    return `<tr${before === newQlikAppId ? "" : ' class="changed"'}>${cells.join("")}</tr>`;
  });
  const heads = titles.map((title) => `<th scope="col">${title}</th>`).join("");
  const table = `<table><thead><tr>${heads}</tr></thead><tbody>${rows.join("")}</tbody></table>`;
  return `<div class="swaps"><h3>Overwrite Report Apps</h3>${rows.length > 0 ? table : "<p>No mappings are known.</p>"}</div>`;
}

function footCard({ log, runId }: RunResult): string {
  const head = factsHtml([
    ["Idempotency log", log === null ? "none" : bdi(log.path)],
    ["Sequence number and digest", log === null ? undefined : idHtml(`${log.seq}:${log.digest}`)],
  ]);
  return `<footer class="card" aria-labelledby="h-log"><h2 id="h-log" tabindex="-1">The log’s head</h2><p class="soft lead">Keep it: the next result’s log must have a sequence number no smaller than this one, and the record of this number must have this digest. Only this shows that lines were cut from a log’s end.</p>${head}<p class="vh">Run ${escapeHtml(runId)}</p></footer>`;
}

const WIDTH = 1000;
const HEIGHT = 160;
const STRETCHES = 120;

/** The run over time, as one section: how many tenants were settled in each stretch of it. Nothing where nothing was sent. */
function plotSection(tenants: readonly TenantResult[]): string {
  const written = tenants.filter(({ startedMs }) => startedMs !== undefined);
  if (written.length === 0) return "";
  const span = written.reduce((latest, tenant) => Math.max(latest, endOf(tenant)), 1);
  const summary = `${counted(written.length, "tenant")} written to in ${spokenDuration(span)}.`;
  const legend = countsHtml(written, "outcome", (_, word, tone) => `<li class="${tone}">${word}</li>`);
  return `<section class="card" aria-labelledby="h-time"><h2 id="h-time">The run over time</h2>
<p class="soft lead">${summary} Each column is how many tenants were settled in that stretch of time.</p>
<svg class="plot" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${summary}">${columns(written, span)}</svg>
<ul class="legend soft">${legend}</ul></section>`;
}

function endOf({ startedMs = 0, durationMs }: TenantResult): number {
  return startedMs + durationMs;
}

/** One outcome above the other. */
function columns(written: readonly TenantResult[], span: number): string {
  const settled = Array.from({ length: STRETCHES }, (): TenantResult[] => []);
  for (const tenant of written)
    settled[Math.min(STRETCHES - 1, Math.floor((endOf(tenant) / span) * STRETCHES))]?.push(tenant);
  const most = Math.max(...settled.map(({ length }) => length));
  const rects = settled.flatMap((column, at) => {
    const time = `${spokenDuration((at * span) / STRETCHES)} to ${spokenDuration(((at + 1) * span) / STRETCHES)}`;
    let y = HEIGHT;
    return countBy(column, "outcome").map(({ shown, count }) => {
      const height = (count / most) * HEIGHT;
      y -= height;
      const place = `x="${(at * WIDTH) / STRETCHES}" y="${y.toFixed(1)}" width="7" height="${height.toFixed(1)}"`;
      const title = `${time}: ${counted(count, "tenant")} ${SIGNS[shown].word}`;
      return `<rect class="${SIGNS[shown].tone}" ${place}><title>${title}</title></rect>`;
    });
  });
  return rects.join("");
}
