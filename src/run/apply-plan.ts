import type { LogEntry } from "../log/records.js";
import type { TenantState } from "../log/tenant-state.js";
import * as conflict from "../plan/conflicts.js";
import type { Action, PlanItem } from "../plan/decide.js";
import { listNotRead } from "../plan/list-findings.js";
import { namesakesOf as namesakes } from "../plan/look-up.js";
import type { Plan } from "../plan/make-plan.js";
import { observeListAgain } from "../plan/observe.js";
import { refreshed } from "../plan/plan-context.js";
import type { PlanEntry } from "../plan/plan-entries.js";
import { twinsOfLog } from "../plan/plan-items.js";
import { observeCopy } from "../plan/verify-copies.js";
import { holderOf } from "../plan/whose-task.js";
import type { TaskId } from "../shared/ids.js";
import type { TenantError } from "../shared/outcome.js";
import { createCopy } from "./create.js";
import { doubtAside, patchesAside } from "./doubts-aside.js";
import type { InDoubt } from "./in-doubt.js";
import { lookAtPatchDoubt } from "./patch-doubts.js";
import { runPooled, tenantsAtOnce } from "./pool.js";
import { endByStop, guarded, guardedFor } from "./run-stop.js";
import type { End, RunSession } from "./session.js";
import { type Finding, settleFound } from "./settle.js";
import { bringUpToDate, settleDoubts } from "./settle-doubts.js";
import { clearSourceStops } from "./source-stops.js";
import { updateCopy } from "./update.js";

/** Actions that a run carries out. */
export function isWork(action: Action): boolean {
  return action.kind === "create" || action.kind === "update" || action.kind === "adopt" || action.kind === "settle";
}

/**
 * Carries out a plan's items (those that `--limit` lets through), each tenant on its own:
 * doubts that the plan's list ends and adoptions (what they show is in force before anything is sent), then all the work, then one common settlement, then a last look for twins.
 */
export async function applyPlan(session: RunSession, plan: Plan, carried: readonly PlanItem[]): Promise<void> {
  const findings = await settleFromPlan(session, plan, carried);
  await guarded(session, () => settlePatchesAside(session, carried));
  warnOfPatches(session, plan, carried);
  await adoptAll(session, plan, carried);
  await guarded(session, () => clearSourceStops(session, plan, carried, (item) => work(session, plan, item, findings)));
  const inDoubt: InDoubt[] = [];
  await runPooled(
    carried.filter((item) => !session.isEnded(item.ref)),
    {
      // What waits for a source task's first copy, or its first PATCH, holds up nothing else.
      keyOf: (item) => `${item.action.kind} ${item.sourceTaskId}`,
      atOnce: tenantsAtOnce(session),
      work: async (item) => {
        const doubt = await work(session, plan, item, findings);
        if (doubt !== undefined) inDoubt.push(doubt);
      },
    },
  );
  await guarded(session, () => settleDoubts(session, inDoubt));
  const looks = !session.halts.ends && (session.sentCreates || session.lookedAgain);
  if (looks && session.sentCreates) await guarded(session, () => readLastList(session));
  await guarded(session, () => tellTroubles(session, plan, carried, looks));
}

/** One tenant's work, from its plan to its end. Returns it where it is in doubt: the run settles all doubts together. */
async function work(
  session: RunSession,
  plan: Plan,
  item: PlanItem,
  findings: ReadonlyMap<string, Finding>,
): Promise<InDoubt | undefined> {
  const entry = plan.entries.get(item.ref);
  if (entry === undefined) return undefined;
  try {
    const end = await endOf(session, { item, entry, finding: findings.get(item.ref) });
    const troubled = end.kind === "in-doubt" || end.kind === "failed";
    if (troubled && session.attemptsOf(item.ref) > 0) session.countTrouble(item.ref);
    if (end.kind === "in-doubt") return { item, entry, error: end.error };
    session.end(item, end);
  } catch (error) {
    endByStop(session, item, error);
  }
  return undefined;
}

async function endOf(
  session: RunSession,
  of: { readonly item: PlanItem; readonly entry: PlanEntry; readonly finding: Finding | undefined },
): Promise<End> {
  const { item, entry, finding } = of;
  if (session.halts.reason !== undefined && item.action.kind !== "settle") return { kind: "planned" };
  switch (item.action.kind) {
    case "create":
      return createCopy(session, entry);
    case "update":
      return updateCopy(session, entry, { settled: false });
    case "adopt":
      return bringUpToDate(session, entry);
    case "settle":
      if (finding?.kind === "settled") return bringUpToDate(session, entry);
      if (finding?.kind === "twins")
        return {
          kind: "failed",
          error: conflict.twin({ tenant: item.tenant, sourceTaskId: entry.sourceTaskId }, finding.ids),
        };
      return { kind: "in-doubt", error: OLD_DOUBT };
    default:
      return { kind: "planned" };
  }
}

const OLD_DOUBT = {
  code: "IN_DOUBT",
  message: "an earlier run sent its create, and the answer never came",
} as const;

async function adoptAll(session: RunSession, plan: Plan, carried: readonly PlanItem[]): Promise<void> {
  const adopted: Promise<unknown>[] = [];
  for (const item of carried) {
    const { action } = item;
    if (action.kind !== "adopt" || session.halts.reason !== undefined) continue;
    const entry = plan.entries.get(item.ref);
    if (entry === undefined) continue;
    session.tookCopies = true;
    // A doubt that was settled after the plan was made may have shown whose it is.
    const holder = holderOf(session.deps.recorder.state, action.task.id, item.ref);
    if (holder !== undefined) {
      session.end(item, { kind: "failed", error: conflict.notACopy(action.task.id, conflict.copyOf(holder)) });
      continue;
    }
    adopted.push(guardedFor(session, item, () => adopt(session, entry, action)));
  }
  await Promise.all(adopted);
  if (session.tookCopies) session.context = refreshed(session.context, session.context.list);
}

async function adopt(session: RunSession, entry: PlanEntry, action: Extract<Action, { kind: "adopt" }>): Promise<void> {
  const { recorder, clock } = session.deps;
  // The doubt ends with the adoption, in one group: neither is in the log without the other before it.
  const open = recorder.state.tenant(entry.ref)?.openCreates ?? [];
  const of = { sourceTaskId: entry.sourceTaskId, key: entry.row.key, newTaskId: action.task.id };
  const listed = session.context.list?.index.get(action.task.id);
  const reports = session.context.candidates.get(action.task.id);
  const entries: LogEntry[] = [
    {
      type: "adopted",
      ...of,
      tenant: entry.row.tenant,
      manifest: session.context.manifest.fileName,
      name: listed?.name ?? action.task.name,
      by: action.by,
      before: namesakesOf(listed?.name ?? action.task.name, session.context, action.task.id),
    },
    ...open.map(({ write }): LogEntry => ({ type: "settled", write, found: "abandoned" })),
  ];
  if (reports?.kind === "read") {
    const mustShow = session.context.sources?.get(entry.sourceTaskId)?.rows;
    entries.push(observeCopy({ ...of, shown: reports.value, wanted: entry.wanted, mustShow, clock }).record);
  }
  await recorder.record(entries);
}

/** The other listed tasks of a name, or a similar one: they were there before the task was taken over, and are no twins of it. */
function namesakesOf(name: string, { list }: RunSession["context"], taken: TaskId): readonly TaskId[] | null {
  if (list?.reading.kind !== "read") return null;
  return namesakes(name, list.index).filter((id) => id !== taken);
}

/**
 * Looks every open doubt up in the plan's own list, also of tenants that this run does not carry out (orphan, skip, not
 * selected, beyond `--limit`, another manifest's): what is found is logged, nothing is sent for them.
 */
async function settleFromPlan(
  session: RunSession,
  plan: Plan,
  carried: readonly PlanItem[],
): Promise<ReadonlyMap<string, Finding>> {
  const open: TenantState[] = [];
  for (const state of session.deps.recorder.state.tenants()) if (state.openCreates.length > 0) open.push(state);
  if (open.length === 0) return new Map();
  const mine = new Set(carried.map((item) => item.ref));
  // A tenant of this run whose doubt its plan ends in another way (newTaskId, resolve --retry) is left to that.
  const otherwise = new Set(carried.filter((item) => item.action.kind !== "settle").map((item) => item.ref));
  const states = open.filter((state) => !otherwise.has(state.ref));
  if (states.length === 0) return new Map();
  let findings: ReadonlyMap<string, Finding> = new Map();
  await guarded(session, async () => {
    if (session.context.list?.reading.kind !== "none") findings = await settleFound(session.look, states);
  });
  session.context = refreshed(session.context, session.context.list);
  if ([...findings.values()].some((finding) => finding.kind === "settled")) session.tookCopies = true;
  const reached = new Set(plan.items.filter((item) => item.action.kind === "conflict").map((item) => item.ref));
  for (const state of states) {
    const finding = findings.get(state.ref);
    if (mine.has(state.ref) || reached.has(state.ref) || finding?.kind === "settled") continue;
    if (finding?.kind === "twins") session.tellTrouble(state, conflict.twin(state, finding.ids));
    else session.warn(doubtAside(state, finding?.kind === "candidates" ? finding.ids[0] : undefined));
  }
  return findings;
}

/** PATCHes in doubt of tenants that this run does not carry out: looked up once; what the server shows as done is. */
async function settlePatchesAside(session: RunSession, carried: readonly PlanItem[]): Promise<void> {
  const mine = new Set(carried.map((item) => item.ref));
  for (const state of session.deps.recorder.state.patchedInDoubt()) {
    session.halts.checkGoesOn();
    if (!mine.has(state.ref)) await lookAtPatchDoubt(session, state);
  }
}

/** What stays in doubt of PATCHes is found out when their tenants are carried out, and not before. */
function warnOfPatches(session: RunSession, plan: Plan, carried: readonly PlanItem[]): void {
  const log = session.deps.recorder.state;
  if (log.patchedInDoubt().length === 0) return;
  const mine = new Set(carried.map((item) => item.ref));
  for (const problem of patchesAside(log, plan.items, mine)) session.warn(problem);
}

/** A run that sent a create reads one last list. */
async function readLastList(session: RunSession): Promise<void> {
  const { context, deps } = session;
  const list = await observeListAgain(deps.reader, deps.recorder.state, context.sources ?? new Map());
  if (list.reading.kind !== "read" && context.list?.reading.kind === "read")
    session.warn(listNotRead(list.reading.problem));
  session.context = refreshed(session.context, list);
}

/** Tells of crossed names that the lists of this run showed, and, where it read the list again (`looks`), of twins. */
async function tellTroubles(
  session: RunSession,
  plan: Plan,
  carried: readonly PlanItem[],
  looks: boolean,
): Promise<void> {
  const items = new Map(plan.items.map((item) => [item.ref, item]));
  const mine = new Set(carried.map((item) => item.ref));
  const tell = (state: Pick<TenantState, "ref" | "tenant">, error: TenantError): void => {
    const item = items.get(state.ref);
    if (item !== undefined && mine.has(state.ref)) session.amend(item, error);
    session.tellTrouble(state, error);
  };
  for (const [ref, error] of session.context.crossed) {
    const item = items.get(ref);
    if (item?.action.kind === "conflict" && item.action.error.code === error.code) continue;
    // The plan has warned of it.
    if (plan.context.crossed.has(ref)) session.troubles.set(ref, error);
    else tell({ ref, tenant: item?.tenant ?? session.deps.recorder.state.tenant(ref)?.tenant ?? ref }, error);
  }
  if (!looks) return;
  // Told first: the log may take no more.
  if (session.context.list !== undefined) await session.noteNames(session.context.list.index);
  for (const { state, tasks } of twinsOfLog(session.context).values()) {
    // Which of them is whose, a crossed name leaves open: that is told already.
    if ((items.get(state.ref)?.twins.length ?? 0) > 0 || session.context.crossed.has(state.ref)) continue;
    const copy = state.copy?.newTaskId;
    tell(state, conflict.twin(state, [...(copy === undefined ? [] : [copy]), ...tasks.map((task) => task.id)]));
  }
}
