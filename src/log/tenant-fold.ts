import type { ReportId, TaskId, WriteId } from "../shared/ids.js";
import { byReport, sameSwaps } from "../shared/mapping.js";
import type {
  AdoptedRecord,
  CreateIntentRecord,
  CreateOutcomeRecord,
  ObservedRecord,
  ObservedReport,
  PatchIntentRecord,
  PatchOutcomeRecord,
  SettledRecord,
} from "./records.js";
import { countRows } from "./shown-reports.js";
import {
  type CrossedName,
  hasOpenPatch,
  isUnknown,
  type LoggedCopy,
  NONE,
  type OpenCreate,
  type ReportKnowledge,
  type SentName,
  type TenantState,
  UNKNOWN_REPORT,
} from "./tenant-state.js";

/*
 * What each record makes of one tenant's state: pure functions from the state before to the state after. State is kept for each
 * write: a create stays open until its own outcome or a settlement that names it.
 */

export function withCreateIntent(
  tenant: TenantState,
  record: CreateIntentRecord,
  known: Pick<OpenCreate, "unexplained" | "at">,
): TenantState {
  const intent: OpenCreate = { ...record, ...known };
  return {
    ...tenant,
    // Often one text: then it is held once.
    tenant: intent.tenant === tenant.key ? tenant.key : intent.tenant,
    manifest: intent.manifest,
    openCreates: [...tenant.openCreates, intent],
    intents: [...tenant.intents, sentName(tenant, intent)],
    suspects: [...tenant.suspects, intent],
    retry: false,
  };
}

/** `order`: how many copies the log has made with this one. */
export function withCreateOutcome(tenant: TenantState, outcome: CreateOutcomeRecord, order: number): TenantState {
  const intent = openCreate(tenant, outcome.write);
  if (intent === undefined || outcome.outcome === "in-doubt") return tenant;
  const closed = withoutOpen(tenant, outcome.write);
  if (outcome.outcome === "succeeded" && outcome.newTaskId !== undefined)
    return withCopy(closed, intent, { newTaskId: outcome.newTaskId, reports: confirmedReports(intent), order });
  // It certainly did nothing: nothing of it can turn up later.
  return { ...closed, suspects: closed.suspects.filter((suspect) => suspect.write !== outcome.write) };
}

export function withSettled(tenant: TenantState, settled: SettledRecord): TenantState {
  const intent = openCreate(tenant, settled.write);
  if (intent === undefined) return tenant;
  const closed = withoutOpen(tenant, settled.write);
  if (settled.found === "copy" && settled.newTaskId !== undefined)
    // What the server shows of it comes as an `observed` record; until then the mappings are only possible.
    return withCopy(closed, intent, {
      newTaskId: settled.newTaskId,
      reports: possibleReports(closed.suspects),
      order: 0,
    });
  return settled.found === "absent" ? { ...closed, absences: closed.absences + 1 } : closed;
}

export function withAdopted(tenant: TenantState, adopted: AdoptedRecord): TenantState {
  const { sourceTaskId, name, before = null } = adopted;
  return {
    ...tenant,
    tenant: adopted.tenant,
    manifest: adopted.manifest,
    copy: { newTaskId: adopted.newTaskId, name, ownName: name, gone: false, sourceRows: undefined, order: 0 },
    intents: [...tenant.intents, { sourceTaskId, name, before, listed: true }],
    // It may be the work of a create that was in doubt: what that asked for holds its apps until the server shows otherwise.
    reports:
      tenant.copy?.newTaskId === adopted.newTaskId ? unknownReports(tenant.reports) : possibleReports(tenant.suspects),
    originalRows: undefined,
    suspects: NONE,
    absences: 0,
    retry: false,
    ...NOT_VERIFIED,
    showsMappings: false,
  };
}

const NOT_VERIFIED = { verified: false, verifiedAt: undefined } as const;

/** A renamed tenant's copy: what the old key's writes may have done to it, they may still do, also a second task of its old name. */
export function withInherited(old: TenantState, renamed: TenantState): TenantState {
  const heir = { ...renamed, intents: [...renamed.intents, ...old.intents] };
  if (old.copy === undefined || heir.copy?.newTaskId !== old.copy.newTaskId) return heir;
  const reports = new Map(heir.reports);
  for (const [reportId, report] of unknownReports(old.reports))
    if (report.openPatches.length > 0 || reports.get(reportId)?.known === undefined) reports.set(reportId, report);
  return { ...heir, reports: withoutSpent(reports, heir.originalRows), ...NOT_VERIFIED };
}

export function withObserved(tenant: TenantState, observed: ObservedRecord): TenantState {
  if (tenant.copy?.newTaskId !== observed.newTaskId) return tenant;
  const reports = new Map(tenant.reports);
  for (const shown of observed.reports) {
    const knowledge = reports.get(shown.reportId) ?? UNKNOWN_REPORT;
    // An open PATCH may still be carried out after this look: the report stays unknown.
    if (knowledge.openPatches.length === 0) reports.set(shown.reportId, asShown(knowledge, shown));
  }
  const has = countRows(observed.has);
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
    showsMappings: tenant.showsMappings || observed.reports.some(({ apps }) => apps !== null),
  };
}

/** Read back once more, and found as it is known. */
export function withVerified(tenant: TenantState, verifiedAt: string): TenantState {
  return tenant.verified ? { ...tenant, verifiedAt } : tenant;
}

/** A list showed the copy under a name that is nobody else's. */
export function withListedName(
  tenant: TenantState,
  of: { readonly newTaskId: TaskId; readonly listed: string },
): TenantState {
  const { copy, sourceTaskId } = tenant;
  if (copy?.newTaskId !== of.newTaskId) return tenant;
  const name: SentName = { sourceTaskId, name: of.listed, before: null, listed: true };
  return { ...tenant, copy: { ...copy, name: of.listed, crossed: undefined }, intents: [...tenant.intents, name] };
}

export function withCrossed(tenant: TenantState, newTaskId: TaskId, crossed: CrossedName | undefined): TenantState {
  if (tenant.copy?.newTaskId !== newTaskId) return tenant;
  return { ...tenant, copy: { ...tenant.copy, crossed } };
}

function asShown(knowledge: ReportKnowledge, { apps, partly, rowsLack }: ObservedReport): ReportKnowledge {
  // Which mappings a row that is not listed has nobody knows: those that may have been in force hold their apps.
  if (rowsLack === true)
    return {
      ...knowledge,
      known: apps ?? knowledge.answered ?? knowledge.known,
      possible: possibleOf(knowledge),
      answered: undefined,
    };
  if (apps === null) return { ...knowledge, known: undefined, possible: possibleOf(knowledge), answered: undefined };
  if (partly !== true) return { ...knowledge, known: apps, possible: NONE, answered: undefined };
  const believed = knowledge.known ?? knowledge.answered;
  if (believed !== undefined && sameSwaps(believed, apps)) return knowledge;
  const possible = possibleOf(knowledge).filter((swaps) => !sameSwaps(swaps, apps));
  return { ...knowledge, known: undefined, possible: [...possible, apps], answered: undefined };
}

/**
 * Without the unknown reports that the copy does not have. What one of them may map is kept as long as another report of the copy
 * is unknown: an ID that was sent while the server listed no reports may be that of a row, whichever report it is.
 */
function withoutSpent(
  reports: Map<ReportId, ReportKnowledge>,
  has: TenantState["originalRows"],
): TenantState["reports"] {
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

export function withPatchIntent(tenant: TenantState, intent: PatchIntentRecord, at?: string): TenantState {
  const before = tenant.reports.get(intent.reportId) ?? UNKNOWN_REPORT;
  const { write, rowId, bodyId = rowId, apps, idempotencyKey, named } = intent;
  const reports = new Map(tenant.reports).set(intent.reportId, {
    known: undefined,
    possible: [...possibleOf(before), apps],
    named,
    openPatches: [...before.openPatches, { write, rowId, bodyId, apps, idempotencyKey, before, at }],
  });
  return { ...tenant, manifest: intent.manifest, reports, ...NOT_VERIFIED };
}

export function withPatchOutcome(
  tenant: TenantState,
  intent: PatchIntentRecord,
  outcome: PatchOutcomeRecord,
): TenantState {
  const report = tenant.reports.get(intent.reportId);
  const open = report?.openPatches.find((candidate) => candidate.write === outcome.write);
  if (report === undefined || open === undefined || outcome.outcome === "in-doubt") return tenant;
  // A certain refusal takes the report back to what it was.
  const after = outcome.outcome === "succeeded" ? patched(report, intent, outcome) : open.before;
  const reports = new Map(tenant.reports).set(intent.reportId, after);
  return { ...tenant, reports: withoutSpent(reports, tenant.originalRows) };
}

function patched(report: ReportKnowledge, intent: PatchIntentRecord, outcome: PatchOutcomeRecord): ReportKnowledge {
  const { apps, named, rowId } = intent;
  const { possible, openPatches } = report;
  if (outcome.moreRows === true)
    return { known: undefined, possible, named, openPatches: openPatches.filter((patch) => patch.rowId !== rowId) };
  if (outcome.toRead === true) return { known: undefined, possible, named, openPatches: NONE, answered: apps };
  return { known: apps, possible: NONE, named, openPatches: NONE };
}

export function withoutCopy(tenant: TenantState, newTaskId: TaskId): TenantState {
  if (tenant.copy?.newTaskId !== newTaskId) return tenant;
  // What it mapped is kept: should the copy be listed again, it may map that still.
  const reports = new Map<ReportId, ReportKnowledge>();
  for (const [reportId, report] of unknownReports(tenant.reports))
    reports.set(reportId, { ...report, openPatches: NONE, answered: undefined });
  return { ...tenant, copy: { ...tenant.copy, gone: true }, reports, ...NOT_VERIFIED };
}

function openCreate(tenant: TenantState, write: WriteId): CreateIntentRecord | undefined {
  return tenant.openCreates.find((intent) => intent.write === write);
}

function withoutOpen(tenant: TenantState, write: WriteId): TenantState {
  return { ...tenant, openCreates: tenant.openCreates.filter((intent) => intent.write !== write) };
}

function withCopy(
  tenant: TenantState,
  intent: CreateIntentRecord,
  made: Pick<TenantState, "reports"> & Pick<LoggedCopy, "newTaskId" | "order">,
): TenantState {
  const { name, reports: rows } = intent;
  const sourceRows = rows.length === 0 ? undefined : countRows(rows.map((row) => row.reportId));
  return {
    ...tenant,
    copy: { newTaskId: made.newTaskId, name, ownName: name, gone: false, sourceRows, order: made.order },
    reports: made.reports,
    originalRows: sourceRows,
    suspects: NONE,
    absences: 0,
    // What it was given for is there: it must not make a second copy one day.
    retry: false,
    ...NOT_VERIFIED,
    showsMappings: false,
  };
}

function sentName({ sourceTaskId }: TenantState, { name, before }: CreateIntentRecord): SentName {
  return { sourceTaskId, name, before: before?.length === 0 ? NONE : before };
}

function confirmedReports(intent: CreateIntentRecord): ReadonlyMap<ReportId, ReportKnowledge> {
  const named = new Set(intent.named);
  const reports = new Map<ReportId, ReportKnowledge>();
  for (const [reportId, apps] of byReport(intent.mappings))
    reports.set(reportId, { known: apps, possible: NONE, named: named.has(reportId), openPatches: NONE });
  return reports;
}

/** The same reports, with nothing known for certain: what was known is possible. */
function unknownReports(reports: TenantState["reports"]): ReadonlyMap<ReportId, ReportKnowledge> {
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
function possibleReports(suspects: readonly CreateIntentRecord[]): ReadonlyMap<ReportId, ReportKnowledge> {
  const reports = new Map<ReportId, ReportKnowledge>();
  for (const intent of suspects) {
    const named = new Set(intent.named);
    for (const [reportId, apps] of byReport(intent.mappings)) {
      const before = reports.get(reportId) ?? UNKNOWN_REPORT;
      const possible = [...before.possible, apps];
      reports.set(reportId, { ...before, possible, named: before.named || named.has(reportId) });
    }
  }
  return reports;
}
