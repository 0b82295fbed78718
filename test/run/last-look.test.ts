import { describe, expect, it } from "vitest";
import { EXIT, StopError } from "../../src/shared/problems.js";
import { SyncStage, told } from "../support/sync-stage.js";

const LOST = new StopError(EXIT.log, { code: "LOG_LOCK_LOST", message: "somebody took it over", hint: "run again" });

describe("the last look at the lock, between an intent on the disk and its request", () => {
  it("sends nothing where the lock is not this run's any more: exit 6, the intent closed as not sent", async () => {
    const stage = new SyncStage();
    stage.checkMaySend = () => {
      throw LOST;
    };
    const result = await stage.sync({ Acme: { app: 1 }, Globex: { app: 2 } });
    expect(stage.sent).toEqual([]);
    expect(result.exitCode).toBe(EXIT.log);
    expect(told(result, "Acme")).toBe("create planned ABORTED");
    const ends = stage.records.flatMap(({ entry }) => (entry.type === "create-outcome" ? [entry.outcome] : []));
    expect(ends).toEqual(["not-sent"]);
  });

  it("is taken before a PATCH too", async () => {
    const stage = new SyncStage();
    await stage.sync({ Acme: { app: 1 } });
    stage.checkMaySend = () => {
      throw LOST;
    };
    const result = await stage.sync({ Acme: { app: 2 } });
    expect(stage.sent).toEqual(["create Monthly Report - Acme"]);
    expect(result.exitCode).toBe(EXIT.log);
    const ends = stage.records.flatMap(({ entry }) => (entry.type === "patch-outcome" ? [entry.outcome] : []));
    expect(ends).toEqual(["not-sent"]);
  });

  it("is taken anew before each further try", async () => {
    const stage = new SyncStage();
    let looks = 0;
    stage.fate("Acme", 429);
    stage.checkMaySend = () => {
      looks += 1;
      if (looks > 1) throw LOST;
    };
    const result = await stage.sync({ Acme: { app: 1 } }, { run: { retries: 3 } });
    expect(stage.sent).toHaveLength(1);
    expect(result.exitCode).toBe(EXIT.log);
  });
});
