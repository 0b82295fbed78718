import { describe, expect, it } from "vitest";
import { type Fate, SyncStage, type Wish } from "../support/sync-stage.js";

/** A stage whose disk takes its time, with so many tenants, of whom the first are made and the others have this fate, always. */
function stageOf(count: number, from: number, fate: Fate): { stage: SyncStage; wishes: Record<string, Wish> } {
  const stage = new SyncStage();
  stage.flush = () => new Promise((resolve) => setImmediate(resolve));
  const wishes: Record<string, Wish> = {};
  for (let number = 0; number < count; number += 1) {
    const tenant = `tenant ${String(number).padStart(2, "0")}`;
    wishes[tenant] = { app: number + 1 };
    if (number >= from) stage.fate(tenant, ...Array.from({ length: 50 }, () => fate));
  }
  return { stage, wishes };
}

/** How many of the writes that were sent had that fate. */
const troubled = (stage: SyncStage, made: number): number => new Set(stage.sent).size - made;

describe("an answer that holds back the next write", () => {
  it.each([1, 4, 16])("is heard before that is sent: --max-failures 1, %i in flight", async (concurrency) => {
    const { stage, wishes } = stageOf(60, 5, 400);
    const result = await stage.sync(wishes, { run: { concurrency, maxFailures: 1 } });
    expect(result).toMatchObject({ exitCode: 3, errors: [{ code: "MAX_FAILURES" }] });
    // The others were in flight already.
    expect(troubled(stage, 5)).toBeLessThanOrEqual(concurrency);
    expect(result.summary.failed).toBe(troubled(stage, 5));
  });

  it("is heard before the next in turn writes its intent, also where it named no task", async () => {
    const { stage, wishes } = stageOf(3, 0, "no-effect");
    const result = await stage.sync(wishes, { run: { concurrency: 1, maxFailures: 1 } });
    expect(stage.records.filter(({ entry }) => entry.type === "create-intent")).toHaveLength(1);
    expect(result.tenants.slice(1).map(({ outcome, error }) => [outcome, error?.code])).toEqual([
      ["planned", undefined],
      ["planned", undefined],
    ]);
  });

  it("counts a tenant for --max-failures once, however often it was sent", async () => {
    const { stage, wishes } = stageOf(6, 4, "lost-before");
    const result = await stage.sync(wishes, { run: { maxFailures: 3 } });
    expect(result).toMatchObject({ errors: [], summary: { inDoubt: 2, succeeded: 4 } });
  });

  it.each([1, 8])("stops a source task at the third 403 in a row, with %i in flight", async (concurrency) => {
    const { stage, wishes } = stageOf(60, 5, 403);
    const result = await stage.sync(wishes, { run: { concurrency } });
    expect(result.warnings).toContainEqual(expect.objectContaining({ code: "SOURCE_STOPPED" }));
    expect(troubled(stage, 5)).toBeLessThanOrEqual(Math.max(3, concurrency + 2));
    if (concurrency === 1) expect(result.summary).toMatchObject({ failed: 3, planned: 52 });
  });

  it("stops the run at the fifth doubt in a row, and not at a later one", async () => {
    const { stage, wishes } = stageOf(40, 5, 500);
    const result = await stage.sync(wishes, { run: { concurrency: 1 } });
    expect(result.errors).toMatchObject([{ code: "TOO_MANY_DOUBTS" }]);
    expect(troubled(stage, 5)).toBe(5);
  });
});

describe("an answer between doubts", () => {
  it("is also one that tells no ID: a server that never does is worked with to the end", async () => {
    const { stage, wishes } = stageOf(40, 0, "no-id");
    const result = await stage.sync(wishes, { run: { concurrency: 8 } });
    expect(result).toMatchObject({ exitCode: 0, errors: [], summary: { succeeded: 40 } });
    expect(stage.sent).toHaveLength(40);
  });

  it("is also a 429", async () => {
    const { stage, wishes } = stageOf(9, 9, "ok");
    for (const number of [1, 2, 3, 5]) stage.fate(`tenant 0${number}`, "lost-after");
    stage.fate("tenant 04", 429, "lost-after");
    const result = await stage.sync(wishes, { run: { concurrency: 1, retries: 4 } });
    expect(result).toMatchObject({ exitCode: 0, errors: [], summary: { succeeded: 9 } });
    expect(stage.sent).toHaveLength(10);
  });
});

describe("a 429 that asks for no wait", () => {
  it("is waited for all the same: a tenant is not sent thousands of times", async () => {
    const { stage, wishes } = stageOf(2, 1, 429);
    const result = await stage.sync(wishes, { run: { timeoutMs: 10_000, retries: 4 } });
    expect(result).toMatchObject({ exitCode: 3, summary: { succeeded: 1, failed: 1 } });
    expect(stage.sent.length).toBeLessThan(15);
  });
});
