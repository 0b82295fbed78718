import type { AppId, ReportId, RowId, TaskId, TenantKey, WriteId } from "../shared/ids.js";
import type { AppSwap, Mapping } from "../shared/mapping.js";
import type {
  CrossedRecord,
  LogEntry,
  LogHeader,
  ObservedReport,
  PlanShape,
  ReportIdMode,
  ReportRow,
} from "./records.js";

/**
 * What a record must look like, checked for every record that is read and, so that nothing unreadable ever enters a log,
 * for every one that is written. Made by hand: a log of 400,000 records is opened in about two seconds, of which this
 * is a tenth. The compiler holds each table to its type: a field without a check does not compile.
 */
type Check<V> = (value: unknown) => value is V;
type Shape<T> = { readonly [K in Exclude<keyof T, "type">]-?: Check<T[K]> };
type EntryType = LogEntry["type"];
type EntryOf<T extends EntryType> = Extract<LogEntry, { readonly type: T }>;

const GUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

const isText = (value: unknown): value is string => typeof value === "string";
const isTrue = (value: unknown): value is true => value === true;
const isFlag = (value: unknown): value is boolean => typeof value === "boolean";
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isGuid = (value: unknown): value is string => typeof value === "string" && GUID.test(value);
const isTaskId = (value: unknown): value is TaskId => isGuid(value);
const isRowId = (value: unknown): value is RowId => isGuid(value);
const isReportId = (value: unknown): value is ReportId => isGuid(value);
const isAppId = (value: unknown): value is AppId => isGuid(value);
const isTenantKey = (value: unknown): value is TenantKey => isText(value) && value !== "";
const isWriteId = (value: unknown): value is WriteId => isText(value) && value !== "";

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function optional<V>(check: Check<V>): Check<V | undefined> {
  return (value): value is V | undefined => value === undefined || check(value);
}

function listOf<V>(check: Check<V>): Check<readonly V[]> {
  return (value): value is readonly V[] => Array.isArray(value) && value.every(check);
}

function oneOf<const V extends string>(...words: readonly V[]): Check<V> {
  return (value): value is V => (words as readonly unknown[]).includes(value);
}

function object<T extends object>(shape: Shape<T>): Check<T> {
  const checks: readonly FieldCheck[] = Object.entries<Check<unknown>>(shape as Record<string, Check<unknown>>);
  return (value): value is T => isFields(value) && faultyField(value, checks) === undefined;
}

type FieldCheck = readonly [name: string, check: Check<unknown>];

function faultyField(value: Readonly<Record<string, unknown>>, checks: readonly FieldCheck[]): string | undefined {
  for (const [name, check] of checks) if (!check(value[name])) return name;
  return undefined;
}

const isReportIdMode: Check<ReportIdMode> = oneOf("row", "report");
const isWriteEnd = oneOf("succeeded", "refused", "not-sent", "in-doubt");
const isSwap = object<AppSwap>({ qlikAppId: isAppId, newQlikAppId: isAppId });
const isMapping = object<Mapping>({ reportId: isReportId, qlikAppId: isAppId, newQlikAppId: isAppId });
const isReportRow = object<ReportRow>({ rowId: isRowId, reportId: isReportId });
const isSwapsOrNull = (value: unknown): value is readonly AppSwap[] | null => value === null || listOf(isSwap)(value);

const isTaskIdsOrNull = (value: unknown): value is readonly TaskId[] | null =>
  value === null || listOf(isTaskId)(value);

const isPlanShape = object<PlanShape>({
  sourceTask: optional(isTaskId),
  masterApp: optional(isText),
  reports: listOf(isText),
  reportId: isReportIdMode,
  name: optional(isText),
  adopt: isFlag,
  recreate: isFlag,
  only: listOf(isText),
  limit: optional(isCount),
  allowSharedApp: listOf(isText),
  allowMasterApp: listOf(isText),
  allowUnmappedReport: listOf(isText),
  allowLiveSource: isFlag,
});

const ofTenant = { sourceTaskId: isTaskId, key: isTenantKey };
const explained = { code: optional(isText), message: optional(isText), httpStatus: optional(isCount) };

const SHAPES: { readonly [T in EntryType]: Shape<EntryOf<T>> } = {
  run: {
    command: oneOf("sync", "resolve"),
    manifest: optional(
      object<{ path: string; fileName: string; sha256: string }>({ path: isText, fileName: isText, sha256: isText }),
    ),
    shape: optional(isPlanShape),
    plan: optional(isText),
  },
  "run-end": { exitCode: isCount, left: isCount },
  source: { sourceTaskId: isTaskId, name: isText },
  unexplained: { tasks: isTaskIdsOrNull },
  "create-intent": {
    ...ofTenant,
    write: isWriteId,
    tenant: isText,
    manifest: isText,
    name: isText,
    mappings: listOf(isMapping),
    named: listOf(isReportId),
    reports: listOf(isReportRow),
    reportIdMode: isReportIdMode,
    idempotencyKey: isText,
    before: isTaskIdsOrNull,
    attempt: isCount,
  },
  "create-outcome": { write: isWriteId, outcome: isWriteEnd, newTaskId: optional(isTaskId), ...explained },
  settled: { write: isWriteId, found: oneOf("copy", "absent", "abandoned"), newTaskId: optional(isTaskId) },
  adopted: {
    ...ofTenant,
    tenant: isText,
    manifest: isText,
    newTaskId: isTaskId,
    name: isText,
    by: oneOf("adopt", "newTaskId", "resolve"),
    before: optional(isTaskIdsOrNull),
    reason: optional(isText),
  },
  observed: {
    ...ofTenant,
    newTaskId: isTaskId,
    reports: listOf(
      object<ObservedReport>({
        reportId: isReportId,
        apps: isSwapsOrNull,
        partly: optional(isTrue),
        rowsLack: optional(isTrue),
      }),
    ),
    has: listOf(isReportId),
    verified: isFlag,
    verifiedAt: optional(isText),
  },
  verified: { sourceTaskId: isTaskId, keys: listOf(isTenantKey), verifiedAt: isText },
  "patch-intent": {
    ...ofTenant,
    write: isWriteId,
    manifest: isText,
    newTaskId: isTaskId,
    reportId: isReportId,
    rowId: isText,
    apps: listOf(isSwap),
    named: isFlag,
    idempotencyKey: isText,
    bodyId: optional(isText),
  },
  "patch-outcome": {
    write: isWriteId,
    outcome: isWriteEnd,
    toRead: optional(isTrue),
    moreRows: optional(isTrue),
    ...explained,
  },
  gone: { ...ofTenant, newTaskId: isTaskId },
  forgotten: { ...ofTenant, reason: optional(isText), to: optional(isTenantKey) },
  retry: { ...ofTenant, tenant: isText, reason: optional(isText), withdrawn: optional(isFlag) },
  "source-stopped": {
    ...ofTenant,
    newTaskId: isTaskId,
    code: isText,
    reportIdMode: isReportIdMode,
    mappings: listOf(isMapping),
  },
  "source-cleared": { sourceTaskId: isTaskId },
  "name-changed": { ...ofTenant, newTaskId: isTaskId, sent: isText, listed: isText },
  renamed: { ...ofTenant, newTaskId: isTaskId, from: isText, listed: isText },
  crossed: {
    ...ofTenant,
    newTaskId: isTaskId,
    listed: isText,
    other: object<CrossedRecord["other"]>({ sourceTaskId: isTaskId, key: isTenantKey }),
    ended: optional(isTrue),
  },
  "names-seen": {},
  rebound: { server: isText },
};

const CHECKS: ReadonlyMap<unknown, readonly FieldCheck[]> = new Map(
  Object.entries(SHAPES).map(([type, shape]) => [
    type,
    Object.entries<Check<unknown>>(shape as unknown as Record<string, Check<unknown>>),
  ]),
);

/** What is wrong with a record: a type that only a newer program knows, or a field. */
export type EntryFault =
  | { readonly kind: "unknown-type"; readonly type: string }
  | { readonly kind: "field"; readonly type: string; readonly field: string };

/** Says what is wrong with what claims to be a record's own part, or `undefined` where it is right. */
export function entryFault(value: object): EntryFault | undefined {
  const fields = value as Readonly<Record<string, unknown>>;
  const type = fields.type;
  const checks = CHECKS.get(type);
  if (checks === undefined) return { kind: "unknown-type", type: String(type) };
  const field = faultyField(fields, checks);
  return field === undefined ? undefined : { kind: "field", type: String(type), field };
}

/** The envelope and the rest of a line, as far as a line of any version has them. */
export interface RawLine {
  readonly v: number;
  readonly seq: number;
  readonly at: string;
  readonly run: string;
  readonly type: string;
  readonly synced: number;
  readonly digest: string;
}

/** Whether this is an object with an envelope such as the log gives to each of its lines. */
export function isRawLine(value: unknown): value is RawLine {
  return (
    isFields(value) &&
    isCount(value.v) &&
    isCount(value.seq) &&
    isText(value.at) &&
    isText(value.run) &&
    isText(value.type) &&
    isCount(value.synced) &&
    isText(value.digest)
  );
}

/** Whether this claims to be the first line of a log of this program, of whatever version. */
export function claimsToBeHeader(value: unknown): value is Readonly<Record<string, unknown>> {
  return isFields(value) && value.type === "header" && value.format === "qalyptus-propagate-log";
}

const isHeaderBody = object<LogHeader>({
  format: oneOf("qalyptus-propagate-log"),
  formatVersion: (value): value is 1 => value === 1,
  server: isText,
  sourceTasks: listOf(isTaskId),
});

/** Whether a line that claims to be a header is one of this format version. */
export function isHeader(value: unknown): value is LogHeader & RawLine {
  return isRawLine(value) && isHeaderBody(value);
}
