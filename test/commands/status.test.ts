import { expect, test } from "vitest";
import { tenantStatuses } from "../../src/commands/status.js";
import { LogState } from "../../src/log/state.js";
import { writeId } from "../../src/shared/ids.js";
import { createIntent, createOutcome } from "../support/log-samples.js";

test("status tells when each write was sent that has no certain outcome", () => {
  const state = new LogState();
  const at = (minute: number) => `2026-01-31T02:0${minute}:00.000Z`;
  state.apply({ ...createIntent("acme", 1), at: at(1) }, "run-1");
  state.apply({ ...createIntent("globex", 2), at: at(2) }, "run-1");
  state.apply({ ...createOutcome(2), at: at(3) }, "run-1");
  const { sourceTaskId, key, manifest, mappings, idempotencyKey } = createIntent("globex", 2);
  const [mapping] = mappings;
  const newTaskId = createOutcome(2).newTaskId;
  if (mapping === undefined || newTaskId === undefined) throw new Error("the samples have no mapping or no copy");
  const patch = { type: "patch-intent", write: writeId("patch"), sourceTaskId, key, manifest, newTaskId } as const;
  const row = { reportId: mapping.reportId, rowId: "row", apps: [mapping], named: false, idempotencyKey };
  state.apply({ ...patch, ...row, at: at(4) }, "run-2");
  const tenants = tenantStatuses(state, undefined);
  expect(tenants.map(({ tenant, state: standing, doubts }) => [tenant, standing, doubts])).toMatchObject([
    ["acme", "in-doubt", [{ kind: "create", at: at(1) }]],
    ["globex", "in-doubt", [{ kind: "patch", at: at(4) }]],
  ]);
});
