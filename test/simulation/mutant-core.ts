import { fileURLToPath } from "node:url";
import { createViteServer } from "vitest/node";
import type { Core } from "./core.js";
import type { Mutant } from "./mutants.js";

/** The code under test with one mutant in it, and how to let go of it. */
export interface MutantCore {
  readonly core: Core;
  readonly close: () => Promise<void>;
}

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Loads `src` anew with a mutant's changes. Throws where a text that it changes is not there (or more than once). */
export async function loadMutant(mutant: Mutant): Promise<MutantCore> {
  const left = new Set(mutant.changes);
  const server = await createViteServer({
    root: ROOT,
    configFile: false,
    logLevel: "silent",
    appType: "custom",
    server: { middlewareMode: true, watch: null, hmr: false, ws: false },
    optimizeDeps: { noDiscovery: true, include: [] },
    plugins: [
      {
        name: "mutant",
        enforce: "pre",
        transform: (code: string, id: string) => {
          let changed = code;
          for (const change of mutant.changes.filter(({ file }) => id.endsWith(`/src/${file}`))) {
            if (changed.split(change.from).length !== 2)
              throw new Error(`mutant "${mutant.name}": not once in ${change.file}: ${change.from}`);
            changed = changed.replace(change.from, () => change.to);
            left.delete(change);
          }
          return changed;
        },
      },
    ],
  });
  try {
    const [sync, errors, logState] = await Promise.all(
      ["run/sync", "shared/problems", "log/state"].map((file) => server.ssrLoadModule(`/src/${file}.ts`)),
    );
    const [unused] = left;
    if (unused !== undefined) throw new Error(`mutant "${mutant.name}" changes ${unused.file}, which nothing loads`);
    return { core: { ...sync, ...errors, ...logState } as unknown as Core, close: () => server.close() };
  } catch (error) {
    await server.close();
    throw error;
  }
}
