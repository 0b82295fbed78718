import { execFile } from "node:child_process";
import { chmodSync, copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { tenantAppId } from "../../src/sandbox/world.js";
import { HAS_PGBOUNCER, HAS_POSTGRES, OWN_POSTGRES, startPgBouncer, TestPostgres, TLS } from "../support/postgres.js";
import { manifestOf, openStage, SHAPE, type Stage, type Synced } from "../support/stage.js";

let server: TestPostgres;
let job = "";
let reader = "";

beforeAll(async () => {
  if (!HAS_POSTGRES) return;
  server = await TestPostgres.start();
  const stage = await openStage();
  await stage.put("tenants.csv", manifestOf(1));
  const { stderr } = await stage.run(["sync", "tenants.csv", ...SHAPE, "--idempotency-log", server.url("any")]);
  // The command that the hint gives, pasted as it stands.
  const [line = ""] = /^ +\S.* log init .*$/m.exec(stderr) ?? [];
  const made = await promisify(execFile)("sh", ["-c", line], { cwd: stage.folder });
  expect(made).toMatchObject({ stdout: expect.stringContaining("GRANT qalyptus_propagate_runner TO ci") });
  job = await server.role("job", "qalyptus_propagate_runner");
  reader = await server.role("reader", "qalyptus_propagate_auditor");
}, 60_000);
afterAll(async () => {
  if (HAS_POSTGRES) await server.stop();
});

async function stageOf(tenants: number, options: Parameters<typeof openStage>[0] = {}): Promise<Stage> {
  const stage = await openStage(options);
  await stage.put("tenants.csv", manifestOf(tenants));
  return stage;
}

function syncOn(stage: Stage, url: string, more: readonly string[] = []): Promise<Synced> {
  return stage.sync(["--idempotency-log", url, ...more]);
}

/** Each tenant has exactly one task. */
function expectNoTwins(stage: Stage, tenants: number): void {
  const names = stage.copies().map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(names).toHaveLength(tenants);
}

/** Until every tenant is done, as a person would go on. */
async function finish(stage: Stage, url: string): Promise<void> {
  for (let runs = 0; runs < 6; runs += 1) {
    const { code } = await syncOn(stage, url, ["--settle", "500ms"]);
    if (code === 0) return;
    expect([3, 4, 6]).toContain(code);
  }
  throw new Error("it does not come to an end");
}

describe.skipIf(!HAS_POSTGRES)("a sync whose log is in PostgreSQL", () => {
  it("does what it does with a file, as a user with the runner's role", async () => {
    const stage = await stageOf(5);
    const url = server.url("plain", job);
    const first = await syncOn(stage, url);
    expect(first).toMatchObject({
      code: 0,
      result: { summary: { create: 5, succeeded: 5 }, log: { path: url, seq: expect.any(Number) } },
    });
    expect(await syncOn(stage, url)).toMatchObject({
      code: 0,
      // It leaves that it looked: the run, and its end.
      result: { summary: { unchanged: 5 }, log: { path: url, seq: (first.result.log?.seq ?? 0) + 2 } },
    });
    const named = { QALYPTUS_IDEMPOTENCY_LOG: url };
    expect(await stage.run(["status"], { env: named })).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("5 copied"),
    });
    expect(
      await stage.run(["log", "verify", "--head", `${first.result.log?.seq}:${first.result.log?.digest}`], {
        env: named,
      }),
    ).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("is in it, 2 records ago"),
    });
    expect(await stage.run(["log", "verify", "--head", `3:${first.result.log?.digest}`], { env: named })).toMatchObject(
      {
        code: 6,
        stderr: expect.stringContaining("[LOG_HEAD_MISSING]"),
      },
    );
    expect(await stage.run(["sync", "--resume", "--format", "json"], { env: named })).toMatchObject({ code: 7 });
    expect(await stage.run(["resolve", "tenant-1", "--retry"], { env: named })).toMatchObject({ code: 0 });
  });

  it("lets an auditor look at everything, and write nothing", async () => {
    const stage = await stageOf(3);
    await syncOn(stage, server.url("audited", job));
    const asAuditor = { env: { QALYPTUS_IDEMPOTENCY_LOG: server.url("audited", reader) } };
    for (const command of [["status"], ["log", "verify"], ["log", "history"], ["log", "history", "tenant-2"]])
      expect(await stage.run(command, asAuditor), command.join(" ")).toMatchObject({ code: 0 });
    expect(await stage.run(["drift", "tenants.csv", ...SHAPE], asAuditor)).toMatchObject({ code: 0 });
    expect(await stage.run(["drift"], asAuditor)).toMatchObject({ code: 0 });
    // The last sync's options would be taken, and this one left unread.
    expect(await stage.run(["drift", "--only", "nobody"], asAuditor)).toMatchObject({ code: 2 });
    expect(await stage.run(["sync", "tenants.csv", ...SHAPE, "--dry-run"], asAuditor)).toMatchObject({ code: 0 });
    const refused = await stage.run(["sync", "tenants.csv", ...SHAPE], asAuditor);
    expect(refused).toMatchObject({ code: 6, stderr: expect.stringContaining("[LOG_NO_RIGHT]") });
    expect(await stage.run(["doctor", "tenants.csv", ...SHAPE], asAuditor)).toMatchObject({ code: 6 });
  });

  it("lets ten runners that start at once go one after the other", async () => {
    const stage = await stageOf(12, { latencyMs: 20 });
    const url = server.url("ten");
    const ends = await Promise.all(Array.from({ length: 10 }, () => syncOn(stage, url, ["--lock-timeout", "60s"])));
    expect(ends.map(({ code }) => code)).toEqual(Array(10).fill(0));
    const creates = ends.map(({ result }) => result.summary.create).sort((a, b) => b - a);
    expect(creates).toEqual([12, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    expectNoTwins(stage, 12);
  }, 90_000);

  it("tells who holds the lock, at once where nobody said to wait", async () => {
    const stage = await stageOf(40, { latencyMs: 300 });
    const url = server.url("held");
    const first = stage.start(["sync", "tenants.csv", ...SHAPE, "--idempotency-log", url], {
      env: { CI_JOB_URL: "https://ci.example.com/jobs/7" },
    });
    while (
      (await server.sql("SELECT 1 FROM qalyptus_propagate.logs WHERE name = 'held' AND holder IS NOT NULL")).length ===
      0
    )
      await sleep(20);
    const second = await stage.run(["sync", "tenants.csv", ...SHAPE, "--idempotency-log", url]);
    expect(second).toMatchObject({ code: 6, stderr: expect.stringContaining("https://ci.example.com/jobs/7") });
    expect(second.stderr).toContain("--break-lock 1");
    expect((await stage.run(["doctor", "tenants.csv", ...SHAPE, "--idempotency-log", url])).stdout).toContain(
      "process",
    );
    expect((await first.ended).code).toBe(0);
  }, 60_000);

  it.skipIf(!OWN_POSTGRES)(
    "ends with no twin where its server is killed and started again",
    async () => {
      const stage = await stageOf(60, { latencyMs: 30 });
      const url = server.url("killed");
      const run = stage.start(["sync", "tenants.csv", ...SHAPE, "--idempotency-log", url]);
      while (stage.copies().length < 10) await sleep(10);
      server.down("immediate");
      await sleep(700);
      server.up();
      expect([0, 4, 6]).toContain((await run.ended).code);
      await finish(stage, url);
      expectNoTwins(stage, 60);
    },
    120_000,
  );

  it.skipIf(!OWN_POSTGRES)(
    "stops and tells what it could not write where its server stays away, and goes on later",
    async () => {
      const stage = await stageOf(30, { latencyMs: 50 });
      const url = server.url("away");
      const run = stage.start(["sync", "tenants.csv", ...SHAPE, "--idempotency-log", url]);
      while (stage.copies().length < 8) await sleep(10);
      server.down("immediate");
      const ended = await run.ended;
      server.up();
      expect(ended).toMatchObject({ code: 6, stderr: expect.stringContaining("[LOG_UNREACHABLE]") });
      await server.sql("UPDATE qalyptus_propagate.logs SET beat = beat - interval '2 minutes' WHERE name = 'away'");
      await finish(stage, url);
      expectNoTwins(stage, 30);
    },
    120_000,
  );

  it("ends with no twin though its backends are ended at random", async () => {
    const stage = await stageOf(300, { latencyMs: 5 });
    const url = server.url("random");
    let going = true;
    const killer = (async () => {
      while (going) {
        await server.sql(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'qalyptus-propagate'",
        );
        await sleep(Math.random() * 150);
      }
    })();
    const { code } = await syncOn(stage, url);
    going = false;
    await killer;
    expect([0, 4, 6]).toContain(code);
    await finish(stage, url);
    expectNoTwins(stage, 300);
  }, 120_000);

  it("lets a frozen runner that was taken over send nothing more", async () => {
    const stage = await stageOf(40, { latencyMs: 40 });
    const url = server.url("frozen");
    const run = stage.start(["sync", "tenants.csv", ...SHAPE, "--idempotency-log", url, "--concurrency", "2"]);
    while (stage.copies().length < 6) await sleep(5);
    run.child.kill("SIGSTOP");
    // As long as a last beat is young enough to send; the rest of the minute that the database gives a silent holder is taken away.
    await sleep(46_000);
    await server.sql("UPDATE qalyptus_propagate.logs SET beat = beat - interval '15 seconds' WHERE name = 'frozen'");
    const made = stage.copies().length;
    const next = await syncOn(stage, url, ["--only", "tenant-40", "--lock-timeout", "20s", "--settle", "500ms"]);
    expect([0, 4]).toContain(next.code);
    const before = stage.copies().length;
    expect(before).toBeLessThanOrEqual(made + 1);
    run.child.kill("SIGCONT");
    expect(await run.ended).toMatchObject({ code: 6, stderr: expect.stringMatching(/LOG_LOCK_(?:LOST|STALE)/) });
    expect(stage.copies().length).toBe(before);
    await finish(stage, url);
    expectNoTwins(stage, 40);
  }, 120_000);

  it.skipIf(!HAS_PGBOUNCER)(
    "works behind PgBouncer in transaction mode",
    async () => {
      const pooler = await startPgBouncer(server);
      try {
        const stage = await stageOf(40, { latencyMs: 5 });
        const url = server.url("pooled", job, pooler.port);
        const ends = await Promise.all([1, 2, 3, 4].map(() => syncOn(stage, url, ["--lock-timeout", "60s"])));
        expect(ends.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
        expectNoTwins(stage, 40);
      } finally {
        pooler.stop();
      }
    },
    90_000,
  );

  it("takes a log from a file into the database and back, byte for byte, and closes the old one", async () => {
    const stage = await stageOf(6);
    await stage.sync();
    const file = join(stage.folder, "tenants.csv.idempotency.jsonl");
    const before = readFileSync(file);
    const url = server.url("copied");
    expect(await stage.run(["log", "copy", file, url])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("--idempotency-log"),
    });
    const old = await stage.sync();
    expect(old).toMatchObject({
      code: 6,
      result: { errors: [{ code: "LOG_MOVED", message: expect.stringContaining(url) }] },
    });
    expect(await stage.run(["log", "copy", file, url])).toMatchObject({
      code: 6,
      stderr: expect.stringContaining("[LOG_MOVED]"),
    });
    expect(await stage.run(["log", "copy", url, "back.jsonl"])).toMatchObject({ code: 0 });
    expect(readFileSync(join(stage.folder, "back.jsonl")).equals(before)).toBe(true);
    expect(await stage.sync(["--idempotency-log", "back.jsonl"])).toMatchObject({
      code: 0,
      result: { summary: { unchanged: 6 } },
    });
    const other = join(stage.folder, "other.jsonl");
    copyFileSync(join(stage.folder, "back.jsonl"), other);
    expect(await stage.run(["log", "copy", "back.jsonl", "other.jsonl"])).toMatchObject({ code: 0 });
    writeFileSync(other, before);
    await stage.put("more.csv", manifestOf(1, 50));
    await stage.run(["sync", "more.csv", ...SHAPE, "--idempotency-log", "more.jsonl"]);
    expect(await stage.run(["log", "copy", "more.jsonl", "other.jsonl"])).toMatchObject({
      code: 6,
      stderr: expect.stringContaining("[LOG_NOT_EMPTY]"),
    });
  }, 60_000);

  it("copies a log that holds no record yet, which stays bound to its server", async () => {
    const stage = await stageOf(1);
    await stage.sync();
    const [header = ""] = readFileSync(join(stage.folder, "tenants.csv.idempotency.jsonl"), "utf8").split("\n");
    await stage.put("begun.jsonl", `${header}\n`);
    const url = server.url("begun");
    expect(await stage.run(["log", "copy", "begun.jsonl", url])).toMatchObject({ code: 0 });
    expect(await stage.run(["log", "verify", "--idempotency-log", url])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("0 records"),
    });
    expect(await stage.run(["log", "copy", url, "back.jsonl"])).toMatchObject({ code: 0 });
    expect(readFileSync(join(stage.folder, "back.jsonl"), "utf8")).toBe(`${header}\n`);
  });

  it("finds the head of a log that held no record yet in what it has become", async () => {
    const stage = await stageOf(1);
    await stage.sync();
    const file = "tenants.csv.idempotency.jsonl";
    const url = server.url("grown");
    const [header = ""] = readFileSync(join(stage.folder, file), "utf8").split("\n");
    const { digest } = JSON.parse(header) as { readonly digest: string };
    copyFileSync(join(stage.folder, file), join(stage.folder, "copied.jsonl"));
    expect(await stage.run(["log", "copy", "copied.jsonl", url])).toMatchObject({ code: 0 });
    for (const log of [file, url]) {
      const verify = (...heads: string[]) =>
        stage.run(["log", "verify", "--idempotency-log", log, ...heads.flatMap((head) => ["--head", head])]);
      const [right, wrong] = [`0:${digest}`, `0:${"0".repeat(64)}`];
      expect(await verify(right, right)).toMatchObject({ code: 0 });
      // Each head is looked for, not the last one alone.
      expect(await verify(wrong, right)).toMatchObject({ code: 6 });
    }
  });

  it("copies no log onto itself, and does not wait for its own lock", async () => {
    const stage = await stageOf(1);
    await stage.sync();
    const file = "tenants.csv.idempotency.jsonl";
    const url = server.url("itself");
    copyFileSync(join(stage.folder, file), join(stage.folder, "from.jsonl"));
    expect(await stage.run(["log", "copy", "from.jsonl", url])).toMatchObject({ code: 0 });
    for (const [from, to] of [
      [file, `./${file}`],
      [url, url.replace("postgres://", "postgresql://")],
    ] as const)
      expect(await stage.run(["log", "copy", from, to, "--lock-timeout", "20s"])).toMatchObject({
        code: 6,
        stderr: expect.stringContaining("[LOG_NOT_EMPTY]"),
      });
  });

  it("goes on with a copy that was cut short, also of a log with CRLF", async () => {
    const stage = await stageOf(3);
    await stage.sync();
    const text = readFileSync(join(stage.folder, "tenants.csv.idempotency.jsonl"), "utf8");
    await stage.put("crlf.jsonl", text.replaceAll("\n", "\r\n"));
    for (const [name, part] of [
      ["lf.jsonl", text.split("\n").slice(0, 4).join("\n")],
      ["torn.jsonl", text.slice(0, text.length / 2)],
    ] as const) {
      await stage.put(name, part);
      await stage.put("from.jsonl", text.replaceAll("\n", "\r\n"));
      expect(await stage.run(["log", "copy", "from.jsonl", name])).toMatchObject({ code: 0 });
      expect(readFileSync(join(stage.folder, name), "utf8")).toBe(text);
    }
    const url = server.url("crlf");
    expect(await stage.run(["log", "copy", "crlf.jsonl", url])).toMatchObject({ code: 0 });
    expect(await server.sql("SELECT FROM qalyptus_propagate.records WHERE log = 'crlf' AND line LIKE E'%\\r'")).toEqual(
      [],
    );
  });

  it("tells a tenant's whole history: when, by whom, from which app to which", async () => {
    const stage = await stageOf(2);
    const url = server.url("told");
    await syncOn(stage, url);
    await stage.put("tenants.csv", manifestOf(2).replace(tenantAppId(1), tenantAppId(9)));
    expect((await syncOn(stage, url)).code).toBe(0);
    const human = await stage.run(["log", "history", "tenant-1", "--idempotency-log", url]);
    expect(human.stdout).toMatch(/create is sent/);
    expect(human.stdout).toContain(`     - ${tenantAppId(1)}\n     + ${tenantAppId(9)}  report `);
    expect(human.stdout).toMatch(/update done/);
    const { stdout } = await stage.run(["log", "history", "tenant-1", "--idempotency-log", url, "--format", "json"]);
    const { records } = JSON.parse(stdout) as {
      records: { type: string; apps: { before: string; newQlikAppId: string }[]; by: object }[];
    };
    const patch = records.find(({ type }) => type === "patch-intent");
    expect(patch).toMatchObject({ by: { host: expect.any(String), version: expect.any(String) } });
    expect(patch?.apps[0]).toMatchObject({ before: tenantAppId(1), newQlikAppId: tenantAppId(9) });
    expect(await stage.run(["log", "history", "tenant-7", "--idempotency-log", url])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("tenant-1"),
    });
  });

  it("takes no password from an argument, and shows none", async () => {
    const stage = await stageOf(1);
    const withPassword = server.url("secret").replace("postgres@", "postgres:hidden-word-1@");
    const typed = await syncOn(stage, withPassword);
    expect(typed).toMatchObject({ code: 2, result: { errors: [{ code: "LOG_URL" }] } });
    const fromEnvironment = await stage.run(["sync", "tenants.csv", ...SHAPE, "--format", "json"], {
      env: { QALYPTUS_IDEMPOTENCY_LOG: withPassword },
    });
    expect(fromEnvironment.code).toBe(0);
    for (const { stdout, stderr } of [typed, fromEnvironment]) expect(stdout + stderr).not.toContain("hidden-word-1");
    for (const [url, word] of [
      ["postgres://a@one,two/db?log=x", "several hosts"],
      ["postgres://a@one/db?log=x&service=y", "service"],
      ["postgres://a@one/db", "which log"],
      ["postgres://a@one/?log=x", "no database"],
      ["postgres://a@one/db?log=x&sslmode=prefer", "sslmode=prefer"],
      ["postgres://a@one/db?log=a%20b", "no name of a log"],
      ["postgres://a@%2Fvar%2Frun/db?log=x", "socket"],
      ["postgres://a@one:0/db?log=x", "port 0"],
    ] as const)
      expect(await stage.run(["log", "verify", "--idempotency-log", url])).toMatchObject({
        code: 2,
        stderr: expect.stringContaining(word),
      });
  });

  it("reaches a log as it was typed, whatever the environment says of TLS", async () => {
    const stage = await stageOf(1);
    const typed = ["log", "verify", "--idempotency-log", `${server.url("typed")}&sslmode=verify-full`];
    const env = { QALYPTUS_IDEMPOTENCY_LOG: `${server.url("typed")}&sslmode=disable` };
    expect(await stage.run(typed, { env })).toMatchObject({ code: 6, stderr: expect.stringContaining("[LOG_TLS]") });
  });

  it("takes a variable that is set to nothing for none", async () => {
    const stage = await stageOf(1);
    const env = { PGPASSWORD: "", PGPASSFILE: "", PGSSLROOTCERT: "", QALYPTUS_IDEMPOTENCY_LOG: "" };
    for (const url of [server.url("nothing"), `${server.url("nothing")}&sslmode=verify-full`]) {
      const { code, stderr } = await stage.run(["log", "verify", "--idempotency-log", url], { env });
      expect([code, stderr]).toEqual([
        url.includes("ssl") ? 6 : 2,
        expect.stringMatching(url.includes("ssl") ? /\[LOG_TLS\]/ : /\[NO_LOG\]/),
      ]);
    }
  });

  it("takes what holds a database's address for no file, which it would name with its password", async () => {
    const stage = await stageOf(1);
    const url = "postgres://ci:hidden-word-1@db.example.com/logs?log=x";
    for (const typed of [`"${url}"`, `'${url}'`, `jdbc:${url}`, url.replace("postgres", "mysql")]) {
      for (const words of [["status"], ["sync", "tenants.csv", ...SHAPE], ["log", "verify", "--format", "json"]]) {
        const told = await stage.run(words, { env: { QALYPTUS_IDEMPOTENCY_LOG: typed } });
        expect(told).toMatchObject({ code: 2, stderr: expect.stringContaining("[LOG_URL]") });
        expect(told.stdout + told.stderr).not.toContain("hidden-word-1");
      }
    }
    const blank = await stage.run(["status"], { env: { QALYPTUS_IDEMPOTENCY_LOG: ` ${server.url("blank")}\n` } });
    expect(blank.stderr).toContain(`there is no idempotency log ${server.url("blank")}`);
  });

  it.skipIf(!OWN_POSTGRES)("refuses a standby, and a server that is not there", async () => {
    const stage = await stageOf(1);
    writeFileSync(join(server.folder, "data", "standby.signal"), "");
    server.down();
    server.up();
    try {
      expect(await syncOn(stage, server.url("standby"))).toMatchObject({
        code: 6,
        result: { errors: [{ code: "LOG_STANDBY" }] },
      });
    } finally {
      await server.sql("SELECT pg_promote()", "postgres");
    }
    expect(await syncOn(stage, "postgres://a@127.0.0.1:9/db?log=x")).toMatchObject({
      code: 6,
      result: { errors: [{ code: "LOG_UNREACHABLE" }] },
    });
  });

  it.skipIf(!OWN_POSTGRES)(
    "holds a database's certificate against the authorities, and says what it wants",
    async () => {
      const stage = await stageOf(1);
      server.secure();
      try {
        const url = `${server.url("secured")}&sslmode=verify-full`;
        expect(await syncOn(stage, url)).toMatchObject({ code: 6, result: { errors: [{ code: "LOG_TLS" }] } });
        const trusting = await syncOn(stage, url, ["--ca-file", join(TLS, "authority.pem")]);
        expect(trusting).toMatchObject({ code: 0, result: { log: { path: server.url("secured") } } });
        const env = { PGSSLROOTCERT: join(TLS, "authority.pem") };
        expect(await stage.run(["log", "verify", "--idempotency-log", url], { env })).toMatchObject({ code: 0 });
        // The certificate is of localhost, qalyptus.test and 127.0.0.1.
        const elsewhere = url.replace("127.0.0.1", "127.0.0.2");
        expect(await stage.run(["log", "verify", "--idempotency-log", elsewhere], { env })).toMatchObject({ code: 6 });
      } finally {
        server.down();
        server.up();
      }
      expect(await syncOn(stage, `${server.url("secured")}&sslmode=require`)).toMatchObject({
        code: 6,
        result: { errors: [{ code: "LOG_TLS", message: expect.stringContaining("offers no TLS") }] },
      });
      expect(await stage.run(["log", "init", `${server.url("secured")}&sslmode=require`])).toMatchObject({
        code: 6,
        stderr: expect.stringContaining("offers no TLS"),
      });
    },
  );

  it.skipIf(!OWN_POSTGRES)(
    "reads the password from PGPASSWORD or a password file that nobody else may read",
    async () => {
      const stage = await stageOf(1);
      const keeper = await server.role("keeper", "qalyptus_propagate_runner", "PASSWORD 'so:secret\\1'");
      const access = join(server.folder, "data", "pg_hba.conf");
      const trusting = readFileSync(access);
      writeFileSync(access, "host all keeper 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n");
      await server.sql("SELECT pg_reload_conf()");
      try {
        const url = server.url("guarded", keeper);
        const run = (env: Readonly<Record<string, string>>) =>
          stage.run(["sync", "tenants.csv", ...SHAPE, "--idempotency-log", url], {
            env: { HOME: stage.folder, ...env },
          });
        expect(await run({})).toMatchObject({ code: 6, stderr: expect.stringContaining("wants a password") });
        expect(await run({ PGPASSWORD: "wrong-word" })).toMatchObject({
          code: 6,
          stderr: expect.stringContaining("[LOG_PASSWORD]"),
        });
        expect(await run({ PGPASSWORD: "so:secret\\1" })).toMatchObject({ code: 0 });
        const file = await stage.put(
          "passwords",
          `# mine\n*:${server.port}:other:keeper:no\n127.0.0.1:*:logs:keeper:so\\:secret\\\\1\n`,
        );
        chmodSync(file, 0o600);
        expect(await run({ PGPASSFILE: file })).toMatchObject({ code: 0 });
        chmodSync(file, 0o644);
        expect(await run({ PGPASSFILE: file })).toMatchObject({
          code: 6,
          stderr: expect.stringContaining("wants a password"),
        });
      } finally {
        writeFileSync(access, trusting);
        await server.sql("SELECT pg_reload_conf()");
      }
    },
  );
});
