import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { MASTER_APP_ID, tenantAppId } from "../../src/sandbox/world.js";
import type { RunResult } from "../../src/shared/results.js";
import { HAS_POSTGRES, TestPostgres } from "../support/postgres.js";
import { openStage, type Stage } from "../support/stage.js";
import {
  blockOf,
  commandsOf,
  commandsOfBlocks,
  HAS_PYTHON,
  openShell,
  pagesOfDocs,
  readPage,
  type ShellLine,
} from "./shell-lines.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const EXAMPLES = join(ROOT, "examples");
const PIPELINES = ["github-actions.yml", "gitlab-ci.yml", "azure-pipelines.yml"];
const LOG = "log/customers.csv.idempotency.jsonl";
const HAS_SSH_KEYGEN = spawnSync("ssh-keygen", ["-?"]).error === undefined;

/** A repository with a manifest, and the sandbox as its server. */
async function openRepository(
  more: Readonly<Record<string, string>> = {},
): Promise<{ stage: Stage; run: Awaited<ReturnType<typeof openShell>> }> {
  const stage = await openStage();
  await cp(EXAMPLES, join(stage.folder, "examples"), { recursive: true });
  await cp(join(EXAMPLES, "tenants.csv"), join(stage.folder, "customers.csv"));
  await mkdir(join(stage.folder, "log"));
  return { stage, run: await openShell(stage.folder, { ...envOf(stage), ...more }) };
}

function envOf({ sandbox }: Stage): Readonly<Record<string, string>> {
  return { QALYPTUS_SERVER: sandbox.url, QALYPTUS_API_KEY: sandbox.key };
}

async function firstLineLike(stream: NodeJS.ReadableStream, pattern: RegExp): Promise<RegExpExecArray | undefined> {
  for await (const line of createInterface(stream)) {
    const found = pattern.exec(line);
    if (found !== null) return found;
  }
  return undefined;
}

/** The digest that the plan of a pull request shows. */
async function planDigest(stage: Stage): Promise<string> {
  return /SHA-256 ([0-9a-f]{64})/.exec(await readFile(join(stage.folder, "plan.md"), "utf8"))?.[1] ?? "";
}

/** The line that carries out a plan, as it is run after a merge with this digest in its message. */
function approved(apply: ShellLine, digest: string): ShellLine {
  return { ...apply, before: [`PLAN_DIGEST=${digest}`] };
}

/** The lines by which the pipelines with the log on a branch make the key that signs its head, and write it to a file. */
function keyLinesOf(page: string): readonly string[] {
  const lines = page.matchAll(/^(?:# {6}| +(?:- |run: )?)((?:ssh-keygen|printf 'ci |\(umask ).*)$/gm);
  return [...lines].map(([, line = ""]) => line);
}

function withoutSigning(line: ShellLine): ShellLine {
  return { ...line, text: line.text.replace(/ --sign-head '[^']*'/, "") };
}

/** The lines of the pipelines with the log on a branch: the same in each. */
async function linesOfBranch(change = (line: ShellLine): ShellLine => line) {
  const pages = await Promise.all(PIPELINES.map((file) => readPage(`examples/ci/log-on-a-branch/${file}`)));
  const [lines = [], ...others] = pages.map((page) => commandsOf(page).map(change));
  for (const other of others) expect(other).toEqual(lines);
  const only = (pattern: RegExp): ShellLine => {
    const found = lines.filter(({ text }) => pattern.test(text));
    expect(found, String(pattern)).toHaveLength(1);
    return found[0] as ShellLine;
  };
  const plan = only(/ --save-plan /);
  const verifyAny = only(/^test .* log verify /);
  const apply = only(/ --plan /);
  const adopt = only(/ --adopt /);
  const verify = only(/^qalyptus-propagate log verify /);
  const audit = only(/ --verify --detailed-exitcode /);
  expect(lines).toEqual([plan, verifyAny, apply, adopt, verify, audit]);
  return { pages, plan, verifyAny, apply, adopt, verify, audit };
}

/** Somebody maps a copy's first report to another tenant's app, past this program. */
async function makeDrift(stage: Stage): Promise<void> {
  const [copy] = stage.copies();
  const [report] = copy?.reports ?? [];
  const [mapping] = report?.mappings ?? [];
  const answer = await fetch(`${stage.sandbox.url}/api/v2/tasks/${copy?.id}/reports/${report?.rowId}`, {
    method: "PATCH",
    headers: { authorization: `Bearer ${stage.sandbox.key}`, "content-type": "application/json" },
    body: JSON.stringify({
      OverwriteReportApps: [
        { ReportId: report?.rowId, QlikApps: [{ QlikAppId: mapping?.qlikAppId, NewQlikAppId: tenantAppId(90) }] },
      ],
    }),
  });
  expect(answer.status).toBe(200);
}

describe.skipIf(process.platform === "win32")("the commands of the examples", { timeout: 120_000 }, () => {
  it("the pipelines with the log on a branch: the plan that was reviewed is applied, drift fails the audit, and a lost log is made anew", async () => {
    const { stage, run } = await openRepository();
    const { plan, apply, adopt, audit } = await linesOfBranch(withoutSigning);

    expect(await run(plan)).toMatchObject({ code: 0 });
    expect(stage.copies()).toHaveLength(0);
    expect(await readFile(join(stage.folder, "plan.md"), "utf8")).toContain("Plan of customers.csv");
    expect(await run(apply)).toMatchObject({ code: 2 });
    expect(await run(approved(apply, "0".repeat(64)))).toMatchObject({ code: 7 });
    expect(stage.copies()).toHaveLength(0);
    expect(await run(approved(apply, await planDigest(stage)))).toMatchObject({ code: 0 });
    expect(stage.copies()).toHaveLength(12);
    expect(existsSync(join(stage.folder, LOG))).toBe(true);
    expect(await readFile(join(stage.folder, "result.xml"), "utf8")).toContain("<testsuite");
    expect(await run(audit)).toMatchObject({ code: 0 });

    await makeDrift(stage);
    expect(await run(audit)).toMatchObject({ code: 10 });
    expect(await readFile(join(stage.folder, "audit.html"), "utf8")).toContain("<html");

    await rm(join(stage.folder, LOG));
    const lost = await run(plan);
    expect(lost.code).toBe(3);
    expect(lost.told).toContain("NAME_TAKEN");
    expect(await run(adopt)).toMatchObject({ code: 0 });
    expect(await run(audit)).toMatchObject({ code: 0 });
    expect(stage.copies()).toHaveLength(12);
  });

  it.skipIf(!HAS_SSH_KEYGEN)(
    "the pipelines with the log on a branch: a log that was written anew by somebody without the key stops apply and fails the audit",
    async () => {
      const { stage, run } = await openRepository({ HEAD_KEY_FILE: "head-key-of-the-job" });
      const { pages, plan, verifyAny, apply, adopt, verify, audit } = await linesOfBranch();
      expect(verifyAny.text).toBe(`test ! -e ${LOG} || ${verify.text}`);

      const [keyLines = [], ...others] = pages.map(keyLinesOf);
      for (const other of others) expect(other).toEqual(keyLines);
      const [make = "", publish = "", write = "", again] = keyLines;
      expect([keyLines.length, again]).toEqual([4, write]);
      await mkdir(join(stage.folder, "tools"));
      const made = await run({ text: make, before: [] });
      expect(await run({ text: publish, before: [] })).toMatchObject({ code: 0 });
      for (const name of ["head-key", "head-key.pub"]) await rm(join(stage.folder, name));
      const keyFile = join(stage.folder, "head-key-of-the-job");
      expect(await run({ text: write, before: ["QALYPTUS_HEAD_KEY="] })).toMatchObject({ code: 255 });
      await rm(keyFile);
      expect(await run({ text: write, before: [`QALYPTUS_HEAD_KEY=${made.told}`] })).toMatchObject({ code: 0 });
      expect((await stat(keyFile)).mode & 0o777).toBe(0o600);

      expect(await run(verifyAny)).toMatchObject({ code: 0 });
      expect(await run(verify)).toMatchObject({ code: 2 });
      expect(await run(plan)).toMatchObject({ code: 0 });
      expect(await run(approved(apply, await planDigest(stage)))).toMatchObject({ code: 0 });
      expect(await run(verify)).toMatchObject({ code: 0 });
      const signed = await readFile(join(stage.folder, LOG));

      spawnSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", "other-key"], { cwd: stage.folder });
      for (const anew of [withoutSigning(adopt), { ...adopt, before: ["HEAD_KEY_FILE=other-key"] }]) {
        await rm(join(stage.folder, LOG));
        expect(await run(anew)).toMatchObject({ code: 0 });
        for (const line of [verifyAny, verify]) {
          const { code, told } = await run(line);
          expect({ code, told }).toEqual({ code: 6, told: expect.stringContaining("SIGNATURE_INVALID") });
        }
      }
      // Nothing else shows it: the chain is whole, and the server as the log says.
      expect(await run(audit)).toMatchObject({ code: 0 });
      await writeFile(join(stage.folder, LOG), signed);
      expect(await run(verify)).toMatchObject({ code: 0 });
    },
  );

  it.skipIf(!HAS_POSTGRES)(
    "the pipelines with the log in PostgreSQL: nobody keeps a file, and the head of last month is found",
    async () => {
      const pages = await Promise.all(PIPELINES.map((file) => readPage(`examples/ci/${file}`)));
      const [lines = [], ...others] = pages.map((page) => commandsOf(page));
      // Where no head was noted, two ask the shell, and one its own condition.
      const bare = ({ text }: ShellLine): string => text.replace(/^test [^|]* \|\| /, "");
      for (const other of others) expect(other.map(bare)).toEqual(lines.map(bare));
      const only = (pattern: RegExp): ShellLine => lines.find(({ text }) => pattern.test(text)) as ShellLine;
      const server = await TestPostgres.start();
      try {
        await server.sql(await readPage("examples/postgres/log.sql"));
        const ci = await server.role("ci", "qalyptus_propagate_runner");
        const looks = await server.role("looks", "qalyptus_propagate_auditor");
        const reads = await openRepository({ QALYPTUS_IDEMPOTENCY_LOG: server.url("customers", looks) });
        const { stage } = reads;
        const writes = await openShell(stage.folder, {
          ...envOf(stage),
          QALYPTUS_IDEMPOTENCY_LOG: server.url("customers", ci),
        });
        expect(await reads.run(only(/ --save-plan /))).toMatchObject({ code: 0 });
        const apply = approved(only(/ --plan /), await planDigest(stage));
        expect(await writes(apply)).toMatchObject({ code: 0 });
        expect(stage.copies()).toHaveLength(12);
        expect(await reads.run(only(/^qalyptus-propagate drift /))).toMatchObject({ code: 0 });
        const result = JSON.parse(await readFile(join(stage.folder, "result.json"), "utf8")) as RunResult;
        const head = `${result.log?.seq}:${result.log?.digest}`;
        expect(await writes(only(/ --adopt /))).toMatchObject({ code: 0 });
        const verify = { ...only(/ log verify --head /), before: [`QALYPTUS_LOG_HEAD=${head}`] };
        expect(await reads.run(verify)).toMatchObject({ code: 0 });
        await makeDrift(stage);
        expect(await reads.run(only(/^qalyptus-propagate drift /))).toMatchObject({ code: 10 });
        expect(stage.copies()).toHaveLength(12);
      } finally {
        await server.stop();
      }
    },
  );

  it("examples/postgres/log.sql is what log init --print-sql prints", async () => {
    const { run } = await openRepository();
    const { code, told } = await run({ text: "qalyptus-propagate log init --print-sql", before: [] });
    expect(code).toBe(0);
    expect(told).toBe(await readPage("examples/postgres/log.sql"));
  });

  it("windows.ps1: each line ends as its comment says", async () => {
    const { stage, run } = await openRepository();
    const lines = commandsOf(await readPage("examples/windows.ps1"));
    expect(lines).toHaveLength(7);
    for (const line of lines)
      expect(await run(line), line.text).toMatchObject({ code: / --resume/.test(line.text) ? 7 : 0 });
    expect(stage.copies()).toHaveLength(12);
    expect(existsSync(join(stage.folder, "result.csv"))).toBe(true);
  });
});

/** Lines of the README and the docs that no test can run as they stand, and why. */
const CANNOT_RUN: readonly (readonly [pattern: RegExp, why: string])[] = [
  [/^npm (ci|run) /, "is for a checkout: .ci/run"],
  [/^npm install /, "needs a release's archive: npm run test:package"],
  [/^(tar|ln) /, "needs a release's archive: npm run release"],
  [/^qlik /, "is Qlik's own program: the list is put there as it writes one"],
  [/ sandbox( |$)/, "listens until it is stopped: below"],
  [/db\.example\.com/, "needs a database: test/program/postgres.test.ts"],
  [/ demo( |$)/, "plays for a minute: npm run test:package"],
  ...(HAS_SSH_KEYGEN ? [] : [[/ssh-keygen|ci-key/, "OpenSSH is not installed"] as const]),
  ...(HAS_PYTHON ? [] : [[/^python3 /, "Python is not installed"] as const]),
];

/** Lines that end otherwise than with 0 in the order in which the pages give them. */
const EXIT_CODES: readonly (readonly [pattern: RegExp, code: number, why: string])[] = [
  [/ --resume/, 7, "the sync before it ended well: nothing is left"],
];

async function linesOfDocs(): Promise<readonly ShellLine[]> {
  const pages = await Promise.all((await pagesOfDocs()).map(readPage));
  return pages.flatMap(commandsOfBlocks);
}

describe.skipIf(process.platform === "win32")("the commands of the README and the docs", { timeout: 120_000 }, () => {
  it("run as they stand, one after the other", async () => {
    const { stage, run } = await openRepository();
    await rm(join(stage.folder, "customers.csv"));
    const apps = ["master", "acme", "globex"].map((name, at) => {
      return { resourceId: at === 0 ? MASTER_APP_ID : tenantAppId(at), name: `Sales - ${name}` };
    });
    await stage.put("apps.json", JSON.stringify(apps));
    await stage.put("check-log.py", blockOf(await readPage("docs/log.md"), "python"));
    const lines = await linesOfDocs();
    const runnable = lines.filter(({ text }) => !CANNOT_RUN.some(([pattern]) => pattern.test(text)));
    expect(runnable.length).toBeGreaterThan(18);
    for (const line of runnable) {
      const expected = EXIT_CODES.find(([pattern]) => pattern.test(line.text))?.[1] ?? 0;
      const { code, told } = await run(line);
      expect({ line: line.text, code, told: code === expected ? "" : told }).toEqual({
        line: line.text,
        code: expected,
        told: "",
      });
    }
    const manifest = blockOf(await readPage("README.md"), "csv");
    expect(await readFile(join(stage.folder, "customers.csv"), "utf8")).toBe(
      `\uFEFF${manifest.replaceAll("\n", "\r\n")}`,
    );
    expect(stage.copies()).toHaveLength(manifest.trim().split("\n").length - 1);
  });

  it("the sandbox prints a line for sh that runs as it stands", async () => {
    const folder = await mkdtemp(join(tmpdir(), "qalyptus-sandbox-"));
    for (const name of ["bin", "dist"]) await symlink(join(ROOT, name), join(folder, name));
    const args = ["bin/qalyptus-propagate.js", "sandbox", "--port", "0"];
    const sandbox = spawn(process.execPath, args, { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
    const ended = once(sandbox, "close");
    try {
      const [, line = ""] = (await firstLineLike(sandbox.stdout, /^ +sh +(.*)$/)) ?? [];
      expect(line).toMatch(/^QALYPTUS_API_KEY=sandbox-[0-9a-f]{32} node \S+\/bin\/qalyptus-propagate\.js sync /);
      const run = await openShell(folder, {});
      const { code, told } = await run({ text: line, before: [] });
      expect({ code, told }).toMatchObject({ code: 0, told: expect.stringContaining("10 tenants") });
    } finally {
      sandbox.kill("SIGTERM");
      await ended;
      await rm(folder, { recursive: true });
    }
  });

  it("lists no exception that nothing needs", async () => {
    const lines = await linesOfDocs();
    for (const [pattern] of [...CANNOT_RUN, ...EXIT_CODES])
      expect(
        lines.some(({ text }) => pattern.test(text)),
        String(pattern),
      ).toBe(true);
  });
});
