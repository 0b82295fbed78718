import { describe, expect, it } from "vitest";
import { EXIT, StopError } from "../../src/shared/problems.js";
import type { RunResult, TenantResult } from "../../src/shared/results.js";
import { SyncStage } from "../support/sync-stage.js";

const WISHES = { Acme: { app: 1 }, Globex: { app: 2 } };

/** From so many flushes on the disk is full. */
function fullAfter(stage: SyncStage, flushes: number): void {
  let left = flushes;
  stage.flush = async () => {
    left -= 1;
    if (left < 0)
      throw new StopError(EXIT.log, { code: "LOG_UNWRITABLE", message: "the disk is full", hint: "make room" });
  };
}

function acme(result: RunResult): TenantResult {
  const [first] = result.tenants;
  if (first?.tenant !== "Acme") throw new Error("nothing was told of Acme");
  return first;
}

describe("a log that takes no more", () => {
  it("loses no ID: what the create was answered is told, and the next run finds the copy", async () => {
    const stage = new SyncStage();
    // The unexplained tasks, the source task's name, the intent; not the outcome.
    fullAfter(stage, 3);
    const result = await stage.sync(WISHES);
    const [copy] = stage.named("Monthly Report - Acme");
    expect(result.exitCode).toBe(EXIT.log);
    expect(acme(result)).toMatchObject({ outcome: "in-doubt", newTaskId: copy?.id });
    expect(acme(result).error?.message).toContain("the log could not take it");
    expect(stage.events).toContainEqual(
      expect.objectContaining({ kind: "unlogged", tenant: "Acme", newTaskId: copy?.id }),
    );
    expect(stage.sent).toHaveLength(1);
    stage.flush = async () => {};
    const next = await stage.sync(WISHES);
    expect(next).toMatchObject({ exitCode: 0, summary: { settle: 1, create: 1, succeeded: 2 } });
    expect(stage.named("Monthly Report - Acme")).toEqual([copy]);
  });

  it("keeps the request back whose intent it could not take", async () => {
    const stage = new SyncStage();
    fullAfter(stage, 2);
    const result = await stage.sync(WISHES);
    expect(result.exitCode).toBe(EXIT.log);
    expect(stage.sent).toEqual([]);
    expect(result.summary).toMatchObject({ planned: 2, inDoubt: 0 });
  });

  it("says of a refusal that it could not take what the server said: nothing was done", async () => {
    const stage = new SyncStage();
    stage.fate("Acme", 400);
    fullAfter(stage, 3);
    const result = await stage.sync(WISHES);
    expect(acme(result)).toMatchObject({ outcome: "in-doubt", newTaskId: undefined });
    expect(acme(result).error?.message).toContain("nothing was done for it");
    expect(stage.named("Monthly Report - Acme")).toEqual([]);
  });

  it("says that a copy took its PATCH", async () => {
    const stage = new SyncStage();
    await stage.sync(WISHES);
    // The intent; not the outcome.
    fullAfter(stage, 1);
    const result = await stage.sync({ ...WISHES, Acme: { app: 3 } });
    expect(acme(result)).toMatchObject({ action: "update", outcome: "in-doubt" });
    expect(acme(result).error?.message).toContain("took the PATCH");
  });
});
