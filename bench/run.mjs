// `npm run bench [-- --smoke]`: compiles bench/*.ts into a temporary folder, runs it there, and removes it.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = mkdtempSync(join(tmpdir(), "qalyptus-bench-"));
// undici stays outside: the floor is to be a loop as anybody would write it.
const input = Object.fromEntries(
  ["main", "server", "loop", "unchecked", "read-log"].map((name) => [name, `bench/${name}.ts`]),
);
try {
  const bundled = await rolldown({ cwd: root, input, platform: "node", external: ["undici"], logLevel: "warn" });

  await bundled.write({ dir: join(folder, "built"), format: "cjs", entryFileNames: "[name].cjs" });
  await bundled.close();
  const nodePath = join(root, "node_modules");
  const child = spawn(process.execPath, [join(folder, "built", "main.cjs"), ...process.argv.slice(2)], {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, NODE_PATH: nodePath, BENCH_FOLDER: folder, BENCH_ROOT: root },
  });
  process.exitCode = await new Promise((resolve) => child.once("close", (code) => resolve(code ?? 1)));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
