import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { acquireLock } from "../../src/log/file/lock.js";
import { parseFault } from "../../src/sandbox/chaos.js";
import { type RunningSandbox, startSandbox } from "../../src/sandbox/server.js";
import { FIRST_SOURCE_TASK_ID, MASTER_APP_ID, SECOND_SOURCE_TASK_ID, tenantAppId } from "../../src/sandbox/world.js";
import { systemClock } from "../../src/shared/time.js";
import { type Said, say } from "../support/in-process.js";
import { THIS_PROCESS } from "../support/log-places.js";
import { serve, TLS_FIXTURES } from "../support/loopback-server.js";

const ROWS = [1, 2].map((n) => `tenant-${n},${tenantAppId(n)},${MASTER_APP_ID}`);
const MANIFEST = `tenant,newQlikAppId,qlikAppId\n${ROWS.join("\n")}\n`;
const MONTHLY = ["--source-task", FIRST_SOURCE_TASK_ID] as const;
const WEEKLY = ["--source-task", SECOND_SOURCE_TASK_ID] as const;

let folder: string;
let sandbox: RunningSandbox;
let manifest: string;
let log: string;
const others: { close(): Promise<unknown> }[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "qalyptus-doctor-"));
  sandbox = await startSandbox({ port: 0, seed: "doctor" });
  manifest = join(folder, "customers.csv");
  log = `${manifest}.idempotency.jsonl`;
  writeFileSync(manifest, MANIFEST);
});

afterEach(async () => {
  await Promise.all([sandbox, ...others.splice(0)].map((server) => server.close()));
  rmSync(folder, { recursive: true, force: true });
});

interface Doctored extends Said {
  readonly checks: Readonly<
    Record<string, { readonly status: string; readonly message: string; readonly hint?: string }>
  >;
  readonly errors: readonly { readonly code: string }[];
}

function environment(changes: Readonly<Record<string, string | undefined>> = {}) {
  return { QALYPTUS_SERVER: sandbox.url, QALYPTUS_API_KEY: sandbox.key, ...changes };
}

async function doctor(args: readonly string[], env = environment()): Promise<Doctored> {
  const said = await say(["doctor", ...args, "--format", "json"], { cwd: folder, env });
  const { checks, errors, exitCode } = JSON.parse(said.stdout);
  expect(exitCode).toBe(said.code);
  return { ...said, errors, checks: Object.fromEntries(checks.map((one: { name: string }) => [one.name, one])) };
}

const sync = (args: readonly string[], env = environment()) => say(["sync", ...args], { cwd: folder, env });

async function anotherSandbox(faults: readonly string[]): Promise<string> {
  const chaos = { faults: faults.map(parseFault) };
  const running = await startSandbox({ port: 0, seed: "other", key: sandbox.key, chaos });
  others.push(running);
  return running.url;
}

describe("doctor", () => {
  it("finds all well before a first sync, and writes nothing", async () => {
    const said = await doctor([manifest, ...MONTHLY]);
    expect(said.code).toBe(0);
    expect(said.checks.plan?.message).toContain("a sync would plan: 2 create; ");
    expect(said.checks["task-list"]?.message).toContain("2 tasks");
    expect(said.checks.log?.message).toContain("the first sync makes it");
    expect(readdirSync(folder)).toEqual(["customers.csv"]);
    expect(sandbox.tasks().filter((task) => task.copyOf !== null)).toEqual([]);
    expect(sandbox.counts().requests).toBeGreaterThan(0);
  });

  it("knows the log after a sync, and leaves it as it is", async () => {
    expect((await sync([manifest, ...MONTHLY])).code).toBe(0);
    const before = readFileSync(log);
    const said = await doctor([manifest, ...MONTHLY]);
    expect(said.code).toBe(0);
    expect(said.checks.log).toMatchObject({ status: "ok", message: expect.stringContaining("2 tenants") });
    expect(said.checks.plan?.message).toBe("a sync would plan: 2 unchanged");
    expect(readFileSync(log).equals(before)).toBe(true);
    expect(readdirSync(folder)).toHaveLength(2);
  });

  it("is one line a check for people, with what to do below it", async () => {
    const said = await say(["doctor", manifest, ...WEEKLY], { cwd: folder, env: environment() });
    expect(said.code).toBe(7);
    const lines = said.stdout.split("\n");
    expect(lines[0]).toBe(`Doctor: ${sandbox.url}`);
    expect(lines.filter((line) => /^[✓!✗–] /.test(line))).toHaveLength(9);
    const plan = lines.findIndex((line) => line.startsWith("✗ plan"));
    expect(lines[plan + 1]).toContain("--allow-live-source");
    expect(said.stdout).toContain("a sync would end with exit code 7 before its first write");
  });

  it("goes on without a manifest, and without a log", async () => {
    const said = await doctor([...MONTHLY]);
    expect(said.code).toBe(0);
    expect(said.checks.reports?.status).toBe("ok");
    for (const name of ["manifest", "log", "lock", "plan"]) expect(said.checks[name]?.status).toBe("skipped");
  });

  it("without a server and a key: exit 2, both told, and the rest looked at", async () => {
    const said = await doctor([manifest, ...MONTHLY], {
      QALYPTUS_SERVER: undefined,
      QALYPTUS_API_KEY: undefined,
    } as never);
    expect(said.code).toBe(2);
    expect(said.errors.map(({ code }) => code)).toEqual(["SERVER_MISSING", "API_KEY_MISSING"]);
    expect(said.checks.manifest?.status).toBe("ok");
    expect(said.checks["task-list"]?.status).toBe("skipped");
  });

  it("without a key: exit 2, and the server is asked nothing", async () => {
    const without = environment({ QALYPTUS_API_KEY: undefined });
    const said = await doctor([manifest, ...MONTHLY], without as never);
    expect(said.code).toBe(2);
    expect(said.checks.key?.status).toBe("fail");
    expect(sandbox.counts().requests).toBe(0);
  });

  it("says that a certificate is not trusted, and is content once its authority is named", async () => {
    const server = await serve((_, response) => void response.writeHead(401).end(), { tls: true });
    others.push(server);
    const env = environment({ QALYPTUS_SERVER: server.origin });
    const strange = await doctor([...MONTHLY], env);
    expect(strange.code).toBe(5);
    expect(strange.checks.server).toMatchObject({ status: "fail", hint: expect.stringContaining("--ca-file") });
    expect(strange.errors).toHaveLength(1);
    const authority = fileURLToPath(new URL("authority.pem", TLS_FIXTURES));
    const trusted = await doctor([...MONTHLY, "--ca-file", authority], env);
    expect(trusted.checks.server?.status).toBe("ok");
    expect(trusted.checks.key?.status).toBe("fail");
  });

  it("never shows the key, nor a proxy's password", async () => {
    const env = environment({
      QALYPTUS_SERVER: "http://reports.invalid",
      HTTP_PROXY: "http://me:secret-pw@127.0.0.1:9",
    });
    const said = await doctor([...MONTHLY, "--retries", "0"], env);
    expect(said.code).toBe(5);
    expect(said.checks.server?.message).toContain("http://127.0.0.1:9");
    expect(`${said.stdout}${said.stderr}`).not.toContain("secret-pw");
    expect(`${said.stdout}${said.stderr}`).not.toContain(sandbox.key);
  });
});

describe("doctor ends as a sync does before its first write", () => {
  /** Runs both in the same situation. Sync must not have written. */
  async function both(args: readonly string[], env = environment()): Promise<Doctored> {
    const said = await doctor(args, env);
    const synced = await sync(args, env);
    expect(said.code).toBe(synced.code);
    expect(sandbox.tasks().filter((task) => task.copyOf !== null)).toEqual([]);
    return said;
  }

  it("where the manifest has faults (2)", async () => {
    writeFileSync(manifest, `${MANIFEST}tenant-3,no-guid,${MASTER_APP_ID}\n`);
    const said = await both([manifest, ...MONTHLY]);
    expect(said.code).toBe(2);
    expect(said.checks.manifest?.status).toBe("fail");
    expect(said.checks.key?.status).toBe("ok");
    expect(said.checks.plan?.status).toBe("skipped");
  });

  it("where the source task is not there (2)", async () => {
    const said = await both([manifest, "--source-task", tenantAppId(5)]);
    expect(said).toMatchObject({ code: 2, errors: [{ code: "SOURCE_UNKNOWN" }] });
  });

  it("where a report is not the source task's (2)", async () => {
    const said = await both([manifest, ...MONTHLY, "--report", tenantAppId(5)]);
    expect(said.code).toBe(2);
    expect(said.checks.plan?.status).toBe("fail");
  });

  it("where the address or the key cannot be used (2)", async () => {
    expect((await both([manifest, ...MONTHLY], environment({ QALYPTUS_SERVER: "ftp://reports" }))).code).toBe(2);
    const said = await both([manifest, ...MONTHLY], environment({ QALYPTUS_API_KEY: "two\nlines" }));
    expect(said.checks.key?.status).toBe("fail");
    const proxied = environment({ QALYPTUS_SERVER: "https://reports.invalid", HTTPS_PROXY: "socks5://127.0.0.1" });
    expect((await both([manifest, ...MONTHLY], proxied)).checks.server?.status).toBe("fail");
    expect((await both([manifest, ...MONTHLY, "--ca-file", manifest])).checks.server?.status).toBe("fail");
  });

  it("where the key is refused (5)", async () => {
    const said = await both([manifest, ...MONTHLY], environment({ QALYPTUS_API_KEY: "wrong" }));
    expect(said).toMatchObject({ code: 5, errors: [{ code: "KEY_REFUSED" }] });
    expect(said.checks.server?.status).toBe("ok");
  });

  it("where nobody answers (5)", async () => {
    const env = environment({ QALYPTUS_SERVER: "127.0.0.1:9" });
    const said = await both([manifest, ...MONTHLY, "--retries", "0"], env);
    expect(said.checks.server?.status).toBe("fail");
    expect(said.code).toBe(5);
  });

  it("where list and source task are forbidden, and where the list alone is (7)", async () => {
    const env = environment({ QALYPTUS_SERVER: await anotherSandbox(["no-list=403"]) });
    const said = await both([manifest, ...MONTHLY], env);
    expect(said.code).toBe(7);
    expect(said.checks["task-list"]?.status).toBe("warn");
    expect(said.checks.plan?.status).toBe("fail");
  });

  it("where the source task would mail by itself (7)", async () => {
    expect((await both([manifest, ...WEEKLY])).code).toBe(7);
  });

  it("where the log is damaged, foreign, or of another server (6)", async () => {
    writeFileSync(log, "hello\n");
    expect((await both([manifest, ...MONTHLY])).checks.log?.status).toBe("fail");
    const elsewhere = environment({ QALYPTUS_SERVER: await anotherSandbox([]) });
    rmSync(log);
    expect((await sync([manifest, ...MONTHLY], elsewhere)).code).toBe(0);
    const said = await both([manifest, ...MONTHLY]);
    expect(said).toMatchObject({ code: 6, errors: [{ code: "LOG_OF_OTHER_SERVER" }] });
    expect(said.checks.plan?.status).toBe("skipped");
  });

  it("where the log is elsewhere (6)", async () => {
    const env = environment({ QALYPTUS_SERVER: await anotherSandbox([]) });
    expect((await sync([manifest, ...MONTHLY], env)).code).toBe(0);
    const renamed = join(folder, "clients.csv");
    writeFileSync(renamed, MANIFEST);
    const said = await both([renamed, ...MONTHLY], env);
    expect(said).toMatchObject({ code: 6, errors: [{ code: "OTHER_LOG" }] });
  });

  it("where the log's folder is not there (6)", async () => {
    const said = await both([manifest, ...MONTHLY, "--idempotency-log", join(folder, "no", "x.idempotency.jsonl")]);
    expect(said.code).toBe(6);
    expect(said.checks.log?.status).toBe("fail");
  });

  it("where the log is a folder (6)", async () => {
    mkdirSync(log);
    expect((await both([manifest, ...MONTHLY])).code).toBe(6);
  });

  it("where another run holds the lock (6), with the command that breaks it", async () => {
    const ownProcess = THIS_PROCESS;
    const held = await acquireLock({ logPath: log, command: "sync", ownProcess, clock: systemClock });
    try {
      const said = await both([manifest, ...MONTHLY]);
      expect(said).toMatchObject({ code: 6, errors: [{ code: "LOG_LOCKED" }] });
      expect(said.checks.lock?.hint).toMatch(/qalyptus-propagate sync .*customers\.csv --break-lock [0-9a-f]{16}/);
    } finally {
      await held.release();
    }
  });
});
