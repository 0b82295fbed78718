import type { RunEvent } from "../shared/events.js";
import type { TenantResult } from "../shared/outcome.js";
import { oneLine } from "../shared/text-safety.js";
import { counted, type Look, outcomeSymbol, spokenDuration } from "./look.js";
import { problemLines } from "./problem-lines.js";
import { troubleOf } from "./tenant-groups.js";
import { wrapLines } from "./wrapping.js";

/** What is told of a run's events line by line. */
export interface TellingOptions {
  readonly look: Look;
  /** Only what must be shown. */
  readonly quiet: boolean;
  /** Each request too. */
  readonly verbose: boolean;
  /** False where the answer lists warnings and what needs a person: a dry run's plan. */
  readonly warnings: boolean;
}

const FAILURES_TOLD = 20;
const WARNINGS_OF_ONE_CODE = 5;

/**
 * Turns events into the lines that are worth a person's while, with bounds: a run in which everything fails must not bury its
 * reader. Whatever is left out is in the result.
 */
export class EventTelling {
  readonly #options: TellingOptions;
  readonly #warningsOfCode = new Map<string, number>();
  #failures = 0;

  constructor(options: TellingOptions) {
    this.#options = options;
  }

  linesOf(event: RunEvent): readonly string[] {
    const { look, quiet, verbose } = this.#options;
    if (event.kind === "unlogged") return unloggedLines(event, look);
    if (quiet) return [];
    switch (event.kind) {
      case "warning":
        return this.#warningLines(event.problem.code, problemLines("warning", event.problem, look));
      case "tenant":
        return this.#tenantLines(event.result);
      case "stopping":
        return wrapLines([stoppingLine(event, look)], look);
      case "request":
        return verbose ? [requestLine(event, look)] : [];
      case "planned":
      case "started":
      case "step":
      case "waiting":
        return [];
      default:
        return event satisfies never;
    }
  }

  #warningLines(code: string, lines: readonly string[]): readonly string[] {
    if (!this.#options.warnings) return [];
    const told = (this.#warningsOfCode.get(code) ?? 0) + 1;
    this.#warningsOfCode.set(code, told);
    if (told <= WARNINGS_OF_ONE_CODE) return lines;
    return told === WARNINGS_OF_ONE_CODE + 1 ? [oneLine(`more warnings [${code}] are in the result`)] : [];
  }

  #tenantLines(tenant: TenantResult): readonly string[] {
    if (!this.#options.warnings || (tenant.outcome !== "failed" && tenant.outcome !== "in-doubt")) return [];
    this.#failures += 1;
    if (this.#failures > FAILURES_TOLD + 1) return [];
    if (this.#failures === FAILURES_TOLD + 1) return ["more failures are in the result"];
    const { code, message } = troubleOf(tenant);
    const { look } = this.#options;
    const line = `${outcomeSymbol(tenant.outcome, look)} ${look.palette.bold(oneLine(tenant.tenant))}: ${oneLine(message)} ${look.palette.dim(`[${oneLine(code)}]`)}`;
    return wrapLines([line], look);
  }
}

function stoppingLine({ signal, inFlight }: Extract<RunEvent, { kind: "stopping" }>, look: Look): string {
  const wait =
    inFlight === 0 ? "" : `; at most 5 s for ${counted(inFlight, "request")} in flight (once more: stop at once)`;
  return look.palette.change(`${signal}: nothing new starts${wait}`);
}

function unloggedLines(event: Extract<RunEvent, { kind: "unlogged" }>, look: Look): readonly string[] {
  const copy = event.newTaskId === undefined ? "" : ` has the copy ${event.newTaskId}; write it down`;
  const what = `NOT IN THE LOG: tenant ${event.tenant}${copy}: ${event.message}`;
  return wrapLines([look.palette.bad(oneLine(what))], look);
}

function requestLine(event: Extract<RunEvent, { kind: "request" }>, look: Look): string {
  const { method, path, status, ms, requestId } = event;
  return look.palette.dim(oneLine(`${method} ${path} ${status} ${Math.round(ms)} ms ${requestId}`));
}

/** A wait as one line. */
export function waitLine(event: Extract<RunEvent, { kind: "waiting" }>): string {
  return oneLine(`waiting ${spokenDuration(event.ms)}: ${event.reason}`);
}
