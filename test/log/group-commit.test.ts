import { describe, expect, it } from "vitest";
import { type LogStore, OpenLog } from "../../src/log/open-log.js";
import type { LogEntry } from "../../src/log/records.js";
import { LogState } from "../../src/log/state.js";
import { systemClock } from "../../src/shared/time.js";
import { createOutcome, MONTHLY, SERVER } from "../support/log-samples.js";

/** A log whose store does what `append` says. Its entries are known by the number of their write. */
function logOver(append: LogStore["append"]) {
  const store: LogStore = {
    append,
    fillAtOnce: (work) => work(),
    checkMaySend: () => undefined,
    close: async () => undefined,
  };
  const run = { path: "log.jsonl", server: SERVER, sourceTasks: [MONTHLY], run: "run-1", clock: systemClock };
  const last = { seq: 7, digest: "0".repeat(64), line: "{}" };
  const log = new OpenLog(store, run, { state: new LogState(), last, warnings: [] });
  return { log, add: (...numbers: readonly number[]) => log.append(numbers.map((number) => createOutcome(number))) };
}

/** A store in which each flush is under way until it is let go. */
function heldFlush() {
  const flushed: unknown[][] = [];
  const ends: (() => void)[] = [];
  const { log, add } = logOver((lines) => {
    const entries = lines
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as LogEntry & { synced: number });
    flushed.push(entries.map((entry) => ["write" in entry && entry.write, entry.synced]));
    return new Promise((resolve) => ends.push(resolve));
  });
  const begun = async (count: number): Promise<void> => {
    while (ends.length < count) await new Promise((resolve) => setImmediate(resolve));
  };
  return { log, add, flushed, begun, end: (index: number) => ends[index]?.() };
}

const write = (number: number) => createOutcome(number).write;

describe("group commit", () => {
  it("gathers what comes together, and what comes while a flush is under way, each in its order", async () => {
    const { log, add, flushed, begun, end } = heldFlush();
    const first = [add(1, 2), add(3)];
    await begun(1);
    const second = [add(4), add(5)];
    end(0);
    await Promise.all(first);
    expect(log.head()?.seq).toBe(10);
    await begun(2);
    end(1);
    await Promise.all(second);
    await log.close();
    expect(flushed).toEqual([
      [1, 2, 3].map((number) => [write(number), 7]),
      [4, 5].map((number) => [write(number), 10]),
    ]);
  });

  it("tells everyone of a flush that failed, and never flushes again", async () => {
    let flushes = 0;
    const { log, add } = logOver(() => {
      flushes += 1;
      return Promise.reject(new Error("disk full"));
    });
    const ends = await Promise.allSettled([add(1), add(2)]);
    expect(ends.map((end) => end.status)).toEqual(["rejected", "rejected"]);
    await expect(add(3)).rejects.toThrow("disk full");
    await log.close();
    expect(flushes).toBe(1);
    expect(log.head()?.seq).toBe(7);
  });
});
