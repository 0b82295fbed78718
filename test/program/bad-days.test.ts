import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { manifestOf, openStage, SHAPE, type Stage } from "../support/stage.js";

const TENANTS = 16;
const QUICK = ["--timeout", "1s", "--settle", "250ms"];

/** Kills a sync once a few more creates have reached the server. */
async function syncAndKill(stage: Stage, after: number): Promise<void> {
  const before = stage.sandbox.counts().creates;
  const run = stage.start(["sync", "tenants.csv", ...SHAPE, ...QUICK, "-q"]);
  const watch = setInterval(() => {
    if (stage.sandbox.counts().creates >= before + after) run.child.kill("SIGKILL");
  }, 1);
  await run.ended;
  clearInterval(watch);
}

describe("a server that fails in every way, and a run that is killed", () => {
  it.each(["monday", "tuesday", "friday"])("ends with one copy a tenant (%s)", { timeout: 120_000 }, async (seed) => {
    const faults = [
      "cut-before=0.12",
      "cut-after=0.12",
      "error-502=0.1",
      "short-body=0.08",
      "too-many=0.08",
      "no-id=0.08",
    ];
    const stage = await openStage({ seed, latencyMs: 5, fault: faults.map((fault) => `${fault},to=creates`) });
    await stage.put("tenants.csv", manifestOf(TENANTS));
    for (const after of [1, 3, 5]) await syncAndKill(stage, after);
    let code: number | null = null;
    for (let round = 0; round < 10 && code !== 0; round += 1) code = (await stage.sync(QUICK)).code;
    expect(code).toBe(0);
    expect(stage.copies()).toHaveLength(TENANTS);
    expect(new Set(stage.copies().map((copy) => copy.name)).size).toBe(TENANTS);
    // A test of faults that never came would pass as well.
    expect(Object.keys(stage.sandbox.counts().faults).length).toBeGreaterThan(2);
    expect((await stage.sync(["--verify"])).result.tenants.every((tenant) => tenant.verified)).toBe(true);
  });

  it("tells the twin of a server that worked after it was found absent, until one of the two is gone", async () => {
    const stage = await openStage({ fault: ["late,to=creates,times=1,ms=1200"] });
    // Another copy must be listed before absence is believed.
    await stage.put("tenants.csv", manifestOf(2));
    expect((await stage.sync(QUICK)).code).toBe(0);
    await sleep(1500);
    expect(stage.copies()).toHaveLength(3);
    const told = await stage.sync(QUICK);
    expect(told.code).toBe(3);
    expect(told.result.tenants[0]?.error?.code).toBe("TWIN");
    const twins = stage.copies().filter(({ name }) => name.endsWith("tenant-1"));
    expect(twins).toHaveLength(2);
    for (const copy of twins) expect(told.result.tenants[0]?.error?.message).toContain(copy.id);
    expect((await stage.sync(["--dry-run"])).code).toBe(3);
  });

  it("keeps a doubt where there is no list, and says how to end it", async () => {
    const stage = await openStage({ fault: ["no-list=403", "cut-after,to=creates,times=1"] });
    await stage.put("tenants.csv", manifestOf(1));
    const blind = await stage.sync(QUICK);
    expect(blind.code).toBe(7);
    const { code, result } = await stage.sync([...QUICK, "--new-log"]);
    expect(code).toBe(4);
    expect(result.tenants[0]).toMatchObject({ outcome: "in-doubt" });
    expect(result.tenants[0]?.error?.hint).toContain("resolve");
    expect((await stage.sync([...QUICK, "--new-log"])).code).toBe(4);
    expect(stage.sandbox.counts().creates).toBe(1);
  });
});

describe("an interrupted sync", () => {
  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
    ["SIGQUIT", 131],
  ] as const)("ends on %s with %i and is resumed", async (signal, expected) => {
    const stage = await openStage({ latencyMs: 40 });
    await stage.put("tenants.csv", manifestOf(30));
    const run = stage.start(["sync", "tenants.csv", ...SHAPE, ...QUICK, "--format", "json"]);
    // Once: a second signal means "give up what is in flight", a third "at once".
    const watch = setInterval(() => {
      if (stage.sandbox.counts().creates < 10) return;
      clearInterval(watch);
      run.child.kill(signal);
    }, 2);
    const ended = await run.ended;
    expect(ended.code).toBe(expected);
    const { summary } = JSON.parse(ended.stdout);
    expect(summary.planned).toBeGreaterThan(0);
    expect(summary.succeeded + summary.planned + summary.inDoubt).toBe(30);
    expect((await stage.sync(["--resume", ...QUICK])).code).toBe(0);
    expect(stage.copies()).toHaveLength(30);
  });
});
