import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { COMMANDS } from "../../src/cli/command-table.js";
import { startProgram } from "../support/program.js";

const DIST = fileURLToPath(new URL("../../dist", import.meta.url));
const TELL_LOADED = fileURLToPath(new URL("../support/tell-loaded.cjs", import.meta.url));

/** The files of `dist` that one start of the program loads, without the hashes in their names. */
async function loaded(args: readonly string[]): Promise<readonly string[]> {
  const env = { NODE_OPTIONS: `--require ${JSON.stringify(TELL_LOADED)}` };
  const { code, stderr } = await startProgram(args, { cwd: tmpdir(), env }).ended;
  expect(code).toBe(0);
  const paths: readonly string[] = JSON.parse(stderr);
  return paths
    .filter((path) => dirname(path) === DIST)
    .map((path) => basename(path).replace(/(?:-[\w-]{8})?\.cjs$/, ""))
    .sort();
}

const VERSION = ["main", "process"];
const HELP = ["main", "process", "rolldown-runtime", "shell"];

describe("a start loads a few files", () => {
  it("two for the version", async () => {
    expect(await loaded(["--version"])).toEqual(VERSION);
  });

  it("two more for help", async () => {
    for (const args of [[], ["--help"], ...COMMANDS.map(({ name }) => [name, "--help"])])
      expect(await loaded(args), args.join(" ")).toEqual(args[0] === "sandbox" ? ["chaos", ...HELP] : HELP);
  });

  it("and for a command that checks a manifest neither the network nor the log", async () => {
    const manifest = join(DIST, "..", "examples", "tenants.csv");
    const ofItsOwn = ["command", "lines", "manifest", "telling", "validate"];
    expect(await loaded(["validate", manifest])).toEqual([...HELP, ...ofItsOwn].sort());
  });
});

describe("a file of the program", () => {
  it.each(readdirSync(DIST).filter((name) => name.endsWith(".cjs")))(
    "%s is ASCII, so that Node keeps it in bytes",
    (name) => {
      expect(/[^\0-\x7f]/.exec(readFileSync(join(DIST, name), "utf8"))?.[0]).toBeUndefined();
    },
  );
});
