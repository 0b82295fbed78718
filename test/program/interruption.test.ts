import { execFileSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
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

describe("a Ctrl-C while writes wait for their turn (--rate)", () => {
  test("sends none of them, waits for nothing, and leaves no doubt", async () => {
    const stage = await openStage();
    await stage.put("tenants.csv", manifestOf(30));
    const run = stage.start(["sync", "tenants.csv", ...SHAPE, "--rate", "8", "--format", "json"]);
    let sent = 0;
    const watch = setInterval(() => {
      if (stage.sandbox.counts().creates < 3) return;
      clearInterval(watch);
      sent = stage.sandbox.counts().creates;
      run.child.kill("SIGINT");
    }, 1);
    const { code, stdout, stderr } = await run.ended;
    clearInterval(watch);
    expect(code).toBe(130);
    expect(stage.sandbox.counts().creates).toBe(sent);
    expect(JSON.parse(stdout).summary).toMatchObject({ succeeded: sent, planned: 30 - sent, inDoubt: 0 });
    const log = await readFile(join(stage.folder, "tenants.csv.idempotency.jsonl"), "utf8");
    expect(log.match(/"create-intent"/g)?.length).toBe(sent);
    expect(stderr).toMatch(/^SIGINT: nothing new starts(; at most 5 s for 1 request in flight .*)?$/m);
  });
});

describe("a second Ctrl-C", () => {
  test.each([
    ["the first copy's reports and the list", "hang,to=reads,after=7,times=2"],
    ["the list's first answer", "hang,to=lists,after=3,times=1"],
  ])("waits for nothing, not even for %s, which the server does not give", async (_, fault) => {
    const stage = await openStage({ fault: [fault] });
    await stage.put("tenants.csv", manifestOf(5));
    const run = stage.start(["sync", "tenants.csv", ...SHAPE, "--format", "json"]);
    const watch = setInterval(() => {
      if (stage.sandbox.counts().creates === 0) return;
      run.child.kill("SIGINT");
    }, 200);
    const { code, stdout } = await run.ended;
    clearInterval(watch);
    expect(code).toBe(130);
    const { summary } = JSON.parse(stdout);
    expect(summary).toMatchObject({ create: 5, succeeded: 1, planned: 4 });
    expect((await stage.sync()).result.summary).toMatchObject({ succeeded: 5 });
  });
});

describe.skipIf(process.platform === "win32")("a pipe in the place of a file", () => {
  test("is read to its end", async () => {
    const stage = await openStage();
    execFileSync("mkfifo", [join(stage.folder, "pipe.csv")]);
    const run = stage.start(["validate", "pipe.csv", ...SHAPE]);
    await writeFile(join(stage.folder, "pipe.csv"), manifestOf(3));
    expect(await run.ended).toMatchObject({ code: 0 });
  });

  test("does not keep the program from ending while nobody writes into it", async () => {
    const stage = await openStage();
    execFileSync("mkfifo", [join(stage.folder, "key")]);
    await stage.put("tenants.csv", manifestOf(3));
    const run = stage.start(["sync", "tenants.csv", ...SHAPE, "--api-key-file", "key"], {
      env: { QALYPTUS_API_KEY: undefined },
    });
    const watch = setInterval(() => run.child.kill("SIGTERM"), 300);
    const { code, stderr } = await run.ended;
    clearInterval(watch);
    expect({ code, stderr }).toMatchObject({ code: 143, stderr: expect.stringContaining("stopped by SIGTERM") });
  });
});
