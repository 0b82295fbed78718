import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ReportKnowledge, type TenantState, unknownTenant } from "../../src/log/tenant-state.js";
import { driftOf } from "../../src/plan/desired.js";
import { type AppId, parseAppId, parseReportId, type ReportId, tenantRef, writeId } from "../../src/shared/ids.js";
import type { AppSwap, Mapping } from "../../src/shared/tasks.js";
import { createIntent, MONTHLY } from "../support/log-samples.js";
import { app, report } from "../support/manifests.js";

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("no GUID");
  return value;
}

const reportId = (n: number): ReportId => present(parseReportId(report(n)));
const appId = (n: number): AppId => present(parseAppId(app(n)));
const number = fc.integer({ min: 1, max: 3 });
const swap = fc.record({ qlikAppId: number.map(appId), newQlikAppId: number.map(appId) });
const swaps = fc.uniqueArray(swap, { maxLength: 2, selector: (one) => one.qlikAppId });
const knowledge = fc.record({ known: fc.option(swaps, { nil: undefined }), named: fc.boolean() });
const reports = fc.uniqueArray(fc.tuple(number, knowledge), { selector: ([n]) => n, maxLength: 3 });
/** As a manifest is resolved: of one report and app there is one mapping. */
const mappings: fc.Arbitrary<readonly Mapping[]> = fc.uniqueArray(
  fc.tuple(number, swap).map(([n, one]) => ({ reportId: reportId(n), ...one })),
  { selector: (one) => `${one.reportId} ${one.qlikAppId}`, maxLength: 4 },
);

function tenantWith(known: ReadonlyMap<ReportId, ReportKnowledge>): TenantState {
  const intent = createIntent("acme", 1);
  return { ...unknownTenant(tenantRef(intent.sourceTaskId, intent.key), intent), reports: known };
}

describe("driftOf", () => {
  test("finds the same drift whether or not the copy has a further report that nobody maps", () => {
    const nobodys: ReportKnowledge = { known: [], possible: [], named: false, openPatches: [] };
    fc.assert(
      fc.property(reports, mappings, (known, wanted) => {
        const all = known.map(([n, one]): readonly [ReportId, ReportKnowledge] => [
          reportId(n),
          { ...nobodys, ...one },
        ]);
        const drift = (more: typeof all) =>
          driftOf(
            tenantWith(new Map([...all, ...more])),
            { mappings: wanted, named: [] },
            { permissions: { allowUnmappedReports: new Set() }, sources: undefined },
          );
        expect(drift([])).toEqual(drift([[reportId(9), nobodys]]));
      }),
      { numRuns: 1000 },
    );
  });

  test("a PATCH in doubt that asked for just what is wanted is no removal, though it replaces fewer apps", () => {
    const two = [
      { qlikAppId: appId(8), newQlikAppId: appId(1) },
      { qlikAppId: appId(9), newQlikAppId: appId(2) },
    ];
    const known: ReportKnowledge = { known: two, possible: [], named: true, openPatches: [] };
    const patch = {
      write: writeId("w"),
      rowId: "r",
      bodyId: "r",
      named: true,
      apps: two.slice(0, 1),
      idempotencyKey: "k",
      before: known,
    };
    const asked: ReportKnowledge = { known: undefined, possible: [two, patch.apps], named: true, openPatches: [patch] };
    const drift = (report: ReportKnowledge) =>
      driftOf(
        tenantWith(new Map([[reportId(1), report]])),
        { mappings: [{ reportId: reportId(1), ...(patch.apps[0] as AppSwap) }], named: [reportId(1)] },
        { permissions: { allowUnmappedReports: new Set() }, sources: undefined },
      );
    expect(drift(known).refusedRemovals).toEqual([reportId(1)]);
    expect(drift(asked)).toMatchObject({ refusedRemovals: [], changes: [{ named: expect.any(Boolean) }] });
  });

  test("a PATCH in doubt by a row's ID leaves the report of that row unknown", () => {
    const apps = [{ qlikAppId: appId(9), newQlikAppId: appId(1) }];
    const known: ReportKnowledge = { known: apps, possible: [], named: false, openPatches: [] };
    const patch = {
      write: writeId("w"),
      rowId: "r",
      bodyId: "r",
      named: false,
      apps,
      idempotencyKey: "k",
      before: known,
    };
    const typed: ReportKnowledge = { known: undefined, possible: [apps], named: false, openPatches: [patch] };
    const drift = driftOf(
      tenantWith(
        new Map([
          [reportId(1), known],
          [reportId(7), typed],
        ]),
      ),
      { mappings: [{ reportId: reportId(1), ...(apps[0] as AppSwap) }], named: [] },
      {
        permissions: { allowUnmappedReports: new Set() },
        sources: new Map([[MONTHLY, { reportOfRow: new Map([[reportId(7), reportId(1)]]) }]]),
      },
    );
    expect(drift).toMatchObject({ refusedRemovals: [], changes: [{ reportId: reportId(1) }] });
  });
});
