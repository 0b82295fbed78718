import type { CreateIntentRecord, LogEntry, WriteEnd } from "../log/records.js";
import { decideEntry } from "../plan/decide.js";
import type { PlanEntry } from "../plan/desired.js";
import { lookUp, namesakesOf } from "../plan/whose-task.js";
import type { CreateRequest } from "../server/ports.js";
import { commandLine, hintOf } from "../shared/hints.js";
import { type TaskId, writeId } from "../shared/ids.js";
import { EXIT, problem, StopError } from "../shared/problems.js";
import { byReport } from "../shared/tasks.js";
import { otherReportId, readBackCreate } from "./read-back.js";
import { type End, PLANNED, SUCCEEDED } from "./results.js";
import type { Run } from "./run.js";
import { endInDoubt, recordOrTell, send } from "./send.js";

const ADDRESS_HINT = hintOf("Check the server's version, and its address:", commandLine("doctor"));

/** How many certain refusals in a row stop a source task's creates while none has succeeded. */
const REFUSALS_THAT_STOP = 3;

/** Waits for this source task's turn, creates one copy, and says how it ended. Rejects only for a broken log. */
export async function createCopy(run: Run, entry: PlanEntry): Promise<End> {
  const { creates } = run.source(entry.sourceTaskId);
  return (await creates.inTurn((isFirst) => createInTurn(run, entry, isFirst))) ?? PLANNED;
}

async function createInTurn(run: Run, entry: PlanEntry, isFirst: boolean): Promise<End> {
  if (run.abort.isAborted) return PLANNED;
  const { ref, sourceTaskId } = entry;
  // What was learnt while it waited may hold an app that the plan gave to it, or show that two copies bear each other's names.
  const { action } = decideEntry(run.server.context, entry);
  if (action.kind === "conflict") return { kind: "failed", error: action.error };
  const intent = createIntent(run, entry);
  const { write } = intent;
  await run.server.noteUnexplained();
  const sourceName = run.server.context.sources?.get(sourceTaskId)?.task.name;
  // `{task}` stays the name under which the log first met the source task.
  if (sourceName !== undefined && run.recorder.state.source(sourceTaskId).name === undefined)
    await run.recorder.record([{ type: "source", sourceTaskId, name: sourceName }]);
  const attempt = run.writer.createCopy(createRequest(intent));
  const sent = await send(run, entry, intent, attempt, (httpStatus) => lookForOwnWork(run, entry, intent, httpStatus));
  if (sent.kind === "ended") {
    const { end, refusedWith } = sent;
    if (refusedWith !== undefined) countRefusal(run, sourceTaskId, refusedWith);
    if (!isFirst || end.kind !== "failed" || end.error.code !== "REJECTED") return end;
    const hint = otherReportId(intent.reportIdMode, "Read what the server says.");
    return { ...end, error: { ...end.error, hint } };
  }
  const newTaskId = sent.taskId;
  if (newTaskId === undefined || !run.server.claim(newTaskId, ref)) {
    const message =
      newTaskId === undefined
        ? "the server said that it made the copy, but not under which ID"
        : `the server answered with the ID ${newTaskId}, which is a source task's, another tenant's or that of a task which was there before`;
    return endInDoubt(run, intent, problem("STRANGE_ID", message));
  }
  // `resolve --retry` lets a create go in spite of an open one. That one is given up when this one has made the copy, and looked for as
  // a twin from then on. Not before: where this one is refused, or nobody learns what became of it, the old doubt stands.
  const others = (run.recorder.state.tenant(ref)?.openCreates ?? []).filter((other) => other.write !== write);
  const entries: LogEntry[] = [
    { type: "create-outcome", write, outcome: "succeeded", newTaskId },
    ...others.map((other): LogEntry => ({ type: "settled", write: other.write, found: "abandoned" })),
  ];
  await recordOrTell(run, entry, entries, { message: "this task was made, but the log could not take it", newTaskId });
  run.slots.succeeded();
  run.source(sourceTaskId).refusedCreates = 0;
  return isFirst || run.options.run.verify ? readBackCreate(run, entry, { intent, newTaskId, isFirst }) : SUCCEEDED;
}

/** A 409, or any refusal after an earlier doubt, is read back first. What is ours stays open and is settled like any doubt. */
async function lookForOwnWork(
  run: Run,
  { ref, sourceTaskId }: PlanEntry,
  intent: CreateIntentRecord,
  httpStatus: number,
): Promise<WriteEnd> {
  const log = run.recorder.state;
  const suspects = log.tenant(ref)?.suspects ?? [];
  const isUnsure = httpStatus === 409;
  if (!isUnsure && suspects.every(({ write }) => write === intent.write)) return "refused";
  const { reading, index, wholenessOf } = await run.server.readList();
  const lookedAt = { list: index, log, names: run.server.context.names };
  const isFound = reading.kind !== "none" && suspects.some((suspect) => lookUp(suspect, lookedAt).kind !== "none");
  return isFound || (isUnsure && !wholenessOf(sourceTaskId).whole) ? "in-doubt" : "refused";
}

function countRefusal(run: Run, sourceTaskId: TaskId, httpStatus: number): void {
  const source = run.source(sourceTaskId);
  source.refusedCreates += 1;
  if (source.creates.state === "open") return;
  if (httpStatus === 404 || httpStatus === 405) {
    const message = `the server answered ${httpStatus} to the first duplicate request: a wrong prefix in --server, or a server older than duplicateTask`;
    run.abort.fail(new StopError(EXIT.server, problem("DUPLICATE_MISSING", message, { hint: ADDRESS_HINT })));
  }
  if (source.refusedCreates >= REFUSALS_THAT_STOP) run.stopSource(sourceTaskId, "creates", "three refusals in a row");
}

function createIntent(run: Run, entry: PlanEntry): CreateIntentRecord {
  const { context } = run.server;
  const { list } = context;
  const state = run.recorder.state.tenant(entry.ref);
  const body = {
    name: entry.name ?? "",
    mappings: entry.wanted.mappings,
    reports: context.sources?.get(entry.sourceTaskId)?.reportRows ?? [],
    reportIdMode: run.options.shape.reportId,
  };
  const write = writeId(run.chance.uuid());
  // The same key for a re-send of the same body, so that a server that honours it cannot do the work twice.
  const resent = state?.suspects.at(-1);
  const sentText = (intent: CreateIntentRecord): string => JSON.stringify(createRequest(intent));
  const isSame = resent !== undefined && sentText(resent) === sentText({ ...resent, ...body });
  return {
    type: "create-intent",
    write,
    sourceTaskId: entry.sourceTaskId,
    key: entry.key,
    tenant: entry.tenant,
    manifest: context.manifest.fileName,
    ...body,
    named: entry.wanted.named,
    idempotencyKey: isSame ? resent.idempotencyKey : write,
    // A list that is not whole does not show which tasks had the name before.
    before: list?.wholenessOf(entry.sourceTaskId).whole === true ? namesakesOf(body.name, list.index) : null,
    attempt: (state?.absences ?? 0) + 1,
  };
}

/**
 * The request that an intent stands for: the body's report ID is the row's own, or the published report's (`--report-id`). A task may
 * have a report on several rows: each must be mapped, or it shows the master's figures.
 */
function createRequest({ sourceTaskId, name, mappings, reports, reportIdMode }: CreateIntentRecord): CreateRequest {
  const bodies = [...byReport(mappings)].flatMap(([reportId, apps]) => {
    const rows = reportIdMode === "row" ? reports.filter((row) => row.reportId === reportId) : [];
    const ids: readonly string[] = rows.length === 0 ? [reportId] : rows.map(({ rowId }) => rowId);
    return ids.map((id) => ({ reportId: id, apps }));
  });
  return { sourceTaskId, name, reports: bodies };
}
