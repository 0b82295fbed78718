import { createHash } from "node:crypto";
import { counted, spokenDuration } from "../../reporter/look.js";
import { placeOf } from "../../reporter/problem-lines.js";
import { groupCount, groupTroubles, sharedTrouble, type TenantGroup, troubleOf } from "../../reporter/tenant-groups.js";
import { verdictOf } from "../../reporter/verdict.js";
import type { RunResult } from "../../shared/outcome.js";
import type { ExitCode, Problem } from "../../shared/problems.js";
import { escapeHtml } from "../../shared/text-safety.js";
import { plotSection } from "./plot.js";
import { rowsJson, staticTable, tallies } from "./rows.js";
import { HTML_SCRIPT } from "./script.js";
import { HTML_STYLE } from "./style.js";

const EXIT_MEANINGS: Readonly<Record<ExitCode, string>> = {
  0: "everything asked for is done",
  1: "a defect in the program",
  2: "usage, configuration or manifest wrong; nothing was written to the server",
  3: "finished, but some tenants failed or are in conflict",
  4: "ended, but some tenants are in doubt",
  5: "the server could not be used; stopped at once",
  6: "the log could not be used",
  7: "refused by a guard; nothing was written to the server",
  10: "changes are pending",
  130: "interrupted (SIGINT)",
  143: "terminated (SIGTERM)",
};

/**
 * The plan or the result as one page for an auditor, in pieces: nothing is loaded from outside, and a content security policy
 * lets only the page's own style and script run. Text from outside is text everywhere.
 */
export function* htmlResultPieces(result: RunResult): Generator<string> {
  yield headHtml(result);
  yield `<body><a class="skip" href="#h-tenants">Skip to the tenants</a><main class="page">`;
  yield titleCard(result);
  yield attentionHtml(result);
  yield countsCard(result);
  yield plotSection(result.tenants);
  yield tenantsCardOpening(result);
  yield* staticTable(result);
  yield `</noscript></section>`;
  yield footCard(result);
  yield `</main><script type="application/json" id="rows">${rowsJson(result)}</script>`;
  yield `<script>${HTML_SCRIPT}</script></body></html>\n`;
}

/** {@link htmlResultPieces} as one text. */
export function htmlResult(result: RunResult): string {
  return [...htmlResultPieces(result)].join("");
}

function sha256(text: string): string {
  return `'sha256-${createHash("sha256").update(text, "utf8").digest("base64")}'`;
}

function headHtml(result: RunResult): string {
  const policy = `default-src 'none'; style-src ${sha256(HTML_STYLE)}; script-src ${sha256(HTML_SCRIPT)}; base-uri 'none'; form-action 'none'`;
  const title = `${wordOf(result)}: ${result.manifest?.path ?? result.command}`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer">
<title>${escapeHtml(title)}</title><style>${HTML_STYLE}</style></head>
`;
}

function wordOf({ dryRun }: RunResult): string {
  return dryRun ? "Plan" : "Result";
}

function titleCard(result: RunResult): string {
  const verdict = verdictOf(result);
  const took = Date.parse(result.finishedAt) - Date.parse(result.startedAt);
  const { manifest } = result;
  const facts = [
    fact("Server", result.server ?? "none"),
    fact("Started", utc(result.startedAt)),
    fact("Finished", `${utc(result.finishedAt)}${Number.isFinite(took) ? ` (${spokenDuration(took)})` : ""}`),
    fact(
      "Exit code",
      `${result.exitCode}: ${result.dryRun && result.exitCode === 0 ? "the plan is made" : EXIT_MEANINGS[result.exitCode]}`,
    ),
    fact("Run", result.runId, "id"),
    result.log === null
      ? ""
      : `<div><dt>The log’s head</dt><dd><a href="#h-log">sequence number ${result.log.seq}, digest</a></dd></div>`,
    manifest === null ? "" : fact("Manifest, SHA-256", manifest.sha256, "id"),
  ];
  return `<header class="card"><p class="eyebrow">qalyptus-propagate ${escapeHtml(result.command)} · ${result.dryRun ? "plan, nothing was written" : "result"}</p>
<div class="title"><h1><bdi>${escapeHtml(manifest?.path ?? wordOf(result))}</bdi></h1><p class="verdict tint ${verdict.tone}">${escapeHtml(verdict.text)}</p></div>
<dl class="facts">${facts.join("")}</dl></header>`;
}

function fact(title: string, value: string, kind = ""): string {
  return `<div><dt>${title}</dt><dd${kind === "" ? "" : ` class="${kind}"`}><bdi>${escapeHtml(value)}</bdi></dd></div>`;
}

function utc(time: string): string {
  return time.replace("T", " ").replace(/(\.\d+)?Z$/, " UTC");
}

const NOTES_SHOWN = 50;
const TENANTS_OF_A_GROUP = 12;

/** Errors and warnings first, then the tenants that need a person, by code. */
function attentionHtml(result: RunResult): string {
  const groups = groupTroubles(result.tenants);
  return (
    notesCard(
      "h-errors",
      "Errors",
      result.errors.map((error) => problemNote(error, "bad")),
    ) +
    notesCard(
      "h-warnings",
      "Warnings",
      result.warnings.map((warning) => problemNote(warning, "change")),
    ) +
    notesCard("h-troubles", "Needs a person", groups.map(groupNote))
  );
}

function notesCard(id: string, title: string, notes: readonly string[]): string {
  if (notes.length === 0) return "";
  const rest = notes.slice(NOTES_SHOWN);
  const more =
    rest.length === 0
      ? ""
      : `<details><summary>${rest.length} more</summary><ul class="notes">${rest.join("")}</ul></details>`;
  return `<section class="card" aria-labelledby="${id}"><h2 id="${id}">${title}</h2><ul class="notes">${notes.slice(0, NOTES_SHOWN).join("")}</ul>${more}</section>`;
}

function problemNote(problem: Problem, tone: string): string {
  const place = placeOf(problem);
  const at = place === "" ? "" : `<p class="at">${escapeHtml(place)}</p>`;
  return `<li class="note ${tone}"><h3>${escapeHtml(problem.code)}</h3><p><bdi>${escapeHtml(problem.message)}</bdi></p>${at}${hintHtml(problem.hint)}</li>`;
}

function hintHtml(hint: string | undefined): string {
  return hint === undefined ? "" : `<p class="hint">${escapeHtml(hint)}</p>`;
}

function groupNote(group: TenantGroup): string {
  const tone = group.outcome === "failed" ? "bad" : "doubt";
  const title = `<h3>${escapeHtml(group.code)}: ${groupCount(group)}</h3>`;
  const shared = sharedTrouble(group);
  const shown = group.tenants.slice(0, TENANTS_OF_A_GROUP).map((tenant) => {
    const { message, hint } = troubleOf(tenant);
    const own = shared === undefined ? `: <bdi>${escapeHtml(message)}</bdi>${hintHtml(hint)}` : "";
    return `<li><b><bdi>${escapeHtml(tenant.tenant)}</bdi></b>${own}</li>`;
  });
  const more = group.tenants.length - shown.length;
  const rest =
    more > 0 ? `<li>and ${counted(more, "more tenant")}: search the list below for ${escapeHtml(group.code)}</li>` : "";
  const list = `<ul${shared === undefined ? "" : ` class="names"`}>${shown.join("")}${rest}</ul>`;
  if (shared === undefined) return `<li class="note ${tone}">${title}${list}</li>`;
  return `<li class="note ${tone}">${title}<p><bdi>${escapeHtml(shared.message)}</bdi></p>${list}${hintHtml(shared.hint)}</li>`;
}

const BAR_WIDTH = 1000;

/** `1 tenant`, `3,000 tenants`. */
function numbered(count: number, one: string): string {
  return `${count.toLocaleString("en")} ${count === 1 ? one : `${one}s`}`;
}

function countsCard(result: RunResult): string {
  if (result.tenants.length === 0) return "";
  const { actions, outcomes } = tallies(result);
  const tiles = (result.dryRun ? actions : outcomes).map(
    ({ tag, count }) =>
      `<li class="tile ${tag.tone}${count === 0 ? " none" : ""}"><b>${count.toLocaleString("en")}</b><span>${tag.word}</span></li>`,
  );
  let x = 0;
  const bars = actions.map(({ tag, count }) => {
    const width = (count / result.tenants.length) * BAR_WIDTH;
    const bar = `<rect class="${tag.tone}" x="${x.toFixed(1)}" y="0" width="${Math.max(1, width - 2).toFixed(1)}" height="14" rx="3"><title>${count} ${tag.word}</title></rect>`;
    x += width;
    return bar;
  });
  const legend = actions.map(
    ({ tag, count }) =>
      `<li class="${tag.tone}"><i></i>${tag.symbol} ${tag.word} <b>${count.toLocaleString("en")}</b></li>`,
  );
  const label = actions.map(({ tag, count }) => `${count} ${tag.word}`).join(", ");
  return `<section class="card" aria-labelledby="h-counts"><h2 id="h-counts">${numbered(result.tenants.length, "tenant")}</h2><ul class="tiles">${tiles.join("")}</ul>
<svg class="bar" viewBox="0 0 ${BAR_WIDTH} 14" role="img" aria-label="By action: ${label}">${bars.join("")}</svg><ul class="legend">${legend.join("")}</ul></section>`;
}

const COLUMNS: readonly { readonly title: string; readonly key?: string; readonly kind?: string }[] = [
  { title: "Tenant", key: "tenant" },
  { title: "Action", key: "action" },
  { title: "Outcome", key: "outcome" },
  { title: "Copy", key: "name" },
  { title: "Why" },
  { title: "Verified", key: "verified" },
  { title: "Took", key: "durationMs", kind: "num" },
];

function tenantsCardOpening(result: RunResult): string {
  const heads = COLUMNS.map(({ title, key, kind }) => {
    const inner = key === undefined ? title : `<button type="button" class="sort" data-key="${key}">${title}</button>`;
    return `<th scope="col"${kind === undefined ? "" : ` class="${kind}"`}>${inner}</th>`;
  });
  const claim = result.dryRun
    ? "What a run would do for each tenant. Open a tenant to see its mappings as the server's read-only list shows them."
    : "Open a tenant to see its mappings as the server's read-only list shows them, what was sent and when. Only where “Verified” says yes were the mappings read back from the server.";
  return `<section class="card" aria-labelledby="h-tenants"><h2 id="h-tenants" tabindex="-1">Tenants</h2><p class="lead">${claim}</p>
<div class="tools" id="tools" hidden><div class="search"><input id="search" type="search" aria-label="Search the tenants" placeholder="Search tenant, name, ID, reason … ( / )" autocomplete="off" spellcheck="false"><button type="button" class="plain" id="open-all" aria-pressed="false">Open all mappings</button><span class="shown" id="shown" role="status"></span></div>
<div class="chips" id="outcome-chips" role="group" aria-label="Filter by outcome"></div><div class="chips" id="action-chips" role="group" aria-label="Filter by action"></div></div>
<div id="tenants" hidden><div class="scroll"><table class="tenants"><caption class="vh">Tenants with action, outcome, copy and reason</caption><thead><tr>${heads.join("")}</tr></thead><tbody id="tenant-rows"></tbody></table></div><p class="centre"><button type="button" class="plain" id="more-rows" hidden></button></p></div>
<noscript>`;
}

function footCard({ log, runId }: RunResult): string {
  const head =
    log === null
      ? "<p>There is no idempotency log.</p>"
      : `<dl class="facts">${fact("Idempotency log", log.path)}${fact("Sequence number", String(log.seq))}<div class="wide"><dt>Digest</dt><dd class="id">${escapeHtml(log.digest)}</dd></div></dl>`;
  return `<footer class="card foot" aria-labelledby="h-log"><h2 id="h-log" tabindex="-1">The log’s head</h2><p>Keep it: the next result’s log must have a sequence number no smaller than this one, and the record of this number must have this digest. Lines cut from a log’s end show only so.</p>${head}<p class="vh">Run ${escapeHtml(runId)}</p></footer>`;
}
