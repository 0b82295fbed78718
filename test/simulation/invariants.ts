import type { CreateRequest, PatchRequest } from "../../src/app/ports.js";
import { type AppId, foldName, type TaskId, type TenantRef } from "../../src/domain/ids.js";
import type { CreateIntentRecord, LogEntry, PatchIntentRecord } from "../../src/domain/log-record.js";
import type { LogState } from "../../src/domain/log-state.js";
import { byReport, sameSwaps } from "../../src/domain/mapping.js";
import type { RunResult, TenantResult } from "../../src/domain/outcome.js";
import type { TenantState } from "../../src/domain/tenant-state.js";
import type { SentWrite, ServerModel, TrueTask } from "./server-model.js";

/** What an invariant may look at: the truth of the server, and the log as it is on the disk and as it was written. */
export interface Evidence {
  readonly now: number;
  readonly settleMs: number;
  readonly server: ServerModel;
  /** Records that survive any crash from now on. */
  readonly durable: LogState;
  /** Records written, durable or not. */
  readonly written: LogState;
  readonly durableIntents: ReadonlyMap<string, CreateIntentRecord | PatchIntentRecord>;
  readonly sharedApps: ReadonlySet<AppId>;
  readonly mappingsHonest: boolean;
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
  for (const earlier of evidence.server.sent) {
    if (earlier === sent || earlier.ref !== sent.ref || earlier.excused || !("name" in earlier.body)) continue;
    const finding = whyAlive(evidence, earlier);
    if (finding !== undefined) return `a create of ${sent.ref} ("${sent.body.name}") was sent while ${finding}`;
  }
  return undefined;
}

function whyAlive(evidence: Evidence, earlier: SentWrite): Finding {
  if (earlier.told === "nothing-done") return undefined;
  if (earlier.told === "waiting") return "an earlier one was still in flight";
  const mayCome =
    earlier.pending > 0 && earlier.gaveUpAt !== undefined && evidence.now < earlier.gaveUpAt + evidence.settleMs;
  if (mayCome) return "an earlier one could still arrive";
  if (
    earlier.told === "unknown" &&
    earlier.gaveUpAt !== undefined &&
    earlier.tasks.length === 0 &&
    evidence.now < earlier.gaveUpAt + evidence.settleMs
  )
    return "an earlier one was given up less than --settle ago";
  if (earlier.brokeWord) return undefined;
  const alive = earlier.tasks.find((task) => task.alive && !wasHidden(evidence, earlier, task));
  return alive === undefined ? undefined : `its task ${alive.id} from an earlier one was there`;
}

function wasHidden(evidence: Evidence, earlier: SentWrite, task: TrueTask): boolean {
  const from = (earlier.gaveUpAt ?? earlier.sentAt) + evidence.settleMs;
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
      if (readsApp(evidence, other, app))
        return `the app ${app} was sent for ${sent.ref} while it is in force for ${other.ref}`;
    }
  }
  return undefined;
}

function readsApp(evidence: Evidence, tenant: TenantState, app: AppId): boolean {
  const task = tenant.copy === undefined ? undefined : evidence.server.task(tenant.copy.newTaskId);
  if (task?.alive && !task.tainted && tenant.copy?.gone === false)
    if (task.reports.some((report) => report.swaps.some((swap) => swap.newQlikAppId === app))) return true;
  return evidence.server.sent.some(
    (sent) =>
      sent.ref === tenant.ref &&
      !sent.excused &&
      !sent.brokeWord &&
      appsSent(sent.body).includes(app) &&
      (sent.told === "waiting" ||
        (sent.pending > 0 && sent.gaveUpAt !== undefined && evidence.now < sent.gaveUpAt + evidence.settleMs)),
  );
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
    if (earlier.told === "waiting") return "a PATCH was sent while another one of the same report was in flight";
    if (earlier.told === "unknown" && (earlier.gaveUpAt ?? 0) + evidence.settleMs > evidence.now)
      return "a PATCH was sent less than --settle after one of the same report went in doubt";
  }
  return undefined;
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
    const report = state.reports.get(reportId);
    if (report === undefined && state.originalRows !== undefined && !state.originalRows.has(reportId)) continue;
    // What the server answered, where it could not be read afterwards.
    const mapped = report?.known ?? report?.answered;
    if (mapped === undefined || !sameSwaps(mapped, apps))
      return `${ref} was told ${result.action} succeeded, and the disk does not say that report ${reportId} is mapped`;
  }
  return undefined;
}

type TypedMappings = Parameters<typeof byReport>[0];

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
    for (const [reportId, report] of tenant.reports) {
      if (report.known === undefined) continue;
      for (const truth of task.reports)
        if (truth.reportId === reportId && !sameSwaps(report.known, truth.swaps))
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
  if (sent === undefined || task.by?.ref === sent.ref) return undefined;
  // Not to be seen in a list that looked whole, or made by a person after the first send: no client can tell.
  if (task.omittedAt.length > 0) return undefined;
  if (task.kind === "foreign" && task.bornAt >= evidence.server.firstSendOf(sent.ref)) return undefined;
  return `the doubt of ${sent.ref} was ended by the task ${task.id}, which is not its own`;
}

/** A twin is told by the next run that can list: its ID stands in a `TWIN`. */
export function twinsAreTold(
  evidence: Evidence,
  result: RunResult,
  twinsBefore: readonly { readonly ref: TenantRef; readonly task: TrueTask }[],
): Finding {
  const told = [
    ...result.warnings.filter((warning) => warning.code === "TWIN").map((warning) => warning.message),
    ...result.tenants.flatMap((tenant) => (tenant.error?.code === "TWIN" ? [tenant.error.message] : [])),
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

/** Tenants that hold a copy while another task of theirs, of a name that was sent and not there before, is on the server. */
export function twinsOnServer(evidence: Evidence): readonly { readonly ref: TenantRef; readonly task: TrueTask }[] {
  const twins: { readonly ref: TenantRef; readonly task: TrueTask }[] = [];
  for (const task of evidence.server.alive()) {
    const ref = task.by?.ref;
    if (ref === undefined || evidence.durable.explains(task.id)) continue;
    const state = evidence.durable.tenant(ref);
    if (state?.copy === undefined || state.copy.gone) continue;
    if (evidence.server.task(state.copy.newTaskId)?.alive !== true) continue;
    const named = state.intents.some(
      (intent) => foldName(intent.name) === foldName(task.name) && intent.before?.includes(task.id) !== true,
    );
    if (named) twins.push({ ref, task });
  }
  return twins;
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

function describeBody(body: CreateRequest | PatchRequest): string {
  return "name" in body ? `create "${body.name}"` : `PATCH of ${body.taskId}`;
}
