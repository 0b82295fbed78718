import { describe, expect, test } from "vitest";
import { manifestOf, openStage, SHAPE } from "../support/stage.js";

describe("a first Ctrl-C", () => {
  test("is answered at once: what is waited for, how long, and what a second one does", async () => {
    const stage = await openStage({ latencyMs: 300 });
    await stage.put("tenants.csv", manifestOf(30));
    const run = stage.start(["sync", "tenants.csv", ...SHAPE, "--concurrency", "4"]);
    const watch = setInterval(() => {
      if (stage.sandbox.counts().creates < 3) return;
      clearInterval(watch);
      run.child.kill("SIGINT");
    }, 5);
    const { code, stderr } = await run.ended;
    clearInterval(watch);
    expect(code).toBe(130);
    expect(stderr).toMatch(
      /^SIGINT: nothing new starts; at most 5 s for \d requests? in flight \(once more: stop at once\)$/m,
    );
  });
});
