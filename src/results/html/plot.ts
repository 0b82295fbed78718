import { countBy, SIGNS, spokenDuration } from "../../reporter/look.js";
import type { TenantResult } from "../../shared/results.js";
import { counted } from "../../shared/text-safety.js";

const WIDTH = 1000;
const HEIGHT = 160;
const COLUMNS = 120;

/** The run over time, as one section: how many tenants were settled in each stretch of it. Nothing where nothing was sent. */
export function plotSection(tenants: readonly TenantResult[]): string {
  const written = tenants.filter(({ startedMs }) => startedMs !== undefined);
  if (written.length === 0) return "";
  const span = written.reduce((latest, tenant) => Math.max(latest, endOf(tenant)), 1);
  const summary = summaryOf(written, span);
  const legend = countBy(written, "outcome").map(
    ({ shown }) => `<li class="${SIGNS[shown].tone}">${SIGNS[shown].word}</li>`,
  );
  return `<section class="card" aria-labelledby="h-time"><h2 id="h-time">The run over time</h2>
<p class="soft lead">${summary} Each column is how many tenants were settled in that stretch of time.</p>
<svg class="plot" viewBox="0 0 ${WIDTH} ${HEIGHT + 22}" role="img" aria-label="${summary}">${axis(span)}${columns(written, span)}</svg>
<ul class="legend soft">${legend.join("")}</ul></section>`;
}

function endOf({ startedMs = 0, durationMs }: TenantResult): number {
  return startedMs + durationMs;
}

function summaryOf(written: readonly TenantResult[], span: number): string {
  const times = written.map(({ durationMs }) => durationMs).sort((a, b) => a - b);
  const [half, most, all] = [0.5, 0.95, 1].map((part) => {
    const time = times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? 0;
    return spokenDuration(time);
  });
  const what = `${counted(written.length, "tenant")} written to in ${spokenDuration(span)}`;
  return `${what}; half took at most ${half}, 95 % at most ${most}, the slowest ${all}.`;
}

function axis(span: number): string {
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((part) => {
    const x = part * WIDTH;
    const anchor = part === 0 ? "start" : part === 1 ? "end" : "middle";
    const text = `<text x="${x}" y="${HEIGHT + 16}" text-anchor="${anchor}">${spokenDuration(part * span)}</text>`;
    return `<line x1="${x}" x2="${x}" y1="0" y2="${HEIGHT}"/>${text}`;
  });
  return ticks.join("");
}

/** One outcome above the other. */
function columns(written: readonly TenantResult[], span: number): string {
  const settled = Array.from({ length: COLUMNS }, (): TenantResult[] => []);
  for (const tenant of written)
    settled[Math.min(COLUMNS - 1, Math.floor((endOf(tenant) / span) * COLUMNS))]?.push(tenant);
  const most = Math.max(...settled.map(({ length }) => length));
  const rects = settled.flatMap((column, at) => {
    const time = `${spokenDuration((at * span) / COLUMNS)} to ${spokenDuration(((at + 1) * span) / COLUMNS)}`;
    let y = HEIGHT;
    return countBy(column, "outcome").map(({ shown, count }) => {
      const height = (count / most) * HEIGHT;
      y -= height;
      const place = `x="${(at * WIDTH) / COLUMNS}" y="${y.toFixed(1)}" width="7" height="${height.toFixed(1)}"`;
      const title = `${time}: ${counted(count, "tenant")} ${SIGNS[shown].word}`;
      return `<rect class="${SIGNS[shown].tone}" ${place}><title>${title}</title></rect>`;
    });
  });
  return rects.join("");
}
