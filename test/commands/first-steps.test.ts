import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { FIRST_SOURCE_TASK_ID, MASTER_APP_ID, tenantAppId } from "../../src/sandbox/world.js";
import { openStage } from "../support/stage.js";

/** What a newcomer types, in the built program: init, validate, doctor, sync, doctor. */
describe("a newcomer's first steps", () => {
  it("lead from a list of apps to copies, without a look at the documentation", async () => {
    const stage = await openStage();
    const apps = [1, 2, 3].map((n) => `"${tenantAppId(n)}","Sales - tenant ${n}"`).join("\r\n");
    await stage.put("apps.csv", `#TYPE Qlik.App\r\n"id","name"\r\n"${MASTER_APP_ID}","Sales"\r\n${apps}\r\n`);
    const list = ["--apps", "apps.csv", "--pattern", "Sales - {tenant}"];
    const unsure = await stage.run(["init", "customers.csv", ...list]);
    expect(unsure.code).toBe(2);
    expect(unsure.stderr).toContain(FIRST_SOURCE_TASK_ID);
    const chosen = ["--source-task", "Monthly Report", "--master-app", MASTER_APP_ID];
    expect((await stage.run(["init", "customers.csv", ...list, ...chosen])).code).toBe(0);
    expect((await stage.run(["validate", "customers.csv", "--apps", "apps.csv"])).code).toBe(0);
    const before = await stage.run(["doctor", "customers.csv"]);
    expect(before).toMatchObject({ code: 0, stdout: expect.stringContaining("a sync would plan: 3 create") });
    expect((await stage.run(["sync", "customers.csv"])).code).toBe(0);
    const after = await stage.run(["doctor", "customers.csv"]);
    expect(after).toMatchObject({ code: 0, stdout: expect.stringContaining("a sync would plan: 3 unchanged") });
    expect(stage.copies()).toHaveLength(3);
  });

  it("lead from standard output too", async () => {
    const stage = await openStage();
    await stage.put("apps.json", JSON.stringify([{ id: tenantAppId(1), name: "acme" }]));
    const chosen = ["--source-task", FIRST_SOURCE_TASK_ID, "--master-app", MASTER_APP_ID];
    const { stdout, code } = await stage.run(["init", "--apps", "apps.json", ...chosen]);
    expect(code).toBe(0);
    await stage.put("piped.csv", stdout);
    expect((await stage.run(["validate", "piped.csv"])).code).toBe(0);
  });
});

describe("doctor without a manifest", () => {
  it("takes the only log of the folder, and none of several", async () => {
    const stage = await openStage();
    await stage.put("customers.csv", `tenant,newQlikAppId\nacme,${tenantAppId(1)}\n`);
    const named = ["--source-task", FIRST_SOURCE_TASK_ID];
    expect((await stage.run(["sync", "customers.csv", ...named, "--master-app", MASTER_APP_ID])).code).toBe(0);
    const one = await stage.run(["doctor", ...named]);
    expect(one).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("customers.csv.idempotency.jsonl: 1 tenant"),
    });
    const log = readFileSync(join(stage.folder, "customers.csv.idempotency.jsonl"));
    writeFileSync(join(stage.folder, "other.csv.idempotency.jsonl"), log);
    const several = await stage.run(["doctor", ...named]);
    expect(several).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("several logs in this folder: customers.csv"),
    });
  });
});
