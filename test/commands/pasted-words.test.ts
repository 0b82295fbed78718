import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { hintCompleter } from "../../src/commands/hint-commands.js";
import { appInUse } from "../../src/plan/conflicts.js";
import { commandLine, hintOf } from "../../src/shared/hints.js";
import { foldTenantKey, type TaskId } from "../../src/shared/ids.js";
import { shellWord, wordsOn } from "../../src/shared/quoting.js";
import { appId, copy, MONTHLY, taskId, WEEKLY } from "../support/manifests.js";

const SOURCE = taskId(MONTHLY);
const ACME = { tenant: "acme", sourceTaskId: SOURCE };
const APP = appId("dddddddd-0000-4000-8000-000000000001");

describe("commands that messages name", () => {
  it.skipIf(process.platform === "win32")("give the shell each tenant as it is, whatever its characters", () => {
    const tenants = ["acme", "Acme Ltd", "O$HOME", "back`tick", 'the "best"', "l'or", "a\\b", "$x'y", "hi!", "@acme"];
    const read = tenants.map((tenant) => execFileSync("sh", ["-c", `printf %s ${shellWord(tenant)}`]).toString());
    expect(read).toEqual(tenants);
  });

  it.each([
    ["acme", "acme"],
    ["C:\\Kunden\\tenants.csv", "C:\\Kunden\\tenants.csv"],
    ["C:\\My Files\\tenants.csv", '"C:\\My Files\\tenants.csv"'],
    ["C:\\My Files\\", '"C:\\My Files\\\\"'],
    ["it's", '"it\'s"'],
    ['the "best"', '"the ""best"""'],
    ['a\\"b', '"a\\\\""b"'],
    ["a & b", '"a & b"'],
    ["-acme", '"-acme"'],
    ["$(calc)", '"`$(calc)"'],
  ])("type %s for cmd and PowerShell as %s", (text, typed) => {
    expect(wordsOn("win32")(text)).toBe(typed);
  });

  it("are typed anew for Windows, and the words around them are not", () => {
    const hint = hintOf(
      "the tenants' \"it 'is' so\" stays:",
      commandLine("resolve", 'it\'s "new"', "--from=-$x", "a\\b"),
    );
    const on = (platform: NodeJS.Platform) =>
      hintCompleter({ argv0: "qalyptus-propagate", platform }, { command: "sync", operands: [], options: [] })(hint);
    expect(on("win32")).toBe(
      `the tenants' "it 'is' so" stays:\n  qalyptus-propagate resolve "it's ""new""" "--from=-\`$x" a\\b`,
    );
    expect(on("linux")).toBe(hint);
  });

  it("name for an app that a doubt holds only what ends the doubt", () => {
    const holder = { key: foldTenantKey("globex"), tenant: "globex", sourceTaskId: SOURCE, copy: undefined };
    const { hint } = appInUse(ACME, APP, holder);
    expect(hint).toContain(`resolve globex --source-task ${SOURCE} --forget --reason "I looked at it on the server"`);
    expect(hint).not.toContain("--from");
  });

  it("offer a rename only where the copy is one of the same source task", () => {
    const holder = { key: foldTenantKey("globex"), tenant: "globex", copy: { newTaskId: taskId(copy(1)) } };
    const hintFor = (sourceTaskId: TaskId) => appInUse(ACME, APP, { ...holder, sourceTaskId }).hint;
    expect(hintFor(SOURCE)).toContain(`--task-id ${copy(1)} --from globex`);
    expect(hintFor(taskId(WEEKLY))).not.toContain("--from");
    expect(hintFor(taskId(WEEKLY))).toContain(`resolve globex --source-task ${WEEKLY} --forget`);
  });
});
