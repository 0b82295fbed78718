import type { RunEvent } from "../shared/events.js";
import { oneLine, withoutCommand } from "../shared/text-safety.js";
import { displayWidth, fitWidth } from "./display-width.js";
import { type Look, OUTCOME_WORDS, OUTCOMES_TO_READ, outcomeSymbol, paintOutcome, spokenDuration } from "./look.js";
import { EventTelling, waitLine } from "./progress-lines.js";
import { ProgressTally, type Standing } from "./progress-tally.js";

/** Standard error, as far as progress needs it. */
export type ProgressStream = NodeJS.WritableStream & { readonly columns?: number | undefined };

export interface ProgressOptions {
  readonly stream: ProgressStream;
  readonly isTTY: boolean;
  readonly ci: boolean;
  readonly quiet: boolean;
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
  const { quiet, verbose, look, warnings = true } = options;
  const telling = new EventTelling({ look, quiet, verbose, warnings });
  const print = (lines: readonly string[]): void => {
    if (lines.length > 0) options.stream.write(lines.map((line) => `${withoutCommand(line)}\n`).join(""));
  };
  if (quiet) return { emit: (event) => print(telling.linesOf(event)), stop: () => undefined };
  if (options.isTTY && !options.ci) return createLiveProgress(options, telling, print);
  return createPlainProgress(options, telling, print);
}

type Print = (lines: readonly string[]) => void;

const PLAIN_EVERY_MS = 5000;

function createPlainProgress({ look, now }: ProgressOptions, telling: EventTelling, print: Print): Progress {
  const tally = new ProgressTally(now);
  let lastAt = now();
  let lastStep = "";
  return {
    emit(event) {
      print(telling.linesOf(event));
      if (event.kind === "started") {
        tally.start(event.total);
        lastAt = now();
      } else if (event.kind === "tenant") {
        tally.add(event.result);
        if (!tally.started || now() - lastAt < PLAIN_EVERY_MS) return;
        lastAt = now();
        print([plainLine(tally.standing(), look)]);
      } else if (event.kind === "step" && event.message !== lastStep) {
        lastStep = event.message;
        print([look.palette.dim(oneLine(event.message))]);
      } else if (event.kind === "waiting") print([waitLine(event)]);
    },
    stop: () => undefined,
  };
}

/** `120 of 200 (60 %): 118 succeeded, 2 failed, 12/s, about 7 s left`. */
function plainLine(standing: Standing, look: Look): string {
  const counts = OUTCOMES_TO_READ.filter((outcome) => standing.counts[outcome] > 0).map((outcome) =>
    paintOutcome(outcome, look)(`${standing.counts[outcome]} ${OUTCOME_WORDS[outcome]}`),
  );
  const percent = standing.total === 0 ? 100 : Math.floor((standing.done * 100) / standing.total);
  return `${standing.done} of ${standing.total} (${percent} %): ${[...counts, ...paceOf(standing)].join(", ")}`;
}

function paceOf({ rate, leftMs }: Standing): readonly string[] {
  if (rate === undefined) return [];
  const pace = `${rate < 10 ? rate.toFixed(1) : Math.round(rate)}/s`;
  return leftMs === undefined || leftMs < 1 ? [pace] : [pace, `about ${spokenDuration(Math.max(1000, leftMs))} left`];
}

/** How long a run that ends by a signal waits for its requests at most. */
const DRAIN_MS = 5000;

/** The events that there is something to watch after. */
const SHOWS_LIVE_LINE: ReadonlySet<RunEvent["kind"]> = new Set(["started", "tenant", "step", "waiting"]);

async function createLiveProgress(options: ProgressOptions, telling: EventTelling, print: Print): Promise<Progress> {
  const { default: ora } = await import("ora");
  const { stream, look, now } = options;
  const tally = new ProgressTally(now);
  let ended = false;
  let step = "";
  let wait: { readonly reason: string; readonly until: number } | undefined;
  const widest = (): number => Math.max(20, (stream.columns ?? look.width ?? 80) - 4);
  const spinner = ora({
    stream,
    isEnabled: true,
    discardStdin: false,
    color: look.palette.accent("x") === "x" ? false : "cyan",
    spinner: look.unicode ? "dots" : "line",
    // Asked for at each frame: events only count, so that ten thousand of them cost no drawing.
    suffixText: () => liveLine({ tally, step, wait: waitLeft(wait, now()), look, columns: widest() }),
  });
  const end = (): void => {
    ended = true;
    spinner.stop();
  };
  return {
    emit(event) {
      if (event.kind === "started") tally.start(event.total);
      else if (event.kind === "tenant") tally.add(event.result);
      else if (event.kind === "step") step = oneLine(event.message);
      else if (event.kind === "waiting") wait = { reason: oneLine(event.reason), until: now() + event.ms };
      // The pace of a run that ends would promise minutes that nobody waits.
      else if (event.kind === "stopping") wait = { reason: "for what is in flight", until: now() + DRAIN_MS };
      // Counted first: printing draws the live line anew.
      print(telling.linesOf(event));
      if (SHOWS_LIVE_LINE.has(event.kind) && !ended && !spinner.isSpinning) spinner.start();
    },
    stop: end,
  };
}

function waitLeft(
  wait: { readonly reason: string; readonly until: number } | undefined,
  now: number,
): string | undefined {
  if (wait === undefined || wait.until <= now) return undefined;
  return `waiting ${spokenDuration(Math.ceil((wait.until - now) / 1000) * 1000)}: ${wait.reason}`;
}

interface LiveFacts {
  readonly tally: ProgressTally;
  readonly step: string;
  readonly wait: string | undefined;
  readonly look: Look;
  readonly columns: number;
}

const BAR = 24;

/** The live line: the bar, counts, pace; or the step while nothing is counted yet; or the countdown of a wait. */
function liveLine({ tally, step, wait, look, columns }: LiveFacts): string {
  if (!tally.started) return fitWidth(wait ?? step, columns);
  const standing = tally.standing();
  const counts = OUTCOMES_TO_READ.filter((outcome) => standing.counts[outcome] > 0)
    .map((outcome) => `${outcomeSymbol(outcome, look)} ${standing.counts[outcome]}`)
    .join("  ");
  const number = `${standing.done}/${standing.total}`;
  const last = wait ?? paceOf(standing).join(", ");
  const asLines = [
    [bar(standing, look), number, counts, last],
    [number, counts, last],
    // What is waited for matters more than what is done.
    ...(wait === undefined ? [[number, counts]] : []),
    [number, last],
  ].map((parts) => parts.filter((part) => part !== "").join("  "));
  return asLines.find((line) => displayWidth(line) <= columns) ?? cutLine(number, last, columns);
}

function cutLine(number: string, last: string, columns: number): string {
  const room = columns - displayWidth(number) - 2;
  return room > 8 ? `${number}  ${fitWidth(last, room)}` : fitWidth(number, columns);
}

function bar({ done, total }: Standing, look: Look): string {
  const filled = total === 0 ? BAR : Math.floor((done * BAR) / total);
  const [full, empty] = look.unicode ? ["█", "░"] : ["#", "."];
  const text = full.repeat(filled) + look.palette.dim(empty.repeat(BAR - filled));
  return look.unicode ? text : `[${text}]`;
}
