import { execFileSync, spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/**
 * The program's own `main`, compiled into a folder of its own, with commands that a test writes. Of all packages only those
 * that are named are there: whoever loads another fails.
 */
export interface BuiltShell {
  readonly folder: string;
  /** Replaces the commands by this JavaScript, the body of a function of `host`. */
  handlers(body: string): void;
  start(args: readonly string[], env?: Readonly<Record<string, string>>): RunningShell;
  remove(): void;
}

export interface RunningShell {
  readonly child: ReturnType<typeof spawn>;
  /** Resolves when standard error holds this text. */
  said(text: string): Promise<void>;
  readonly ended: Promise<{
    readonly code: number | null;
    readonly signal: NodeJS.Signals | null;
    readonly stdout: string;
    readonly stderr: string;
  }>;
}

/** Compiles the sources as they are, types unchecked. */
export function buildShell(packages: readonly string[]): BuiltShell {
  const folder = mkdtempSync(join(tmpdir(), "shell-"));
  const compiler = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
  const config = join(ROOT, ".ci", "tsconfig.build.json");
  const out = [
    "--noCheck",
    "--declaration",
    "false",
    "--emitDeclarationOnly",
    "false",
    "--outDir",
    join(folder, "dist"),
  ];
  execFileSync(process.execPath, [compiler, "-p", config, ...out]);
  cpSync(join(ROOT, "package.json"), join(folder, "package.json"));
  mkdirSync(join(folder, "node_modules"));
  for (const name of packages)
    symlinkSync(join(ROOT, "node_modules", name), join(folder, "node_modules", name), "junction");
  return {
    folder,
    handlers: (body) =>
      writeFileSync(
        join(folder, "dist", "cli", "carry-out.js"),
        `function handlersOf(host) {\n${body}\n}\nexport const carryOut = async (host, { command, settings }) => handlersOf(host)[command](settings);\n`,
      ),
    start: (args, env = {}) => start(folder, args, env),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function start(folder: string, args: readonly string[], env: Readonly<Record<string, string>>): RunningShell {
  const child = spawn(process.execPath, [join(folder, "dist", "main.js"), ...args], {
    cwd: folder,
    env: { PATH: process.env.PATH, ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  const heard = new Set<() => void>();
  child.stdout.on("data", (piece: Buffer) => {
    stdout += piece.toString();
  });
  child.stderr.on("data", (piece: Buffer) => {
    stderr += piece.toString();
    for (const check of heard) check();
  });
  const said = (text: string): Promise<void> =>
    new Promise((resolve) => {
      const check = (): void => {
        if (stderr.includes(text)) resolve();
      };
      heard.add(check);
      check();
    });
  const ended = new Promise<Awaited<RunningShell["ended"]>>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return { child, said, ended };
}
