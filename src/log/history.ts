import { type ReportId, type TaskId, type TenantRef, tenantRef, type WriteId } from "../shared/ids.js";
import type { LogRecord, RunBy, RunRecord } from "./records.js";
import type { LogState } from "./state.js";

/** One report's app, before a record and after it. `before`: `null` where it was not mapped, absent where nobody knew. */
export interface AppChange {
  readonly reportId: ReportId;
  readonly qlikAppId: string;
  readonly before?: string | null | undefined;
  readonly newQlikAppId: string;
}

/** One record that speaks of a tenant. */
export interface HistoryEvent {
  readonly seq: number;
  /** UTC, RFC 3339. */
  readonly at: string;
  readonly run: string;
  readonly by: RunBy | undefined;
  readonly tenant: string;
  readonly sourceTaskId: TaskId;
  /** The record's type, as the log has it. */
  readonly type: LogRecord["type"];
  /** What it means, for people. */
  readonly event: string;
  readonly newTaskId: TaskId | undefined;
  readonly name: string | undefined;
  readonly apps: readonly AppChange[];
  readonly code: string | undefined;
  readonly message: string | undefined;
  readonly reason: string | undefined;
}

/** Whom a record is about, and what it was to do. */
type Subject = Pick<HistoryEvent, "tenant" | "sourceTaskId" | "apps" | "name" | "newTaskId">;

/** One run that wrote to the log. */
export interface HistoryRun {
  readonly run: string;
  readonly seq: number;
  readonly at: string;
  readonly command: RunRecord["command"];
  readonly manifest: string | undefined;
  /** As they were typed. */
  readonly options: readonly string[] | undefined;
  readonly by: RunBy | undefined;
  /** What stopped or refused it. */
  readonly errors: readonly { readonly code: string; readonly message: string }[];
  /** `undefined`: it was killed, or is under way. */
  readonly exitCode: number | undefined;
  readonly created: number;
  readonly updated: number;
  readonly adopted: number;
  readonly refused: number;
  readonly inDoubt: number;
  /** Tenants that nothing was done for: conflicts, and copies that could not be read. */
  readonly notDone: number;
  /** What a person gave as reasons. */
  readonly reasons: readonly string[];
}

type Counted = "created" | "updated" | "adopted" | "refused" | "inDoubt" | "notDone";

/** Collects what a log says of its runs, and of the tenants that are asked for, from its records in their order. */
export class History {
  readonly events: HistoryEvent[] = [];
  readonly #runs = new Map<string, { -readonly [Key in keyof HistoryRun]: HistoryRun[Key] }>();
  readonly #isAskedFor: (tenant: string) => boolean;
  /** Whose each write is, and what it was to do. */
  readonly #writes = new Map<WriteId, Subject>();

  constructor(isAskedFor: (tenant: string) => boolean) {
    this.#isAskedFor = isAskedFor;
  }

  runs(): readonly HistoryRun[] {
    return [...this.#runs.values()];
  }

  /** Takes a record in. `before`: the log's state without it. */
  take(record: LogRecord, before: LogState): void {
    if (record.type === "run") {
      const { run, seq, at, command, manifest, by, options } = record;
      const none = { created: 0, updated: 0, adopted: 0, refused: 0, inDoubt: 0, notDone: 0 };
      const begun = { run, seq, at, command, manifest: manifest?.fileName, options, by };
      this.#runs.set(run, { ...begun, errors: [], exitCode: undefined, reasons: [], ...none });
    }
    const run = this.#runs.get(record.run);
    if (record.type === "run-end" && run !== undefined) {
      run.exitCode = record.exitCode;
      run.errors = record.errors ?? [];
    }
    if (run !== undefined && "reason" in record && record.reason !== undefined)
      run.reasons = [...new Set([...run.reasons, record.reason])];
    const counted = countedAs(record);
    if (run !== undefined && counted !== undefined) run[counted] += 1;
    if ("keys" in record)
      for (const key of record.keys)
        this.#add(record, before, tenantRef(record.sourceTaskId, key), record.sourceTaskId);
    else if ("key" in record)
      this.#add(record, before, tenantRef(record.sourceTaskId, record.key), record.sourceTaskId);
    else if ("write" in record) {
      const write = this.#writes.get(record.write);
      if (write !== undefined) this.#push(record, write);
    }
  }

  #add(record: LogRecord, before: LogState, ref: TenantRef, sourceTaskId: TaskId): void {
    const known = before.tenant(ref);
    const tenant = "tenant" in record ? record.tenant : (known?.tenant ?? ("key" in record ? record.key : ref));
    if (!this.#isAskedFor(tenant)) return;
    const apps = changesOf(record, (reportId, app) => {
      const apps = known?.reports.get(reportId)?.known;
      return apps === undefined ? undefined : (apps.find(({ qlikAppId }) => qlikAppId === app)?.newQlikAppId ?? null);
    });
    const name = "name" in record ? record.name : known?.copy?.name;
    const subject = { tenant, sourceTaskId, apps, name, newTaskId: known?.copy?.newTaskId };
    if ("write" in record) this.#writes.set(record.write, subject);
    const holder = record.type === "adopted" ? before.holdersOf(record.newTaskId)[0] : undefined;
    this.#push(record, subject, holder === undefined ? undefined : before.tenant(holder)?.tenant);
  }

  /** `holder`: the tenant whose copy it was until now. */
  #push(record: LogRecord, subject: Subject, holder?: string | undefined): void {
    const { seq, at, run, type } = record;
    const event = holder === undefined ? eventOf(record, subject.apps) : `adopted: it was ${holder}'s copy`;
    this.events.push({
      ...{ seq, at, run, by: this.#runs.get(run)?.by, ...subject, type, event },
      ...("newTaskId" in record && { newTaskId: record.newTaskId }),
      code: "code" in record ? record.code : undefined,
      message: "message" in record ? record.message : undefined,
      reason: "reason" in record ? record.reason : undefined,
    });
  }
}

function countedAs(record: LogRecord): Counted | undefined {
  if (record.type === "adopted") return "adopted";
  if (record.type === "not-done") return "notDone";
  if (record.type !== "create-outcome" && record.type !== "patch-outcome") return undefined;
  if (record.outcome === "succeeded") return record.type === "create-outcome" ? "created" : "updated";
  if (record.outcome === "refused") return "refused";
  return record.outcome === "in-doubt" ? "inDoubt" : undefined;
}

/** Which app each report reads before a record and after it. */
function changesOf(
  record: LogRecord,
  appBefore: (reportId: ReportId, qlikAppId: string) => string | null | undefined,
): readonly AppChange[] {
  if (record.type === "create-intent") return record.mappings.map((mapping) => ({ ...mapping, before: null }));
  const reports = record.type === "patch-intent" ? [record] : record.type === "observed" ? record.reports : [];
  return reports.flatMap(({ reportId, apps }) =>
    (apps ?? []).map((swap) => ({ reportId, ...swap, before: appBefore(reportId, swap.qlikAppId) })),
  );
}

const ENDS = { succeeded: "done", refused: "refused", "not-sent": "not sent", "in-doubt": "in doubt" };
const FOUND = {
  copy: "doubt settled: its copy was found",
  absent: "doubt settled: it never arrived",
  abandoned: "doubt given up",
};

/** What a record means, in a few words. */
function eventOf(record: LogRecord, apps: readonly AppChange[]): string {
  switch (record.type) {
    case "create-intent":
      return record.attempt > 1 ? `create is sent (try ${record.attempt})` : "create is sent";
    case "create-outcome":
      return `create ${ENDS[record.outcome]}`;
    case "patch-intent":
      return "update is sent";
    case "patch-outcome":
      return `update ${ENDS[record.outcome]}`;
    case "settled":
      return FOUND[record.found];
    case "observed":
      if (record.verified) return "read back: as the manifest wants";
      return apps.some(({ before, newQlikAppId }) => before !== undefined && before !== newQlikAppId)
        ? "read back: mapped otherwise than known"
        : "read back";
    case "forgotten":
      return record.to === undefined ? "forgotten" : `its copy is now of ${record.to}`;
    case "retry":
      return record.withdrawn === true ? "permission to create again withdrawn" : "may be created again";
    case "crossed":
      return record.ended === true ? "has its own name again" : `bears another tenant's name: ${record.listed}`;
    case "renamed":
      return `renamed on the server: ${record.listed}`;
    case "name-changed":
      return `named otherwise by the server: ${record.listed}`;
    default:
      return record.type.replaceAll("-", " ");
  }
}
