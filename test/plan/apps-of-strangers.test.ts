import { describe, expect, test } from "vitest";
import type { LogEntry } from "../../src/log/records.js";
import { LogState } from "../../src/log/state.js";
import type { TenantState } from "../../src/log/tenant-state.js";
import { appsInForce } from "../../src/plan/conflicts.js";
import { driftOf } from "../../src/plan/desired.js";
import { foldTenantKey, parseReportId, parseRowId, writeId } from "../../src/shared/ids.js";
import { createIntent } from "../support/log-samples.js";
import { copy, report, row, taskId } from "../support/manifests.js";

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("no GUID");
  return value;
}

const HAS = [1, 2].map((n) => present(parseReportId(report(n))));
const COPY = taskId(copy(1));
/** Its mapping names an ID that no report of the copy has: the user gave it while the server listed no reports. */
const INTENT = { ...createIntent("acme", 1), reports: [] };
const [MAPPING] = INTENT.mappings;
const APP = present(MAPPING?.newQlikAppId);
const OF = { sourceTaskId: INTENT.sourceTaskId, key: INTENT.key, newTaskId: COPY };

function logOf(...entries: readonly LogEntry[]): LogState {
  const log = new LogState();
  for (const entry of entries) log.apply(entry, "run");
  return log;
}

function found(...shown: readonly (typeof APP | null)[]): readonly LogEntry[] {
  return [
    INTENT,
    { type: "create-outcome", write: INTENT.write, outcome: "in-doubt" },
    { type: "settled", write: INTENT.write, found: "copy", newTaskId: COPY },
    {
      type: "observed",
      ...OF,
      reports: HAS.map((reportId, at) => ({ reportId, apps: appsOf(shown[at]) })),
      has: HAS,
      verified: false,
    },
  ];
}

function appsOf(app: typeof APP | null | undefined) {
  return app === null || app === undefined ? null : [{ qlikAppId: present(MAPPING?.qlikAppId), newQlikAppId: app }];
}

function only(log: LogState): TenantState {
  return present([...log.tenants()][0]);
}

test("a create in doubt holds the app that it asked for, until it is refused for certain", () => {
  const doubt: LogEntry = { type: "create-outcome", write: INTENT.write, outcome: "in-doubt" };
  expect(appsInForce(logOf(INTENT)).has(APP)).toBe(true);
  expect(appsInForce(logOf(INTENT, doubt)).has(APP)).toBe(true);
  expect(appsInForce(logOf(INTENT, { ...doubt, outcome: "refused" })).has(APP)).toBe(false);
});

describe("a found copy without the report that its intent mapped", () => {
  test("holds the app as long as one of its reports is unknown", () => {
    expect(appsInForce(logOf(...found(null, null))).has(APP)).toBe(true);
    expect(appsInForce(logOf(...found(APP, null))).has(APP)).toBe(true);
  });

  test("holds what it shows once all of its reports are known", () => {
    const other = createIntent("other", 2).mappings[0]?.newQlikAppId;
    const inForce = appsInForce(logOf(...found(present(other), present(other))));
    expect([...inForce.keys()]).toEqual([other]);
  });

  test("holds it no more once its last unknown report was PATCHed", () => {
    const [, second] = HAS;
    const app = present(createIntent("other", 2).mappings[0]?.newQlikAppId);
    const log = logOf(...found(app, null));
    const patch = {
      type: "patch-intent",
      write: writeId("patch"),
      ...OF,
      manifest: "customers.csv",
      reportId: present(second),
      rowId: present(parseRowId(row(2))),
      apps: present(appsOf(app) ?? undefined),
      named: false,
      idempotencyKey: "key",
    } as const;
    log.apply(patch, "run");
    expect(appsInForce(log).has(APP)).toBe(true);
    log.apply({ type: "patch-outcome", write: patch.write, outcome: "succeeded" }, "run");
    expect([...appsInForce(log).keys()]).toEqual([app]);
  });

  test("does not hold it for a tenant that takes the copy over after it was read", () => {
    const app = present(createIntent("other", 2).mappings[0]?.newQlikAppId);
    const log = logOf(...found(null, null));
    const heir = { ...OF, key: foldTenantKey("acme ltd") };
    log.apply({ type: "adopted", ...heir, tenant: "ACME Ltd", manifest: "m.csv", name: "n", by: "resolve" }, "run");
    const reports = HAS.map((reportId) => ({ reportId, apps: appsOf(app) }));
    log.apply({ type: "observed", ...heir, reports, has: HAS, verified: false }, "run");
    log.apply({ type: "forgotten", sourceTaskId: OF.sourceTaskId, key: OF.key, to: heir.key }, "run");
    expect([...appsInForce(log).keys()]).toEqual([app]);
  });

  test("is told to lack it, and not PATCHed for it", () => {
    const { changes, missing } = driftOf(
      only(logOf(...found(null, null))),
      { mappings: INTENT.mappings, named: [] },
      { permissions: { allowUnmappedReports: new Set() }, sources: undefined },
    );
    expect(changes).toEqual([]);
    expect(missing).toEqual([MAPPING?.reportId]);
  });
});
