import { describe, expect, it } from "vitest";
import { sharedReading } from "../../src/plan/observe.js";

/** A reading of a counter: the number that it has when a reading begins is what is read when it is let end. */
function counted() {
  const ends: (() => void)[] = [];
  let begun = 0;
  const shared = sharedReading(
    () =>
      new Promise<number>((resolve) => {
        begun += 1;
        const number = begun;
        ends.push(() => resolve(number));
      }),
  );
  const endNext = async (): Promise<void> => {
    ends.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { shared, endNext, begun: () => begun };
}

describe("a reading that many want", () => {
  it("is never one that began before it was asked for, and else shared", async () => {
    const { shared, endNext, begun } = counted();
    const first = shared();
    await new Promise((resolve) => setImmediate(resolve));
    const others = Array.from({ length: 50 }, () => shared());
    expect(begun()).toBe(1);
    await endNext();
    expect(await first).toBe(1);
    expect(begun()).toBe(2);
    const late = shared();
    await endNext();
    expect(new Set(await Promise.all(others))).toEqual(new Set([2]));
    await endNext();
    expect(await late).toBe(3);
    const alone = shared();
    await new Promise((resolve) => setImmediate(resolve));
    await endNext();
    expect([await alone, begun()]).toEqual([4, 4]);
  });

  it("is read again for who waits where the one before failed", async () => {
    let tries = 0;
    const shared = sharedReading(async () => {
      tries += 1;
      await new Promise((resolve) => setImmediate(resolve));
      if (tries === 1) throw new Error("cut");
      return tries;
    });
    const first = shared();
    await Promise.resolve().then(() => Promise.resolve());
    const second = shared();
    await expect(first).rejects.toThrow("cut");
    await expect(second).resolves.toBe(2);
  });
});
