import { isDeepStrictEqual } from "node:util";
import pLimit from "p-limit";
import type { Recorder } from "../log/port.js";
import type { LogEntry, ObservedRecord } from "../log/records.js";
import { countRows, lackingReports, type RowCounts, shownReports, type TenantState } from "../log/tenant-state.js";
import type { Reading, TaskReader } from "../server/ports.js";
import { hintOf } from "../shared/hints.js";
import { addTo, type ReportId, type TaskId, type TenantKey, type TenantRef } from "../shared/ids.js";
import { type Problem, problem } from "../shared/problems.js";
import type { TenantError } from "../shared/results.js";
import { byReport, sameSwaps, type TaskReport } from "../shared/tasks.js";
import type { Clock } from "../shared/time.js";
import { appsInForce, type InForce, type Named, resolveCommand } from "./conflicts.js";
import type { PlanEntry, Wanted } from "./desired.js";
import type { Observation } from "./observe.js";

/** A copy's reports. `lacks`: an answer, given twice, that lacks what the copy was made with: it is none. */
export type CopyReading =
  | Reading<readonly TaskReport[]>
  | { readonly kind: "lacks"; readonly reports: readonly ReportId[] };

/** Reads a copy's reports; where the answer is empty, or lacks a report or a row that the copy was made with, once more. */
export async function readCopy(
  reader: TaskReader,
  id: TaskId,
  originalRows: RowCounts | undefined,
): Promise<CopyReading> {
  for (let tries = 1; ; tries += 1) {
    const reading = await reader.readReports(id);
    if (reading.kind !== "read") return reading;
    const shown = countRows(reading.value);
    const reports = lackingReports(shown, originalRows ?? new Map());
    if (reports.length === 0 && shown.size > 0) return reading;
    if (tries === 2) return { kind: "lacks", reports };
  }
}

/** What is told of a copy that shows less than it was made with: nothing that is known of it is forgotten, no app becomes free. */
export function copyLacks(copy: Named & { readonly newTaskId: TaskId }, reports: readonly ReportId[]): TenantError {
  const lacks =
    reports.length === 0 ? "no report at all" : `not all of its rows: of ${reports.join(", ")} some are missing`;
  const message = `the copy ${copy.newTaskId} was read twice and shows ${lacks}; what is known of it stays as it is`;
  const hint = hintOf(
    "Look at the copy on the server; the API key's role may see too little. Where a report was taken out of it on purpose:",
    resolveCommand(copy, "--task-id", copy.newTaskId),
  );
  return problem("COPY_LACKS_REPORT", message, { hint });
}

/** What `--verify` tells of a copy that it could not read: whatever an earlier run saw, nothing is claimed. */
export function notVerified(newTaskId: TaskId, why: string): TenantError {
  return problem("NOT_VERIFIED", `the copy ${newTaskId} could not be read, so that nothing shows what it maps: ${why}`);
}

/** Told once for each source task whose copies' mappings the server does not show. */
export function mappingsNotShown(newTaskId: TaskId, tenant: string): Problem {
  const hint = `Look at one copy by hand: task ${newTaskId} > Report > Overwrite Report Apps`;
  const message = "the server does not show a copy's mappings, so nothing here is claimed as verified";
  return problem("MAPPINGS_NOT_SHOWN", message, { hint, tenant });
}

/**
 * What reading a copy's reports says of its mappings, held against what it should have: shown for every report that matters, and equal;
 * shown, and different in these reports; not shown (all or some), and nothing that is shown differs.
 */
export type ReadBack =
  | { readonly kind: "equal" | "not-shown" }
  | { readonly kind: "different"; readonly reports: readonly ReportId[] };

/**
 * Holds what a copy shows against what it should have; a report that should have no mapping must show none. `mustShow`: how many rows
 * of each report it has to show, for a row that is not listed may map anything; `undefined`: nobody knows, and nothing is claimed.
 */
export function holdAgainst(shown: readonly TaskReport[], wanted: Wanted, mustShow: RowCounts | undefined): ReadBack {
  const expected = byReport(wanted.mappings);
  const different = new Set<ReportId>();
  const rows = countRows(shown);
  let hidden = mustShow === undefined || lackingReports(rows, mustShow).length > 0;
  for (const report of shown) {
    if (report.mappings === undefined) hidden = true;
    else if (!sameSwaps(report.mappings, expected.get(report.reportId) ?? [])) different.add(report.reportId);
  }
  for (const reportId of expected.keys()) if (!rows.has(reportId)) hidden = true;
  if (different.size > 0) return { kind: "different", reports: [...different] };
  return { kind: hidden ? "not-shown" : "equal" };
}

/** What a copy shows, held against what it should have; and the record of it. Reports whose mappings are not shown stay as they are known. */
export function observeCopy(
  { sourceTaskId, key, wanted }: Pick<PlanEntry, "sourceTaskId" | "key" | "wanted">,
  newTaskId: TaskId,
  shown: readonly TaskReport[],
  mustShow: RowCounts | undefined,
  clock: Pick<Clock, "now">,
): { readonly back: ReadBack; readonly record: ObservedRecord } {
  const back = holdAgainst(shown, wanted, mustShow);
  const verified = back.kind === "equal";
  return {
    back,
    record: {
      type: "observed",
      sourceTaskId,
      key,
      newTaskId,
      reports: shownReports(shown, mustShow),
      has: shown.map((report) => report.reportId),
      verified,
      ...(verified && { verifiedAt: clock.now().toISOString() }),
    },
  };
}

/** Whether a copy was taken over and nothing that it maps was seen since: its reports could not be read then. */
export function isNeverRead(state: TenantState | undefined): boolean {
  if (state?.copy === undefined || state.copy.gone || state.originalRows !== undefined) return false;
  return [...state.reports.values()].every(({ known }) => known === undefined);
}

/** Reads the mappings of copies that are known before planning (with `--verify` all of them), so that drift made on the server shows. `unread`: copies that could not be read, or not wholly, and why. */
export async function readKnownCopies(
  { reader, observation }: { readonly reader: TaskReader; readonly observation: Observation },
  request: { readonly recorder: Recorder; readonly clock: Pick<Clock, "now">; readonly concurrency: number },
  entries: readonly PlanEntry[],
): Promise<{ readonly unread: ReadonlyMap<TenantRef, TenantError>; readonly warnings: readonly Problem[] }> {
  const { recorder, clock, concurrency } = request;
  const unread = new Map<TenantRef, TenantError>();
  const news: LogEntry[] = [];
  /** Verified as before. One record for all copies of a source task: one for each would make the log grow with every look. */
  const seenAgain = new Map<TaskId, TenantKey[]>();
  const hiding = new Map<TaskId, Problem>();
  const foreign: Problem[] = [];
  const inForce = appsInForce(recorder.state);
  const read = async (entry: PlanEntry): Promise<void> => {
    const { ref, key, tenant, sourceTaskId } = entry;
    const state = recorder.state.tenant(ref);
    if (state?.copy === undefined || state.copy.gone) return;
    const { newTaskId } = state.copy;
    const presence = observation.list.presence.get(newTaskId);
    if (presence === "absent" || presence === "unknown") return;
    const reading = await readCopy(reader, newTaskId, state.originalRows);
    if (reading.kind === "lacks") unread.set(ref, copyLacks({ tenant, sourceTaskId, newTaskId }, reading.reports));
    else if (reading.kind !== "read") unread.set(ref, notVerified(newTaskId, reading.problem.message));
    else {
      const shown = reading.value;
      const mustShow = state.copy.sourceRows ?? observation.sources.get(sourceTaskId)?.rows;
      const { record } = observeCopy(entry, newTaskId, shown, mustShow, clock);
      foreign.push(...foreignApps(state, shown, inForce));
      if (isNews(state, shown) || record.verified !== state.verified) news.push(record);
      else if (record.verified) addTo(seenAgain, sourceTaskId, key);
      if (shown.every((report) => report.mappings === undefined))
        hiding.set(sourceTaskId, hiding.get(sourceTaskId) ?? mappingsNotShown(newTaskId, tenant));
    }
  };
  const limit = pLimit(concurrency);
  await Promise.all(entries.map((entry) => limit(() => read(entry))));
  const verifiedAt = clock.now().toISOString();
  for (const [sourceTaskId, keys] of seenAgain) news.push({ type: "verified", sourceTaskId, keys, verifiedAt });
  await recorder.record(news);
  return { unread, warnings: [...foreign, ...hiding.values()] };
}

/**
 * What a copy shows of another tenant's app, where the log knows another one: somebody changed it past this program, and the one's
 * figures may have gone to the other.
 */
function* foreignApps(state: TenantState, shown: readonly TaskReport[], inForce: InForce): Generator<Problem> {
  const { tenant, key, copy, lastVerifiedAt } = state;
  for (const { reportId, name, mappings = [] } of shown) {
    const known = state.reports.get(reportId)?.known;
    for (const { newQlikAppId: app } of mappings) {
      if (known === undefined || known.some(({ newQlikAppId }) => newQlikAppId === app)) continue;
      const holder = inForce.get(app)?.find((other) => other.key !== key);
      if (holder === undefined) continue;
      const since = lastVerifiedAt === undefined ? "" : `; it was last read as it should be at ${lastVerifiedAt}`;
      const message = `the copy ${copy?.newTaskId} reads the app ${app} of tenant "${holder.tenant}" in the report ${name ?? reportId}: it was changed on the server${since}`;
      yield problem("FOREIGN_APP", message, { tenant });
    }
  }
}

/** Whether a copy shows anything that the log does not know of it. */
export function isNews(state: TenantState, shown: readonly TaskReport[]): boolean {
  const { originalRows, reports } = state;
  if (originalRows === undefined || !isDeepStrictEqual(originalRows, countRows(shown))) return true;
  for (const { answered } of reports.values()) if (answered !== undefined) return true;
  return shown.some(({ reportId, mappings }) => {
    if (mappings === undefined) return false;
    const known = reports.get(reportId)?.known;
    return known === undefined ? mappings.length > 0 : !sameSwaps(known, mappings);
  });
}
