import { randomUUID } from "node:crypto";
import { checkPlanFile, type ProtectedFile } from "../adapters/result-file.js";
import type { Host } from "../cli/host.js";
import type { SyncSettings } from "../cli/settings.js";
import { EXIT, type ExitCode } from "../domain/errors.js";
import { type Asked, askedOf, performSync, type SyncDone } from "./sync-job.js";
import { openTelling } from "./telling.js";

/** `sync`: makes the server match the manifest, or with `--dry-run` shows what it would do. */
export async function syncCommand(host: Host, settings: SyncSettings): Promise<ExitCode> {
  const asked = await askedOf(host, settings);
  const { savePlan } = settings;
  const inputs = inputsOf(settings, asked);
  const protectedFiles = [...inputs, ...anotherFile(savePlan)];
  const telling = await openTelling(host, settings.output, { protectedFiles, dryRun: settings.run.dryRun });
  try {
    if (savePlan !== undefined) await checkPlanFile(savePlan, { protectedFiles: inputs, platform: host.platform });
    await telling.warn(settings.warnings);
    const done = await performSync(host, { ...settings, asked, runId: randomUUID() }, telling);
    return await telling.finish(done.result, { manifest: done.manifest, next: nextStep(host, done) });
  } finally {
    telling.stop();
  }
}

/** What neither a result nor a plan may be put over. */
function inputsOf(settings: SyncSettings, asked: Asked): readonly ProtectedFile[] {
  const apiKey = settings.connection?.apiKey;
  return [
    { path: asked.manifestPath, what: "the manifest" },
    { path: asked.place.path, what: "the idempotency log" },
    ...anotherFile(settings.plan),
    ...anotherFile(settings.apps ?? asked.apps),
    ...(apiKey?.kind === "file" ? [{ path: apiKey.path, what: "the API key file" }] : []),
  ];
}

function anotherFile(path: string | undefined): readonly ProtectedFile[] {
  return path === undefined ? [] : [{ path, what: "another file of this run" }];
}

function nextStep(host: Host, { result, place, manifestPath }: SyncDone): string | undefined {
  const manifest = manifestPath === "-" ? "" : ` ${manifestPath}`;
  const log = place.named ? ` --idempotency-log ${place.path}` : "";
  switch (result.exitCode) {
    case EXIT.ok:
    case EXIT.changes:
      if (result.dryRun && result.summary.planned > 0)
        return "Run the same command without --dry-run to carry this plan out";
      return result.summary.planned > 0 ? "Run the same command again for the next tenants" : undefined;
    case EXIT.failed:
    case EXIT.inDoubt:
    case EXIT.interrupted:
    case EXIT.terminated:
    case EXIT.server:
      return result.dryRun ? undefined : `To go on: ${host.argv0} sync${manifest}${log} --resume`;
    default:
      return undefined;
  }
}
