/** What the sandbox shows besides the API: its page, and what running a task would read. */
import { counted, escapeHtml } from "../shared/text-safety.js";
import { contentOf, type SandboxTask } from "./store.js";
import type { AppReader } from "./world.js";

/** The sandbox's own page: its tasks, and which app each report reads instead of which. It loads nothing and runs nothing. */
export function sandboxPage(tasks: readonly SandboxTask[]): string {
  const names = new Map(tasks.map((task) => [task.id, task.name]));
  const copies = tasks.filter((task) => task.copyOf !== null).length;
  const sections = tasks.map((task) => {
    const kind = task.copyOf === null ? "source task" : `copy of ${names.get(task.copyOf) ?? task.copyOf}`;
    const rows = task.reports.flatMap((report) => {
      const head = `<tr><th scope="row">${escapeHtml(contentOf(task, report).name)}</th>`;
      if (report.mappings.length === 0) return `${head}<td colspan="2">reads the app that it was built on</td></tr>`;
      return report.mappings.map((swap) => `${head}<td>${swap.qlikAppId}</td><td>→ ${swap.newQlikAppId}</td></tr>`);
    });
    return `<section aria-labelledby="t-${task.id}">
<h2 id="t-${task.id}">${escapeHtml(task.name)}</h2><p>${task.id} · ${escapeHtml(kind)}</p>
<table><caption>Overwrite Report Apps</caption>
<thead><tr><th scope="col">Report</th><th scope="col">Source app</th><th scope="col">Target app</th></tr></thead>
<tbody>${rows.join("\n")}</tbody></table>
</section>`;
  });
  return `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Qalyptus sandbox</title><style>
:root { color-scheme: light dark; background: Canvas; color: CanvasText; }
body { margin: 0 auto; max-width: 62rem; padding: 1rem; font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
th, td { padding-right: 1rem; text-align: left; }
</style></head><body><main><h1>Qalyptus sandbox</h1>
<p>A local stand-in for a Qalyptus server. ${counted(tasks.length - copies, "source task")}, ${counted(copies, "copy", "copies")}.</p>
${sections.join("\n")}
</main></body></html>
`;
}

/** What running a task would generate, and from which apps. */
export type TaskRun = ReturnType<typeof runTask>;

/**
 * Runs a task as the vendor's page describes it: where a report has mappings, the original app's ID is replaced by
 * `NewQlikAppId` in all its connections, filters and conditions. Each is replaced once: mappings do not chain.
 */
export function runTask(task: SandboxTask) {
  const reports = task.reports.map((report) => {
    const content = contentOf(task, report);
    const targets = new Map(report.mappings.map((swap) => [swap.qlikAppId, swap.newQlikAppId]));
    const substitute = ({ name, appId }: AppReader) => ({
      name,
      originalAppId: appId,
      readsAppId: targets.get(appId) ?? appId,
      replaced: targets.has(appId),
    });
    const connections = content.connections.map(substitute);
    const filters = content.filters.map(substitute);
    const conditions = content.conditions.map(substitute);
    /** Every app that the report's figures come from, each once. */
    const readsApps = [...new Set([...connections, ...filters, ...conditions].map((reader) => reader.readsAppId))];
    const shown = { id: report.rowId, reportID: report.reportId, name: content.name };
    return { ...shown, overwriteReportApps: report.mappings, connections, filters, conditions, readsApps };
  });
  return { taskId: task.id, name: task.name, reports };
}
