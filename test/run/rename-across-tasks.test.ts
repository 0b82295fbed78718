import { describe, expect, it } from "vitest";
import { resolveTenants } from "../../src/commands/resolve.js";
import { memoryRecorder } from "../../src/log/port.js";
import type { LogEntry } from "../../src/log/records.js";
import { LogState } from "../../src/log/state.js";
import { foldTenantKey, tenantRef } from "../../src/shared/ids.js";
import { createIntent, createOutcome, MONTHLY } from "../support/log-samples.js";
import { refusalOf, taskId, WEEKLY } from "../support/manifests.js";
import { taskReader } from "../support/task-reader.js";

const OTHER = taskId(WEEKLY);
const REPORTS = createIntent("acme", 1).reports;
const COPY = createOutcome(1).newTaskId ?? OTHER;

/** Globex has a copy of the monthly task, and a PATCH of it without an outcome. */
function logOfGlobex(): LogState {
  const [report] = createIntent("globex", 1).mappings;
  if (report === undefined) throw new Error("the sample has no mapping");
  const of = { sourceTaskId: MONTHLY, key: foldTenantKey("globex"), newTaskId: COPY };
  const patch: LogEntry = {
    type: "patch-intent",
    ...of,
    write: createIntent("globex", 2).write,
    manifest: "customers.csv",
    reportId: report.reportId,
    rowId: "row",
    apps: [report],
    named: false,
    idempotencyKey: "key",
  };
  const state = new LogState();
  for (const entry of [createIntent("globex", 1), createOutcome(1), patch]) state.apply(entry, "run");
  return state;
}

const resolve = (state: LogState, from: string) =>
  resolveTenants(
    {
      resolution: { kind: "task", tenant: "globex ltd", taskId: COPY, from, connection: undefined as never },
      sourceTask: OTHER,
      manifestName: "customers.csv",
      manifestTenants: [],
      reason: undefined,
    },
    memoryRecorder(state, "resolve"),
    taskReader([
      { id: MONTHLY, name: "Monthly Report", reports: REPORTS },
      { id: OTHER, name: "Weekly Report", reports: REPORTS },
      { id: COPY, name: "Monthly Report - globex", reports: REPORTS },
    ]),
  );

describe("resolve --task-id --from", () => {
  it("finds the old tenant by the task that it holds, under another source task too", async () => {
    const state = logOfGlobex();
    expect(await resolve(state, "GLOBEX\u200e")).toMatchObject([{ tenant: "globex ltd", sourceTaskId: OTHER }]);
    const [heir, ...others] = state.tenants();
    expect(others).toEqual([]);
    expect(heir?.ref).toBe(tenantRef(OTHER, foldTenantKey("globex ltd")));
    expect(heir?.copy?.newTaskId).toBe(COPY);
  });

  it("hands on what a PATCH may still change", async () => {
    const state = logOfGlobex();
    await resolve(state, "globex");
    const [heir] = state.tenants();
    expect([...(heir?.reports.values() ?? [])].map((report) => report.openPatches.length)).toEqual([1]);
  });

  it("names the nearest tenants where there is none of that key", async () => {
    const refusal = await refusalOf(resolve(logOfGlobex(), "globix"));
    expect(refusal?.problems).toMatchObject([
      { code: "TENANT_UNKNOWN", message: expect.stringContaining("the nearest keys are globex") },
    ]);
  });
});
