import { expect, test } from "vitest";
import { SyncStage } from "../support/sync-stage.js";

const ACME = { app: 1 };
const GLOBEX = { app: 2 };

/** A stage on which globex's create was lost, and whose dry runs are about acme alone. */
async function withDoubtAside(): Promise<SyncStage> {
  const stage = new SyncStage();
  stage.fate("globex", "lost-before");
  await stage.sync({ acme: ACME, globex: GLOBEX }, { run: { maxFailures: 1, settleMs: 3_600_000 } });
  const open = [...stage.state().tenants()].filter((tenant) => tenant.openCreates.length > 0);
  expect(open.map(({ tenant }) => tenant)).toEqual(["globex"]);
  return stage;
}

const about = ({ warnings }: Awaited<ReturnType<SyncStage["rehearse"]>>): readonly (string | undefined)[] =>
  warnings.filter(({ tenant }) => tenant === "globex").map(({ code }) => code);

test("a dry run tells of a doubt that it does not carry out, and writes nothing", async () => {
  const stage = await withDoubtAside();
  const before = stage.records.length;
  const sent = stage.sent.length;
  const result = await stage.rehearse({ acme: ACME });
  expect(about(result)).toEqual(["DOUBT"]);
  expect(result.exitCode).toBe(0);
  const limited = await stage.rehearse({ acme: ACME, globex: GLOBEX }, { shape: { only: ["acme"] } });
  expect(about(limited)).toEqual(["DOUBT"]);
  expect([stage.records.length, stage.sent.length]).toEqual([before, sent]);
});

test("a dry run says nothing of a doubt whose task is there: the next run ends it", async () => {
  const stage = await withDoubtAside();
  stage.make("Monthly Report - globex", stage.named("Monthly Report - acme")[0]?.reports[0]?.swaps ?? []);
  const result = await stage.rehearse({ acme: ACME });
  expect(about(result)).toEqual([]);
  expect(result.exitCode).toBe(0);
});

test("a dry run tells of two tasks that may be a doubt's, and exits 3", async () => {
  const stage = await withDoubtAside();
  const twins = [1, 2].map(() => stage.make("Monthly Report - globex", []).id);
  const result = await stage.rehearse({ acme: ACME });
  expect(about(result)).toEqual(["TWIN"]);
  for (const id of twins) expect(result.warnings.find(({ code }) => code === "TWIN")?.message).toContain(id);
  expect(result.exitCode).toBe(3);
});
