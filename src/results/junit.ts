import { placeOf, troubleOf } from "../reporter/problems.js";
import type { Problem } from "../shared/problems.js";
import type { RunResult, TenantResult } from "../shared/results.js";
import { escapeXml } from "../shared/text-safety.js";

/**
 * The result as JUnit XML: one case a tenant; failed and conflict are failures, in doubt is an error, skipped and planned are
 * skipped. Errors of the run itself (it could not start, a guard) are cases of a suite of their own: an empty report would pass.
 */
export function* junitResult(result: RunResult): Generator<string> {
  const { summary, tenants, errors, command, dryRun, startedAt, finishedAt } = result;
  const time = (Math.max(0, Date.parse(finishedAt) - Date.parse(startedAt)) / 1000).toFixed(3);
  const all = {
    tests: tenants.length,
    failures: summary.failed,
    errors: summary.inDoubt,
    skipped: summary.skipped + summary.planned,
  };
  const run = { tests: errors.length, failures: 0, errors: errors.length, skipped: 0 };
  const both = { ...all, tests: all.tests + run.tests, errors: all.errors + run.errors };
  const name = dryRun ? `${command} --dry-run` : command;
  yield `<?xml version="1.0" encoding="UTF-8"?>\n`;
  yield `<testsuites${attributes({ name: "qalyptus-propagate", ...both, time })}>\n`;
  yield `  <testsuite${attributes({ name, timestamp: startedAt, time, ...all })}>\n${propertiesOf(result)}`;
  for (const tenant of tenants) yield tenantCase(tenant, result);
  yield "  </testsuite>\n";
  if (errors.length > 0)
    yield `  <testsuite${attributes({ name: "run", ...run })}>\n${errors.map(errorCase).join("")}  </testsuite>\n`;
  yield "</testsuites>\n";
}

function tenantCase(tenant: TenantResult, { manifest }: RunResult): string {
  const { sourceTaskId = "no source task", tenant: name, durationMs, line, action, outcome, reason } = tenant;
  const file = line === undefined ? undefined : manifest?.path;
  const time = (durationMs / 1000).toFixed(3);
  const output = { action, reason, name: tenant.name, newTaskId: tenant.newTaskId, verified: tenant.verified };
  const lines = entriesOf(output).map(([title, value]) => `${title}: ${value}`);
  const { code, message, hint } = troubleOf(tenant);
  const told =
    outcome === "failed" || outcome === "in-doubt"
      ? element(outcome === "failed" ? "failure" : "error", { message, type: code }, [`${name}: ${message}`, hint])
      : outcome === "succeeded"
        ? ""
        : `      <skipped${attributes({ message: `${outcome} (${action}): ${reason}` })}/>\n`;
  const head = attributes({ classname: sourceTaskId, name, time, file, line });
  return `    <testcase${head}>\n${told}${element("system-out", {}, lines)}    </testcase>\n`;
}

function errorCase(error: Problem): string {
  const { code, message, hint, file, line } = error;
  const place = placeOf(error);
  const lines = [message, place === "" ? undefined : `at ${place}`, hint];
  const head = attributes({ classname: "run", name: code, time: "0.000", file, line });
  return `    <testcase${head}>\n${element("error", { message, type: code }, lines)}    </testcase>\n`;
}

function propertiesOf({ server, runId, exitCode, manifest, log }: RunResult): string {
  const manifestFacts = { manifest: manifest?.path, manifestSha256: manifest?.sha256 };
  const logFacts = { logPath: log?.path, logSeq: log?.seq, logDigest: log?.digest };
  const lines = entriesOf({ server: server ?? undefined, runId, exitCode, ...manifestFacts, ...logFacts })
    .map(([name, value]) => `      <property${attributes({ name, value })}/>\n`)
    .join("");
  return `    <properties>\n${lines}    </properties>\n`;
}

type Values = Readonly<Record<string, string | number | boolean | undefined>>;

/** The values that are known. */
function entriesOf(values: Values): readonly (readonly [string, string])[] {
  return Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]));
}

function attributes(values: Values): string {
  return entriesOf(values)
    .map(([name, value]) => ` ${name}="${escapeXml(value)}"`)
    .join("");
}

function element(name: string, values: Values, lines: readonly (string | undefined)[]): string {
  const text = lines.flatMap((line) => (line === undefined ? [] : escapeXml(line))).join("\n");
  return `      <${name}${attributes(values)}>${text}</${name}>\n`;
}
