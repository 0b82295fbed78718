import type { Core } from "./core.js";
import { folded, type History, type RunPlan, type ServerProfile } from "./history.js";
import { runOne, type Verdict } from "./run-one.js";

/** How many smaller histories are tried before the smallest found is shown. */
const MOST_TRIES = 1500;

const PLAINEST_SERVER: ServerProfile = {
  list: "full",
  copies: "seen",
  namesTotal: false,
  mappings: "all",
  listsRowsOnce: false,
  hasTaskRoute: true,
  hasReportsRoute: true,
  names: "as-sent",
  reportIds: "both",
  patchWorks: true,
  crossesAnswers: false,
  honoursIdempotencyKey: false,
  breaksItsWord: false,
};

/** The smallest history found that still breaks the same rule: without runs, tenants, acts, options and faults that do not matter. */
export async function shrunk(
  history: History,
  core: Core,
): Promise<{ readonly history: History; readonly verdict: Verdict }> {
  let verdict = await runOne(history, core);
  let best = history;
  let tries = 0;
  const invariant = verdict.violation?.invariant;
  for (let progress = true; progress && tries < MOST_TRIES; ) {
    progress = false;
    for (const candidate of smaller(best, verdict)) {
      if (tries >= MOST_TRIES) break;
      tries += 1;
      const tried = await runOne(candidate, core);
      if (tried.violation?.invariant !== invariant) continue;
      best = candidate;
      verdict = tried;
      progress = true;
      break;
    }
  }
  return { history: best, verdict };
}

function* smaller(history: History, verdict: Verdict): Generator<History> {
  for (let index = history.runs.length - 1; index >= 0; index -= 1)
    if (history.runs.length > 1) yield { ...history, runs: history.runs.filter((_, at) => at !== index) };
  for (const tenant of tenantsOf(history)) {
    const runs = history.runs.map((run) => ({ ...run, rows: run.rows.filter((row) => folded(row.tenant) !== tenant) }));
    if (runs.every((run) => run.rows.length > 0)) yield { ...history, runs };
  }
  if (history.sources > 1 && !history.runs.some((run) => run.rows.some((row) => row.source > 0)))
    yield { ...history, sources: 1 };
  if (history.secondRow) yield { ...history, secondRow: false };
  if (history.reports > 1) yield { ...history, reports: history.reports - 1 };
  for (const name of Object.keys(PLAINEST_SERVER) as (keyof ServerProfile)[])
    if (history.server[name] !== PLAINEST_SERVER[name])
      yield { ...history, server: { ...history.server, [name]: PLAINEST_SERVER[name] } };
  for (const [index, run] of history.runs.entries())
    for (const simpler of simplerRuns(run))
      yield { ...history, runs: history.runs.map((other, at) => (at === index ? simpler : other)) };
  const faults = verdict.faults.filter((fault) => !history.without.includes(fault));
  if (faults.length > 3) {
    const half = Math.ceil(faults.length / 2);
    yield { ...history, without: [...history.without, ...faults.slice(0, half)] };
    yield { ...history, without: [...history.without, ...faults.slice(half)] };
  }
  for (const fault of faults) yield { ...history, without: [...history.without, fault] };
}

const PLAINEST_RUN: Partial<RunPlan> = {
  acts: [],
  limit: undefined,
  only: [],
  adopt: false,
  recreate: false,
  verify: false,
  newLog: false,
  reportId: "row",
  shareApps: false,
  allowUnmapped: false,
  maxFailures: undefined,
  rehearsed: false,
  writeFaults: 0,
  readFaults: 0,
  shortAnswers: 0,
  blind: false,
  crashAt: undefined,
  signalAt: undefined,
  secondSignalAt: undefined,
  logBreaksAt: undefined,
  freeze: undefined,
  concurrency: 1,
  retries: 0,
};

function* simplerRuns(run: RunPlan): Generator<RunPlan> {
  for (const name of Object.keys(PLAINEST_RUN) as (keyof RunPlan)[])
    if (JSON.stringify(run[name]) !== JSON.stringify(PLAINEST_RUN[name])) yield { ...run, [name]: PLAINEST_RUN[name] };
  for (const [index, row] of run.rows.entries()) {
    const plain = { ...row, named: false, second: false, newTaskId: "none" as const, template: "{task} - {tenant}" };
    if (JSON.stringify(plain) !== JSON.stringify(row))
      yield { ...run, rows: run.rows.map((other, at) => (at === index ? plain : other)) };
  }
}

function tenantsOf(history: History): readonly string[] {
  return [...new Set(history.runs.flatMap((run) => run.rows.map((row) => folded(row.tenant))))];
}

/** A failing history as a person reads it, with what to type to see it again. */
export function toldStory(history: History, verdict: Verdict): string {
  return [
    `seed ${history.seed} breaks ${verdict.violation?.invariant}: ${verdict.violation?.message}`,
    `server: ${JSON.stringify(history.server)}; ${history.sources} source(s), ${history.reports} report(s)${history.secondRow ? ", the first on two rows" : ""}, settle ${history.settleMs} ms`,
    ...verdict.story,
    `to see it again: npm run simulate -- --runs 1 --seed ${history.seed}`,
  ].join("\n");
}
