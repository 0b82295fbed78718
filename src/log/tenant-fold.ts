import type { ReportId, TenantKey, WriteId } from "../shared/ids.js";
import { byReport, sameSwaps } from "../shared/tasks.js";
import type {
  CreateIntentRecord,
  CreateOutcomeRecord,
  LogEntry,
  ObservedRecord,
  ObservedReport,
  PatchOutcomeRecord,
} from "./records.js";
import {
  countRows,
  hasOpenPatch,
  isUnknown,
  type LoggedCopy,
  NONE,
  type OpenCreate,
  type ReportKnowledge,
  type TenantState,
  UNKNOWN_REPORT,
} from "./tenant-state.js";

/*
 * What each record makes of one tenant's state: pure functions from the state before to the state after. State is kept for each
 * write: a create stays open until its own outcome or a settlement that names it.
 */

type Reports = TenantState["reports"];

const NOT_VERIFIED = { verified: false, verifiedAt: undefined, verifiedBy: undefined } as const;
/** What is known of a tenant with a new copy. What `resolve --retry` was given for is there: no second copy one day. */
const NEW_COPY = {
  ...{ suspects: NONE, absences: 0, retry: false },
  ...NOT_VERIFIED,
  ...{ lastVerifiedAt: undefined, showsMappings: false },
} as const;

/** The records that change what is known of single tenants. */
export type TenantEntry = Exclude<
  Extract<
    LogEntry,
    { readonly write: WriteId } | { readonly key: TenantKey } | { readonly keys: readonly TenantKey[] }
  >,
  { readonly type: "forgotten" | "source-stopped" | "not-done" }
>;

/** What a record means depends on these too. `order`: how many copies the log has made, with this one. */
export interface FoldFacts extends Pick<OpenCreate, "unexplained" | "at"> {
  readonly run: string;
  readonly order: number;
}

/** What a record makes of the state of a tenant that it speaks of. */
export function foldTenant(tenant: TenantState, entry: TenantEntry, facts: FoldFacts): TenantState {
  const { copy } = tenant;
  switch (entry.type) {
    case "create-intent": {
      const { sourceTaskId, name, before, manifest } = entry;
      const intent: OpenCreate = { ...entry, unexplained: facts.unexplained, at: facts.at };
      return {
        ...tenant,
        tenant: entry.tenant,
        manifest,
        openCreates: [...tenant.openCreates, intent],
        intents: [...tenant.intents, { sourceTaskId, name, before }],
        suspects: [...tenant.suspects, intent],
        retry: false,
      };
    }
    case "create-outcome":
      return withCreateOutcome(tenant, entry, facts.order);
    case "settled": {
      const { write, found, newTaskId } = entry;
      const intent = openCreate(tenant, write);
      if (intent === undefined) return tenant;
      const closed = withoutOpen(tenant, write);
      if (found === "copy" && newTaskId !== undefined)
        // What the server shows of it comes as an `observed` record; until then the mappings are only possible.
        return withCopy(closed, intent, { newTaskId, reports: possibleReports(closed.suspects), order: 0 });
      return found === "absent" ? { ...closed, absences: closed.absences + 1 } : closed;
    }
    case "adopted": {
      const { sourceTaskId, name, before = null, newTaskId, manifest } = entry;
      return {
        ...tenant,
        tenant: entry.tenant,
        manifest,
        copy: { newTaskId, name, ownName: name, gone: false, sourceRows: undefined, order: 0 },
        intents: [...tenant.intents, { sourceTaskId, name, before, listed: true }],
        // It may be the work of a create that was in doubt: what that asked for holds its apps until the server shows otherwise.
        reports: copy?.newTaskId === newTaskId ? unknownReports(tenant.reports) : possibleReports(tenant.suspects),
        originalRows: undefined,
        ...NEW_COPY,
      };
    }
    case "patch-intent": {
      const { reportId, write, rowId, bodyId = rowId, apps, idempotencyKey, named, manifest } = entry;
      const before = tenant.reports.get(reportId) ?? UNKNOWN_REPORT;
      const open = { write, rowId, bodyId, apps, named, idempotencyKey, before, at: facts.at };
      const reports = new Map(tenant.reports).set(reportId, {
        known: undefined,
        possible: [...possibleOf(before), apps],
        named,
        openPatches: [...before.openPatches, open],
      });
      return { ...tenant, manifest, reports, ...NOT_VERIFIED };
    }
    case "patch-outcome":
      return withPatchOutcome(tenant, entry);
    case "verified":
      return tenant.verified
        ? { ...tenant, verifiedAt: entry.verifiedAt, verifiedBy: facts.run, lastVerifiedAt: entry.verifiedAt }
        : tenant;
    case "retry": {
      const retry = entry.withdrawn !== true;
      return { ...tenant, tenant: entry.tenant, retry, absences: retry ? 0 : tenant.absences };
    }
  }
  // What follows is of the copy that the tenant holds, or means nothing any more.
  if (copy?.newTaskId !== entry.newTaskId) return tenant;
  switch (entry.type) {
    case "observed":
      return withObserved(tenant, entry, facts.run);
    case "name-changed":
    case "renamed": {
      const name = { sourceTaskId: tenant.sourceTaskId, name: entry.listed, before: null, listed: true } as const;
      const listed = { ...copy, name: entry.listed, crossed: undefined };
      return { ...tenant, copy: listed, intents: [...tenant.intents, name] };
    }
    case "crossed": {
      const crossed = entry.ended ? undefined : { listed: entry.listed, other: entry.other };
      return { ...tenant, copy: { ...copy, crossed } };
    }
    case "gone": {
      // What it mapped is kept: should the copy be listed again, it may map that still.
      const reports = new Map<ReportId, ReportKnowledge>();
      for (const [reportId, report] of unknownReports(tenant.reports))
        reports.set(reportId, { ...report, openPatches: NONE, answered: undefined });
      return { ...tenant, copy: { ...copy, gone: true }, reports, ...NOT_VERIFIED };
    }
  }
}

function withCreateOutcome(tenant: TenantState, outcome: CreateOutcomeRecord, order: number): TenantState {
  const intent = openCreate(tenant, outcome.write);
  if (intent === undefined || outcome.outcome === "in-doubt") return tenant;
  const closed = withoutOpen(tenant, outcome.write);
  const { newTaskId } = outcome;
  if (outcome.outcome !== "succeeded" || newTaskId === undefined)
    // It certainly did nothing: nothing of it can turn up later.
    return { ...closed, suspects: closed.suspects.filter((suspect) => suspect.write !== outcome.write) };
  const reports = new Map<ReportId, ReportKnowledge>();
  for (const [reportId, apps] of byReport(intent.mappings))
    reports.set(reportId, { known: apps, possible: NONE, named: intent.named.includes(reportId), openPatches: NONE });
  return withCopy(closed, intent, { newTaskId, reports, order });
}

function openCreate(tenant: TenantState, write: WriteId): OpenCreate | undefined {
  return tenant.openCreates.find((intent) => intent.write === write);
}

function withoutOpen(tenant: TenantState, write: WriteId): TenantState {
  return { ...tenant, openCreates: tenant.openCreates.filter((intent) => intent.write !== write) };
}

function withCopy(
  tenant: TenantState,
  { name, reports: rows }: CreateIntentRecord,
  { newTaskId, order, reports }: Pick<LoggedCopy, "newTaskId" | "order"> & { readonly reports: Reports },
): TenantState {
  const sourceRows = rows.length === 0 ? undefined : countRows(rows);
  const copy = { newTaskId, name, ownName: name, gone: false, sourceRows, order };
  return { ...tenant, copy, reports, originalRows: sourceRows, ...NEW_COPY };
}

/** A renamed tenant's copy: what the old key's writes may have done to it, they may still do, also a second task of its old name. */
export function withInherited(old: TenantState, renamed: TenantState): TenantState {
  const heir = { ...renamed, intents: [...renamed.intents, ...old.intents] };
  if (heir.copy === undefined || heir.copy.newTaskId !== old.copy?.newTaskId) return heir;
  const reports = new Map(heir.reports);
  for (const [reportId, report] of unknownReports(old.reports))
    if (report.openPatches.length > 0 || reports.get(reportId)?.known === undefined) reports.set(reportId, report);
  return { ...heir, reports: withoutSpent(reports, heir.originalRows), ...NOT_VERIFIED };
}

function withObserved(tenant: TenantState, observed: ObservedRecord, run: string): TenantState {
  const reports = new Map(tenant.reports);
  for (const shown of observed.reports) {
    const knowledge = reports.get(shown.reportId) ?? UNKNOWN_REPORT;
    // An open PATCH may still be carried out after this look: the report stays unknown.
    if (knowledge.openPatches.length === 0) reports.set(shown.reportId, asShown(knowledge, shown));
  }
  const has = countRows(observed.has.map((reportId) => ({ reportId })));
  // The copy was read and hides this report's mappings: the PATCH's own answer is the best evidence.
  for (const [reportId, report] of reports)
    if (report.answered !== undefined && has.has(reportId) && report.openPatches.length === 0)
      reports.set(reportId, { ...report, known: report.answered, possible: NONE, answered: undefined });
  // What may still be carried out may change what was just seen.
  const verified = observed.verified && !hasOpenPatch(tenant);
  return {
    ...tenant,
    reports: withoutSpent(reports, has),
    originalRows: has,
    verified,
    verifiedAt: verified ? observed.verifiedAt : undefined,
    verifiedBy: verified ? run : undefined,
    lastVerifiedAt: verified ? observed.verifiedAt : tenant.lastVerifiedAt,
    showsMappings: tenant.showsMappings || observed.reports.some(({ apps }) => apps !== null),
  };
}

function asShown(knowledge: ReportKnowledge, { apps, partly, rowsLack }: ObservedReport): ReportKnowledge {
  const { known, answered } = knowledge;
  const unknown = { ...knowledge, known: undefined, possible: possibleOf(knowledge), answered: undefined };
  // Which mappings a row that is not listed has nobody knows: those that may have been in force hold their apps.
  if (rowsLack === true) return { ...unknown, known: apps ?? answered ?? known };
  if (apps === null) return unknown;
  if (partly !== true) return { ...unknown, known: apps, possible: NONE };
  const believed = known ?? answered;
  if (believed !== undefined && sameSwaps(believed, apps)) return knowledge;
  return { ...unknown, possible: [...unknown.possible.filter((swaps) => !sameSwaps(swaps, apps)), apps] };
}

/**
 * Without the unknown reports that the copy does not have. What one of them may map is kept as long as another report of the copy
 * is unknown: an ID that was sent while the server listed no reports may be that of a row, whichever report it is.
 */
function withoutSpent(reports: Map<ReportId, ReportKnowledge>, has: TenantState["originalRows"]): Reports {
  if (has === undefined) return reports;
  const allKnown = [...has.keys()].every((reportId) => {
    const { known, possible } = reports.get(reportId) ?? UNKNOWN_REPORT;
    // Of one whose rows are not all listed nobody knows what the others map.
    return known !== undefined && possible.length === 0;
  });
  for (const [reportId, report] of reports)
    if (isUnknown(report) && !has.has(reportId) && (allKnown || report.possible.length === 0)) reports.delete(reportId);
  return reports;
}

function withPatchOutcome(tenant: TenantState, outcome: PatchOutcomeRecord): TenantState {
  for (const [reportId, report] of tenant.reports) {
    const open = report.openPatches.find(({ write }) => write === outcome.write);
    if (open === undefined || outcome.outcome === "in-doubt") continue;
    const { apps, named, rowId } = open;
    let after: ReportKnowledge = { known: apps, possible: NONE, named, openPatches: NONE };
    // A certain refusal takes the report back to what it was.
    if (outcome.outcome !== "succeeded") after = open.before;
    else if (outcome.moreRows === true) {
      const openPatches = report.openPatches.filter((patch) => patch.rowId !== rowId);
      after = { known: undefined, possible: report.possible, named, openPatches };
    } else if (outcome.toRead === true)
      after = { ...after, known: undefined, possible: report.possible, answered: apps };
    const reports = new Map(tenant.reports).set(reportId, after);
    return { ...tenant, reports: withoutSpent(reports, tenant.originalRows) };
  }
  return tenant;
}

/** The same reports, with nothing known for certain: what was known is possible. */
function unknownReports(reports: Reports): Reports {
  return new Map(
    [...reports].map(([reportId, report]) => [reportId, { ...report, known: undefined, possible: possibleOf(report) }]),
  );
}

/** Every set of swaps that is or may be in force for a report, each once. */
function possibleOf({ known, possible }: ReportKnowledge): ReportKnowledge["possible"] {
  const all = known === undefined ? possible : [...possible, known];
  return all.filter((swaps, at) => all.findIndex((other) => sameSwaps(other, swaps)) === at);
}

/** A copy that was found may be the work of any create that was in doubt: what each asked for may be in force. */
function possibleReports(suspects: readonly CreateIntentRecord[]): Reports {
  const reports = new Map<ReportId, ReportKnowledge>();
  for (const intent of suspects)
    for (const [reportId, apps] of byReport(intent.mappings)) {
      const before = reports.get(reportId) ?? UNKNOWN_REPORT;
      const named = before.named || intent.named.includes(reportId);
      reports.set(reportId, { ...before, possible: [...before.possible, apps], named });
    }
  return reports;
}
