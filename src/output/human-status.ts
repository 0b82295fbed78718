import {
  type StatusReport,
  TENANT_STANDINGS,
  type TenantStanding,
  type TenantStatus,
} from "../domain/status-report.js";
import { logHeadLines, nextLines, section, toText } from "./human-plan.js";
import { jsonObjectPieces, problemFields } from "./json-result.js";
import { counted, type Look } from "./look.js";
import { warningLines } from "./problem-lines.js";
import { type TableColumn, tableLines } from "./table.js";
import { oneLine } from "./text-safety.js";

const WORDS: Readonly<Record<TenantStanding, string>> = {
  copied: "copied",
  "in-doubt": "in doubt",
  gone: "gone",
  failed: "failed",
  retry: "retry",
  forgotten: "forgotten",
  none: "not begun",
};

const SYMBOLS: Readonly<Record<TenantStanding, string>> = {
  copied: "=",
  "in-doubt": "?",
  gone: "!",
  failed: "!",
  retry: "+",
  forgotten: "-",
  none: ".",
};

/** What the log knows, for people: every tenant in a table (the answer is never cut), counts, the log's head. */
export function humanStatus(
  report: StatusReport,
  look: Look,
  options: { readonly next?: string | undefined } = {},
): string {
  const server = report.server === null ? "" : ` on ${oneLine(report.server)}`;
  return toText([
    look.palette.bold(`Status: ${counted(report.tenants.length, "tenant")}${server}`),
    ...section(
      report.tenants.length === 0 ? [] : tableLines(statusColumns(look), report.tenants, { ...look, width: undefined }),
    ),
    ...section(doubtLines(report.tenants, look)),
    ...section(warningLines(report.warnings, look)),
    ...section([standingLine(report.tenants, look), ...logHeadLines(report, look), ...nextLines(options.next, look)]),
  ]);
}

/** {@link humanStatus} for scripts: one JSON object, the log's head where a result has it too. */
export function jsonStatus(report: StatusReport): string {
  const { version, command, server, log, tenants, warnings, errors, exitCode } = report;
  const head = { version, command, server, log: log && { path: log.path, seq: log.seq, digest: log.digest } };
  const pieces = jsonObjectPieces({
    head: { ...head, summary: countStandings(tenants) },
    tenants,
    fieldsOf: statusFields,
    tail: { warnings: warnings.map(problemFields), errors: errors.map(problemFields), exitCode },
  });
  return [...pieces].join("");
}

function statusFields(tenant: TenantStatus): Readonly<Record<string, unknown>> {
  const { state, sourceTaskId, newTaskId, name, verified, mappings, manifest, doubts } = tenant;
  return {
    type: "tenant",
    tenant: tenant.tenant,
    state,
    sourceTaskId,
    newTaskId,
    name,
    verified,
    mappings,
    manifest,
    doubts,
  };
}

/** How many tenants have each standing, in the summary's own spelling (`inDoubt`). */
function countStandings(tenants: readonly TenantStatus[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const state of TENANT_STANDINGS)
    counts[state === "in-doubt" ? "inDoubt" : state] = tenants.filter((tenant) => tenant.state === state).length;
  return counts;
}

function statusColumns(look: Look): readonly TableColumn<TenantStatus>[] {
  return [
    // The table never begins with a tenant: text from outside starts no line.
    { title: " ", text: ({ state }) => SYMBOLS[state], paint: ({ state }) => paintStanding(state, look) },
    { title: "TENANT", text: ({ tenant }) => tenant },
    { title: "STATE", text: ({ state }) => WORDS[state], paint: ({ state }) => paintStanding(state, look) },
    { title: "COPY", text: ({ newTaskId }) => newTaskId ?? "-" },
    { title: "VERIFIED", text: ({ verified }) => (verified ? "yes" : "no") },
    { title: "SOURCE TASK", text: ({ sourceTaskId }) => sourceTaskId },
    { title: "NAME", text: ({ name }) => name ?? "" },
  ];
}

function paintStanding(state: TenantStanding, { palette }: Look): (text: string) => string {
  switch (state) {
    case "copied":
      return palette.good;
    case "in-doubt":
      return palette.doubt;
    case "gone":
    case "failed":
      return palette.bad;
    case "retry":
      return palette.change;
    case "forgotten":
    case "none":
      return palette.dim;
    default:
      return state satisfies never;
  }
}

const DOUBTS_SHOWN = 20;

function doubtLines(tenants: readonly TenantStatus[], look: Look): readonly string[] {
  const doubts = tenants.flatMap((tenant) => tenant.doubts.map((doubt) => ({ tenant: tenant.tenant, doubt })));
  const lines = doubts.slice(0, DOUBTS_SHOWN).map(({ tenant, doubt }) => {
    const what = doubt.kind === "create" ? `create "${doubt.name ?? ""}"` : `PATCH of report ${doubt.reportId ?? ""}`;
    const text = `${tenant}: ${what}, sent ${doubt.at ?? "at an unknown time"}, has no certain outcome`;
    return `${look.palette.doubt("?")} ${oneLine(text)}`;
  });
  const more = doubts.length - lines.length;
  return more > 0 ? [...lines, `  and ${counted(more, "more doubt")} (all of them: --format json)`] : lines;
}

function standingLine(tenants: readonly TenantStatus[], look: Look): string {
  const parts = TENANT_STANDINGS.map((state) => ({
    state,
    count: tenants.filter((tenant) => tenant.state === state).length,
  }))
    .filter(({ count }) => count > 0)
    .map(({ state, count }) => paintStanding(state, look)(`${count} ${WORDS[state]}`));
  return `${look.palette.bold("The log knows:")} ${parts.length === 0 ? "no tenant yet" : parts.join(", ")}`;
}
