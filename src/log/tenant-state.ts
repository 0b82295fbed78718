import type { ReportId, TaskId, TenantKey, TenantRef } from "../shared/ids.js";
import { type AppSwap, sameSwaps, type TaskReport } from "../shared/tasks.js";
import type { CreateIntentRecord, ObservedReport, PatchIntentRecord } from "./records.js";

/** The empty list that all states share. */
export const NONE: readonly never[] = [];

/** What the log knows of one report of a copy. */
export interface ReportKnowledge {
  /** The swaps in force, or `undefined` where they are unknown (which counts as drift). */
  readonly known: readonly AppSwap[] | undefined;
  /** Every set of swaps that may be in force while `known` is `undefined`. */
  readonly possible: readonly (readonly AppSwap[])[];
  /** Whether a manifest named this report one by one. */
  readonly named: boolean;
  /** PATCHes without a certain outcome, oldest first. */
  readonly openPatches: readonly OpenPatch[];
  /** What the last PATCH set by its answer, until the copy is read back. In force where the copy then shows no mappings. */
  readonly answered?: readonly AppSwap[] | undefined;
}

/** What is known of a report that no record speaks of. */
export const UNKNOWN_REPORT: ReportKnowledge = { known: undefined, possible: NONE, named: false, openPatches: NONE };

/** Whether nothing is known of a report's mappings, and nothing under way can tell. */
export function isUnknown({ known, openPatches }: ReportKnowledge): boolean {
  return known === undefined && openPatches.length === 0;
}

/** Whether a copy is known to lack a report. What a mapping of it may do is then unknown for good, and no drift. */
export function isLacking(
  { reports, originalRows }: Pick<TenantState, "reports" | "originalRows">,
  reportId: ReportId,
): boolean {
  if (originalRows === undefined || originalRows.has(reportId)) return false;
  const report = reports.get(reportId);
  return report === undefined || isUnknown(report);
}

/** Whether some write for this tenant has no certain outcome. */
export function hasOpenWrite(tenant: TenantState): boolean {
  return tenant.openCreates.length > 0 || hasOpenPatch(tenant);
}

export function hasOpenPatch({ reports }: TenantState): boolean {
  for (const { openPatches } of reports.values()) if (openPatches.length > 0) return true;
  return false;
}

/** A PATCH that may or may not have been carried out, and what was known before it. */
export interface OpenPatch extends Pick<PatchIntentRecord, "write" | "apps" | "named" | "idempotencyKey"> {
  /** As it stood in the request's path. */
  readonly rowId: string;
  readonly bodyId: string;
  readonly before: ReportKnowledge;
  /** When its intent was written (UTC), where it was read from a log. */
  readonly at?: string | undefined;
}

/** The task that a tenant holds. */
export interface LoggedCopy {
  readonly newTaskId: TaskId;
  /** As a list showed it last; the sent name until one has. */
  readonly name: string;
  /** The name that it was made or taken over with. Only this one says whose task it is: a server that cuts names gives many the same. */
  readonly ownName: string;
  readonly gone: boolean;
  /** The rows of each report that its source task had when it was made; `undefined` for one that was taken over, or where nobody saw them. */
  readonly sourceRows: RowCounts | undefined;
  /** How many copies this log had made before and with it; 0 for one that was taken from a list, under the name that it has there. */
  readonly order: number;
  /** Listed under another tenant's name when it was listed last. */
  readonly crossed?: CrossedName | undefined;
}

/** Another tenant's name, under which a copy was listed. */
export interface CrossedName {
  readonly listed: string;
  readonly other: Pick<TenantState, "sourceTaskId" | "key">;
}

/** A create without a certain outcome. */
export interface OpenCreate extends CreateIntentRecord {
  /** The tasks that no record explained when its run began to create; `undefined` where that run saw no list, `null`: too many. */
  readonly unexplained: ReadonlySet<TaskId> | null | undefined;
  /** When its intent was written (UTC), where it was read from a log. */
  readonly at?: string | undefined;
}

/** A name that a tenant's copy may have: what is kept of every create for good. */
export interface SentName extends Pick<CreateIntentRecord, "sourceTaskId" | "name" | "before"> {
  /** A list showed the copy under this name, and nobody sent it: another tenant's copy may get the same from a server that cuts names. */
  readonly listed?: true | undefined;
}

/** All that the log knows of one tenant under one source task. */
export interface TenantState {
  readonly ref: TenantRef;
  readonly key: TenantKey;
  readonly sourceTaskId: TaskId;
  /** As it was last spelled. */
  readonly tenant: string;
  /** The file name of the manifest that its last record came from. */
  readonly manifest: string;
  readonly copy: LoggedCopy | undefined;
  readonly reports: ReadonlyMap<ReportId, ReportKnowledge>;
  /** The rows of each report that the copy was made with, or has shown since; `undefined` where nobody knows. */
  readonly originalRows: RowCounts | undefined;
  /** Creates without a certain outcome: each may have made a task. Oldest first. */
  readonly openCreates: readonly OpenCreate[];
  /** Every name that a copy of it may have, by a create or as it was taken over: a twin is looked for under each of these names. */
  readonly intents: readonly SentName[];
  /** Creates since the last copy whose work may exist or still arrive: open ones, and those given up as absent. */
  readonly suspects: readonly OpenCreate[];
  /** Creates in a row that were found absent: sent again at most twice. */
  readonly absences: number;
  /** `resolve --retry`: the next sync may create in spite of what stands in the way. */
  readonly retry: boolean;
  /** The copy's mappings were read back equal, and nothing was sent since. */
  readonly verified: boolean;
  /** When they were read last; `undefined` where they are not verified, or the log does not say. */
  readonly verifiedAt: string | undefined;
  /** The run that read them. */
  readonly verifiedBy: string | undefined;
  /** When its mappings were last seen as they were to be, whatever has happened since. */
  readonly lastVerifiedAt: string | undefined;
  /** The server has shown mappings of this copy: what a PATCH of it did is known when it was read back, and not before. */
  readonly showsMappings: boolean;
}

/** A tenant of which the log knows nothing yet. */
export function unknownTenant(
  ref: TenantRef,
  { sourceTaskId, key }: Pick<TenantState, "sourceTaskId" | "key">,
): TenantState {
  return {
    ref,
    key,
    sourceTaskId,
    tenant: key,
    manifest: "",
    copy: undefined,
    reports: new Map(),
    originalRows: undefined,
    openCreates: NONE,
    intents: NONE,
    suspects: NONE,
    absences: 0,
    retry: false,
    verified: false,
    verifiedAt: undefined,
    verifiedBy: undefined,
    lastVerifiedAt: undefined,
    showsMappings: false,
  };
}

/** How many rows a task has of each of its reports. */
export type RowCounts = ReadonlyMap<ReportId, number>;

export function countRows(rows: readonly { readonly reportId: ReportId }[]): RowCounts {
  const counts = new Map<ReportId, number>();
  for (const { reportId } of rows) counts.set(reportId, (counts.get(reportId) ?? 0) + 1);
  return counts;
}

/** The reports of which an answer shows fewer rows than there must be; an answer that lacks what was there is no answer. */
export function lackingReports(shown: RowCounts, mustBe: RowCounts): readonly ReportId[] {
  return [...mustBe].flatMap(([reportId, rows]) => ((shown.get(reportId) ?? 0) < rows ? [reportId] : []));
}

/**
 * What a copy shows of each of its reports, for the log: of all rows that the report has, mostly one. Reports of which no row
 * shows its mappings are left out: they stay as they are known (said only where rows are not even listed). Where rows differ, it is
 * everything that one of them shows (all of it is in force), and then that the report is not known: none of it holds for the whole.
 */
export function shownReports(rows: readonly TaskReport[], mustShow: RowCounts | undefined): readonly ObservedReport[] {
  const mappingsOf = new Map<ReportId, (readonly AppSwap[] | undefined)[]>();
  for (const { reportId, mappings } of rows) mappingsOf.set(reportId, [...(mappingsOf.get(reportId) ?? []), mappings]);
  return [...mappingsOf].flatMap(([reportId, ofRows]): readonly ObservedReport[] => {
    const shown = ofRows.filter((swaps) => swaps !== undefined);
    const [apps] = shown;
    const lack = ofRows.length < (mustShow?.get(reportId) ?? 0) ? { rowsLack: true as const } : {};
    if (apps === undefined) return lack.rowsLack ? [{ reportId, apps: null, ...lack }] : [];
    if (!shown.every((swaps) => sameSwaps(swaps, apps)))
      return [
        { reportId, apps: shown.flat() },
        { reportId, apps: null },
      ];
    return [shown.length < ofRows.length ? { reportId, apps, partly: true } : { reportId, apps, ...lack }];
  });
}
