import { existsSync } from "node:fs";
import { statusOf } from "../app/status.js";
import type { Host } from "../cli/host.js";
import type { StatusSettings } from "../cli/settings.js";
import { EXIT, type ExitCode, StopError } from "../domain/errors.js";
import type { PlanShape } from "../domain/log-record.js";
import type { Manifest } from "../domain/manifest.js";
import { humanStatus, jsonStatus } from "../output/human-status.js";
import { onlyLogOf, placeOfLog, readLogState, serverOfLog } from "./log-place.js";
import { readManifestInput } from "./manifest-input.js";
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
      hint: `Name it with --idempotency-log FILE; the first sync makes it: ${host.argv0} sync ${path ?? "tenants.csv"}`,
      file: place.path,
    });
  const manifest = path === undefined ? undefined : await readManifestOf(host, { ...settings, path });
  const { state, head, header, warnings } = readLogState(place.path);
  const server = serverOfLog({ state, header }) ?? null;
  const report = statusOf({ state, server, head: head ?? null, manifest, warnings });
  await telling.answer(settings.output.format === "human" ? humanStatus(report, telling.look) : jsonStatus(report));
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

function readManifestOf(host: Host, settings: StatusSettings & { readonly path: string }): Promise<Manifest> {
  const { path, encoding, sourceTask } = settings;
  return readManifestInput(host, { path, encoding, apps: undefined, shape: { ...NO_SHAPE, sourceTask } });
}
