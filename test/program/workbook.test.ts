import { expect, test } from "vitest";
import { tenantAppId } from "../../src/sandbox/world.js";
import { report } from "../support/manifests.js";
import { openStage, SHAPE } from "../support/stage.js";
import { workbook } from "../support/workbooks.js";

const HEADER = ["Kunde", "appId", "reportId"];
const rowsOf = (count: number) =>
  Array.from({ length: count }, (_, at) => [`kunde-${at + 1}`, tenantAppId(at + 1), ""]);
const bookOf = (...rows: readonly string[][]) =>
  workbook({ name: "Notes", rows: [["nothing"]] }, { name: "Kunden 2026", rows: [HEADER, ...rows] });
const SHEET = ["--sheet", "kunden 2026", "--column", "tenant=Kunde"];

test("a workbook is synced, resumed, planned and read back as a CSV is, and a fault that only the server shows names its cell", async () => {
  const stage = await openStage();
  const sync = (...args: readonly string[]) => stage.run(["sync", "tenants.xlsx", ...SHAPE, ...SHEET, ...args]);
  await stage.put("tenants.xlsx", bookOf(...rowsOf(2), ["kunde-3", tenantAppId(3), report(77)]));
  const refused = await sync();
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain("REPORT_UNKNOWN");
  expect(refused.stderr).toContain("reportId ('Kunden 2026'!C4)");
  expect(stage.copies()).toHaveLength(0);

  await stage.put("tenants.xlsx", bookOf(...rowsOf(4)));
  expect((await sync("--limit", "2")).code).toBe(0);
  const resumed = await stage.run(["sync", "--resume", "--format", "json", "--out", "result.csv"]);
  // The run that is resumed was asked for two; the sheet and the columns are its own.
  expect(JSON.parse(resumed.stdout)).toMatchObject({ summary: { create: 2, unchanged: 2, succeeded: 4 } });
  expect((await sync("--dry-run", "--save-plan", "plan.json")).code).toBe(0);
  expect((await stage.run(["sync", "--plan", "plan.json"])).code).toBe(0);
  expect((await stage.run(["drift", "--format", "json"])).code).toBe(0);
  expect(stage.copies()).toHaveLength(4);
  const log = ["--idempotency-log", "tenants.xlsx.idempotency.jsonl"];
  const fed = await stage.run(["sync", "result.csv", ...SHAPE, ...log, "--column", "tenant=Kunde", "--format", "json"]);
  expect(JSON.parse(fed.stdout)).toMatchObject({ exitCode: 0, summary: { unchanged: 4 } });
});
