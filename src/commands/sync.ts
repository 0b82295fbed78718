import { checkPlanFile, type ProtectedFile } from "../files/write-file.js";
import { EXIT, type ExitCode } from "../shared/problems.js";
import { retypedOn, wordsOn } from "../shared/quoting.js";
import type { RunEvent, RunResult, TenantResult } from "../shared/results.js";
import type { Host } from "./host.js";
import type { SettingsOf } from "./settings.js";
import { type AskedSync, askedOf, performSync } from "./sync-job.js";
import { openTelling } from "./telling.js";

const ANOTHER = "another file of this run";

/** `sync`: makes the server match the manifest, or with `--dry-run` shows what it would do. */
export async function syncCommand(host: Host, settings: SettingsOf["sync"]): Promise<ExitCode> {
  const sync = await askedOf(host, settings);
  const { savePlan } = sync;
  const inputs = inputsOf(sync);
  const protectedFiles = savePlan === undefined ? inputs : [...inputs, { path: savePlan, what: ANOTHER }];
  const telling = await openTelling(host, settings.output, { protectedFiles, dryRun: sync.run.dryRun });
  try {
    if (savePlan !== undefined) await checkPlanFile(savePlan, { protectedFiles: inputs, platform: host.platform });
    await telling.warn(settings.warnings);
    const { server } = sync.connection ?? {};
    const flagServer = server?.from === "--server" ? server.text : undefined;
    const hints = { argv0: host.argv0, platform: host.platform, log: sync.log.path, server: flagServer };
    const ofProblem = <T extends { readonly hint?: string | undefined }>(problem: T): T =>
      problem.hint === undefined ? problem : { ...problem, hint: completedHint(problem.hint, hints) };
    const ofTenant = (tenant: TenantResult): TenantResult =>
      tenant.error === undefined ? tenant : { ...tenant, error: ofProblem(tenant.error) };
    const emit = (event: RunEvent): void => {
      if (event.kind === "tenant") telling.emit({ ...event, result: ofTenant(event.result) });
      else telling.emit(event.kind === "warning" ? { ...event, problem: ofProblem(event.problem) } : event);
    };
    const { result: found, manifest } = await performSync(host, sync, { emit, warn: telling.warn });
    const result = {
      ...found,
      tenants: found.tenants.map(ofTenant),
      warnings: found.warnings.map(ofProblem),
      errors: found.errors.map(ofProblem),
    };
    return await telling.finish(result, { manifest, next: nextStep(host, sync, result, flagServer) });
  } finally {
    telling.stop();
  }
}

/** What neither a result nor a plan may be put over. */
function inputsOf({ manifest, log, plan, apps, connection }: AskedSync): readonly ProtectedFile[] {
  const apiKey = connection?.apiKey;
  const inputs: ProtectedFile[] = [
    { path: manifest, what: "the manifest" },
    { path: log.path, what: "the idempotency log" },
  ];
  for (const path of [plan, apps]) if (path !== undefined) inputs.push({ path, what: ANOTHER });
  if (apiKey?.kind === "file") inputs.push({ path: apiKey.path, what: "the API key file" });
  return inputs;
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
 * Completes the commands that a hint holds, so that they mean the same log and server wherever they are pasted: the rules that make
 * them know the tenant and its task only. `server`: where it was given as a flag; the environment's is there when they are pasted.
 */
export function completedHint(
  hint: string,
  given: {
    readonly argv0: string;
    readonly platform: string;
    readonly log: string;
    readonly server?: string | undefined;
  },
): string {
  const { argv0, platform, log, server } = given;
  const word = wordsOn(platform);
  const flags = `--idempotency-log ${word(log)}${server === undefined ? "" : ` --server ${word(server)}`}`;
  return retypedOn(platform, hint)
    .replaceAll("qalyptus-propagate resolve ", () => `qalyptus-propagate resolve ${flags} `)
    .replaceAll(/qalyptus-propagate (?=resolve|doctor|sync|status)/g, () => `${argv0} `);
}
