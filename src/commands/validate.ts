import { EXIT, type ExitCode } from "../shared/problems.js";
import { counted, oneLine } from "../shared/text-safety.js";
import type { Host } from "./host.js";
import { readManifestInput } from "./inputs.js";
import type { SettingsOf } from "./settings.js";
import { openTelling, resultWithoutTenants } from "./telling.js";

/** `validate`: checks the manifest alone; no network. */
export async function validateCommand(host: Host, settings: SettingsOf["validate"]): Promise<ExitCode> {
  const { manifest: path, output } = settings;
  const telling = await openTelling(host, output);
  const manifest = await readManifestInput({ ...settings, path });
  const { tenants } = manifest;
  const isHuman = output.format === "human";
  if (isHuman) {
    await telling.warn(manifest.warnings);
    const sources = new Set(tenants.flatMap((tenant) => tenant.sourceTaskId ?? [])).size;
    const disabled = tenants.filter((tenant) => !tenant.enabled).length;
    const rest = disabled === 0 ? "" : `, ${disabled} of them disabled`;
    const tasks = sources === 0 ? "" : `, ${counted(sources, "source task")}`;
    await telling.answer(`${oneLine(path)}: no fault found: ${counted(tenants.length, "tenant")}${rest}${tasks}\n`);
  }
  const known = { command: "validate", dryRun: true, warnings: manifest.warnings, errors: [], exitCode: EXIT.ok };
  const told = { path, sha256: manifest.sha256, tenants: tenants.length };
  return telling.finish({ ...resultWithoutTenants(known), manifest: told }, { manifest, told: isHuman });
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
