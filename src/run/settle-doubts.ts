import type { TenantState } from "../log/tenant-state.js";
import * as conflict from "../plan/conflicts.js";
import { decideEntry, MOST_RESENDS } from "../plan/decide.js";
import type { PlanEntry } from "../plan/desired.js";
import { hasShownCopy, type ObservedList, observeListAgain } from "../plan/observe.js";
import { refreshed } from "../plan/plan-context.js";
import type { TaskIndex } from "../plan/task-index.js";
import type { TenantError } from "../shared/outcome.js";
import { createCopy } from "./create.js";
import {
  candidateOf,
  type InDoubt,
  listNotWhole,
  listUnproven,
  listUnsteady,
  namedOf,
  namesMeanNothing,
  wayOut,
} from "./in-doubt.js";
import { runPooled, tenantsAtOnce } from "./pool.js";
import { guarded, guardedFor, isInDoubt } from "./run-stop.js";
import type { End, RunSession } from "./session.js";
import { settleFound } from "./settle.js";
import { updateCopy } from "./update.js";

/** How often two lists are read until the second lacks nothing of the first. */
const TRIES_FOR_TWO_LISTS = 3;

/**
 * Ends the doubts that a run is left with, all together: what is found is taken at once; for the rest one wait of `--settle`
 * (counted from the last write that was given up), then two whole lists show who is absent. The absent are created once more.
 * Nothing is sent again after a halt. Every tenant handed in is ended here.
 */
export async function settleDoubts(session: RunSession, doubts: readonly InDoubt[]): Promise<void> {
  if (doubts.length === 0) return;
  let open = doubts;
  await guarded(session, async () => {
    open = await settleNow(session, open);
    open = await settleLater(session, open);
  });
  for (const doubt of open) if (!session.isEnded(doubt.item.ref)) session.end(doubt.item, endOfOpen(session, doubt));
}

/** A stop may come between a doubt's end and what its tenant still needs: it is no doubt any more, and not reached. */
function endOfOpen(session: RunSession, doubt: InDoubt): End {
  const error = openError(session, doubt);
  return isInDoubt(session, doubt.item.ref) ? { kind: "in-doubt", error } : { kind: "planned" };
}

/** Found needs no wait. */
async function settleNow(session: RunSession, doubts: readonly InDoubt[]): Promise<readonly InDoubt[]> {
  if (session.halts.ends || !doubts.some((doubt) => hasOpenCreate(session, doubt))) return doubts;
  await lookAgain(session);
  return endFound(session, doubts);
}

async function settleLater(session: RunSession, doubts: readonly InDoubt[]): Promise<readonly InDoubt[]> {
  if (session.halts.reason !== undefined || !doubts.some((doubt) => mayBeSettled(session, doubt))) return doubts;
  // Counted from the last write of all of them: the lists that follow may speak of each.
  await waitForSettle(session, doubts);
  if (session.halts.reason !== undefined) return doubts;
  const open = await settleAfterWait(session, doubts);
  if (session.halts.ends || !open.some((doubt) => wasSentAgain(session, doubt))) return open;
  await lookAgain(session);
  return endFound(session, open);
}

/** What a settled tenant still needs: the manifest may want other mappings, or the server does not show them. */
export async function bringUpToDate(session: RunSession, entry: PlanEntry): Promise<End> {
  const decision = decideEntry(session.context, entry);
  switch (decision.action.kind) {
    case "update":
      return updateCopy(session, entry, { settled: false });
    case "conflict":
      return { kind: "failed", error: decision.action.error };
    default:
      return { kind: "succeeded" };
  }
}

function stateOf(session: RunSession, doubt: { readonly entry: PlanEntry }): TenantState | undefined {
  return session.deps.recorder.state.tenant(doubt.entry.ref);
}

function hasOpenCreate(session: RunSession, doubt: InDoubt): boolean {
  return (stateOf(session, doubt)?.openCreates.length ?? 0) > 0;
}

/** Found needs no wait: a second send that is in doubt as well is looked up once more before the run ends. */
function wasSentAgain(session: RunSession, doubt: InDoubt): boolean {
  return (stateOf(session, doubt)?.openCreates ?? []).some((intent) => session.sentInThisRun(intent.write));
}

async function lookAgain(session: RunSession): Promise<ObservedList> {
  const { reader, recorder } = session.deps;
  const list = await observeListAgain(reader, recorder.state, session.context.sources ?? new Map());
  await session.noteNames(list.index);
  session.context = refreshed(session.context, list);
  session.lookedAgain = true;
  return list;
}

/** Takes what one list shows, and ends those tenants. Returns those that stay open. */
async function endFound(session: RunSession, doubts: readonly InDoubt[]): Promise<readonly InDoubt[]> {
  const states = doubts.flatMap((doubt) => (hasOpenCreate(session, doubt) ? (stateOf(session, doubt) ?? []) : []));
  const findings = await settleFound(session.look, states);
  session.context = refreshed(session.context, session.context.list);
  const settled: InDoubt[] = [];
  const open: InDoubt[] = [];
  for (const doubt of doubts) {
    const finding = findings.get(doubt.entry.ref);
    if (finding?.kind === "settled") settled.push(doubt);
    else if (finding?.kind === "twins")
      session.end(doubt.item, { kind: "failed", error: conflict.twin(namedOf(doubt), finding.ids) });
    // A candidate that is not there any more is none; any other reason why nothing shows the truth still holds.
    else open.push({ ...doubt, why: candidateOf(doubt, finding) ?? (isCandidate(doubt) ? undefined : doubt.why) });
  }
  await together(session, settled, (doubt) => endSettled(session, doubt));
  return open;
}

function isCandidate({ why }: InDoubt): boolean {
  return why?.code === "CANDIDATE";
}

/** Works on these doubts, on no more of one source task at a time than a run does of its tenants. */
function together(
  session: RunSession,
  doubts: readonly InDoubt[],
  work: (doubt: InDoubt) => Promise<void>,
): Promise<void> {
  const atOnce = tenantsAtOnce(session);
  return runPooled(doubts, { keyOf: ({ entry }) => entry.sourceTaskId, atOnce, work });
}

/** The same, and gives back the doubts that stay open. */
async function openAfter(
  session: RunSession,
  doubts: readonly InDoubt[],
  work: (doubt: InDoubt) => Promise<InDoubt | undefined>,
): Promise<readonly InDoubt[]> {
  const open: InDoubt[] = [];
  await together(session, doubts, async (doubt) => {
    const left = await guardedFor(session, doubt.item, () => work(doubt));
    if (left !== undefined) open.push(left);
  });
  return open;
}

async function endSettled(session: RunSession, doubt: InDoubt): Promise<void> {
  await guardedFor(session, doubt.item, async () => session.end(doubt.item, await bringUpToDate(session, doubt.entry)));
}

/** Whether waiting can help: a PATCH is sent again after it; a create needs a list, and names that mean something. */
function mayBeSettled(session: RunSession, doubt: InDoubt): boolean {
  if (!hasOpenCreate(session, doubt)) return true;
  if (session.context.list?.reading.kind !== "read") return false;
  return !session.deps.recorder.state.source(doubt.entry.sourceTaskId).namesChange && !isCandidate(doubt);
}

async function waitForSettle(session: RunSession, doubts: readonly InDoubt[]): Promise<void> {
  const { clock, emit } = session.deps;
  // Not by one call of Math.max: there may be more of them than a call takes arguments.
  let gaveUpAt = Number.NEGATIVE_INFINITY;
  for (const doubt of doubts)
    for (const write of openWrites(session, doubt)) gaveUpAt = Math.max(gaveUpAt, session.gaveUpAt(write));
  const wait = gaveUpAt + session.options.run.settleMs - clock.monotonic();
  if (wait <= 0) return;
  emit({ kind: "waiting", reason: `until what was in flight must have arrived (${doubts.length} in doubt)`, ms: wait });
  await clock.sleep(wait, session.halts.halted);
}

function openWrites(session: RunSession, doubt: InDoubt): readonly TenantState["openCreates"][number]["write"][] {
  const state = stateOf(session, doubt);
  if (state === undefined) return [];
  const patches = [...state.reports.values()].flatMap((report) => report.openPatches.map((patch) => patch.write));
  return [...state.openCreates.map((intent) => intent.write), ...patches];
}

async function settleAfterWait(session: RunSession, doubts: readonly InDoubt[]): Promise<readonly InDoubt[]> {
  const creates = doubts.filter((doubt) => hasOpenCreate(session, doubt));
  const patches = doubts.filter((doubt) => !hasOpenCreate(session, doubt));
  let open: readonly InDoubt[] = creates;
  const [stillPatching] = await Promise.all([
    openAfter(session, patches, (doubt) => endPatched(session, doubt)),
    guarded(session, async () => {
      if (creates.length > 0) open = await settleAbsent(session, creates);
    }),
  ]);
  return [...open, ...stillPatching];
}

async function endPatched(session: RunSession, doubt: InDoubt): Promise<InDoubt | undefined> {
  const end = await updateCopy(session, doubt.entry, { settled: true });
  if (end.kind === "in-doubt") return { ...doubt, error: end.error };
  // Halted before it was sent again: the doubt is as it was.
  if (end.kind === "planned" && isInDoubt(session, doubt.item.ref)) return doubt;
  session.end(doubt.item, end);
  return undefined;
}

/** Reads two lists; who is in neither is absent, and is created once more. Returns those that stay open. */
async function settleAbsent(session: RunSession, doubts: readonly InDoubt[]): Promise<readonly InDoubt[]> {
  let open = doubts;
  for (let tries = 0; tries < TRIES_FOR_TWO_LISTS && open.length > 0; tries += 1) {
    const first = await lookAgain(session);
    open = await endFound(session, open);
    if (open.length === 0 || first.reading.kind === "none") return open;
    await session.deps.clock.sleep(session.options.run.settleMs / 4, session.halts.halted);
    if (session.halts.reason !== undefined) return open;
    const second = await lookAgain(session);
    open = await endFound(session, open);
    if (!lacksAny(second.index, first.index)) return createAbsent(session, open, { first, second });
  }
  return open.map((doubt) => ({ ...doubt, why: doubt.why ?? listUnsteady(doubt) }));
}

function lacksAny(second: TaskIndex, first: TaskIndex): boolean {
  return first.tasks.some((task) => !second.has(task.id));
}

async function createAbsent(
  session: RunSession,
  doubts: readonly InDoubt[],
  lists: { readonly first: ObservedList; readonly second: ObservedList },
): Promise<readonly InDoubt[]> {
  const open: InDoubt[] = [];
  const again: InDoubt[] = [];
  for (const doubt of doubts) {
    const why = whyNotAbsent(session, doubt, lists);
    if (why === undefined) again.push(doubt);
    else open.push({ ...doubt, why });
  }
  await session.deps.recorder.record(
    again.flatMap((doubt) =>
      (stateOf(session, doubt)?.openCreates ?? []).map(
        (intent) => ({ type: "settled", write: intent.write, found: "absent" }) as const,
      ),
    ),
  );
  session.context = refreshed(session.context, lists.second);
  return [...open, ...(await openAfter(session, again, (doubt) => createAgain(session, doubt)))];
}

/** Why a tenant's absence is not shown, or `undefined`: it is in neither of two whole lists. */
function whyNotAbsent(
  session: RunSession,
  doubt: InDoubt,
  lists: { readonly first: ObservedList; readonly second: ObservedList },
): TenantError | undefined {
  if (isCandidate(doubt)) return doubt.why;
  const source = doubt.entry.sourceTaskId;
  const log = session.deps.recorder.state;
  const crossed = session.context.crossed.get(doubt.entry.ref);
  if (crossed !== undefined) return crossed;
  if (log.source(source).namesChange) return namesMeanNothing(doubt);
  for (const list of [lists.first, lists.second]) {
    const wholeness = list.wholenessOf(source);
    if (!wholeness.whole) return listNotWhole(doubt, wholeness.why);
    if (!hasShownCopy(list.index, source, log)) return listUnproven(doubt);
  }
  return undefined;
}

/** Created again by today's manifest, as a new intent. Returns the doubt where this one is in doubt too. */
async function createAgain(session: RunSession, doubt: InDoubt): Promise<InDoubt | undefined> {
  const absences = stateOf(session, doubt)?.absences ?? 0;
  const decision = decideEntry(session.context, doubt.entry);
  if (absences > MOST_RESENDS || decision.action.kind === "conflict") {
    const error =
      decision.action.kind === "conflict" ? decision.action.error : conflict.gaveUp(namedOf(doubt), absences);
    session.end(doubt.item, { kind: "failed", error });
    return undefined;
  }
  // The log has lost its tail, and with it that the doubt was over: the copy is there.
  const isThere = stateOf(session, doubt)?.copy?.gone === false && decision.action.kind !== "create";
  const end = isThere ? await bringUpToDate(session, doubt.entry) : await createCopy(session, doubt.entry);
  if (end.kind === "in-doubt") return { ...doubt, error: end.error, why: undefined };
  session.end(doubt.item, end);
  return undefined;
}

/** What is told of a doubt that stays: what happened, why nothing shows the truth, and the way out. */
function openError(session: RunSession, doubt: InDoubt): TenantError {
  if (doubt.why !== undefined) return { ...doubt.why, httpStatus: doubt.error.httpStatus };
  const { list } = session.context;
  const reading = list?.reading;
  const why =
    !hasOpenCreate(session, doubt) || reading === undefined || reading.kind === "read"
      ? ""
      : `; the task list cannot be read to its end: ${reading.problem.message}`;
  // A PATCH is sent again by the next run; a permission to create would only lie about until it does harm.
  const hint = hasOpenCreate(session, doubt) ? wayOut(doubt) : "Run the same command again";
  return { ...doubt.error, message: `${doubt.error.message}${why}`, hint };
}
