import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { MASTER_APP_ID, tenantAppId } from "../../src/sandbox/world.js";
import { manifestOf, openStage, SHAPE, type Stage } from "../support/stage.js";

/** Somebody maps a copy's first report to another app, past this program. */
async function mapElsewhere({ sandbox, copies }: Stage, at: number, newQlikAppId: string): Promise<void> {
  const copy = copies()[at];
  const rowId = copy?.reports[0]?.rowId;
  const QlikApps = [{ QlikAppId: MASTER_APP_ID, NewQlikAppId: newQlikAppId }];
  const answer = await fetch(`${sandbox.url}/api/v2/tasks/${copy?.id}/reports/${rowId}`, {
    method: "PATCH",
    headers: { authorization: `Bearer ${sandbox.key}`, "content-type": "application/json" },
    body: JSON.stringify({ OverwriteReportApps: [{ ReportId: rowId, QlikApps }] }),
  });
  expect(answer.status).toBe(200);
}

test("which app a report read before, and which after, stands in every rendering, by name where --apps knows it", async () => {
  const stage = await openStage();
  await stage.put("tenants.csv", manifestOf(3));
  const first = await stage.sync();
  expect(first.result.tenants[0]?.mappings[0]).toMatchObject({ reportName: "Profit and loss", before: null });
  await mapElsewhere(stage, 1, tenantAppId(9));
  // tenant-1 moves to another app, and tenant-2 was mapped to a stranger's on the server.
  await stage.put("tenants.csv", manifestOf(3).replace(tenantAppId(1), tenantAppId(11)));
  const apps = [1, 2, 3, 9, 11].map((n) => `${tenantAppId(n)},App number ${n}\n`);
  await stage.put("apps.csv", `id,name\n${apps.join("")}`);
  const files = ["plan.md", "plan.html", "plan.xml", "plan.csv"].flatMap((file) => ["--out", file]);
  const { result } = await stage.sync(["-n", "--verify", "--apps", "apps.csv", ...files]);
  const told = result.tenants.map(({ action, mappings }) => [
    action,
    ...mappings.map(({ before, newQlikAppId }) => [before, newQlikAppId]),
  ]);
  const [one, two, three] = [1, 2, 3].map(tenantAppId);
  expect(told).toEqual([
    ["update", ...Array(3).fill([one, tenantAppId(11)])],
    ["update", [tenantAppId(9), two], [two, two], [two, two]],
    ["unchanged", ...Array(3).fill([three, three])],
  ]);
  const rendered = await Promise.all(
    ["plan.md", "plan.html", "plan.xml", "plan.csv"].map((file) => readFile(join(stage.folder, file), "utf8")),
  );
  const human = await stage.run([
    "sync",
    "tenants.csv",
    "--source-task",
    result.tenants[0]?.sourceTaskId ?? "",
    "--master-app",
    MASTER_APP_ID,
    "-n",
    "--verify",
    "--apps",
    "apps.csv",
  ]);
  for (const text of [...rendered, human.stdout])
    for (const part of [tenantAppId(9), "App number 9", "App number 1", "App number 11", "Profit and loss"])
      expect(text).toContain(part);
  expect(human.stdout).toContain(
    `     - ${tenantAppId(9)} (App number 9)\n     + ${two} (App number 2)  Profit and loss\n`,
  );

  // The other report of tenant-2 reads tenant-3's app: that is told, and named.
  await mapElsewhere(stage, 1, three ?? "");
  const leak = await stage.sync(["-n", "--verify"]);
  const [warning, ...others] = leak.result.warnings.filter(({ code }) => code === "FOREIGN_APP");
  expect(others).toEqual([]);
  expect(warning).toMatchObject({ tenant: "tenant-2" });
  expect(warning?.message).toContain(`${three} of tenant "tenant-3" in the report Profit and loss: it was changed`);

  const { result: done } = await stage.sync(["--verify", "--out", "done.md", "--out", "done.html"]);
  expect(done.by).toMatchObject({ host: hostname(), options: expect.arrayContaining(["--verify"]) });
  for (const file of ["done.md", "done.html"]) {
    const text = await readFile(join(stage.folder, file), "utf8");
    for (const part of [hostname(), "3 of 3 copies read back", `${done.log?.seq}:${done.log?.digest}`])
      expect(text).toContain(part);
  }
  expect(done.tenants[1]?.mappings[0]).toMatchObject({ before: three, newQlikAppId: two });
  expect((await stage.sync(["--verify"])).result.tenants[1]?.mappings[0]).toMatchObject({ before: two });
});

test("the log keeps who ran what, what was refused and why, and a run that found nothing to do", async () => {
  const stage = await openStage();
  await stage.put("tenants.csv", manifestOf(2));
  await stage.sync();
  await stage.sync();
  await stage.put("tenants.csv", manifestOf(3));
  await stage.sync(["--max-changes", "0"]);
  await stage.put("tenants.csv", `tenant,newQlikAppId\nstranger,${tenantAppId(1)}\n`);
  const last = await stage.sync(["--only", "stranger"]);
  expect(last.result.tenants[0]?.error?.code).toBe("APP_IN_USE");
  const answer = await stage.run(["log", "history", "--format", "json"]);
  const { runs } = JSON.parse(answer.stdout);
  const usual = [...SHAPE, "--format", "json"];
  expect(runs.map(({ exitCode, notDone, options, errors }: never) => [exitCode, notDone, options, errors])).toEqual([
    [0, 0, usual, []],
    [0, 0, usual, []],
    [7, 0, [...SHAPE, "--max-changes", "0", "--format", "json"], [expect.objectContaining({ code: "MAX_CHANGES" })]],
    [3, 1, [...SHAPE, "--only", "stranger", "--format", "json"], []],
  ]);
});
