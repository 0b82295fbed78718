import { describe, expect, it } from "vitest";
import { SendSlots } from "../../src/run/slots.js";
import type { Clock } from "../../src/shared/time.js";

/** A clock on which time passes by sleeping alone. */
function sleepingClock(): Clock & { readonly slept: readonly number[] } {
  const slept: number[] = [];
  let now = 0;
  return {
    slept,
    now: () => new Date(0),
    monotonic: () => now,
    sleep: async (ms) => {
      slept.push(ms);
      now += ms;
    },
  };
}

const goesOn = (): AbortSignal => new AbortController().signal;

describe("a write's turn", () => {
  it("is waited for in its slot, before anything is done for it", async () => {
    const done: string[] = [];
    let give: () => void = () => {};
    const turn = () =>
      new Promise<void>((resolve) => {
        give = resolve;
      });
    const slots = new SendSlots(1, sleepingClock(), turn);
    const first = slots.run(async () => void done.push("first"), goesOn());
    const second = slots.run(async () => void done.push("second"), goesOn());
    await new Promise((resolve) => setImmediate(resolve));
    expect(done).toEqual([]);
    give();
    await first;
    expect(done).toEqual(["first"]);
    await new Promise((resolve) => setImmediate(resolve));
    give();
    await second;
    expect(done).toEqual(["first", "second"]);
  });

  it("is over where a 429 came meanwhile: then its wait is waited for, and another turn", async () => {
    const clock = sleepingClock();
    let turns = 0;
    const slots: SendSlots = new SendSlots(4, clock, async () => {
      turns += 1;
      if (turns === 1) slots.slowDown(700);
    });
    let sentAt = 0;
    await slots.run(async () => {
      sentAt = clock.monotonic();
    }, goesOn());
    expect({ turns, sentAt, slept: clock.slept }).toEqual({ turns: 2, sentAt: 700, slept: [700] });
  });

  it("is not waited for once the run is halted", async () => {
    const halted = new AbortController();
    halted.abort();
    let turns = 0;
    const slots = new SendSlots(1, sleepingClock(), async () => {
      turns += 1;
    });
    slots.slowDown(1000);
    await expect(slots.run(async () => "asked", halted.signal)).resolves.toBe("asked");
    expect(turns).toBe(0);
  });
});
