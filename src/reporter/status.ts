import {
  type OpenDoubt,
  type StatusReport,
  standingCounts,
  TENANT_STANDINGS,
  type TenantStatus,
  type TenantStatuses,
} from "../shared/results.js";
import { counted, oneLine } from "../shared/text-safety.js";
import { logHeadLines, nextText, section } from "./human.js";
import { inPieces, type TableColumn, tableLines, toText } from "./layout.js";
import { type Look, paint, SIGNS, symbolOf } from "./look.js";
import { warningLines } from "./problems.js";

const DOUBTS_SHOWN = 20;

/** What the log knows, for people, in pieces: every tenant in a table (the answer is never cut), counts, the log's head. */
export function* humanStatus(
  report: StatusReport,
  look: Look,
  options: { readonly next?: string | undefined } = {},
): Generator<string> {
  const { tenants, warnings, log } = report;
  const uncut = { ...look, width: undefined };
  const server = report.server === null ? "" : ` on ${oneLine(report.server)}`;
  yield toText([look.palette.bold(`Status: ${counted(tenants.length, "tenant")}${server}`)], uncut);
  if (tenants.length > 0) {
    yield "\n";
    for (const lines of inPieces(tableLines(columnsOf(look), tenants, uncut))) yield toText(lines, uncut);
  }
  const lines = [
    ...section(doubtLines(tenants, look)),
    ...section(warningLines(warnings, look)),
    "",
    standingLine(tenants, look),
    ...logHeadLines(log, look),
  ];
  yield toText(lines, look) + nextText(options.next, look);
}

function columnsOf(look: Look): readonly TableColumn<TenantStatus>[] {
  const tone = ({ state }: TenantStatus) => SIGNS[state].tone;
  return [
    // The table never begins with a tenant: text from outside starts no line.
    { title: " ", text: ({ state }) => symbolOf(state, look), tone },
    { title: "Tenant", text: ({ tenant }) => tenant },
    { title: "State", text: ({ state }) => SIGNS[state].word, tone },
    { title: "Copy", text: ({ newTaskId = "-" }) => newTaskId },
    { title: "Verified", text: ({ verified }) => (verified ? "yes" : "no") },
    { title: "Source task", text: ({ sourceTaskId }) => sourceTaskId },
    { title: "Name", text: ({ name = "" }) => name },
  ];
}

function doubtLines(tenants: TenantStatuses, look: Look): readonly string[] {
  const lines: string[] = [];
  let more = 0;
  for (const { tenant, doubts } of tenants)
    for (const doubt of doubts) {
      if (lines.length < DOUBTS_SHOWN) lines.push(`${look.palette.doubt("?")} ${oneLine(doubtText(tenant, doubt))}`);
      else more += 1;
    }
  return more > 0 ? [...lines, `  and ${counted(more, "more doubt")} (all of them: --format json)`] : lines;
}

function doubtText(tenant: string, { kind, name = "", reportId = "", at = "at an unknown time" }: OpenDoubt): string {
  const what = kind === "create" ? `create "${name}"` : `PATCH of report ${reportId}`;
  return `${tenant}: ${what}, sent ${at}, has no certain outcome`;
}

function standingLine(tenants: TenantStatuses, look: Look): string {
  const counts = standingCounts(tenants);
  const parts = TENANT_STANDINGS.filter((state) => counts[state] > 0).map((state) =>
    paint(state, `${counts[state]} ${SIGNS[state].word}`, look),
  );
  return `${look.palette.bold("The log knows:")} ${parts.length === 0 ? "no tenant yet" : parts.join(", ")}`;
}
