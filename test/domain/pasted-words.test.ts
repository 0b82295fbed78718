import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { appInUse, resolveCommand, shellWord } from "../../src/domain/conflict.js";
import { foldTenantKey } from "../../src/domain/ids.js";
import { appId, MONTHLY, taskId } from "../support/manifests.js";

const SOURCE = taskId(MONTHLY);
const APP = appId("dddddddd-0000-4000-8000-000000000001");

describe("commands that messages name", () => {
  it.skipIf(process.platform === "win32")("give the shell each tenant as it is, whatever its characters", () => {
    const tenants = ["acme", "Acme Ltd", "O$HOME", "back`tick", 'the "best"', "l'or", "a\\b", "$x'y", "hi!", "@acme"];
    const read = tenants.map((tenant) => execFileSync("sh", ["-c", `printf %s ${shellWord(tenant)}`]).toString());
    expect(read).toEqual(tenants);
  });

  it("put a tenant that begins like an option behind all options", () => {
    expect(resolveCommand({ tenant: "-acme", sourceTaskId: SOURCE }, "--retry")).toMatch(/ --retry -- "-acme"$/);
  });

  it("name for an app that a doubt holds only what ends the doubt", () => {
    const holder = { key: foldTenantKey("globex"), tenant: "globex", sourceTaskId: SOURCE, newTaskId: undefined };
    const { hint } = appInUse({ tenant: "acme", sourceTaskId: SOURCE }, APP, holder);
    expect(hint).toContain(`resolve globex --source-task ${SOURCE} --forget --reason TEXT`);
    expect(hint).not.toContain("--from");
  });
});
