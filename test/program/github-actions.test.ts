import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { FIRST_SOURCE_TASK_ID, SOURCE_TASKS, tenantAppId } from "../../src/sandbox/world.js";
import { openStage, SHAPE, type Stage } from "../support/stage.js";

/** What CI systems take for commands: GitHub's two forms, Azure's, TeamCity's; real line ends and GitHub's own escapes. */
const EVIL = "x\r\n::error::forged\n##vso[task.setvariable variable=a]b ##[error]c ##teamcity[d] %0A::warning::e";

async function runOnGitHub(stage: Stage, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const summary = join(stage.folder, "summary.md");
  const ended = await stage.run(args, { env: { GITHUB_ACTIONS: "true", GITHUB_STEP_SUMMARY: summary, ...env } });
  return { ...ended, summary: await readFile(summary, "utf8") };
}

function commandsOf(text: string): readonly string[] {
  return text.split("\n").filter((line) => /^\s*::/.test(line) || /##(vso|teamcity)?\[/.test(line));
}

function csv(rows: readonly (readonly string[])[]): string {
  const quoted = rows.map((row) => row.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(","));
  return ["tenant,newQlikAppId", ...quoted, ""].join("\n");
}

/** A server that lists the source task and refuses every copy, in words of its own choice. */
async function openRefusingServer(words: string): Promise<{ readonly url: string; close(): void }> {
  const source = { id: FIRST_SOURCE_TASK_ID, name: `Monthly ${words}`, isActive: false };
  const report = {
    id: "bbbbbbbb-0001-4000-8000-000000000001",
    reportID: "cccccccc-0001-4000-8000-000000000001",
    name: words,
  };
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "", "http://server").pathname;
    const refused = { data: null, isSuccess: false, error: words, errorDetails: { [words]: words } };
    const data = path.endsWith("/tasks") ? [source] : path.endsWith("/reports") ? [report] : [];
    response.writeHead(request.method === "POST" ? 400 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify(request.method === "POST" ? refused : { data, isSuccess: true }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, close: () => void server.close(() => undefined) };
}

describe("on GitHub Actions", () => {
  it("annotates the manifest's lines on standard error, at most ten, and puts the Markdown into the step's summary", async () => {
    const stage = await openStage();
    await stage.put(
      "tenants.csv",
      csv(Array.from({ length: 15 }, (_, at) => [`tenant-${at + 1}`, `no-guid-${at + 1}`])),
    );
    for (const command of ["sync", "validate"]) {
      const { code, stdout, stderr, summary } = await runOnGitHub(stage, [command, "tenants.csv", ...SHAPE]);
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
      const annotations = commandsOf(stderr);
      expect(annotations).toHaveLength(10);
      expect(annotations[0]).toMatch(/^::error file=tenants\.csv,line=2,title=NOT_A_GUID::tenant tenant-1: .*%0A/);
      expect(annotations[9]).toBe("::error title=6 more::6 more errors in the result");
      expect(summary).toContain("### Errors: 15");
    }
  });

  it("annotates each tenant that failed with its line, and leaves standard output to the answer", async () => {
    const stage = await openStage({ fault: ["forbid-tenant=*tenant-2*"] });
    await stage.put("tenants.csv", csv([1, 2, 3].map((n) => [`tenant-${n}`, tenantAppId(n)])));
    const { code, stdout, stderr, summary } = await runOnGitHub(stage, [
      ...["sync", "tenants.csv", ...SHAPE, "--format", "json"],
    ]);
    expect(code).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({ exitCode: 3 });
    const errors = commandsOf(stderr).filter((line) => line.startsWith("::error"));
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatch(/^::error file=tenants\.csv,line=3,title=FORBIDDEN \(failed\)::tenant tenant-2: /);
    expect(summary).toMatch(/^## Result of tenants\\?\.csv/);
  });

  it("says nothing of the kind elsewhere", async () => {
    const stage = await openStage();
    await stage.put("tenants.csv", csv([["acme", "no-guid"]]));
    const { stderr } = await stage.run(["sync", "tenants.csv", ...SHAPE], { env: { GITHUB_ACTIONS: "false" } });
    expect(commandsOf(stderr)).toEqual([]);
  });

  it("goes on where the summary cannot be written, and says so", async () => {
    const stage = await openStage();
    await stage.put("tenants.csv", csv([["acme", tenantAppId(1)]]));
    const env = { GITHUB_ACTIONS: "true", GITHUB_STEP_SUMMARY: join(stage.folder, "nowhere", "summary.md") };
    const { code, stderr } = await stage.run(["sync", "tenants.csv", ...SHAPE], { env });
    expect(code).toBe(0);
    expect(stderr).toContain("the step summary could not be written (ENOENT)");
  });
});

describe("text from outside", () => {
  it("forges no command by a tenant's key, a name or a value of the manifest", async () => {
    const stage = await openStage();
    await stage.put(
      "tenants.csv",
      csv([
        [`t ${EVIL}`, "no-guid"],
        ["::error::acme", EVIL],
        ["##vso[x]acme", "x"],
      ]),
    );
    const { code, stdout, stderr, summary } = await runOnGitHub(stage, ["sync", "tenants.csv", ...SHAPE]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    for (const line of commandsOf(stderr)) expect(line).toMatch(/^::error file=tenants\.csv,line=\d+,title=[A-Z_]+::/);
    expect(commandsOf(summary)).toEqual([]);
  });

  it("forges no command by keys that are allowed, in the plan, in progress and in the result", async () => {
    const folder = await mkdtemp(join(tmpdir(), "sandbox-state-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const stateFile = join(folder, "state.json");
    const tasks = SOURCE_TASKS.map(({ id, reports }) => ({
      ...{ id, name: "::error::task ##vso[x]", copyOf: null, origin: id, createdAt: "" },
      reports: reports.map(({ rowId, reportId }) => ({ rowId, reportId, mappings: [] })),
    }));
    await writeFile(stateFile, JSON.stringify({ format: "qalyptus-propagate sandbox state", version: 1, tasks }));
    const stage = await openStage({ stateFile });
    await stage.put("tenants.csv", csv([1, 2].map((n) => [`::error::${n} ##vso[a]b ##[c] %0A::d`, tenantAppId(n)])));
    for (const more of [["--dry-run"], ["-v"], []]) {
      const { code, stdout, stderr, summary } = await runOnGitHub(stage, ["sync", "tenants.csv", ...SHAPE, ...more]);
      expect(code).toBe(0);
      expect(commandsOf(stdout)).toEqual([]);
      expect(commandsOf(stderr).filter((line) => !/^::warning title=[A-Z_]+::/.test(line))).toEqual([]);
      expect(commandsOf(summary)).toEqual([]);
    }
    expect(stage.copies()).toHaveLength(2);
  });

  it("forges no command by what the server says", async () => {
    const stage = await openStage();
    const server = await openRefusingServer(EVIL);
    try {
      await stage.put("tenants.csv", csv([1, 2, 3].map((n) => [`tenant-${n}`, tenantAppId(n)])));
      const args = ["sync", "tenants.csv", ...SHAPE, "--new-log", "--name", "{tenant}", "-v"];
      const { code, stdout, stderr, summary } = await runOnGitHub(stage, args, { QALYPTUS_SERVER: server.url });
      expect(code).toBe(3);
      expect(stderr).toContain("forged");
      expect(commandsOf(stdout)).toEqual([]);
      const forged = commandsOf(stderr).filter(
        (line) => !/^::(error|warning) [a-z=,.\d]*title=[A-Z_]+[^:]*::/.test(line),
      );
      expect(forged).toEqual([]);
      expect(commandsOf(stderr).filter((line) => /##(vso|teamcity)?\[/.test(line))).toEqual([]);
      expect(commandsOf(summary)).toEqual([]);
    } finally {
      server.close();
    }
  });
});
