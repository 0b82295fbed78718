import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";

const COUNTS = fileURLToPath(new URL("../../.ci/counts.mjs", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "qalyptus-counts-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function report(name: string, content: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

function counts(...paths: readonly string[]) {
  const { status, stdout } = spawnSync(process.execPath, [COUNTS, ...paths], { encoding: "utf8" });
  return { status, stdout };
}

const unit = report("unit.json", { numPassedTests: 900, numFailedTests: 0, numPendingTests: 2, numTodoTests: 1 });
const browser = report("browser.json", { numPassedTests: 36, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0 });
const broken = report("broken.json", { numPassedTests: 34, numFailedTests: 2, numPendingTests: 0, numTodoTests: 0 });

describe("the counts at the end of the continuous integration", () => {
  it("are the sum of all reports", () => {
    expect(counts(unit)).toEqual({ status: 0, stdout: "900 passed, 0 failed, 3 skipped\n" });
    expect(counts(unit, browser)).toEqual({ status: 0, stdout: "936 passed, 0 failed, 3 skipped\n" });
    expect(counts(browser)).toEqual({ status: 0, stdout: "36 passed, 0 failed\n" });
  });

  it("fail where any test failed", () => {
    expect(counts(unit, broken)).toEqual({ status: 1, stdout: "934 passed, 2 failed, 3 skipped\n" });
  });

  it("fail where a report is missing, is no report, or has no tests, whatever the others say", () => {
    const empty = report("empty.json", { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0 });
    for (const path of [join(folder, "never-written.json"), report("cut.json", '{"numPassed'), empty])
      expect(counts(unit, path)).toEqual({ status: 1, stdout: "900 passed, 1 failed, 3 skipped\n" });
    expect(counts().status).toBe(1);
  });
});
