import type { CreateIntentRecord, LogEntry } from "../log/records.js";
import { lookUp, namesakesOf } from "../plan/look-up.js";
import { observeListAgain } from "../plan/observe.js";
import { unexplainedTasks } from "../plan/plan-context.js";
import type { PlanEntry } from "../plan/plan-entries.js";
import { notVerified } from "../plan/read-copy.js";
import type { CreateRequest } from "../server/ports.js";
import { type ReportId, type RowId, type TaskId, writeId } from "../shared/ids.js";
import { byReport } from "../shared/mapping.js";
import type { TenantError } from "../shared/outcome.js";
import { EXIT, StopError } from "../shared/problems.js";
import type { Verdict } from "./canary.js";
import { conflictNow } from "./in-use-now.js";
import { readBackCreate } from "./read-back.js";
import { recordOrTell } from "./record-or-tell.js";
import { endOfRefusal } from "./run-stop.js";
import { type Sent, sendWrite } from "./send.js";
import type { End, RunSession } from "./session.js";
import { certainCreateEnd, errorOf, isHeldBack, nothingMade } from "./write-ends.js";

/** How many certain refusals in a row stop a source task's creates while none has succeeded. */
const REFUSALS_THAT_STOP = 3;

/** Waits for this source task's turn, creates one copy, and says how it ended. Never rejects but for a broken log. */
export async function createCopy(session: RunSession, entry: PlanEntry): Promise<End> {
  const gate = session.createGate(entry.sourceTaskId);
  const turn = await gate.enter();
  if (turn === "stopped" || session.halts.reason !== undefined) {
    gate.leave(turn, "pass");
    return { kind: "planned" };
  }
  let verdict: Verdict = "stop";
  try {
    const made = await createOne(session, entry, turn === "alone");
    verdict = made.verdict;
    return made.end;
  } finally {
    gate.leave(turn, verdict);
  }
}

interface Made {
  readonly end: End;
  readonly verdict: Verdict;
}

async function createOne(session: RunSession, entry: PlanEntry, alone: boolean): Promise<Made> {
  const inUse = conflictNow(session, entry);
  if (inUse !== undefined) return { end: { kind: "failed", error: inUse }, verdict: "pass" };
  const intent = createIntent(session, entry);
  session.unexplainedNoted ??= session.deps.recorder.record(unexplainedNow(session));
  await session.unexplainedNoted;
  await session.deps.recorder.record(sourceMet(session, entry));
  const sent = await sendWrite(session, {
    ref: entry.ref,
    intent,
    send: session.deps.writer.createCopy(createRequest(intent)),
    stopOthers: (why) => stopCreates(session, entry, why),
  });
  switch (sent.kind) {
    case "not-started":
      return { end: { kind: "planned" }, verdict: "pass" };
    case "succeeded":
      return sent.taskId !== undefined && session.claim(sent.taskId, entry.ref)
        ? copyMade(session, entry, { intent, newTaskId: sent.taskId, alone })
        : doubted(session, intent, strangeId(sent.taskId));
    case "refused":
      return refused(session, entry, { intent, sent });
    case "slow-down":
    case "not-sent":
      await recordOrTell(session, entry, [certainCreateEnd(intent, sent)], nothingMade(sent));
      if (isHeldBack(session, sent) || session.createGate(entry.sourceTaskId).isStopped)
        return { end: { kind: "planned", error: errorOf(sent) }, verdict: "pass" };
      return { end: endOfRefusal(session, entry, errorOf(sent)), verdict: "pass" };
    case "in-doubt":
      return doubted(session, intent, errorOf(sent));
    case "stop":
      return stopped(session, entry, { intent, sent });
    default:
      return sent satisfies never;
  }
}

async function copyMade(
  session: RunSession,
  entry: PlanEntry,
  made: { readonly intent: CreateIntentRecord; readonly newTaskId: TaskId; readonly alone: boolean },
): Promise<Made> {
  const { intent, newTaskId } = made;
  const outcome: LogEntry = { type: "create-outcome", write: intent.write, outcome: "succeeded", newTaskId };
  const message = "this task was made, but the log could not take it";
  await recordOrTell(session, entry, [outcome, ...givenUp(session, entry, intent)], { message, newTaskId });
  session.slots.succeeded();
  session.refusalsOf(entry.sourceTaskId).creates = 0;
  if (!made.alone && !session.options.run.verify) return { end: { kind: "succeeded" }, verdict: "open" };
  const back = await readBackOrHalt(session, entry, { intent, newTaskId, first: made.alone });
  if (back === "halted") return { end: endOfUnread(session, newTaskId), verdict: "stop" };
  if (back === undefined) return { end: { kind: "succeeded" }, verdict: "open" };
  return { end: { kind: "failed", error: back.error }, verdict: back.stops ? "stop" : "open" };
}

/** What was made is made; a run with `--verify` calls it well only when it was read. */
function endOfUnread(session: RunSession, newTaskId: TaskId): End {
  if (!session.options.run.verify) return { kind: "succeeded" };
  return { kind: "failed", error: notVerified(newTaskId, "the run was stopped before") };
}

/** What stops the run while a copy is read back does not unmake the copy: its creation is in the log, and is told. */
async function readBackOrHalt(
  ...of: Parameters<typeof readBackCreate>
): Promise<Awaited<ReturnType<typeof readBackCreate>> | "halted"> {
  try {
    return await readBackCreate(...of);
  } catch (error) {
    if (!(error instanceof StopError)) throw error;
    const [session] = of;
    session.halts.halt({ kind: "fatal", error });
    return "halted";
  }
}

async function doubted(session: RunSession, intent: CreateIntentRecord, error: TenantError): Promise<Made> {
  session.gaveUpOn(intent.write);
  await session.deps.recorder.record([
    {
      type: "create-outcome",
      write: intent.write,
      outcome: "in-doubt",
      code: error.code,
      message: error.message,
      httpStatus: error.httpStatus,
    },
  ]);
  return { end: { kind: "in-doubt", error }, verdict: "pass" };
}

async function refused(
  session: RunSession,
  entry: PlanEntry,
  of: { readonly intent: CreateIntentRecord; readonly sent: Extract<Sent, { kind: "refused" }> },
): Promise<Made> {
  const { intent, sent } = of;
  const error = errorOf(sent);
  if (sent.httpStatus === 409 || hadDoubts(session, entry, intent)) {
    const own = await lookForOwnWork(session, entry);
    // Found: it is our own work, made before. It stays open and is settled like any doubt.
    if (own === "found") return doubted(session, intent, error);
    if (own === "unknown" && sent.httpStatus === 409) return doubted(session, intent, error);
  }
  await recordOrTell(session, entry, [certainCreateEnd(intent, sent)], nothingMade(sent));
  if ((sent.httpStatus === 404 || sent.httpStatus === 405) && !session.createGate(entry.sourceTaskId).isOpen)
    session.halts.halt({ kind: "fatal", error: tooOld(sent.httpStatus) });
  return { end: endOfRefusal(session, entry, error), verdict: verdictOfRefusal(session, entry) };
}

function verdictOfRefusal(session: RunSession, entry: PlanEntry): Verdict {
  const refusals = session.refusalsOf(entry.sourceTaskId);
  refusals.creates += 1;
  const gate = session.createGate(entry.sourceTaskId);
  if (!gate.isOpen && refusals.creates >= REFUSALS_THAT_STOP) stopCreates(session, entry, "three refusals in a row");
  return gate.isStopped ? "stop" : "pass";
}

function stopCreates(session: RunSession, entry: PlanEntry, why: string): void {
  const gate = session.createGate(entry.sourceTaskId);
  // Refusals of what was in flight already are no news.
  if (gate.isStopped) return;
  gate.close();
  session.warn({
    code: "SOURCE_STOPPED",
    message: `the creates of source task ${entry.sourceTaskId} are stopped: ${why}; its other tenants stay planned`,
    hint: "Read the refusals, correct their cause, then run the same command again",
  });
}

async function stopped(
  session: RunSession,
  entry: PlanEntry,
  { intent, sent }: { readonly intent: CreateIntentRecord; readonly sent: Extract<Sent, { kind: "stop" }> },
): Promise<Made> {
  if (sent.inDoubt) return doubted(session, intent, errorOf(sent));
  await recordOrTell(session, entry, [certainCreateEnd(intent, sent)], nothingMade(sent));
  return { end: { kind: "planned", error: errorOf(sent) }, verdict: "pass" };
}

function hadDoubts(session: RunSession, entry: PlanEntry, intent: CreateIntentRecord): boolean {
  const state = session.deps.recorder.state.tenant(entry.ref);
  return state?.suspects.some((earlier) => earlier.write !== intent.write) === true;
}

/** Whether the list shows a task that this create, or an earlier one of this tenant, has made. */
async function lookForOwnWork(session: RunSession, entry: PlanEntry): Promise<"found" | "absent" | "unknown"> {
  const { reader, recorder } = session.deps;
  const list = await observeListAgain(reader, recorder.state, session.context.sources ?? new Map());
  if (list.reading.kind === "none") return "unknown";
  const intents = recorder.state.tenant(entry.ref)?.suspects ?? [];
  const at = { list: list.index, log: recorder.state, names: session.context.names };
  const found = intents.map((earlier) => lookUp(earlier, at).kind);
  if (found.some((kind) => kind !== "none")) return "found";
  return list.wholenessOf(entry.sourceTaskId).whole ? "absent" : "unknown";
}

function createIntent(session: RunSession, entry: PlanEntry): CreateIntentRecord {
  const { chance, recorder } = session.deps;
  const { context, options } = session;
  const state = recorder.state.tenant(entry.ref);
  const list = context.list;
  const body = {
    name: entry.name ?? "",
    mappings: entry.wanted.mappings,
    reports: context.sources?.get(entry.sourceTaskId)?.reportRows ?? [],
    reportIdMode: options.shape.reportId,
  };
  const write = writeId(chance.uuid());
  // The same key for a re-send of the same body, so that a server that honours it cannot do the work twice.
  const resent = state?.suspects.at(-1);
  const same = resent !== undefined && sameBody(createRequest({ ...resent }), createRequest({ ...resent, ...body }));
  return {
    type: "create-intent",
    write,
    sourceTaskId: entry.sourceTaskId,
    key: entry.row.key,
    tenant: entry.row.tenant,
    manifest: context.manifest.fileName,
    ...body,
    named: entry.wanted.named,
    idempotencyKey: same ? resent.idempotencyKey : write,
    // A list that is not whole does not show which tasks had the name before.
    before: list?.wholenessOf(entry.sourceTaskId).whole === true ? namesakesOf(body.name, list.index) : null,
    attempt: (state?.absences ?? 0) + 1,
  };
}

function sameBody(a: CreateRequest, b: CreateRequest): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** The request that an intent stands for: the body's report ID is the row's own, or the published report's (`--report-id`). */
function createRequest(intent: CreateIntentRecord): CreateRequest {
  return {
    sourceTaskId: intent.sourceTaskId,
    name: intent.name,
    reports: [...byReport(intent.mappings)].flatMap(([reportId, apps]) =>
      bodyIdsOf(reportId, intent).map((id) => ({ reportId: id, apps })),
    ),
  };
}

/** A task may have a report on several rows: each must be mapped, or it shows the master's figures. */
function bodyIdsOf(reportId: ReportId, { reportIdMode, reports }: CreateIntentRecord): readonly (RowId | ReportId)[] {
  const rows = reportIdMode === "row" ? reports.filter((row) => row.reportId === reportId) : [];
  return rows.length === 0 ? [reportId] : rows.map((row) => row.rowId);
}

/**
 * `resolve --retry` lets a create go in spite of an open one. That one is given up when the new one has made the copy, and looked
 * for as a twin from then on. Not before: where the new one is refused, or nobody learns what became of it, the old doubt stands.
 */
function givenUp(session: RunSession, entry: PlanEntry, made: CreateIntentRecord): readonly LogEntry[] {
  const open = session.deps.recorder.state.tenant(entry.ref)?.openCreates ?? [];
  return open
    .filter(({ write }) => write !== made.write)
    .map(({ write }) => ({ type: "settled", write, found: "abandoned" }));
}

/** `{task}` stays the name under which the log first met the source task. */
function sourceMet(session: RunSession, entry: PlanEntry): readonly LogEntry[] {
  const name = session.context.sources?.get(entry.sourceTaskId)?.task.name;
  if (name === undefined || session.deps.recorder.state.source(entry.sourceTaskId).name !== undefined) return [];
  return [{ type: "source", sourceTaskId: entry.sourceTaskId, name }];
}

/** So many tasks are kept by a run that begins to create; of a server with more, what came since is not told from the rest. */
const MOST_UNEXPLAINED = 20_000;

/** The listed tasks that nothing explains, before this run's first intent: what comes besides may be the work of its creates. */
function unexplainedNow({ context }: RunSession): readonly LogEntry[] {
  if (context.list?.reading.kind !== "read") return [];
  const tasks = unexplainedTasks(context);
  return [{ type: "unexplained", tasks: tasks.length > MOST_UNEXPLAINED ? null : tasks }];
}

function strangeId(taskId: TaskId | undefined): TenantError {
  return {
    code: "STRANGE_ID",
    message:
      taskId === undefined
        ? "the server said that it made the copy, but not under which ID"
        : `the server answered with the ID ${taskId}, which is a source task's, another tenant's or that of a task which was there before`,
    hint: "The task list is looked at before anything is sent again",
  };
}

function tooOld(httpStatus: number): StopError {
  return new StopError(EXIT.server, {
    code: "DUPLICATE_MISSING",
    message: `the server answered ${httpStatus} to the first duplicate request: a wrong prefix in --server, or a server older than duplicateTask`,
    hint: "Check the address with: qalyptus-propagate doctor",
  });
}
