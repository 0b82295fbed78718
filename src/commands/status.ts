import { existsSync } from "node:fs";
import { basename } from "node:path";
import type { PlanShape } from "../log/records.js";
import type { LogState } from "../log/state.js";
import type { Manifest } from "../manifest/manifest.js";
import { humanStatus, jsonStatus } from "../reporter/status.js";
import { EXIT, type ExitCode, type Problem, StopError } from "../shared/problems.js";
import { wordsOn } from "../shared/shell-word.js";
import type { Host } from "./host.js";
import { onlyLogOf, placeOfLog, readLogState, serverOfLog } from "./log-place.js";
import { readManifestInput } from "./manifest-input.js";
import type { StatusSettings } from "./settings.js";
import { statusOf } from "./status-facts.js";
import { openTelling } from "./telling.js";

/** `status`: what the log knows, tenant by tenant; no network, no key, no lock. */
export async function statusCommand(host: Host, settings: StatusSettings): Promise<ExitCode> {
  const telling = await openTelling(host, settings.output, { protectedFiles: [], dryRun: false });
  await telling.warn(settings.warnings);
  const { manifest: path, idempotencyLog } = settings;
  const place =
    path === undefined && idempotencyLog === undefined
      ? onlyLogOf(host.cwd, `${host.argv0} sync tenants.csv`)
      : placeOfLog(idempotencyLog, path ?? "");
  if (!existsSync(place.path))
    throw new StopError(EXIT.usage, {
      code: "NO_LOG",
      message: `there is no idempotency log ${place.path}`,
      hint: `Name it with --idempotency-log FILE; the first sync makes it: ${host.argv0} sync ${wordsOn(host.platform)(path ?? "tenants.csv")}`,
      file: place.path,
    });
  const { state, head, header, warnings: logWarnings } = readLogState(place.path);
  const { manifest, warnings } = await manifestOf(host, settings, state);
  const server = serverOfLog({ state, header }) ?? null;
  const report = statusOf({ state, server, head: head ?? null, manifest, warnings: [...logWarnings, ...warnings] });
  const pieces = settings.output.format === "human" ? humanStatus(report, telling.look) : jsonStatus(report);
  for (const piece of pieces) await telling.answer(piece);
  return report.exitCode;
}

const NO_SHAPE: PlanShape = {
  reports: [],
  reportId: "row",
  adopt: false,
  recreate: false,
  only: [],
  allowSharedApp: [],
  allowMasterApp: [],
  allowUnmappedReport: [],
  allowLiveSource: false,
};

interface StatusManifest {
  readonly manifest: Manifest | undefined;
  readonly warnings: readonly Problem[];
}

/**
 * The manifest, which gives the tenants' order and those that the log does not know. What its rows leave out is what the last
 * sync of it was given. A faulty manifest is no reason to hide what the log knows.
 */
async function manifestOf(host: Host, settings: StatusSettings, state: LogState): Promise<StatusManifest> {
  const { manifest: path, encoding, sourceTask } = settings;
  if (path === undefined) return { manifest: undefined, warnings: [] };
  const last = state.syncs().findLast((sync) => sync.manifest.fileName === basename(path))?.shape ?? NO_SHAPE;
  const shape = { ...last, sourceTask: sourceTask ?? last.sourceTask };
  try {
    const manifest = await readManifestInput(host, { path, encoding, apps: undefined, shape });
    return { manifest, warnings: manifest.warnings };
  } catch (error) {
    if (!(error instanceof StopError) || !existsSync(path)) throw error;
    const [first] = error.problems;
    return {
      manifest: undefined,
      warnings: [
        {
          code: "MANIFEST_FAULTY",
          message: `${path} has faults, so that all that the log knows is shown: ${first?.message ?? error.message}`,
          hint: `See all of them: ${host.argv0} validate ${wordsOn(host.platform)(path)}`,
          file: path,
        },
      ],
    };
  }
}
