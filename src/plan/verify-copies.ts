import pLimit from "p-limit";
import type { Recorder } from "../log/port.js";
import type { LogEntry, ObservedRecord } from "../log/records.js";
import { countRows, lackingReports, type RowCounts, sameRows, shownReports, type TenantState } from "../log/tenant-state.js";
import type { TaskReader } from "../server/ports.js";
import type { ReportId, TaskId, TenantKey, TenantRef } from "../shared/ids.js";
import { byReport, sameSwaps } from "../shared/mapping.js";
import type { TenantError } from "../shared/outcome.js";
import type { Problem } from "../shared/problems.js";
import type { TaskReport } from "../shared/source-task.js";
import type { Clock } from "../shared/time.js";
import type { Wanted } from "./drift.js";
import type { Observation, ObservedSource } from "./observe.js";
import type { PlanEntry } from "./plan-entries.js";
import { copyLacks, notVerified, readCopy } from "./read-copy.js";

/** What reading a copy's reports says of its mappings, held against what it should have. */
export type ReadBack =
  /** Shown for every report that matters, and equal. */
  | { readonly kind: "equal" }
  /** Shown, and different. `reports`: where. */
  | { readonly kind: "different"; readonly reports: readonly ReportId[] }
  /** Not shown (all or some), and nothing that is shown differs. */
  | { readonly kind: "not-shown" };

/**
 * Holds what a copy shows against what it should have; a report that should have no mapping must show none. `mustShow`: how many rows
 * of each report it has to show, for a row that is not listed may map anything; `undefined`: nobody knows, and nothing is claimed.
 */
export function holdAgainst(shown: readonly TaskReport[], wanted: Wanted, mustShow: RowCounts | undefined): ReadBack {
  const expected = byReport(wanted.mappings);
  const different = new Set<ReportId>();
  const rows = countRows(shown.map(({ reportId }) => reportId));
  let hidden = mustShow === undefined || lackingReports(rows, mustShow).length > 0;
  for (const report of shown) {
    if (report.mappings === undefined) hidden = true;
    else if (!sameSwaps(report.mappings, expected.get(report.reportId) ?? [])) different.add(report.reportId);
  }
  for (const reportId of expected.keys()) if (!rows.has(reportId)) hidden = true;
  if (different.size > 0) return { kind: "different", reports: [...different] };
  return hidden ? { kind: "not-shown" } : { kind: "equal" };
}

/** The rows that a copy has to show: those that its source task had when it was made; where nobody saw them, those that it has now. */
export function rowsToBeShown(
  state: Pick<TenantState, "copy"> | undefined,
  source: ObservedSource | undefined,
): RowCounts | undefined {
  return state?.copy?.sourceRows ?? source?.rows;
}

/** What a copy shows, held against what it should have; and the record of it. Reports whose mappings are not shown stay as they are known. */
export function observeCopy(of: {
  readonly sourceTaskId: TaskId;
  readonly key: TenantKey;
  readonly newTaskId: TaskId;
  readonly shown: readonly TaskReport[];
  readonly wanted: Wanted;
  readonly mustShow: RowCounts | undefined;
  readonly clock: Pick<Clock, "now">;
}): { readonly back: ReadBack; readonly record: ObservedRecord } {
  const { sourceTaskId, key, newTaskId, shown } = of;
  const back = holdAgainst(shown, of.wanted, of.mustShow);
  const verified = back.kind === "equal";
  return {
    back,
    record: {
      type: "observed",
      sourceTaskId,
      key,
      newTaskId,
      reports: shownReports(shown, of.mustShow),
      has: shown.map((report) => report.reportId),
      verified,
      ...(verified && { verifiedAt: of.clock.now().toISOString() }),
    },
  };
}

const READS_AT_ONCE = 8;

/** Whether a copy was taken over and nothing that it maps was seen since: its reports could not be read then. */
export function isNeverRead(state: TenantState | undefined): boolean {
  if (state?.copy === undefined || state.copy.gone || state.originalRows !== undefined) return false;
  return [...state.reports.values()].every(({ known }) => known === undefined);
}

/** What reading known copies before planning found. */
export interface KnownCopiesRead {
  /** Copies that could not be read, or not wholly, and why. */
  readonly unread: ReadonlyMap<TenantRef, TenantError>;
  readonly warnings: readonly Problem[];
}

export const NOTHING_READ: KnownCopiesRead = { unread: new Map(), warnings: [] };

interface Reading {
  readonly reader: TaskReader;
  readonly recorder: Recorder;
  readonly clock: Pick<Clock, "now">;
  readonly entries: readonly PlanEntry[];
  readonly observation: Observation;
}

/** Reads the mappings of copies that are known before planning (with `--verify` all of them), so that drift made on the server shows. */
export async function readBackKnownCopies(from: Reading): Promise<KnownCopiesRead> {
  const limit = pLimit(READS_AT_ONCE);
  const known = from.entries.flatMap((entry) => copyToRead(from, entry) ?? []);
  const looks = await Promise.all(known.map((copy) => limit(() => readBackCopy(from, copy))));
  await from.recorder.record([...looks.flatMap(({ news }) => news ?? []), ...seenAgain(from, looks)]);
  const hiding = new Map<TaskId, Problem>();
  for (const { hides, copy } of looks)
    if (hides && !hiding.has(copy.entry.sourceTaskId))
      hiding.set(copy.entry.sourceTaskId, mappingsNotShown(copy.id, copy.entry.row.tenant));
  return {
    unread: new Map(
      looks.flatMap(({ copy, error }) => (error === undefined ? [] : [[copy.entry.ref, error] as const])),
    ),
    warnings: [...hiding.values()],
  };
}

/** Told once for each source task whose copies' mappings the server does not show. */
export function mappingsNotShown(newTaskId: TaskId, tenant: string): Problem {
  return {
    code: "MAPPINGS_NOT_SHOWN",
    message: "the server does not show a copy's mappings, so nothing here is claimed as verified",
    hint: `Look at one copy by hand: task ${newTaskId} > Report > Overwrite Report Apps`,
    tenant,
  };
}

interface KnownCopy {
  readonly entry: PlanEntry;
  readonly state: TenantState;
  readonly id: TaskId;
}

/** The copy of an entry, where the log knows it and the server shows it. */
function copyToRead({ recorder, observation }: Reading, entry: PlanEntry): KnownCopy | undefined {
  const state = recorder.state.tenant(entry.ref);
  if (state?.copy === undefined || state.copy.gone) return undefined;
  const id = state.copy.newTaskId;
  const presence = observation.list.presence.get(id);
  return presence === "absent" || presence === "unknown" ? undefined : { entry, state, id };
}

/** One look at a known copy. */
interface Look {
  readonly copy: KnownCopy;
  /** Why it was not read. */
  readonly error?: TenantError;
  /** It was read, and shows no mappings. */
  readonly hides: boolean;
  /** What it shows and the log does not know. */
  readonly news?: LogEntry;
  /** It is verified as it was before. */
  readonly isSeenAgain: boolean;
}

async function readBackCopy(from: Reading, copy: KnownCopy): Promise<Look> {
  const { entry, state, id } = copy;
  const reading = await readCopy(from.reader, id, state.originalRows);
  const unread = { copy, hides: false, isSeenAgain: false };
  if (reading.kind === "lacks") {
    const { tenant } = entry.row;
    return {
      ...unread,
      error: copyLacks({ tenant, sourceTaskId: entry.sourceTaskId, newTaskId: id }, reading.reports),
    };
  }
  if (reading.kind !== "read") return { ...unread, error: notVerified(id, reading.problem.message) };
  const { back, record: news } = observeCopy({
    sourceTaskId: entry.sourceTaskId,
    key: entry.row.key,
    newTaskId: id,
    shown: reading.value,
    wanted: entry.wanted,
    mustShow: rowsToBeShown(state, from.observation.sources.get(entry.sourceTaskId)),
    clock: from.clock,
  });
  const isEqual = back.kind === "equal";
  const hides = !reading.value.some((report) => report.mappings !== undefined);
  if (!isNews(state, reading.value) && isEqual === state.verified) return { copy, hides, isSeenAgain: isEqual };
  return { copy, hides, news, isSeenAgain: false };
}

/** One record for all copies of a source task that are verified anew: a record for each would make the log grow with every look. */
function seenAgain({ clock }: Reading, looks: readonly Look[]): readonly LogEntry[] {
  const bySource = new Map<TaskId, TenantKey[]>();
  for (const { copy, isSeenAgain } of looks) {
    if (!isSeenAgain) continue;
    const { sourceTaskId, row } = copy.entry;
    const keys = bySource.get(sourceTaskId);
    if (keys === undefined) bySource.set(sourceTaskId, [row.key]);
    else keys.push(row.key);
  }
  const verifiedAt = clock.now().toISOString();
  return [...bySource].map(([sourceTaskId, keys]) => ({ type: "verified", sourceTaskId, keys, verifiedAt }));
}

/** Whether a copy shows anything that the log does not know of it. */
export function isNews(state: TenantState, shown: readonly TaskReport[]): boolean {
  const { originalRows, reports } = state;
  if (originalRows === undefined || !sameRows(originalRows, countRows(shown.map(({ reportId }) => reportId))))
    return true;
  for (const { answered } of reports.values()) if (answered !== undefined) return true;
  return shown.some(({ reportId, mappings }) => {
    if (mappings === undefined) return false;
    const known = reports.get(reportId)?.known;
    return known === undefined ? mappings.length > 0 : !sameSwaps(known, mappings);
  });
}
