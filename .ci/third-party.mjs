// The licences of the packages whose code is in dist/: each asks to be shipped with its text.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The text of dist/THIRD-PARTY-LICENSES.txt. `moduleIds`: the paths of all bundled modules. Throws where a licence is missing. */
export function thirdPartyLicences(moduleIds) {
  const folders = new Set(moduleIds.flatMap(folderOfPackage));
  const packages = [...folders].map(describe).sort((a, b) => (a.name < b.name ? -1 : 1));
  const head = "qalyptus-propagate's dist holds code of these packages.\n";
  return [head, ...packages.map(({ title, text }) => `${"-".repeat(72)}\n${title}\n\n${text.trim()}\n`)].join("\n");
}

/** Of a module of our own: none. */
function folderOfPackage(moduleId) {
  const path = moduleId.replaceAll("\\", "/");
  return /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.slice(0, 1) ?? [];
}

function describe(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file === undefined ? licenceInReadme(folder) : readFileSync(join(folder, file), "utf8");
  if (text === undefined) throw new Error(`${name} has no licence text: its code must not be shipped without one`);
  return { name, title: `${name} ${version} (${license})`, text };
}

/** Some packages have their licence's text at the end of their README. */
function licenceInReadme(folder) {
  const readme = readdirSync(folder).find((entry) => /^readme/i.test(entry));
  if (readme === undefined) return undefined;
  return /\n#+ licen[cs]e\s+([^#]*copyright[^#]*)$/i.exec(readFileSync(join(folder, readme), "utf8"))?.[1];
}
