import { jsonObjectPieces, problemFields } from "../results/json.js";
import {
  type StatusReport,
  TENANT_STANDINGS,
  type TenantStanding,
  type TenantStatus,
  type TenantStatuses,
} from "../shared/status-report.js";
import { oneLine } from "../shared/text-safety.js";
import { counted, type Look } from "./look.js";
import { logHeadLines, nextLines, section, textPieces } from "./plan.js";
import { warningLines } from "./problem-lines.js";
import { eachTableLine, type TableColumn } from "./table.js";

const WORDS: Readonly<Record<TenantStanding, string>> = {
  copied: "copied",
  "in-doubt": "in doubt",
  gone: "gone",
  failed: "failed",
  retry: "retry",
  none: "not begun",
};

const SYMBOLS: Readonly<Record<TenantStanding, string>> = {
  copied: "=",
  "in-doubt": "?",
  gone: "!",
  failed: "!",
  retry: "+",
  none: ".",
};

/** What the log knows, for people, in pieces: every tenant in a table (the answer is never cut), counts, the log's head. */
export function humanStatus(
  report: StatusReport,
  look: Look,
  options: { readonly next?: string | undefined } = {},
): Generator<string> {
  return textPieces(statusLines(report, look, options.next));
}

function* statusLines(report: StatusReport, look: Look, next: string | undefined): Generator<string> {
  const { tenants, warnings } = report;
  const overview = overviewOf(tenants);
  const server = report.server === null ? "" : ` on ${oneLine(report.server)}`;
  yield look.palette.bold(`Status: ${counted(tenants.length, "tenant")}${server}`);
  if (tenants.length > 0) {
    yield "";
    yield* eachTableLine(statusColumns(look), tenants, { ...look, width: undefined });
  }
  yield* section(doubtLines(overview, look));
  yield* section(warningLines(warnings, look));
  yield* section([standingLine(overview, look), ...logHeadLines(report, look), ...nextLines(next, look)]);
}

/** {@link humanStatus} for scripts: one JSON object, the log's head where a result has it too. */
export function jsonStatus(report: StatusReport): Generator<string> {
  const { version, command, server, log, tenants, warnings, errors, exitCode } = report;
  const head = { version, command, server, log: log && { path: log.path, seq: log.seq, digest: log.digest } };
  return jsonObjectPieces({
    head: { ...head, summary: summaryOf(overviewOf(tenants)) },
    tenants,
    fieldsOf: statusFields,
    tail: { warnings: warnings.map(problemFields), errors: errors.map(problemFields), exitCode },
  });
}

function statusFields(tenant: TenantStatus): Readonly<Record<string, unknown>> {
  const { state, sourceTaskId, newTaskId, name, verified, verifiedAt, mappings, manifest, doubts } = tenant;
  return {
    type: "tenant",
    tenant: tenant.tenant,
    state,
    sourceTaskId,
    newTaskId,
    name,
    verified,
    verifiedAt,
    mappings,
    manifest,
    doubts,
  };
}

const DOUBTS_SHOWN = 20;

/** What is told of all tenants together. */
interface Overview {
  /** How many tenants have each standing. */
  readonly counts: ReadonlyMap<TenantStanding, number>;
  readonly doubts: number;
  /** Tenants with the first of these doubts. */
  readonly doubtful: readonly TenantStatus[];
}

function overviewOf(tenants: TenantStatuses): Overview {
  const counts = new Map<TenantStanding, number>();
  const doubtful: TenantStatus[] = [];
  let doubts = 0;
  for (const tenant of tenants) {
    counts.set(tenant.state, (counts.get(tenant.state) ?? 0) + 1);
    if (tenant.doubts.length > 0 && doubts < DOUBTS_SHOWN) doubtful.push(tenant);
    doubts += tenant.doubts.length;
  }
  return { counts, doubts, doubtful };
}

/** The counts in the summary's own spelling (`inDoubt`). */
function summaryOf({ counts }: Overview): Readonly<Record<string, number>> {
  return Object.fromEntries(
    TENANT_STANDINGS.map((state) => [state === "in-doubt" ? "inDoubt" : state, counts.get(state) ?? 0]),
  );
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
    case "none":
      return palette.dim;
    default:
      return state satisfies never;
  }
}

function doubtLines({ doubtful, doubts }: Overview, look: Look): readonly string[] {
  const shown = doubtful.flatMap((tenant) => tenant.doubts.map((doubt) => ({ tenant: tenant.tenant, doubt })));
  const lines = shown.slice(0, DOUBTS_SHOWN).map(({ tenant, doubt }) => {
    const what = doubt.kind === "create" ? `create "${doubt.name ?? ""}"` : `PATCH of report ${doubt.reportId ?? ""}`;
    const text = `${tenant}: ${what}, sent ${doubt.at ?? "at an unknown time"}, has no certain outcome`;
    return `${look.palette.doubt("?")} ${oneLine(text)}`;
  });
  const more = doubts - lines.length;
  return more > 0 ? [...lines, `  and ${counted(more, "more doubt")} (all of them: --format json)`] : lines;
}

function standingLine({ counts }: Overview, look: Look): string {
  const parts = TENANT_STANDINGS.flatMap((state) => {
    const count = counts.get(state) ?? 0;
    return count > 0 ? [paintStanding(state, look)(`${count} ${WORDS[state]}`)] : [];
  });
  return `${look.palette.bold("The log knows:")} ${parts.length === 0 ? "no tenant yet" : parts.join(", ")}`;
}
