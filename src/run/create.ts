import type { CreateIntentRecord, LogEntry } from "../log/records.js";
import type { PlanEntry } from "../plan/desired.js";
import { lookUp, namesakesOf } from "../plan/look-up.js";
import type { CreateRequest } from "../server/ports.js";
import { type TaskId, writeId } from "../shared/ids.js";
import { byReport } from "../shared/mapping.js";
import type { TenantError } from "../shared/outcome.js";
import { EXIT, problem, StopError } from "../shared/problems.js";
import { readBackCreate } from "./read-back.js";
import { type End, PLANNED, SUCCEEDED } from "./results.js";
import type { Run } from "./run.js";
import { endInDoubt, endUndone, recordOrTell, send } from "./send.js";

/** How many certain refusals in a row stop a source task's creates while none has succeeded. */
const REFUSALS_THAT_STOP = 3;

/** Waits for this source task's turn, creates one copy, and says how it ended. Rejects only for a broken log. */
export async function createCopy(run: Run, entry: PlanEntry): Promise<End> {
  const { creates } = run.source(entry.sourceTaskId);
  return (await creates.inTurn((isFirst) => createInTurn(run, entry, isFirst))) ?? PLANNED;
}

async function createInTurn(run: Run, entry: PlanEntry, isFirst: boolean): Promise<End> {
  if (run.abort.isAborted) return PLANNED;
  const inUse = run.server.conflictNow(entry);
  if (inUse !== undefined) return { kind: "failed", error: inUse };
  const intent = createIntent(run, entry);
  await run.server.noteUnexplained();
  await run.recorder.record(sourceMet(run, entry));
  const sent = await send(run, entry.ref, intent, run.writer.createCopy(createRequest(intent)));
  switch (sent.kind) {
    case "not-started":
      return PLANNED;
    case "succeeded":
      return sent.taskId !== undefined && run.server.claim(sent.taskId, entry.ref)
        ? copyMade(run, entry, { intent, newTaskId: sent.taskId, isFirst })
        : endInDoubt(run, intent, strangeId(sent.taskId));
    case "refused": {
      if (await mayBeOwnWork(run, entry, intent, sent.httpStatus)) return endInDoubt(run, intent, sent.error);
      const end = await endUndone(run, entry, intent, sent);
      countRefusal(run, entry.sourceTaskId, sent.httpStatus);
      return end;
    }
    case "undone":
      return endUndone(run, entry, intent, sent);
    case "in-doubt":
      return endInDoubt(run, intent, sent.error);
    default:
      return sent satisfies never;
  }
}

async function copyMade(
  run: Run,
  entry: PlanEntry,
  made: { readonly intent: CreateIntentRecord; readonly newTaskId: TaskId; readonly isFirst: boolean },
): Promise<End> {
  const { write } = made.intent;
  const { newTaskId, isFirst } = made;
  // `resolve --retry` lets a create go in spite of an open one. That one is given up when this one has made the copy, and looked for as
  // a twin from then on. Not before: where this one is refused, or nobody learns what became of it, the old doubt stands.
  const others = (run.recorder.state.tenant(entry.ref)?.openCreates ?? []).filter((other) => other.write !== write);
  const entries: LogEntry[] = [
    { type: "create-outcome", write, outcome: "succeeded", newTaskId },
    ...others.map((other): LogEntry => ({ type: "settled", write: other.write, found: "abandoned" })),
  ];
  await recordOrTell(run, entry, entries, { message: "this task was made, but the log could not take it", newTaskId });
  run.slots.succeeded();
  run.source(entry.sourceTaskId).refusedCreates = 0;
  return isFirst || run.options.run.verify ? readBackCreate(run, entry, made) : SUCCEEDED;
}

/** A 409, or any refusal after an earlier doubt, is read back first. What is ours stays open and is settled like any doubt. */
async function mayBeOwnWork(
  run: Run,
  entry: PlanEntry,
  intent: CreateIntentRecord,
  httpStatus: number,
): Promise<boolean> {
  const log = run.recorder.state;
  const hadDoubts = log.tenant(entry.ref)?.suspects.some(({ write }) => write !== intent.write) === true;
  if (httpStatus !== 409 && !hadDoubts) return false;
  const { reading, index, wholenessOf } = await run.server.readList();
  if (reading.kind === "none") return httpStatus === 409;
  const lookedAt = { list: index, log, names: run.server.context.names };
  if (log.tenant(entry.ref)?.suspects.some((suspect) => lookUp(suspect, lookedAt).kind !== "none")) return true;
  return httpStatus === 409 && !wholenessOf(entry.sourceTaskId).whole;
}

function countRefusal(run: Run, sourceTaskId: TaskId, httpStatus: number): void {
  const source = run.source(sourceTaskId);
  source.refusedCreates += 1;
  if (source.creates.isOpen) return;
  if (httpStatus === 404 || httpStatus === 405) run.abort.fail(tooOld(httpStatus));
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
  const isSame =
    resent !== undefined && textOf(createRequest(resent)) === textOf(createRequest({ ...resent, ...body }));
  return {
    type: "create-intent",
    write,
    sourceTaskId: entry.sourceTaskId,
    key: entry.row.key,
    tenant: entry.row.tenant,
    manifest: context.manifest.fileName,
    ...body,
    named: entry.wanted.named,
    idempotencyKey: isSame ? resent.idempotencyKey : write,
    // A list that is not whole does not show which tasks had the name before.
    before: list?.wholenessOf(entry.sourceTaskId).whole === true ? namesakesOf(body.name, list.index) : null,
    attempt: (state?.absences ?? 0) + 1,
  };
}

function textOf(request: CreateRequest): string {
  return JSON.stringify(request);
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

/** `{task}` stays the name under which the log first met the source task. */
function sourceMet(run: Run, { sourceTaskId }: PlanEntry): readonly LogEntry[] {
  const name = run.server.context.sources?.get(sourceTaskId)?.task.name;
  if (name === undefined || run.recorder.state.source(sourceTaskId).name !== undefined) return [];
  return [{ type: "source", sourceTaskId, name }];
}

function strangeId(taskId: TaskId | undefined): TenantError {
  return problem(
    "STRANGE_ID",
    taskId === undefined
      ? "the server said that it made the copy, but not under which ID"
      : `the server answered with the ID ${taskId}, which is a source task's, another tenant's or that of a task which was there before`,
  );
}

function tooOld(httpStatus: number): StopError {
  const message = `the server answered ${httpStatus} to the first duplicate request: a wrong prefix in --server, or a server older than duplicateTask`;
  const hint = "Check the address with: qalyptus-propagate doctor";
  return new StopError(EXIT.server, problem("DUPLICATE_MISSING", message, { hint }));
}
