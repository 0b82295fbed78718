import type { RunResult, TenantResult } from "../shared/outcome.js";
import type { Problem } from "../shared/problems.js";
import { withoutControls } from "../shared/text-safety.js";

/** What may stand in JSON text of clean values; all else is looked at value by value. */
const SUSPICIOUS = /\\[bfnrtu]|[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]|##/;
const WRITTEN_AS_ESCAPE = /[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]/g;

/**
 * A value as JSON on one line. No string in it carries a control character; characters that reorder text are written as
 * escapes, and so is the `#` of what a CI system would take for a command: the value is the same, the text is harmless.
 */
export function safeJson(value: unknown): string {
  const text = JSON.stringify(value);
  if (!SUSPICIOUS.test(text)) return text;
  return JSON.stringify(value, (_, inner: unknown) => (typeof inner === "string" ? withoutControls(inner) : inner))
    .replace(WRITTEN_AS_ESCAPE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .replace(/#(?=#)/g, "\\u0023");
}

/** One tenant in the contract's field order. */
export function tenantFields(tenant: TenantResult): Readonly<Record<string, unknown>> {
  return {
    type: "tenant",
    tenant: tenant.tenant,
    action: tenant.action,
    reason: tenant.reason,
    outcome: tenant.outcome,
    sourceTaskId: tenant.sourceTaskId,
    newTaskId: tenant.newTaskId,
    name: tenant.name,
    verified: tenant.verified,
    verifiedAt: tenant.verifiedAt,
    mappings: tenant.mappings.map(({ reportId, qlikAppId, newQlikAppId }) => ({ reportId, qlikAppId, newQlikAppId })),
    attempts: tenant.attempts,
    durationMs: tenant.durationMs,
    line: tenant.line,
    error: tenant.error && {
      code: tenant.error.code,
      message: tenant.error.message,
      hint: tenant.error.hint,
      httpStatus: tenant.error.httpStatus,
    },
  };
}

/** One warning or error in the contract's field order; column and value of a manifest's fault come last. */
export function problemFields(problem: Problem): Readonly<Record<string, unknown>> {
  const { code, message, hint, tenant, file, line, column, value } = problem;
  return { code, message, hint, tenant, file, line, column, value };
}

function headFields(result: RunResult): Readonly<Record<string, unknown>> {
  const { version, command, dryRun, runId, server, log, manifest, summary } = result;
  return {
    version,
    command,
    dryRun,
    runId,
    server,
    log: log && { path: log.path, seq: log.seq, digest: log.digest },
    manifest: manifest && { path: manifest.path, sha256: manifest.sha256, tenants: manifest.tenants },
    summary: {
      create: summary.create,
      update: summary.update,
      adopt: summary.adopt,
      settle: summary.settle,
      unchanged: summary.unchanged,
      conflict: summary.conflict,
      orphan: summary.orphan,
      skip: summary.skip,
      planned: summary.planned,
      succeeded: summary.succeeded,
      failed: summary.failed,
      inDoubt: summary.inDoubt,
      skipped: summary.skipped,
    },
  };
}

function tailFields(result: RunResult): Readonly<Record<string, unknown>> {
  return {
    warnings: result.warnings.map(problemFields),
    errors: result.errors.map(problemFields),
    startedAt: result.startedAt,
    finishedAt: result.finishedAt,
    exitCode: result.exitCode,
  };
}

/** The fields of an object, each `"name": value`, values on one line; lists with one entry a line. */
function* members(fields: Readonly<Record<string, unknown>>): Generator<string> {
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    if (Array.isArray(value)) yield* list(name, value);
    else yield `  ${safeJson(name)}: ${safeJson(value)}`;
  }
}

function* list(name: string, items: readonly unknown[]): Generator<string> {
  if (items.length === 0) yield `  ${safeJson(name)}: []`;
  else yield `  ${safeJson(name)}: [\n${items.map((item) => `    ${safeJson(item)}`).join(",\n")}\n  ]`;
}

/** How many tenants go into one piece of text: a result of any size is written without ever being one string. */
const TENANTS_A_PIECE = 500;

/** One object with a `tenants` list between other fields. */
export interface JsonObject<Tenant> {
  readonly head: Readonly<Record<string, unknown>>;
  readonly tenants: Iterable<Tenant>;
  readonly fieldsOf: (tenant: Tenant) => Readonly<Record<string, unknown>>;
  readonly tail: Readonly<Record<string, unknown>>;
}

/** A JSON object in pieces: one line for each field and each tenant, a line end at the end. */
export function* jsonObjectPieces<Tenant>({ head, tenants, fieldsOf, tail }: JsonObject<Tenant>): Generator<string> {
  yield `{\n${[...members(head)].join(",\n")},\n  "tenants": [`;
  let told = 0;
  let piece = "";
  for (const tenant of tenants) {
    piece += `${told === 0 ? "\n" : ",\n"}    ${safeJson(fieldsOf(tenant))}`;
    told += 1;
    if (told % TENANTS_A_PIECE > 0) continue;
    yield piece;
    piece = "";
  }
  yield `${piece}${told === 0 ? "" : "\n  "}],\n${[...members(tail)].join(",\n")}\n}\n`;
}

/** The result as `--format json` and `--out x.json` write it, in pieces: the contract's object in the contract's order. */
export function jsonResultPieces(result: RunResult): Generator<string> {
  return jsonObjectPieces({
    head: headFields(result),
    tenants: result.tenants,
    fieldsOf: tenantFields,
    tail: tailFields(result),
  });
}

/** {@link jsonResultPieces} as one text. */
export function jsonResult(result: RunResult): string {
  return [...jsonResultPieces(result)].join("");
}

/** One tenant as a whole NDJSON line. */
export function tenantLine(tenant: TenantResult): string {
  return `${safeJson(tenantFields(tenant))}\n`;
}

/** NDJSON's last line: everything of the result except its tenants. */
export function summaryLine(result: RunResult): string {
  return `${safeJson({ type: "summary", ...headFields(result), ...tailFields(result) })}\n`;
}
