import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ReadyIntents } from "../../src/adapters/ready-intents.js";

/** Whether making way is over by the next turn of the event loop; the millisecond passes only when the test says so. */
async function isSoon(ready: ReadyIntents): Promise<boolean> {
  let over = false;
  const made = ready.makeWay().then(() => {
    over = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  const soon = over;
  await vi.advanceTimersByTimeAsync(1);
  await made;
  return soon;
}

describe("what nothing is sent for", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("waits once around the event loop where no intent is ready", async () => {
    const ready = new ReadyIntents();
    expect(await isSoon(ready)).toBe(true);
    ready.enter();
    ready.leave();
    expect(await isSoon(ready)).toBe(true);
  });

  it("waits a millisecond as long as half as many are ready as ever were, and no longer", async () => {
    const ready = new ReadyIntents();
    for (let count = 0; count < 4; count += 1) ready.enter();
    const soon: boolean[] = [];
    for (let count = 0; count < 4; count += 1) {
      soon.push(await isSoon(ready));
      ready.leave();
    }
    expect(soon).toEqual([false, false, false, true]);
  });
});
