import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { foldTenantKey, type ReportId, type TenantRef, tenantRef } from "../../src/domain/ids.js";
import { awake, RestingPlace, TenantAtRest } from "../../src/domain/tenant-at-rest.js";
import {
  NONE,
  type ReportKnowledge,
  type TenantState,
  UNKNOWN_REPORT,
  unknownTenant,
} from "../../src/domain/tenant-state.js";
import { appId, reportId, taskId } from "../simulation/identifiers.js";
import { createIntent, MONTHLY } from "../support/log-samples.js";

const FIELDS = Object.keys(unknownTenant("" as TenantRef, { sourceTaskId: MONTHLY, key: foldTenantKey("acme") }));

/** What a state says, field by field, in the order of its lists and maps. */
function told(state: TenantState): unknown {
  const all = Object.fromEntries(FIELDS.map((field) => [field, state[field as keyof TenantState]]));
  return { ...all, reports: [...state.reports], bornWith: state.bornWith && [...state.bornWith] };
}

const reportIds = fc.integer({ min: 1, max: 3 }).map(reportId);
const swap = fc.record({
  qlikAppId: fc.integer({ min: 1, max: 2 }).map(appId),
  newQlikAppId: fc.integer({ min: 3, max: 6 }).map(appId),
});
const knowledge: fc.Arbitrary<ReportKnowledge> = fc.record({
  known: fc.option(fc.array(swap, { maxLength: 3 }), { nil: undefined }),
  possible: fc.constant(NONE),
  named: fc.boolean(),
  openPatches: fc.constant(NONE),
});

/** Tenants with whom nothing is open. */
const settled: fc.Arbitrary<TenantState> = fc
  .record({
    key: fc.constantFrom("acme", "globex", "a b").map(foldTenantKey),
    sourceTaskId: fc.integer({ min: 1, max: 2 }).map(taskId),
    tenant: fc.constantFrom("acme", "ACME", ""),
    manifest: fc.constantFrom("a.csv", "b.csv"),
    copy: fc.record({
      newTaskId: fc.integer({ min: 3, max: 9 }).map(taskId),
      name: fc.constantFrom("Monthly - acme", "Weekly - acme", "acme", "Other"),
      gone: fc.constant(false),
    }),
    reports: fc.array(fc.tuple(reportIds, knowledge), { maxLength: 3 }).map((reports) => new Map(reports)),
    bornWith: fc.option(
      fc.array(reportIds, { maxLength: 3 }).map((ids): ReadonlySet<ReportId> => new Set(ids)),
      { nil: undefined },
    ),
    verified: fc.boolean(),
    sent: fc.array(
      fc.record({
        name: fc.constantFrom("Monthly - acme", "Other"),
        before: fc.constantFrom(null, [], [taskId(20)]),
      }),
      { maxLength: 2 },
    ),
  })
  .map(({ sent, ...state }) => ({
    ...unknownTenant(tenantRef(state.sourceTaskId, state.key), state),
    ...state,
    intents: sent.map((intent) => ({ sourceTaskId: state.sourceTaskId, ...intent })),
  }));

describe("a tenant at rest", () => {
  it("says all that it said before, whoever rests beside it", () => {
    fc.assert(
      fc.property(fc.array(settled, { minLength: 1, maxLength: 12 }), (states) => {
        const place = new RestingPlace();
        for (const state of states) {
          const resting = place.rest(state);
          expect(resting).toBeInstanceOf(TenantAtRest);
          expect(told(resting)).toEqual(told(state));
          expect(told(awake(resting))).toEqual(told(state));
          expect(Object.keys(awake(resting)).sort()).toEqual([...FIELDS].sort());
        }
      }),
    );
  });

  it("keeps its own state where there are too many kinds to share", () => {
    const place = new RestingPlace();
    const [state] = fc.sample(settled, { seed: 1, numRuns: 1 });
    if (state === undefined) throw new Error("no sample");
    const rested = Array.from({ length: 1_200 }, (_, at) => place.rest({ ...state, manifest: `${at}.csv` }));
    expect(rested.map((one) => one.manifest)).toEqual(rested.map((_, at) => `${at}.csv`));
    expect(rested.at(0)).toBeInstanceOf(TenantAtRest);
    expect(rested.at(-1)).not.toBeInstanceOf(TenantAtRest);
  });

  it("keeps its name, also where no two names begin alike", () => {
    const place = new RestingPlace();
    fc.assert(
      fc.property(settled, fc.nat(99), ({ copy, ...state }, number) => {
        const name = `${number} - ${state.tenant}`;
        const resting = place.rest({ ...state, copy: copy && { ...copy, name } });
        expect(resting.copy?.name).toBe(name);
        expect(resting).toBeInstanceOf(TenantAtRest);
      }),
    );
  });

  it("does not rest while anything is open", () => {
    const intent = createIntent("acme", 1);
    const openPatch = {
      write: intent.write,
      rowId: "row",
      bodyId: "row",
      apps: NONE,
      idempotencyKey: "k",
      before: UNKNOWN_REPORT,
    };
    const restless: readonly Partial<TenantState>[] = [
      { copy: undefined },
      { openCreates: [intent] },
      { suspects: [intent] },
      { absences: 1 },
      { retry: true },
      { reports: new Map([[reportId(1), { ...UNKNOWN_REPORT, openPatches: [openPatch] }]]) },
      { reports: new Map([[reportId(1), { ...UNKNOWN_REPORT, possible: [NONE] }]]) },
    ];
    fc.assert(
      fc.property(settled, fc.constantFrom(...restless), (state, open) => {
        const changed = { ...state, ...open };
        expect(new RestingPlace().rest(changed)).toBe(changed);
      }),
    );
  });
});
