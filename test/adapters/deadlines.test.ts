import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Deadlines } from "../../src/adapters/deadlines.js";

/** A request that tells when it was ended. */
class Ended {
  at: number | undefined;
  expire(): void {
    this.at = Date.now();
  }
}

/** To fake timers, once around the loop is a millisecond. */
const LOOP_MS = 1;

describe("Deadlines", () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: 0 });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("ends each when its own time is up, by one timer", () => {
    const deadlines = new Deadlines(1000, () => Date.now());
    const [first, second, third] = [new Ended(), new Ended(), new Ended()];
    deadlines.begin(first);
    vi.advanceTimersByTime(300);
    deadlines.begin(second);
    vi.advanceTimersByTime(300);
    deadlines.begin(third);
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(5000);
    expect([first.at, second.at, third.at]).toEqual([1000 + LOOP_MS, 1300 + LOOP_MS, 1600 + LOOP_MS]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("leaves alone who has left, and gives nobody new time for beginning twice", () => {
    const deadlines = new Deadlines(1000, () => Date.now());
    const [left, twice] = [new Ended(), new Ended()];
    deadlines.begin(left);
    deadlines.begin(twice);
    vi.advanceTimersByTime(600);
    deadlines.begin(twice);
    deadlines.leave(left);
    vi.advanceTimersByTime(5000);
    expect(left.at).toBeUndefined();
    expect(twice.at).toBe(1000 + LOOP_MS);
  });

  it("gives who begins after everybody has left its whole time", () => {
    const deadlines = new Deadlines(1000, () => Date.now());
    const [early, late] = [new Ended(), new Ended()];
    deadlines.begin(early);
    deadlines.leave(early);
    vi.advanceTimersByTime(900);
    deadlines.begin(late);
    vi.advanceTimersByTime(999);
    expect(late.at).toBeUndefined();
    vi.advanceTimersByTime(1 + LOOP_MS);
    expect(late.at).toBe(1900 + LOOP_MS);
  });

  it("first lets what has come be read: whoever leaves while the loop goes around once is not ended", () => {
    const deadlines = new Deadlines(1000, () => Date.now());
    const answered = new Ended();
    deadlines.begin(answered);
    // Due at the same time as the deadline's timer, but asked for later: it runs behind it, as an answer's reading would.
    setTimeout(() => deadlines.leave(answered), 1000);
    vi.advanceTimersByTime(5000);
    expect(answered.at).toBeUndefined();
  });

  it("ends nobody once it is closed", () => {
    const deadlines = new Deadlines(1000, () => Date.now());
    const open = new Ended();
    deadlines.begin(open);
    deadlines.close();
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(5000);
    expect(open.at).toBeUndefined();
  });
});
