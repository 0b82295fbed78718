import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { isSealed, type SavedPlan, sealPlan } from "../../src/plan/saved-plan.js";
import { planPieces } from "../../src/plan/saved-plan-file.js";

function planOf(tenants: number): SavedPlan {
  return sealPlan({
    format: "qalyptus-propagate-plan",
    version: 1,
    savedAt: "2026-01-01T00:00:00.000Z",
    server: "https://qalyptus.example.com/api/v2",
    manifest: { path: 'a "tenants": [] b.csv', sha256: "abc", encoding: undefined },
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
      sourceTaskId: number % 2 === 0 ? null : "source",
      key: `k${number}`,
      tenant: `Tenant ] "${number}"\n`,
      action: "create",
      name: null,
      newTaskId: null,
      mappings: [{ reportId: "r", qlikAppId: "a", newQlikAppId: `b${number}` }].slice(number % 3 === 0 ? 1 : 0),
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
  test.each([0, 1, 3, 499, 500, 501, 2001])("of %i tenants is written in pieces as it would be at once", (tenants) => {
    const plan = planOf(tenants);
    const pieces = [...planPieces(plan)];
    expect(pieces.join("")).toBe(`${JSON.stringify(plan, undefined, 2)}\n`);
    expect(pieces).toHaveLength(Math.ceil(tenants / 500) + 2);
  });

  test.each([0, 3, 2001])("of %i tenants has the digest of its whole text", (tenants) => {
    const { digest, ...rest } = planOf(tenants);
    const whole = JSON.stringify(inOrder(rest));
    expect(digest).toBe(createHash("sha256").update(whole).digest("hex"));
    expect(isSealed({ ...rest, digest })).toBe(true);
  });
});
