import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { manifestOf, openStage, SHAPE, type Stage } from "../support/stage.js";
import { openWineStage, type WineStage } from "./wine.js";

let wine: WineStage;

beforeAll(async () => {
  wine = (await openWineStage()) as WineStage;
});

beforeEach(({ skip }) => skip(wine === undefined, "this wine does not start Node"));

afterAll(async () => {
  await wine?.close();
});

const QUICK = ["--settle", "1s", "--format", "json"];

/** A manifest in the folder, and what a command needs of the server's stage. */
async function given({ sandbox }: Stage, name: string, tenants: number) {
  await writeFile(join(wine.folder, name), manifestOf(tenants));
  return { QALYPTUS_SERVER: sandbox.url, QALYPTUS_API_KEY: sandbox.key };
}

/** What the launcher's line is in that folder, where a name has a blank and an ampersand only above it. */
const lineOf = (...words: readonly string[]) => [wine.launcher, ...words].join(" ");

test("the launcher tells the version", async () => {
  const { code, stdout, stderr } = await wine.start(lineOf("--version")).ended;
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout.trim()).toMatch(/^\d+\.\d+\.\d+$/);
});

test("what a dry run tells to paste makes each tenant's copy once, and the next run finds nothing to do", async () => {
  const stage = await openStage();
  const env = await given(stage, "Kunden & Co.csv", 12);
  const planned = await wine.start(lineOf("sync", '"Kunden & Co.csv"', ...SHAPE, "--dry-run"), env).ended;
  const [, told = ""] = /^ {4,}(\S.* sync .*)$/m.exec(planned.stdout) ?? [];
  expect(told.trim(), planned.stdout + planned.stderr).toMatch(/qalyptus-propagate\.cmd"? sync /);
  const done = await wine.start(told.trim(), env).ended;
  expect(done.code, done.stdout + done.stderr).toBe(0);
  expect(stage.copies()).toHaveLength(12);
  // In another case it is the same manifest.
  const again = await wine.start(lineOf("sync", '"KUNDEN & co.csv"', ...SHAPE, ...QUICK), env).ended;
  expect(JSON.parse(again.stdout)).toMatchObject({ summary: { unchanged: 12, succeeded: 12, orphan: 0 } });
  const refused = await wine.start(lineOf("sync", '"Kunden & Co.csv"', ...SHAPE, "--out", "con.json"), env).ended;
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("[OUT_NAME]") });
});

test("a run that is killed is finished by the next", async () => {
  const stage = await openStage({ latencyMs: 100 });
  const env = await given(stage, "killed.csv", 30);
  const running = wine.startNode(["sync", "killed.csv", ...SHAPE, ...QUICK], env);
  await expect.poll(() => stage.sandbox.counts().creates, { timeout: 30_000 }).toBeGreaterThan(8);
  running.child.kill("SIGKILL");
  await running.ended;
  expect(stage.copies().length).toBeLessThan(30);
  const { code, stdout } = await wine.start(lineOf("sync", "killed.csv", "--resume", ...QUICK), env).ended;
  expect(code, stdout).toBe(0);
  expect(stage.copies()).toHaveLength(30);
});

test("of two that race for one log one works, and the other finds it locked", async () => {
  const stage = await openStage({ latencyMs: 100 });
  const env = await given(stage, "raced.csv", 20);
  const racers = [1, 2].map(() => wine.start(lineOf("sync", "raced.csv", ...SHAPE, ...QUICK), env).ended);
  const codes = (await Promise.all(racers)).map(({ code }) => code);
  expect(codes.sort()).toEqual([0, 6]);
  expect(stage.copies()).toHaveLength(20);
  expect(await stat(join(wine.folder, "raced.csv.idempotency.jsonl.lock")).catch(() => "none")).toBe("none");
});

test("the demo plays to its proof", async () => {
  const { code, stdout } = await wine.start(lineOf("demo")).ended;
  expect(code).toBe(0);
  expect(stdout).toContain("ok  120 copies for 120 tenants");
});
