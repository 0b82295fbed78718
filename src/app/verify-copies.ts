import pLimit from "p-limit";
import type { Wanted } from "../domain/drift.js";
import type { Problem } from "../domain/errors.js";
import type { ReportId, TaskId, TenantKey } from "../domain/ids.js";
import type { LogEntry, ObservedRecord } from "../domain/log-record.js";
import { byReport, sameSwaps } from "../domain/mapping.js";
import { sameReports, shownReports } from "../domain/shown-reports.js";
import type { TaskReport } from "../domain/source-task.js";
import type { TenantState } from "../domain/tenant-state.js";
import type { ObservedList } from "./observe-server.js";
import type { PlanEntry } from "./plan-entries.js";
import type { TaskReader } from "./ports.js";
import type { Recorder } from "./recorder.js";

/** What reading a copy's reports says of its mappings, held against what it should have. */
export type ReadBack =
  /** Shown for every report that matters, and equal. */
  | { readonly kind: "equal" }
  /** Shown, and different. `reports`: where. */
  | { readonly kind: "different"; readonly reports: readonly ReportId[] }
  /** Not shown (all or some), and nothing that is shown differs. */
  | { readonly kind: "not-shown" };

/** Holds what a copy shows against what it should have; a report that should have no mapping must show none. */
export function holdAgainst(shown: readonly TaskReport[], wanted: Wanted): ReadBack {
  const expected = byReport(wanted.mappings);
  const different = new Set<ReportId>();
  let hidden = false;
  const seen = new Set<ReportId>();
  for (const report of shown) {
    seen.add(report.reportId);
    if (report.mappings === undefined) hidden = true;
    else if (!sameSwaps(report.mappings, expected.get(report.reportId) ?? [])) different.add(report.reportId);
  }
  for (const reportId of expected.keys()) if (!seen.has(reportId)) hidden = true;
  if (different.size > 0) return { kind: "different", reports: [...different] };
  return hidden ? { kind: "not-shown" } : { kind: "equal" };
}

/** The record of what a copy showed; reports whose mappings are not shown are left out: they stay as they are known. */
export function observedEntry(of: {
  readonly sourceTaskId: TaskId;
  readonly key: TenantKey;
  readonly newTaskId: TaskId;
  readonly shown: readonly TaskReport[];
  readonly verified: boolean;
}): ObservedRecord {
  return {
    type: "observed",
    sourceTaskId: of.sourceTaskId,
    key: of.key,
    newTaskId: of.newTaskId,
    reports: shownReports(of.shown),
    has: [...new Set(of.shown.map((report) => report.reportId))],
    verified: of.verified,
  };
}

const READS_AT_ONCE = 8;

/** `--verify`: reads the mappings of every copy that is known before planning, so that drift made on the server shows. */
export async function readBackKnownCopies(from: {
  readonly reader: TaskReader;
  readonly recorder: Recorder;
  readonly entries: readonly PlanEntry[];
  readonly list: ObservedList;
}): Promise<readonly Problem[]> {
  const limit = pLimit(READS_AT_ONCE);
  const hidden = new Map<TaskId, Problem>();
  const hides = (entry: PlanEntry, newTaskId: TaskId): void => {
    if (!hidden.has(entry.sourceTaskId)) hidden.set(entry.sourceTaskId, mappingsNotShown(newTaskId, entry.row.tenant));
  };
  const known = from.entries.flatMap((entry) => copyToRead(from, entry) ?? []);
  const found = await Promise.all(known.map((copy) => limit(() => readBackCopy({ ...from, hides }, copy))));
  await from.recorder.record(found.flatMap((entry) => entry ?? []));
  return [...hidden.values()];
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
function copyToRead(
  { recorder, list }: { readonly recorder: Recorder; readonly list: ObservedList },
  entry: PlanEntry,
): KnownCopy | undefined {
  const state = recorder.state.tenant(entry.ref);
  if (state?.copy === undefined || state.copy.gone) return undefined;
  const id = state.copy.newTaskId;
  const presence = list.presence.get(id);
  return presence === "absent" || presence === "unknown" ? undefined : { entry, state, id };
}

async function readBackCopy(
  from: { readonly reader: TaskReader; readonly hides: (entry: PlanEntry, newTaskId: TaskId) => void },
  { entry, state, id }: KnownCopy,
): Promise<LogEntry | undefined> {
  const reading = await from.reader.readReports(id);
  if (reading.kind !== "read" || !reading.value.some((report) => report.mappings !== undefined)) from.hides(entry, id);
  if (reading.kind !== "read") return undefined;
  const verified = holdAgainst(reading.value, entry.wanted).kind === "equal";
  if (!isNews(state, reading.value) && verified === state.verified) return undefined;
  return observedEntry({
    sourceTaskId: entry.sourceTaskId,
    key: entry.row.key,
    newTaskId: id,
    shown: reading.value,
    verified,
  });
}

/** Whether a copy shows anything that the log does not know of it. */
export function isNews(state: TenantState, shown: readonly TaskReport[]): boolean {
  const { bornWith, reports } = state;
  const shownIds = new Set(shown.map((report) => report.reportId));
  if (bornWith === undefined || !sameReports(bornWith, shownIds)) return true;
  for (const { answered } of reports.values()) if (answered !== undefined) return true;
  return shown.some(({ reportId, mappings }) => {
    if (mappings === undefined) return false;
    const known = reports.get(reportId)?.known;
    return known === undefined ? mappings.length > 0 : !sameSwaps(known, mappings);
  });
}
