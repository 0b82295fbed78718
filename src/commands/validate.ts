import { randomUUID } from "node:crypto";
import { systemClock } from "../files/system-clock.js";
import type { Manifest } from "../manifest/manifest.js";
import { counted } from "../reporter/look.js";
import { type RunResult, summarise } from "../shared/outcome.js";
import { EXIT, type ExitCode, type Problem, StopError } from "../shared/problems.js";
import { oneLine } from "../shared/text-safety.js";
import type { Host } from "./host.js";
import { readManifestInput } from "./manifest-input.js";
import type { ValidateSettings } from "./settings.js";
import { openTelling } from "./telling.js";

/** `validate`: checks the manifest alone; no network. */
export async function validateCommand(host: Host, settings: ValidateSettings): Promise<ExitCode> {
  const inputs = [settings.manifest, settings.apps].flatMap((path) =>
    path === undefined || path === "-" ? [] : [{ path, what: "an input of this command" }],
  );
  const telling = await openTelling(host, settings.output, { protectedFiles: inputs, dryRun: false });
  const startedAt = systemClock.now().toISOString();
  const { manifest, errors } = await judge(host, settings);
  const warnings = [...settings.warnings, ...(manifest?.warnings ?? [])];
  await telling.warn(settings.output.format === "human" ? warnings : []);
  const result: RunResult = {
    version: 1,
    command: "validate",
    dryRun: true,
    runId: randomUUID(),
    server: null,
    log: null,
    manifest:
      manifest === undefined
        ? null
        : { path: manifest.path, sha256: manifest.sha256, tenants: manifest.tenants.length },
    summary: summarise([]),
    tenants: [],
    warnings,
    errors,
    startedAt,
    finishedAt: systemClock.now().toISOString(),
    exitCode: errors.length > 0 ? EXIT.usage : EXIT.ok,
  };
  if (settings.output.format !== "human" || manifest === undefined) return telling.finish(result, { manifest });
  await telling.answer(`${healthyLine(manifest)}\n`);
  return telling.finish(result, { manifest, told: true });
}

async function judge(
  host: Host,
  settings: ValidateSettings,
): Promise<{ readonly manifest: Manifest | undefined; readonly errors: readonly Problem[] }> {
  const { manifest: path, encoding, apps, shape } = settings;
  try {
    return { manifest: await readManifestInput(host, { path, encoding, apps, shape }), errors: [] };
  } catch (error) {
    if (error instanceof StopError && error.exitCode === EXIT.usage)
      return { manifest: undefined, errors: error.problems };
    throw error;
  }
}

function healthyLine(manifest: Manifest): string {
  const sources = new Set(manifest.tenants.flatMap((tenant) => tenant.sourceTaskId ?? []));
  const disabled = manifest.tenants.filter((tenant) => !tenant.enabled).length;
  const rest = disabled === 0 ? "" : `, ${disabled} of them disabled`;
  const tasks = sources.size === 0 ? "" : `, ${counted(sources.size, "source task")}`;
  return `${oneLine(manifest.path)}: no fault found: ${counted(manifest.tenants.length, "tenant")}${rest}${tasks}`;
}
