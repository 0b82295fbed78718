// The packages whose code is in dist/, and their licences: each asks to be shipped with its text.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Each package that has one of `moduleIds` (paths of bundled modules), in the order of the alphabet. */
export function packagesOf(moduleIds) {
  const folders = new Set(moduleIds.flatMap(folderOfPackage));
  return [...folders].map(describe).sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The text of dist/THIRD-PARTY-LICENSES.txt. Throws where a licence is missing. */
export function licencesOf(packages) {
  const head = "qalyptus-propagate's dist holds code of these packages.\n";
  const parts = packages.map(({ folder, name, version, license }) => {
    const text = licenceText(folder);
    if (text === undefined) throw new Error(`${name} has no licence text: its code must not be shipped without one`);
    return `${"-".repeat(72)}\n${name} ${version} (${license})\n\n${text.trim()}\n`;
  });
  return [head, ...parts].join("\n");
}

/** Of a module of our own: none. */
function folderOfPackage(moduleId) {
  const path = moduleId.replaceAll("\\", "/");
  return /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.slice(0, 1) ?? [];
}

function describe(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return { folder, name, version, license };
}

function licenceText(folder) {
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  return file === undefined ? licenceInReadme(folder) : readFileSync(join(folder, file), "utf8");
}

/** Some packages have their licence's text at the end of their README. */
function licenceInReadme(folder) {
  const readme = readdirSync(folder).find((entry) => /^readme/i.test(entry));
  if (readme === undefined) return undefined;
  return /\n#+ licen[cs]e\s+([^#]*copyright[^#]*)$/i.exec(readFileSync(join(folder, readme), "utf8"))?.[1];
}
