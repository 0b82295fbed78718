import { describe, expect, it } from "vitest";
import { nameInLog } from "../../src/commands/inputs.js";
import { LogState } from "../../src/log/state.js";

describe("a manifest's name in the log", () => {
  const state = new LogState();
  state.applyHeader({ v: 1, server: "http://127.0.0.1", sourceTasks: [] } as never);
  const manifest = { path: "Tenants.csv", fileName: "Tenants.csv", sha256: "0".repeat(64) };
  state.apply({ type: "run", command: "sync", manifest, shape: {} } as never, "run-1");

  it.each([
    ["win32", "Tenants.csv"],
    ["darwin", "Tenants.csv"],
    ["linux", "tenants.CSV"],
  ] as const)("is the one of before on %s where only its case differs: %s", (platform, known) => {
    expect(nameInLog(state, "tenants.CSV", platform)).toBe(known);
    expect(nameInLog(state, "others.csv", platform)).toBe("others.csv");
  });
});
