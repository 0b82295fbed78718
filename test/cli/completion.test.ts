import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { COMMANDS } from "../../src/cli/command-table.js";
import { completionScript } from "../../src/cli/completion.js";

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "completion-"));
  for (const shell of ["bash", "zsh", "fish", "powershell"] as const)
    writeFileSync(join(folder, `script.${shell}`), completionScript(shell));
  writeFileSync(join(folder, "tenants of may.csv"), "");
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(shell: string, args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(shell, [...args], { cwd: folder, encoding: "utf8" });
  return { status, stdout, stderr };
}

const has = (shell: string, args: readonly string[]): boolean => spawnSync(shell, [...args]).status === 0;

describe("every shell's script", () => {
  it.each(["bash", "zsh", "fish", "powershell"] as const)("%s: knows every command and every flag", (shell) => {
    const script = completionScript(shell);
    for (const { name, options } of COMMANDS) {
      expect(script).toContain(name);
      for (const { long } of options) expect(script).toContain(shell === "fish" ? `-l ${long.slice(2)}` : long);
    }
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

  it("is bound to the program", () => {
    const { stdout } = run("bash", ["--norc", "-c", "source ./script.bash; complete -p qalyptus-propagate"]);
    expect(stdout.trim()).toBe("complete -F _qalyptus_propagate qalyptus-propagate");
  });

  it("offers the commands", () => {
    expect(offered("")).toEqual([...COMMANDS.map(({ name }) => name), "--help", "--version"]);
    expect(offered("s")).toEqual(["sync", "status", "sandbox", "schema"]);
  });

  it("offers a command's own flags", () => {
    expect(offered("sync", "--allow-")).toEqual([
      "--allow-shared-app",
      "--allow-master-app",
      "--allow-unmapped-report",
      "--allow-live-source",
    ]);
    expect(offered("status", "--allow-")).toEqual([]);
  });

  it("offers a flag's values, also behind an equals sign", () => {
    expect(offered("sync", "--format", "")).toEqual(["human", "json", "ndjson"]);
    expect(offered("sync", "--format", "=", "n")).toEqual(["ndjson"]);
    expect(offered("sync", "--format", "=")).toEqual(["human", "json", "ndjson"]);
    expect(offered("init", "--format", "")).toEqual(["csv", "json"]);
  });

  it("offers files where files are wanted, and nothing where only a person knows", () => {
    expect(offered("sync", "ten")).toEqual(["tenants of may.csv"]);
    expect(offered("sync", "--apps", "ten")).toEqual(["tenants of may.csv"]);
    expect(offered("sync", "--settle", "")).toEqual([]);
    expect(offered("demo", "")).toEqual([]);
    expect(offered("completion", "p")).toEqual(["powershell"]);
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
