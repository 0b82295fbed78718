import stringWidth from "string-width";
import type { RunEvent } from "../shared/events.js";
import type { Outcome, TenantResult } from "../shared/outcome.js";
import { oneLine } from "../shared/text-safety.js";
import { fitWidth, toText } from "./layout.js";
import { counted, type Look, OUTCOMES_TO_READ, paint, SIGNS, spokenDuration, symbolOf } from "./look.js";
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

/** Tells a run as it goes on. `stop` takes the live line away; it may be called twice. */
export interface Progress {
  emit(event: RunEvent): void;
  stop(): void;
}

/** A live line on a terminal that a person watches, else plain lines; both only on the stream that is given. */
export async function createProgress(options: ProgressOptions): Promise<Progress> {
  const linesOf = eventLines(options);
  const print = (lines: readonly string[]): void => {
    if (lines.length > 0) options.stream.write(toText(lines, options.look));
  };
  if (options.quiet) return { emit: (event) => print(linesOf(event)), stop: () => undefined };
  const start = options.isTTY && !options.ci ? startLiveProgress : startPlainProgress;
  return start(options, linesOf, print);
}

type LinesOf = (event: RunEvent) => readonly string[];
type Print = (lines: readonly string[]) => void;

const FAILURES_TOLD = 20;

/**
 * Turns events into the lines that are worth a person's while, with bounds: a run in which everything fails must not bury its
 * reader. Whatever is left out is in the result.
 */
function eventLines({ look, quiet, verbose, warnings = true }: ProgressOptions): LinesOf {
  const { palette } = look;
  const warningsOfCode = new Map<string, number>();
  let failures = 0;
  const failureLines = (tenant: TenantResult): readonly string[] => {
    failures += 1;
    if (failures > FAILURES_TOLD) return failures === FAILURES_TOLD + 1 ? ["more failures are in the result"] : [];
    const { code, message } = troubleOf(tenant);
    const symbol = paint(tenant.outcome, symbolOf(tenant.outcome, look), look);
    const name = palette.bold(oneLine(tenant.tenant));
    return [`${symbol} ${name}: ${oneLine(message)} ${palette.dim(`[${oneLine(code)}]`)}`];
  };
  return (event) => {
    if (event.kind === "unlogged") {
      const copy = event.newTaskId === undefined ? "" : ` has the copy ${event.newTaskId}; write it down`;
      return [palette.bad(oneLine(`NOT IN THE LOG: tenant ${event.tenant}${copy}: ${event.message}`))];
    }
    if (quiet) return [];
    if (event.kind === "warning" && warnings) {
      const { code } = event.problem;
      const told = warningsOfCode.get(code) ?? 0;
      warningsOfCode.set(code, told + 1);
      if (told < WARNINGS_OF_ONE_CODE) return problemLines("warning", event.problem, look);
      return told === WARNINGS_OF_ONE_CODE ? [`more warnings [${oneLine(code)}] are in the result`] : [];
    }
    if (event.kind === "tenant" && warnings) {
      const { outcome } = event.result;
      return outcome === "failed" || outcome === "in-doubt" ? failureLines(event.result) : [];
    }
    if (event.kind === "stopping") {
      const requests = `at most 5 s for ${counted(event.inFlight, "request")} in flight (once more: stop at once)`;
      return [palette.change(`${event.signal}: nothing new starts${event.inFlight === 0 ? "" : `; ${requests}`}`)];
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
  readonly counts: Record<Outcome, number> = { planned: 0, succeeded: 0, failed: 0, "in-doubt": 0, skipped: 0 };
  readonly #inDoubt = new Set<string>();
  #begin: { readonly at: number; readonly done: number; readonly total: number } | undefined;

  get started(): boolean {
    return this.#begin !== undefined;
  }

  start(total: number, at: number): void {
    this.#begin = { at, done: this.done, total };
  }

  /** Counts a tenant; one that was in doubt and is told again counts once. */
  add({ action, outcome, sourceTaskId, tenant }: TenantResult): void {
    if (action === "unchanged" || action === "conflict" || action === "orphan" || action === "skip") return;
    const identity = `${sourceTaskId} ${tenant}`;
    if (this.#inDoubt.delete(identity)) this.counts["in-doubt"] -= 1;
    if (outcome === "in-doubt") this.#inDoubt.add(identity);
    this.counts[outcome] += 1;
  }

  get done(): number {
    const { succeeded, failed, skipped, "in-doubt": inDoubt } = this.counts;
    return succeeded + failed + inDoubt + skipped;
  }

  get total(): number {
    return Math.max(this.#begin?.total ?? 0, this.done);
  }

  /** The outcomes that tenants have so far, to be told each in its own way. */
  tell(word: (outcome: Outcome, count: number) => string): readonly string[] {
    return OUTCOMES_TO_READ.flatMap((outcome) => {
      const count = this.counts[outcome];
      return count > 0 ? [word(outcome, count)] : [];
    });
  }

  /** `12/s`, `about 7 s left`, as far as something can be said yet. */
  paceAt(now: number): readonly string[] {
    const { at = now, done = 0 } = this.#begin ?? {};
    const settled = this.done - done;
    if (now <= at || settled === 0) return [];
    const rate = (settled * 1000) / (now - at);
    const pace = `${rate < 10 ? rate.toFixed(1) : Math.round(rate)}/s`;
    const left = this.total - this.done;
    if (settled < TELLING || left === 0) return [pace];
    return [pace, `about ${spokenDuration(Math.max(1000, (left * 1000) / rate))} left`];
  }
}

const PLAIN_EVERY_MS = 5000;

/** Lines such as `120 of 200 (60 %): 118 succeeded, 2 failed, 12/s, about 7 s left`. */
function startPlainProgress({ look, now }: ProgressOptions, linesOf: LinesOf, print: Print): Progress {
  const tally = new ProgressTally();
  let lastAt = now();
  let lastStep = "";
  const line = (): string => {
    const { done, total } = tally;
    const percent = total === 0 ? 100 : Math.floor((done * 100) / total);
    const counts = tally.tell((outcome, count) => paint(outcome, `${count} ${SIGNS[outcome].word}`, look));
    return `${done} of ${total} (${percent} %): ${[...counts, ...tally.paceAt(now())].join(", ")}`;
  };
  return {
    emit(event) {
      print(linesOf(event));
      if (event.kind === "started") {
        lastAt = now();
        tally.start(event.total, lastAt);
      } else if (event.kind === "tenant") {
        tally.add(event.result);
        if (!tally.started || now() - lastAt < PLAIN_EVERY_MS) return;
        lastAt = now();
        print([line()]);
      } else if (event.kind === "step" && event.message !== lastStep) {
        lastStep = event.message;
        print([look.palette.dim(oneLine(event.message))]);
      } else if (event.kind === "waiting") print([oneLine(`waiting ${spokenDuration(event.ms)}: ${event.reason}`)]);
    },
    stop: () => undefined,
  };
}

/** How long a run that ends by a signal waits for its requests at most. */
const DRAIN_MS = 5000;
const BAR_WIDTH = 24;

async function startLiveProgress(options: ProgressOptions, linesOf: LinesOf, print: Print): Promise<Progress> {
  const { default: ora } = await import("ora");
  const { stream, look, now } = options;
  const tally = new ProgressTally();
  let ended = false;
  let step = "";
  let wait = { reason: "", until: 0 };
  const waitText = (): string | undefined => {
    const left = Math.ceil((wait.until - now()) / 1000) * 1000;
    return left > 0 ? `waiting ${spokenDuration(left)}: ${wait.reason}` : undefined;
  };
  const spinner = ora({
    stream,
    isEnabled: true,
    discardStdin: false,
    color: look.palette.accent("x") === "x" ? false : "cyan",
    spinner: look.unicode ? "dots" : "line",
    // Asked for at each frame: events only count, so that ten thousand of them cost no drawing.
    suffixText: () => {
      const columns = Math.max(20, (stream.columns ?? look.width ?? 80) - 4);
      return tally.started
        ? liveLine(tally, { wait: waitText(), now: now(), look, columns })
        : fitWidth(waitText() ?? step, columns);
    },
  });
  return {
    emit(event) {
      if (event.kind === "started") tally.start(event.total, now());
      else if (event.kind === "tenant") tally.add(event.result);
      else if (event.kind === "step") step = oneLine(event.message);
      else if (event.kind === "waiting") wait = { reason: oneLine(event.reason), until: now() + event.ms };
      // The pace of a run that ends would promise minutes that nobody waits.
      else if (event.kind === "stopping") wait = { reason: "for what is in flight", until: now() + DRAIN_MS };
      // Counted first: printing draws the live line anew.
      print(linesOf(event));
      const isWatched = ["started", "tenant", "step", "waiting"].includes(event.kind);
      if (isWatched && !ended && !spinner.isSpinning) spinner.start();
    },
    stop() {
      ended = true;
      spinner.stop();
    },
  };
}

/** The bar, the counts, and the pace or what is waited for: as much of it as there are columns. */
function liveLine(
  tally: ProgressTally,
  { wait, now, look, columns }: { wait: string | undefined; now: number; look: Look; columns: number },
): string {
  const { done, total } = tally;
  const number = `${done}/${total}`;
  const counts = tally.tell((outcome, count) => `${paint(outcome, symbolOf(outcome, look), look)} ${count}`).join("  ");
  const last = wait ?? tally.paceAt(now).join(", ");
  const asLines = [
    [bar(done / Math.max(1, total), look), number, counts, last],
    [number, counts, last],
    // What is waited for matters more than what is done.
    wait === undefined ? [number, counts] : [number, last],
  ].map((parts) => parts.filter((part) => part !== "").join("  "));
  return asLines.find((line) => stringWidth(line) <= columns) ?? fitWidth(`${number}  ${last}`, columns);
}

function bar(part: number, { unicode, palette }: Look): string {
  const filled = Math.floor(part * BAR_WIDTH);
  const [full, empty] = unicode ? ["█", "░"] : ["#", "."];
  const text = full.repeat(filled) + palette.dim(empty.repeat(BAR_WIDTH - filled));
  return unicode ? text : `[${text}]`;
}
