import { type ChildProcess, execFile, spawn } from "node:child_process";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { unzipSync } from "fflate";
import type { Ended } from "../support/program.js";

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** What customers' folders are called. */
const FOLDER = "Kunden Müller & Söhne";
const HOLD = "hold-keep-alive.cjs";

/** The archive for Windows, taken apart in a folder of a Windows that is made for it. */
export interface WineStage {
  /** The folder, as Linux sees it. */
  readonly folder: string;
  /** The launcher, as `cmd` is told it in that folder. */
  readonly launcher: string;
  /** Starts a line of `cmd` in the folder: as a batch file, for wine types quotes in an argument otherwise. */
  start(line: string, env?: Readonly<Record<string, string>>): RunningInWine;
  /** Starts the archive's Node with these words for the program, and nothing between: it can be killed. */
  startNode(args: readonly string[], env?: Readonly<Record<string, string>>): RunningInWine;
  close(): Promise<void>;
}

export interface RunningInWine {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

/**
 * Makes a Windows for itself, with the archive in it; `undefined` where this wine does not start Node. Wine's standard streams must be
 * files, and the folder on `C:`.
 */
export async function openWineStage(): Promise<WineStage | undefined> {
  const place = await mkdtemp(join(tmpdir(), "qalyptus-wine-"));
  const wine = {
    PATH: process.env.PATH,
    HOME: place,
    // Else wine knows no letter but ASCII's.
    LANG: "C.UTF-8",
    WINEPREFIX: join(place, "prefix"),
    WINEDEBUG: "-all",
    // Without these wine asks whether to fetch .NET and a browser.
    WINEDLLOVERRIDES: "mscoree,mshtml=",
  };
  const folder = join(wine.WINEPREFIX, "drive_c", FOLDER);
  let count = 0;
  const start = (words: readonly string[], env: Readonly<Record<string, string>> = {}): RunningInWine => {
    count += 1;
    const [out, err] = [join(place, `${count}.out`), join(place, `${count}.err`)];
    const streams = [openSync(out, "w"), openSync(err, "w")];
    const child = spawn("wine", words, { cwd: folder, env: { ...wine, ...env }, stdio: ["ignore", ...streams] });
    for (const stream of streams) closeSync(stream);
    const ended = new Promise<Ended>((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", async (code, signal) => {
        const [stdout, stderr] = await Promise.all([readFile(out, "utf8"), readFile(err, "utf8")]);
        resolve({ code, signal, stdout, stderr });
      });
    });
    return { child, ended };
  };
  const close = async (): Promise<void> => {
    await run("wineserver", ["-k"], { env: wine, timeout: 30_000 }).catch(() => undefined);
    await run("wineserver", ["-w"], { env: wine, timeout: 30_000 }).catch(() => undefined);
    await rm(place, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const released = join(place, "release");
    const making = run(process.execPath, [join(ROOT, ".ci", "release.mjs"), "--out", released, "win-x64"]);
    const isMade = await run("wine", ["wineboot", "-i"], { env: wine, timeout: 60_000 })
      .then(() => run("wine", ["winecfg", "-v", "win10"], { env: wine, timeout: 60_000 }))
      .then(
        () => true,
        () => false,
      );
    await making;
    const [archive = ""] = (await readdir(released)).filter((file) => file.endsWith(".zip"));
    for (const [file, bytes] of Object.entries(unzipSync(await readFile(join(released, archive))))) {
      await mkdir(dirname(join(folder, file)), { recursive: true });
      await writeFile(join(folder, file), bytes);
    }
    await copyFile(join(ROOT, "test", "windows", HOLD), join(folder, HOLD));
    const top = archive.replace(/\.zip$/, "");
    // Where this wine does not start it nothing can be said of it; after this, a failure is a failure.
    const gate = start([`${top}\\node.exe`, "--version"]);
    const impatience = setTimeout(() => gate.child.kill("SIGKILL"), 60_000);
    const { stdout } = await gate.ended;
    clearTimeout(impatience);
    if (!isMade || !stdout.startsWith("v")) {
      await close();
      return undefined;
    }
    const held = { NODE_OPTIONS: `--require "C:\\\\${FOLDER}\\\\${HOLD}"` };
    return {
      folder,
      launcher: `${top}\\qalyptus-propagate.cmd`,
      start: (line, env) => {
        const batch = `line-${count}.cmd`;
        writeFileSync(join(folder, batch), `@${line}\r\n`);
        return start(["cmd", "/c", batch], { ...held, ...env });
      },
      startNode: (args, env) =>
        start([`${top}\\node.exe`, `${top}\\package\\bin\\qalyptus-propagate.js`, ...args], { ...held, ...env }),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
