import type { ActionKind, Outcome, Summary } from "../shared/outcome.js";
import type { Palette } from "./palette.js";

/** How text for people looks on one stream: its colours, its width, and whether it can show more than ASCII. */
export interface Look {
  readonly palette: Palette;
  /** Columns; `undefined` where nothing is to be cut (files, pipes, CI logs). */
  readonly width?: number | undefined;
  /** False on consoles that show only ASCII. */
  readonly unicode: boolean;
}

const ACTION_SYMBOLS: Readonly<Record<ActionKind, string>> = {
  create: "+",
  update: "~",
  adopt: ">",
  settle: "?",
  unchanged: "=",
  conflict: "!",
  orphan: "o",
  skip: "-",
};

/** What each outcome is called in text for people. */
export const OUTCOME_WORDS: Readonly<Record<Outcome, string>> = {
  succeeded: "succeeded",
  failed: "failed",
  "in-doubt": "in doubt",
  planned: "planned",
  skipped: "skipped",
};

/** The outcomes in the order in which people read them: what is done, what needs a person, what is left. */
export const OUTCOMES_TO_READ: readonly Outcome[] = ["succeeded", "failed", "in-doubt", "planned", "skipped"];

/** The plan's symbol of an action, painted. */
export function actionSymbol(action: ActionKind, look: Look): string {
  return paintAction(action, look)(ACTION_SYMBOLS[action]);
}

/** The paint of an action. */
export function paintAction(action: ActionKind, { palette }: Look): (text: string) => string {
  switch (action) {
    case "create":
      return palette.good;
    case "update":
    case "adopt":
      return palette.change;
    case "settle":
      return palette.doubt;
    case "conflict":
      return palette.bad;
    case "unchanged":
    case "orphan":
    case "skip":
      return palette.dim;
    default:
      return action satisfies never;
  }
}

/** The symbol of an outcome, painted. */
export function outcomeSymbol(outcome: Outcome, look: Look): string {
  const [unicode, ascii] = symbolsOf(outcome);
  return paintOutcome(outcome, look)(look.unicode ? unicode : ascii);
}

function symbolsOf(outcome: Outcome): readonly [string, string] {
  switch (outcome) {
    case "succeeded":
      return ["✓", "+"];
    case "failed":
      return ["✗", "x"];
    case "in-doubt":
      return ["?", "?"];
    case "planned":
      return ["○", "."];
    case "skipped":
      return ["–", "-"];
    default:
      return outcome satisfies never;
  }
}

/** The paint of an outcome. */
export function paintOutcome(outcome: Outcome, { palette }: Look): (text: string) => string {
  switch (outcome) {
    case "succeeded":
      return palette.good;
    case "failed":
      return palette.bad;
    case "in-doubt":
      return palette.doubt;
    case "planned":
      return palette.accent;
    case "skipped":
      return palette.dim;
    default:
      return outcome satisfies never;
  }
}

/** What leads to the next step: `→`, or `->`. */
export function arrow(look: Look): string {
  return look.unicode ? "→" : "->";
}

/** How many tenants of a summary have an outcome. */
export function countOf(outcome: Outcome, summary: Summary): number {
  return outcome === "in-doubt" ? summary.inDoubt : summary[outcome];
}

/** A number and its noun: `1 tenant`, `2 tenants`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** A duration as people say it: `340 ms`, `12 s`, `3 min 5 s`, `2 h 10 min`. */
export function spokenDuration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 10) return `${(ms / 1000).toFixed(1)} s`;
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return seconds % 60 === 0 ? `${minutes} min` : `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
