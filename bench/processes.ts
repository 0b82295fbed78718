import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Where everything is written, removed by run.mjs. */
export const FOLDER = process.env.BENCH_FOLDER ?? "";
const ROOT = process.env.BENCH_ROOT ?? "";
export const PROGRAM = join(ROOT, "bin", "qalyptus-propagate.js");
export const RESULTS = join(ROOT, "bench", "RESULTS.md");

/** Whatever is started ends by itself, or by this. */
const LONGEST_MS = 300_000;

/** NODE_EXTRA_CA_CERTS alone costs 40 ms a start. */
const ENV: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(process.env).flatMap(([name, value]) =>
    value === undefined || name === "NODE_EXTRA_CA_CERTS" ? [] : [[name, value]],
  ),
);

/** A whole process, from its start to its end. CPU time and memory: of Node's processes only. */
export interface Run {
  readonly wallMs: number;
  readonly cpuMs: number | undefined;
  readonly peakMb: number | undefined;
  readonly stdout: string;
}

export interface Started {
  readonly command: string;
  readonly args: readonly string[];
  /** Files: how much CPU time and memory was used is written by the process itself, at its end. */
  readonly watched?: boolean | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
}

const USAGE = join(FOLDER, "usage.json");
const PRELOAD = join(FOLDER, "usage.cjs");
const PRELOADED = `process.on("exit", () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  require("node:fs").writeFileSync(${JSON.stringify(USAGE)}, JSON.stringify({ cpuMs: (userCPUTime + systemCPUTime) / 1000, peakMb: maxRSS / 1024 }));
});`;

/** Runs Node on a script of ours, watched. */
export function runNode(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Run> {
  writeFileSync(PRELOAD, PRELOADED);
  return run({ command: process.execPath, args: ["--require", PRELOAD, ...args], watched: true, env });
}

/** Runs a process to its end; rejects where it fails. */
export async function run({ command, args, watched = false, env = {} }: Started): Promise<Run> {
  const out = join(FOLDER, "stdout.txt");
  rmSync(USAGE, { force: true });
  const fd = openSync(out, "w");
  const begun = performance.now();
  const child = spawn(command, args, {
    cwd: FOLDER,
    env: { ...ENV, ...env },
    stdio: ["ignore", fd, fd],
    timeout: LONGEST_MS,
  });
  const code = await ended(child);
  const wallMs = performance.now() - begun;
  closeSync(fd);
  const stdout = readFileSync(out, "utf8");
  if (code !== 0) throw new Error(`${command} ${args.join(" ")}: exit ${code}\n${stdout.slice(-2000)}`);
  const usage = watched ? JSON.parse(readFileSync(USAGE, "utf8")) : {};
  return { wallMs, cpuMs: usage.cpuMs, peakMb: usage.peakMb, stdout };
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
}

/** A new, empty folder of this name. */
export function newFolder(name: string): string {
  const folder = join(FOLDER, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  return folder;
}

/** Whether a command is installed. */
export function isInstalled(command: string): boolean {
  return spawnSync(command, ["--version"], { stdio: "ignore", timeout: 10_000 }).status === 0;
}

/** A bench server in its own process. */
export interface Server {
  readonly url: string;
  /** Copies made, and requests answered 429. */
  counts(): Promise<{ readonly copies: number; readonly refused: number }>;
  stop(): Promise<void>;
}

/** Runs `work` with a new server and stops it. */
export async function withServer<T>(
  of: { readonly delayMs: number; readonly limit?: number; readonly otherTasks?: number },
  work: (server: Server) => Promise<T>,
): Promise<T> {
  const args = [
    join(FOLDER, "built", "server.cjs"),
    String(of.delayMs),
    String(of.limit ?? 0),
    String(of.otherTasks ?? 0),
  ];
  const child = spawn(process.execPath, args, {
    env: ENV,
    stdio: ["pipe", "pipe", "inherit"],
    timeout: LONGEST_MS * 2,
  });
  const closed = ended(child);
  const port = await new Promise<string>((resolve, reject) => {
    child.stdout.once("data", (data: Buffer) => resolve(data.toString().trim()));
    child.once("close", () => reject(new Error("the bench's server did not start")));
  });
  const url = `http://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    child.stdin.end();
    await closed;
  };
  const counts = async () => {
    const answer = await fetch(`${url}/bench`, { headers: { connection: "close" } });
    const { data } = (await answer.json()) as { data: { copies: number; refused: number } };
    return data;
  };
  try {
    return await work({ url, counts, stop });
  } finally {
    await stop();
  }
}
