import { spawn, spawnSync } from "node:child_process";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const BIN = join(ROOT, "bin", "qalyptus-propagate.js");

export const HAS_PYTHON = spawnSync("python3", ["--version"]).status === 0;

/** One command line of a page, as it stands there. */
export interface ShellLine {
  readonly text: string;
  /** Assignments of its code block that stand above it. */
  readonly before: readonly string[];
}

export async function readPage(path: string): Promise<string> {
  return readFile(join(ROOT, path), "utf8");
}

/** The first block of a Markdown page in this language. */
export function blockOf(page: string, language: string): string {
  return new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, "m").exec(page)?.[1] ?? "";
}

/** The program's command lines in a pipeline or a PowerShell script, each with the test it stands behind. */
export function commandsOf(page: string): readonly ShellLine[] {
  return page.split("\n").flatMap((line) => {
    const text = /^\s*(?:- |run: )?((?:test [^|]* \|\| )?qalyptus-propagate(?:\.cmd)? .*)$/.exec(line)?.[1];
    return text === undefined
      ? []
      : [{ text: text.replace(/^qalyptus-propagate\.cmd/, "qalyptus-propagate"), before: [] }];
  });
}

/** The pages that a user reads, in their order: the README, then `docs` as the README's table of pages lists them. */
export async function pagesOfDocs(): Promise<readonly string[]> {
  const listed = [...(await readPage("README.md")).matchAll(/^\| \[.*?\]\((docs\/[\w-]+\.md)\)/gm)];
  return ["README.md", ...listed.map(([, path = ""]) => path)];
}

/** Every command line in a Markdown page's `sh` blocks, of whatever program, each with the block's assignments above it. */
export function commandsOfBlocks(page: string): readonly ShellLine[] {
  return [...page.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, block = ""]) => {
    const before: string[] = [];
    return block.split("\n").flatMap((line) => {
      if (/^[A-Z_]+=("[^"]*"|\S*)$/.test(line)) before.push(line);
      const isNone = /^(#|$|[A-Z_]+=|export [A-Z_]+=)/.test(line);
      return isNone ? [] : [{ text: line, before: [...before] }];
    });
  });
}

/** Runs lines by `sh`, in a folder where `qalyptus-propagate` is the built program. */
export async function openShell(
  folder: string,
  env: Readonly<Record<string, string>>,
): Promise<(line: ShellLine) => Promise<{ readonly code: number | null; readonly told: string }>> {
  const programs = join(folder, ".programs");
  await mkdir(programs, { recursive: true });
  await writeFile(join(programs, "qalyptus-propagate"), `#!/bin/sh\nexec "${process.execPath}" "${BIN}" "$@"\n`);
  await chmod(join(programs, "qalyptus-propagate"), 0o755);
  const path = `${programs}${delimiter}${process.env.PATH}`;
  return ({ text, before }) =>
    new Promise((resolve, reject) => {
      const child = spawn("sh", ["-c", [...before, text].join("\n")], {
        cwd: folder,
        env: { PATH: path, HOME: folder, ...env },
        stdio: ["ignore", "pipe", "pipe"],
      });
      let told = "";
      const hear = (piece: Buffer): void => {
        told += piece.toString();
      };
      child.stdout.on("data", hear);
      child.stderr.on("data", hear);
      child.once("error", reject);
      child.once("close", (code) => resolve({ code, told }));
    });
}
