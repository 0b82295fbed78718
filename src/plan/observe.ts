import pLimit from "p-limit";
import type { ReportRow } from "../log/records.js";
import type { LogState } from "../log/state.js";
import { countRows, type RowCounts } from "../log/tenant-state.js";
import type { ListReading, Reading, TaskReader } from "../server/ports.js";
import { foldName, foldTenantKey, type ReportId, type TaskId } from "../shared/ids.js";
import { EXIT, ownHint, type Problem, problem, StopError, stopError } from "../shared/problems.js";
import { nearestKeys } from "../shared/spelling.js";
import type { ListedTask, SourceTask } from "../shared/tasks.js";
import { TaskIndex } from "./task-index.js";

/** One source task as this run read it. `name` is `undefined` where the server does not tell it. */
export interface ObservedSource {
  readonly task: Omit<SourceTask, "name"> & { readonly name: string | undefined };
  /** The route that shows whether one task exists: whichever answered 200 for the source task in this run. */
  readonly route: "task" | "reports" | "none";
  /** The reports as intents keep them: one list for all. Empty where the server does not list them. */
  readonly reportRows: readonly ReportRow[];
  /** The report of each of its rows. */
  readonly reportOfRow: ReadonlyMap<string, ReportId>;
  /** How many rows it has of each report; `undefined` where the server does not list them. */
  readonly rows: RowCounts | undefined;
}

/**
 * How one logged copy shows on the server: `listed`; not in the list, but it `answers` by its own ID; not in the list, and 404 by its
 * own ID on a route that answered 200 for the source task in this run (`absent`); not in the list, and nothing can be said (`unknown`).
 */
export type Presence = "listed" | "answers" | "absent" | "unknown";

/** Whether absence from a list means anything. */
export type Wholeness = { readonly whole: true } | { readonly whole: false; readonly why: string };

/** What one reading of the list tells. */
export interface ObservedList {
  readonly reading: ListReading;
  /** The tasks that were read, to the end or not. */
  readonly index: TaskIndex;
  /** How the logged copies show; only of those that the log does not call gone. */
  readonly presence: ReadonlyMap<TaskId, Presence>;
  readonly wholenessOf: (sourceTaskId: TaskId) => Wholeness;
}

/** The server as a plan sees it. */
export interface Observation {
  readonly sources: ReadonlyMap<TaskId, ObservedSource>;
  readonly list: ObservedList;
}

/** Reads that go out at once, besides the writes. */
export const READS_AT_ONCE = 8;
/** Four reads each. */
const SOURCES_AT_ONCE = 2;

/**
 * Reads what a plan needs: the list, each source task, and by their own ID the logged copies that the list lacks. `knownNow`: the log,
 * asked for when the list was read. Throws a StopError: exit 2 where a source task does not exist, exit 5 where the server refuses.
 */
export async function observeServer(
  reader: TaskReader,
  knownNow: () => LogState | Promise<LogState>,
  sourceTaskIds: readonly TaskId[],
): Promise<Observation> {
  const limit = pLimit(SOURCES_AT_ONCE);
  let asked: Promise<readonly SourceAnswers[]> | undefined;
  const askSources = (): Promise<readonly SourceAnswers[]> => {
    asked ??= Promise.all(sourceTaskIds.map((id) => limit(() => askSource(reader, id))));
    // Where the list's own reading ends the run, nobody waits for it.
    asked.catch(() => undefined);
    return asked;
  };
  // The sources are not asked before the list's first answer: what it tells of the server (its version, that it is one) decides how
  // strange answers are judged. Past any cache: a task that has a copy's name, and is not seen now, would later pass for our own work.
  const reading = await reader.listTasks({ fresh: true, onRecognised: askSources });
  const answers = await askSources();
  const log = await knownNow();
  const index = indexOf(reading);
  const problems = answers.flatMap((answer) => sourceUnknown(answer, { reading, index, log }) ?? []);
  if (problems.length > 0) throw new StopError(EXIT.usage, problems);
  const sources = new Map(answers.map((answer) => [answer.id, observedSource(answer, index)]));
  return { sources, list: await judgeReading(reader, reading, { index, log, sources }) };
}

/** Reads the list again, past any cache, and judges it as the first was judged. */
export async function observeListAgain(
  reader: TaskReader,
  log: LogState,
  sources: ReadonlyMap<TaskId, ObservedSource>,
): Promise<ObservedList> {
  const reading = await reader.listTasks({ fresh: true });
  return judgeReading(reader, reading, { index: indexOf(reading), log, sources });
}

/** A task that no list shows says its name itself. */
export async function readUnlisted(reader: TaskReader, id: TaskId): Promise<ListedTask | undefined> {
  const task = await reader.readTask(id);
  return task.kind === "read" ? { id, name: task.value.name } : undefined;
}

/** A list that is not whole proves nothing. */
export function listNotWhole(why: string): Problem {
  const message = `the task list is not whole: ${why}. What is not in it may exist all the same, and doubts stay doubts`;
  return problem("LIST_NOT_WHOLE", message);
}

/** Nothing can be told of what only the list shows. */
export function listNotRead({ message }: Problem): Problem {
  const harm =
    "the task list could not be read, so that nobody looked whether a tenant has two tasks or a copy is gone";
  return problem("LIST_NOT_READ", `${harm}: ${message}`);
}

/** Whether a list shows a logged copy of a source task, under the name that the log has for it. */
export function hasShownCopy(list: TaskIndex, sourceTaskId: TaskId, log: LogState): boolean {
  for (const { copy, sourceTaskId: source } of log.tenants()) {
    if (source !== sourceTaskId || copy === undefined || copy.gone) continue;
    const listed = list.get(copy.newTaskId);
    if (listed !== undefined && foldName(listed.name) === foldName(copy.name)) return true;
  }
  return false;
}

function indexOf(reading: ListReading): TaskIndex {
  return new TaskIndex(reading.kind === "none" ? [] : reading.tasks);
}

async function judgeReading(
  reader: TaskReader,
  reading: ListReading,
  { index, log, sources }: Pick<Observation, "sources"> & { readonly index: TaskIndex; readonly log: LogState },
): Promise<ObservedList> {
  const presence = new Map<TaskId, Presence>();
  const unlisted: Promise<void>[] = [];
  const limit = pLimit(READS_AT_ONCE);
  // A route proves something for the copies of a source task that it has shown. A copy of a source task that was not read is
  // asked for all the same: what it proves is enough for the lists of others, and never that it is gone.
  const anyRoute = [...sources.values()].map(({ route }) => route).find((route) => route !== "none") ?? "none";
  const probe = async (id: TaskId, route: ObservedSource["route"]): Promise<void> => {
    if (route === "none") return;
    const { kind } = await limit(async () => (route === "task" ? reader.readTask(id) : reader.readReports(id)));
    presence.set(id, kind === "read" ? "answers" : kind === "absent" ? "absent" : "unknown");
  };
  if (reading.kind !== "none")
    for (const { copy, sourceTaskId } of log.tenants()) {
      if (copy === undefined || copy.gone) continue;
      const id = copy.newTaskId;
      presence.set(id, index.has(id) ? "listed" : "unknown");
      if (!index.has(id)) unlisted.push(probe(id, sources.get(sourceTaskId)?.route ?? anyRoute));
    }
  await Promise.all(unlisted);
  const copiesLack = whyCopiesLack(presence);
  const wholenessOf = (sourceTaskId: TaskId): Wholeness => {
    if (reading.kind !== "read") return { whole: false, why: reading.problem.message };
    if (!index.has(sourceTaskId))
      return { whole: false, why: `the list does not hold the source task ${sourceTaskId}` };
    return copiesLack === undefined ? { whole: true } : { whole: false, why: copiesLack };
  };
  return { reading, index, presence, wholenessOf };
}

/**
 * Why a list that was read to its end is not whole, by the logged copies: it holds all but those that answer 404 by their own ID; of
 * these no more than one in ten (at least one), and at least one copy is listed: else the key may be blind to them.
 */
function whyCopiesLack(copies: ReadonlyMap<TaskId, Presence>): string | undefined {
  let absent = 0;
  for (const [id, presence] of copies) {
    if (presence === "answers") return `the copy ${id} answers by its ID but is not in the list`;
    if (presence === "unknown") return `the copy ${id} is not in the list, and the server does not say that it is gone`;
    if (presence === "absent") absent += 1;
  }
  if (absent > Math.max(1, Math.floor(copies.size / 10)))
    return `${absent} of ${copies.size} logged copies are missing: the key may be blind to them`;
  if (copies.size > 0 && absent === copies.size) return "no logged copy is in the list: the key may be blind to them";
  return undefined;
}

/** What the server says of one source task. */
type SourceAnswers = Awaited<ReturnType<typeof askSource>>;

async function askSource(reader: TaskReader, id: TaskId) {
  const [details, reports, triggers, recipients] = await Promise.all([
    reader.readTask(id),
    reader.readReports(id),
    reader.readTriggers(id),
    reader.readRecipients(id),
  ]);
  return { id, details, reports, triggers, recipients };
}

function observedSource(answers: SourceAnswers, index: TaskIndex): ObservedSource {
  const { id } = answers;
  const details = valueIn(answers.details);
  const reports = valueIn(answers.reports);
  const reportRows = (reports ?? []).map(({ rowId, reportId }) => ({ rowId, reportId }));
  const mail = {
    enabled: details?.enabled,
    testMode: details?.testMode,
    activeTriggers: valueIn(answers.triggers),
    recipients: valueIn(answers.recipients),
  };
  return {
    task: { id, name: details?.name ?? index.get(id)?.name, reports, mail },
    route: details !== undefined ? "task" : reports !== undefined ? "reports" : "none",
    reportRows,
    reportOfRow: new Map(reportRows.map(({ rowId, reportId }) => [rowId, reportId])),
    rows: reports && countRows(reports),
  };
}

function valueIn<T>(reading: Reading<T>): T | undefined {
  return reading.kind === "read" ? reading.value : undefined;
}

/** What is told of a source task that nothing on the server shows; `undefined`: something does, or the server has no reads at all. */
function sourceUnknown(
  { id, details, reports }: SourceAnswers,
  { reading, index, log }: { readonly reading: ListReading; readonly index: TaskIndex; readonly log: LogState },
): Problem | undefined {
  if (index.has(id) || details.kind === "read" || reports.kind === "read") return undefined;
  const isForbidden = [details, reports].some((answer) => answer.kind === "unreadable" && answer.forbidden);
  if (reading.kind === "none" && reading.forbidden && isForbidden) {
    // A page that says no is not the server's word on the key.
    if (reading.problem.code !== "FORBIDDEN") throw new StopError(EXIT.server, reading.problem);
    const hint = "Give the key's owner a role that may read and duplicate the source task's project";
    const message = "the server forbids the task list and the source task to this API key (403)";
    throw stopError(EXIT.server, "FORBIDDEN", message, { hint });
  }
  // A server that has no reads at all cannot say that the task is missing: it is done without them.
  if (reading.kind === "none" && !reading.forbidden && !isForbidden) {
    if (details.kind === "absent" || reports.kind === "absent") return undefined;
    const message = `the server answers neither the task list nor the source task: ${details.problem.message}`;
    throw stopError(EXIT.server, "SERVER_FAILING", message, { hint: ownHint(details.problem) });
  }
  const knownName = log.source(id).name;
  // Where nobody knows its name, by its ID.
  const texts = new Map(
    index.tasks.map((task) => [foldTenantKey(knownName === undefined ? task.id : task.name), task]),
  );
  const nearest = nearestKeys(knownName ?? id, [...texts.keys()], 3).map((text) => {
    const task = texts.get(text);
    return `"${task?.name}" (${task?.id})`;
  });
  const others = nearest.length === 0 ? "" : `; the nearest are ${nearest.join(", ")}`;
  const message = `the source task ${id} is not on the server: it is not in the task list and does not answer by its ID${others}`;
  if (knownName === undefined || index.named(knownName).length === 0)
    return problem("SOURCE_UNKNOWN", message, { value: id });
  const hint =
    "The log knows this source task, and a task of its name is there under another ID: where the server was moved, give that ID, and begin a new log with --idempotency-log NEW-FILE --adopt --dry-run";
  return problem("SOURCE_UNKNOWN", message, { hint, value: id });
}

/**
 * Reads one thing for many, each of whom wants it as it is after something that he has just done. Who asks while a reading is under way
 * may not have it, for it began too early: all of them share the next.
 */
export function sharedReading<T>(read: () => Promise<T>): () => Promise<T> {
  const limit = pLimit(1);
  let next: Promise<T> | undefined;
  return () => {
    next ??= limit(() => {
      next = undefined;
      return read();
    });
    return next;
  };
}
