import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Bundles one source file, with what it imports, into a folder, so that plain `node` processes can run it. */
export function compileSource(source: string, folder: string): string {
  const module = join(folder, "compiled.mjs");
  const bundler = join(ROOT, "node_modules", "rolldown", "bin", "cli.mjs");
  const options = ["--format", "esm", "--platform", "node", "--file", module];
  const run = spawnSync(process.execPath, [bundler, source, ...options], { cwd: ROOT });
  if (run.status !== 0) throw new Error(`${source} does not compile: ${run.stdout}${run.stderr}`);
  return module;
}
