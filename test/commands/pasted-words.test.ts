import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { appInUse } from "../../src/plan/conflicts.js";
import { foldTenantKey, type TaskId } from "../../src/shared/ids.js";
import { retypedOn, shellWord, wordsOn } from "../../src/shared/quoting.js";
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

  it("are typed anew for Windows where they were typed for sh, and nothing else is", () => {
    const hint = `the tenants' "it 'is' so" stays: resolve ${shellWord('it\'s "new"')} --from=${shellWord("-$x")}, or ${shellWord("a\\b")}.`;
    expect(retypedOn("win32", hint)).toBe(
      `the tenants' "it 'is' so" stays: resolve "it's ""new""" --from="-\`$x", or a\\b.`,
    );
    expect(retypedOn("linux", hint)).toBe(hint);
  });

  it("name for an app that a doubt holds only what ends the doubt", () => {
    const holder = { key: foldTenantKey("globex"), tenant: "globex", sourceTaskId: SOURCE, copy: undefined };
    const { hint } = appInUse(ACME, APP, holder);
    expect(hint).toContain(`resolve globex --source-task ${SOURCE} --forget --reason TEXT`);
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
