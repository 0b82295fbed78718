// Compiles src/ into dist/. Run by `npm ci` (prepare), `npm run build` and `npm test`.
// `npm ci --omit=dev` (or NODE_ENV=production) installs no compiler: then there is nothing to do here.
import { spawnSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);

let compiler;
try {
  compiler = join(dirname(require.resolve("typescript/package.json")), "bin", "tsc");
} catch {
  compiler = undefined;
}
if (compiler === undefined || !existsSync(compiler)) {
  console.log("qalyptus-propagate: no TypeScript compiler is installed (production install), dist/ is left as it is");
  process.exit(0);
}
rmSync(join(root, "dist"), { recursive: true, force: true });
const run = spawnSync(process.execPath, [compiler, "-p", join(root, ".ci", "tsconfig.build.json")], {
  stdio: "inherit",
});
process.exit(run.status ?? 1);
