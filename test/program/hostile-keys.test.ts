import { chmod, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { FIRST_SOURCE_TASK_ID, tenantAppId } from "../../src/sandbox/world.js";
import { openHostileStage } from "../support/hostile-stage.js";
import { startProgram } from "../support/program.js";
import { manifestOf, openStage, SHAPE } from "../support/stage.js";

const KEY = "Zk3v9Qx7Lm2Tb8Rw5Nc4Hd6Jf1Gs0PyU";
const OUTS = ["json", "csv", "md", "html", "xml"].flatMap((ending) => ["--out", `out.${ending}`]);

/** All that a run has left in its folder and said, but for the files that it was given. */
async function left(folder: string, said: readonly string[], given: readonly string[] = []): Promise<string> {
  const names = (await readdir(folder)).filter((name) => !given.includes(name));
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), "utf8")));
  return [...texts, ...said].join("\n").toLowerCase();
}

describe("the API key", () => {
  test.each([
    ["whole", `report of ${KEY}`],
    ["in base64", `report of ${Buffer.from(`Bearer ${KEY}`).toString("base64")}`],
    ["cut in two", `report ${KEY.slice(0, 16)} ${KEY.slice(16)}`],
  ])("in the name of a server's task, %s, goes into no file and no output, and ends no run", async (_, name) => {
    const stage = await openHostileStage();
    await stage.manifest({ acme: 1, globex: 2 });
    const env = { QALYPTUS_SERVER: stage.server.origin, QALYPTUS_API_KEY: KEY };
    const shape = ["--source-task", stage.server.source.id, "--master-app", "eeeeeeee-0000-4000-8000-000000000001"];
    const args = ["sync", "tenants.csv", ...shape, "--settle", "200ms", "--format", "json", ...OUTS];
    const first = await startProgram(args, { cwd: stage.folder, env }).ended;
    expect(JSON.parse(first.stdout).summary).toMatchObject({ succeeded: 2 });
    const [copy] = stage.server.copies;
    if (copy === undefined) throw new Error("there is no copy");
    copy.name = name;
    for (const more of [[], ["-n", "--save-plan", "plan.json"]]) {
      const { code, stdout, stderr } = await startProgram([...args, ...more], { cwd: stage.folder, env }).ended;
      expect(code).toBe(0);
      expect(JSON.parse(stdout).summary).toMatchObject({ unchanged: 2 });
      const all = await left(stage.folder, [stdout, stderr]);
      for (let at = 0; at + 12 <= KEY.length; at += 1) expect(all).not.toContain(KEY.slice(at, at + 12).toLowerCase());
      expect(all).not.toContain(Buffer.from(`Bearer ${KEY}`).toString("base64").slice(-30).toLowerCase());
      expect(all).toContain("[api key]");
    }
    expect(stage.server.writes).toHaveLength(2);
  });

  test.each([
    ["a tenant's key", `${KEY},`, []],
    ["a copy's name", `acme,Report ${KEY.toLowerCase()}`, []],
    ["the name's template", "acme,", ["--name", `${KEY} {tenant}`]],
  ])("in %s is exit 2 before anything is written", async (_, cells, more) => {
    const stage = await openHostileStage();
    const [tenant = "", name = ""] = cells.split(",");
    await stage.manifest({ [tenant]: `33333333-0000-4000-8000-000000000001,${name}` }, "newQlikAppId,name");
    const env = { QALYPTUS_SERVER: stage.server.origin, QALYPTUS_API_KEY: KEY };
    const shape = ["--source-task", stage.server.source.id, "--master-app", "eeeeeeee-0000-4000-8000-000000000001"];
    for (const dry of [[], ["-n"]]) {
      const args = ["sync", "tenants.csv", ...shape, "--format", "json", ...more, ...dry];
      const { code, stdout, stderr } = await startProgram(args, { cwd: stage.folder, env }).ended;
      expect({ code, errors: JSON.parse(stdout).errors }).toMatchObject({ code: 2, errors: [{ code: "KEY_IN_NAME" }] });
      expect(await left(stage.folder, [stdout, stderr], ["tenants.csv"])).not.toContain(KEY.toLowerCase());
    }
    expect(stage.server.writes).toEqual([]);
    expect(await readdir(stage.folder)).toEqual(["tenants.csv"]);
  });

  test("of which a part stands in a path and a name changes neither the log of a saved plan nor what it sends", async () => {
    const stage = await openStage({ key: "prod-2026-01-reports-XYZ99" });
    await stage.put("prod-2026-01-reports.csv", manifestOf(1));
    const name = ["--name", "prod-2026-01-reports {tenant}"];
    const sync = (...args: readonly string[]) => stage.run(["sync", "prod-2026-01-reports.csv", ...args]);
    expect((await sync(...SHAPE, ...name, "-n", "--save-plan", "plan.json")).code).toBe(0);
    expect((await sync("--plan", "plan.json")).code).toBe(0);
    expect(stage.copies().map((copy) => copy.name)).toEqual(["prod-2026-01-reports tenant-1"]);
    expect(await readdir(stage.folder)).toContain("prod-2026-01-reports.csv.idempotency.jsonl");
    expect((await sync(...SHAPE, ...name, "-n", "--save-plan", "plan.json")).code).toBe(0);
    expect((await sync("--plan", "plan.json")).code).toBe(0);
    expect(stage.copies()).toHaveLength(1);
  });

  test("in a path that a plan would keep is exit 2, and nothing is saved", async () => {
    const stage = await openStage({ key: KEY });
    await stage.put(`${KEY}.csv`, manifestOf(1));
    const { code, stderr } = await stage.run(["sync", `${KEY}.csv`, ...SHAPE, "-n", "--save-plan", "plan.json"]);
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining("KEY_IN_NAME") });
    expect(stderr).not.toContain(KEY);
    expect(await readdir(stage.folder)).not.toContain("plan.json");
  });

  test.each([
    [[], KEY],
    [[], KEY.slice(0, 20)],
    [["made.csv"], KEY],
  ])(
    "in an app's name is in no manifest that init %j writes, and in none that names another tenant",
    async (to, name) => {
      const stage = await openStage({ key: KEY });
      await stage.put("apps.csv", `id,name\n${tenantAppId(1)},Sales ${name}\n`);
      const args = ["init", ...to, "--apps", "apps.csv", "--source-task", FIRST_SOURCE_TASK_ID];
      const { code, stdout, stderr } = await stage.run(args);
      expect({ code, stdout, stderr }).toMatchObject({
        code: 2,
        stdout: "",
        stderr: expect.stringContaining("KEY_IN_NAME"),
      });
      expect(await readdir(stage.folder)).toEqual(["apps.csv"]);
    },
  );

  test("given as the name of its file is not shown, whoever asks", async () => {
    const stage = await openStage();
    await stage.put("tenants.csv", manifestOf(1));
    for (const key of [KEY, `${KEY}/+==`, "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N"]) {
      const args = ["sync", "tenants.csv", ...SHAPE, "--api-key-file", key, "--format", "json", "--out", "out.json"];
      const { code, stdout, stderr } = await stage.run(args);
      expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining("make a new one") });
      expect(await left(stage.folder, [stdout, stderr])).not.toContain(key.slice(0, 20).toLowerCase());
    }
    const { stderr } = await stage.run(["sync", "tenants.csv", ...SHAPE, "--api-key-file", "qalyptus.key"]);
    expect(stderr).toContain("the API key file qalyptus.key cannot be read: there is no such file");
  });

  test.skipIf(process.platform === "win32")("in a file that others may read is a warning", async () => {
    const stage = await openStage();
    await stage.put("tenants.csv", manifestOf(1));
    const path = await stage.put("key.txt", stage.sandbox.key);
    for (const [mode, warned] of [
      [0o640, true],
      [0o600, false],
    ] as const) {
      await chmod(path, mode);
      const { code, result } = await stage.sync(["-n", "--api-key-file", "key.txt"]);
      expect([code, result.warnings.some(({ code }) => code === "API_KEY_FILE")]).toEqual([0, warned]);
    }
  });

  test.each([
    ["QALYPTUS_API_KEY", '"abc-of-acme"', "stands in quotes", "API_KEY"],
    ["QALYPTUS_API_KEY", "$(QALYPTUS_API_KEY)", "a variable that was not filled in", "API_KEY"],
    ["QALYPTUS_SERVER", '"https://reports.example"', "stands in quotes", "SERVER_URL"],
    ["QALYPTUS_SERVER", "%SERVER%", "a variable that was not filled in", "SERVER_URL"],
  ])("or the server that a shell left as it was typed is told as that: %s=%s", async (name, value, says, code) => {
    const stage = await openStage();
    await stage.put("tenants.csv", manifestOf(1));
    const { result, ...ended } = await stage.sync([], { env: { [name]: value } });
    expect(ended.code).toBe(2);
    expect(result.errors).toMatchObject([{ code, message: expect.stringContaining(says) }]);
    expect(ended.stdout + ended.stderr).not.toContain("abc-of-acme");
  });
});
