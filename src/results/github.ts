import { SIGNS } from "../reporter/look.js";
import { troubleOf } from "../reporter/problems.js";
import type { Problem } from "../shared/problems.js";
import type { RunResult } from "../shared/results.js";
import { counted, oneLine } from "../shared/text-safety.js";

/** GitHub shows ten of a kind for a step. */
const AT_MOST = 10;

type Annotation = Pick<Problem, "message" | "hint" | "file" | "line"> & { readonly title: string };

/**
 * GitHub's `::error` and `::warning` lines for standard error, with the manifest's file and line: at most ten of each, the last
 * of them a number where there are more.
 */
export function githubAnnotations(result: RunResult): readonly string[] {
  const failures = result.tenants
    .filter(({ outcome }) => outcome === "failed" || outcome === "in-doubt")
    .map((tenant): Annotation => {
      const { code, message, hint } = troubleOf(tenant);
      const how = tenant.action === "conflict" ? "conflict" : SIGNS[tenant.outcome].word;
      const { line } = tenant;
      const file = line === undefined ? undefined : result.manifest?.path;
      return { title: `${code} (${how})`, message: `tenant ${tenant.tenant}: ${message}`, hint, file, line };
    });
  return [
    ...commands("error", [...result.errors.map(annotationOf), ...failures]),
    ...commands("warning", result.warnings.map(annotationOf)),
  ];
}

function annotationOf({ code, message, tenant, ...problem }: Problem): Annotation {
  return { ...problem, title: code, message: tenant === undefined ? message : `tenant ${tenant}: ${message}` };
}

function commands(kind: "error" | "warning", annotations: readonly Annotation[]): readonly string[] {
  if (annotations.length <= AT_MOST) return annotations.map((annotation) => command(kind, annotation));
  const more = annotations.length - AT_MOST + 1;
  const rest = { title: `${more} more`, message: `${counted(more, `more ${kind}`)} in the result` };
  return [...annotations.slice(0, AT_MOST - 1), rest].map((annotation) => command(kind, annotation));
}

function command(kind: "error" | "warning", { file, line, title, message, hint }: Annotation): string {
  // What has gone through oneLine has no line end left to be escaped.
  const escaped = (text: string): string => oneLine(text).replaceAll("%", "%25");
  const properties = Object.entries({ file: file?.replaceAll("\\", "/"), line, title })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${escaped(String(value)).replaceAll(":", "%3A").replaceAll(",", "%2C")}`);
  const lines = hint === undefined ? [message] : [message, hint];
  return `::${kind} ${properties.join(",")}::${lines.map(escaped).join("%0A")}`;
}
