import { placeOf } from "../reporter/problem-lines.js";
import { troubleOf } from "../reporter/tenant-groups.js";
import type { RunResult, TenantResult } from "../shared/outcome.js";
import type { Problem } from "../shared/problems.js";
import { escapeXml } from "../shared/text-safety.js";

/**
 * The result as JUnit XML: one case a tenant; failed and conflict are failures, in doubt is an error, skipped and planned are
 * skipped. Errors of the run itself (it could not start, a guard) are cases of a suite of their own: an empty report would pass.
 */
export function* junitResultPieces(result: RunResult): Generator<string> {
  const { summary, tenants, errors } = result;
  const seconds = secondsBetween(result.startedAt, result.finishedAt);
  const counts = attributes({
    tests: tenants.length,
    failures: summary.failed,
    errors: summary.inDoubt,
    skipped: summary.skipped + summary.planned,
  });
  const all = attributes({
    name: "qalyptus-propagate",
    tests: tenants.length + errors.length,
    failures: summary.failed,
    errors: summary.inDoubt + errors.length,
    skipped: summary.skipped + summary.planned,
    time: seconds,
  });
  yield `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites${all}>\n`;
  const suite = {
    name: `${result.command}${result.dryRun ? " --dry-run" : ""}`,
    timestamp: result.startedAt,
    time: seconds,
  };
  yield `  <testsuite${attributes(suite)}${counts}>\n${properties(result)}`;
  for (const tenant of tenants) yield testcase(tenant, result);
  yield `  </testsuite>\n`;
  if (errors.length > 0) yield runErrors(errors);
  yield `</testsuites>\n`;
}

/** {@link junitResultPieces} as one text. */
export function junitResult(result: RunResult): string {
  return [...junitResultPieces(result)].join("");
}

function testcase(tenant: TenantResult, result: RunResult): string {
  const head = attributes({
    classname: tenant.sourceTaskId ?? "no source task",
    name: tenant.tenant,
    time: (tenant.durationMs / 1000).toFixed(3),
    file: tenant.line === undefined ? undefined : result.manifest?.path,
    line: tenant.line,
  });
  const inner = [verdictOf(tenant), outputOf(tenant)].filter((part) => part !== "").join("");
  return inner === "" ? `    <testcase${head}/>\n` : `    <testcase${head}>\n${inner}    </testcase>\n`;
}

function verdictOf(tenant: TenantResult): string {
  switch (tenant.outcome) {
    case "failed":
      return trouble("failure", tenant);
    case "in-doubt":
      return trouble("error", tenant);
    case "skipped":
    case "planned":
      return `      <skipped${attributes({ message: `${tenant.outcome} (${tenant.action}): ${tenant.reason}` })}/>\n`;
    case "succeeded":
      return "";
    default:
      return tenant.outcome satisfies never;
  }
}

function trouble(element: "failure" | "error", tenant: TenantResult): string {
  const { code, message, hint } = troubleOf(tenant);
  const text = [`${tenant.tenant}: ${message}`, ...(hint === undefined ? [] : [hint])].map(escapeXml).join("\n");
  return `      <${element}${attributes({ message, type: code })}>${text}</${element}>\n`;
}

function outputOf(tenant: TenantResult): string {
  const lines = [`action: ${tenant.action}`, `reason: ${tenant.reason}`];
  if (tenant.name !== undefined) lines.push(`name: ${tenant.name}`);
  if (tenant.newTaskId !== undefined) lines.push(`newTaskId: ${tenant.newTaskId}`);
  lines.push(`verified: ${tenant.verified}`);
  return `      <system-out>${lines.map(escapeXml).join("\n")}</system-out>\n`;
}

function runErrors(errors: readonly Problem[]): string {
  const cases = errors.map((error) => {
    const place = placeOf(error);
    const text = [
      error.message,
      ...(place === "" ? [] : [`at ${place}`]),
      ...(error.hint === undefined ? [] : [error.hint]),
    ];
    const head = attributes({ classname: "run", name: error.code, time: "0.000", file: error.file, line: error.line });
    const failure = attributes({ message: error.message, type: error.code });
    return `    <testcase${head}>\n      <error${failure}>${text.map(escapeXml).join("\n")}</error>\n    </testcase>\n`;
  });
  const counts = attributes({ name: "run", tests: errors.length, failures: 0, errors: errors.length, skipped: 0 });
  return `  <testsuite${counts}>\n${cases.join("")}  </testsuite>\n`;
}

function properties(result: RunResult): string {
  const values: Readonly<Record<string, string | number | undefined>> = {
    server: result.server ?? undefined,
    runId: result.runId,
    exitCode: result.exitCode,
    manifest: result.manifest?.path,
    manifestSha256: result.manifest?.sha256,
    logPath: result.log?.path,
    logSeq: result.log?.seq,
    logDigest: result.log?.digest,
  };
  const lines = Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `      <property${attributes({ name, value })}/>\n`);
  return `    <properties>\n${lines.join("")}    </properties>\n`;
}

function attributes(values: Readonly<Record<string, string | number | undefined>>): string {
  return Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}="${escapeXml(String(value))}"`)
    .join("");
}

function secondsBetween(start: string, end: string): string {
  const ms = Date.parse(end) - Date.parse(start);
  return (Number.isFinite(ms) ? Math.max(0, ms) / 1000 : 0).toFixed(3);
}
