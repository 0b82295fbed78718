import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { describeStart } from "../../src/sandbox/server.js";
import { SOURCE_TASKS } from "../../src/sandbox/world.js";
import { duplicate, sandboxWith } from "./client.js";

const PASTED = { sh: "sync-in-sh", powershell: "sync-in-powershell" };

describe("the first lines of a sandbox", () => {
  it("are what to paste, for sh and for PowerShell, with the address that it has", async () => {
    const sandbox = await sandboxWith({ key: "try-it" });
    const [, sh, powerShell] = describeStart(sandbox, PASTED);
    expect(sh?.trim()).toBe("sh          QALYPTUS_API_KEY=try-it sync-in-sh");
    expect(powerShell?.trim()).toBe("PowerShell  $env:QALYPTUS_API_KEY='try-it'; sync-in-powershell");
  });

  it("name the page, the source tasks, that it knows no others, and that it starts anew", async () => {
    const text = describeStart(await sandboxWith(), PASTED).join("\n");
    expect(text).toMatch(/http:\/\/127\.0\.0\.1:\d+\/\n/);
    for (const task of SOURCE_TASKS) expect(text).toContain(task.id);
    expect(text).toContain("--manifest FILE");
    expect(text).toContain("starts anew each time, and so does the log");
    expect(text).not.toContain("Chaos");
  });

  it("say instead where the tasks are kept", async () => {
    const folder = await mkdtemp(join(tmpdir(), "sandbox-lines-"));
    try {
      const sandbox = await sandboxWith({ stateFile: join(folder, "state.json") });
      await duplicate(sandbox, "Monthly Report - acme");
      const text = describeStart(sandbox, PASTED).join("\n");
      expect(text).toContain(`${join(folder, "state.json")}: 1 copy so far`);
      expect(text).not.toContain("starts anew");
      await sandbox.close();
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("tell the chaos and the seed that gives it again", async () => {
    const chaos = { share: 0.2, faults: [{ name: "hide-copies" }] } as const;
    const text = describeStart(await sandboxWith({ chaos, seed: 7 }), PASTED).join("\n");
    expect(text).toContain("Chaos: 0.2 of all requests are disturbed; hide-copies (the same again: --seed 7)");
  });
});
