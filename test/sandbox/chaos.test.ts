import { describe, expect, it } from "vitest";
import { Chaos, parseFault, SeededChance } from "../../src/sandbox/chaos.js";
import { DISTURBANCES, type Disturbance } from "../../src/sandbox/faults.js";
import { copies, duplicate, sandboxWith } from "./client.js";

const tenants = Array.from({ length: 40 }, (_, index) => `Monthly Report - tenant ${index + 1}`);

const FAULTS = ["cut-before=0.2", "cut-after=0.2", "error-500=0.3", "too-many=0.3", "short-body=0.3", "no-id=0.3"];

/** Sends every tenant's create, all of them side by side. */
async function rehearse(seed: string, order: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
  const sandbox = await sandboxWith({ seed, chaos: { faults: FAULTS.map(parseFault) } });
  const replies = await Promise.all(
    order.map(async (name) => {
      const reply = await duplicate(sandbox, name);
      return [name, `${reply.status} ${reply.headers.get("retry-after") === null} ${reply.text}`] as const;
    }),
  );
  const ids = copies(sandbox).map((copy) => `${copy.name} ${copy.id} ${copy.reports[0]?.rowId}`);
  return { replies: Object.fromEntries(replies), ids: ids.sort(), faults: sandbox.counts().faults };
}

describe("seeded chaos", () => {
  it("is the same twice, IDs included, however the requests interleave; another seed gives another", async () => {
    const forwards = await rehearse("night shift", tenants);
    const backwards = await rehearse("night shift", tenants.toReversed());
    expect(backwards).toEqual(forwards);
    expect(Object.keys(forwards.faults ?? {}).length).toBeGreaterThan(3);
    expect(await rehearse("day shift", tenants)).not.toEqual(forwards);
  });

  it("draws the same faults for the same requests, in whatever order they come", () => {
    const drawn = (order: readonly string[]) => {
      const chaos = chaosOf(0.6);
      return new Map(order.map((key) => [key, chaos.next({ kind: "duplicate", key, name: key })]));
    };
    expect(drawn(tenants.toReversed())).toEqual(drawn(tenants));
  });

  const chaosOf = (share: number, seed = "1") => new Chaos(new SeededChance(seed), share, []);

  it("disturbs about its share of the requests, and draws every fault that may be drawn and no other", () => {
    const chaos = chaosOf(0.2);
    const drawn = Array.from({ length: 5000 }, (_, n) => chaos.next({ kind: "duplicate", key: `POST ${n}`, name: "" }));
    const befallen = drawn.filter((found) => found !== undefined);
    expect(befallen.length / drawn.length).toBeCloseTo(0.2, 1);
    const table: Readonly<Record<string, Disturbance>> = DISTURBANCES;
    const random = Object.keys(table).filter((name) => table[name]?.random);
    expect([...new Set(befallen.map((found) => found.fault))].sort()).toEqual(random.sort());
  });

  it("draws for a read no fault that is made for writes", () => {
    const chaos = chaosOf(1);
    const drawn = Array.from({ length: 500 }, (_, n) => chaos.next({ kind: "list", key: `GET ${n}`, name: "" })?.fault);
    for (const name of ["late", "refuse", "no-id"] as const) expect(drawn).not.toContain(name);
    expect(drawn).toContain("cut-after");
  });

  it("draws anew when the same request is sent again", () => {
    const chaos = chaosOf(0.5);
    const again = Array.from({ length: 100 }, () => chaos.next({ kind: "duplicate", key: "POST acme", name: "acme" }));
    expect(again).toContain(undefined);
    expect(again.some((found) => found !== undefined)).toBe(true);
  });

  it("never disturbs with a share of nothing", () => {
    const chaos = chaosOf(0);
    for (let n = 0; n < 500; n += 1) expect(chaos.next({ kind: "list", key: `GET ${n}`, name: "" })).toBeUndefined();
  });

  it("makes GUIDs of version 4 that differ", () => {
    const chance = new SeededChance("x");
    const guids = Array.from({ length: 200 }, (_, n) => chance.guid("task", n));
    expect(new Set(guids).size).toBe(200);
    for (const guid of guids)
      expect(guid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});
