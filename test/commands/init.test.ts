import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readManifestFile } from "../../src/manifest/read-manifest.js";
import { type RunningSandbox, startSandbox } from "../../src/sandbox/server.js";
import { FIRST_SOURCE_TASK_ID, MASTER_APP_ID, SECOND_SOURCE_TASK_ID, tenantAppId } from "../../src/sandbox/world.js";
import { type Said, say } from "../support/in-process.js";
import { NO_DEFAULTS } from "../support/manifests.js";

const APPS = [
  { id: MASTER_APP_ID, name: "Sales (master)" },
  { id: tenantAppId(1), name: "Sales - Acme" },
  { id: tenantAppId(2), name: 'Sales - Globex, "Inc."' },
  { id: tenantAppId(3), name: "Sales - =1+1" },
  { id: tenantAppId(4), name: "Human resources" },
];
const PATTERN = ["--pattern", "Sales - {tenant}"] as const;
const SOURCE = ["--source-task", "Monthly Report"] as const;
const MASTER = ["--master-app", MASTER_APP_ID] as const;

let folder: string;
let sandbox: RunningSandbox;
let apps: string;
let manifest: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "qalyptus-init-"));
  sandbox = await startSandbox({ port: 0, seed: "init" });
  apps = put("apps.json", JSON.stringify(APPS));
  manifest = join(folder, "customers.csv");
});

afterEach(async () => {
  await sandbox.close();
  rmSync(folder, { recursive: true, force: true });
});

function put(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function init(args: readonly string[]): Promise<Said> {
  const env = { QALYPTUS_SERVER: sandbox.url, QALYPTUS_API_KEY: sandbox.key };
  return say(["init", ...args], { cwd: folder, env });
}

describe("init", () => {
  it("writes a manifest that validate accepts, and says what to do next", async () => {
    const said = await init([manifest, "--apps", apps, ...PATTERN, ...SOURCE, ...MASTER]);
    expect(said.code).toBe(0);
    const { tenants, warnings } = await readManifestFile(manifest, { defaults: NO_DEFAULTS });
    expect(tenants.map(({ tenant }) => tenant)).toEqual(["Acme", 'Globex, "Inc."', "=1+1"]);
    expect(tenants.map(({ desired }) => desired[0]?.newQlikAppId)).toEqual([1, 2, 3].map(tenantAppId));
    expect(new Set(tenants.map(({ sourceTaskId }) => sourceTaskId))).toEqual(new Set([FIRST_SOURCE_TASK_ID]));
    expect(warnings).toEqual([]);
    expect(said.stdout).toContain("3 tenants");
    expect(said.stderr).toContain("Cash position");
    expect(said.stderr).toContain("Human resources");
    expect(said.stderr).toContain(`qalyptus-propagate validate ${manifest}\n`);
    expect(said.stderr).toContain(`qalyptus-propagate sync ${manifest} --dry-run\n`);
    expect((await say(["validate", manifest])).code).toBe(0);
    expect(readdirSync(folder).sort()).toEqual(["apps.json", "customers.csv"]);
  });

  it("writes a workbook that is read back with the same rows", async () => {
    const path = join(folder, "customers.xlsx");
    const said = await init([path, "--apps", apps, ...PATTERN, ...SOURCE, ...MASTER]);
    expect(said.code).toBe(0);
    const { tenants, warnings } = await readManifestFile(path, { defaults: NO_DEFAULTS });
    expect(tenants.map(({ tenant }) => tenant)).toEqual(["Acme", 'Globex, "Inc."', "=1+1"]);
    expect(warnings).toEqual([]);
    expect((await init(["--format", "xlsx", "--apps", apps, ...PATTERN, ...SOURCE])).stopped).toEqual(["FILE_ENDING"]);
  });

  it("begins the CSV with a byte order mark and ends its lines with CRLF, for Excel", async () => {
    await init([manifest, "--apps", apps, ...PATTERN, ...SOURCE, ...MASTER]);
    const bytes = readFileSync(manifest);
    expect([...bytes.subarray(0, 3)]).toEqual([0xef, 0xbb, 0xbf]);
    expect(bytes.toString().split("\r\n")).toHaveLength(5);
  });

  it("writes JSON where the file is named so, with its schema and what the tenants share", async () => {
    const json = join(folder, "customers.json");
    const said = await init([json, "--apps", apps, ...PATTERN, ...SOURCE, ...MASTER]);
    expect(said.code).toBe(0);
    expect(JSON.parse(readFileSync(json, "utf8"))).toMatchObject({
      $schema: "./manifest.schema.json",
      sourceTaskId: FIRST_SOURCE_TASK_ID,
      qlikAppId: MASTER_APP_ID,
    });
    expect((await say(["validate", json])).code).toBe(0);
  });

  it("writes to standard output where no file is named, and nothing else there", async () => {
    const said = await init(["--apps", apps, ...PATTERN, ...SOURCE, ...MASTER, "--format", "json"]);
    expect(JSON.parse(said.stdout)).toHaveProperty("tenants");
    expect(readdirSync(folder)).toEqual(["apps.json"]);
  });

  it("writes a manifest that syncs", async () => {
    await init([manifest, "--apps", apps, ...PATTERN, ...SOURCE, ...MASTER]);
    const env = { QALYPTUS_SERVER: sandbox.url, QALYPTUS_API_KEY: sandbox.key };
    expect((await say(["sync", manifest, "--apps", apps], { cwd: folder, env })).code).toBe(0);
    expect(sandbox.tasks().map(({ name }) => name)).toContain('Monthly Report - Globex, "Inc."');
  });

  it("never overwrites a file, but with --force", async () => {
    put("customers.csv", "made by hand");
    const args = [manifest, "--apps", apps, ...PATTERN, ...SOURCE, ...MASTER];
    const refused = await init(args);
    expect(refused).toMatchObject({ code: 2, stopped: ["FILE_EXISTS"] });
    expect(readFileSync(manifest, "utf8")).toBe("made by hand");
    expect(sandbox.counts().requests).toBe(0);
    expect((await init([...args, "--force"])).code).toBe(0);
    expect(readFileSync(manifest, "utf8")).toContain("Acme");
  });

  it("never overwrites its own input, not even with --force", async () => {
    const said = await init([apps, "--apps", apps, ...SOURCE, "--force"]);
    expect(said).toMatchObject({ code: 2, stopped: ["OUT_WOULD_REPLACE"] });
    expect(JSON.parse(readFileSync(apps, "utf8"))).toEqual(APPS);
  });

  it("says how to make the list of apps where there is none", async () => {
    const said = await init([manifest, ...SOURCE]);
    expect(said).toMatchObject({ code: 2, stopped: ["APPS_MISSING"] });
    expect(said.stop?.problems[0]?.hint).toContain("qlik app ls --json > apps.json");
  });

  it("lists the tasks where the source task is not named", async () => {
    const said = await init([manifest, "--apps", apps, ...PATTERN]);
    expect(said).toMatchObject({ code: 2, stopped: ["SOURCE_TASK_MISSING"] });
    expect(said.stop?.message).toContain(FIRST_SOURCE_TASK_ID);
    expect(said.stop?.message).toContain(SECOND_SOURCE_TASK_ID);
    expect(readdirSync(folder)).toEqual(["apps.json"]);
  });

  it("leaves the master app's column out where nobody names it, and says what is then needed", async () => {
    const said = await init([manifest, "--apps", apps, ...PATTERN, ...SOURCE]);
    expect(said.code).toBe(0);
    expect(readFileSync(manifest, "utf8")).toMatch(/^\ufefftenant,newQlikAppId,sourceTaskId\r\n/);
    expect(said.stderr).toContain("MASTER_APP_UNKNOWN");
    expect(said.stderr).toContain("--master-app GUID --dry-run");
    expect((await say(["validate", manifest, ...MASTER])).code).toBe(0);
    expect((await say(["validate", manifest])).code).toBe(2);
  });

  it("refuses two apps of one tenant, and lists them", async () => {
    const twice = put("twice.json", JSON.stringify([...APPS, { id: tenantAppId(9), name: "sales - ACME" }]));
    const said = await init([manifest, "--apps", twice, ...PATTERN, ...SOURCE, ...MASTER]);
    expect(said).toMatchObject({ code: 2, stopped: ["TENANT_TWICE"] });
    expect(said.stop?.message).toContain(tenantAppId(1));
    expect(said.stop?.message).toContain(tenantAppId(9));
  });

  it("refuses an app's name that no tenant's key can be, before anything is written", async () => {
    const odd = put("odd.json", JSON.stringify([{ id: tenantAppId(1), name: "Sales - a\u0007b" }]));
    const said = await init([manifest, "--apps", odd, ...PATTERN, ...SOURCE, ...MASTER]);
    expect(said).toMatchObject({ code: 2, stopped: ["NO_APP_FITS"] });
    expect(readdirSync(folder).sort()).toEqual(["apps.json", "odd.json"]);
  });

  it.each([
    ["customers.json", "csv"],
    ["customers.csv", "json"],
    ["customers.xlsx", "csv"],
  ])("refuses %s for %s: it would not be read so", async (name, format) => {
    const said = await init([join(folder, name), "--apps", apps, ...SOURCE, "--format", format]);
    expect(said).toMatchObject({ code: 2, stopped: ["FILE_ENDING"] });
  });

  it("tells a source task whose copies would mail by themselves", async () => {
    const said = await init([manifest, "--apps", apps, ...PATTERN, "--source-task", "Weekly Sales", ...MASTER]);
    expect(said.code).toBe(0);
    expect(said.stderr).toContain("LIVE_SOURCE");
  });

  it("is quiet with --quiet, and ends with 5 where the key is refused", async () => {
    const quiet = await init([manifest, "--apps", apps, ...PATTERN, ...SOURCE, ...MASTER, "--quiet"]);
    expect(quiet.stderr).toBe("");
    const env = { QALYPTUS_SERVER: sandbox.url, QALYPTUS_API_KEY: "wrong" };
    const refused = await say(["init", join(folder, "x.csv"), "--apps", apps, ...SOURCE], { cwd: folder, env });
    expect(refused).toMatchObject({ code: 5, stopped: ["KEY_REFUSED"] });
  });
});
