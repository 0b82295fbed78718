import { counted, OUTCOME_WORDS, OUTCOMES_TO_READ, spokenDuration } from "../../reporter/look.js";
import type { Outcome, TenantResult } from "../../shared/outcome.js";
import { escapeHtml } from "../../shared/text-safety.js";

/** The style sheet's tone of each outcome. */
export const OUTCOME_TONES: Readonly<Record<Outcome, string>> = {
  succeeded: "good",
  failed: "bad",
  "in-doubt": "doubt",
  planned: "plan",
  skipped: "mute",
};

interface Write {
  readonly tenant: TenantResult;
  readonly start: number;
  readonly end: number;
}

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly tone: string;
  readonly title: string;
}

const WIDTH = 1000;
const LEFT = 44;
/** More writes than this are drawn as counts over time: single bars could not be told apart. */
const MOST_BARS = 1500;
const MOST_LANES = 64;

/** The run as a plot over time, as one section; nothing where nothing was sent. */
export function plotSection(tenants: readonly TenantResult[]): string {
  const writes = writesOf(tenants);
  if (writes.length === 0) return "";
  const lanes = writes.length > MOST_BARS ? undefined : laneBoxes(writes);
  const summary = summaryOf(writes);
  const how =
    lanes === undefined
      ? "Each column is how many tenants were settled in that stretch of time."
      : "Each bar is one tenant, from its first write to its end; bars above each other were in flight together.";
  const drawing =
    lanes === undefined ? columnsOf(writes) : svg(lanes.boxes, { height: lanes.height, writes, mark: "" });
  const tones = OUTCOMES_TO_READ.filter((outcome) => writes.some(({ tenant }) => tenant.outcome === outcome));
  const legend = tones.map((outcome) => `<li class="${OUTCOME_TONES[outcome]}"><i></i>${OUTCOME_WORDS[outcome]}</li>`);
  return `<section class="card" aria-labelledby="h-time"><h2 id="h-time">The run over time</h2><p class="lead">${escapeHtml(`${summary} ${how}`)}</p>${drawing}<ul class="legend">${legend.join("")}</ul></section>`;
}

function writesOf(tenants: readonly TenantResult[]): readonly Write[] {
  return tenants
    .flatMap((tenant) =>
      tenant.startedMs === undefined
        ? []
        : [{ tenant, start: tenant.startedMs, end: tenant.startedMs + Math.max(0, tenant.durationMs) }],
    )
    .sort((a, b) => a.start - b.start);
}

function endOf(writes: readonly Write[]): number {
  return writes.reduce((latest, { end }) => Math.max(latest, end), 1);
}

function laneBoxes(writes: readonly Write[]): { readonly boxes: readonly Box[]; readonly height: number } | undefined {
  const span = endOf(writes);
  const freeAt: number[] = [];
  const placed = writes.map((write) => {
    const free = freeAt.findIndex((end) => end <= write.start);
    const lane = free < 0 ? freeAt.length : free;
    freeAt[lane] = write.end;
    return { write, lane };
  });
  if (freeAt.length > MOST_LANES) return undefined;
  const pitch = freeAt.length > 24 ? 7 : freeAt.length > 8 ? 11 : 16;
  const scale = (WIDTH - LEFT) / span;
  const boxes = placed.map(({ write: { tenant, start, end }, lane }) => ({
    x: LEFT + start * scale,
    y: lane * pitch,
    width: Math.max(1.5, (end - start) * scale - 0.5),
    height: pitch - 2,
    tone: OUTCOME_TONES[tenant.outcome],
    title: `${tenant.tenant}: ${OUTCOME_WORDS[tenant.outcome]}, ${spokenDuration(end - start)}, from ${spokenDuration(start)}`,
  }));
  return { boxes, height: freeAt.length * pitch };
}

const COLUMNS = 120;
const COLUMNS_HEIGHT = 180;

function columnsOf(writes: readonly Write[]): string {
  const span = endOf(writes);
  const counts = Array.from({ length: COLUMNS }, () => new Map<Outcome, number>());
  for (const { tenant, end } of writes) {
    const column = counts[Math.min(COLUMNS - 1, Math.floor((end / span) * COLUMNS))];
    column?.set(tenant.outcome, (column.get(tenant.outcome) ?? 0) + 1);
  }
  const most = Math.max(1, ...counts.map((column) => [...column.values()].reduce((sum, count) => sum + count, 0)));
  const boxes = counts.flatMap((column, at) => columnBoxes(column, { at, most, span }));
  return svg(boxes, { height: COLUMNS_HEIGHT, writes, mark: String(most) });
}

function columnBoxes(
  column: ReadonlyMap<Outcome, number>,
  { at, most, span }: { readonly at: number; readonly most: number; readonly span: number },
): readonly Box[] {
  const width = (WIDTH - LEFT) / COLUMNS;
  const time = `${spokenDuration((at * span) / COLUMNS)} to ${spokenDuration(((at + 1) * span) / COLUMNS)}`;
  let top = COLUMNS_HEIGHT;
  return OUTCOMES_TO_READ.filter((outcome) => column.has(outcome)).map((outcome) => {
    const count = column.get(outcome) ?? 0;
    const height = (count / most) * COLUMNS_HEIGHT;
    top -= height;
    const title = `${time}: ${counted(count, "tenant")} ${OUTCOME_WORDS[outcome]}`;
    return { x: LEFT + at * width, y: top, width: width - 1, height, tone: OUTCOME_TONES[outcome], title };
  });
}

interface Frame {
  readonly height: number;
  readonly writes: readonly Write[];
  /** The value at the top of the vertical axis; empty where it has none. */
  readonly mark: string;
}

function svg(boxes: readonly Box[], { height, writes, mark }: Frame): string {
  const span = endOf(writes);
  const step = niceStep(span / 8);
  const ticks: string[] = [];
  for (let at = 0; at <= span; at += step) {
    const x = round(LEFT + (at * (WIDTH - LEFT)) / span);
    ticks.push(`<line class="grid" x1="${x}" x2="${x}" y1="0" y2="${height}"/>`);
    const anchor = x > WIDTH - 30 ? "end" : "middle";
    ticks.push(
      `<text x="${x}" y="${height + 16}" text-anchor="${anchor}">${at === 0 ? "0" : spokenDuration(at)}</text>`,
    );
  }
  const top = mark === "" ? "" : `<text x="${LEFT - 8}" y="10" text-anchor="end">${mark}</text>`;
  const bars = boxes.map(
    ({ x, y, width, height: tall, tone, title }) =>
      `<rect class="${tone}" x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(tall)}"><title>${escapeHtml(title)}</title></rect>`,
  );
  const label = escapeHtml(summaryOf(writes));
  return `<svg class="plot" viewBox="0 0 ${WIDTH} ${height + 22}" role="img" aria-label="${label}">${ticks.join("")}${top}${bars.join("")}</svg>`;
}

function summaryOf(writes: readonly Write[]): string {
  const times = writes.map(({ start, end }) => end - start).sort((a, b) => a - b);
  const quantile = (part: number): number => times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? 0;
  const span = spokenDuration(endOf(writes));
  return `${counted(writes.length, "tenant")} written to in ${span}; half took at most ${spokenDuration(quantile(0.5))}, 95 % at most ${spokenDuration(quantile(0.95))}, the slowest ${spokenDuration(times.at(-1) ?? 0)}.`;
}

/** The next of 1, 2, 5, 10, 20 … milliseconds; whole seconds and minutes above. */
function niceStep(ms: number): number {
  const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 18e5, 36e5];
  return steps.find((step) => step >= ms) ?? Math.ceil(ms / 36e5) * 36e5;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
