import { describe, expect, it } from "vitest";
import type { RunResult } from "../../src/shared/results.js";
import { appId, MASTER, reportId } from "../simulation/identifiers.js";
import { SyncStage, told } from "../support/sync-stage.js";

const ACME = { Acme: { app: 1 } };
const MOVED = { Acme: { app: 3 } };

function stageOfTwoRows(): SyncStage {
  const stage = new SyncStage();
  stage.addRow(stage.source);
  return stage;
}

/** The apps that each row of a tenant's copy reads, by the server's own truth. */
function appsOf(stage: SyncStage, tenant: string): readonly (readonly string[])[] | undefined {
  const [copy] = stage.named(`Monthly Report - ${tenant}`);
  return copy?.reports.map(({ swaps }) => swaps.map(({ newQlikAppId }) => newQlikAppId));
}

/** How a tenant ended, and whether its mappings are claimed. */
function claimed(result: RunResult, tenant: string): string {
  const isVerified = result.tenants.some((one) => one.tenant === tenant && one.verified);
  return isVerified ? `${told(result, tenant)} verified` : told(result, tenant);
}

describe("a report that the source task has on two rows", () => {
  it.each(["row", "report"] as const)("is mapped on both of them by one create (--report-id %s)", async (mode) => {
    const stage = stageOfTwoRows();
    const result = await stage.sync(ACME, { shape: { reportId: mode } });
    expect(claimed(result, "Acme")).toBe("create succeeded verified");
    expect(appsOf(stage, "Acme")).toEqual([[appId(1)], [appId(1)]]);
  });

  it("is PATCHed on both of them, and known as it is read back", async () => {
    const stage = stageOfTwoRows();
    await stage.sync(ACME);
    expect(claimed(await stage.sync(MOVED), "Acme")).toBe("update succeeded verified");
    expect(appsOf(stage, "Acme")).toEqual([[appId(3)], [appId(3)]]);
    expect(claimed(await stage.sync(MOVED), "Acme")).toBe("unchanged succeeded verified");
  });

  it("is PATCHed on both of them where the server shows no mappings", async () => {
    const stage = stageOfTwoRows();
    stage.hidesRow = () => true;
    await stage.sync(ACME);
    expect(claimed(await stage.sync(MOVED), "Acme")).toBe("update succeeded");
    expect(appsOf(stage, "Acme")).toEqual([[appId(3)], [appId(3)]]);
    expect(claimed(await stage.sync(MOVED), "Acme")).toBe("unchanged succeeded");
  });

  it.each([true, false])("is not known while only one of them was PATCHed (mappings hidden: %s)", async (hides) => {
    const stage = stageOfTwoRows();
    stage.hidesRow = () => hides;
    await stage.sync(ACME);
    stage.fate("Acme", "ok", 400);
    expect(claimed(await stage.sync(MOVED), "Acme")).toBe("update failed HTTP_400");
    expect(appsOf(stage, "Acme")).toEqual([[appId(3)], [appId(1)]]);
    const other = await stage.sync({ ...MOVED, Globex: { app: 1 } });
    expect(claimed(other, "Globex")).toBe("conflict failed APP_IN_USE");
    expect(claimed(other, "Acme")).toContain("update succeeded");
    expect(appsOf(stage, "Acme")).toEqual([[appId(3)], [appId(3)]]);
  });

  it("is not known when the process dies between the two", async () => {
    const stage = stageOfTwoRows();
    stage.hidesRow = () => true;
    await stage.sync(ACME);
    await stage.sync(MOVED);
    const first = stage.records.findIndex(({ entry }) => entry.type === "patch-outcome");
    stage.records.splice(first + 1);
    const [, second] = stage.named("Monthly Report - Acme")[0]?.reports ?? [];
    if (second === undefined) throw new Error("there is no second row");
    second.swaps = [{ qlikAppId: MASTER, newQlikAppId: appId(1) }];
    expect(claimed(await stage.sync(MOVED), "Acme")).toBe("update succeeded");
    expect(appsOf(stage, "Acme")).toEqual([[appId(3)], [appId(3)]]);
  });

  it("is sent again on both of them after a PATCH in doubt, each with a key of its own", async () => {
    const stage = stageOfTwoRows();
    await stage.sync(ACME);
    stage.fate("Acme", "ok", "lost-before");
    expect(claimed(await stage.sync(MOVED), "Acme")).toBe("update succeeded verified");
    expect(appsOf(stage, "Acme")).toEqual([[appId(3)], [appId(3)]]);
    const keys = stage.records.flatMap(({ entry }) => (entry.type === "patch-intent" ? [entry.idempotencyKey] : []));
    expect(keys).toHaveLength(4);
    // The second row's request is sent again as it was; no row goes by another's key.
    expect(new Set(keys).size).toBe(3);
    expect(keys[3]).toBe(keys[1]);
  });

  it("is drift where one of them was changed on the server, and what both show is in force", async () => {
    const stage = stageOfTwoRows();
    await stage.sync(ACME);
    const [, second] = stage.named("Monthly Report - Acme")[0]?.reports ?? [];
    if (second === undefined) throw new Error("there is no second row");
    second.swaps = [{ qlikAppId: MASTER, newQlikAppId: appId(7) }];
    const verify = { run: { verify: true } };
    const result = await stage.sync({ ...ACME, Globex: { app: 7 }, Initech: { app: 1 } }, verify);
    expect(claimed(result, "Globex")).toBe("conflict failed APP_IN_USE");
    expect(claimed(result, "Initech")).toContain("conflict failed");
    expect(claimed(result, "Acme")).toBe("update succeeded verified");
    expect(appsOf(stage, "Acme")).toEqual([[appId(1)], [appId(1)]]);
  });

  it("is drift where one of them maps nothing any more", async () => {
    const stage = stageOfTwoRows();
    await stage.sync(ACME);
    const [first] = stage.named("Monthly Report - Acme")[0]?.reports ?? [];
    if (first === undefined) throw new Error("there is no copy");
    first.swaps = [];
    expect(claimed(await stage.sync(ACME, { run: { verify: true } }), "Acme")).toBe("update succeeded verified");
    expect(appsOf(stage, "Acme")).toEqual([[appId(1)], [appId(1)]]);
  });

  it("is known only by what the server answered where it shows one of them only", async () => {
    const stage = stageOfTwoRows();
    stage.hidesRow = (row) => row === 1;
    await stage.sync(ACME);
    stage.fate("Acme", "ok", 400);
    expect(claimed(await stage.sync(MOVED), "Acme")).toBe("update failed HTTP_400");
    const other = { ...MOVED, Globex: { app: 1 } };
    const result = await stage.sync(other);
    expect(claimed(result, "Globex")).toBe("conflict failed APP_IN_USE");
    expect(claimed(result, "Acme")).toBe("update succeeded");
    expect(appsOf(stage, "Acme")).toEqual([[appId(3)], [appId(3)]]);
    const calm = await stage.sync(other);
    expect([claimed(calm, "Acme"), claimed(calm, "Globex")]).toEqual(["unchanged succeeded", "create succeeded"]);
    expect(await stage.sync(other)).toMatchObject({ exitCode: 0, summary: { unchanged: 2 } });
  });

  it("is PATCHed after an adoption where the server shows one of them only", async () => {
    const stage = stageOfTwoRows();
    const copy = stage.make("Monthly Report - Acme", [{ qlikAppId: MASTER, newQlikAppId: appId(1) }]);
    stage.addRow(copy);
    stage.hidesRow = (row) => row === 1;
    const result = await stage.sync(ACME, { shape: { adopt: true } });
    expect(claimed(result, "Acme")).toBe("adopt succeeded");
    expect(appsOf(stage, "Acme")).toEqual([[appId(1)], [appId(1)]]);
    expect(claimed(await stage.sync(ACME), "Acme")).toBe("unchanged succeeded");
  });

  it("is not known where a row is not shown any more after its PATCH", async () => {
    const stage = stageOfTwoRows();
    await stage.sync(ACME);
    stage.fate("Acme", "ok", "no-effect");
    stage.hidesRow = (row) => row === 1 && appsOf(stage, "Acme")?.[0]?.[0] === appId(3);
    expect(claimed(await stage.sync(MOVED), "Acme")).toBe("update failed PATCH_NO_EFFECT");
    const other = await stage.sync({ ...MOVED, Globex: { app: 1 } });
    expect(claimed(other, "Globex")).toBe("conflict failed APP_IN_USE");
    expect(claimed(other, "Acme")).toBe("update succeeded");
    expect(appsOf(stage, "Acme")).toEqual([[appId(3)], [appId(3)]]);
  });

  it("is not known by a conflict on its last row alone", async () => {
    const stage = stageOfTwoRows();
    await stage.sync(ACME);
    stage.fate("Acme", "no-effect", "done-409");
    const patched = stage.sync(MOVED);
    await patched;
    const last = stage.records.findLastIndex(({ entry }) => entry.type === "patch-outcome");
    stage.records.splice(last + 1);
    const result = await stage.sync({ ...MOVED, Globex: { app: 1 } });
    expect(claimed(result, "Globex")).toBe("conflict failed APP_IN_USE");
    expect(claimed(result, "Acme")).toBe("update succeeded verified");
  });

  it("settles a create in doubt as any other", async () => {
    const stage = stageOfTwoRows();
    stage.fate("Acme", "lost-after");
    expect(claimed(await stage.sync(ACME), "Acme")).toBe("create succeeded verified");
    expect(stage.named("Monthly Report - Acme")).toHaveLength(1);
  });
});

describe("--allow-unmapped-report", () => {
  it.each(["row", "report"] as const)(
    "takes a report that the manifest drops out of its mappings, by its %s ID",
    async (id) => {
      const stage = new SyncStage();
      stage.addRow(stage.source, reportId(2));
      const [first, second] = stage.source.reports;
      if (first === undefined || second === undefined) throw new Error("there are no two reports");
      await stage.sync({ Acme: { app: 1, reports: [first.rowId, second.reportId] } });
      const allowed = id === "row" ? second.rowId : second.reportId;
      const result = await stage.sync(
        { Acme: { app: 1, reports: [first.rowId] } },
        { shape: { allowUnmappedReport: [allowed] } },
      );
      expect(claimed(result, "Acme")).toBe("update succeeded verified");
      expect(appsOf(stage, "Acme")).toEqual([[appId(1)], []]);
    },
  );

  it("takes it out of both rows, in the next run where this one managed only the first", async () => {
    const stage = stageOfTwoRows();
    const second = reportId(2);
    stage.addRow(stage.source, second);
    await stage.sync({ Acme: { app: 1, reports: [reportId(1), second] } });
    const narrowed = { Acme: { app: 1, reports: [second] } };
    const allowed = { shape: { allowUnmappedReport: [reportId(1)] } };
    stage.fate("Acme", "ok", 400);
    expect(claimed(await stage.sync(narrowed, allowed), "Acme")).toBe("update failed HTTP_400");
    expect(claimed(await stage.sync(narrowed, allowed), "Acme")).toBe("update succeeded verified");
    expect(appsOf(stage, "Acme")).toEqual([[], [], [appId(1)]]);
    expect(claimed(await stage.sync(narrowed, allowed), "Acme")).toBe("unchanged succeeded verified");
  });
});

describe("the key of a PATCH that is sent again", () => {
  it("is another where --report-id has changed, and so the body", async () => {
    const stage = new SyncStage();
    await stage.sync(ACME);
    stage.fate("Acme", "lost-before", "lost-before");
    await stage.sync(MOVED);
    await stage.sync(MOVED, { shape: { reportId: "report" } });
    const keys = stage.records.flatMap(({ entry }) => (entry.type === "patch-intent" ? [entry.idempotencyKey] : []));
    expect(keys).toHaveLength(3);
    expect(keys[1]).toBe(keys[0]);
    expect(keys[2]).not.toBe(keys[0]);
  });
});

describe("a mapping that somebody added to a report which the manifest names", () => {
  it("is not removed unasked: said before anything is sent, and no other tenant is held up", async () => {
    const stage = new SyncStage();
    const wish = (app: number) => ({ app, reports: [reportId(1)] });
    await stage.sync({ Acme: wish(1), Globex: wish(2) });
    const [row] = stage.named("Monthly Report - Acme")[0]?.reports ?? [];
    if (row === undefined) throw new Error("there is no copy");
    row.swaps = [...row.swaps, { qlikAppId: appId(0x101), newQlikAppId: appId(0x77) }];
    const result = await stage.sync({ Acme: wish(3), Globex: wish(4) });
    expect(told(result, "Acme")).toBe("update failed REPORT_LEFT_OUT");
    expect(told(result, "Globex")).toBe("update succeeded");
    expect(stage.sent.filter((line) => line.startsWith("patch"))).toEqual(["patch Monthly Report - Globex"]);
  });
});

describe("a PATCH in doubt that was sent by a row's ID, as the server listed no reports", () => {
  it.each([true, false])("is over once the report was PATCHed after --settle (mappings hidden: %s)", async (hides) => {
    const stage = new SyncStage();
    stage.hidesRow = () => hides;
    stage.unreadable.add(stage.source.id);
    const typed = stage.source.reports[0]?.rowId ?? "";
    await stage.sync({ Acme: { app: 1, reports: [typed] } });
    const [copy] = stage.named("Monthly Report - Acme");
    if (copy === undefined) throw new Error("there is no copy");
    stage.unreadable.add(copy.id);
    stage.fate("Acme", "lost-before", "lost-before");
    expect(told(await stage.sync({ Acme: { app: 2, reports: [typed] } }), "Acme")).toBe("update in-doubt NO_ANSWER");
    stage.unreadable.clear();
    expect(told(await stage.sync({ Acme: { app: 2 } }), "Acme")).toBe("update succeeded");
    expect(copy.reports[0]?.swaps[0]?.newQlikAppId).toBe(appId(2));
    expect(stage.state().patchedInDoubt()).toEqual([]);
    expect(told(await stage.sync({ Acme: { app: 2 } }), "Acme")).toBe("unchanged succeeded");
  });
});

describe("a PATCH by a report's ID that is answered 409", () => {
  it.each([true, false])(
    "stays in doubt where one row shows its work and not the other (hidden: %s)",
    async (hidden) => {
      const stage = stageOfTwoRows();
      stage.unreadable.add(stage.source.id);
      stage.hidesRow = () => true;
      const wish = (app: number) => ({ app, reports: [reportId(1)] });
      await stage.sync({ Acme: wish(1) });
      const [copy] = stage.named("Monthly Report - Acme");
      if (copy?.reports[0] === undefined) throw new Error("there is no copy");
      const [row] = copy.reports;
      stage.unreadable.add(copy.id);
      stage.fate("Acme", 409);
      stage.checkMaySend = () => {
        stage.unreadable.delete(copy.id);
        stage.hidesRow = (at) => hidden && at === 1;
        row.swaps = [{ qlikAppId: MASTER, newQlikAppId: appId(2) }];
      };
      // So it is sent again, to each row by its own ID, after --settle.
      expect(told(await stage.sync({ Acme: wish(2) }), "Acme")).toBe("update succeeded");
      expect(copy.reports.map(({ swaps }) => swaps[0]?.newQlikAppId)).toEqual([appId(2), appId(2)]);
      stage.unreadable.clear();
      stage.checkMaySend = () => {};
      const swapped = await stage.sync({ Acme: wish(1), Globex: wish(2) });
      expect(told(swapped, "Globex")).toBe("conflict failed APP_IN_USE");
    },
  );
});
