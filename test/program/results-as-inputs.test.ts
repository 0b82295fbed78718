import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { tenantAppId } from "../../src/sandbox/world.js";
import { manifestOf, openStage, SHAPE } from "../support/stage.js";

describe("a CSV result fed back as a manifest", () => {
  test("names the same tenants, also where a spreadsheet would take their keys for formulas", async () => {
    const stage = await openStage();
    const keys = ["-dash", "=1+1", "@home", "'quoted", "plain"];
    const rows = keys.map((key, at) => `${key},${tenantAppId(at + 1)}`);
    await stage.put("tenants.csv", ["tenant,newQlikAppId", ...rows, ""].join("\n"));
    expect((await stage.sync(["--out", "result.csv"])).code).toBe(0);
    expect(await readFile(join(stage.folder, "result.csv"), "utf8")).toContain("\n'=1+1,");
    const log = ["--idempotency-log", "tenants.csv.idempotency.jsonl"];
    const again = await stage.run(["sync", "result.csv", ...SHAPE, ...log, "--format", "json"]);
    const result = JSON.parse(again.stdout);
    expect(result.tenants.map((tenant: { tenant: string }) => tenant.tenant)).toEqual(keys);
    expect(result.summary).toMatchObject({ unchanged: 5, orphan: 0 });
    expect(stage.copies()).toHaveLength(5);
  });
});

describe("--save-plan", () => {
  test("goes over neither the manifest nor the log", async () => {
    const stage = await openStage();
    const manifest = await stage.put("tenants.csv", manifestOf(2));
    await stage.sync();
    const log = `${manifest}.idempotency.jsonl`;
    const before = [await readFile(manifest, "utf8"), await readFile(log, "utf8")];
    for (const [file, what] of [
      ["./tenants.csv", "the manifest"],
      ["tenants.csv.idempotency.jsonl", "the idempotency log"],
    ] as const) {
      const { code, result } = await stage.sync(["--dry-run", "--save-plan", file]);
      expect(code).toBe(2);
      expect(result.errors).toMatchObject([{ code: "OUT_WOULD_REPLACE", message: expect.stringContaining(what) }]);
    }
    expect([await readFile(manifest, "utf8"), await readFile(log, "utf8")]).toEqual(before);
  });
  test("nor, as --out, over the API key file", async () => {
    const stage = await openStage();
    await stage.put("tenants.csv", manifestOf(1));
    const key = await stage.put("key.json", stage.sandbox.key);
    for (const option of ["--save-plan", "--out"]) {
      const { code, result } = await stage.sync(["-n", "--api-key-file", "key.json", option, "./key.json"]);
      expect(code).toBe(2);
      expect(result.errors).toMatchObject([{ code: "OUT_WOULD_REPLACE" }]);
    }
    expect(await readFile(key, "utf8")).toBe(stage.sandbox.key);
  });
});

describe("a run that a guard refuses before there is a log", () => {
  test("gives no head of one", async () => {
    const stage = await openStage();
    await stage.put("tenants.csv", manifestOf(2));
    const { code, result } = await stage.sync(["--max-changes", "1"]);
    expect(code).toBe(7);
    expect(result.log).toBeNull();
  });
});
