import { counted, escapeHtml } from "../shared/text-safety.js";
import { contentOf, type SandboxTask, type StoredReport } from "./store.js";

const TASKS_A_PAGE = 50;

/** The sandbox's own page: its tasks, and for each report the read-only list of source → target app IDs. */
export function sandboxPage(tasks: readonly SandboxTask[], query: URLSearchParams): string {
  const pages = Math.max(1, Math.ceil(tasks.length / TASKS_A_PAGE));
  const page = Math.min(pages, Math.max(1, Math.floor(Number(query.get("page")) || 1)));
  const shown = tasks.slice((page - 1) * TASKS_A_PAGE, page * TASKS_A_PAGE);
  const names = new Map(tasks.map((task) => [task.id, task.name]));
  const copies = tasks.filter((task) => task.copyOf !== null).length;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Qalyptus sandbox</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>Qalyptus sandbox</h1>
<p>A local stand-in for a Qalyptus server. ${counted(tasks.length - copies, "source task")}, ${counted(copies, "copy", "copies")}.</p>
</header>
<main>
${shown.map((task) => taskSection(task, names)).join("\n")}
</main>
${pageLinks(page, pages)}
</body>
</html>
`;
}

function taskSection(task: SandboxTask, names: ReadonlyMap<string, string>): string {
  const from = task.copyOf === null ? undefined : (names.get(task.copyOf) ?? task.copyOf);
  const origin =
    from === undefined
      ? '<span class="badge source">source task</span>'
      : `<span class="badge">copy of ${escapeHtml(from)}</span>`;
  return `<section aria-labelledby="t-${task.id}">
<div class="head">
<h2 id="t-${task.id}">${escapeHtml(task.name)}</h2>${origin}
<form method="post" action="/sandbox/tasks/${task.id}/run"><button aria-label="Run this task: ${escapeHtml(task.name)}">Run this task</button></form>
</div>
<p class="meta"><code>${task.id}</code> ${startedBy(task)}</p>
<div class="reports">
${task.reports.map((report) => reportBlock(task, report)).join("\n")}
</div>
</section>`;
}

function startedBy(task: SandboxTask): string {
  const active = task.origin.triggers.filter((trigger) => trigger.isActive);
  const when = active.length === 0 ? "no trigger" : active.map((trigger) => escapeHtml(trigger.name)).join(", ");
  return `· ${when} · ${counted(task.origin.recipients.length, "recipient")}`;
}

function reportBlock(task: SandboxTask, report: StoredReport): string {
  // IDs are GUIDs: the store takes no others.
  const rows = report.mappings.map(
    ({ qlikAppId, newQlikAppId }) =>
      `<tr><td><code>${qlikAppId}</code></td><td><span class="to" aria-hidden="true">→ </span><code>${newQlikAppId}</code></td></tr>`,
  );
  const list =
    rows.length === 0
      ? '<p class="none">No mapping: this report reads the app that it was built on.</p>'
      : `<div class="wide"><table>
<thead><tr><th scope="col">Source app</th><th scope="col">Target app</th></tr></thead>
<tbody>
${rows.join("\n")}
</tbody></table></div>`;
  return `<article>
<h3>${escapeHtml(contentOf(task, report).name)}</h3>
<h4>Overwrite Report Apps</h4>
${list}
</article>`;
}

function pageLinks(page: number, pages: number): string {
  if (pages === 1) return "";
  const link = (to: number, text: string): string => (to < 1 || to > pages ? "" : `<a href="/?page=${to}">${text}</a>`);
  return `<nav aria-label="Pages">${link(page - 1, "← Earlier tasks")}<span>Page ${page} of ${pages}</span>${link(page + 1, "Later tasks →")}</nav>`;
}

const STYLE = `
:root { color-scheme: light dark; --ground: #f5f6f8; --card: #fff; --ink: #1d232b; --soft: #5b6673; --line: #dde1e7; --accent: #0b6b53; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #14171b; --card: #1d2126; --ink: #e7eaee; --soft: #9ea8b4; --line: #323941; --accent: #5fcfae; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 2rem 1.25rem 4rem; background: var(--ground); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.5rem; }
header p, .meta, .none { color: var(--soft); }
header p { margin: .25rem 0 1.75rem; }
section { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem 1.25rem; margin-bottom: 1rem; }
.head { display: flex; flex-wrap: wrap; align-items: center; gap: .4rem .75rem; }
.head form { margin-left: auto; }
h2 { margin: 0; font-size: 1.1rem; overflow-wrap: anywhere; }
.badge { border: 1px solid var(--line); border-radius: 1rem; padding: 0 .6rem; font-size: .8rem; color: var(--soft); overflow-wrap: anywhere; }
.badge.source { border-color: var(--accent); color: var(--accent); }
.meta { margin: .2rem 0 .75rem; font-size: .85rem; }
article { border-top: 1px solid var(--line); padding: .6rem 0; }
h3 { margin: 0; font-size: .95rem; }
h4 { margin: .1rem 0 .25rem; font-size: .75rem; font-weight: 600; color: var(--soft); }
.none { margin: 0; font-size: .85rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .85rem; }
th { text-align: left; font-weight: 600; color: var(--soft); }
th, td { padding: .15rem 1rem .15rem 0; white-space: nowrap; }
.to { color: var(--accent); }
code { font: .85em ui-monospace, Menlo, Consolas, monospace; }
button { font: inherit; font-size: .85rem; padding: .25rem .75rem; border: 1px solid var(--line); border-radius: .4rem; background: transparent; color: var(--accent); cursor: pointer; }
button:hover { border-color: var(--accent); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
nav { display: flex; justify-content: center; gap: 1.25rem; color: var(--soft); }
a { color: var(--accent); }
`;
