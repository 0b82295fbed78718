import * as z from "zod/mini";
import type { AppId, ReportId, RowId, TaskId, TenantKey, WriteId } from "../shared/ids.js";
import { LONGEST_CELL } from "../shared/text-limits.js";

/*
 * What stands in a log, as schemas and as the types that follow from them. Every record is held against its schema when it is read
 * and, so that nothing unreadable ever enters a log, before it is written.
 */

const GUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** A text of a log; the longest that a manifest or a server gives is shorter. */
export const text = z.string().check(z.maxLength(LONGEST_CELL));
const flag = z.boolean();
const count = z.int().check(z.nonnegative());
const onlyTrue = z.optional(z.literal(true));
const textOrNone = z.optional(text);

function guid<Id extends string>() {
  return z.custom<Id>((value) => typeof value === "string" && GUID.test(value));
}

function words<Id extends string>() {
  return z.custom<Id>((value) => typeof value === "string" && value !== "" && value.length <= LONGEST_CELL);
}

const anyGuid = guid<string>();
export const taskId = guid<TaskId>();
const reportId = guid<ReportId>();
const appId = guid<AppId>();
export const sha256 = z.string().check(z.regex(/^[0-9a-f]{64}$/));
export const tenantKey = words<TenantKey>();
const writeId = words<WriteId>();
/** `null`: no whole list was read, or there were too many to be kept. */
const taskIdsOrNull = z.nullable(z.array(taskId));
const swaps = z.array(z.object({ qlikAppId: appId, newQlikAppId: appId }));
export const mappings = z.array(z.object({ reportId, qlikAppId: appId, newQlikAppId: appId }));
/** Which of a report's two IDs is sent in bodies (`--report-id`). */
const reportIdMode = z.enum(["row", "report"]);
/** How one write ended. `not-sent` and `refused` are certain; `in-doubt` leaves it open. */
const outcome = z.enum(["succeeded", "refused", "not-sent", "in-doubt"]);
const tenant = { sourceTaskId: taskId, key: tenantKey };
const copy = { ...tenant, newTaskId: taskId };
const explanation = { code: textOrNone, message: textOrNone, httpStatus: z.optional(count) };

/** The options that shape a plan, as a run's record keeps them for `--resume`. */
export const PLAN_SHAPE = z.object({
  sourceTask: z.optional(taskId),
  masterApp: z.optional(appId),
  reports: z.array(anyGuid),
  /** `--column`; logs of earlier versions have none. */
  columns: z.optional(z.array(text)),
  /** `--sheet`. */
  sheet: z.optional(text),
  reportId: reportIdMode,
  name: textOrNone,
  adopt: flag,
  recreate: flag,
  only: z.array(text),
  limit: z.optional(count),
  allowSharedApp: z.array(appId),
  allowMasterApp: z.array(text),
  allowUnmappedReport: z.array(anyGuid),
  allowLiveSource: flag,
});

/** A report of the source task as an intent keeps it. */
const reportRow = z.object({ rowId: guid<RowId>(), reportId });

/** One report as a copy showed it. */
const observedReport = z.object({
  reportId,
  /** `null`: it shows none, so that they are unknown. */
  apps: z.nullable(swaps),
  /** Another row of the report was not shown: what is known of it stays known only where this is the same. */
  partly: onlyTrue,
  /** The copy lists fewer rows of the report than its source task has: what it may have mapped before, a row may map still. */
  rowsLack: onlyTrue,
});

/** Who runs the program, where, and in which version; the address of the CI job, where there is one. */
const runBy = z.object({ user: textOrNone, host: text, version: text, ciJob: textOrNone });

/** What each type of record has, besides its type and what the log adds to every line. */
const ENTRIES = {
  /** A `sync` or `resolve` that writes to the log; the first record of its run. */
  run: z.object({
    command: z.enum(["sync", "resolve"]),
    manifest: z.optional(z.object({ path: text, fileName: text, sha256: text })),
    shape: z.optional(PLAN_SHAPE),
    /** SHA-256 of the saved plan that is carried out (`--plan`). */
    plan: textOrNone,
    /** The options as they were typed, none of them a secret. */
    options: z.optional(z.array(text)),
    by: z.optional(runBy),
  }),
  /** A run's end, where it was not killed. `left`: tenants that stay `planned`, failed or in doubt. `errors`: what stopped it, or refused it. */
  "run-end": z.object({
    exitCode: count,
    left: count,
    errors: z.optional(z.array(z.object({ code: text, message: text }))),
  }),
  /** A sync did nothing for a tenant, and why: it is in conflict, or could not be verified. */
  "not-done": z.object({ ...tenant, tenant: text, code: text, message: text }),
  /** A source task as the log first met it: `{task}` stays this name. */
  source: z.object({ sourceTaskId: taskId, name: text }),
  /**
   * The listed tasks that no record explained when this run began to create, before its first create's intent: a task that is not
   * among them, and that nobody's name explains, may be what a create of this run has made under another name.
   */
  unexplained: z.object({ tasks: taskIdsOrNull }),
  /** A create is about to be sent. Holds all that a later look-up needs. */
  "create-intent": z.object({
    ...tenant,
    write: writeId,
    tenant: text,
    /** The manifest's file name. */
    manifest: text,
    name: text,
    mappings,
    /** Reports that the manifest named one by one (a mapping of these that is dropped later is a removal). */
    named: z.array(reportId),
    /** The source task's reports; empty where the server does not list them. */
    reports: z.array(reportRow),
    reportIdMode,
    idempotencyKey: text,
    /** Listed tasks that had this name, or a similar one, before the send. */
    before: taskIdsOrNull,
    /** 1 for the first create of this tenant, one more each time it is sent again after it was found absent. */
    attempt: count,
  }),
  "create-outcome": z.object({ write: writeId, outcome, newTaskId: z.optional(taskId), ...explanation }),
  /**
   * A doubt about a create was ended: the copy was found, its absence was shown, or `resolve --retry` gave it up
   * (`abandoned`: its names are still looked for as twins).
   */
  settled: z.object({
    write: writeId,
    found: z.enum(["copy", "absent", "abandoned"]),
    newTaskId: z.optional(taskId),
  }),
  /** A task that exists already was taken into the log. */
  adopted: z.object({
    ...copy,
    tenant: text,
    manifest: text,
    name: text,
    by: z.enum(["adopt", "newTaskId", "resolve"]),
    /** Listed tasks, besides this one, that had its name, or a similar one. */
    before: z.optional(taskIdsOrNull),
    reason: textOrNone,
  }),
  /** What the server showed of a copy. */
  observed: z.object({
    ...copy,
    reports: z.array(observedReport),
    /** The report of each row that the copy has. */
    has: z.array(reportId),
    /** Every row's mappings were shown and equal to what the manifest wants. */
    verified: flag,
    /** When it was read, where it is verified (UTC, RFC 3339). */
    verifiedAt: textOrNone,
  }),
  /** Copies that were read back once more, and showed what is known of them: verified as before, and now anew. */
  verified: z.object({ sourceTaskId: taskId, keys: z.array(tenantKey), verifiedAt: text }),
  /** A PATCH of one report of a copy is about to be sent: from here to its outcome that report is unknown. */
  "patch-intent": z.object({
    ...copy,
    write: writeId,
    manifest: text,
    reportId,
    rowId: text,
    apps: swaps,
    /** Whether the manifest named this report. */
    named: flag,
    idempotencyKey: text,
    /** The ID in the request's body, where it is not the row's (`--report-id report`). */
    bodyId: textOrNone,
  }),
  "patch-outcome": z.object({
    write: writeId,
    outcome,
    /** It succeeded on a server that can be read: what it did is known when the copy was read back, and not before. */
    toRead: onlyTrue,
    /** It succeeded, and another row of the same report is still to be PATCHed: the report stays unknown until that one is. */
    moreRows: onlyTrue,
    ...explanation,
  }),
  /** The copy is provably gone from the server. */
  gone: z.object(copy),
  /** `resolve --forget`: the tenant holds nothing any more. Also the old key of a rename, and then `to` took its copy over. */
  forgotten: z.object({ ...tenant, reason: textOrNone, to: z.optional(tenantKey) }),
  /** `resolve --retry`: the next sync may create once more. `withdrawn`: a sync saw that the copy is there. */
  retry: z.object({ ...tenant, tenant: text, reason: textOrNone, withdrawn: z.optional(flag) }),
  /** A source task's creates are stopped until this copy reads back right, is gone, or `--report-id` has changed. */
  "source-stopped": z.object({
    ...copy,
    code: text,
    reportIdMode,
    /** What that copy was to have. */
    mappings,
  }),
  "source-cleared": z.object({ sourceTaskId: taskId }),
  /** The server gave a copy another name than was sent: absence by name proves nothing for this source task from here on. */
  "name-changed": z.object({ ...copy, sent: text, listed: text }),
  /** A list showed a copy under another name than the log has for it, after an earlier one had shown that: somebody renamed it. */
  renamed: z.object({ ...copy, from: text, listed: text }),
  /** A list showed a copy under the name of the tenant `other`: nothing is sent to either until the names are right (`ended`). */
  crossed: z.object({ ...copy, listed: text, other: z.object(tenant), ended: onlyTrue }),
  /** Every copy that is in the log up to here was listed; where its name was not the log's, a record says so. */
  "names-seen": z.object({ type: z.literal("names-seen") }),
  /** `log copy`: the log goes on in another place, and nothing is added here any more. */
  moved: z.object({ to: text, by: z.optional(runBy) }),
  /** `--sign-head`: what a command of the user's answered to a head of this log. */
  signed: z.object({ head: z.object({ seq: count, digest: sha256 }), signature: text }),
  /** `--rebind`: the server has a new address. */
  rebound: z.object({ server: text }),
};

const header = z.object({
  type: z.literal("header"),
  format: z.literal("qalyptus-propagate-log"),
  formatVersion: z.literal(1),
  server: text,
  sourceTasks: z.array(taskId),
});

/** What the log adds to each line, of whatever version. `digest` chains each line to the one before. */
const envelope = z.object({
  v: z.number(),
  seq: count,
  /** UTC, RFC 3339; for people, decides nothing. */
  at: text,
  run: text,
  type: text,
  /** The `seq` that was durable when this line was written. */
  synced: count,
  digest: text,
});

type Immutable<T> = T extends string ? T : { readonly [K in keyof T]: Immutable<T[K]> };
/** What a schema lets through, as it is kept: nothing changes it. */
export type Inferred<Schema extends z.ZodMiniType> = Immutable<z.infer<Schema>>;

type Entries = { readonly [T in keyof typeof ENTRIES]: { readonly type: T } & Inferred<(typeof ENTRIES)[T]> };

/** What one line of the log says, without what the log itself adds. */
export type LogEntry = Entries[keyof Entries];
export type LogHeader = Inferred<typeof header>;
export type LogEnvelope = Inferred<typeof envelope>;
export type LogRecord = LogEntry & LogEnvelope;
export type CreateIntentRecord = Entries["create-intent"];
export type CreateOutcomeRecord = Entries["create-outcome"];
export type RunRecord = Entries["run"];
export type RunBy = Inferred<typeof runBy>;
export type RunEndRecord = Entries["run-end"];
export type SignedRecord = Entries["signed"];
export type SourceStoppedRecord = Entries["source-stopped"];
export type ObservedRecord = Entries["observed"];
export type PatchIntentRecord = Entries["patch-intent"];
export type PatchOutcomeRecord = Entries["patch-outcome"];
export type ObservedReport = Inferred<typeof observedReport>;
export type ReportRow = Inferred<typeof reportRow>;
export type PlanShape = Inferred<typeof PLAN_SHAPE>;
export type WriteEnd = z.infer<typeof outcome>;

/** What is wrong with what claims to be a record's own part: a field, or, where `field` is `undefined`, a type that nobody knows. */
export function entryFault(entry: { readonly type: string }): { readonly field: string | undefined } | undefined {
  const schema = Object.hasOwn(ENTRIES, entry.type) ? ENTRIES[entry.type as keyof Entries] : undefined;
  if (schema === undefined) return { field: undefined };
  const { error } = schema.safeParse(entry);
  return error && { field: String(error.issues[0]?.path[0]) };
}

/** What each type of line has in all: most lines are right, and are looked at once. */
const LINES = new Map(Object.entries(ENTRIES).map(([type, entry]) => [type, z.extend(envelope, entry.shape)]));

/** Whether this is a record with all that its type has and that the log adds; what is wrong with another, the next two say. */
export function isWholeRecord(value: unknown): value is LogRecord {
  return LINES.get((Object(value) as LogEnvelope).type)?.safeParse(value).success === true;
}

/** Whether this is an object with all that the log adds to each of its lines. */
export function isRawLine(value: unknown): value is LogEnvelope {
  return envelope.safeParse(value).success;
}

/** The header that a line is; `undefined` where it is none of this format version. */
export function headerIn(value: unknown): LogHeader | undefined {
  return isRawLine(value) && value.seq === 0 ? header.safeParse(value).data : undefined;
}
