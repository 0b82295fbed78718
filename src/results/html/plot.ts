import { counted, OUTCOMES_TO_READ, SIGNS, spokenDuration } from "../../reporter/look.js";
import type { Outcome, TenantResult } from "../../shared/outcome.js";
import { escapeHtml } from "../../shared/text-safety.js";

interface Write {
  readonly tenant: string;
  readonly outcome: Outcome;
  readonly start: number;
  readonly end: number;
}

interface Box {
  readonly outcome: Outcome;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly title: string;
}

const WIDTH = 1000;
/** More writes than this, or more at once, are drawn as counts over time: single bars could not be told apart. */
const MOST_BARS = 1500;
const MOST_LANES = 64;
const COLUMNS = 120;
const COLUMNS_HEIGHT = 180;

/** The run as a plot over time, as one section; nothing where nothing was sent. */
export function plotSection(tenants: readonly TenantResult[]): string {
  const writes = tenants
    .flatMap(({ tenant, outcome, startedMs: start, durationMs }): Write[] =>
      start === undefined ? [] : [{ tenant, outcome, start, end: start + durationMs }],
    )
    .sort((a, b) => a.start - b.start);
  if (writes.length === 0) return "";
  const span = writes.reduce((latest, { end }) => Math.max(latest, end), 1);
  const bars = writes.length > MOST_BARS ? undefined : barsOf(writes, span);
  const boxes = bars ?? columnsOf(writes, span);
  const how =
    bars === undefined
      ? "Each column is how many tenants were settled in that stretch of time."
      : "Each bar is one tenant, from its first write to its end; bars above each other were in flight together.";
  const summary = summaryOf(writes, span);
  const outcomes = OUTCOMES_TO_READ.filter((outcome) => writes.some((write) => write.outcome === outcome));
  const legend = outcomes.map((outcome) => `<li class="${SIGNS[outcome].tone}">${SIGNS[outcome].word}</li>`);
  return `<section class="card" aria-labelledby="h-time"><h2 id="h-time">The run over time</h2>
<p class="soft lead">${summary} ${how}</p>${svg(boxes, span, summary)}<ul class="legend soft">${legend.join("")}</ul></section>`;
}

/** Each write in the first lane that is free; nothing where there are too many lanes. */
function barsOf(writes: readonly Write[], span: number): readonly Box[] | undefined {
  const freeAt: number[] = [];
  const lanes = writes.map(({ start, end }) => {
    const free = freeAt.findIndex((until) => until <= start);
    const lane = free < 0 ? freeAt.length : free;
    freeAt[lane] = end;
    return lane;
  });
  if (freeAt.length > MOST_LANES) return undefined;
  const pitch = freeAt.length > 24 ? 7 : freeAt.length > 8 ? 11 : 16;
  return writes.map(({ tenant, outcome, start, end }, at) => ({
    outcome,
    x: (start / span) * WIDTH,
    y: (lanes[at] ?? 0) * pitch,
    width: Math.max(1.5, ((end - start) / span) * WIDTH - 0.5),
    height: pitch - 2,
    title: `${tenant}: ${SIGNS[outcome].word}, ${spokenDuration(end - start)}, from ${spokenDuration(start)}`,
  }));
}

/** How many tenants were settled in each stretch of time, one outcome above the other. */
function columnsOf(writes: readonly Write[], span: number): readonly Box[] {
  const columns = Array.from({ length: COLUMNS }, (): Write[] => []);
  for (const write of writes) columns[Math.min(COLUMNS - 1, Math.floor((write.end / span) * COLUMNS))]?.push(write);
  const most = Math.max(...columns.map(({ length }) => length));
  const width = WIDTH / COLUMNS;
  return columns.flatMap((column, at) => {
    const time = `${spokenDuration((at * span) / COLUMNS)} to ${spokenDuration(((at + 1) * span) / COLUMNS)}`;
    let y = COLUMNS_HEIGHT;
    return OUTCOMES_TO_READ.flatMap((outcome) => {
      const count = column.filter((write) => write.outcome === outcome).length;
      const height = (count / most) * COLUMNS_HEIGHT;
      y -= height;
      const title = `${time}: ${counted(count, "tenant")} ${SIGNS[outcome].word}`;
      return count === 0 ? [] : [{ outcome, x: at * width, y, width: width - 1, height, title }];
    });
  });
}

function svg(boxes: readonly Box[], span: number, label: string): string {
  const bottom = boxes.reduce((lowest, { y, height }) => Math.max(lowest, y + height), 0);
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((part) => {
    const x = part * WIDTH;
    const anchor = part === 0 ? "start" : part === 1 ? "end" : "middle";
    const text = `<text x="${x}" y="${bottom + 16}" text-anchor="${anchor}">${spokenDuration(part * span)}</text>`;
    return `<line x1="${x}" x2="${x}" y1="0" y2="${bottom}"/>${text}`;
  });
  const rects = boxes.map(({ outcome, x, y, width, height, title }) => {
    const place = `x="${x.toFixed(1)}" y="${y.toFixed(1)}" width="${width.toFixed(1)}" height="${height.toFixed(1)}"`;
    return `<rect class="${SIGNS[outcome].tone}" ${place}><title>${escapeHtml(title)}</title></rect>`;
  });
  const view = `0 0 ${WIDTH} ${bottom + 22}`;
  return `<svg class="plot" viewBox="${view}" role="img" aria-label="${label}">${ticks.join("")}${rects.join("")}</svg>`;
}

function summaryOf(writes: readonly Write[], span: number): string {
  const times = writes.map(({ start, end }) => end - start).sort((a, b) => a - b);
  const part = (of: number): string =>
    spokenDuration(times[Math.min(times.length - 1, Math.floor(times.length * of))] ?? 0);
  return `${counted(writes.length, "tenant")} written to in ${spokenDuration(span)}; half took at most ${part(0.5)}, 95 % at most ${part(0.95)}, the slowest ${part(1)}.`;
}
