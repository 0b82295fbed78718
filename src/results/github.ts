import { counted, OUTCOME_WORDS } from "../reporter/look.js";
import { troubleOf } from "../reporter/tenant-groups.js";
import type { RunResult } from "../shared/outcome.js";
import type { Problem } from "../shared/problems.js";
import { escapeWorkflowData, escapeWorkflowProperty, oneLine } from "../shared/text-safety.js";

/** GitHub shows ten of a kind for a step. */
const AT_MOST = 10;

interface Annotation {
  readonly title: string;
  readonly message: string;
  readonly hint?: string | undefined;
  readonly file?: string | undefined;
  readonly line?: number | undefined;
}

/**
 * GitHub's `::error` and `::warning` lines for standard error, with the manifest's file and line: at most ten of each, the last
 * of them a number where there are more.
 */
export function githubAnnotations(
  result: RunResult,
  { manifestPath }: { readonly manifestPath?: string | undefined },
): readonly string[] {
  const errors = [...result.errors.map((problem) => ofProblem(problem)), ...ofTenants(result, manifestPath)];
  const warnings = result.warnings.map((problem) => ofProblem(problem));
  return [...commands("error", errors), ...commands("warning", warnings)];
}

function ofProblem(problem: Problem): Annotation {
  const tenant = problem.tenant === undefined ? "" : `tenant ${problem.tenant}: `;
  const { code, message, hint, file, line } = problem;
  return { title: code, message: `${tenant}${message}`, hint, file, line };
}

function ofTenants(result: RunResult, manifestPath: string | undefined): readonly Annotation[] {
  return result.tenants
    .filter(({ outcome }) => outcome === "failed" || outcome === "in-doubt")
    .map((tenant) => {
      const { code, message, hint } = troubleOf(tenant);
      const title = `${code} (${tenant.action === "conflict" ? "conflict" : OUTCOME_WORDS[tenant.outcome]})`;
      const at = tenant.line === undefined ? {} : { file: manifestPath ?? result.manifest?.path, line: tenant.line };
      return { title, message: `tenant ${tenant.tenant}: ${message}`, hint, ...at };
    });
}

function commands(kind: "error" | "warning", annotations: readonly Annotation[]): readonly string[] {
  if (annotations.length <= AT_MOST) return annotations.map((annotation) => command(kind, annotation));
  const more = annotations.length - AT_MOST + 1;
  const rest: Annotation = { title: `${more} more`, message: `${counted(more, `more ${kind}`)} in the result` };
  return [...annotations.slice(0, AT_MOST - 1), rest].map((annotation) => command(kind, annotation));
}

function command(kind: "error" | "warning", annotation: Annotation): string {
  const properties = [
    ["file", annotation.file?.replace(/\\/g, "/")],
    ["line", annotation.line === undefined ? undefined : String(annotation.line)],
    ["title", annotation.title],
  ].flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${escapeWorkflowProperty(oneLine(value))}`]));
  const lines = annotation.hint === undefined ? [annotation.message] : [annotation.message, annotation.hint];
  return `::${kind} ${properties.join(",")}::${lines.map((line) => escapeWorkflowData(oneLine(line))).join("%0A")}`;
}
