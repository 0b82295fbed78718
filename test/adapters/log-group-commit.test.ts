import { describe, expect, it } from "vitest";
import { GroupCommit } from "../../src/adapters/log-group-commit.js";

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
  it("gathers what comes together, and what comes while a flush is under way", async () => {
    const { groups, flushed, begun, end } = heldFlush();
    const first = [groups.add(["a", "b"]), groups.add(["c"], "after")];
    await begun(1);
    const second = [groups.add(["d"]), groups.add(["e"])];
    end(0);
    await Promise.all(first);
    await begun(2);
    end(1);
    await Promise.all(second);
    expect(flushed).toEqual([
      ["a", "b", "c"],
      ["d", "e"],
    ]);
  });

  it("spreads a burst: one of those that wait to send, then one more each time; after a rest one again", async () => {
    const { groups, flushed, begun, end } = heldFlush();
    const all = ["a", "b", "c", "d", "e", "f", "g"].map((name) => groups.add([name]));
    for (let flush = 0; flush < 4; flush += 1) {
      await begun(flush + 1);
      end(flush);
    }
    await Promise.all(all);
    await groups.idle();
    const more = [groups.add(["h"]), groups.add(["i"])];
    for (let flush = 4; flush < 6; flush += 1) {
      await begun(flush + 1);
      end(flush);
    }
    await Promise.all(more);
    expect(flushed).toEqual([["a"], ["b", "c"], ["d", "e", "f"], ["g"], ["h"], ["i"]]);
  });

  it("lets what is only to be told go with whoever waits to send, and holds all to their order", async () => {
    const { groups, flushed, begun, end } = heldFlush();
    const all = [
      groups.add(["told"], "after"),
      groups.add(["sent"]),
      groups.add(["told too"], "after"),
      groups.add(["sent next"]),
      groups.add(["told last"], "after"),
    ];
    await begun(1);
    end(0);
    await begun(2);
    end(1);
    await Promise.all(all);
    expect(flushed).toEqual([
      ["told", "sent", "told too"],
      ["sent next", "told last"],
    ]);
  });

  it("tells those first that wait to send, and the others when those have done so, all of them flushed", async () => {
    const { groups, flushed, begun, end } = heldFlush();
    const told: string[] = [];
    const tell = (name: string) => () => void told.push(name);
    const outcome = groups.add(["outcome"], "after").then(tell("outcome"));
    const intent = groups.add(["intent"], "first").then(async () => {
      for (let step = 0; step < 20; step += 1) await Promise.resolve();
      told.push("intent");
    });
    await begun(1);
    end(0);
    await Promise.all([outcome, intent]);
    expect(flushed).toEqual([["outcome", "intent"]]);
    expect(told).toEqual(["intent", "outcome"]);
  });

  it("tells everyone of a flush that failed, and never flushes again", async () => {
    let flushes = 0;
    const groups = new GroupCommit<string>(() => {
      flushes += 1;
      return Promise.reject(new Error("disk full"));
    });
    const both = [groups.add(["a"], "first"), groups.add(["b"], "after")];
    const ends = await Promise.allSettled(both);
    expect(ends.map((end) => end.status)).toEqual(["rejected", "rejected"]);
    await expect(groups.add(["c"])).rejects.toThrow("disk full");
    await groups.idle();
    expect(flushes).toBe(1);
  });
});
