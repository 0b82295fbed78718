import { randomUUID } from "node:crypto";
import type { Manifest } from "../manifest/manifest.js";
import { EXIT, type ExitCode, type Problem, StopError } from "../shared/problems.js";
import { type RunResult, summarise } from "../shared/results.js";
import { counted, oneLine } from "../shared/text-safety.js";
import { systemClock } from "../shared/time.js";
import type { Host } from "./host.js";
import { readManifestInput } from "./manifest-input.js";
import type { ValidateSettings } from "./settings.js";
import { openTelling } from "./telling.js";

/** `validate`: checks the manifest alone; no network. */
export async function validateCommand(host: Host, settings: ValidateSettings): Promise<ExitCode> {
  const { manifest: path, apps, output } = settings;
  const inputs = [path, apps].flatMap((input) =>
    input === undefined || input === "-" ? [] : [{ path: input, what: "an input of this command" }],
  );
  const telling = await openTelling(host, output, { protectedFiles: inputs });
  const startedAt = systemClock.now().toISOString();
  let manifest: Manifest | undefined;
  let errors: readonly Problem[] = [];
  try {
    manifest = await readManifestInput(host, { ...settings, path });
  } catch (error) {
    if (!(error instanceof StopError) || error.exitCode !== EXIT.usage) throw error;
    errors = error.problems;
  }
  const warnings = [...settings.warnings, ...(manifest?.warnings ?? [])];
  const result: RunResult = {
    version: 1,
    command: "validate",
    dryRun: true,
    runId: randomUUID(),
    server: null,
    log: null,
    manifest: manifest ? { path, sha256: manifest.sha256, tenants: manifest.tenants.length } : null,
    summary: summarise([]),
    tenants: [],
    warnings,
    errors,
    startedAt,
    finishedAt: systemClock.now().toISOString(),
    exitCode: errors.length > 0 ? EXIT.usage : EXIT.ok,
  };
  if (output.format === "human") {
    await telling.warn(warnings);
    if (manifest !== undefined) await telling.answer(`${healthyLine(manifest)}\n`);
  }
  return telling.finish(result, { manifest, told: true });
}

function healthyLine({ path, tenants }: Manifest): string {
  const sources = new Set(tenants.flatMap((tenant) => tenant.sourceTaskId ?? [])).size;
  const disabled = tenants.filter((tenant) => !tenant.enabled).length;
  const rest = disabled === 0 ? "" : `, ${disabled} of them disabled`;
  const tasks = sources === 0 ? "" : `, ${counted(sources, "source task")}`;
  return `${oneLine(path)}: no fault found: ${counted(tenants.length, "tenant")}${rest}${tasks}`;
}

/** `schema`: the JSON manifest's JSON Schema, for editors. */
export async function schemaCommand(host: Host): Promise<ExitCode> {
  // Loaded only here: a manifest is checked without them.
  const { toJSONSchema } = await import("zod");
  const { MANIFEST_SCHEMA } = await import("../manifest/schema.js");
  const schema = { ...toJSONSchema(MANIFEST_SCHEMA, { io: "input" }), title: "qalyptus-propagate manifest" };
  await host.stdout.write(`${JSON.stringify(schema, undefined, 2)}\n`);
  return EXIT.ok;
}
