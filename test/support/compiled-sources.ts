import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Compiles one source file, and what it imports, into a folder, so that plain `node` processes can run it. */
export function compileSource(source: string, folder: string): string {
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  const compiler = join(ROOT, "node_modules", "typescript", "bin", "tsc");
  const options = "--ignoreConfig --target es2023 --module nodenext --types node --skipLibCheck --rootDir src".split(
    " ",
  );
  const run = spawnSync(process.execPath, [compiler, ...options, "--outDir", folder, source], { cwd: ROOT });
  if (run.status !== 0) throw new Error(`${source} does not compile: ${run.stdout}${run.stderr}`);
  return join(folder, source.replace(/^src\//, "").replace(/\.ts$/, ".js"));
}
