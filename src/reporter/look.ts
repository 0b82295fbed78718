import { Chalk } from "chalk";
import type { CheckStatus } from "../shared/diagnosis.js";
import {
  ACTIONS,
  type ActionKind,
  changesOf,
  OUTCOMES,
  type Outcome,
  type PlanFacts,
  type RunResult,
  type TenantResult,
  type TenantStanding,
} from "../shared/results.js";
import { counted } from "../shared/text-safety.js";

/** What a text tells by its colour, and the style that shows it. */
const STYLES = {
  bold: "bold",
  dim: "dim",
  good: "green",
  bad: "red",
  doubt: "magenta",
  change: "yellow",
  accent: "cyan",
} as const;

export type Tone = keyof typeof STYLES;

/** Paints text for one stream; where the stream has no colour, every text stays as it is. */
export type Palette = Readonly<Record<Tone, (text: string) => string>>;

/** How text for people looks on one stream: its colours and its width. */
export interface Look {
  readonly palette: Palette;
  /** Columns; `undefined` where nothing is to be cut (files, pipes, CI logs). */
  readonly width?: number | undefined;
}

/**
 * The look of one stream. `--no-color` and a `NO_COLOR` that is not empty take its colour away, then `FORCE_COLOR` decides (`0` and
 * `false` mean no colour); else a terminal that is not dumb has colour, and a CI system or a file has none.
 */
export function lookOf(
  { env, ci }: { env: Readonly<Record<string, string | undefined>>; ci: boolean },
  { noColor }: { readonly noColor: boolean },
  stream: { readonly isTTY: boolean; columns(): number | undefined },
): Look {
  const forced = env.FORCE_COLOR?.toLowerCase();
  const isForced = forced !== undefined && forced !== "0" && forced !== "false";
  const isUsual = forced === undefined && stream.isTTY && !ci && env.TERM !== "dumb";
  const hasColour = !noColor && (env.NO_COLOR ?? "") === "" && (isForced || isUsual);
  return { palette: hasColour ? COLOURED : PLAIN, width: stream.columns() };
}

function makePalette(paint: (tone: Tone, text: string) => string): Palette {
  const tones = Object.keys(STYLES) as Tone[];
  return Object.fromEntries(tones.map((tone) => [tone, (text: string) => paint(tone, text)])) as Palette;
}

/** No colour at all. */
export const PLAIN = makePalette((_, text) => text);
/** The sixteen colours that every terminal knows. */
const chalk = new Chalk({ level: 1 });
const COLOURED = makePalette((tone, text) => chalk[STYLES[tone]](text));

/** What people are shown by a word, a symbol and a tone. */
export type Shown = ActionKind | Outcome | TenantStanding | CheckStatus;

/** How each of them is shown. */
export const SIGNS: Readonly<Record<Shown, { word: string; symbol: string; tone: Tone }>> = {
  create: sign("create", "+", "good"),
  update: sign("update", "~", "change"),
  adopt: sign("adopt", ">", "change"),
  settle: sign("settle", "?", "doubt"),
  unchanged: sign("unchanged", "=", "dim"),
  conflict: sign("conflict", "!", "bad"),
  orphan: sign("orphan", "o", "dim"),
  skip: sign("skip", "-", "dim"),
  succeeded: sign("succeeded", "✓", "good"),
  failed: sign("failed", "✗", "bad"),
  "in-doubt": sign("in doubt", "?", "doubt"),
  planned: sign("planned", "○", "accent"),
  skipped: sign("skipped", "–", "dim"),
  copied: sign("copied", "=", "good"),
  gone: sign("gone", "!", "bad"),
  retry: sign("retry", "+", "change"),
  none: sign("not begun", ".", "dim"),
  ok: sign("ok", "✓", "good"),
  warn: sign("warning", "!", "change"),
  fail: sign("failed", "✗", "bad"),
};

function sign(word: string, symbol: string, tone: Tone) {
  return { word, symbol, tone };
}

/** A text in the tone of what it tells of. */
export function paint(shown: Shown, text: string, { palette }: Look): string {
  return palette[SIGNS[shown].tone](text);
}

/** The actions or the outcomes that tenants have, in the order in which people read them, and how many have each. */
export function countBy<Kind extends "action" | "outcome">(tenants: readonly TenantResult[], kind: Kind) {
  const all = (kind === "action" ? ACTIONS : OUTCOMES) as readonly TenantResult[Kind][];
  return all
    .map((shown) => ({ shown, count: tenants.filter((tenant) => tenant[kind] === shown).length }))
    .filter(({ count }) => count > 0);
}

/**
 * What tables tell of a tenant. CSV calls a column by its name here, every other format by its title. The text is as it came from
 * outside: each format makes it safe in its own way.
 */
export const TENANT_COLUMNS = {
  tenant: { title: "Tenant", text: ({ tenant }) => tenant },
  sourceTaskId: { title: "Source task", text: ({ sourceTaskId = "" }) => sourceTaskId },
  name: { title: "Name", text: ({ name = "" }) => name },
  newTaskId: { title: "Copy", text: ({ newTaskId = "" }) => newTaskId },
  action: { title: "Action", text: ({ action }) => action },
  outcome: { title: "Outcome", text: ({ outcome }) => outcome },
  reason: {
    title: "Why",
    text: ({ error, reason }) => (error === undefined ? reason : `${error.code}: ${error.message}`),
  },
  verified: {
    title: "Verified",
    text: ({ verified, verifiedAt }) => (verified ? (verifiedAt?.slice(0, 10) ?? "yes") : "no"),
  },
  took: {
    title: "Took",
    text: ({ startedMs, durationMs }) => (startedMs === undefined ? "" : spokenDuration(durationMs)),
  },
} as const satisfies Record<string, { readonly title: string; readonly text: (tenant: TenantResult) => string }>;

/** A time as people read it: `2026-06-12 14:03 UTC`. */
function minuteOf(time: string): string {
  return `${time.slice(0, 16).replace("T", " ")} UTC`;
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

/** How many tenants, and how many that the manifest does not list any more: `39 tenants and 3 orphans`. */
export function tenantsText(
  tenants: readonly { readonly action?: string; readonly orphan?: true | undefined }[],
): string {
  const orphans = tenants.filter(({ action, orphan }) => action === "orphan" || orphan === true).length;
  const listed = counted(tenants.length - orphans, "tenant");
  return orphans === 0 ? listed : `${listed} and ${counted(orphans, "orphan")}`;
}

/** What a result is called. */
export function kindOf({ command, dryRun }: Pick<RunResult, "command" | "dryRun">): string {
  return command === "status" ? "Status" : dryRun ? "Plan" : "Result";
}

/** What a reader of a plan or a result has to know first, in a few words. */
export function verdictOf({ summary, errors, dryRun }: RunResult): { readonly tone: Tone; readonly text: string } {
  if (errors.length > 0) return { tone: "bad", text: counted(errors.length, "error") };
  const { failed, inDoubt, planned } = summary;
  const parts = [
    { count: failed, tone: "bad", text: dryRun ? "in conflict" : "failed" },
    { count: inDoubt, tone: "doubt", text: "in doubt" },
    { count: planned, tone: "accent", text: dryRun ? "to do" : "left to do" },
  ] as const;
  const [first, ...others] = parts.filter(({ count }) => count > 0);
  if (first === undefined) return { tone: "good", text: dryRun ? "Nothing to do" : "All well" };
  return { tone: first.tone, text: [first, ...others].map(({ count, text }) => `${count} ${text}`).join(", ") };
}

const REPORTS_NAMED = 3;

/** What changes for a tenant, in words: which app some of its reports read before, and which after. */
export function changeTexts(tenant: TenantResult, appNames: RunResult["appNames"]) {
  const appText = (id: string): string => {
    const name = appNames?.[id] ?? "";
    return name === "" ? id : `${id} (${name})`;
  };
  return changesOf(tenant).map(({ qlikAppId, before, newQlikAppId, reports }) => {
    const named = reports.slice(0, REPORTS_NAMED).map(({ reportId, reportName }) => reportName ?? reportId);
    const more = reports.length > named.length ? ` and ${reports.length - named.length} more` : "";
    const unknown = before === null ? `not mapped: the report's own app ${appText(qlikAppId)}` : "not known";
    return {
      reports: named.join(", ") + more,
      before: typeof before === "string" ? appText(before) : unknown,
      after: appText(newQlikAppId),
    };
  });
}

/** What a saved plan is permitted to do beyond the usual, as the options that permit it. */
export function permissionsText({ permissions }: PlanFacts): string {
  return permissions.length === 0 ? "none" : permissions.join(" ");
}

/** Says how many copies are known to be mapped to their own app, and when they were read: an old look is not told as a new one. */
export function verifiedText({ tenants, startedAt }: RunResult): string | undefined {
  const good = tenants.filter(({ outcome }) => outcome === "succeeded");
  if (good.length === 0) return undefined;
  const verified = good.filter((tenant) => tenant.verified);
  const now = verified.filter(({ verifiedAt = "" }) => verifiedAt >= startedAt);
  const told = `${now.length} of ${good.length} copies read back with their mappings in this run (verified)`;
  const earlier = verified.length - now.length;
  const [oldest] = verified
    .flatMap(({ verifiedAt = "", verifiedBy = "" }) => (verifiedAt === "" ? [] : `${verifiedAt} ${verifiedBy}`))
    .sort();
  const [time = "", run = ""] = oldest?.split(" ") ?? [];
  const since =
    oldest === undefined ? "" : `, the oldest on ${minuteOf(time)}${run === "" ? "" : ` by run ${run.slice(0, 8)}`}`;
  return earlier === 0 ? told : `${told}; ${earlier} verified earlier${since}`;
}
