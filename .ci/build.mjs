// Makes dist/: bundles of src/ and of the packages that it uses (what runs), these packages' licences and bill of materials, and
// declarations (what a library's user types against). Nothing else has to be installed.
// Run by `npm ci` (prepare), `npm run build` and `npm test`.
// `npm ci --omit=dev` (or NODE_ENV=production) installs no compiler: then there is nothing to do here.
import { spawnSync } from "node:child_process";
import { readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { bundle } from "./bundle.mjs";
import { keepReachable } from "./declarations.mjs";
import { sbomOf } from "./sbom.mjs";
import { licencesOf, packagesOf } from "./third-party.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);

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
const packages = packagesOf(await bundle(root));
writeFileSync(join(root, "dist", "THIRD-PARTY-LICENSES.txt"), licencesOf(packages));
const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
// The folder of packages may be a link: its files know where they are.
const home = dirname(realpathSync(join(root, "node_modules")));
const placed = packages.map((one) => ({ ...one, path: relative(home, one.folder).replaceAll("\\", "/") }));
writeFileSync(join(root, "dist", "sbom.cdx.json"), sbomOf(placed, lock));

/** Type errors stop the build. */
function declare() {
  const compiler = join(dirname(require.resolve("typescript/package.json")), "bin", "tsc");
  const project = join(root, ".ci", "tsconfig.build.json");
  const run = spawnSync(process.execPath, [compiler, "-p", project], { stdio: "inherit" });
  if (run.status !== 0) process.exit(run.status ?? 1);
  keepReachable(join(root, "dist", "types"), "index.d.ts");
}
