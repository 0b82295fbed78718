import { ACTIONS, type Outcome, type RunResult } from "../shared/outcome.js";
import { EXIT } from "../shared/problems.js";
import {
  counted,
  countOf,
  type Look,
  OUTCOME_WORDS,
  OUTCOMES_TO_READ,
  outcomeSymbol,
  paintAction,
  paintOutcome,
  spokenDuration,
} from "./look.js";
import {
  type HumanOptions,
  headingLines,
  logHeadLines,
  nextLines,
  section,
  toText,
  troublesLines,
  warningsOf,
} from "./plan.js";

/** A run's result for people: what failed or is in doubt and what to do about it, warnings, counts, the log's head, the way on. */
export function humanResult(result: RunResult, look: Look, options: HumanOptions = {}): string {
  return toText([
    // On a terminal what was told on the way stands right above.
    ...section(headingLines("Result", result, look)).slice(look.width === undefined ? 1 : 0),
    ...interruptionLines(result, look),
    ...troublesLines(result, look),
    ...section(warningsOf(result, look, options)),
    "",
    ...outcomeLines(result, look),
    ...verifiedLines(result, look),
    ...logHeadLines(result, look),
    ...nextLines(options.next, look),
  ]);
}

/** An interrupted run says so, and what it left: nobody shall take it for a finished one. */
function interruptionLines({ exitCode, summary }: RunResult, look: Look): readonly string[] {
  if (exitCode !== EXIT.interrupted && exitCode !== EXIT.terminated) return [];
  const signal = exitCode === EXIT.interrupted ? "SIGINT" : "SIGTERM";
  const left = summary.planned + summary.inDoubt;
  return [look.palette.change(`Interrupted by ${signal}: ${counted(left, "tenant")} left to do or to look up`)];
}

function outcomeLines(result: RunResult, look: Look): readonly string[] {
  const took = Date.parse(result.finishedAt) - Date.parse(result.startedAt);
  const rows = OUTCOMES_TO_READ.filter((outcome) => countOf(outcome, result.summary) > 0).map((outcome) => {
    const count = String(countOf(outcome, result.summary)).padStart(7);
    return `${outcomeSymbol(outcome, look)} ${look.palette.bold(count)} ${paintOutcome(outcome, look)(OUTCOME_WORDS[outcome].padEnd(10))} ${look.palette.dim(actionsOf(result, outcome, look))}`;
  });
  const time = Number.isFinite(took) ? `${counted(result.tenants.length, "tenant")} in ${spokenDuration(took)}` : "";
  return [...rows.map((row) => row.trimEnd()), look.palette.dim(time)].filter((line) => line !== "");
}

function actionsOf(result: RunResult, outcome: Outcome, look: Look): string {
  const tenants = result.tenants.filter((tenant) => tenant.outcome === outcome);
  return ACTIONS.map((action) => ({ action, count: tenants.filter((tenant) => tenant.action === action).length }))
    .filter(({ count }) => count > 0)
    .map(({ action, count }) => paintAction(action, look)(`${count} ${action}`))
    .join(", ");
}

/** Says how many copies are known to be mapped to their own app, and when they were read: an old look is not told as a new one. */
function verifiedLines(result: RunResult, look: Look): readonly string[] {
  const good = result.tenants.filter((tenant) => tenant.outcome === "succeeded");
  if (good.length === 0) return [];
  const verified = good.filter((tenant) => tenant.verified);
  const now = verified.filter(({ verifiedAt }) => verifiedAt !== undefined && verifiedAt >= result.startedAt);
  const told = `${now.length} of ${good.length} copies read back with their mappings in this run (verified)`;
  const earlier = verified.length - now.length;
  return [look.palette.dim(earlier === 0 ? told : `${told}; ${earlier} verified earlier${oldestOf(verified)}`)];
}

function oldestOf(verified: RunResult["tenants"]): string {
  const [oldest] = verified.flatMap(({ verifiedAt }) => verifiedAt ?? []).sort();
  return oldest === undefined ? "" : `, the oldest on ${oldest.slice(0, 10)}`;
}
