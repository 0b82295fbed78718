import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { tenantAppId } from "../../src/sandbox/world.js";
import { manifestOf, openStage, SHAPE } from "../support/stage.js";

const LOG = "tenants.csv.idempotency.jsonl";

describe("sync", () => {
  it("makes one copy a tenant with bounded concurrency, and nothing the second time", async () => {
    const stage = await openStage({ latencyMs: 20 });
    await stage.put("tenants.csv", manifestOf(200));
    const first = await stage.sync(["--concurrency", "8"]);
    expect(first.code).toBe(0);
    expect(first.result.summary).toMatchObject({ create: 200, succeeded: 200 });
    expect(stage.sandbox.counts()).toMatchObject({ creates: 200, made: 200 });
    expect(stage.sandbox.counts().mostWritesAtOnce).toBeLessThanOrEqual(8);
    const logBefore = await readFile(join(stage.folder, LOG), "utf8");
    const second = await stage.sync(["--concurrency", "8"]);
    expect(second.code).toBe(0);
    expect(second.result.summary).toMatchObject({ unchanged: 200, succeeded: 200 });
    expect(stage.sandbox.counts().creates).toBe(200);
    const log = await readFile(join(stage.folder, LOG), "utf8");
    expect(log.startsWith(logBefore)).toBe(true);
    const added = log.slice(logBefore.length).trim().split("\n");
    expect(added.map((line) => JSON.parse(line).type)).toEqual(["run", "run-end"]);
  });

  it("maps every report of each copy to its own tenant's app", async () => {
    const stage = await openStage();
    await stage.put("tenants.csv", manifestOf(5));
    await stage.sync(["--verify"]);
    for (const copy of stage.copies()) {
      const app = tenantAppId(Number(copy.name.split("-").at(-1)));
      expect(copy.reports.map((report) => report.mappings.map((swap) => swap.newQlikAppId))).toEqual([
        [app],
        [app],
        [app],
      ]);
    }
    const { result } = await stage.sync();
    expect(result.tenants.every((tenant) => tenant.verified)).toBe(true);
  });

  it("is killed again and again and still ends with one copy a tenant", { timeout: 60_000 }, async () => {
    const stage = await openStage({ latencyMs: 30 });
    await stage.put("tenants.csv", manifestOf(40));
    const args = ["sync", "tenants.csv", ...SHAPE, "--timeout", "1s", "--settle", "300ms", "-q"];
    for (let round = 0; round < 6; round += 1) {
      const before = stage.sandbox.counts().creates;
      const run = stage.start(args);
      const watch = setInterval(() => {
        if (stage.sandbox.counts().creates >= before + 5) run.child.kill("SIGKILL");
      }, 2);
      await run.ended;
      clearInterval(watch);
    }
    const last = await stage.sync(["--timeout", "1s", "--settle", "300ms"]);
    expect(last.code).toBe(0);
    expect(
      stage
        .copies()
        .map((copy) => copy.name)
        .sort(),
    ).toEqual(Array.from({ length: 40 }, (_, at) => `Monthly Report - tenant-${at + 1}`).sort());
  });

  it("resumes the last sync with its own options, and refuses when nothing is left", async () => {
    const stage = await openStage({ latencyMs: 30 });
    await stage.put("tenants.csv", manifestOf(20));
    const run = stage.start(["sync", "tenants.csv", ...SHAPE, "--name", "{tenant} monthly", "--settle", "300ms"]);
    const watch = setInterval(() => {
      if (stage.sandbox.counts().creates >= 10) run.child.kill("SIGKILL");
    }, 2);
    await run.ended;
    clearInterval(watch);
    const wrong = await stage.run(["sync", "tenants.csv", "--resume", "--name", "other"]);
    expect(wrong.code).toBe(2);
    const resumed = await stage.run(["sync", "--resume", "--settle", "300ms"]);
    expect(resumed.stderr).not.toContain("error");
    expect(resumed.code).toBe(0);
    expect(stage.copies()).toHaveLength(20);
    expect(stage.copies().every((copy) => copy.name.endsWith(" monthly"))).toBe(true);
    expect((await stage.run(["sync", "tenants.csv", "--resume"])).code).toBe(7);
    await stage.put("tenants.csv", manifestOf(21));
    expect((await stage.run(["sync", "tenants.csv", "--resume"])).code).toBe(7);
  });

  it("finds 300 conflicts and sends nothing when the log was lost and the list comes in pages of ten", async () => {
    const stage = await openStage();
    await stage.put("tenants.csv", manifestOf(300));
    expect((await stage.sync(["--concurrency", "32"])).code).toBe(0);
    await rm(join(stage.folder, LOG));
    const paged = await openStage({ fault: ["paged-only"], stateFile: join(stage.folder, "state.json") });
    stage.sandbox = paged.sandbox;
    await paged.put("tenants.csv", manifestOf(300));
    expect((await paged.sync(["--concurrency", "32"])).code).toBe(0);
    const made = paged.sandbox.counts().creates;
    await rm(join(paged.folder, LOG));
    const lost = await paged.sync();
    expect(lost.code).toBe(3);
    expect(lost.result.summary).toMatchObject({ conflict: 300, failed: 300 });
    expect(new Set(lost.result.tenants.map((tenant) => tenant.error?.code))).toEqual(new Set(["NAME_TAKEN"]));
    expect(paged.sandbox.counts().creates).toBe(made);
    const adopted = await paged.sync(["--adopt", "--concurrency", "32"]);
    expect(adopted.code).toBe(0);
    expect(adopted.result.summary).toMatchObject({ adopt: 300, succeeded: 300 });
    expect(paged.sandbox.counts().creates).toBe(made);
  });

  it("takes up a doubt: what was made is adopted, what was not is made once", { timeout: 60_000 }, async () => {
    const stage = await openStage({ fault: ["cut-after=0.3,to=creates", "cut-before=0.3,to=creates"] });
    await stage.put("tenants.csv", manifestOf(30));
    let code: number | null = null;
    for (let round = 0; round < 8 && code !== 0; round += 1)
      code = (await stage.sync(["--timeout", "1s", "--settle", "200ms"])).code;
    expect(code).toBe(0);
    expect(new Set(stage.copies().map((copy) => copy.name)).size).toBe(30);
    expect(stage.copies()).toHaveLength(30);
    expect(Object.keys(stage.sandbox.counts().faults).sort()).toEqual(["cut-after", "cut-before"]);
  });
});

describe("a dry run", () => {
  it("writes nothing, anywhere", async () => {
    const stage = await openStage();
    await stage.put("tenants.csv", manifestOf(3));
    const { code, result } = await stage.sync(["--dry-run"]);
    expect(code).toBe(0);
    expect(result).toMatchObject({ dryRun: true, summary: { create: 3, planned: 3 } });
    expect(stage.sandbox.counts().writes).toBe(0);
    expect(await readdir(stage.folder)).toEqual(["tenants.csv"]);
  });

  it("says with --detailed-exitcode that changes are pending", async () => {
    const stage = await openStage();
    await stage.put("tenants.csv", manifestOf(3));
    expect((await stage.sync(["--dry-run", "--detailed-exitcode"])).code).toBe(10);
    await stage.sync();
    expect((await stage.sync(["--dry-run", "--detailed-exitcode"])).code).toBe(0);
  });

  it("needs no server and no key when offline", async () => {
    const stage = await openStage();
    await stage.put("tenants.csv", manifestOf(3));
    const env = { QALYPTUS_SERVER: undefined, QALYPTUS_API_KEY: undefined };
    const { code, result } = await stage.sync(["--dry-run", "--offline"], { env });
    expect(code).toBe(0);
    expect(result.summary.create).toBe(3);
    expect(stage.sandbox.counts().requests).toBe(0);
  });

  it("prints its plan first and then refuses by exit 7", async () => {
    const stage = await openStage();
    await stage.put("tenants.csv", manifestOf(3));
    const { code, result } = await stage.sync(["--dry-run", "--max-changes", "2"]);
    expect(code).toBe(7);
    expect(result.tenants).toHaveLength(3);
    expect(result.errors.map((error) => error.code)).toEqual(["MAX_CHANGES"]);
  });
});

describe("a narrowed sync", () => {
  it("carries out only what --only selects and --limit allows", async () => {
    const stage = await openStage();
    await stage.put("tenants.csv", manifestOf(12));
    const only = await stage.sync(["--only", "tenant-1?"]);
    expect(only.code).toBe(0);
    expect(only.result.summary).toMatchObject({ create: 3, skip: 9, succeeded: 3, skipped: 9 });
    const limited = await stage.sync(["--limit", "4"]);
    expect(limited.code).toBe(0);
    expect(limited.result.summary).toMatchObject({ create: 9, unchanged: 3, succeeded: 7, planned: 5 });
    expect(stage.copies()).toHaveLength(7);
    const none = await stage.sync(["--only", "tenat-3"]);
    expect(none.code).toBe(2);
    expect(none.result.errors[0]?.hint).toContain("tenant-3");
  });
});

describe("secrets", () => {
  it("shows the key nowhere: not in the log, the outputs, verbose or not, or an error", async () => {
    const stage = await openStage({ fault: ["expire-key=20"] });
    await stage.put("tenants.csv", manifestOf(30));
    await stage.put("key.txt", Buffer.from(`\ufeff${stage.sandbox.key}\r\n`, "utf16le"));
    const env = { QALYPTUS_API_KEY: undefined };
    const args = [
      "sync",
      "tenants.csv",
      ...SHAPE,
      "-v",
      "--api-key-file",
      "key.txt",
      "--out",
      "r.html",
      "--out",
      "r.json",
    ];
    const run = await stage.run(args, { env });
    expect(run.code).toBe(5);
    const files = await Promise.all(
      ["r.html", "r.json", LOG].map((name) => readFile(join(stage.folder, name), "utf8")),
    );
    expect([run.stdout, run.stderr, ...files].join("\n")).not.toContain(stage.sandbox.key);
  });
});

describe("a result file", () => {
  it("is never put over the manifest, also where only the log knows which that is", async () => {
    const stage = await openStage();
    const text = manifestOf(2);
    await stage.put("tenants.csv", text);
    expect((await stage.sync()).code).toBe(0);
    for (const args of [
      ["sync", "--resume", "--out", "tenants.csv"],
      ["sync", "tenants.csv", ...SHAPE, "--out", "tenants.csv"],
      ["sync", "tenants.csv", ...SHAPE, "--out", "./tenants.csv", "--concurrency", "0"],
      ["sync", "--resume", "--out", "r.txt", "--out", "tenants.csv"],
    ])
      expect([2, 7]).toContain((await stage.run(args)).code);
    expect(await readFile(join(stage.folder, "tenants.csv"), "utf8")).toBe(text);
  });

  it("tells a run that could not start, over an older result", async () => {
    const stage = await openStage();
    await stage.put("tenants.csv", manifestOf(2));
    await stage.sync(["--out", "r.json"]);
    expect((await stage.run(["sync", "nowhere.csv", ...SHAPE, "--out", "r.json"])).code).toBe(2);
    expect(JSON.parse(await readFile(join(stage.folder, "r.json"), "utf8"))).toMatchObject({
      exitCode: 2,
      tenants: [],
    });
  });
});

describe("--lock-timeout", () => {
  it("lets runs that start at once go one after the other, and tells whom they wait for", async () => {
    const stage = await openStage({ latencyMs: 100 });
    await stage.put("tenants.csv", manifestOf(16));
    const ends = await Promise.all([1, 2, 3].map(() => stage.sync(["--lock-timeout", "60s"])));
    expect(ends.map(({ code }) => code)).toEqual([0, 0, 0]);
    expect(ends.map(({ result }) => result.summary.create).sort((a, b) => b - a)).toEqual([16, 0, 0]);
    expect(stage.copies()).toHaveLength(16);
    expect(ends.filter(({ stderr }) => stderr.includes("another run holds the log")).length).toBeGreaterThan(0);
  });

  it("gives up when its time is over", async () => {
    const stage = await openStage({ latencyMs: 500 });
    await stage.put("tenants.csv", manifestOf(30));
    const first = stage.start(["sync", "tenants.csv", ...SHAPE, "--concurrency", "2"]);
    while (stage.copies().length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    const second = await stage.sync(["--lock-timeout", "1s"]);
    expect(second).toMatchObject({ code: 6, result: { errors: [{ code: "LOG_LOCKED" }] } });
    first.child.kill("SIGINT");
    expect((await first.ended).code).toBe(130);
  });
});

describe("status", () => {
  it("answers without the options that the sync was given", async () => {
    const stage = await openStage();
    await stage.put("tenants.csv", manifestOf(2));
    await stage.sync();
    const env = { QALYPTUS_SERVER: undefined, QALYPTUS_API_KEY: undefined };
    const status = await stage.run(["status", "tenants.csv", "--format", "json"], { env });
    expect(status.code).toBe(0);
    expect(JSON.parse(status.stdout).tenants).toMatchObject([
      { tenant: "tenant-1", state: "copied" },
      { tenant: "tenant-2" },
    ]);
    expect((await stage.run(["status"], { env })).stdout).toContain("tenant-1");
  });
});
