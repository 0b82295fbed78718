import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { targetOf } from "../../src/files/write-file.js";
import { readSavedPlan, type SavedPlan, sealPlan, writeSavedPlan } from "../../src/plan/saved-plan.js";
import { type AppId, foldTenantKey, type ReportId, type TaskId } from "../../src/shared/ids.js";

const id = <Id extends string>(number: number): Id =>
  `00000000-0000-4000-8000-${String(number).padStart(12, "0")}` as Id;

function planOf(tenants: number): SavedPlan {
  return sealPlan({
    format: "qalyptus-propagate-plan",
    version: 2,
    savedAt: "2026-01-01T00:00:00.000Z",
    server: "https://qalyptus.example.com/api/v2",
    manifest: { path: 'a "tenants": [] b.csv', sha256: "ab".repeat(32), encoding: undefined },
    logFile: "log.jsonl",
    log: null,
    shape: {
      reports: [],
      reportId: "row",
      adopt: false,
      recreate: false,
      only: ["eu-*", "us-*"],
      allowSharedApp: [],
      allowMasterApp: [],
      allowUnmappedReport: [],
      allowLiveSource: false,
    },
    tenants: Array.from({ length: tenants }, (_, number) => ({
      sourceTaskId: number % 2 === 0 ? null : id<TaskId>(number),
      key: foldTenantKey(`k${number}`),
      tenant: `Tenant ] "${number}"\n`,
      action: "create" as const,
      name: null,
      newTaskId: null,
      mappings: [{ reportId: id<ReportId>(1), qlikAppId: id<AppId>(2), newQlikAppId: id<AppId>(number) }].slice(
        number % 3 === 0 ? 1 : 0,
      ),
    })),
  });
}

/** As the digest is described: JSON with the keys of every object in order. */
function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, inOrder(inner)]),
  );
}

describe("a saved plan", () => {
  test("is read as it was written, and not where it was changed", async ({ onTestFinished }) => {
    const folder = await mkdtemp(join(tmpdir(), "qalyptus-plan-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const path = join(folder, "plan.json");
    const plan = planOf(3);
    await writeSavedPlan(targetOf(path), plan);
    expect(await readFile(path, "utf8")).toBe(`${JSON.stringify(plan, undefined, 2)}\n`);
    expect(await readSavedPlan(path)).toEqual(plan);
    await writeSavedPlan(targetOf(path), { ...plan, logFile: "other.jsonl" });
    await expect(readSavedPlan(path)).rejects.toMatchObject({ exitCode: 7, problems: [{ code: "PLAN_EDITED" }] });
  });

  test.each([0, 3, 2001])("of %i tenants has the digest of its whole text", (tenants) => {
    const { digest, ...rest } = planOf(tenants);
    const whole = JSON.stringify(inOrder(rest));
    expect(digest).toBe(createHash("sha256").update(whole).digest("hex"));
  });
});
