// npm run audit:bundle: is what dist/ holds what package-lock.json says, and is anything of it known to be vulnerable?
// Where the registry answers no such question this is told; with --strict it fails then.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

// npm runs its scripts in the package's folder.
const read = (path) => JSON.parse(readFileSync(path, "utf8"));
const { components } = read("dist/sbom.cdx.json");
const locked = Object.entries(read("package-lock.json").packages).map(([path, one]) => ({ path, ...one }));

const faults = [];
const paths = new Map();
for (const { name, version, hashes } of components) {
  const integrity = `sha512-${Buffer.from(hashes[0].content, "hex").toString("base64")}`;
  const found = locked.filter((one) => one.path.endsWith(`node_modules/${name}`) && one.version === version);
  if (!found.some((one) => one.integrity === integrity))
    faults.push(`${name} ${version} is not what package-lock.json has`);
  for (const { path } of found) paths.set(path, `${name} ${version}`);
}
if (faults.length === 0) console.log(`${components.length} packages are bundled, each as package-lock.json has it.`);

const answer = askRegistry();
if (answer.vulnerabilities === undefined) {
  const why = `known vulnerabilities were NOT looked for: ${answer.message ?? answer.error?.summary ?? "no answer"}`;
  if (process.argv.includes("--strict")) faults.push(why);
  else console.log(why);
} else {
  const known = advisoriesFor(paths, answer.vulnerabilities);
  faults.push(...known);
  if (known.length === 0) console.log("The registry knows no vulnerability of any of them.");
}
for (const fault of faults) console.error(fault);
if (faults.length > 0) process.exitCode = 1;

function askRegistry() {
  const { stdout } = spawnSync("npm audit --json --package-lock-only", { shell: true, encoding: "utf8" });
  try {
    return JSON.parse(stdout);
  } catch {
    return {};
  }
}

/** A line for each advisory that is about a bundled package itself; `via` names other packages too, which are no advisories. */
function advisoriesFor(paths, vulnerabilities) {
  return Object.values(vulnerabilities).flatMap(({ nodes, via }) =>
    nodes.flatMap((node) => {
      const bundled = paths.get(node);
      const advisories = bundled === undefined ? [] : via.filter((one) => typeof one === "object");
      return advisories.map(({ severity, title, url }) => `${bundled}: ${severity}: ${title} (${url})`);
    }),
  );
}
