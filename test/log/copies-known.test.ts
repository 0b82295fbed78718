import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { LogEntry } from "../../src/log/records.js";
import { LogState } from "../../src/log/state.js";
import { foldTenantKey, parseTaskId, type TaskId, writeId } from "../../src/shared/ids.js";
import { createIntent } from "../support/log-samples.js";

function task(number: number): TaskId {
  const id = parseTaskId(`00000000-0000-4000-8000-${String(number).padStart(12, "0")}`);
  if (id === undefined) throw new Error("no GUID");
  return id;
}

const SOURCES = [task(1), task(2)];

/** What may be logged of one of three tenants under one of two source tasks; copies are few, so that some are shared. */
const entry = fc
  .record({
    source: fc.constantFrom(...SOURCES),
    tenant: fc.constantFrom("acme", "globex", "initech"),
    to: fc.constantFrom("acme", "globex", "initech"),
    copy: fc.integer({ min: 10, max: 13 }).map(task),
    what: fc.constantFrom("create", "in doubt", "settled", "adopted", "gone", "forgotten", "renamed"),
  })
  .map(({ source, tenant, to, copy, what }): readonly LogEntry[] => {
    const key = foldTenantKey(tenant);
    const of = { sourceTaskId: source, key };
    const write = writeId(`${source} ${tenant}`);
    const intent: LogEntry = { ...createIntent(tenant, 1), ...of, write };
    switch (what) {
      case "create":
        return [intent, { type: "create-outcome", write, outcome: "succeeded", newTaskId: copy }];
      case "in doubt":
        return [intent, { type: "create-outcome", write, outcome: "in-doubt" }];
      case "settled":
        return [{ type: "settled", write, found: "copy", newTaskId: copy }];
      case "adopted":
        return [{ type: "adopted", ...of, tenant, manifest: "m.csv", newTaskId: copy, name: "n", by: "adopt" }];
      case "gone":
        return [{ type: "gone", ...of, newTaskId: copy }];
      case "forgotten":
        return [{ type: "forgotten", ...of }];
      default:
        return [{ type: "forgotten", ...of, to: foldTenantKey(to) }];
    }
  });

describe("whether a log knows a copy", () => {
  test("is what its tenants say, whatever was logged", () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 30 }), (groups) => {
        const state = new LogState();
        for (const entries of groups) {
          for (const one of entries) state.apply(one, "run");
          const holding = [...state.tenants()].filter((tenant) => tenant.copy !== undefined);
          expect(state.knowsAnyCopy()).toBe(holding.length > 0);
          for (const id of SOURCES)
            expect(state.knowsCopyOf(id)).toBe(holding.some((tenant) => tenant.sourceTaskId === id));
        }
      }),
    );
  });
});
