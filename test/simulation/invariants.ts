import type { CreateIntentRecord, LogEntry, PatchIntentRecord } from "../../src/log/records.js";
import type { LogState } from "../../src/log/state.js";
import { isLacking, type TenantState } from "../../src/log/tenant-state.js";
import type { CreateRequest, PatchRequest } from "../../src/server/ports.js";
import {
  type AppId,
  type FoldedName,
  foldName,
  foldTenantKey,
  type ReportId,
  type TaskId,
  type TenantRef,
} from "../../src/shared/ids.js";
import type { RunResult, TenantResult } from "../../src/shared/results.js";
import { byReport, sameSwaps } from "../../src/shared/tasks.js";
import type { RunPlan } from "./history.js";
import type { OpenLog } from "./log-model.js";
import type { SentWrite, ServerModel, TrueTask } from "./server-model.js";
import { bearsName } from "./server-names.js";
import type { Looks } from "./server-reader.js";

/** What an invariant may look at: the truth of the server, and the log as it is on the disk and as it was written. */
export interface Evidence {
  readonly now: number;
  readonly settleMs: number;
  readonly timeoutMs: number;
  readonly server: ServerModel;
  /** Records that survive any crash from now on. */
  readonly durable: LogState;
  /** Records written, durable or not. */
  readonly written: LogState;
  readonly durableIntents: ReadonlyMap<string, CreateIntentRecord | PatchIntentRecord>;
  readonly sharedApps: ReadonlySet<AppId>;
  readonly mappingsHonest: boolean;
  /** Since when each tenant has held its copy, and whether a person said that it is the right one. */
  readonly held: ReadonlyMap<TenantRef, { readonly since: number; readonly by: "run" | "person" }>;
  /** The names that the manifest gives to copies. */
  readonly manifestNames: ReadonlyMap<TenantRef, string>;
}

/** What an invariant may know of one process. */
export interface Observer {
  readonly plan: RunPlan;
  readonly looks: Looks;
  /** Source tasks of which the log knew anything when the process began, and the copies that it knew then. */
  readonly knownSources: ReadonlySet<TaskId>;
  readonly knownCopies: readonly TaskId[];
}

/** Something that must never happen, told in one sentence; `undefined`: it has not. */
export type Finding = string | undefined;

/** No write is sent whose intent would not survive a crash at this very moment. */
export function intentIsDurableBeforeTheSend(evidence: Evidence, sent: SentWrite): Finding {
  if (evidence.durableIntents.has(sent.write)) return undefined;
  return `a request was sent whose intent is not on the disk (${describeBody(sent.body)})`;
}

/** What is sent is what its intent says: name, mappings. */
export function sendIsWhatItsIntentSays(evidence: Evidence, sent: SentWrite): Finding {
  const intent = evidence.durableIntents.get(sent.write);
  if (intent === undefined) return undefined;
  if (intent.type === "create-intent" && "name" in sent.body) {
    const apps = sent.body.reports.flatMap((report) => report.apps);
    const same = intent.name === sent.body.name && sameSwaps(apps, intent.mappings);
    return same ? undefined : `the request for "${sent.body.name}" is not what its intent says`;
  }
  if (intent.type === "patch-intent" && "rowId" in sent.body)
    return intent.newTaskId === sent.body.taskId && sameSwaps(intent.apps, sent.body.apps)
      ? undefined
      : "a PATCH is not what its intent says";
  return "a request is of another kind than its intent";
}

/** Never more writes in flight than `--concurrency`. */
export function writesInFlightStayBelow(concurrency: number, inFlight: number): Finding {
  return inFlight <= concurrency ? undefined : `${inFlight} writes in flight, more than --concurrency ${concurrency}`;
}

/**
 * Never a create for a tenant while an earlier one of it may be alive: made a task that is there, or may still make one within
 * what an honest server promises. Excused where the server broke its word or left the task out of two lists that looked whole.
 */
export function noCreateWhileOneMayBeAlive(evidence: Evidence, sent: SentWrite): Finding {
  if (!("name" in sent.body) || sent.ref === undefined) return undefined;
  // What came of one create after it was found absent may end the doubt of another.
  if (evidence.server.sent.some(({ ref, brokeWord, body }) => ref === sent.ref && brokeWord && "name" in body))
    return undefined;
  for (const earlier of evidence.server.sent) {
    if (earlier === sent || earlier.ref !== sent.ref || earlier.excused || !("name" in earlier.body)) continue;
    const finding = whyAlive(evidence, earlier, sent);
    if (finding !== undefined) return `a create of ${sent.ref} ("${sent.body.name}") was sent while ${finding}`;
  }
  return undefined;
}

function whyAlive(evidence: Evidence, earlier: SentWrite, sent: SentWrite): Finding {
  if (earlier.told === "nothing-done") return undefined;
  if (isInFlight(evidence, earlier, sent)) return "an earlier one was still in flight";
  const gaveUpAt = givenUpAt(evidence, earlier, sent);
  const isYoung = gaveUpAt !== undefined && evidence.now < gaveUpAt + evidence.settleMs;
  if (earlier.pending > 0 && isYoung) return "an earlier one could still arrive";
  if (earlier.told === "unknown" && earlier.tasks.length === 0 && isYoung)
    return "an earlier one was given up less than --settle ago";
  if (earlier.brokeWord) return undefined;
  const alive = earlier.tasks.find((task) => task.alive && !wasHidden(evidence, earlier, task));
  return alive === undefined ? undefined : `its task ${alive.id} from an earlier one was there`;
}

/**
 * When a request was given up. What another process sent and waits for still, because it was stopped in the middle, counts from
 * when that would have given it up: a take-over comes no sooner.
 */
function givenUpAt(evidence: Evidence, earlier: SentWrite, sent: SentWrite): number | undefined {
  if (earlier.overtakenAt !== undefined && earlier.client !== sent.client) return earlier.overtakenAt;
  if (earlier.gaveUpAt !== undefined || earlier.client === sent.client) return earlier.gaveUpAt;
  return earlier.sentAt + evidence.timeoutMs;
}

function isInFlight(evidence: Evidence, earlier: SentWrite, sent: SentWrite): boolean {
  if (earlier.told !== "waiting") return false;
  const gaveUpAt = givenUpAt(evidence, earlier, sent);
  return gaveUpAt === undefined || evidence.now < gaveUpAt;
}

function wasHidden(evidence: Evidence, earlier: SentWrite, task: TrueTask): boolean {
  const from = (earlier.overtakenAt ?? earlier.gaveUpAt ?? earlier.sentAt) + evidence.settleMs;
  // Worked late and listed late: together later than --settle, which is the longest that a client can be asked to wait.
  if (task.listedFrom > from) return true;
  return task.omittedAt.filter((at) => at >= from).length >= 2;
}

/** Never a create sent again for a tenant's doubt while the same name may still be made for somebody else's open doubt. */
export function noNameIsSentForTwo(evidence: Evidence, sent: SentWrite): Finding {
  if (!("name" in sent.body)) return undefined;
  for (const other of evidence.written.tenants())
    for (const intent of other.openCreates)
      if (other.ref !== sent.ref && foldName(intent.name) === foldName(sent.body.name))
        return `"${sent.body.name}" was sent for ${sent.ref} while the same name is in doubt for ${other.ref}`;
  return undefined;
}

/** Never two tenant keys in force on one app, judged by what an honest server really maps and may still map. */
export function noAppIsInForceForTwoKeys(evidence: Evidence, sent: SentWrite): Finding {
  if (!evidence.mappingsHonest) return undefined;
  const key = sent.ref?.split(" ").slice(1).join(" ");
  for (const app of appsSent(sent.body)) {
    if (evidence.sharedApps.has(app)) continue;
    for (const other of evidence.written.tenants()) {
      if (other.key === key) continue;
      if (readsApp(evidence, sent, { other, app }))
        return `the app ${app} was sent for ${sent.ref} while it is in force for ${other.ref}`;
    }
  }
  return undefined;
}

function readsApp(
  evidence: Evidence,
  sent: SentWrite,
  { other, app }: { readonly other: TenantState; readonly app: AppId },
): boolean {
  const task = other.copy === undefined ? undefined : evidence.server.task(other.copy.newTaskId);
  // Nobody can know what a copy reads whose ID came in another one's answer: that it is told is another rule.
  const isOwn = task?.owner === undefined || task.owner === other.ref;
  if (task?.alive && !task.tainted && isOwn && other.copy?.gone === false)
    if (task.reports.some((report) => report.swaps.some((swap) => swap.newQlikAppId === app))) return true;
  return evidence.server.sent.some((earlier) => {
    if (earlier.ref !== other.ref || earlier.excused || earlier.brokeWord) return false;
    if (!appsSent(earlier.body).includes(app)) return false;
    // A PATCH of a copy that was deleted meanwhile changes nothing any more.
    if ("rowId" in earlier.body && evidence.server.task(earlier.body.taskId)?.alive !== true) return false;
    const gaveUpAt = givenUpAt(evidence, earlier, sent) ?? Number.NEGATIVE_INFINITY;
    return isInFlight(evidence, earlier, sent) || (earlier.pending > 0 && evidence.now < gaveUpAt + evidence.settleMs);
  });
}

function appsSent(body: CreateRequest | PatchRequest): readonly AppId[] {
  const swaps = "name" in body ? body.reports.flatMap((report) => report.apps) : body.apps;
  return [...new Set(swaps.map((swap) => swap.newQlikAppId))];
}

/** After a PATCH in doubt nothing else goes to that report until `--settle` has passed. */
export function noPatchPastADoubt(evidence: Evidence, sent: SentWrite): Finding {
  const body = sent.body;
  if (!("rowId" in body)) return undefined;
  for (const earlier of evidence.server.sent) {
    if (earlier === sent || earlier.excused || !("rowId" in earlier.body)) continue;
    if (earlier.body.taskId !== body.taskId || earlier.body.rowId !== body.rowId) continue;
    if (isInFlight(evidence, earlier, sent))
      return "a PATCH was sent while another one of the same report was in flight";
    const gaveUpAt = givenUpAt(evidence, earlier, sent) ?? 0;
    earlier.wasShownAsDone ||= isShownAsDone(evidence, earlier);
    const isOpen = (earlier.told === "unknown" || earlier.told === "waiting") && !earlier.wasShownAsDone;
    if (isOpen && gaveUpAt + evidence.settleMs > evidence.now)
      return "a PATCH was sent less than --settle after one of the same report went in doubt";
  }
  return undefined;
}

/** A PATCH that is carried out, and nothing of it is to come, is no doubt for who reads the copy. */
function isShownAsDone({ server }: Evidence, { body, pending }: SentWrite): boolean {
  if (!("rowId" in body) || pending > 0) return false;
  const row = server.task(body.taskId)?.reports.find(({ rowId }) => rowId === body.rowId);
  return row !== undefined && sameSwaps(row.swaps, body.apps);
}

/** Never an outcome told before it is on the disk. */
export function outcomeIsDurableBeforeItIsTold(evidence: Evidence, result: TenantResult, ref: TenantRef): Finding {
  if (result.action === "skip" || result.action === "orphan" || result.action === "conflict") return undefined;
  const state = evidence.durable.tenant(ref);
  if (result.outcome === "in-doubt") {
    const open =
      (state?.openCreates.length ?? 0) > 0 ||
      [...(state?.reports.values() ?? [])].some((report) => report.openPatches.length > 0);
    return open ? undefined : `${ref} was told in doubt, and nothing on the disk says so`;
  }
  if (result.outcome !== "succeeded") return undefined;
  if (state?.copy === undefined || state.copy.newTaskId !== result.newTaskId)
    return `${ref} was told ${result.action} succeeded with ${result.newTaskId}, which is not on the disk (${state?.copy?.newTaskId})`;
  if (state.openCreates.length > 0) return `${ref} was told ${result.action} succeeded with a create still open`;
  for (const [reportId, apps] of byReport(result.mappings as TypedMappings)) {
    const report = state.reports.get(reportId) ?? knownByRow(evidence, state, reportId);
    if (isLacking(state, reportId)) continue;
    // What the server answered, where it could not be read afterwards.
    const mapped = report?.known ?? report?.answered;
    if (mapped === undefined || !sameSwaps(mapped, apps))
      return `${ref} was told ${result.action} succeeded, and the disk does not say that report ${reportId} is mapped`;
  }
  return undefined;
}

type TypedMappings = Parameters<typeof byReport>[0];

/** What is known of a report that the user named by its row while the server listed none. */
function knownByRow({ server }: Evidence, { sourceTaskId, reports }: TenantState, reportId: ReportId) {
  const rows = server.task(sourceTaskId)?.reports.filter((row) => row.reportId === reportId) ?? [];
  return rows.flatMap(({ rowId }) => reports.get(rowId as string as ReportId) ?? [])[0];
}

/** Never `succeeded` without the copy on the server (unless a person deleted it meanwhile). */
export function successHasItsCopy(evidence: Evidence, result: TenantResult): Finding {
  if (result.outcome !== "succeeded" || result.action === "unchanged") return undefined;
  const task = result.newTaskId === undefined ? undefined : evidence.server.task(result.newTaskId as TaskId);
  if (task === undefined) return `${result.tenant}: succeeded without a copy on the server`;
  if (task.kind === "source") return `${result.tenant}: succeeded with the source task as its copy`;
  return task.alive || task.deletedByPerson ? undefined : `${result.tenant}: succeeded with a copy that is not there`;
}

/** `verified: true` only where the server's truth is what the manifest wishes. */
export function verifiedIsTrue(evidence: Evidence, result: TenantResult): Finding {
  if (!result.verified || result.action === "skip" || result.action === "orphan") return undefined;
  const task = result.newTaskId === undefined ? undefined : evidence.server.task(result.newTaskId as TaskId);
  if (task === undefined) return `${result.tenant}: verified without a task`;
  if (!task.alive || task.tainted) return undefined;
  const wanted = byReport(result.mappings as TypedMappings);
  for (const report of task.reports)
    if (!sameSwaps(report.swaps, wanted.get(report.reportId) ?? []))
      return `${result.tenant}: told as verified (${result.action}, ${result.outcome}), and report ${report.reportId} is mapped otherwise`;
  return undefined;
}

/** What the log knows of a report's mapping is what the server has (an honest server, no person editing). */
export function logKnowsMappingsRightly(evidence: Evidence): Finding {
  if (!evidence.mappingsHonest) return undefined;
  for (const tenant of evidence.durable.tenants()) {
    if (tenant.copy === undefined || tenant.copy.gone) continue;
    const task = evidence.server.task(tenant.copy.newTaskId);
    if (task === undefined || !task.alive || task.tainted) continue;
    // Its ID came in another one's answer: what that asked for, nobody can know before a look.
    if (task.owner !== undefined && task.owner !== tenant.ref) continue;
    for (const [reportId, report] of tenant.reports) {
      if (report.known === undefined) continue;
      // A server that lists one of two rows, and a source task that nobody could read: no client can know of the second.
      if (evidence.server.listsRowsOnce && tenant.copy.sourceRows === undefined) continue;
      for (const truth of task.reports)
        if (
          truth.reportId === reportId &&
          !sameSwaps(report.known, truth.swaps) &&
          // A row that is not listed may still map what was in force before, and the log says so.
          !report.possible.some((swaps) => sameSwaps(swaps, truth.swaps))
        )
          return `the log calls report ${reportId} of ${tenant.ref} mapped to ${apps(report.known)}, and the server has ${apps(truth.swaps)}`;
    }
  }
  return undefined;
}

function apps(swaps: readonly { readonly newQlikAppId: string }[]): string {
  return `[${swaps.map((swap) => swap.newQlikAppId.slice(-3)).join(" ")}]`;
}

/** No task is held by two tenants of the log, and no source task by any. */
export function noTaskIsHeldByTwo(evidence: Evidence): Finding {
  const holders = new Map<TaskId, TenantRef>();
  for (const tenant of evidence.durable.tenants()) {
    if (tenant.copy === undefined) continue;
    const { newTaskId } = tenant.copy;
    if (evidence.server.task(newTaskId)?.kind === "source") return `${tenant.ref} holds the source task`;
    const holder = holders.get(newTaskId);
    if (holder !== undefined) return `${newTaskId} is held by ${holder} and ${tenant.ref}`;
    holders.set(newTaskId, tenant.ref);
  }
  return undefined;
}

/** A doubt is ended only by a task that its own request made, or that a person made under its name after the intent. */
export function doubtsFindTheirOwn(evidence: Evidence, entry: LogEntry): Finding {
  if (entry.type !== "settled" || entry.found !== "copy" || entry.newTaskId === undefined) return undefined;
  const sent = evidence.server.sent.find((one) => one.write === entry.write);
  const task = evidence.server.task(entry.newTaskId);
  if (task === undefined) return `a doubt was ended by ${entry.newTaskId}, which never was`;
  if (sent === undefined || sent.excused || task.by?.excused === true || task.by?.ref === sent.ref) return undefined;
  // Not to be seen in a list that looked whole, or made by a person after the first send: no client can tell.
  if (task.leftOutAt.length > 0) return undefined;
  const isAlike = !evidence.server.listsReports || hasOnlyReportsOf(task, evidence.server.task(sourceOf(sent)));
  if (task.kind === "foreign" && isAlike && task.bornAt >= evidence.server.firstSendOf(sent.ref)) return undefined;
  return `the doubt of ${sent.ref} was ended by the task ${task.id}, which is not its own`;
}

function sourceOf({ body, ref }: SentWrite): TaskId {
  return "name" in body ? body.sourceTaskId : ((ref?.split(" ")[0] ?? "") as TaskId);
}

function hasOnlyReportsOf(task: TrueTask, source: TrueTask | undefined): boolean {
  return task.reports.every(({ reportId }) => source?.reports.some((row) => row.reportId === reportId) === true);
}

/** A twin is told by the next run that can list: its ID stands in a `TWIN`. */
export function twinsAreTold(
  evidence: Evidence,
  result: RunResult,
  twinsBefore: readonly { readonly ref: TenantRef; readonly task: TrueTask }[],
): Finding {
  const told = [
    ...result.warnings.filter((warning) => warning.code === "TWIN").map((warning) => warning.message),
    // What may be the work of another's doubt is told there.
    ...result.tenants.flatMap(({ error }) =>
      error?.code === "TWIN" || error?.code === "CANDIDATE" ? error.message : [],
    ),
  ].join(" ");
  for (const twin of twinsBefore) {
    if (!twin.task.alive || told.includes(twin.task.id)) continue;
    const state = evidence.durable.tenant(twin.ref);
    if (state === undefined || state.openCreates.length > 0 || state.copy === undefined) continue;
    if (state.copy.newTaskId === twin.task.id || state.copy.gone) continue;
    return `the twin ${twin.task.id} of ${twin.ref} was there, and no TWIN told it`;
  }
  return undefined;
}

/** Tenants that hold a copy while another task that bears one of their names, and was not there before, is on the server. */
export function twinsOnServer(evidence: Evidence): readonly { readonly ref: TenantRef; readonly task: TrueTask }[] {
  const unexplained = evidence.server
    .alive()
    .filter((task) => task.kind !== "source" && !evidence.durable.explains(task.id));
  if (unexplained.length === 0) return [];
  const copyNames = [...evidence.durable.tenants()].flatMap(({ copy }) => (copy === undefined ? [] : copy.name));
  const named = new Set(copyNames.map(foldName));
  const twins: { readonly ref: TenantRef; readonly task: TrueTask }[] = [];
  for (const state of evidence.durable.tenants()) {
    if (state.copy === undefined || state.copy.gone) continue;
    if (evidence.server.task(state.copy.newTaskId)?.alive !== true) continue;
    for (const task of unexplained) if (isTwin(evidence, state, { task, named })) twins.push({ ref: state.ref, task });
  }
  return twins;
}

function isTwin(
  evidence: Evidence,
  state: TenantState,
  { task, named }: { readonly task: TrueTask; readonly named: ReadonlySet<FoldedName> },
): boolean {
  const listed = foldName(task.name);
  const bears = (name: string): boolean => {
    const sent = foldName(name);
    return listed === sent || (bearsName(listed, sent) && !named.has(listed));
  };
  const { intents, copy } = state;
  if (intents.some((intent) => bears(intent.name) && intent.before?.includes(task.id) !== true)) return true;
  const since = evidence.held.get(state.ref)?.since;
  return copy !== undefined && since !== undefined && task.bornAt > since && bears(copy.name);
}

/** Whatever did not end well names a way out. */
export function troubleNamesAWayOut(result: RunResult): Finding {
  for (const tenant of result.tenants) {
    const bad = tenant.outcome === "failed" || tenant.outcome === "in-doubt";
    if (bad && (tenant.error?.hint ?? "") === "")
      return `${tenant.tenant}: ${tenant.outcome} without a way out (${tenant.error?.code})`;
  }
  return undefined;
}

/** Nothing is sent by a process whose log somebody else has taken over, or whose last beat is old. */
export function nothingIsSentWithoutTheLock(log: OpenLog | undefined): Finding {
  const why = log?.forbids;
  return why === undefined ? undefined : `a request was sent although the log forbids it (${why})`;
}

/** Who finds its log taken over ends with exit 6. */
export function aLostLockEndsTheRun(log: OpenLog | undefined, result: RunResult): Finding {
  if (log === undefined || log.refused === 0 || result.exitCode === 6) return undefined;
  return `its log was taken over, and it ended with exit ${result.exitCode}`;
}

/**
 * The list says whose a task is: where it shows a tenant's copy under another tenant's name, nothing goes to either from then on,
 * unless a person has said that it is right.
 */
export function noPatchOfACrossedTask(evidence: Evidence, sent: SentWrite, looks: Looks): Finding {
  if (!("rowId" in sent.body) || sent.ref === undefined) return undefined;
  const why = whyCrossed(evidence, { ref: sent.ref, id: sent.body.taskId }, looks);
  return why && `the copy of ${sent.ref} was PATCHed after a list had shown ${why}`;
}

/** Nor is it told of either that all is well. */
export function crossedTasksAreTold(
  evidence: Evidence,
  observer: Observer,
  result: TenantResult,
  ref: TenantRef,
): Finding {
  if (result.outcome !== "succeeded" || result.newTaskId === undefined) return undefined;
  const why = whyCrossed(evidence, { ref, id: result.newTaskId as TaskId }, observer.looks);
  return why && `${result.tenant}: ${result.action} succeeded, and the last list shows ${why}`;
}

function whyCrossed(
  evidence: Evidence,
  of: { readonly ref: TenantRef; readonly id: TaskId },
  looks: Looks,
): string | undefined {
  const name = foreignNameOf(evidence, of, looks);
  if (name !== undefined) return `it as "${name}", another tenant's name`;
  const state = evidence.durable.tenant(of.ref);
  if (state === undefined) return undefined;
  // Which task is its own, a person has said: what another's is called is that one's trouble.
  if (evidence.held.get(of.ref)?.by === "person") return undefined;
  const own = ownNames(evidence, state, "person");
  for (const { ref, copy } of evidence.durable.tenants()) {
    if (ref === of.ref || copy === undefined || copy.gone) continue;
    const borne = foreignNameOf(evidence, { ref, id: copy.newTaskId }, looks);
    if (borne === undefined || !own.has(foldName(borne))) continue;
    // Where two have that name (a late list let it pass), one of them is told.
    const holders = [...evidence.durable.tenants()].filter((one) =>
      ownNames(evidence, one, "person").has(foldName(borne)),
    );
    if (holders.length === 1) return `the copy of ${ref} under its name`;
  }
  return undefined;
}

/** The name under which the last list shows a tenant's copy, where that is another tenant's and none of its own. */
function foreignNameOf(
  evidence: Evidence,
  of: { readonly ref: TenantRef; readonly id: TaskId },
  looks: Looks,
): string | undefined {
  const held = evidence.held.get(of.ref);
  const state = evidence.durable.tenant(of.ref);
  if (held === undefined || state?.copy?.newTaskId !== of.id) return undefined;
  const list = looks.lists.findLast(({ kind, tasks }) => kind === "read" && tasks.some(({ id }) => id === of.id));
  if (list === undefined || list.at < held.since) return undefined;
  const listed = list.tasks.find(({ id }) => id === of.id)?.name ?? "";
  const name = foldName(listed);
  if (ownNames(evidence, state, held.by).has(name)) return undefined;
  for (const other of evidence.durable.tenants())
    if (other.ref !== of.ref && ownNames(evidence, other, "person").has(name)) return listed;
  for (const [ref, other] of evidence.manifestNames) if (ref !== of.ref && foldName(other) === name) return listed;
  return undefined;
}

/** What a column or `--adopt` took over under a name does not make that name its own. */
function ownNames(evidence: Evidence, state: TenantState, by: "run" | "person"): ReadonlySet<FoldedName> {
  const wanted = evidence.manifestNames.get(state.ref);
  const names = [...state.intents.map(({ name }) => name), ...(wanted === undefined ? [] : [wanted])];
  if (by === "person" && state.copy !== undefined) names.push(state.copy.name);
  return new Set(names.map(foldName));
}

/** Nothing is called verified whose every row was not shown, with nothing sent to it since. */
export function verifiedWasSeen(evidence: Evidence, result: TenantResult): Finding {
  const task = result.newTaskId === undefined ? undefined : evidence.server.task(result.newTaskId as TaskId);
  if (!result.verified || task === undefined) return undefined;
  const { shownWholeAt } = task;
  if (shownWholeAt === undefined)
    return `${result.tenant}: verified, and no answer ever showed every row of ${task.id}`;
  const later = evidence.server.sent.find(
    (sent) => "rowId" in sent.body && sent.body.taskId === task.id && sent.sentAt > shownWholeAt && hasWorked(sent),
  );
  return later && `${result.tenant}: verified, and something was sent to ${task.id} after it was last seen whole`;
}

function hasWorked(sent: SentWrite): boolean {
  return sent.told !== "nothing-done";
}

/** A run with `--verify` calls only that verified, or well, which it has itself read. */
export function verifyReads(evidence: Evidence, observer: Observer, result: TenantResult): Finding {
  if (!observer.plan.verify || result.newTaskId === undefined) return undefined;
  if (result.action === "skip" || result.action === "orphan") return undefined;
  const id = result.newTaskId as TaskId;
  const { copies, read } = observer.looks;
  const look = copies.get(id);
  if (result.verified && look !== "whole")
    return `${result.tenant}: verified in a run with --verify, which read its copy as ${look ?? "nothing"}`;
  if (result.outcome === "succeeded" && look !== undefined && !read.has(id) && evidence.server.listsReports)
    return `${result.tenant}: ${result.action} succeeded in a run with --verify that could not read its copy`;
  return undefined;
}

/** A copy that ended well has on every row what the manifest wants (an honest server, no person editing). */
export function successIsMapped(evidence: Evidence, result: TenantResult, ref: TenantRef): Finding {
  if (!evidence.mappingsHonest || result.outcome !== "succeeded" || result.newTaskId === undefined) return undefined;
  const task = evidence.server.task(result.newTaskId as TaskId);
  if (task === undefined || !task.alive || task.tainted || task.owner !== ref) return undefined;
  // What is never listed can be neither PATCHed nor read: such a copy is called well, and not verified.
  if (evidence.server.listsRowsOnce && !result.verified) return undefined;
  const wanted = byReport(result.mappings as TypedMappings);
  for (const { reportId, swaps } of task.reports) {
    const apps = wanted.get(reportId);
    if (apps !== undefined && !sameSwaps(swaps, apps))
      return `${result.tenant}: ${result.action} succeeded, and a row of report ${reportId} is mapped otherwise`;
  }
  return undefined;
}

/** A list that was not read to its end, or lacks what must be in it, is told by every run. */
export function poorListsAreTold(evidence: Evidence, observer: Observer, result: RunResult): Finding {
  const [first] = observer.looks.lists;
  if (first === undefined || result.exitCode === 7) return undefined;
  const wanted = new Set(
    result.tenants.flatMap((tenant) =>
      tenant.action === "skip" || tenant.action === "orphan" ? [] : (tenant.sourceTaskId ?? []),
    ),
  );
  if (wanted.size === 0) return undefined;
  const listed = new Set<string>(first.tasks.map((task) => task.id));
  const lacks =
    [...wanted].some((id) => !listed.has(id)) ||
    (!observer.plan.blind && observer.knownCopies.some((id) => isHidden(evidence, id, listed)));
  if (first.kind === "read" && !lacks) return undefined;
  const told = result.warnings.some(({ code }) => code === "LIST_NOT_READ" || code === "LIST_NOT_WHOLE");
  return told
    ? undefined
    : `the task list was ${first.kind === "read" ? "not whole" : "not read"}, and no warning says so`;
}

function isHidden(evidence: Evidence, id: TaskId, listed: ReadonlySet<string>): boolean {
  return !listed.has(id) && evidence.server.task(id)?.alive === true && evidence.server.answersByIds;
}

/**
 * Where the log knows nothing of a source task, and a task bears the name of any of its tenants, the log is lost: nothing of that
 * source task is created without `--adopt` or `--new-log`.
 */
export function nothingIsCreatedBesideALostLog(evidence: Evidence, observer: Observer, sent: SentWrite): Finding {
  if (!("name" in sent.body) || observer.plan.newLog) return undefined;
  const { sourceTaskId } = sent.body;
  const [first] = observer.looks.lists;
  if (first === undefined || observer.knownSources.has(sourceTaskId)) return undefined;
  const before = first.tasks.filter(({ id }) => {
    const task = evidence.server.task(id);
    const isKnown = observer.knownCopies.includes(id) || evidence.durable.explains(id);
    return task !== undefined && task.kind !== "source" && !isKnown;
  });
  const { rows, only, limit } = observer.plan;
  const selected = new Set(only.map(foldTenantKey));
  // Which task is its own, such a row says: it is adopted when its tenant is carried out.
  const said = rows.flatMap(({ tenant, newTaskId }) => (newTaskId === "none" ? [] : foldTenantKey(tenant)));
  const aside = said.filter((key) => limit !== undefined || (only.length > 0 && !selected.has(key)));
  const names = [...evidence.manifestNames]
    .filter(([ref]) => ref.startsWith(`${sourceTaskId} `) && !aside.some((key) => ref.endsWith(` ${key}`)))
    .map(([, name]) => foldName(name));
  const taken = before.find((task) => names.includes(foldName(task.name)));
  if (!observer.plan.adopt)
    return taken && `"${sent.body.name}" was sent with a log that knows no copy, while "${taken.name}" was there`;
  const { readFaults, shortAnswers, shareApps } = observer.plan;
  if (evidence.server.hidesAnything || readFaults > 0 || shortAnswers > 0 || shareApps) return undefined;
  const apps = appsSent(sent.body);
  const own = before.find(({ id }) => {
    const { owner, reports } = evidence.server.task(id) ?? { owner: undefined, reports: [] };
    const isOfSource = owner?.startsWith(`${sourceTaskId} `) === true;
    return isOfSource && reports.some(({ swaps }) => swaps.some((swap) => apps.includes(swap.newQlikAppId)));
  });
  return own && `"${sent.body.name}" was sent with --adopt, while "${own.name}" was there and read its app`;
}

function describeBody(body: CreateRequest | PatchRequest): string {
  return "name" in body ? `create "${body.name}"` : `PATCH of ${body.taskId}`;
}
