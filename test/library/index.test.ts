import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type RunEvent, StopError, sync } from "../../src/index.js";
import { FIRST_SOURCE_TASK_ID, MASTER_APP_ID } from "../../src/sandbox/world.js";
import { manifestOf, openStage, type Stage } from "../support/stage.js";

async function call(stage: Stage, more: Partial<Parameters<typeof sync>[0]> = {}): ReturnType<typeof sync> {
  return sync({
    manifest: join(stage.folder, "tenants.csv"),
    server: stage.sandbox.url,
    apiKey: stage.sandbox.key,
    sourceTask: FIRST_SOURCE_TASK_ID,
    masterApp: MASTER_APP_ID,
    settleMs: 300,
    ...more,
  });
}

describe("the library", () => {
  it("syncs a manifest and tells each tenant as it is settled", async () => {
    const stage = await openStage();
    await stage.put("tenants.csv", manifestOf(4));
    const events: RunEvent[] = [];
    const result = await call(stage, { onEvent: (event) => events.push(event) });
    expect(result).toMatchObject({ exitCode: 0, summary: { create: 4, succeeded: 4 } });
    expect(events.filter((event) => event.kind === "tenant")).toHaveLength(4);
    expect(stage.copies()).toHaveLength(4);
    expect(JSON.stringify([result, events])).not.toContain(stage.sandbox.key);
  });

  it("plans without writing", async () => {
    const stage = await openStage();
    await stage.put("tenants.csv", manifestOf(2));
    expect(await call(stage, { dryRun: true })).toMatchObject({ dryRun: true, summary: { create: 2 } });
    expect(stage.sandbox.counts().writes).toBe(0);
  });

  it("starts nothing new once its signal is aborted", async () => {
    const stage = await openStage({ latencyMs: 20 });
    await stage.put("tenants.csv", manifestOf(60));
    const abort = new AbortController();
    const result = await call(stage, {
      signal: abort.signal,
      onEvent: (event) => {
        if (event.kind === "tenant") abort.abort();
      },
    });
    expect(result.exitCode).toBe(130);
    expect(result.summary.planned).toBeGreaterThan(0);
    expect(result.summary.succeeded).toBe(stage.copies().length);
  });

  it("rejects where the run could not start", async () => {
    const stage = await openStage();
    const missing = call(stage, { manifest: join(stage.folder, "nowhere.csv") });
    await expect(missing).rejects.toBeInstanceOf(StopError);
    await expect(call(stage, { sourceTask: "x" })).rejects.toMatchObject({ exitCode: 2 });
  });
});
