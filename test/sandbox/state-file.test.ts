import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startSandbox } from "../../src/sandbox/server.js";
import { tenantAppId } from "../../src/sandbox/world.js";
import { closeSandboxes, copies, duplicate, onlyCopy, patchFirstReport, sandboxWith, targets } from "./client.js";

let folder = "";
let stateFile = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sandbox-state-"));
  stateFile = join(folder, "state.json");
});

afterEach(async () => {
  await closeSandboxes();
  await rm(folder, { recursive: true, force: true });
});

describe("--state", () => {
  it("keeps tasks and mappings over a restart, and goes on from there", async () => {
    const before = await sandboxWith({ stateFile });
    await duplicate(before, "Monthly Report - acme", 1);
    await patchFirstReport(before, onlyCopy(before), 2);
    await before.close();
    const after = await sandboxWith({ stateFile });
    expect(after.tasks()).toEqual(before.tasks());
    expect(targets(onlyCopy(after))).toEqual([tenantAppId(2), tenantAppId(1), tenantAppId(1)]);
    await duplicate(after, "Monthly Report - acme", 1);
    expect(new Set(copies(after).map((copy) => copy.id)).size).toBe(2);
  });

  it("has in the file what was answered, also when many writes come at once and nobody closes it", async () => {
    const sandbox = await sandboxWith({ stateFile });
    await Promise.all(Array.from({ length: 50 }, (_, n) => duplicate(sandbox, `Monthly Report - tenant ${n}`, n + 1)));
    const kept = JSON.parse(await readFile(stateFile, "utf8")) as { tasks: { name: string }[] };
    expect(kept.tasks.map((task) => task.name).sort()).toEqual(
      sandbox
        .tasks()
        .map((task) => task.name)
        .sort(),
    );
    expect(await readdir(folder)).toEqual(["state.json"]);
  });

  it("forgets everything without it", async () => {
    const before = await sandboxWith();
    await duplicate(before, "Monthly Report - acme");
    await before.close();
    expect(copies(await sandboxWith())).toEqual([]);
  });

  const guid = "aaaaaaaa-0000-4000-8000-000000000001";
  const document = (tasks: unknown, format = "qalyptus-propagate sandbox state") =>
    JSON.stringify({ format, version: 1, tasks });
  it.each([
    ["an empty file", ""],
    ["a manifest", "tenant,newQlikAppId\nacme,1\n"],
    ["another program's JSON", '{"tasks": []}'],
    ["another format", document([], "something else")],
    ["a state without the source tasks", document([])],
    [
      "a task of another world",
      document([{ id: guid, name: "x", copyOf: null, origin: tenantAppId(1), createdAt: "", reports: [] }]),
    ],
    ["a cut-off state", document([]).slice(0, -3)],
  ])("refuses %s with exit 2 and leaves it as it was", async (_, content) => {
    await writeFile(stateFile, content);
    await expect(sandboxWith({ stateFile })).rejects.toMatchObject({
      exitCode: 2,
      problems: [{ code: "STATE_NOT_OURS", file: stateFile }],
    });
    expect(await readFile(stateFile, "utf8")).toBe(content);
  });

  it("says at the start that the file cannot be read or written", async () => {
    await mkdir(stateFile);
    await expect(startSandbox({ port: 0, stateFile })).rejects.toMatchObject({
      problems: [{ code: "STATE_UNREADABLE" }],
    });
    const nowhere = join(folder, "missing", "state.json");
    await expect(startSandbox({ port: 0, stateFile: nowhere })).rejects.toMatchObject({
      exitCode: 2,
      problems: [{ code: "STATE_UNWRITABLE" }],
    });
  });

  it("answers 500, and tells who looks on, when the file can no longer be written", async () => {
    const failures: unknown[] = [];
    const sandbox = await startSandbox({ port: 0, stateFile, onFailure: (error) => failures.push(error) });
    await rm(folder, { recursive: true });
    expect((await duplicate(sandbox, "Monthly Report - acme")).status).toBe(500);
    expect(failures).toEqual([expect.any(Error)]);
    await sandbox.close();
  });
});
