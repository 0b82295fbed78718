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
    from === undefined ? '<b class="badge">source task</b>' : `<span class="badge">copy of ${escapeHtml(from)}</span>`;
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
      `<tr><td><code>${qlikAppId}</code></td><td><span aria-hidden="true">→ </span><code>${newQlikAppId}</code></td></tr>`,
  );
  const list =
    rows.length === 0
      ? "<p>No mapping: this report reads the app that it was built on.</p>"
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

/** The reader's own colours, light or dark. */
const STYLE = `
:root { color-scheme: light dark; background: Canvas; color: CanvasText; }
body { margin: 0 auto; max-width: 62rem; padding: 2rem 1.25rem; font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
section { border: 1px solid; border-radius: .6rem; padding: 1rem 1.25rem; margin-bottom: 1rem; }
.head, nav { display: flex; flex-wrap: wrap; align-items: center; gap: .4rem 1rem; }
.head form { margin-left: auto; }
h2, h3, h4, article p { margin: 0; font-size: 1rem; }
h2 { font-size: 1.2rem; }
h4, .badge, .meta, article p, table { font-size: .85rem; }
article { border-top: 1px dotted; padding: .6rem 0; }
.wide { overflow-x: auto; }
th, td { padding-right: 1rem; text-align: left; white-space: nowrap; }
:focus-visible { outline: 2px solid; outline-offset: 2px; }
`;
