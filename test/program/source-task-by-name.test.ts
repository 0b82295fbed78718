import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { FIRST_SOURCE_TASK_ID, MASTER_APP_ID } from "../../src/sandbox/world.js";
import { manifestOf, openStage, type Stage } from "../support/stage.js";

const BY_NAME = ["--source-task", " monthly  report ", "--master-app", MASTER_APP_ID];
const JSON_OUT = ["--format", "json"];

async function told(stage: Stage, ...args: readonly string[]) {
  const { code, stdout } = await stage.run([...args, ...JSON_OUT]);
  const result = JSON.parse(stdout);
  return { code, result, codes: result.errors.map((error: { code: string }) => error.code) };
}

describe("--source-task with a name", () => {
  it("syncs what its ID syncs; log, plan and resume hold the ID", async () => {
    const stage = await openStage();
    await stage.put("tenants.csv", manifestOf(3));
    const plan = await told(stage, "sync", "tenants.csv", ...BY_NAME, "-n", "--save-plan", "plan.json");
    expect(plan.code).toBe(0);
    expect(JSON.parse(await readFile(join(stage.folder, "plan.json"), "utf8")).shape.sourceTask).toBe(
      FIRST_SOURCE_TASK_ID,
    );
    expect(await told(stage, "sync", "tenants.csv", ...BY_NAME, "--limit", "1")).toMatchObject({
      code: 0,
      result: { summary: { succeeded: 1, planned: 2 } },
    });
    const log = await readFile(join(stage.folder, "tenants.csv.idempotency.jsonl"), "utf8");
    const run = log
      .split("\n")
      .map((line) => (line === "" ? {} : JSON.parse(line)))
      .find(({ type }) => type === "run");
    expect(run.shape.sourceTask).toBe(FIRST_SOURCE_TASK_ID);
    expect(await told(stage, "sync", "--plan", "plan.json")).toMatchObject({ code: 7 });
    expect(await told(stage, "sync", "tenants.csv", ...BY_NAME)).toMatchObject({ code: 0 });
    expect(await told(stage, "drift", "tenants.csv", ...BY_NAME)).toMatchObject({
      code: 0,
      result: { summary: { unchanged: 3 } },
    });
    const doctor = await told(stage, "doctor", "tenants.csv", ...BY_NAME);
    expect(doctor.code).toBe(0);
    expect(JSON.stringify(doctor.result)).toContain("3 unchanged");
    expect(stage.copies()).toHaveLength(3);
  });

  it("is exit 2 with the IDs where two tasks have it, and writes nothing", async () => {
    const stage = await openStage();
    await stage.put("tenants.csv", manifestOf(1));
    await fetch(`${stage.sandbox.url}/api/v2/tasks/${FIRST_SOURCE_TASK_ID}/duplicate`, {
      method: "POST",
      headers: { authorization: `Bearer ${stage.sandbox.key}`, "content-type": "application/json" },
      body: JSON.stringify({ NewName: "MONTHLY REPORT" }),
    });
    const before = stage.copies().length;
    for (const command of ["sync", "drift", "doctor"]) {
      const { code, result } = await told(stage, command, "tenants.csv", ...BY_NAME);
      expect([command, code]).toEqual([command, 2]);
      const text = JSON.stringify(result);
      expect(text).toContain("SOURCE_AMBIGUOUS");
      expect(text).toContain(FIRST_SOURCE_TASK_ID);
      expect(text).toContain(stage.copies().at(-1)?.id);
    }
    expect(stage.copies()).toHaveLength(before);
  });

  it.each([
    ["an unknown name", ["sync", "tenants.csv", "--source-task", "Quarterly"], "SOURCE_UNKNOWN"],
    ["a name offline", ["sync", "tenants.csv", ...BY_NAME, "-n", "--offline"], "OPTION_VALUE"],
    ["a name for validate", ["validate", "tenants.csv", ...BY_NAME], "OPTION_VALUE"],
    ["a manifest with faults", ["sync", "faulty.csv", ...BY_NAME], "NOT_A_GUID"],
  ])("is exit 2 for %s", async (_, args, code) => {
    const stage = await openStage();
    await stage.put("tenants.csv", manifestOf(1));
    await stage.put("faulty.csv", "tenant,appId\nacme,x\n");
    expect(await told(stage, ...args)).toMatchObject({ code: 2, codes: [code] });
    expect(stage.copies()).toEqual([]);
  });
});
