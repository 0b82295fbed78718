import type { RunEvent } from "../shared/events.js";
import type { RunResult, TenantResult } from "../shared/outcome.js";
import type { Problem } from "../shared/problems.js";
import { retypedOn, wordsOn } from "../shared/shell-word.js";

/** What a command has to say so that it means the same log and server wherever it is pasted. */
export interface PasteInto {
  /** How the program was started. */
  readonly argv0: string;
  readonly log: string;
  /** Whose shells the commands are typed for. */
  readonly platform: string;
  /** Only where it was given as a flag: the environment's is there when the command is pasted. */
  readonly server: string | undefined;
}

/**
 * Completes the commands that hints hold. The rules that make them know the tenant and its task, and not how the program was
 * started, nor which log and server it was given.
 */
export class PastedCommands {
  readonly #into: PasteInto;

  constructor(into: PasteInto) {
    this.#into = into;
  }

  ofResult(result: RunResult): RunResult {
    return {
      ...result,
      tenants: result.tenants.map((tenant) => this.#ofTenant(tenant)),
      warnings: result.warnings.map((problem) => this.#ofProblem(problem)),
      errors: result.errors.map((problem) => this.#ofProblem(problem)),
    };
  }

  ofEvent(event: RunEvent): RunEvent {
    if (event.kind === "tenant") {
      const result = this.#ofTenant(event.result);
      return result === event.result ? event : { ...event, result };
    }
    return event.kind === "warning" ? { ...event, problem: this.#ofProblem(event.problem) } : event;
  }

  ofHint(hint: string): string {
    const { argv0, log, server, platform } = this.#into;
    const word = wordsOn(platform);
    const flags = ` --idempotency-log ${word(log)}${server === undefined ? "" : ` --server ${word(server)}`}`;
    return retypedOn(platform, hint)
      .replaceAll("qalyptus-propagate resolve ", () => `qalyptus-propagate resolve${flags} `)
      .replaceAll(/qalyptus-propagate (?=resolve|doctor|sync|status)/g, () => `${argv0} `);
  }

  #ofTenant(tenant: TenantResult): TenantResult {
    const { error } = tenant;
    if (error?.hint === undefined) return tenant;
    return { ...tenant, error: { ...error, hint: this.ofHint(error.hint) } };
  }

  #ofProblem(problem: Problem): Problem {
    return problem.hint === undefined ? problem : { ...problem, hint: this.ofHint(problem.hint) };
  }
}
