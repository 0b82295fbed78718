// Makes dist/: bundles of src/ and of the packages that it uses (what runs), these packages' licences, and declarations (what
// a library's user types against). Nothing else has to be installed.
// Run by `npm ci` (prepare), `npm run build` and `npm test`.
// `npm ci --omit=dev` (or NODE_ENV=production) installs no compiler: then there is nothing to do here.
import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { keepReachable } from "./declarations.mjs";
import { thirdPartyLicences } from "./third-party.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);

/** Of undici only what is used: the whole of it costs a start 60 ms, these three 20. */
const USED_OF_UNDICI = `
export { default as Pool } from "undici/lib/dispatcher/pool.js";
export { default as errors } from "undici/lib/core/errors.js";
export { default as buildConnector } from "undici/lib/core/connect.js";
`;

const onlyUsedOfUndici = {
  name: "only-used-of-undici",
  resolveId: (id) => (id === "undici" ? "\0undici-used" : undefined),
  load: (id) => (id === "\0undici-used" ? USED_OF_UNDICI : undefined),
};

function installed(name) {
  try {
    require.resolve(`${name}/package.json`);
    return true;
  } catch {
    return false;
  }
}

if (!installed("typescript") || !installed("rolldown")) {
  console.log("qalyptus-propagate: no compiler is installed (production install), dist/ is left as it is");
  process.exit(0);
}
rmSync(join(root, "dist"), { recursive: true, force: true });
declare();
await bundle();

/** Type errors stop the build. */
function declare() {
  const compiler = join(dirname(require.resolve("typescript/package.json")), "bin", "tsc");
  const project = join(root, ".ci", "tsconfig.build.json");
  const run = spawnSync(process.execPath, [compiler, "-p", project], { stdio: "inherit" });
  if (run.status !== 0) process.exit(run.status ?? 1);
  keepReachable(join(root, "dist", "types"), "index.d.ts");
}

/** Not minified and with every function's name: a stack trace from the field can be read. */
async function bundle() {
  const { rolldown } = await import("rolldown");
  const bundled = await rolldown({
    cwd: root,
    input: { main: "src/main.ts", index: "src/index.ts" },
    platform: "node",
    plugins: [onlyUsedOfUndici],
    logLevel: "warn",
  });
  const { output } = await bundled.write({
    dir: join(root, "dist"),
    format: "esm",
    entryFileNames: "[name].js",
    chunkFileNames: "[name]-[hash].js",
    minify: false,
    keepNames: true,
  });
  await bundled.close();
  const modules = output.flatMap((part) => (part.type === "chunk" ? part.moduleIds : []));
  writeFileSync(join(root, "dist", "THIRD-PARTY-LICENSES.txt"), thirdPartyLicences(modules));
}
