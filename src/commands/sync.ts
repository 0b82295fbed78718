import { checkPlanFile, type ProtectedFile } from "../files/write-file.js";
import type { RunEvent } from "../shared/events.js";
import type { RunResult, TenantResult } from "../shared/outcome.js";
import { EXIT, type ExitCode } from "../shared/problems.js";
import { retypedOn, wordsOn } from "../shared/shell-word.js";
import type { Host } from "./host.js";
import type { SyncSettings } from "./settings.js";
import { type AskedSync, askedOf, performSync } from "./sync-job.js";
import { openTelling } from "./telling.js";

/** `sync`: makes the server match the manifest, or with `--dry-run` shows what it would do. */
export async function syncCommand(host: Host, settings: SyncSettings): Promise<ExitCode> {
  const sync = await askedOf(host, settings);
  const { savePlan } = sync;
  const inputs = inputsOf(sync);
  const protectedFiles = [...inputs, ...anotherFile(savePlan)];
  const telling = await openTelling(host, settings.output, { protectedFiles, dryRun: sync.run.dryRun });
  try {
    if (savePlan !== undefined) await checkPlanFile(savePlan, { protectedFiles: inputs, platform: host.platform });
    await telling.warn(settings.warnings);
    const { server } = sync.connection ?? {};
    const flagServer = server?.from === "--server" ? server.text : undefined;
    const hints = new PastedHints({
      argv0: host.argv0,
      platform: host.platform,
      log: sync.log.path,
      server: flagServer,
    });
    const emit = (event: RunEvent): void => telling.emit(hints.ofEvent(event));
    const { result, manifest } = await performSync(host, sync, { emit, warn: telling.warn });
    return await telling.finish(hints.ofResult(result), { manifest, next: nextStep(host, sync, result, flagServer) });
  } finally {
    telling.stop();
  }
}

/** What neither a result nor a plan may be put over. */
function inputsOf({ manifest, log, plan, apps, connection }: AskedSync): readonly ProtectedFile[] {
  const apiKey = connection?.apiKey;
  return [
    { path: manifest, what: "the manifest" },
    { path: log.path, what: "the idempotency log" },
    ...anotherFile(plan),
    ...anotherFile(apps),
    ...(apiKey?.kind === "file" ? [{ path: apiKey.path, what: "the API key file" }] : []),
  ];
}

function anotherFile(path: string | undefined): readonly ProtectedFile[] {
  return path === undefined ? [] : [{ path, what: "another file of this run" }];
}

const RESUMABLE: readonly ExitCode[] = [EXIT.failed, EXIT.inDoubt, EXIT.interrupted, EXIT.terminated, EXIT.server];

function nextStep(host: Host, sync: AskedSync, result: RunResult, server: string | undefined): string | undefined {
  const { dryRun, exitCode, summary, tenants } = result;
  if (exitCode === EXIT.ok || exitCode === EXIT.changes) {
    if (summary.planned === 0) return undefined;
    return dryRun
      ? "Run the same command without --dry-run to carry this plan out"
      : "Run the same command again for the next tenants";
  }
  // Only a run that sent something can be resumed; another is run again once its conflicts are ended.
  if (dryRun || !RESUMABLE.includes(exitCode) || !tenants.some(({ attempts }) => attempts > 0)) return undefined;
  const word = wordsOn(host.platform);
  const log = sync.idempotencyLog === undefined ? "" : ` --idempotency-log ${word(sync.log.path)}`;
  const address = server === undefined ? "" : ` --server ${word(server)}`;
  return `To go on: ${host.argv0} sync ${word(sync.manifest)}${log}${address} --resume`;
}

/**
 * Completes the commands that hints hold, so that they mean the same log and server wherever they are pasted. The rules that make
 * them know the tenant and its task, and not how the program was started, nor which log and server it was given.
 */
export class PastedHints {
  readonly #argv0: string;
  readonly #platform: string;
  readonly #flags: string;

  /** `server`: only where it was given as a flag; the environment's is there when the command is pasted. */
  constructor(given: {
    readonly argv0: string;
    readonly platform: string;
    readonly log: string;
    readonly server: string | undefined;
  }) {
    const { argv0, platform, log, server } = given;
    const word = wordsOn(platform);
    this.#argv0 = argv0;
    this.#platform = platform;
    this.#flags = `--idempotency-log ${word(log)}${server === undefined ? "" : ` --server ${word(server)}`}`;
  }

  ofHint(hint: string): string {
    return retypedOn(this.#platform, hint)
      .replaceAll("qalyptus-propagate resolve ", () => `qalyptus-propagate resolve ${this.#flags} `)
      .replaceAll(/qalyptus-propagate (?=resolve|doctor|sync|status)/g, () => `${this.#argv0} `);
  }

  ofResult(result: RunResult): RunResult {
    return {
      ...result,
      tenants: result.tenants.map((tenant) => this.#ofTenant(tenant)),
      warnings: result.warnings.map((problem) => this.#complete(problem)),
      errors: result.errors.map((problem) => this.#complete(problem)),
    };
  }

  ofEvent(event: RunEvent): RunEvent {
    if (event.kind === "tenant") return { ...event, result: this.#ofTenant(event.result) };
    return event.kind === "warning" ? { ...event, problem: this.#complete(event.problem) } : event;
  }

  #ofTenant(tenant: TenantResult): TenantResult {
    return tenant.error === undefined ? tenant : { ...tenant, error: this.#complete(tenant.error) };
  }

  #complete<T extends { readonly hint?: string | undefined }>(problem: T): T {
    return problem.hint === undefined ? problem : { ...problem, hint: this.ofHint(problem.hint) };
  }
}
