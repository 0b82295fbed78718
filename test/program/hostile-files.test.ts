import { execFile, execFileSync } from "node:child_process";
import { linkSync, lstatSync, readFileSync, readlinkSync, statSync, symlinkSync, truncateSync } from "node:fs";
import { chmod, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { manifestOf, openStage, SHAPE, type Stage } from "../support/stage.js";

const LOG = "tenants.csv.idempotency.jsonl";
const MB = 1024 * 1024;

function mkfifo(path: string): void {
  execFileSync("mkfifo", [path]);
}

/** Runs a command that must end by itself, and soon: a program that hangs in an open is deaf to every signal but SIGKILL. */
async function soon(stage: Stage, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const run = stage.start(args, { env: { ...env } });
  const timer = setTimeout(() => run.child.kill("SIGKILL"), 30_000);
  const ended = await run.ended;
  clearTimeout(timer);
  return ended;
}

describe.skipIf(process.platform === "win32")("what is no file is refused at once, by name", () => {
  const SYNC = ["sync", "tenants.csv", ...SHAPE];
  test.each<[string, (stage: Stage) => void, readonly string[], number, RegExp]>([
    ["a pipe as the lock", (s) => mkfifo(join(s.folder, `${LOG}.lock`)), SYNC, 6, /\.jsonl\.lock \(it is a pipe/],
    [
      "a device as the lock",
      (s) => symlinkSync("/dev/zero", join(s.folder, `${LOG}.lock`)),
      SYNC,
      6,
      /\.jsonl\.lock \(it is a device/,
    ],
    ["a pipe as the log", (s) => mkfifo(join(s.folder, LOG)), SYNC, 6, /\.jsonl \(it is a pipe/],
    ["a device as the log", (s) => symlinkSync("/dev/zero", join(s.folder, LOG)), SYNC, 6, /\.jsonl \(it is a device/],
    [
      "a device as manifest",
      () => undefined,
      ["validate", "/dev/zero"],
      2,
      /\/dev\/zero cannot be read: it is a device/,
    ],
    [
      "a device as key",
      () => undefined,
      [...SYNC, "--api-key-file", "/dev/zero"],
      2,
      /\/dev\/zero cannot be read: it is a/,
    ],
    [
      "a device as authority",
      () => undefined,
      [...SYNC, "--ca-file", "/dev/zero"],
      2,
      /cannot be read: it is a device/,
    ],
    ["a device as apps", () => undefined, [...SYNC, "--apps", "/dev/zero"], 2, /cannot be read: it is a device/],
    ["a device as plan", () => undefined, ["sync", "--plan", "/dev/zero"], 2, /cannot be read: it is a device/],
    ["a device as state", () => undefined, ["sandbox", "--state", "/dev/zero"], 2, /\/dev\/zero cannot be read/],
    [
      "a plan's place that is a device",
      () => undefined,
      [...SYNC, "-n", "--save-plan", "/dev/null"],
      2,
      /--save-plan \/dev\/null: it is a device/,
    ],
    [
      "a result's place that is a pipe",
      (s) => mkfifo(join(s.folder, "out.json")),
      [...SYNC, "--out", "out.json"],
      2,
      /--out out\.json: it is a pipe/,
    ],
    [
      "a result's place that is a link to nowhere",
      (s) => symlinkSync("elsewhere.md", join(s.folder, "out.md")),
      [...SYNC, "--out", "out.md"],
      2,
      /--out out\.md: this is a link that leads nowhere/,
    ],
    [
      "a key file that is too large",
      (s) => truncateSync(join(s.folder, "large"), 65 * 1024),
      [...SYNC, "--api-key-file", "./large"],
      2,
      /\.\/large cannot be read: it is larger than 64 KB/,
    ],
    [
      "an authority that is too large",
      (s) => truncateSync(join(s.folder, "large"), 9 * MB),
      [...SYNC, "--ca-file", "large"],
      2,
      /large cannot be read: it is larger than 8 MB/,
    ],
    ["a log that is a link to itself", (s) => symlinkSync(LOG, join(s.folder, LOG)), [...SYNC, "-n"], 6, /\(ELOOP\)/],
    [
      "a plan's place that is the lock of a log that a link names",
      (s) => symlinkSync("large", join(s.folder, LOG)),
      [...SYNC, "-n", "--save-plan", "large.lock"],
      2,
      /--save-plan large\.lock: this file is the lock/,
    ],
    [
      "a lock that is too large",
      (s) => {
        truncateSync(join(s.folder, "large"), MB);
        linkSync(join(s.folder, "large"), join(s.folder, `${LOG}.lock`));
      },
      SYNC,
      6,
      /\.jsonl\.lock \(it is larger than 64 KB/,
    ],
  ])("%s", async (_, prepare, args, exit, says) => {
    const stage = await openStage();
    await stage.put("tenants.csv", manifestOf(1));
    await stage.put("large", "");
    prepare(stage);
    const { code, stderr } = await soon(stage, args);
    expect({ code, stderr }).toMatchObject({ code: exit, stderr: expect.stringMatching(says) });
    expect(stage.sandbox.counts().creates).toBe(0);
  });

  test("a log's copy that is the log itself, by another name", async () => {
    const stage = await openStage();
    await stage.put("tenants.csv", manifestOf(1));
    expect((await soon(stage, SYNC)).code).toBe(0);
    linkSync(join(stage.folder, LOG), join(stage.folder, "other.jsonl"));
    const { code, stderr } = await soon(stage, ["log", "copy", LOG, "other.jsonl"]);
    expect({ code, stderr }).toMatchObject({ code: 6, stderr: expect.stringContaining("LOG_NOT_EMPTY") });
    expect((await soon(stage, SYNC)).code).toBe(0);
  });

  test("a lock's successor that is a pipe", async () => {
    const stage = await openStage();
    await stage.put("tenants.csv", manifestOf(1));
    const id = "00000000000000aa";
    const record = { v: 1, id, host: "elsewhere", pid: 1, startedAt: "", command: "sync", beat: "0000000000" };
    await stage.put(`${LOG}.lock`, `${JSON.stringify(record)}\n`);
    mkfifo(join(stage.folder, `${LOG}.lock.${id}`));
    const { code, stderr } = await soon(stage, ["sync", "tenants.csv", ...SHAPE]);
    expect(code).toBe(6);
    expect(stderr).toContain(`.lock.${id} (it is a pipe`);
  });

  test("standard input that never ends, as the key", async () => {
    const stage = await openStage();
    await stage.put("tenants.csv", manifestOf(1));
    const input = "k".repeat(MB);
    const { code, stderr } = await stage.run(["sync", "tenants.csv", ...SHAPE, "--api-key-file", "-"], { input });
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining("larger than 64 KB") });
  });

  test("a step summary that is the log, or a pipe", async () => {
    const stage = await openStage();
    await stage.put("tenants.csv", manifestOf(1));
    mkfifo(join(stage.folder, "pipe"));
    for (const summary of ["pipe", LOG]) {
      const env = { GITHUB_ACTIONS: "true", GITHUB_STEP_SUMMARY: join(stage.folder, summary) };
      const { code, stderr } = await soon(stage, ["sync", "tenants.csv", ...SHAPE], env);
      expect({ code, stderr }).toMatchObject({
        code: 0,
        stderr: expect.stringContaining("summary could not be written"),
      });
    }
    expect((await stage.run(["log", "verify"])).code).toBe(0);
  });
});

describe.skipIf(process.platform === "win32")("a file that is written", () => {
  test("keeps the rights of the one that was there; a new plan is for its owner alone", async () => {
    const stage = await openStage();
    await stage.put("tenants.csv", manifestOf(1));
    await chmod(await stage.put("secret.json", '{ "version": 1, "command": "sync" }'), 0o600);
    const more = ["--out", "secret.json", "--out", "new.json"];
    expect((await stage.sync(["-n", "--save-plan", "plan.json", ...more])).code).toBe(0);
    const rights = (name: string): number => statSync(join(stage.folder, name)).mode & 0o777;
    expect([rights("secret.json"), rights("plan.json")]).toEqual([0o600, 0o600]);
    await chmod(join(stage.folder, "plan.json"), 0o640);
    await stage.sync(["-n", "--save-plan", "plan.json"]);
    expect(rights("plan.json")).toBe(0o640);
  });

  test("is no sandbox's state where that is a link", async () => {
    const stage = await openStage();
    for (const target of ["nowhere.json", "there.json"]) {
      if (target === "there.json") await stage.put(target, "{}");
      symlinkSync(target, join(stage.folder, "state.json"));
      const { code, stderr } = await soon(stage, ["sandbox", "--port", "0", "--state", "state.json"]);
      expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining("it is a link") });
      expect(readlinkSync(join(stage.folder, "state.json"))).toBe(target);
      await rm(join(stage.folder, "state.json"));
    }
    expect(await readdir(stage.folder)).toEqual(["there.json"]);
  });

  test("takes no input's place that its name has come to stand for during the run", async () => {
    const stage = await openStage({ latencyMs: 300 });
    await stage.put("tenants.csv", manifestOf(3));
    await mkdir(join(stage.folder, "results"));
    const names = ["link.json", "hard.json", "results/in-folder.json"];
    for (const name of names) await stage.put(name, "{}");
    const run = stage.start(["sync", "tenants.csv", ...SHAPE, ...names.flatMap((name) => ["--out", name])]);
    const log = join(stage.folder, LOG);
    const watch = setInterval(() => {
      if (stage.sandbox.counts().creates < 2) return;
      clearInterval(watch);
      execFileSync(
        "rm",
        names.map((name) => join(stage.folder, name)),
      );
      symlinkSync(log, join(stage.folder, "link.json"));
      linkSync(log, join(stage.folder, "hard.json"));
      execFileSync("rmdir", [join(stage.folder, "results")]);
      symlinkSync(".", join(stage.folder, "results"));
    }, 5);
    const { code, stderr } = await run.ended;
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining("it is a link") });
    expect(stderr).toContain("it has become the idempotency log");
    expect(stderr).toContain("its folder has become a link");
    expect(lstatSync(join(stage.folder, "link.json")).isSymbolicLink()).toBe(true);
    expect(readFileSync(log, "utf8").match(/"create-outcome"/g)).toHaveLength(3);
    expect((await stage.run(["log", "verify", "--idempotency-log", LOG])).code).toBe(0);
    expect((await readdir(stage.folder)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  test("goes over no lock, no list of apps and no log of a command that was stopped early", async () => {
    const stage = await openStage();
    await stage.put("tenants.csv", "tenant\n");
    await writeFile(join(stage.folder, LOG), "evidence");
    symlinkSync(LOG, join(stage.folder, "out.md"));
    const { code } = await stage.run(["sync", "tenants.csv", ...SHAPE, "--resume", "--plan", "x", "--out", "out.md"]);
    expect(code).toBe(2);
    expect(await readFile(join(stage.folder, LOG), "utf8")).toBe("evidence");
    const saved = await stage.run(["sync", "tenants.csv", ...SHAPE, "-n", "--save-plan", `${LOG}.lock`]);
    expect(saved).toMatchObject({ code: 2, stderr: expect.stringContaining("the lock of the idempotency log") });
  });
});

describe.skipIf(process.platform === "win32")("a pipe that has something to say", () => {
  test.each(["/dev/stdin", "pipe"])("may be the key: %s", async (path) => {
    const stage = await openStage();
    await stage.put("tenants.csv", manifestOf(1));
    mkfifo(join(stage.folder, "pipe"));
    const line = `cat key | node "$0" sync tenants.csv "$@" --api-key-file ${path}`;
    await stage.put("key", stage.sandbox.key);
    const fed = path === "pipe" ? `cat key > pipe & ${line.replace("cat key | ", "")}` : line;
    const bin = join(import.meta.dirname, "..", "..", "bin", "qalyptus-propagate.js");
    // Not waited for in one piece: the sandbox is in this process.
    const { stdout } = await promisify(execFile)("sh", ["-c", fed, bin, ...SHAPE, "-n", "--format", "json"], {
      cwd: stage.folder,
      env: { PATH: process.env.PATH, QALYPTUS_SERVER: stage.sandbox.url },
      timeout: 30_000,
    });
    expect(JSON.parse(stdout)).toMatchObject({ exitCode: 0, warnings: [{ code: "SOURCE_MAY_MAIL" }] });
  });
});

test("a result of the longest name that a disk takes is written", async () => {
  const stage = await openStage();
  await stage.put("tenants.csv", manifestOf(1));
  const name = `${"x".repeat(240)}.json`;
  const { code, stderr } = await soon(stage, ["sync", "tenants.csv", ...SHAPE, "-n", "--out", name]);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  expect(await readdir(stage.folder)).toContain(name);
});

test("no summary of a step is added to a result", async () => {
  const stage = await openStage();
  await stage.put("tenants.csv", manifestOf(1));
  const env = { GITHUB_ACTIONS: "true", GITHUB_STEP_SUMMARY: "out.json" };
  const { stderr } = await soon(stage, ["sync", "tenants.csv", ...SHAPE, "-n", "--out", "out.json"], env);
  expect(stderr).toContain("the step summary could not be written");
  expect(JSON.parse(await readFile(join(stage.folder, "out.json"), "utf8"))).toMatchObject({ exitCode: 0 });
});

test.skipIf(process.platform === "win32" || process.getuid?.() === 0)(
  "a result that may not be read hinders no other",
  async () => {
    const stage = await openStage();
    await stage.put("old.json", "{}");
    await chmod(join(stage.folder, "old.json"), 0o200);
    const { code } = await soon(stage, ["validate", "missing.csv", "--out", "old.json", "--out", "new.json"]);
    expect(code).toBe(2);
    expect(await readdir(stage.folder)).toContain("new.json");
  },
);
