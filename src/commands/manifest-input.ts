import type { Host } from "../cli/host.js";
import { readWholeFile } from "../files/whole-file.js";
import type { PlanShape } from "../log/records.js";
import { readAppsFile } from "../manifest/apps-file.js";
import type { Manifest, ManifestDefaults } from "../manifest/manifest.js";
import { readManifest, readManifestFile } from "../manifest/read-manifest.js";
import { type AppId, foldTenantKey, parseAppId } from "../shared/ids.js";
import { EXIT, StopError } from "../shared/problems.js";

/** What the command line says of a manifest. */
export interface ManifestSource {
  /** `-`: standard input. */
  readonly path: string;
  readonly encoding: string | undefined;
  readonly apps: string | undefined;
  readonly shape: PlanShape;
}

/** Reads and checks a manifest. Throws a StopError (exit 2) with every fault. */
export async function readManifestInput(host: Pick<Host, "stdin">, source: ManifestSource): Promise<Manifest> {
  const defaults = await defaultsOf(source);
  const options = { encoding: source.encoding, defaults };
  if (source.path !== "-") return readManifestFile(source.path, options);
  return readManifest({ ...options, path: "-", bytes: await host.stdin.readAll() });
}

async function defaultsOf({ shape, apps }: ManifestSource): Promise<ManifestDefaults> {
  return {
    sourceTaskId: shape.sourceTask,
    masterApp: shape.masterApp === undefined ? undefined : parseAppId(shape.masterApp),
    reports: shape.reports,
    nameTemplate: shape.name,
    allowSharedApps: shape.allowSharedApp.flatMap((app) => parseAppId(app) ?? []),
    allowMasterAppFor: shape.allowMasterApp.map((tenant) => foldTenantKey(tenant)),
    knownApps: apps === undefined ? undefined : await readKnownApps(apps),
  };
}

async function readKnownApps(path: string): Promise<ReadonlySet<AppId>> {
  return new Set(readAppsFile(await readAppsBytes(path), path).map((app) => app.id));
}

/** The bytes of an `--apps` file. Throws a StopError (exit 2) where it cannot be read. */
export async function readAppsBytes(path: string): Promise<Uint8Array> {
  try {
    return await readWholeFile(path);
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown error";
    throw new StopError(
      EXIT.usage,
      {
        code: "APPS_UNREADABLE",
        message: `the list of apps ${path} cannot be read (${code})`,
        hint: "Check --apps",
        file: path,
      },
      { cause },
    );
  }
}
