import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { tenantAppId } from "../../src/sandbox/world.js";
import { copy } from "../support/manifests.js";
import { openStage, SHAPE } from "../support/stage.js";

const TABLE = `Kunde;App;Kopie\nacme;${tenantAppId(1)};\nglobex;${tenantAppId(2)};\ninitech;${tenantAppId(3)};\n`;
const COLUMNS = ["--column", "tenant=Kunde", "--column", "newQlikAppId=App", "--column", "newTaskId=Kopie"];

describe("--column", () => {
  it("is kept by a saved plan, by --resume, status and drift, and a CSV result can be fed back under its own headers", async () => {
    const stage = await openStage();
    await stage.put("tenants.csv", TABLE);
    expect((await stage.run(["validate", "tenants.csv", ...SHAPE])).code).toBe(2);
    expect((await stage.run(["validate", "tenants.csv", ...SHAPE, ...COLUMNS])).code).toBe(0);
    expect((await stage.sync([...COLUMNS, "--dry-run", "--save-plan", "plan.json"])).code).toBe(0);
    const carriedOut = await stage.run(["sync", "--plan", "plan.json", "--limit", "1"]);
    expect(carriedOut.stderr).toContain("OPTIONS_CONFLICT");
    expect((await stage.sync([...COLUMNS, "--limit", "1"])).result.summary).toMatchObject({ succeeded: 1, planned: 2 });
    const resumed = await stage.sync(["--resume"]);
    expect(resumed.result.summary).toMatchObject({ planned: 1, unchanged: 1 });
    const plan = await stage.sync([...COLUMNS, "--dry-run", "--save-plan", "rest.json"]);
    expect(plan.result.summary).toMatchObject({ create: 1, unchanged: 2 });
    expect((await stage.run(["sync", "--plan", "rest.json", "--out", "result.csv"])).code).toBe(0);
    expect(stage.copies()).toHaveLength(3);

    const status = JSON.parse((await stage.run(["status", "tenants.csv", "--format", "json"])).stdout);
    expect(status.warnings).toEqual([]);
    expect(status.tenants.map(({ tenant }: { tenant: string }) => tenant)).toEqual(["acme", "globex", "initech"]);
    expect((await stage.run(["drift"])).code).toBe(0);

    const result = await readFile(join(stage.folder, "result.csv"), "utf8");
    expect(result.replace("\ufeff", "").split("\r\n")[0]).toBe("Kunde;App;Kopie;action;outcome;reason;changes");
    await stage.put("tenants.csv", result);
    const again = await stage.sync(COLUMNS);
    expect(again).toMatchObject({ code: 0, result: { summary: { unchanged: 3 } } });
    await stage.put("tenants.csv", result.replace(stage.copies()[0]?.id ?? "none", copy(7)));
    expect((await stage.sync(COLUMNS)).result.tenants[0]?.error?.code).toBe("TASK_ID_DIFFERS");
  });
});
