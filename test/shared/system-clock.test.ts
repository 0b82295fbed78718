import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/shared/time.js";

describe("a sleep", () => {
  it("may share its signal with many others, and leaves nothing behind on it", async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    process.on("warning", onWarning);
    const abort = new AbortController();
    const sleeps = Array.from({ length: 50 }, () => systemClock.sleep(60_000, abort.signal));
    await new Promise((resolve) => setImmediate(resolve));
    abort.abort();
    await Promise.all(sleeps);
    process.off("warning", onWarning);
    expect(warnings).toEqual([]);
    expect(getEventListeners(abort.signal, "abort")).toEqual([]);
  });
});
