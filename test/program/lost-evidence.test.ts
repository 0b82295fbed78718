import { describe, expect, it } from "vitest";
import {
  appsRead,
  type HostileRun,
  type HostileStage,
  openHostileStage,
  PATIENT,
  runOf,
} from "../support/hostile-stage.js";
import { app } from "../support/manifests.js";

/** Logs that were lost, servers that were moved, and servers that let nothing through. */

const copyOf = (tenant: string): string => `Monthly Report - ${tenant}`;

const creates = (stage: HostileStage): number => stage.server.writes.filter(({ kind }) => kind === "create").length;

const summaryHints = (run: HostileRun): string =>
  [...run.result.warnings, ...run.result.errors].map(({ hint }) => hint).join("\n");

async function synced(rows: Readonly<Record<string, number>>): Promise<HostileStage> {
  const stage = await openHostileStage();
  await stage.manifest(rows);
  expect((await stage.sync()).exit).toBe(0);
  return stage;
}

describe("a copy that was gone and is listed again", () => {
  it("holds the app that it maps: another customer does not get it", async () => {
    const stage = await synced({ acme: 1, globex: 2, initech: 3 });
    const acme = stage.server.named(copyOf("acme"));
    const at = stage.server.tasks.indexOf(acme);
    await stage.manifest({ globex: 2, initech: 3 });
    stage.server.tasks.splice(at, 1);
    expect((await stage.sync()).exit).toBe(0);
    stage.server.tasks.splice(at, 0, acme);
    expect((await stage.sync()).exit).toBe(0);
    await stage.manifest({ globex: 1, initech: 3 });
    const run = await stage.sync();
    expect({ exit: run.exit, told: run.told("globex") }).toEqual({ exit: 3, told: "conflict failed APP_IN_USE" });
    expect(appsRead(stage.server.named(copyOf("globex")))).toEqual([app(2)]);
  });
});

describe("a log that was lost after a tenant's rename", () => {
  const renamed = { acme: 1, "duff brewery": 2 };

  async function lostAfterRename(): Promise<HostileStage> {
    const stage = await synced({ acme: 1, duff: 2 });
    await stage.manifest(renamed);
    const task = stage.server.named(copyOf("duff"));
    const resolve = await stage.run("resolve", "duff brewery", "--task-id", task.id, "--from", "duff");
    expect(resolve.code).toBe(0);
    expect((await stage.sync()).exit).toBe(0);
    await stage.loseLog();
    return stage;
  }

  it("creates nothing: all of that source task is in conflict, with one hint", async () => {
    const stage = await lostAfterRename();
    for (const args of [[], ["--dry-run"]]) {
      const run = await stage.sync(...args);
      expect(run.exit).toBe(3);
      expect(run.result.summary).toMatchObject({ conflict: 2, failed: 2 });
      expect(run.told("duff brewery")).toBe("conflict failed LOG_LOST");
      expect([...run.result.warnings, ...run.result.errors].filter(({ code }) => code === "LOG_LOST")).toHaveLength(1);
      expect(summaryHints(run)).toContain("--adopt");
    }
    expect(creates(stage)).toBe(2);
  });

  it.each([
    [
      "one after the other",
      [
        ["--limit", "1"],
        ["--limit", "1"],
      ],
    ],
    ["one of them alone first", [["--only", "acme"], []]],
  ] as const)(
    "is made good by --adopt %s: what was taken over first ends no protection",
    async (_, [first, second]) => {
      const stage = await lostAfterRename();
      await stage.sync("--adopt", ...first);
      expect((await stage.sync("--adopt", ...second)).exit).toBe(0);
      const run = await stage.sync();
      expect(run.result.summary).toMatchObject({ unchanged: 2, succeeded: 2 });
      expect(creates(stage)).toBe(2);
    },
  );

  it("has nothing made by --adopt as long as one of the tasks cannot be read", async () => {
    const stage = await lostAfterRename();
    stage.server.reportsShown = ({ name, reports }) => (name === copyOf("duff") ? 500 : reports);
    const run = await stage.sync("--adopt", "--retries", "0");
    expect(run.told("duff brewery")).toBe("conflict failed LOG_LOST");
    stage.server.reportsShown = ({ reports }) => reports;
    expect((await stage.sync("--adopt")).exit).toBe(0);
    expect(creates(stage)).toBe(2);
  });

  it("is made good by --adopt, which finds the renamed tenant's task by its app", async () => {
    const stage = await lostAfterRename();
    const run = await stage.sync("--adopt");
    expect(run.exit).toBe(0);
    expect(run.result.summary).toMatchObject({ adopt: 2, succeeded: 2 });
    expect(creates(stage)).toBe(2);
    expect(stage.server.copies.map((task) => [task.name, appsRead(task)])).toEqual([
      [copyOf("acme"), [app(1)]],
      [copyOf("duff"), [app(2)]],
    ]);
    expect((await stage.sync()).result.summary).toMatchObject({ unchanged: 2 });
  });

  it("is another matter than a source task whose tenants have no task at all: these are made", async () => {
    const stage = await openHostileStage();
    stage.server.add("Weekly figures", app(9));
    await stage.manifest({ acme: 1, globex: 2 });
    const run = await stage.sync();
    expect(run).toMatchObject({ exit: 0, codes: expect.not.arrayContaining(["LOG_LOST"]) });
    expect(creates(stage)).toBe(2);
  });

  it("is suspected too where a task only looks like a copy: no other tenant's is made", async () => {
    const stage = await openHostileStage();
    stage.server.add("Report of the Month - acme", app(1));
    await stage.manifest({ acme: 1, globex: 2 });
    const run = await stage.sync();
    expect(run.exit).toBe(3);
    expect(run.told("acme")).toBe("conflict failed LOOKS_LIKE_COPY");
    expect(run.told("globex")).toBe("conflict failed LOG_LOST");
    expect(creates(stage)).toBe(0);
    expect((await stage.sync("--new-log")).exit).toBe(0);
    expect(creates(stage)).toBe(2);
  });

  it("lets --new-log make what has no task, and never takes the other's", async () => {
    const stage = await lostAfterRename();
    const before = stage.server.named(copyOf("acme"));
    const run = await stage.sync("--new-log");
    expect(run.told("acme")).toBe("conflict failed NAME_TAKEN");
    expect(run.told("duff brewery")).toBe("create succeeded");
    expect(appsRead(before)).toEqual([app(1)]);
  });
});

describe("a dry run beside a live run", () => {
  it("calls no copy that the live run makes meanwhile a taken name", async () => {
    const stage = await synced({ acme: 1 });
    await stage.manifest({ acme: 1, globex: 2, initech: 3 });
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    let asked = 0;
    stage.server.listed = async () => {
      asked += 1;
      if (asked === 1) await gate;
      return [...stage.server.tasks];
    };
    const dry = stage.start("--dry-run");
    await expect.poll(() => asked, PATIENT).toBe(1);
    expect((await stage.sync()).exit).toBe(0);
    open();
    const run = runOf(await dry.ended);
    expect(run.exit).toBe(0);
    expect(run.codes.filter((code) => ["NAME_TAKEN", "TWIN", "CROSSED", "LOG_LOST"].includes(code))).toEqual([]);
    expect(run.result.summary.conflict).toBe(0);
  });
});

describe("a server that answers 429", () => {
  const many = Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`tenant-${at + 1}`, at + 1]));

  it("to every write is left alone once nothing got through for --timeout", { timeout: 60_000 }, async () => {
    const stage = await openHostileStage();
    await stage.manifest(many);
    stage.server.fate = () => 429;
    const run = await stage.sync("--timeout", "500ms");
    expect(run.exit).toBe(3);
    expect(run.result.summary.planned).toBeGreaterThan(30);
    expect(stage.server.copies).toEqual([]);
  });

  it("to every request ends the run before anything is written", { timeout: 60_000 }, async () => {
    const stage = await openHostileStage();
    await stage.manifest(many);
    stage.server.refusal = () => 429;
    const run = await stage.sync("--timeout", "500ms");
    expect(run.exit).toBe(5);
    expect(creates(stage)).toBe(0);
  });

  it("a few times is waited for: every tenant gets its copy", async () => {
    const stage = await openHostileStage();
    await stage.manifest({ acme: 1, globex: 2, initech: 3 });
    let left = 3;
    stage.server.fate = () => {
      left -= 1;
      return left >= 0 ? 429 : "ok";
    };
    const run = await stage.sync("--timeout", "30s", "--retries", "4");
    expect(run.exit).toBe(0);
    expect(stage.server.copies.map(appsRead).sort()).toEqual([[app(1)], [app(2)], [app(3)]]);
  });
});

describe("a server that was moved, with new IDs under the old names", () => {
  const rows = { acme: 1, globex: 2, initech: 3 };

  it("says once what works, a new log and --adopt; and that works", async () => {
    const stage = await synced(rows);
    stage.server.migrate(stage.server.tasks);
    const run = await stage.sync();
    expect(run.exit).toBe(3);
    expect(run.result.summary).toMatchObject({ conflict: 3 });
    expect(creates(stage)).toBe(3);
    const [hint, ...others] = [...run.result.warnings, ...run.result.errors].filter((problem) =>
      problem.hint?.includes("--adopt"),
    );
    expect(hint?.hint ?? "").toContain("--idempotency-log");
    expect(others).toEqual([]);
    const adopted = await stage.sync("--idempotency-log", "moved.idempotency.jsonl", "--adopt");
    expect(adopted.exit).toBe(0);
    expect(adopted.result.summary).toMatchObject({ adopt: 3, succeeded: 3 });
    expect(creates(stage)).toBe(3);
  });

  it("names each task that has the copy's name, where only the copies have new IDs", async () => {
    const stage = await synced(rows);
    stage.server.migrate(stage.server.copies);
    const run = await stage.sync();
    expect(run.exit).toBe(3);
    for (const tenant of Object.keys(rows)) {
      expect(run.told(tenant)).toMatch(/^conflict failed (NOT_SEEN|GONE)$/);
      const hint = run.result.tenants.find((one) => one.tenant === tenant)?.error?.hint;
      expect(hint).toContain(`--task-id ${stage.server.named(copyOf(tenant)).id}`);
      expect(hint).not.toContain("--retry");
    }
    expect(creates(stage)).toBe(3);
  });

  it("has a single copy with a new ID taken up by the command that its hint gives", async () => {
    const stage = await synced(rows);
    const task = stage.server.named(copyOf("globex"));
    stage.server.migrate([task]);
    const run = await stage.sync();
    expect(run.told("globex")).toBe("conflict failed GONE");
    expect(run.result.tenants[1]?.error?.hint).toContain(`--task-id ${task.id}`);
    expect((await stage.run("resolve", "globex", "--task-id", task.id)).code).toBe(0);
    expect((await stage.sync("--verify")).exit).toBe(0);
    expect(stage.server.copies).toHaveLength(3);
  });
});

describe("a copy that is gone", () => {
  it("is made anew by --recreate, once, where no task has its name", async () => {
    const stage = await synced({ acme: 1, globex: 2 });
    stage.server.remove(stage.server.named(copyOf("globex")));
    expect((await stage.sync()).told("globex")).toBe("conflict failed GONE");
    expect((await stage.sync("--recreate")).exit).toBe(0);
    expect((await stage.sync("--recreate")).result.summary).toMatchObject({ unchanged: 2 });
    expect(creates(stage)).toBe(3);
    expect(stage.server.copies).toHaveLength(2);
  });
});

describe("an unasked 100 Continue before a create's answer", () => {
  it("leaves a doubt that the list ends, and is not called a hang-up", async () => {
    const stage = await synced({ acme: 1 });
    await stage.manifest({ acme: 1, globex: 2 });
    stage.server.fate = () => "continue";
    const run = await stage.sync();
    expect(run.exit).toBe(0);
    expect(stage.server.copies).toHaveLength(2);
    stage.server.listed = () => 500;
    await stage.manifest({ acme: 1, globex: 2, initech: 3 });
    const blind = await stage.sync();
    expect(blind.exit).toBe(4);
    const told = blind.result.tenants.find(({ tenant }) => tenant === "initech");
    expect(told?.error?.code).toBe("UNASKED_ANSWER");
  });
});

describe("a killed run", () => {
  it("has what reached the server after its death found, and makes only what was never sent", async () => {
    const stage = await synced({ acme: 1 });
    await stage.manifest({ acme: 1, globex: 2, initech: 3 });
    stage.server.fate = ({ kind }) => (kind === "create" ? "late" : "ok");
    const run = stage.start("--timeout", "30s");
    await expect.poll(() => creates(stage), PATIENT).toBe(2);
    run.child.kill("SIGKILL");
    await run.ended;
    stage.server.deliver();
    stage.server.fate = () => "ok";
    const resumed = await stage.sync("--resume");
    expect(resumed.exit).toBe(0);
    expect(creates(stage)).toBe(3);
    expect(stage.server.copies.map(appsRead).sort()).toEqual([[app(1)], [app(2)], [app(3)]]);
  });
});
