import pLimit from "p-limit";
import type { ReportRow } from "../log/records.js";
import { countRows, type RowCounts } from "../log/tenant-state.js";
import type { LogState } from "../log/state.js";
import type { ListReading, Reading, TaskDetails, TaskReader } from "../server/ports.js";
import type { ReportId, TaskId } from "../shared/ids.js";
import { EXIT, type Problem, StopError } from "../shared/problems.js";
import type { MailSettings, SourceTask, TaskReport } from "../shared/source-task.js";
import { TaskIndex } from "./task-index.js";
import { type CopyToBeListed, copiesToBeListed, judgeList, type Presence, type Wholeness } from "./whole-list.js";

/** The route that shows whether one task exists: whichever answered 200 for the source task in this run. */
export type PresenceRoute = "task" | "reports" | "none";

/** One source task as this run read it. `name` is `undefined` where the server does not tell it. */
export interface ObservedSource {
  readonly task: Omit<SourceTask, "name"> & { readonly name: string | undefined };
  readonly route: PresenceRoute;
  /** The server failed to list the reports (no 404, no 403): what they are is not known, though a later run may. */
  readonly reportsFailed: boolean;
  /** The reports as intents keep them: one list for all. Empty where the server does not list them. */
  readonly reportRows: readonly ReportRow[];
  /** The report of each of its rows. */
  readonly reportOfRow: ReadonlyMap<string, ReportId>;
  /** How many rows it has of each report; `undefined` where the server does not list them. */
  readonly rows: RowCounts | undefined;
}

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
const READS_AT_ONCE = 8;
/** Four reads each. */
const SOURCES_AT_ONCE = 2;

/**
 * Reads what a plan needs: the list, each source task, and by their own ID the logged copies that the list lacks. `knownNow`: the log,
 * asked for when the list was read. Throws a StopError: exit 2 where a source task does not exist, exit 5 where the server refuses.
 */
export async function observeServer(
  reader: TaskReader,
  knownNow: () => LogState,
  sourceTaskIds: readonly TaskId[],
): Promise<Observation> {
  // Not before: what the list's first answer tells of the server (its version, that it is one) decides how strange answers are judged.
  const asking = askOnce(() => askSources(reader, sourceTaskIds));
  // Past any cache: a task that has a copy's name already, and is not seen now, would later pass for our own work.
  const reading = await reader.listTasks({ fresh: true, onRecognised: asking });
  const read = await asking();
  const log = knownNow();
  const index = indexOf(reading);
  const sources = new Map<TaskId, ObservedSource>();
  const problems: Problem[] = [];
  for (const answers of read) {
    const { id } = answers;
    const source = sourceOf(answers, { reading, index });
    if (source.kind === "unknown") problems.push(sourceUnknown({ id, source, reading, index, log }));
    else sources.set(id, source.observed);
  }
  if (problems.length > 0) throw new StopError(EXIT.usage, problems);
  return { sources, list: await judgeReading({ reader, reading, index, log, sources }) };
}

/** Reads the list again, past any cache, and judges it as the first was judged. */
export async function observeListAgain(
  reader: TaskReader,
  log: LogState,
  sources: ReadonlyMap<TaskId, ObservedSource>,
): Promise<ObservedList> {
  const reading = await reader.listTasks({ fresh: true });
  return judgeReading({ reader, reading, index: indexOf(reading), log, sources });
}

/** Whether one task answers by its own ID. */
async function probePresence(reader: TaskReader, route: PresenceRoute, id: TaskId): Promise<Presence> {
  if (route === "none") return "unknown";
  const reading = route === "task" ? await reader.readTask(id) : await reader.readReports(id);
  if (reading.kind === "read") return "answers";
  return reading.kind === "absent" ? "absent" : "unknown";
}

function indexOf(reading: ListReading): TaskIndex {
  return new TaskIndex(reading.kind === "none" ? [] : reading.tasks);
}

async function judgeReading(from: {
  readonly reader: TaskReader;
  readonly reading: ListReading;
  readonly index: TaskIndex;
  readonly log: LogState;
  readonly sources: ReadonlyMap<TaskId, ObservedSource>;
}): Promise<ObservedList> {
  const { reader, reading, index, log, sources } = from;
  const presence = new Map<TaskId, Presence>();
  if (reading.kind !== "none") {
    // A route proves something for the copies of a source task that it has shown. A copy of a source task that was not read is
    // asked for all the same: what it proves is enough for the lists of others, and never that it is gone.
    const anyRoute = [...sources.values()].map((source) => source.route).find((known) => known !== "none") ?? "none";
    const limit = pLimit(READS_AT_ONCE);
    const unlisted: CopyToBeListed[] = [];
    for (const copy of copiesToBeListed(log))
      if (index.has(copy.id)) presence.set(copy.id, "listed");
      else unlisted.push(copy);
    await Promise.all(
      unlisted.map(async ({ id, sourceTaskId }) => {
        const route = sources.get(sourceTaskId)?.route ?? anyRoute;
        presence.set(id, await limit(() => probePresence(reader, route, id)));
      }),
    );
  }
  // Asked for every tenant. Kept as long as this list: neither it nor what was seen of the copies changes any more.
  const judged = new Map<TaskId, Wholeness>();
  const wholenessOf = (sourceTaskId: TaskId): Wholeness => {
    const known = judged.get(sourceTaskId);
    if (known !== undefined) return known;
    const wholeness: Wholeness =
      reading.kind === "read"
        ? judgeList(index, sourceTaskId, presence)
        : { whole: false, why: reading.problem.message };
    judged.set(sourceTaskId, wholeness);
    return wholeness;
  };
  return { reading, index, presence, wholenessOf };
}

/** What asks, and asks only once however often it is called. */
function askOnce<T>(ask: () => Promise<T>): () => Promise<T> {
  let asked: Promise<T> | undefined;
  return () => {
    if (asked !== undefined) return asked;
    asked = ask();
    // Where the list's own reading ends the run, nobody waits for it.
    asked.catch(() => undefined);
    return asked;
  };
}

/** What the server says of one source task. */
interface SourceAnswers {
  readonly id: TaskId;
  readonly details: Reading<TaskDetails>;
  readonly reports: Reading<readonly TaskReport[]>;
  readonly triggers: Reading<NonNullable<MailSettings["activeTriggers"]>>;
  readonly recipients: Reading<number>;
}

function askSources(reader: TaskReader, ids: readonly TaskId[]): Promise<readonly SourceAnswers[]> {
  const limit = pLimit(SOURCES_AT_ONCE);
  return Promise.all(ids.map((id) => limit(() => askSource(reader, id))));
}

async function askSource(reader: TaskReader, id: TaskId): Promise<SourceAnswers> {
  const [details, reports, triggers, recipients] = await Promise.all([
    reader.readTask(id),
    reader.readReports(id),
    reader.readTriggers(id),
    reader.readRecipients(id),
  ]);
  return { id, details, reports, triggers, recipients };
}

type SourceReading =
  | { readonly kind: "known"; readonly observed: ObservedSource }
  | { readonly kind: "unknown"; readonly forbidden: boolean };

function sourceOf(
  answers: SourceAnswers,
  list: { readonly reading: ListReading; readonly index: TaskIndex },
): SourceReading {
  const { id, details, reports } = answers;
  const listed = list.index.get(id);
  if (listed === undefined && details.kind !== "read" && reports.kind !== "read") {
    const forbidden = isForbidden(details) || isForbidden(reports);
    // A server that has no reads at all cannot say that the task is missing: it is done without them.
    const blind = list.reading.kind === "none" && !list.reading.forbidden && !forbidden;
    if (!blind) return { kind: "unknown", forbidden };
    if (details.kind === "unreadable" && reports.kind === "unreadable")
      throw new StopError(EXIT.server, {
        code: "SERVER_FAILING",
        message: `the server answers neither the task list nor the source task: ${details.problem.message}`,
        hint: "Wait until the server is well again, then run the same command; where it is well, check --server and its prefix",
      });
  }
  const known = details.kind === "read" ? details.value : undefined;
  const rows = reports.kind === "read" ? reports.value : undefined;
  return {
    kind: "known",
    observed: {
      task: {
        id,
        name: known?.name ?? listed?.name,
        reports: rows,
        mail: mailSettings(answers),
      },
      route: details.kind === "read" ? "task" : reports.kind === "read" ? "reports" : "none",
      reportsFailed: reports.kind === "unreadable" && !reports.forbidden,
      reportRows: (rows ?? []).map(({ rowId, reportId }) => ({ rowId, reportId })),
      reportOfRow: new Map((rows ?? []).map(({ rowId, reportId }) => [rowId, reportId])),
      rows: rows && countRows(rows.map(({ reportId }) => reportId)),
    },
  };
}

function mailSettings({ details, triggers, recipients }: SourceAnswers): MailSettings {
  const known = details.kind === "read" ? details.value : undefined;
  return {
    enabled: known?.enabled,
    testMode: known?.testMode,
    activeTriggers: triggers.kind === "read" ? triggers.value : undefined,
    recipients: recipients.kind === "read" ? recipients.value : undefined,
  };
}

function isForbidden(reading: Reading<TaskDetails> | Reading<readonly TaskReport[]>): boolean {
  return reading.kind === "unreadable" && reading.forbidden;
}

function sourceUnknown(of: {
  readonly id: TaskId;
  readonly source: Extract<SourceReading, { kind: "unknown" }>;
  readonly reading: ListReading;
  readonly index: TaskIndex;
  readonly log: LogState;
}): Problem {
  const { id, source, reading, index, log } = of;
  if (source.forbidden && reading.kind === "none" && reading.forbidden)
    throw new StopError(EXIT.server, {
      code: "FORBIDDEN",
      message: "the server forbids the task list and the source task to this API key (403)",
      hint: "Give the key's owner a role that may read and duplicate the source task's project",
    });
  const knownName = log.source(id).name;
  const nearest = nearestTasks(id, index, knownName);
  const moved = knownName !== undefined && index.named(knownName).length > 0;
  return {
    code: "SOURCE_UNKNOWN",
    message: `the source task ${id} is not on the server: it is not in the task list and does not answer by its ID${nearest}`,
    hint: moved
      ? "The log knows this source task, and a task of its name is there under another ID: where the server was moved, give that ID, and begin a new log with --idempotency-log NEW-FILE --adopt --dry-run"
      : "Check --source-task or the column sourceTaskId. A key whose role does not cover the task's project cannot see it either",
    value: id,
  };
}

/** How many tasks a message names. */
const NAMED_TASKS = 3;

function nearestTasks(id: TaskId, index: TaskIndex, knownName: string | undefined): string {
  const closeness = (task: { readonly id: string; readonly name: string }): number =>
    knownName === undefined
      ? commonLength(task.id, id)
      : commonLength(task.name.toLowerCase(), knownName.toLowerCase());
  const nearest = index.tasks
    .map((task) => ({ ...task, closeness: closeness(task) }))
    .sort((a, b) => b.closeness - a.closeness)
    .slice(0, NAMED_TASKS);
  if (nearest.length === 0) return "";
  return `; the nearest are ${nearest.map((task) => `"${task.name}" (${task.id})`).join(", ")}`;
}

function commonLength(a: string, b: string): number {
  let length = 0;
  for (let at = 0; at < Math.min(a.length, b.length); at += 1) if (a[at] === b[at]) length += 1;
  return length;
}
