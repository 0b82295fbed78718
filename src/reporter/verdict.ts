import type { RunResult } from "../shared/outcome.js";
import { counted } from "./look.js";

/** A plan or a result in a few words, with the style sheet's tone for them. */
export interface Verdict {
  readonly tone: string;
  readonly text: string;
}

/** What a reader has to know first. */
export function verdictOf({ summary, errors, dryRun }: RunResult): Verdict {
  if (errors.length > 0) return { tone: "bad", text: counted(errors.length, "error") };
  const parts: string[] = [];
  if (dryRun && summary.planned > 0) parts.push(`${counted(summary.planned, "change")} pending`);
  if (summary.failed > 0) parts.push(`${summary.failed} ${dryRun ? "in conflict" : "failed"}`);
  if (summary.inDoubt > 0) parts.push(`${summary.inDoubt} in doubt`);
  if (!dryRun && summary.planned > 0) parts.push(`${summary.planned} left to do`);
  if (parts.length === 0) return { tone: "good", text: dryRun ? "Nothing to do" : "All well" };
  return { tone: summary.failed > 0 ? "bad" : summary.inDoubt > 0 ? "doubt" : "plan", text: parts.join(", ") };
}
