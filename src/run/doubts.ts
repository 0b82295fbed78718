import type { TenantState } from "../log/tenant-state.js";
import * as conflict from "../plan/conflicts.js";
import { decideEntry, type PlanItem } from "../plan/decide.js";
import type { PlanEntry } from "../plan/desired.js";
import { hasShownCopy, type ObservedList } from "../plan/observe.js";
import { hintOf } from "../shared/hints.js";
import { problem } from "../shared/problems.js";
import type { TenantError } from "../shared/results.js";
import { createCopy } from "./create.js";
import { type End, PLANNED, SUCCEEDED } from "./results.js";
import type { Run } from "./run.js";
import { type Finding, settleFound } from "./settle.js";
import { runPooled } from "./slots.js";
import { updateCopy } from "./update.js";

/** A tenant of this run that is in doubt: how it came to be, and why the doubt cannot be ended now. */
export interface InDoubt extends PlanEntry {
  readonly item: PlanItem;
  error: TenantError;
  why?: TenantError | undefined;
}

/** How often two lists are read until the second lacks nothing of the first. */
const TRIES_FOR_TWO_LISTS = 3;

/**
 * Ends the doubts that a run is left with, all together: what is found is taken at once; for the rest one wait of `--settle`
 * (counted from the last write that was given up), then two whole lists show who is absent. The absent are created once more.
 * Nothing is sent again after an abort. Every tenant handed in is ended here.
 */
export async function settleDoubts(run: Run, doubts: readonly InDoubt[]): Promise<void> {
  if (doubts.length === 0) return;
  await run.abort.guard(async () => {
    // Found needs no wait.
    if (!run.abort.isFinal && doubts.some((doubt) => hasOpenCreate(run, doubt))) await lookForFound(run, doubts);
    if (run.abort.isAborted || !openOf(run, doubts).some((doubt) => mayBeSettled(run, doubt))) return;
    await waitForSettle(run, openOf(run, doubts));
    if (run.abort.isAborted) return;
    const creates = openOf(run, doubts).filter((doubt) => hasOpenCreate(run, doubt));
    const patches = openOf(run, doubts).filter((doubt) => !hasOpenCreate(run, doubt));
    await Promise.all([
      together(run, patches, (doubt) => tryAgain(run, doubt, updateCopy(run, doubt, true))),
      run.abort.guard(() => settleAbsent(run, creates)),
    ]);
    // A second send that is in doubt as well is looked up once more before the run ends.
    const wasSentAgain = openOf(run, doubts).some((doubt) =>
      (stateOf(run, doubt)?.openCreates ?? []).some(({ write }) => run.gaveUpAt.has(write)),
    );
    if (!run.abort.isFinal && wasSentAgain) await lookForFound(run, doubts);
  });
  // A stop may come between a doubt's end and what its tenant still needs: it is no doubt any more, and not reached.
  for (const doubt of openOf(run, doubts))
    run.results.end(
      doubt.item,
      run.isInDoubt(doubt.ref) ? { kind: "in-doubt", error: openError(run, doubt) } : { kind: "planned" },
    );
}

/** Does what one tenant still needs by what is known now: the plan's list is old, doubts were ended, others hold its apps. */
export async function carryOut(run: Run, entry: PlanEntry): Promise<End> {
  const { action } = decideEntry(run.server.context, entry);
  if (action.kind === "conflict") return run.endOfRefusal(entry.ref, action.error);
  if (action.kind === "create") return createCopy(run, entry);
  if (action.kind === "update") return updateCopy(run, entry);
  return action.kind === "unchanged" ? SUCCEEDED : PLANNED;
}

function openOf(run: Run, doubts: readonly InDoubt[]): readonly InDoubt[] {
  return doubts.filter(({ ref }) => !run.results.isEnded(ref));
}

function stateOf(run: Run, { ref }: InDoubt): TenantState | undefined {
  return run.recorder.state.tenant(ref);
}

function hasOpenCreate(run: Run, doubt: InDoubt): boolean {
  return (stateOf(run, doubt)?.openCreates.length ?? 0) > 0;
}

/** Works on these doubts as a run does on its tenants. */
function together(run: Run, doubts: readonly InDoubt[], work: (doubt: InDoubt) => Promise<void>): Promise<void> {
  const guarded = (doubt: InDoubt): Promise<void> => run.guardTenant(doubt.item, () => work(doubt));
  return runPooled(run.options.run.concurrency, doubts, ({ sourceTaskId }) => sourceTaskId, guarded);
}

/** Reads the list once more, takes what it shows, and ends those tenants. */
async function lookForFound(run: Run, doubts: readonly InDoubt[]): Promise<ObservedList> {
  const list = await run.server.lookAgain();
  const open = openOf(run, doubts);
  const states = open.flatMap((doubt) => (hasOpenCreate(run, doubt) ? (stateOf(run, doubt) ?? []) : []));
  const findings = await settleFound(run, states);
  run.server.refresh();
  const settled: InDoubt[] = [];
  for (const doubt of open) {
    const finding = findings.get(doubt.ref);
    if (finding?.kind === "settled") settled.push(doubt);
    else if (finding?.kind === "twins")
      run.results.end(doubt.item, { kind: "failed", error: conflict.twin(doubt, finding.ids) });
    // A candidate that is not there any more is none; any other reason why nothing shows the truth still holds.
    else doubt.why = candidateOf(doubt, finding) ?? (isCandidate(doubt) ? undefined : doubt.why);
  }
  await together(run, settled, async (doubt) => run.results.end(doubt.item, await carryOut(run, doubt)));
  return list;
}

function isCandidate({ why }: InDoubt): boolean {
  return why?.code === "CANDIDATE";
}

/** Whether waiting can help: a PATCH is sent again after it; a create needs a list, and names that mean something. */
function mayBeSettled(run: Run, doubt: InDoubt): boolean {
  if (!hasOpenCreate(run, doubt)) return true;
  if (run.server.context.list?.reading.kind !== "read") return false;
  return !run.recorder.state.source(doubt.sourceTaskId).namesChange && !isCandidate(doubt);
}

/** Counted from the last write of all of them: the lists that follow may speak of each. A doubt of an earlier process counts from this run's start. */
async function waitForSettle(run: Run, doubts: readonly InDoubt[]): Promise<void> {
  let gaveUpAt = Number.NEGATIVE_INFINITY;
  for (const doubt of doubts) {
    const state = stateOf(run, doubt);
    const patches = [...(state?.reports.values() ?? [])].flatMap(({ openPatches }) => openPatches);
    for (const { write } of [...(state?.openCreates ?? []), ...patches])
      gaveUpAt = Math.max(gaveUpAt, run.gaveUpAt.get(write) ?? run.startedAt);
  }
  const wait = gaveUpAt + run.options.run.settleMs - run.clock.monotonic();
  if (wait <= 0) return;
  const reason = `for what may still arrive (${doubts.length} in doubt)`;
  run.emit({ kind: "waiting", reason, ms: wait });
  await run.clock.sleep(wait, run.abort.signal);
}

/** Takes one more try of a tenant. Where it was aborted before it was sent again, the doubt is as it was. */
async function tryAgain(run: Run, doubt: InDoubt, trying: Promise<End>): Promise<void> {
  const end = await trying;
  if (end.kind === "in-doubt") doubt.error = end.error;
  else if (end.kind !== "planned" || !run.isInDoubt(doubt.ref)) run.results.end(doubt.item, end);
}

/** Reads two lists; who is in neither is absent, and is created once more. */
async function settleAbsent(run: Run, doubts: readonly InDoubt[]): Promise<void> {
  for (let tries = 0; tries < TRIES_FOR_TWO_LISTS; tries += 1) {
    if (openOf(run, doubts).length === 0) return;
    const first = await lookForFound(run, doubts);
    if (openOf(run, doubts).length === 0 || first.reading.kind === "none") return;
    await run.clock.sleep(run.options.run.settleMs / 4, run.abort.signal);
    if (run.abort.isAborted) return;
    const second = await lookForFound(run, doubts);
    const isSteady = first.index.tasks.every((task) => second.index.has(task.id));
    if (isSteady) return createAbsent(run, openOf(run, doubts), [first, second]);
  }
  for (const doubt of openOf(run, doubts))
    doubt.why ??= listNotWhole(doubt, "tasks came and went between two readings of the task list");
}

async function createAbsent(run: Run, doubts: readonly InDoubt[], lists: readonly ObservedList[]): Promise<void> {
  for (const doubt of doubts) if (!isCandidate(doubt)) doubt.why = whyNotAbsent(run, doubt, lists);
  const absent = doubts.filter(({ why }) => why === undefined);
  const writes = absent.flatMap((doubt) => stateOf(run, doubt)?.openCreates ?? []);
  await run.recorder.record(writes.map(({ write }) => ({ type: "settled", write, found: "absent" })));
  run.server.refresh(lists.at(-1));
  // Created again by today's manifest, as a new intent.
  await together(run, absent, (doubt) => tryAgain(run, doubt, carryOut(run, doubt)));
}

/** Why a tenant's absence is not shown, or `undefined`: it is in neither of two whole lists. */
function whyNotAbsent(run: Run, doubt: InDoubt, lists: readonly ObservedList[]): TenantError | undefined {
  const source = doubt.sourceTaskId;
  const log = run.recorder.state;
  const crossed = run.server.context.crossed.get(doubt.ref);
  if (crossed !== undefined) return crossed;
  if (log.source(source).namesChange)
    return listNotWhole(doubt, "this server changes the names of copies, so that absence by name proves nothing");
  for (const list of lists) {
    const wholeness = list.wholenessOf(source);
    if (!wholeness.whole) return listNotWhole(doubt, wholeness.why);
    // A list may be blind to copies, or late: only one that has shown a copy can show that another is absent.
    if (!hasShownCopy(list.index, source, log)) return listUnproven(doubt);
  }
  return undefined;
}

/** What is told of a doubt that stays: what happened, why nothing shows the truth, and the way out. */
function openError(run: Run, doubt: InDoubt): TenantError {
  const { error, why } = doubt;
  if (why !== undefined) return { ...why, httpStatus: error.httpStatus };
  // A PATCH is sent again by the next run; a permission to create would only lie about until it does harm.
  if (!hasOpenCreate(run, doubt)) return { ...error, hint: "Run the same command again" };
  const reading = run.server.context.list?.reading;
  const unread =
    reading === undefined || reading.kind === "read"
      ? ""
      : `; the task list cannot be read to its end: ${reading.problem.message}`;
  return { ...error, message: `${error.message}${unread}`, hint: wayOut(doubt) };
}

function wayOut(doubt: InDoubt): string {
  return hintOf(
    "Run the same command again. Where you saw on the server that it made nothing:",
    conflict.resolveCommand(doubt, "--retry"),
  );
}

function candidateOf(doubt: InDoubt, finding: Finding | undefined): TenantError | undefined {
  if (finding?.kind !== "candidates") return undefined;
  const { ids } = finding;
  const message = `in doubt; ${ids.length === 1 ? "this task" : "these tasks"} may be its copy: ${ids.join(", ")}`;
  const hint = hintOf(
    "Look at it on the server. If it is its copy:",
    ...ids.map((id) => conflict.resolveCommand(doubt, "--task-id", id)),
    "If not:",
    conflict.resolveCommand(doubt, "--retry"),
  );
  return problem("CANDIDATE", message, { hint });
}

function listNotWhole(doubt: InDoubt, why: string): TenantError {
  return problem("LIST_NOT_WHOLE", `in doubt; absence cannot be shown: ${why}`, { hint: wayOut(doubt) });
}

function listUnproven(doubt: InDoubt): TenantError {
  return problem(
    "LIST_UNPROVEN",
    "in doubt; no copy of this source task is in the task list under its name yet, so that nothing shows whether this API key sees copies at all",
    { hint: `Look at the server. ${wayOut(doubt)}` },
  );
}
