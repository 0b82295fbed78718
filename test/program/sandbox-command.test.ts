import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { readCommandLine } from "../../src/cli/command-line.js";
import { openShell } from "../docs/shell-lines.js";
import { app, copy, MASTER, report } from "../support/manifests.js";
import { type Running, startProgram } from "../support/program.js";

const OWN_TASK = "5f0c6a1e-0000-4000-8000-000000000001";
const OWN_APP = (n: number): string => app(n).replace("22222222", "99999999");
const OWN_MASTER = MASTER.replace("11111111", "77777777");

const running: Running[] = [];
const folders: string[] = [];

afterEach(async () => {
  for (const one of running.splice(0)) {
    one.child.kill("SIGINT");
    await one.ended;
  }
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

async function emptyFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "qalyptus test-"));
  folders.push(folder);
  return folder;
}

/** Starts `sandbox` in a folder; the lines that it prints, and its line for sh. */
async function sandboxIn(folder: string, ...args: readonly string[]) {
  const started = startProgram(["sandbox", "--port", "0", ...args], { cwd: folder });
  running.push(started);
  let text = "";
  started.child.stdout?.on("data", (chunk) => {
    text += chunk;
  });
  await expect.poll(() => text, { timeout: 20_000 }).toContain("Stop it with Ctrl+C.");
  return { text, pasted: /^ {2}sh +(.*)$/m.exec(text)?.[1] ?? "" };
}

async function paste(line: string, more = "") {
  const run = await openShell(await emptyFolder(), {});
  const { code, told } = await run({ text: `${line}${more} --format json`, before: [] });
  return { code, result: JSON.parse(told.slice(told.indexOf("{"))) };
}

describe.skipIf(process.platform === "win32")("the line that the sandbox prints", () => {
  it("works from any folder, and again", async () => {
    const { pasted } = await sandboxIn(await emptyFolder());
    expect(await paste(pasted)).toMatchObject({ code: 0, result: { summary: { create: 10, succeeded: 10 } } });
    expect(await paste(pasted)).toMatchObject({ code: 0, result: { summary: { unchanged: 10 } } });
  });

  it("rehearses one's own manifest, and leaves the place of its real log alone", async () => {
    const folder = await emptyFolder();
    const manifest = [
      "Kunde;App;reportId",
      `acme;${OWN_APP(1)};${report(8)}`,
      `acme;${OWN_APP(1)};${report(9)}`,
      `globex;${OWN_APP(2)};${report(8)}`,
      `globex;${OWN_APP(2)};${report(9)}`,
      "",
    ];
    await writeFile(join(folder, "my customers.csv"), manifest.join("\n"));
    const options = ["--source-task", OWN_TASK, "--master-app", OWN_MASTER, "--column", "tenant=Kunde"];
    const file = ["--manifest", "my customers.csv", "--column=newQlikAppId=App"];
    const { text, pasted } = await sandboxIn(folder, ...file, ...options);
    expect(text).toContain(`Source task ${OWN_TASK}`);
    const synced = await paste(pasted, " --verify");
    expect(synced).toMatchObject({ code: 0, result: { summary: { create: 2, succeeded: 2 }, warnings: [] } });
    for (const { verified, mappings } of synced.result.tenants) {
      expect(verified).toBe(true);
      expect(mappings).toHaveLength(2);
    }
    expect(await readdir(folder)).toEqual(["my customers.csv"]);
  });

  it("takes the sandbox's own task and master app for rows that name none, and copies that the rows name", async () => {
    const folder = await emptyFolder();
    await writeFile(
      join(folder, "m.csv"),
      `tenant,appId,newTaskId\nacme,${OWN_APP(1)},${copy(1)}\nglobex,${OWN_APP(2)},\n`,
    );
    const { pasted } = await sandboxIn(folder, "--manifest", "m.csv", "--state", "tasks.json");
    expect(await paste(pasted)).toMatchObject({ code: 0, result: { summary: { adopt: 1, create: 1, succeeded: 2 } } });
    expect((await readdir(folder)).sort()).toEqual(["m.csv", "tasks.json", "tasks.json.idempotency.jsonl"]);
  });
});

describe("the sandbox", () => {
  it("says of an app that it does not know how it comes to know it", async () => {
    const folder = await emptyFolder();
    await writeFile(join(folder, "m.csv"), `tenant,appId\nacme,${OWN_APP(1)}\n`);
    const { text } = await sandboxIn(folder);
    const [, key = "", url = ""] = /QALYPTUS_API_KEY=(\S+) .*--server (\S+)/.exec(text) ?? [];
    const shape = ["--source-task", "aaaaaaaa-0000-4000-8000-000000000001", "--master-app", MASTER];
    const env = { QALYPTUS_SERVER: url, QALYPTUS_API_KEY: key };
    const { ended } = startProgram(["sync", "m.csv", ...shape, "--format", "json"], { cwd: folder, env });
    const [tenant] = JSON.parse((await ended).stdout).tenants;
    expect(tenant.error.message).toContain(`there is no Qlik Sense app ${OWN_APP(1)}`);
    expect(tenant.error.message).toContain("--manifest FILE");
  });

  it("prints a seed that --seed takes", async () => {
    const { text } = await sandboxIn(await emptyFolder(), "--chaos", "0.1");
    const seed = /--seed (\S+?)\)/.exec(text)?.[1] ?? "";
    expect(readCommandLine(["sandbox", "--seed", seed], { env: {}, argv0: "it" }).kind).toBe("run");
  });

  it("tells a manifest's faults, exit 2, and starts nothing", async () => {
    const folder = await emptyFolder();
    await writeFile(join(folder, "m.csv"), "tenant,appId\nacme,x\n");
    const ended = await startProgram(["sandbox", "--port", "0", "--manifest", "m.csv"], { cwd: folder }).ended;
    expect(ended).toMatchObject({ code: 2, stdout: "" });
    expect(ended.stderr).toContain("NOT_A_GUID");
  });
});
