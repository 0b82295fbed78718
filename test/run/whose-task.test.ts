import { describe, expect, it } from "vitest";
import { foldTenantKey } from "../../src/shared/ids.js";
import { EXIT, StopError } from "../../src/shared/problems.js";
import { appId, MASTER } from "../simulation/identifiers.js";
import { Killed, SyncStage, told } from "../support/sync-stage.js";

const ACME = { app: 1 };
const GLOBEX = { app: 2 };
const INITECH = { app: 3 };

/** The one app that a tenant's copy reads, by the server's own truth. */
function appOf(stage: SyncStage, tenant: string): string | undefined {
  return stage.named(`Monthly Report - ${tenant}`)[0]?.reports[0]?.swaps[0]?.newQlikAppId;
}

describe("a task that somebody else's create has made", () => {
  it("is not taken over by newTaskId, though its doubt is settled in the same run", async () => {
    const stage = new SyncStage();
    stage.fate("Globex", "killed-after");
    await expect(stage.sync({ Initech: INITECH, Globex: GLOBEX })).rejects.toThrow(Killed);
    const newTaskId = stage.named("Monthly Report - Globex")[0]?.id;
    if (newTaskId === undefined) throw new Error("the create was not carried out");
    const wishes = { Initech: INITECH, Globex: GLOBEX, Acme: { ...ACME, newTaskId } };
    const result = await stage.sync(wishes);
    expect(told(result, "Globex")).toBe("settle succeeded");
    expect(told(result, "Acme")).toBe("conflict failed NOT_A_COPY");
    expect(appOf(stage, "Globex")).toBe(appId(2));
  });

  it("of this tenant, found absent and arrived later, keeps it from being made under another name", async () => {
    const stage = new SyncStage();
    stage.fate("Acme", "lost-before", 400);
    await stage.sync({ Acme: ACME, Globex: GLOBEX });
    stage.make("Monthly Report - Acme", []);
    const result = await stage.sync({ Acme: { ...ACME, name: "Acme, monthly" }, Globex: GLOBEX });
    expect(told(result, "Acme")).toBe("conflict failed TWIN");
    expect(stage.named("Acme, monthly")).toEqual([]);
  });
});

describe("a copy that was logged as gone", () => {
  async function withGoneCopy() {
    const stage = new SyncStage();
    const wishes = { Acme: ACME, Globex: GLOBEX, Initech: INITECH };
    await stage.sync(wishes);
    const [copy] = stage.named("Monthly Report - Acme");
    if (copy === undefined) throw new Error("there is no copy");
    stage.remove(copy);
    expect(told(await stage.sync(wishes), "Acme")).toBe("conflict failed GONE");
    return { stage, copy, wishes };
  }

  it("is its tenant's again when it is listed again: --recreate makes no second one", async () => {
    const { stage, copy, wishes } = await withGoneCopy();
    stage.tasks.push(copy);
    const result = await stage.sync(wishes, { shape: { recreate: true } });
    expect(told(result, "Acme")).toBe("unchanged succeeded");
    expect(stage.named("Monthly Report - Acme")).toHaveLength(1);
  });

  it("is made anew only by a run that reads the list: it may be back, or be there under another ID", async () => {
    const { stage, copy, wishes } = await withGoneCopy();
    const moved = stage.make("Monthly Report - Acme", copy.reports[0]?.swaps ?? []);
    stage.listed = () => undefined;
    const blind = await stage.sync(wishes, { shape: { recreate: true } });
    expect(told(blind, "Acme")).toBe("conflict failed NOT_SEEN");
    stage.listed = (tasks) => tasks;
    expect(told(await stage.sync(wishes, { shape: { recreate: true } }), "Acme")).toBe("conflict failed NAME_TAKEN");
    stage.remove(moved);
    expect(told(await stage.sync(wishes, { shape: { recreate: true } }), "Acme")).toBe("create succeeded");
    expect(stage.named("Monthly Report - Acme")).toHaveLength(1);
  });
});

describe("a log that knows no copy, beside a task that the manifest names as one and that is none", () => {
  it("makes nothing for anybody: the log may be lost", async () => {
    const stage = new SyncStage();
    const task = stage.make("Monthly Report - Acme", []);
    stage.unreadable.add(task.id);
    const wishes = { Acme: { ...ACME, newTaskId: task.id }, Globex: GLOBEX };
    const result = await stage.sync(wishes);
    expect(told(result, "Acme")).toBe("conflict failed NOT_A_COPY");
    expect(told(result, "Globex")).toBe("conflict failed LOG_LOST");
    stage.unreadable.clear();
    const again = await stage.sync(wishes);
    expect(told(again, "Acme")).toBe("adopt succeeded");
    expect(told(again, "Globex")).toBe("create succeeded");
  });
});

describe("a task that the manifest names as a copy, beside --only", () => {
  it("is no sign of a lost log: the others' copies are made", async () => {
    const stage = new SyncStage();
    const task = stage.make("Monthly Report - Acme", [{ qlikAppId: MASTER, newQlikAppId: appId(1) }]);
    const wishes = { Acme: { ...ACME, newTaskId: task.id }, Globex: GLOBEX };
    const result = await stage.sync(wishes, { shape: { only: ["globex"] } });
    expect(told(result, "Globex")).toBe("create succeeded");
  });
});

describe("a copy that was taken over and that nobody has read since", () => {
  it("is read before anything is planned: the app that it maps is in force", async () => {
    const stage = new SyncStage();
    const copy = stage.make("Monthly Report - Acme", [{ qlikAppId: MASTER, newQlikAppId: appId(1) }]);
    stage.make("Monthly Report - Globex", [{ qlikAppId: MASTER, newQlikAppId: appId(2) }]);
    await stage.sync({ Globex: GLOBEX }, { shape: { adopt: true } });
    const [key, newTaskId] = [foldTenantKey("Acme"), copy.id];
    const adopted = { type: "adopted", sourceTaskId: stage.source.id, key, newTaskId, by: "resolve" } as const;
    stage.records.push({
      run: "resolve",
      entry: { ...adopted, tenant: "Acme", manifest: "customers.csv", name: copy.name },
    });
    // The two swap their apps.
    const result = await stage.sync({ Acme: GLOBEX, Globex: ACME });
    expect(told(result, "Globex")).toBe("conflict failed APP_IN_USE");
    expect(told(result, "Acme")).toBe("conflict failed APP_IN_USE");
    expect(stage.sent).toEqual([]);
  });
});

describe("a task that came after a create in doubt, on a server that changes some names", () => {
  it.each([
    ["lists no reports", (): readonly never[] => []],
    ["answers 404", (): undefined => undefined],
  ])("keeps the doubt where it %s: that answer lacks what was there", async (_what, rows) => {
    const stage = new SyncStage();
    const wishes = { Globex: GLOBEX, "Smith & Sons": ACME };
    stage.fate("Smith & Sons", "lost-before");
    await stage.sync({ Globex: GLOBEX });
    const named = stage.make("Monthly Report - Smith &amp; Sons", [], Number.POSITIVE_INFINITY);
    named.reports.splice(0, 1);
    stage.onSend = () => {
      named.bornAt = 0;
      if (rows() === undefined) stage.without.add(named.id);
    };
    const result = await stage.sync(wishes);
    expect(told(result, "Smith & Sons")).toBe("create in-doubt CANDIDATE");
    expect(stage.sent.filter((line) => line.endsWith("Sons"))).toHaveLength(1);
  });
});

describe("resolve --retry", () => {
  it("leaves the old create open where the new one is refused: it is looked up before anything is sent again", async () => {
    const stage = new SyncStage();
    await stage.sync({ Globex: GLOBEX });
    stage.fate("Acme", "lost-before");
    // Without the source task the list is not whole: the doubt stays.
    stage.listed = (tasks) => tasks.filter((task) => task !== stage.source);
    expect(told(await stage.sync({ Globex: GLOBEX, Acme: ACME }), "Acme")).toContain("create in-doubt");
    const key = foldTenantKey("Acme");
    stage.records.push({
      run: "resolve",
      entry: { type: "retry", sourceTaskId: stage.source.id, key, tenant: "Acme" },
    });
    stage.fate("Acme", 400);
    const result = await stage.sync({ Globex: GLOBEX, Acme: ACME });
    expect(told(result, "Acme")).toContain("in-doubt");
    expect(stage.sent.filter((sent) => sent.endsWith("Acme"))).toHaveLength(2);
    const acme = [...stage.state().tenants()].find((one) => one.key === key);
    expect(acme?.openCreates).toHaveLength(1);
  });
});

describe("what a PATCH did", () => {
  it("is not known by its answer: an app stays in force until the copy is read back", async () => {
    const stage = new SyncStage();
    await stage.sync({ Acme: ACME, Globex: GLOBEX });
    const [copy] = stage.named("Monthly Report - Acme");
    if (copy === undefined) throw new Error("there is no copy");
    const wishes = { Acme: { app: 3 }, Globex: { app: 1 } };
    stage.fate("Acme", "no-effect", "no-effect");
    const patched = stage.sync(wishes);
    // Read before the PATCH, and not after it.
    stage.flush = async () => void stage.unreadable.add(copy.id);
    await patched;
    stage.flush = async () => {};
    stage.unreadable.clear();
    const result = await stage.sync(wishes);
    expect(told(result, "Acme")).toBe("update failed PATCH_NO_EFFECT");
    expect(told(result, "Globex")).toBe("conflict failed APP_IN_USE");
    expect([appOf(stage, "Acme"), appOf(stage, "Globex")]).toEqual([appId(1), appId(2)]);
  });

  it("is read before a conflict (409) is believed", async () => {
    const stage = new SyncStage();
    await stage.sync({ Acme: ACME });
    stage.fate("Acme", "done-409");
    expect(told(await stage.sync({ Acme: GLOBEX }), "Acme")).toBe("update succeeded");
    const back = await stage.sync({ Acme: ACME, Initech: GLOBEX });
    expect(told(back, "Initech")).toBe("conflict failed APP_IN_USE");
  });

  it("holds nobody else's app: what a copy shows when its update begins is in force at once", async () => {
    const stage = new SyncStage();
    await stage.sync({ Acme: ACME, Globex: GLOBEX });
    const report = stage.named("Monthly Report - Acme")[0]?.reports[0];
    if (report === undefined) throw new Error("there is no copy");
    report.swaps = [{ qlikAppId: MASTER, newQlikAppId: appId(5) }];
    stage.fate("Acme", "lost-before", "lost-before");
    const result = await stage.sync({ Acme: { app: 3 }, Globex: { app: 5 } });
    expect(told(result, "Globex")).toBe("update failed APP_IN_USE");
    expect([appOf(stage, "Acme"), appOf(stage, "Globex")]).toEqual([appId(5), appId(2)]);
  });

  it("stays in doubt where the app that it asked for turns out to be another's: nothing has ended it", async () => {
    const stage = new SyncStage();
    await stage.sync({ Globex: GLOBEX, Acme: ACME });
    stage.fate("Acme", "lost-before", "lost-before");
    const wishes = { Globex: { app: 5 }, Acme: { app: 3 } };
    await stage.sync({ ...wishes, Globex: GLOBEX });
    const report = stage.named("Monthly Report - Globex")[0]?.reports[0];
    if (report === undefined) throw new Error("there is no copy");
    report.swaps = [{ qlikAppId: MASTER, newQlikAppId: appId(3) }];
    const result = await stage.sync(wishes);
    expect(told(result, "Acme")).toBe("update in-doubt APP_IN_USE");
    expect(result.exitCode).toBe(4);
  });
});

describe("copies that a run finds under each other's names only in its last list", () => {
  it("are told of once, each, also where the run does not carry their tenants out", async () => {
    const stage = new SyncStage();
    await stage.sync({ Acme: ACME, Globex: GLOBEX });
    const [acme, globex] = [stage.named("Monthly Report - Acme")[0], stage.named("Monthly Report - Globex")[0]];
    const swapped = new Map([
      [acme?.id, globex?.name],
      [globex?.id, acme?.name],
    ]);
    stage.listed = (tasks) =>
      stage.sent.length < 3 ? tasks : tasks.map((task) => ({ ...task, name: swapped.get(task.id) ?? task.name }));
    const result = await stage.sync({ Acme: ACME, Globex: GLOBEX, Initech: INITECH });
    expect(told(result, "Initech")).toBe("create succeeded");
    expect(told(result, "Acme")).toBe("unchanged failed CROSSED");
    expect(told(result, "Globex")).toBe("unchanged failed CROSSED");
    const crossed = result.warnings.filter(({ code }) => code === "CROSSED").map(({ tenant }) => tenant);
    expect(crossed).toEqual(["Acme", "Globex"]);
    expect(result.exitCode).toBe(3);
  });

  it("are told of also where the last list stops the run", async () => {
    const stage = new SyncStage();
    await stage.sync({ Acme: ACME, Globex: GLOBEX });
    const [acme, globex] = [stage.named("Monthly Report - Acme")[0], stage.named("Monthly Report - Globex")[0]];
    let lists = 0;
    stage.listed = (tasks) => {
      lists += 1;
      if (lists > 2) throw new StopError(EXIT.server, { code: "HTTP_401", message: "refused", hint: "another key" });
      const swapped = (id: unknown): string | undefined =>
        id === acme?.id ? globex?.name : id === globex?.id ? acme?.name : undefined;
      return lists === 1 ? tasks : tasks.map((task) => ({ ...task, name: swapped(task.id) ?? task.name }));
    };
    const result = await stage.sync({ Acme: ACME, Globex: GLOBEX, Initech: INITECH });
    expect(told(result, "Acme")).toBe("unchanged failed CROSSED");
    expect(told(result, "Globex")).toBe("unchanged failed CROSSED");
    expect(result.exitCode).toBe(EXIT.server);
  });

  it("stay so where one of them gets a third name: that says of none whose it is", async () => {
    const stage = new SyncStage();
    await stage.sync({ Acme: ACME, Globex: GLOBEX });
    const [acme, globex] = [stage.named("Monthly Report - Acme")[0], stage.named("Monthly Report - Globex")[0]];
    const called = (names: ReadonlyMap<unknown, string>) => {
      stage.listed = (tasks) => tasks.map((task) => ({ ...task, name: names.get(task.id) ?? task.name }));
    };
    called(
      new Map([
        [acme?.id, "Monthly Report - Globex"],
        [globex?.id, "Monthly Report - Acme"],
      ]),
    );
    expect(told(await stage.sync({ Acme: ACME, Globex: GLOBEX }), "Acme")).toBe("conflict failed CROSSED");
    called(
      new Map([
        [acme?.id, "Monthly Report - Globex (old)"],
        [globex?.id, "Monthly Report - Acme"],
      ]),
    );
    expect(told(await stage.sync({ Acme: INITECH, Globex: GLOBEX }), "Acme")).toBe("conflict failed CROSSED");
    called(new Map());
    expect(told(await stage.sync({ Acme: INITECH, Globex: GLOBEX }), "Acme")).toBe("update succeeded");
  });
});
