import { randomUUID } from "node:crypto";
import { checkPlanFile, type ProtectedFile } from "../files/write-file.js";
import type { RunEvent } from "../shared/events.js";
import type { RunResult } from "../shared/outcome.js";
import { EXIT, type ExitCode } from "../shared/problems.js";
import { wordsOn } from "../shared/shell-word.js";
import type { Host } from "./host.js";
import { PastedCommands, type PasteInto } from "./pasted-commands.js";
import type { SyncSettings } from "./settings.js";
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
    const commands = new PastedCommands(pasteInto(host, settings, asked));
    const tell = { emit: (event: RunEvent) => telling.emit(commands.ofEvent(event)), warn: telling.warn };
    const done = await performSync(host, { ...settings, asked, runId: randomUUID() }, tell);
    const next = nextStep(host, { ...done, settings });
    return await telling.finish(commands.ofResult(done.result), { manifest: done.manifest, next });
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

function pasteInto(host: Host, settings: SyncSettings, asked: Asked): PasteInto {
  return { argv0: host.argv0, platform: host.platform, log: asked.place.path, server: flagServer(settings) };
}

function flagServer({ connection }: SyncSettings): string | undefined {
  return connection?.server.from === "--server" ? connection.server.text : undefined;
}

function nextStep(
  host: Host,
  { result, place, manifestPath, settings }: SyncDone & { readonly settings: SyncSettings },
): string | undefined {
  const server = flagServer(settings);
  const word = wordsOn(host.platform);
  const log = settings.idempotencyLog === undefined ? "" : ` --idempotency-log ${word(place.path)}`;
  const to = `${word(manifestPath)}${log}${server === undefined ? "" : ` --server ${word(server)}`}`;
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
      return result.dryRun || !wasBegun(result) ? undefined : `To go on: ${host.argv0} sync ${to} --resume`;
    default:
      return undefined;
  }
}

/** Only a run that sent something can be resumed; another is run again once its conflicts are ended. */
function wasBegun(result: RunResult): boolean {
  return result.tenants.some((tenant) => tenant.attempts > 0);
}
