import { describe, expect, it } from "vitest";
import { type Fate, type HostileReport, type HostileTask, REPORTS } from "../support/hostile-server.js";
import { appsRead, type HostileRun, type HostileStage, openHostileStage, PATIENT } from "../support/hostile-stage.js";
import { app, row } from "../support/manifests.js";

/** What counts as seen: an answer that lacks what was there is no answer, and an old fact is not told as a new one. */

const copyOf = (tenant: string): string => `Monthly Report - ${tenant}`;

const patches = (stage: HostileStage): number => stage.server.writes.filter(({ kind }) => kind === "patch").length;

const tenantOf = (run: HostileRun, tenant: string) => run.result.tenants.find((one) => one.tenant === tenant);

/** acme and globex have their copies, each on its own app, read back. */
async function synced(): Promise<HostileStage> {
  const stage = await openHostileStage();
  await stage.manifest({ acme: 1, globex: 2 });
  const run = await stage.sync("--verify");
  expect(run.exit).toBe(0);
  for (const tenant of run.result.tenants) expect(tenant.verified).toBe(true);
  return stage;
}

/** Bends what the reports of one tenant's copy show; `times`: only so often. */
function bendReports(
  stage: HostileStage,
  tenant: string,
  shown: (task: HostileTask) => readonly HostileReport[] | number,
  times = Number.POSITIVE_INFINITY,
): void {
  let left = times;
  stage.server.reportsShown = (task) => {
    if (task.name !== copyOf(tenant) || left <= 0) return task.reports;
    left -= 1;
    return shown(task);
  };
}

const withoutLast = ({ reports }: HostileTask): readonly HostileReport[] => reports.slice(0, -1);

describe("a copy that shows fewer rows of a report than its source", () => {
  async function withReportOnTwoRows(): Promise<HostileStage> {
    const stage = await openHostileStage();
    stage.server.source.reports.push(stage.server.row(REPORTS[1]));
    await stage.manifest({ acme: 1, globex: 2 });
    return stage;
  }

  it("is not verified where it is the first: no more are made", async () => {
    const stage = await withReportOnTwoRows();
    bendReports(stage, "acme", withoutLast);
    const run = await stage.sync();
    expect(run.exit).toBe(3);
    expect(run.told("acme")).toBe("create failed COPY_LACKS_REPORT");
    expect(tenantOf(run, "acme")?.verified).not.toBe(true);
    expect(stage.server.copies).toHaveLength(1);
  });

  it.each([[["--verify"]], [["--dry-run", "--verify"]]])("is not verified later either (%s)", async (args) => {
    const stage = await withReportOnTwoRows();
    expect((await stage.sync("--verify")).exit).toBe(0);
    bendReports(stage, "globex", withoutLast);
    const run = await stage.sync(...args);
    expect(run.exit).toBe(3);
    expect(run.told("globex")).toMatch(/failed COPY_LACKS_REPORT$/);
    expect(tenantOf(run, "globex")?.verified).not.toBe(true);
    expect(tenantOf(run, "acme")?.verified).toBe(true);
  });

  it("is read once more, and that is enough where it then shows them all", async () => {
    const stage = await withReportOnTwoRows();
    bendReports(stage, "acme", withoutLast, 1);
    const run = await stage.sync("--verify");
    expect(run.exit).toBe(0);
    expect(tenantOf(run, "acme")?.verified).toBe(true);
    expect(stage.server.copies.map(appsRead)).toEqual([[app(1)], [app(2)]]);
  });
});

describe("a copy whose reports cannot be read in this very run", () => {
  it.each([
    ["sync", ["--verify"]],
    ["dry run", ["--dry-run", "--verify"]],
  ])("is not verified by a %s --verify, whatever an earlier run saw", async (_, args) => {
    const stage = await synced();
    for (const status of [500, 403, 404]) {
      bendReports(stage, "globex", () => status);
      const run = await stage.sync(...args);
      expect(run.exit).toBe(3);
      expect(run.told("globex")).toMatch(/failed NOT_VERIFIED$/);
      expect(tenantOf(run, "globex")?.verified).toBe(false);
      expect(tenantOf(run, "acme")?.verified).toBe(true);
    }
    expect(patches(stage)).toBe(0);
  });

  it("is nobody's trouble where nothing was to be verified", async () => {
    const stage = await synced();
    bendReports(stage, "globex", () => 500);
    const run = await stage.sync();
    expect(run.exit).toBe(0);
    expect(run.result.summary).toMatchObject({ unchanged: 2, succeeded: 2 });
  });

  it("is verified again as soon as it can be read", async () => {
    const stage = await synced();
    bendReports(stage, "globex", () => 500);
    expect((await stage.sync("--verify")).exit).toBe(3);
    bendReports(stage, "globex", ({ reports }) => reports);
    const run = await stage.sync("--verify");
    expect(run.exit).toBe(0);
    expect(tenantOf(run, "globex")?.verified).toBe(true);
  });
});

describe("an empty answer to a copy's reports", () => {
  it("that comes once, at an update, is asked for again: the PATCH goes out", async () => {
    const stage = await synced();
    await stage.manifest({ acme: 3, globex: 2 });
    bendReports(stage, "acme", () => [], 1);
    const run = await stage.sync();
    expect(run.exit).toBe(0);
    expect(run.told("acme")).toBe("update succeeded");
    expect(appsRead(stage.server.named(copyOf("acme")))).toEqual([app(3)]);
  });

  it("that stays, at an update, is a failure and no success", async () => {
    const stage = await synced();
    await stage.manifest({ acme: 3, globex: 2 });
    bendReports(stage, "acme", () => []);
    const run = await stage.sync();
    expect(run.exit).toBe(3);
    expect(run.told("acme")).toBe("update failed COPY_LACKS_REPORT");
    expect(tenantOf(run, "acme")?.verified).not.toBe(true);
    bendReports(stage, "acme", ({ reports }) => reports);
    expect((await stage.sync()).exit).toBe(0);
    expect(appsRead(stage.server.named(copyOf("acme")))).toEqual([app(3)]);
  });

  it("that stays, after a PATCH, frees no app: neither the old nor the new goes to another tenant", async () => {
    const stage = await synced();
    await stage.manifest({ acme: 3, globex: 2 });
    const before = stage.server.writes.length;
    stage.server.reportsShown = (task) =>
      task.name === copyOf("acme") && stage.server.writes.length > before ? [] : task.reports;
    const run = await stage.sync();
    expect(run.exit).toBe(3);
    expect(run.told("acme")).toBe("update failed COPY_LACKS_REPORT");
    for (const number of [1, 3]) {
      await stage.manifest({ acme: 5, globex: 2, initech: number });
      const next = await stage.sync();
      expect(next.exit).toBe(3);
      expect(next.told("initech")).toBe("conflict failed APP_IN_USE");
    }
    expect(stage.server.copies).toHaveLength(2);
  });

  it.each([["--verify"], ["--dry-run --verify"]])(
    "that stays, at a read-back alone, forgets nothing (%s)",
    async (words) => {
      const stage = await synced();
      bendReports(stage, "acme", () => []);
      const run = await stage.sync(...words.split(" "));
      expect(run.exit).toBe(3);
      expect(run.told("acme")).toMatch(/failed COPY_LACKS_REPORT$/);
      await stage.manifest({ acme: 5, globex: 2, initech: 1 });
      expect((await stage.sync()).told("initech")).toBe("conflict failed APP_IN_USE");
      expect(stage.server.copies).toHaveLength(2);
    },
  );

  it("that comes once, at the first read-back, is asked for again: the others are made", async () => {
    const stage = await openHostileStage();
    await stage.manifest({ acme: 1, globex: 2 });
    bendReports(stage, "acme", () => [], 1);
    const run = await stage.sync();
    expect(run.exit).toBe(0);
    expect(tenantOf(run, "acme")?.verified).toBe(true);
    expect(stage.server.copies).toHaveLength(2);
  });

  it("that stays, at the first read-back, stops the source task until the copy reads right", async () => {
    const stage = await openHostileStage();
    await stage.manifest({ acme: 1, globex: 2 });
    bendReports(stage, "acme", () => []);
    const stopped = await stage.sync();
    expect(stopped.exit).toBe(3);
    expect(stopped.told("acme")).toBe("create failed COPY_LACKS_REPORT");
    expect(stopped.hints).not.toContain("--report-id");
    expect((await stage.sync()).exit).toBe(3);
    expect(stage.server.copies).toHaveLength(1);
    bendReports(stage, "acme", ({ reports }) => reports);
    expect((await stage.sync()).exit).toBe(0);
    expect(stage.server.copies.map(appsRead)).toEqual([[app(1)], [app(2)]]);
  });
});

describe("a run that knows every copy and cannot list", () => {
  it.each<readonly [string, (stage: HostileStage) => void]>([
    ["all copies are there", () => undefined],
    ["one of them is gone", ({ server }) => server.remove(server.named(copyOf("globex")))],
    ["one has a twin", ({ server }) => void server.add(copyOf("globex"), app(2))],
  ])("says that nobody looked for twins or missing copies, where %s", async (_, happens) => {
    const stage = await synced();
    happens(stage);
    for (const status of [500, 403]) {
      stage.server.listed = () => status;
      const run = await stage.sync();
      expect(run.exit).toBe(0);
      expect(run.result.warnings.map(({ code }) => code)).toContain("LIST_NOT_READ");
      expect(run.result.summary).toMatchObject({ unchanged: 2 });
    }
  });

  it("says nothing of it where the list was read", async () => {
    const stage = await synced();
    const run = await stage.sync();
    expect(run).toMatchObject({ exit: 0, codes: expect.not.arrayContaining(["LIST_NOT_READ"]) });
  });
});

describe("a PATCH that is answered with success and does nothing", () => {
  it("is not believed the next time because nobody can look", async () => {
    const stage = await synced();
    await stage.manifest({ acme: 3, globex: 2 });
    stage.server.fate = ({ kind }) => (kind === "patch" ? "no-effect" : "ok");
    const first = await stage.sync();
    expect(first.exit).toBe(3);
    expect(first.told("acme")).toBe("update failed PATCH_NO_EFFECT");
    const before = stage.server.writes.length;
    stage.server.reportsShown = (task) =>
      task.name === copyOf("acme") && stage.server.writes.length > before ? 500 : task.reports;
    const second = await stage.sync();
    expect(second.exit).not.toBe(0);
    expect(tenantOf(second, "acme")?.outcome).not.toBe("succeeded");
    expect(tenantOf(second, "acme")?.verified).not.toBe(true);
    await stage.manifest({ acme: 3, globex: 2, initech: 1 });
    expect((await stage.sync("--only", "initech")).told("initech")).toBe("conflict failed APP_IN_USE");
    stage.server.reportsShown = ({ reports }) => reports;
    stage.server.fate = () => "ok";
    await stage.manifest({ acme: 3, globex: 2 });
    const third = await stage.sync();
    expect(third.exit).toBe(0);
    expect(appsRead(stage.server.named(copyOf("acme")))).toEqual([app(3)]);
  });

  it("is not believed where the copy then hides what it showed: its app goes to nobody else", async () => {
    const stage = await openHostileStage();
    await stage.manifest({ acme: 1, globex: 2 });
    expect((await stage.sync()).exit).toBe(0);
    await stage.manifest({ acme: 3, globex: 2 });
    stage.server.fate = ({ kind }) => (kind === "patch" ? "no-effect" : "ok");
    expect((await stage.sync()).told("acme")).toBe("update failed PATCH_NO_EFFECT");
    stage.server.showsMappings = false;
    expect((await stage.sync()).exit).toBe(3);
    await stage.manifest({ acme: 3, globex: 1 });
    const run = await stage.sync();
    expect({ exit: run.exit, told: run.told("globex") }).toEqual({ exit: 3, told: "conflict failed APP_IN_USE" });
    expect(appsRead(stage.server.named(copyOf("globex")))).toEqual([app(2)]);
  });

  it("cannot be told from one that works where no mappings are shown: believed, and not verified", async () => {
    const stage = await openHostileStage();
    stage.server.showsMappings = false;
    await stage.manifest({ acme: 1 });
    expect((await stage.sync()).exit).toBe(0);
    await stage.manifest({ acme: 3 });
    const run = await stage.sync();
    expect(run.exit).toBe(0);
    expect(run.told("acme")).toBe("update succeeded");
    expect(tenantOf(run, "acme")?.verified).toBe(false);
    expect(appsRead(stage.server.named(copyOf("acme")))).toEqual([app(3)]);
  });
});

describe("a PATCH whose answer never came", () => {
  /** acme's PATCH is on its way when the run is killed; `arrives`: whether it is carried out all the same. */
  async function killedAtPatch(arrives: boolean): Promise<HostileStage> {
    const stage = await synced();
    await stage.manifest({ acme: 3, globex: 2 });
    stage.server.fate = () => "late";
    const run = stage.start();
    await expect.poll(() => patches(stage), PATIENT).toBe(1);
    run.child.kill("SIGKILL");
    await run.ended;
    if (arrives) stage.server.deliver();
    stage.server.fate = () => "ok";
    return stage;
  }

  it.each<Fate>(["lost-before", "lost-after"])("is sent again after --settle, and over then (%s)", async (fate) => {
    const stage = await synced();
    await stage.manifest({ acme: 3, globex: 2 });
    stage.server.fate = () => (patches(stage) === 1 ? fate : "ok");
    const settled = await stage.sync();
    expect(settled.exit).toBe(0);
    expect(tenantOf(settled, "acme")?.verified).toBe(true);
    expect(appsRead(stage.server.named(copyOf("acme")))).toEqual([app(3)]);
    const later = await stage.sync("--only", "globex");
    expect(later).toMatchObject({ exit: 0, codes: expect.not.arrayContaining(["DOUBT"]) });
  });

  it.each([true, false])("for a kill is over once the copy was read back (carried out: %s)", async (arrives) => {
    const stage = await killedAtPatch(arrives);
    const settled = await stage.sync("--resume");
    expect(settled.exit).toBe(0);
    expect(tenantOf(settled, "acme")?.verified).toBe(true);
    expect(appsRead(stage.server.named(copyOf("acme")))).toEqual([app(3)]);
    const later = await stage.sync("--only", "globex");
    expect(later).toMatchObject({ exit: 0, codes: expect.not.arrayContaining(["DOUBT"]) });
  });

  it("is told by runs for others as long as the server does not show it", async () => {
    const stage = await killedAtPatch(false);
    const later = await stage.sync("--only", "globex");
    expect(later).toMatchObject({ exit: 0, codes: expect.arrayContaining(["DOUBT"]) });
  });

  it("ends where the server already shows what it wanted, also in a run for others", async () => {
    const stage = await killedAtPatch(true);
    const later = await stage.sync("--only", "globex");
    expect(later).toMatchObject({ exit: 0, codes: expect.not.arrayContaining(["DOUBT"]) });
    expect(patches(stage)).toBe(1);
  });
});

describe("what an earlier run read back", () => {
  it("is told with its time, and not as read in this run", async () => {
    const stage = await synced();
    const task = stage.server.named(copyOf("globex"));
    for (const report of task.reports) report.apps = [];
    const run = await stage.sync();
    expect(run.exit).toBe(0);
    const { verified, verifiedAt } = tenantOf(run, "globex") as { verified?: boolean; verifiedAt?: string };
    expect(verified).toBe(true);
    expect(Date.parse(verifiedAt ?? "")).toBeLessThan(Date.parse(run.result.startedAt));
    const audit = await stage.sync("--dry-run", "--verify", "--detailed-exitcode");
    expect(audit.exit).toBe(10);
    expect((await stage.sync("--verify")).exit).toBe(0);
    expect(appsRead(task)).toEqual([app(2)]);
  });
});

describe("reports that are named by their rows", () => {
  it("are mapped right once the server lists the source's reports, though it did not at first", async () => {
    const stage = await openHostileStage();
    stage.server.reportsShown = (task) => (task === stage.server.source ? 403 : task.reports);
    await stage.manifest({ acme: 1, globex: 2 });
    const rows = stage.server.source.reports.flatMap(({ id }) => ["--report", id]);
    const blind = await stage.sync(...rows);
    for (const tenant of blind.result.tenants) expect(tenant.verified).toBe(false);
    stage.server.reportsShown = ({ reports }) => reports;
    const run = await stage.sync(...rows, "--verify");
    expect(run.exit).toBe(0);
    for (const tenant of run.result.tenants) expect(tenant.verified).toBe(true);
    expect(stage.server.copies.map(appsRead)).toEqual([[app(1)], [app(2)]]);
    expect((await stage.sync(...rows)).result.summary).toMatchObject({ unchanged: 2 });
  });

  it("are refused once, not twice, where a report is left out", async () => {
    const stage = await openHostileStage();
    await stage.manifest({ acme: `${app(1)},${row(1)}`, globex: `${app(2)},${row(1)}` }, "newQlikAppId,reportId");
    const run = await stage.sync();
    expect(run.exit).toBe(2);
    const tenantsOf = run.result.errors.filter(({ code }) => code === "REPORT_LEFT_OUT");
    expect(tenantsOf).toHaveLength(2);
    expect(new Set(tenantsOf.map(({ message }) => message)).size).toBe(2);
    expect(stage.server.writes).toEqual([]);
  });
});
