import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type SavedPlan, sealPlan } from "../../src/plan/saved-plan.js";
import { FIRST_SOURCE_TASK_ID, tenantAppId } from "../../src/sandbox/world.js";
import { manifestOf, openStage, SHAPE, type Stage } from "../support/stage.js";

const LOG = "tenants.csv.idempotency.jsonl";

/** A stage with two tenants done, and a plan for the third. */
async function openPlanned(args: readonly string[] = []): Promise<Stage & { readonly digest: string }> {
  const stage = await openStage();
  await stage.put("tenants.csv", manifestOf(2));
  expect((await stage.sync()).code).toBe(0);
  await stage.put("tenants.csv", manifestOf(3));
  const { code, result } = await stage.sync(["-n", "--save-plan", "plan.json", ...args]);
  expect(code).toBe(0);
  return Object.assign(stage, { digest: result.plan?.digest ?? "" });
}

/** Changes a plan as whoever can write the file could: its seal is right again. */
async function reseal(stage: Stage, change: (plan: SavedPlan) => object): Promise<void> {
  const path = join(stage.folder, "plan.json");
  const plan: SavedPlan = JSON.parse(await readFile(path, "utf8"));
  const { digest: _, ...changed } = { ...plan, ...change(plan) };
  await writeFile(path, JSON.stringify(sealPlan(changed)));
}

/** Carries the plan out; what it said, and how many copies there are then. */
async function carryOut(stage: Stage, args: readonly string[] = [], env = {}) {
  const { code, stdout, stderr } = await stage.run(["sync", "--plan", "plan.json", "--format", "json", ...args], {
    env,
  });
  const { errors } = JSON.parse(stdout);
  return { code, said: stdout + stderr, errors, copies: stage.copies().length };
}

const shape = (more: object) => (plan: SavedPlan) => ({ shape: { ...plan.shape, ...more } });

describe("a saved plan", () => {
  test("is carried out once, and is then done", async () => {
    const stage = await openPlanned();
    expect(await carryOut(stage, ["--plan-digest", stage.digest.toUpperCase()])).toMatchObject({ code: 0, copies: 3 });
    expect(await carryOut(stage)).toMatchObject({ code: 0, copies: 3 });
  });

  test("is refused on another server, also where no log says which", async () => {
    const other = await openStage();
    const stage = await openStage();
    await stage.put("tenants.csv", manifestOf(1));
    await stage.sync(["-n", "--save-plan", "plan.json"]);
    const env = { QALYPTUS_SERVER: other.sandbox.url, QALYPTUS_API_KEY: other.sandbox.key };
    const { code, errors } = await carryOut(stage, [], env);
    expect({ code, errors }).toMatchObject({ code: 7, errors: [{ code: "PLAN_DIFFERS" }] });
    expect(errors[0].message).toContain("not on ");
    expect(other.copies()).toEqual([]);
  });

  test.each<[what: string, change: (stage: Stage) => Promise<unknown>, args: readonly string[], said: string]>([
    ["with another log", async () => {}, ["--idempotency-log", "other.jsonl"], "not with the one that was named"],
    ["where its log is gone", (stage) => writeFile(join(stage.folder, LOG), ""), [], "is not in "],
    ["with a manifest that was changed", (stage) => stage.put("tenants.csv", "SECRET\n"), [], "is not what it was"],
    ["by another digest", async () => {}, ["--plan-digest", "ab".repeat(32)], "not that of --plan-digest"],
  ])("is refused %s", async (_, change, args, said) => {
    const stage = await openPlanned();
    await change(stage);
    const refused = await carryOut(stage, args);
    expect(refused).toMatchObject({ code: 7, copies: 2 });
    expect(refused.errors[0].message).toContain(said);
    expect(refused.said).not.toContain("SECRET");
  });

  test("begins no log beside another one of its server, as a sync of its manifest would not", async () => {
    const stage = await openStage();
    for (const name of ["tenants.csv", "other.csv"]) await stage.put(name, manifestOf(1));
    await stage.sync(["-n", "--save-plan", "plan.json", "--name", "{task} for {tenant}"]);
    expect((await stage.run(["sync", "other.csv", ...SHAPE])).code).toBe(0);
    const refused = await carryOut(stage);
    expect(refused).toMatchObject({ code: 6, copies: 1, errors: [{ code: "OTHER_LOG" }] });
  });

  test("is refused with a list of apps that was changed", async () => {
    const apps = (count: number) =>
      ["id,name", ...Array.from({ length: count }, (_, at) => `${tenantAppId(at + 1)},App ${at}`)].join("\n");
    const stage = await openStage();
    await stage.put("tenants.csv", manifestOf(1));
    await stage.put("apps.csv", apps(1));
    await stage.sync(["-n", "--save-plan", "plan.json", "--apps", "apps.csv"]);
    await stage.put("apps.csv", apps(2));
    expect(await carryOut(stage)).toMatchObject({ code: 7, copies: 0 });
    await stage.put("apps.csv", apps(1));
    expect(await carryOut(stage)).toMatchObject({ code: 0, copies: 1 });
  });

  test("that was sealed anew with anything that no option would take is refused, and nothing is sent or shown", async () => {
    const changes: readonly (readonly [what: string, change: (plan: SavedPlan) => object])[] = [
      ["a source task that is a path", shape({ sourceTask: "../../../admin?x=" })],
      ["a source task with a line break", shape({ sourceTask: `${FIRST_SOURCE_TASK_ID}\r\nX: y` })],
      ["a master app that is none", shape({ masterApp: "x" })],
      ["a limit that is no number", shape({ limit: -1 })],
      ["another file as its manifest", (plan) => ({ manifest: { ...plan.manifest, path: "secret.txt" } })],
      ["another file as its list of apps", () => ({ apps: { path: "secret.txt", sha256: "ab".repeat(32) } })],
      ["a database as its log", () => ({ logFile: "postgres://u@127.0.0.1:1/d?log=l" })],
      ["an option that no plan has", () => ({ breakLock: "x" })],
      ["a tenant's copy that is a path", (plan) => ({ tenants: [{ ...plan.tenants[0], newTaskId: "../x" }] })],
    ];
    const stage = await openPlanned();
    await stage.put("secret.txt", "SECRET\n");
    const plan = await readFile(join(stage.folder, "plan.json"), "utf8");
    for (const [what, change] of changes) {
      await stage.put("plan.json", plan);
      await reseal(stage, change);
      const refused = await carryOut(stage);
      expect({ what, ...refused }).toMatchObject({ what, code: 7, copies: 2 });
      expect(refused.said).not.toContain("SECRET");
    }
  });

  test("that was sealed anew with further permissions is refused by the digest that was approved", async () => {
    const stage = await openPlanned();
    await reseal(stage, shape({ adopt: true, recreate: true, allowLiveSource: true }));
    expect(await carryOut(stage, ["--plan-digest", stage.digest])).toMatchObject({
      code: 7,
      copies: 2,
      errors: [{ code: "PLAN_EDITED" }],
    });
  });

  test("shows its digest and its permissions in every rendering", async () => {
    const files = ["plan.html", "plan.md", "plan.xml", "result.json"];
    const stage = await openPlanned([
      "--adopt",
      "--allow-shared-app",
      tenantAppId(9),
      ...files.flatMap((f) => ["--out", f]),
    ]);
    const human = await stage.run(["sync", "tenants.csv", ...SHAPE, "-n", "--adopt", "--save-plan", "human.json"]);
    const { digest } = JSON.parse(await readFile(join(stage.folder, "human.json"), "utf8"));
    expect(human.stdout).toContain(`Saved plan: human.json, SHA-256 ${digest}\nPermissions: --adopt\n`);
    expect(human.stdout).toContain(`sync --plan human.json --plan-digest ${digest}\n`);
    for (const file of files) {
      const text = await readFile(join(stage.folder, file), "utf8");
      expect(text).toContain(stage.digest);
      expect(text).toContain("--adopt");
      expect(text).toContain(`--allow-shared-app=${tenantAppId(9)}`);
    }
  });

  test("without --plan has no digest to be held against", async () => {
    const stage = await openStage();
    await stage.put("tenants.csv", manifestOf(1));
    expect(await stage.sync(["--plan-digest", "ab".repeat(32)])).toMatchObject({ code: 2 });
  });
});

test("--resume tells nothing of a file that is not the last sync's manifest", async () => {
  const stage = await openStage();
  await stage.put("tenants.csv", manifestOf(2));
  await stage.sync(["--limit", "1"]);
  await stage.put("tenants.csv", "SECRET\n");
  const { code, stdout, stderr } = await stage.run(["sync", "--resume"]);
  expect(code).toBe(7);
  expect(stdout + stderr).not.toContain("SECRET");
});
