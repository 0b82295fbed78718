import stringWidth from "string-width";
import { OUTCOME_OF_PLANNED, OUTCOMES, type Outcome, type RunEvent, type TenantResult } from "../shared/results.js";
import { counted, oneLine } from "../shared/text-safety.js";
import { fitWidth, toText } from "./layout.js";
import { type Look, PLAIN, paint, SIGNS, spokenDuration } from "./look.js";
import { problemLines, troubleOf, WARNINGS_OF_ONE_CODE } from "./problems.js";

export interface ProgressOptions {
  /** Standard error. */
  readonly stream: NodeJS.WritableStream & { readonly columns?: number | undefined };
  readonly isTTY: boolean;
  readonly ci: boolean;
  /** Only what must be shown. */
  readonly quiet: boolean;
  /** Each request too. */
  readonly verbose: boolean;
  /** False where the answer on standard output lists warnings and what needs a person anyway. */
  readonly warnings?: boolean | undefined;
  readonly look: Look;
  /** A monotonic clock, in milliseconds. */
  readonly now: () => number;
}

/**
 * Tells a run as it goes on: by a live line on a terminal that a person watches, else by plain lines; both only on the stream that
 * is given. `stop` takes the live line away; it may be called twice.
 */
export async function createProgress(options: ProgressOptions) {
  const { stream, quiet, now } = options;
  const linesOf = eventLines(options);
  const print = (lines: readonly string[]): void => {
    if (lines.length > 0) stream.write(toText(lines));
  };
  const tally = new ProgressTally(now);
  const isLive = !quiet && options.isTTY && !options.ci;
  const live = isLive ? await startLiveView(options, tally) : undefined;
  const plain = isLive || quiet ? undefined : plainLines(options, tally);
  return {
    emit(event: RunEvent): void {
      // Counted first: printing draws the live line anew.
      if (event.kind === "started") tally.start(event.total);
      if (event.kind === "tenant") tally.add(event.result);
      live?.emit(event);
      print([...(plain?.(event) ?? []), ...linesOf(event)]);
    },
    stop: (): void => live?.stop(),
  };
}

const FAILURES_TOLD = 20;

/**
 * Turns events into the lines that are worth a person's while, with bounds: a run in which everything fails must not bury its
 * reader. Whatever is left out is in the result.
 */
function eventLines({ look, quiet, verbose, warnings = true }: ProgressOptions) {
  const { palette } = look;
  const told = new Map<string, number>();
  /** Shows the first of a kind, then once that there are more. */
  const first = (most: number, kind: string, lines: readonly string[]): readonly string[] => {
    const count = (told.get(kind) ?? 0) + 1;
    told.set(kind, count);
    if (count <= most) return lines;
    return count === most + 1 ? [oneLine(`more ${kind} are in the result`)] : [];
  };
  return (event: RunEvent): readonly string[] => {
    if (event.kind === "unlogged") {
      const copy = event.newTaskId === undefined ? "" : ` has the copy ${event.newTaskId}; write it down`;
      return [palette.bad(oneLine(`NOT IN THE LOG: tenant ${event.tenant}${copy}: ${event.message}`))];
    }
    if (quiet) return [];
    if (event.kind === "warning" && warnings) {
      const lines = problemLines("warning", event.problem, look);
      return first(WARNINGS_OF_ONE_CODE, `warnings [${event.problem.code}]`, lines);
    }
    if (event.kind === "tenant" && warnings) {
      const { result } = event;
      if (result.outcome !== "failed" && result.outcome !== "in-doubt") return [];
      const { code, message } = troubleOf(result);
      const symbol = paint(result.outcome, SIGNS[result.outcome].symbol, look);
      const told = `${palette.bold(oneLine(result.tenant))}: ${oneLine(message)} ${palette.dim(`[${oneLine(code)}]`)}`;
      return first(FAILURES_TOLD, "failures", [`${symbol} ${told}`]);
    }
    if (event.kind === "stopping") {
      const requests = `; at most 5 s for ${counted(event.inFlight, "request")} in flight (once more: stop at once)`;
      return [palette.change(`${event.signal}: nothing new starts${event.inFlight === 0 ? "" : requests}`)];
    }
    if (event.kind === "request" && verbose) {
      const { method, path, status, ms, requestId } = event;
      return [palette.dim(oneLine(`${method} ${path} ${status} ${Math.round(ms)} ms ${requestId}`))];
    }
    return [];
  };
}

/** So many settled tenants tell how long the others will take; the first goes alone, and tells nothing. */
const TELLING = 5;

/** Counts the tenants that a run carries out, as they are settled. */
class ProgressTally {
  readonly #now: () => number;
  /** One that was in doubt and is told again counts once. */
  readonly #outcomes = new Map<string, Outcome>();
  #begin: { readonly at: number; readonly done: number; readonly total: number } | undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  start(total: number): void {
    this.#begin = { at: this.#now(), done: this.#outcomes.size, total };
  }

  add({ action, outcome, sourceTaskId, tenant }: TenantResult): void {
    if (OUTCOME_OF_PLANNED[action] === "planned" && outcome !== "planned")
      this.#outcomes.set(`${sourceTaskId} ${tenant}`, outcome);
  }

  /** `undefined` while nothing has begun. `pace`: `12/s`, `about 7 s left`, as far as something can be said yet. */
  standing() {
    if (this.#begin === undefined) return undefined;
    const outcomes = [...this.#outcomes.values()];
    const done = outcomes.length;
    const total = Math.max(this.#begin.total, done);
    const counts = OUTCOMES.map((outcome) => {
      return { outcome, count: outcomes.filter((other) => other === outcome).length };
    });
    const settled = done - this.#begin.done;
    const rate = (settled * 1000) / (this.#now() - this.#begin.at);
    const pace: string[] = [];
    if (settled > 0 && Number.isFinite(rate)) pace.push(`${rate < 10 ? rate.toFixed(1) : Math.round(rate)}/s`);
    if (pace.length > 0 && settled >= TELLING && done < total)
      pace.push(`about ${spokenDuration(Math.max(1000, ((total - done) * 1000) / rate))} left`);
    return { done, total, counts: counts.filter(({ count }) => count > 0), pace };
  }
}

type Standing = NonNullable<ReturnType<ProgressTally["standing"]>>;

const PLAIN_EVERY_MS = 5000;

/** Steps and waits as they come, and every few seconds `120 of 200 (60 %): 118 succeeded, 2 failed, 12/s, about 7 s left`. */
function plainLines({ look, now }: ProgressOptions, tally: ProgressTally): (event: RunEvent) => readonly string[] {
  let lastAt = now();
  let lastStep = "";
  /** Until when each reason was told to be waited for: many requests wait for the same. */
  const told = new Map<string, number>();
  return (event) => {
    if (event.kind === "started") lastAt = now();
    if (event.kind === "waiting") {
      if (now() < (told.get(event.reason) ?? 0)) return [];
      told.set(event.reason, now() + event.ms);
      return [oneLine(`waiting ${spokenDuration(event.ms)}: ${event.reason}`)];
    }
    if (event.kind === "step" && event.message !== lastStep) {
      lastStep = event.message;
      return [look.palette.dim(oneLine(event.message))];
    }
    const standing = event.kind === "tenant" && now() - lastAt >= PLAIN_EVERY_MS ? tally.standing() : undefined;
    if (standing === undefined) return [];
    lastAt = now();
    const { done, total, counts, pace } = standing;
    const percent = total === 0 ? 100 : Math.floor((done * 100) / total);
    const parts = counts.map(({ outcome, count }) => paint(outcome, `${count} ${SIGNS[outcome].word}`, look));
    return [`${done} of ${total} (${percent} %): ${[...parts, ...pace].join(", ")}`];
  };
}

/** How long a run that ends by a signal waits for its requests at most. */
const DRAIN_MS = 5000;
const BAR_WIDTH = 24;

async function startLiveView({ stream, look, now }: ProgressOptions, tally: ProgressTally) {
  const { default: ora } = await import("ora");
  let step = "";
  let wait = { reason: "", from: 0, until: 0 };
  /** Requests whose answers have not come, the oldest first. */
  const unanswered = new Map<string, { readonly what: string; readonly from: number; readonly until: number }>();
  const waitedFor = (): Wait | undefined => {
    if (wait.until > now()) return spokenWait(wait.reason, wait.from, wait.until, now());
    const [oldest] = unanswered.values();
    if (oldest === undefined || now() - oldest.from < SLOW_MS) return undefined;
    const others = unanswered.size === 1 ? "" : ` and ${counted(unanswered.size - 1, "other request")}`;
    return spokenWait(`for the answer to ${oldest.what}${others}`, oldest.from, oldest.until, now());
  };
  let ended = false;
  const spinner = ora({
    stream,
    isEnabled: true,
    discardStdin: false,
    color: look.palette === PLAIN ? false : "cyan",
    spinner: "dots",
    // Asked for at each frame: events only count, so that ten thousand of them cost no drawing.
    suffixText: () => {
      const columns = Math.max(20, (stream.columns ?? look.width ?? 80) - 4);
      const waiting = waitedFor();
      const standing = tally.standing();
      if (standing !== undefined) return liveLine(standing, waiting, columns, look);
      return fitWidth(waiting === undefined ? step : fitting(waiting, columns), columns);
    },
  });
  return {
    emit(event: RunEvent): void {
      if (event.kind === "step") step = oneLine(event.message);
      if (event.kind === "waiting") wait = { reason: oneLine(event.reason), from: now(), until: now() + event.ms };
      if (event.kind === "sent")
        unanswered.set(event.requestId, { what: spokenRequest(event), from: now(), until: now() + event.timeoutMs });
      if (event.kind === "request") unanswered.delete(event.requestId);
      // The pace of a run that ends would promise minutes that nobody waits.
      if (event.kind === "stopping") wait = { reason: "for what is in flight", from: now(), until: now() + DRAIN_MS };
      const isWatched = ["started", "tenant", "step", "waiting"].includes(event.kind);
      if (isWatched && !ended && !spinner.isSpinning) spinner.start();
    },
    stop(): void {
      ended = true;
      spinner.stop();
    },
  };
}

/** A request that has no answer for so long is told. */
const SLOW_MS = 2000;

/** What is waited for: with the time that has passed, and, for few columns, without it. */
type Wait = readonly [whole: string, short: string];

function spokenWait(reason: string, from: number, until: number, now: number): Wait {
  const inSeconds = (ms: number): string => spokenDuration(Math.ceil(Math.max(0, ms) / 1000) * 1000);
  const left = `waiting ${inSeconds(until - now)}`;
  const passed = Math.floor((now - from) / 1000) * 1000;
  const whole = passed < 1000 ? left : `${left}, ${inSeconds(passed)} passed`;
  return [`${whole}: ${reason}`, `${left}: ${reason}`];
}

function fitting([whole, short]: Wait, columns: number): string {
  return stringWidth(whole) <= columns ? whole : short;
}

/** What a request asks for, in the words of people. */
function spokenRequest({ method, path }: { readonly method: string; readonly path: string }): string {
  if (method === "POST") return "a create";
  if (method === "PATCH") return "an update";
  return /\/tasks(?:\?.*)?$/.test(path) ? "the task list" : "a reading of a task";
}

/** The bar, the counts, and the pace or what is waited for: as much of it as there are columns. */
function liveLine(standing: Standing, wait: Wait | undefined, columns: number, look: Look): string {
  const { done, total, pace } = standing;
  const counts = standing.counts.map(({ outcome, count }) => paint(outcome, `${SIGNS[outcome].symbol} ${count}`, look));
  const filled = total === 0 ? BAR_WIDTH : Math.floor((done * BAR_WIDTH) / total);
  const bar = "█".repeat(filled) + look.palette.dim("░".repeat(BAR_WIDTH - filled));
  const number = `${done}/${total}`;
  const [last, short] = wait ?? [pace.join(", "), pace.join(", ")];
  const asLines = [
    [bar, number, ...counts, last],
    [number, ...counts, last],
    // What is waited for matters more than what is done.
    [number, last],
    [number, short],
  ].map((parts) => parts.filter((part) => part !== "").join("  "));
  return asLines.find((text) => stringWidth(text) <= columns) ?? fitWidth(`${number}  ${short}`, columns);
}
