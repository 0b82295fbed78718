import { MOST_BYTES } from "../files/open-file.js";
import { isSameName } from "../files/paths.js";
import { readNamedFile } from "../files/read-file.js";
import type { PlanShape } from "../log/records.js";
import type { LogState } from "../log/state.js";
import { type ListedApp, readAppsFile } from "../manifest/apps.js";
import type { Manifest } from "../manifest/manifest.js";
import { readManifestFile, sha256Of } from "../manifest/read-manifest.js";
import { foldTenantKey } from "../shared/ids.js";
import { StopError } from "../shared/problems.js";
import { inSteps } from "../shared/time.js";

/** What the command line says of a manifest. */
export interface ManifestSource {
  readonly path: string;
  readonly encoding?: string | undefined;
  readonly apps?: string | undefined;
  readonly shape: Partial<PlanShape>;
  /** Throws where a file is not the one that a saved plan or a log means; called before anything of it is read, or told of it. */
  readonly checkFile?: ((what: "manifest" | "apps", sha256: string) => void) | undefined;
}

/** Reads and checks a manifest. Throws a StopError (exit 2) with every fault. */
export async function readManifestInput(source: ManifestSource): Promise<Manifest> {
  const { path, encoding, apps, shape, checkFile } = source;
  const defaults = {
    sourceTaskId: shape.sourceTask,
    masterApp: shape.masterApp,
    reports: shape.reports ?? [],
    nameTemplate: shape.name,
    columns: shape.columns,
    allowSharedApps: shape.allowSharedApp ?? [],
    allowMasterAppFor: (shape.allowMasterApp ?? []).map((tenant) => foldTenantKey(tenant)),
    knownApps:
      apps === undefined ? undefined : new Map((await readApps(apps, checkFile)).map(({ id, name }) => [id, name])),
  };
  return readManifestFile(path, {
    encoding,
    sheet: shape.sheet,
    defaults,
    checkFile: (sha256) => checkFile?.("manifest", sha256),
  });
}

/** A manifest's file name as the log has it: where the system does not tell cases apart, `Tenants.csv` is the `tenants.csv` of before. */
export function nameInLog(state: LogState, fileName: string, platform: NodeJS.Platform): string {
  const logged = state.syncs().map(({ manifest }) => manifest.fileName);
  return logged.includes(fileName)
    ? fileName
    : (logged.find((name) => isSameName(name, fileName, platform)) ?? fileName);
}

/** The apps of an `--apps` file. Throws a StopError (exit 2) where it cannot be read. */
export async function readApps(path: string, checkFile?: ManifestSource["checkFile"]): Promise<readonly ListedApp[]> {
  const named = { what: "the list of apps", code: "APPS_UNREADABLE", most: MOST_BYTES.table } as const;
  const { bytes } = await readNamedFile(path, named);
  checkFile?.("apps", sha256Of(bytes));
  return inSteps(readAppsFile(bytes, path));
}

/** Takes a step, for a command that goes on with what does not need it; a {@link StopError} is its result, any other error goes on. */
export async function attempt<T>(step: () => T | Promise<T>): Promise<T | StopError> {
  try {
    return await step();
  } catch (error) {
    if (error instanceof StopError) return error;
    throw error;
  }
}
