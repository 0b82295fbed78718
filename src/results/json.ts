import { inPieces } from "../reporter/layout.js";
import type { Diagnosis } from "../shared/diagnosis.js";
import {
  ACTIONS,
  type RunEvent,
  type RunResult,
  type StatusReport,
  standingCounts,
  type TenantResult,
  type TenantStatus,
} from "../shared/results.js";
import { harmlessJson, withoutControls } from "../shared/text-safety.js";

/** What may stand in JSON text of clean values; all else is looked at value by value. */
const SUSPICIOUS = /\\[bfnrtu]|[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]|##/;

/**
 * A value as JSON on one line; `fields` says which fields its objects show, and in which order. No string in it carries a control
 * character; characters that reorder text are written as escapes, and so is the `#` of what a CI system would take for a command:
 * the value is the same, the text is harmless.
 */
export function safeJson(value: unknown, fields?: readonly string[]): string {
  const text = JSON.stringify(value, fields === undefined ? null : [...fields]);
  if (!SUSPICIOUS.test(text)) return text;
  const clean = (_: string, inner: unknown): unknown => (typeof inner === "string" ? withoutControls(inner) : inner);
  return harmlessJson(JSON.stringify(JSON.parse(text), clean));
}

/** Every field that the contract names, in an order that is the contract's for each object of a result. */
const FIELDS = [
  ...["type", "version", "command", "dryRun", "runId", "server", "log", "path", "seq", "digest", "manifest", "sha256"],
  ...["plan", "permissions", "by", "user", "host", "ciJob", "options"],
  ...["summary", ...ACTIONS, "planned", "succeeded", "failed", "inDoubt", "skipped", "tenants", "warnings", "errors"],
  ...["startedAt", "finishedAt", "exitCode", "code", "message", "hint", "httpStatus", "tenant", "action", "reason"],
  ...[
    "outcome",
    "sourceTaskId",
    "newTaskId",
    "name",
    "verified",
    "verifiedAt",
    "verifiedBy",
    "mappings",
    "reportId",
    "reportName",
    "qlikAppId",
  ],
  ...["newQlikAppId", "before", "attempts", "durationMs", "file", "line", "column", "value", "error"],
];

/** One object in pieces: a line for each field, and for each entry of a list. */
function* objectPieces(object: object, fields?: readonly string[]): Generator<string> {
  let separator = "{\n";
  const values = new Map<string, unknown>(Object.entries(object));
  for (const name of fields?.filter((field) => values.has(field)) ?? values.keys()) {
    const value = values.get(name);
    yield `${separator}  ${safeJson(name)}: `;
    separator = ",\n";
    if (typeof value === "object" && value !== null && Symbol.iterator in value)
      yield* listPieces(value as Iterable<unknown>, fields);
    else yield safeJson(value, fields);
  }
  yield "\n}\n";
}

function* listPieces(entries: Iterable<unknown>, fields: readonly string[] | undefined): Generator<string> {
  let separator = "[\n    ";
  for (const piece of inPieces(entries)) {
    yield separator + piece.map((entry) => safeJson(entry, fields)).join(",\n    ");
    separator = ",\n    ";
  }
  yield separator.startsWith("[") ? "[]" : "\n  ]";
}

/** The result as `--format json` and `--out x.json` write it. */
export function jsonResult(result: RunResult): Iterable<string> {
  return objectPieces(result, FIELDS);
}

/** A diagnosis for scripts. */
export function jsonDiagnosis(diagnosis: Diagnosis): string {
  const checks = diagnosis.checks.map(({ name, status, message, hint }) => ({ name, status, message, hint }));
  return [...objectPieces({ ...diagnosis, checks })].join("");
}

/** An answer of its own form, for scripts. */
export function jsonAnswer(answer: object): string {
  return [...objectPieces(answer)].join("");
}

/** What the log knows, for scripts. */
export function jsonStatus({ version, command, server, log, tenants, ...rest }: StatusReport): Iterable<string> {
  const { copied, "in-doubt": inDoubt, ...others } = standingCounts(tenants);
  const summary = { copied, inDoubt, ...others };
  return objectPieces({ version, command, server, log, summary, tenants: typed(tenants), ...rest });
}

function* typed(tenants: Iterable<TenantStatus>) {
  for (const tenant of tenants) yield { type: "tenant", ...tenant };
}

/** One tenant as a whole NDJSON line. */
export function tenantLine(tenant: TenantResult): string {
  return `${safeJson(tenant, FIELDS)}\n`;
}

/** NDJSON's last line: everything of the result except its tenants. */
export function summaryLine(result: RunResult): string {
  return `${safeJson({ type: "summary", ...result, tenants: undefined }, FIELDS)}\n`;
}

/**
 * `--format ndjson`: takes a run's events as they come, then the result. Writes one line for each tenant as it is settled (one in
 * doubt only at the end, for it may be settled yet), at the end the tenants that were not told, then the summary. A tenant whose
 * end differs from what was told (a twin found by the last list) is told once more: the last line of a tenant counts.
 */
export function createNdjsonWriter(write: (text: string) => unknown) {
  const told = new Map<string, TenantResult>();
  const tellNews = (tenant: TenantResult): void => {
    const identity = JSON.stringify([tenant.sourceTaskId, tenant.tenant, tenant.line]);
    const before = told.get(identity);
    if (before === tenant || (before !== undefined && tenantLine(before) === tenantLine(tenant))) return;
    told.set(identity, tenant);
    write(tenantLine(tenant));
  };
  return {
    emit: (event: RunEvent): void => {
      if (event.kind === "tenant" && event.result.outcome !== "in-doubt" && event.result.outcome !== "planned")
        tellNews(event.result);
    },
    finish: (result: RunResult): void => {
      result.tenants.forEach(tellNews);
      write(summaryLine(result));
    },
  };
}
