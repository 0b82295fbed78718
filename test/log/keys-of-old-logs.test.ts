import { describe, expect, it } from "vitest";
import type { LogEntry } from "../../src/log/records.js";
import { LogState } from "../../src/log/state.js";
import { TaskIndex } from "../../src/plan/task-index.js";
import { TenantNames } from "../../src/plan/tenant-names.js";
import { twinsOf } from "../../src/plan/whose-task.js";
import { foldTenantKey, type TenantKey, tenantRef } from "../../src/shared/ids.js";
import { createIntent, createOutcome, MONTHLY } from "../support/log-samples.js";

const ACME = tenantRef(MONTHLY, foldTenantKey("acme"));
/** As programs of before stored it: the mark that nobody sees is a part of the key. */
const MARKED = "\u200eacme" as TenantKey;

function stateOf(...entries: readonly LogEntry[]): LogState {
  const state = new LogState();
  for (const entry of entries) state.apply(entry, "run");
  return state;
}

const markedIntent = { ...createIntent("\u200eacme", 1), key: MARKED };
const marked = [markedIntent, createOutcome(1)];
const plain = [createIntent("acme", 2), createOutcome(2)];
const [first, second] = [createOutcome(1).newTaskId, createOutcome(2).newTaskId];

describe("a log whose keys hold what nobody sees", () => {
  it("is read with the keys as they are folded today", () => {
    const state = stateOf(...marked);
    expect(state.tenant(ACME)?.copy?.newTaskId).toBe(first);
    expect([...state.tenants()].map((tenant) => tenant.key)).toEqual(["acme"]);
  });

  it("shows the copies of two such keys as twins of one tenant", () => {
    const state = stateOf(...marked, ...plain);
    const listed = [first, second].flatMap((id) => (id === undefined ? [] : [{ id, name: "Monthly Report - acme" }]));
    const tenant = state.tenant(ACME);
    expect([...state.tenants()]).toHaveLength(1);
    expect(tenant?.copy?.newTaskId).toBe(second);
    const at = { list: new TaskIndex(listed), log: state, names: new TenantNames(state, []) };
    const twins = tenant === undefined ? [] : twinsOf({ ...tenant, own: second }, at);
    expect(twins).toEqual([first]);
  });

  it("loses nothing of a copy that was taken from the one key to the other", () => {
    const of = { sourceTaskId: MONTHLY, manifest: "customers.csv", name: "Monthly Report - acme" };
    const taken = first === undefined ? [] : [{ type: "adopted", ...of, newTaskId: first, key: foldTenantKey("acme") }];
    const state = stateOf(
      ...marked,
      ...taken.map((one) => ({ ...one, type: "adopted", tenant: "acme", by: "resolve" }) as const),
      { type: "forgotten", sourceTaskId: MONTHLY, key: MARKED, to: foldTenantKey("acme") },
    );
    expect(state.tenant(ACME)?.copy?.newTaskId).toBe(first);
  });

  it("lets a tenant go that was forgotten under such a key", () => {
    const state = stateOf(...marked, { type: "forgotten", sourceTaskId: MONTHLY, key: MARKED });
    expect([...state.tenants()]).toEqual([]);
  });
});
