import type { ReportId, RowId, TaskId, TenantKey, WriteId } from "../shared/ids.js";
import type { AppSwap, Mapping } from "../shared/mapping.js";

/** Which of a report's two IDs is sent in bodies (`--report-id`). */
export type ReportIdMode = "row" | "report";

/** The options that shape a plan, as a run's record keeps them for `--resume`. */
export interface PlanShape {
  readonly sourceTask?: TaskId | undefined;
  readonly masterApp?: string | undefined;
  readonly reports: readonly string[];
  readonly reportId: ReportIdMode;
  readonly name?: string | undefined;
  readonly adopt: boolean;
  readonly recreate: boolean;
  readonly only: readonly string[];
  readonly limit?: number | undefined;
  readonly allowSharedApp: readonly string[];
  readonly allowMasterApp: readonly string[];
  readonly allowUnmappedReport: readonly string[];
  readonly allowLiveSource: boolean;
}

/** A report of the source task as an intent keeps it. */
export interface ReportRow {
  readonly rowId: RowId;
  readonly reportId: ReportId;
}

interface OfTenant {
  readonly sourceTaskId: TaskId;
  readonly key: TenantKey;
}

/** A `sync` or `resolve` that writes to the log; the first record of its run. */
export interface RunRecord {
  readonly type: "run";
  readonly command: "sync" | "resolve";
  readonly manifest?: { readonly path: string; readonly fileName: string; readonly sha256: string } | undefined;
  readonly shape?: PlanShape | undefined;
  /** SHA-256 of the saved plan that is carried out (`--plan`). */
  readonly plan?: string | undefined;
}

/** A run's end, where it was not killed. `left`: tenants that stay `planned`, failed or in doubt. */
export interface RunEndRecord {
  readonly type: "run-end";
  readonly exitCode: number;
  readonly left: number;
}

/**
 * The listed tasks that no record explained when this run began to create, before its first create's intent: a task that is not among
 * them, and that nobody's name explains, may be what a create of this run has made under another name.
 */
export interface UnexplainedRecord {
  readonly type: "unexplained";
  /** `null`: too many to be kept. */
  readonly tasks: readonly TaskId[] | null;
}

/** A source task as the log first met it: `{task}` stays this name. */
export interface SourceRecord {
  readonly type: "source";
  readonly sourceTaskId: TaskId;
  readonly name: string;
}

/** A create is about to be sent. Holds all that a later look-up needs. */
export interface CreateIntentRecord extends OfTenant {
  readonly type: "create-intent";
  readonly write: WriteId;
  readonly tenant: string;
  /** The manifest's file name. */
  readonly manifest: string;
  readonly name: string;
  readonly mappings: readonly Mapping[];
  /** Reports that the manifest named one by one (a mapping of these that is dropped later is a removal). */
  readonly named: readonly ReportId[];
  /** The source task's reports; empty where the server does not list them. */
  readonly reports: readonly ReportRow[];
  readonly reportIdMode: ReportIdMode;
  readonly idempotencyKey: string;
  /** Listed tasks that had this name, or a similar one, before the send; `null` where no whole list was read. */
  readonly before: readonly TaskId[] | null;
  /** 1 for the first create of this tenant, one more each time it is sent again after it was found absent. */
  readonly attempt: number;
}

/** How one write ended. `not-sent` and `refused` are certain; `in-doubt` leaves it open. */
export type WriteEnd = "succeeded" | "refused" | "not-sent" | "in-doubt";

export interface CreateOutcomeRecord {
  readonly type: "create-outcome";
  readonly write: WriteId;
  readonly outcome: WriteEnd;
  readonly newTaskId?: TaskId | undefined;
  readonly code?: string | undefined;
  readonly message?: string | undefined;
  readonly httpStatus?: number | undefined;
}

/**
 * A doubt about a create was ended: the copy was found, its absence was shown, or `resolve --retry` gave it up
 * (`abandoned`: its names are still looked for as twins).
 */
export interface SettledRecord {
  readonly type: "settled";
  readonly write: WriteId;
  readonly found: "copy" | "absent" | "abandoned";
  readonly newTaskId?: TaskId | undefined;
}

/** A task that exists already was taken into the log. */
export interface AdoptedRecord extends OfTenant {
  readonly type: "adopted";
  readonly tenant: string;
  readonly manifest: string;
  readonly newTaskId: TaskId;
  readonly name: string;
  readonly by: "adopt" | "newTaskId" | "resolve";
  /** Listed tasks, besides this one, that had its name, or a similar one; `null` or absent where no whole list was read. */
  readonly before?: readonly TaskId[] | null | undefined;
  readonly reason?: string | undefined;
}

/** One report as a copy showed it: its swaps, or `null` where it shows none (unknown). */
export interface ObservedReport {
  readonly reportId: ReportId;
  readonly apps: readonly AppSwap[] | null;
  /** Another row of the report was not shown: what is known of it stays known only where this is the same. */
  readonly partly?: true | undefined;
  /** The copy lists fewer rows of the report than its source task has: what it may have mapped before, a row may map still. */
  readonly rowsLack?: true | undefined;
}

/** What the server showed of a copy. */
export interface ObservedRecord extends OfTenant {
  readonly type: "observed";
  readonly newTaskId: TaskId;
  readonly reports: readonly ObservedReport[];
  /** The report of each row that the copy has. */
  readonly has: readonly ReportId[];
  /** Every row's mappings were shown and equal to what the manifest wants. */
  readonly verified: boolean;
  /** When it was read, where it is verified (UTC, RFC 3339). */
  readonly verifiedAt?: string | undefined;
}

/** Copies that were read back once more, and showed what is known of them: verified as before, and now anew. */
export interface VerifiedRecord {
  readonly type: "verified";
  readonly sourceTaskId: TaskId;
  readonly keys: readonly TenantKey[];
  readonly verifiedAt: string;
}

/** A PATCH of one report of a copy is about to be sent: from here to its outcome that report is unknown. */
export interface PatchIntentRecord extends OfTenant {
  readonly type: "patch-intent";
  readonly write: WriteId;
  readonly manifest: string;
  readonly newTaskId: TaskId;
  readonly reportId: ReportId;
  readonly rowId: string;
  readonly apps: readonly AppSwap[];
  /** Whether the manifest named this report. */
  readonly named: boolean;
  readonly idempotencyKey: string;
  /** The ID in the request's body, where it is not the row's (`--report-id report`). */
  readonly bodyId?: string | undefined;
}

export interface PatchOutcomeRecord {
  readonly type: "patch-outcome";
  readonly write: WriteId;
  readonly outcome: WriteEnd;
  /** It succeeded on a server that can be read: what it did is known when the copy was read back, and not before. */
  readonly toRead?: true | undefined;
  /** It succeeded, and another row of the same report is still to be PATCHed: the report stays unknown until that one is. */
  readonly moreRows?: true | undefined;
  readonly code?: string | undefined;
  readonly message?: string | undefined;
  readonly httpStatus?: number | undefined;
}

/** The copy is provably gone from the server. */
export interface GoneRecord extends OfTenant {
  readonly type: "gone";
  readonly newTaskId: TaskId;
}

/** `resolve --forget`: the tenant holds nothing any more. Also the old key of a rename. */
export interface ForgottenRecord extends OfTenant {
  readonly type: "forgotten";
  readonly reason?: string | undefined;
  /** The key that took its copy over (`resolve --from`). */
  readonly to?: TenantKey | undefined;
}

/** `resolve --retry`: the next sync may create once more. */
export interface RetryRecord extends OfTenant {
  readonly type: "retry";
  readonly tenant: string;
  readonly reason?: string | undefined;
  /** Taken back: a sync saw that the copy is there. */
  readonly withdrawn?: boolean | undefined;
}

/** A source task's creates are stopped until this copy reads back right, is gone, or `--report-id` has changed. */
export interface SourceStoppedRecord extends OfTenant {
  readonly type: "source-stopped";
  readonly newTaskId: TaskId;
  readonly code: string;
  readonly reportIdMode: ReportIdMode;
  /** What that copy was to have. */
  readonly mappings: readonly Mapping[];
}

export interface SourceClearedRecord {
  readonly type: "source-cleared";
  readonly sourceTaskId: TaskId;
}

/** The server gave a copy another name than was sent: absence by name proves nothing for this source task from here on. */
export interface NameChangedRecord extends OfTenant {
  readonly type: "name-changed";
  readonly newTaskId: TaskId;
  readonly sent: string;
  readonly listed: string;
}

/** A list showed a copy under another name than the log has for it, after an earlier one had shown that: somebody renamed it. */
export interface RenamedRecord extends OfTenant {
  readonly type: "renamed";
  readonly newTaskId: TaskId;
  readonly from: string;
  readonly listed: string;
}

/** A list showed a copy under another tenant's name: nothing is sent to either until the names are right. */
export interface CrossedRecord extends OfTenant {
  readonly type: "crossed";
  readonly newTaskId: TaskId;
  readonly listed: string;
  /** The tenant whose name it is. */
  readonly other: Pick<OfTenant, "sourceTaskId" | "key">;
  /** The names are right again. */
  readonly ended?: true | undefined;
}

/** Every copy that is in the log up to here was listed; where its name was not the log's, a record says so. */
export interface NamesSeenRecord {
  readonly type: "names-seen";
}

/** `--rebind`: the server has a new address. */
export interface ReboundRecord {
  readonly type: "rebound";
  readonly server: string;
}

/** What one line of the log says, without the envelope that the log itself adds. */
export type LogEntry =
  | RunRecord
  | RunEndRecord
  | SourceRecord
  | UnexplainedRecord
  | CreateIntentRecord
  | CreateOutcomeRecord
  | SettledRecord
  | AdoptedRecord
  | ObservedRecord
  | VerifiedRecord
  | PatchIntentRecord
  | PatchOutcomeRecord
  | GoneRecord
  | ForgottenRecord
  | RetryRecord
  | SourceStoppedRecord
  | SourceClearedRecord
  | NameChangedRecord
  | RenamedRecord
  | CrossedRecord
  | NamesSeenRecord
  | ReboundRecord;

/** The log's first line. */
export interface LogHeader {
  readonly type: "header";
  readonly format: "qalyptus-propagate-log";
  readonly formatVersion: 1;
  readonly server: string;
  readonly sourceTasks: readonly TaskId[];
}

/** What the log adds to each line. `digest` chains each line to the one before. */
export interface LogEnvelope {
  readonly v: 1;
  readonly seq: number;
  /** UTC, RFC 3339; for people, decides nothing. */
  readonly at: string;
  readonly run: string;
  /** The `seq` that was durable when this line was written. */
  readonly synced: number;
  readonly digest: string;
}

export type LogRecord = LogEntry & LogEnvelope;
