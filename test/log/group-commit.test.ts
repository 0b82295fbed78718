import { describe, expect, it } from "vitest";
import { GroupCommit } from "../../src/log/file/idempotency-log-file.js";

/** A flush that is under way until it is let go. */
function heldFlush() {
  const flushed: string[][] = [];
  const ends: (() => void)[] = [];
  const groups = new GroupCommit<string>((items) => {
    flushed.push([...items]);
    return new Promise((resolve) => ends.push(resolve));
  });
  const begun = async (count: number): Promise<void> => {
    while (ends.length < count) await new Promise((resolve) => setImmediate(resolve));
  };
  return { groups, flushed, begun, end: (index: number) => ends[index]?.() };
}

describe("group commit", () => {
  it("gathers what comes together, and what comes while a flush is under way, each in its order", async () => {
    const { groups, flushed, begun, end } = heldFlush();
    const first = [groups.add(["a", "b"]), groups.add(["c"])];
    await begun(1);
    const second = [groups.add(["d"]), groups.add(["e"])];
    end(0);
    await Promise.all(first);
    await begun(2);
    end(1);
    await Promise.all(second);
    await groups.idle();
    expect(flushed).toEqual([
      ["a", "b", "c"],
      ["d", "e"],
    ]);
  });

  it("tells everyone of a flush that failed, and never flushes again", async () => {
    let flushes = 0;
    const groups = new GroupCommit<string>(() => {
      flushes += 1;
      return Promise.reject(new Error("disk full"));
    });
    const both = [groups.add(["a"]), groups.add(["b"])];
    const ends = await Promise.allSettled(both);
    expect(ends.map((end) => end.status)).toEqual(["rejected", "rejected"]);
    await expect(groups.add(["c"])).rejects.toThrow("disk full");
    await groups.idle();
    expect(flushes).toBe(1);
  });
});
