import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { COMMANDS } from "../../src/cli/command-table.js";
import { say } from "../support/in-process.js";

const SHELLS = ["bash", "zsh", "fish", "powershell"] as const;
const BIN = fileURLToPath(new URL("../../bin/qalyptus-propagate.js", import.meta.url));

let folder: string;

/** The shells ask the built program, by its name. */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "completion-"));
  for (const shell of SHELLS) writeFileSync(join(folder, `script.${shell}`), (await say(["completion", shell])).stdout);
  const start = `#!/bin/sh\nexec '${process.execPath}' '${BIN}' "$@"\n`;
  writeFileSync(join(folder, "qalyptus-propagate"), start, { mode: 0o755 });
  writeFileSync(join(folder, "tenants of may.csv"), "");
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(shell: string, args: readonly string[]) {
  const env = { ...process.env, PATH: `${folder}${delimiter}${process.env.PATH}` };
  const { status, stdout, stderr } = spawnSync(shell, [...args], { cwd: folder, encoding: "utf8", env });
  return { status, stdout, stderr };
}

const has = (shell: string, args: readonly string[]): boolean => spawnSync(shell, [...args]).status === 0;

describe("what the program offers", () => {
  /** For a line whose last word is being typed. */
  async function offered(...words: readonly string[]): Promise<readonly string[]> {
    const { stdout } = await say(["completion", "fish", "--", ...words]);
    return stdout.split("\n").flatMap((line) => line.split("\t")[0] || []);
  }

  it("is its commands, then a command's own flags", async () => {
    expect(await offered("")).toEqual([...COMMANDS.map(({ name }) => name), "--help", "--version"]);
    expect(await offered("s")).toEqual(["sync", "status", "sandbox", "schema"]);
    for (const { name, options } of COMMANDS) expect(await offered(name, "-")).toEqual(options.map(({ long }) => long));
    expect(await offered("sync", "--allow-")).toEqual([
      "--allow-shared-app",
      "--allow-master-app",
      "--allow-unmapped-report",
      "--allow-live-source",
      "--allow-http",
    ]);
    expect(await offered("status", "--allow-")).toEqual([]);
  });

  it("is a flag's values, also behind an equals sign", async () => {
    expect(await offered("sync", "--format", "")).toEqual(["human", "json", "ndjson"]);
    expect(await offered("sync", "--format=n")).toEqual(["--format=ndjson"]);
    expect(await offered("sync", "--format", "=", "n")).toEqual(["ndjson"]);
    expect(await offered("init", "--format", "=")).toEqual(["csv", "json", "xlsx"]);
    expect(await offered("completion", "p")).toEqual(["powershell"]);
  });

  it("is nothing where a file or only a person's own word can stand", async () => {
    for (const words of [
      ["sync", "ten"],
      ["sync", "--apps", ""],
      ["sync", "--settle", ""],
      ["demo", ""],
    ])
      expect(await offered(...words)).toEqual([]);
  });

  it.each([
    ["bash", "sync"],
    ["zsh", "sync:make the server match the manifest"],
    ["fish", "sync\tmake the server match the manifest"],
    ["powershell", "sync\tmake the server match the manifest"],
  ])("is told to %s in its own form", async (shell, line) => {
    expect((await say(["completion", shell, "--", "sy"])).stdout).toBe(`${line}\n`);
  });
});

describe.runIf(has("bash", ["-c", "type -t complete"]))("bash", () => {
  /** What the script offers for a line whose last word is being typed. */
  function offered(...words: readonly string[]): readonly string[] {
    const script = `
      source ./script.bash
      COMP_WORDS=("$@")
      COMP_CWORD=$(( $# - 1 ))
      _qalyptus_propagate
      printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { status, stdout, stderr } = run("bash", ["--norc", "-c", script, "bash", "qalyptus-propagate", ...words]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    return stdout.split("\n").filter((line) => line !== "");
  }

  it("is bound to the program, and offers files where the program offers nothing", () => {
    const { stdout } = run("bash", ["--norc", "-c", "source ./script.bash; complete -p qalyptus-propagate"]);
    expect(stdout.trim()).toBe("complete -o default -F _qalyptus_propagate qalyptus-propagate");
  });

  it("offers commands, flags and values, also behind an equals sign", () => {
    expect(offered("s")).toEqual(["sync", "status", "sandbox", "schema"]);
    expect(offered("sync", "--max-")).toEqual(["--max-changes", "--max-failures"]);
    expect(offered("sync", "--format", "")).toEqual(["human", "json", "ndjson"]);
    expect(offered("sync", "--format", "=", "n")).toEqual(["ndjson"]);
    expect(offered("sync", "--format", "=")).toEqual(["human", "json", "ndjson"]);
    expect(offered("sync", "ten")).toEqual([]);
  });
});

describe.runIf(has("zsh", ["-c", "true"]))("zsh", () => {
  it("reads the script", () => {
    expect(run("zsh", ["-n", "script.zsh"])).toMatchObject({ status: 0, stderr: "" });
  });
});

describe.runIf(has("fish", ["-c", "true"]))("fish", () => {
  it("offers commands and values", () => {
    const offer = (line: string) => run("fish", ["--no-config", "-c", `source script.fish; complete -C '${line}'`]);
    expect(offer("qalyptus-propagate va")).toMatchObject({ status: 0, stderr: "" });
    expect(offer("qalyptus-propagate va").stdout).toMatch(/^validate\t/);
    expect(offer("qalyptus-propagate sync --format ").stdout).toContain("ndjson");
  });
});

describe.runIf(has("pwsh", ["-NoProfile", "-Command", "exit 0"]))("PowerShell", () => {
  it("offers commands and values", () => {
    const line = "qalyptus-propagate sync --format ";
    const { stdout } = run("pwsh", [
      "-NoProfile",
      "-Command",
      `. ./script.powershell; (TabExpansion2 '${line}' ${line.length}).CompletionMatches.CompletionText`,
    ]);
    expect(stdout.split(/\s+/).filter(Boolean)).toEqual(["human", "json", "ndjson"]);
  });
});
