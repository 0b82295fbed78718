import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The packed program, installed alone in a folder of its own, without any registry. */
export interface Installed {
  readonly folder: string;
  /** Where the package itself stands. */
  readonly packageFolder: string;
  /** The packed file. */
  readonly archive: string;
  /** Paths in the tarball. */
  readonly files: readonly string[];
  run(args: readonly string[], more?: RunMore): Promise<Ended>;
  remove(): Promise<void>;
}

export interface RunMore {
  readonly node?: string | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/** Packs what was built and installs the file with an empty cache and `--offline`: whatever it needed would be missing. */
export async function installPacked(): Promise<Installed> {
  const folder = await mkdtemp(join(tmpdir(), "qalyptus-package-"));
  const packed = await npm(["pack", "--ignore-scripts", "--json", "--pack-destination", folder], ROOT);
  const [{ filename, files }] = JSON.parse(packed.stdout) as [{ filename: string; files: { path: string }[] }];
  const place = join(folder, "empty folder");
  await mkdir(place);
  await writeFile(join(place, "package.json"), JSON.stringify({ private: true, type: "module" }));
  const cache = join(folder, "cache");
  await npm(["install", "--offline", "--no-audit", "--no-fund", "--cache", cache, join(folder, filename)], place);
  const packageFolder = join(place, "node_modules", "qalyptus-propagate");
  return {
    folder: place,
    packageFolder,
    archive: join(folder, filename),
    files: files.map((file) => file.path),
    run: (args, { node = process.execPath, env = {} } = {}) =>
      runFile(node, [join(packageFolder, "bin", "qalyptus-propagate.js"), ...args], { cwd: place, env }),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** What stands in node_modules besides the package: nothing. */
export async function installedPackages(installed: Installed): Promise<readonly string[]> {
  const names = await readdir(join(installed.folder, "node_modules"));
  return names.filter((name) => !name.startsWith("."));
}

/** Runs npm; throws with what it said where it fails. */
export async function npm(args: readonly string[], cwd: string): Promise<Ended> {
  const program = process.platform === "win32" ? "npm.cmd" : "npm";
  const ended = await runFile(program, args, { cwd, env: {}, inherit: true });
  if (ended.code !== 0) throw new Error(`npm ${args.join(" ")} ended with ${ended.code}: ${ended.stderr}`);
  return ended;
}

export function runFile(
  file: string,
  args: readonly string[],
  { cwd, env, inherit = false }: { cwd: string; env: Readonly<Record<string, string>>; inherit?: boolean },
): Promise<Ended> {
  const base = inherit ? process.env : { PATH: process.env.PATH, HOME: process.env.HOME };
  const options = { cwd, env: { ...base, ...env }, maxBuffer: 64 * 1024 * 1024, shell: file.endsWith(".cmd") };
  return new Promise((resolve, reject) => {
    execFile(file, [...args], options, (error, stdout, stderr) => {
      if (error !== null && typeof error.code !== "number") reject(error);
      else resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}
