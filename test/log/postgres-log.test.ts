import { readdirSync, readFileSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openLogForRun } from "../../src/log/file/log-file.js";
import { readLog } from "../../src/log/file/read-log.js";
import { LOCK_TIMING } from "../../src/log/heartbeat.js";
import type { OpenLog } from "../../src/log/open-log.js";
import { parsePostgresUrl } from "../../src/log/postgres/address.js";
import { Database } from "../../src/log/postgres/database.js";
import { PostgresLog } from "../../src/log/postgres/postgres-log.js";
import { INIT_SQL } from "../../src/log/postgres/tables.js";
import { StopError } from "../../src/shared/problems.js";
import { systemClock } from "../../src/shared/time.js";
import { inFolder, openRequest } from "../support/log-places.js";
import { createIntent, createOutcome, MONTHLY, SERVER } from "../support/log-samples.js";
import { freePort, HAS_POSTGRES, OWN_POSTGRES, TestPostgres } from "../support/postgres.js";

const NO_PASSWORD = { password: undefined, secureContext: undefined };
let server: TestPostgres;
type Request = Parameters<PostgresLog["open"]>[0];

function logAt(url: string): PostgresLog {
  return new PostgresLog(parsePostgresUrl(url, true, {}), NO_PASSWORD, process.pid);
}

async function read(url: string) {
  const log = logAt(url);
  try {
    return await log.read();
  } finally {
    await log.close();
  }
}

function request(path: string, more: Partial<Request> = {}): Request {
  const clock = { ...systemClock, now: () => new Date("2026-01-31T02:00:00.000Z") };
  return {
    path,
    server: SERVER,
    sourceTasks: [MONTHLY],
    run: "run-1",
    clock,
    command: "sync",
    by: { host: "acme-01", version: "1" },
    ...more,
  };
}

function open(url: string, more: Partial<Request> = {}): Promise<OpenLog> {
  const log = logAt(url);
  return log.open(request(log.path, more));
}

async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof StopError)) throw new Error(`no stop, but ${String(error)}`);
  return `${error.exitCode} ${error.problems[0]?.code}`;
}

/** A way to the database that can lose what goes either way. */
class Way {
  lose: "nothing" | "answers" | "requests" = "nothing";
  /** The answer to the next statement that begins so is lost. */
  loseAnswerTo: string | undefined;
  readonly #server: Server;
  readonly port: number;
  readonly #sockets = new Set<Socket>();

  private constructor(port: number, target: number) {
    this.port = port;
    this.#server = createServer((client) => {
      const upstream = connect(target, "127.0.0.1");
      for (const socket of [client, upstream]) {
        this.#sockets.add(socket);
        socket.on("error", () => undefined);
      }
      const end = (): void => {
        client.destroy();
        upstream.destroy();
      };
      client.on("close", end);
      upstream.on("close", end);
      let isLost = false;
      client.on("data", (bytes) => {
        if (this.lose === "requests") return end();
        if (this.loseAnswerTo !== undefined && bytes.includes(this.loseAnswerTo)) {
          this.loseAnswerTo = undefined;
          isLost = true;
        }
        upstream.write(bytes);
      });
      upstream.on("data", (bytes) => (isLost || this.lose === "answers" ? end() : client.write(bytes)));
    }).listen(port, "127.0.0.1");
  }

  static async to(target: number): Promise<Way> {
    return new Way(await freePort(), target);
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}

beforeAll(async () => {
  if (!HAS_POSTGRES) return;
  server = await TestPostgres.start();
  await server.sql(INIT_SQL);
}, 60_000);
afterAll(async () => {
  if (HAS_POSTGRES) await server.stop();
});

describe.skipIf(!HAS_POSTGRES)("a log in PostgreSQL", () => {
  it.skipIf(!OWN_POSTGRES)(
    "needs its tables, which nobody but log init makes, and which may be made again",
    async () => {
      await server.sql("CREATE DATABASE bare");
      const url = server.url("none").replace(/\/\w+\?/, "/bare?");
      expect(await codeOf(open(url))).toBe("6 LOG_TABLES_MISSING");
      const database = new Database(parsePostgresUrl(url, true, {}), NO_PASSWORD);
      await database.query(INIT_SQL);
      await database.query(INIT_SQL);
      await database.close();
      expect((await read(url)).head).toBeNull();
    },
  );

  it("has the lines of a file, byte for byte", () =>
    inFolder(async (folder) => {
      const path = join(folder, "log.jsonl");
      const file = await openLogForRun(openRequest(path));
      const log = await open(server.url("bytes"));
      for (const one of [file, log]) {
        expect(one.head()).toBeNull();
        await Promise.all([one.append([createIntent("acme", 1)]), one.append([createIntent("zürich ✓", 2)])]);
        await one.append([createOutcome(1)]);
        await one.close();
      }
      const log2 = logAt(server.url("bytes"));
      const pieces: Uint8Array[] = [];
      for await (const piece of log2.text()) pieces.push(piece);
      const { head } = await log2.read();
      await log2.close();
      expect(Buffer.concat(pieces).toString()).toBe(readFileSync(path, "utf8"));
      expect(head).toMatchObject({ seq: 3, path: server.url("bytes") });
      const [row] = await server.sql(
        "SELECT head_seq::int, header IS NOT NULL AS headed, holder FROM qalyptus_propagate.logs WHERE name = 'bytes'",
      );
      expect(row).toEqual({ head_seq: 3, headed: true, holder: null });
    }));

  it("takes another log over whole or not at all, as a file does", () =>
    inFolder(async (folder) => {
      const source = join(folder, "source.jsonl");
      const from = await openLogForRun(openRequest(source));
      await from.append([createIntent("acme", 1)]);
      await from.append([createOutcome(1), createIntent("beta", 2)]);
      await from.close();
      const [header = "", ...records] = readFileSync(source, "utf8").trimEnd().split("\n");
      const target = join(folder, "target.jsonl");
      const url = server.url("taken-over");
      for (const [openTarget, readTarget] of [
        [() => openLogForRun(openRequest(target)), async () => readLog(target)],
        [() => open(url), () => read(url)],
      ] as const) {
        const cut = await openTarget();
        const cutShort = cut.takeOver(async () => {
          await cut.appendLines([header]);
          await cut.appendLines(records.slice(0, 1));
          throw new Error("killed");
        });
        await expect(cutShort).rejects.toThrow("killed");
        await cut.close();
        expect((await readTarget()).head).toBeNull();
        const whole = await openTarget();
        await whole.takeOver(async () => {
          await whole.appendLines([header]);
          await whole.appendLines(records);
        });
        await whole.close();
        expect((await readTarget()).head).toMatchObject({ seq: 3 });
      }
      expect(readFileSync(target, "utf8")).toBe(readFileSync(source, "utf8"));
      expect(readdirSync(folder).sort()).toEqual(["source.jsonl", "target.jsonl"]);
    }));

  it("is one run's at a time, and tells whose", async () => {
    const url = server.url("locked");
    const first = await open(url);
    await first.append([createIntent("acme", 1)]);
    const error: unknown = await open(url, { run: "run-2" }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      exitCode: 6,
      problems: [{ code: "LOG_LOCKED", value: "1", message: expect.stringContaining("on host acme-01") }],
    });
    await first.close();
    const second = await open(url, { run: "run-2" });
    expect([...second.state.tenants()].map(({ tenant }) => tenant)).toEqual(["acme"]);
    await second.close();
  });

  it("goes to exactly one of twenty", async () => {
    for (let round = 0; round < 5; round += 1) {
      const url = server.url(`race-${round}`);
      const ends = await Promise.allSettled(Array.from({ length: 20 }, (_, at) => open(url, { run: `run-${at}` })));
      const won = ends.flatMap((end) => (end.status === "fulfilled" ? end.value : []));
      expect(won).toHaveLength(1);
      for (const log of won) await log.close();
    }
  });

  it("is taken over from a silent holder, who then writes nothing more", async () => {
    const url = server.url("silent");
    const timing = { ...LOCK_TIMING, silentMs: 200 };
    const frozen = await open(url, { timing });
    await frozen.append([createIntent("acme", 1)]);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const next = await open(url, { timing, run: "run-2" });
    expect(await codeOf(frozen.append([createOutcome(1)]))).toBe("6 LOG_LOCK_LOST");
    expect(() => frozen.checkMaySend()).toThrow("was lost");
    await next.append([createOutcome(1)]);
    await frozen.close();
    await next.append([createIntent("beta", 2)]);
    await next.close();
    expect((await read(url)).head?.seq).toBe(3);
  });

  it("sends nothing once its last beat is old", async () => {
    let now = 0;
    const clock = { ...systemClock, monotonic: () => now };
    const log = await open(server.url("stale"), { clock });
    log.checkMaySend();
    now = 45_001;
    expect(() => log.checkMaySend()).toThrow("gave no sign of life");
    await log.append([createIntent("acme", 1)]);
    await log.close();
  });

  it("lets a lock be broken by its number", async () => {
    const url = server.url("broken");
    const first = await open(url);
    expect(await codeOf(open(url, { breakLock: "7" }))).toBe("6 LOG_LOCKED");
    const second = await open(url, { breakLock: "1" });
    expect(second.warnings.map(({ code }) => code)).toEqual(["LOCK_BROKEN"]);
    expect(await codeOf(first.append([createIntent("acme", 1)]))).toBe("6 LOG_LOCK_LOST");
    await second.close();
    const third = await open(url, { breakLock: "1" });
    expect(third.warnings.map(({ code }) => code)).toEqual(["LOCK_NOT_THERE"]);
    await third.close();
    await first.close();
  });

  it("reads its numbers whole, however few digits a role asks for", async () => {
    await server.sql(
      "CREATE ROLE rough LOGIN IN ROLE qalyptus_propagate_runner; ALTER ROLE rough SET extra_float_digits = -15",
    );
    const url = server.url("rough", "rough");
    for (const run of ["run-1", "run-2"]) {
      const log = await open(url, { run });
      await log.append(Array.from({ length: 13 }, (_, at) => createIntent(`${run} ${at}`, at + 1)));
      await log.close();
    }
    expect((await read(url)).head?.seq).toBe(26);
  });

  it("finds out what became of a group whose answer was lost", async () => {
    const way = await Way.to(server.port);
    const log = await open(server.url("lost", "postgres", way.port));
    await log.append([createIntent("acme", 1)]);
    for (const [at, lose] of (["answers", "requests", "answers"] as const).entries()) {
      way.lose = lose;
      const appended = log.append([createIntent(`tenant ${at}`, at + 2)]);
      setTimeout(() => (way.lose = "nothing"), 400);
      await appended;
    }
    await log.close();
    way.close();
    const { head, state } = await read(server.url("lost"));
    expect(head?.seq).toBe(4);
    expect([...state.tenants()]).toHaveLength(4);
  });

  it("has the lock where the answer that gave it was lost", async () => {
    const way = await Way.to(server.port);
    const url = server.url("taken", "postgres", way.port);
    way.loseAnswerTo = "UPDATE qalyptus_propagate.logs SET fence";
    const log = await open(url);
    await log.append([createIntent("acme", 1)]);
    await log.close();
    way.close();
    expect((await read(server.url("taken"))).head?.seq).toBe(1);
  });

  it.skipIf(!OWN_POSTGRES)("goes on after its server was killed and started again", async () => {
    const log = await open(server.url("restarted"));
    await log.append([createIntent("acme", 1)]);
    server.down("immediate");
    const appended = log.append([createOutcome(1)]);
    await new Promise((resolve) => setTimeout(resolve, 500));
    server.up();
    await appended;
    await log.close();
    expect((await read(server.url("restarted"))).head?.seq).toBe(2);
  });

  it("goes on though its backends are ended again and again", async () => {
    const log = await open(server.url("ended"));
    let going = true;
    const killer = (async () => {
      while (going) {
        await server.sql(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'qalyptus-propagate'",
        );
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })();
    for (let at = 0; at < 30; at += 1)
      await Promise.all([1, 2, 3].map((more) => log.append([createIntent(`t${at}-${more}`, at * 3 + more)])));
    going = false;
    await killer;
    await log.close();
    const { head, state } = await read(server.url("ended"));
    expect(head?.seq).toBe(90);
    expect([...state.tenants()]).toHaveLength(90);
  });

  it.skipIf(!OWN_POSTGRES)(
    "waits for the disk whatever a role says of synchronous_commit, and tells lines that are gone",
    async () => {
      const hasty = await server.role("hasty", "qalyptus_propagate_runner");
      await server.sql(`ALTER ROLE ${hasty} SET synchronous_commit = off`);
      const log = await open(server.url("hasty", hasty));
      await log.append([createIntent("acme", 1)]);
      server.down("immediate");
      server.up();
      await log.append([createOutcome(1)]);
      await log.close();
      expect((await read(server.url("hasty"))).head?.seq).toBe(2);
      await server.sql("DELETE FROM qalyptus_propagate.records WHERE log = 'hasty' AND seq = 2");
      expect(await codeOf(read(server.url("hasty")))).toBe("6 LOG_DAMAGED");
    },
  );

  it("lets the runner only append, and the auditor only read", async () => {
    const job = await server.role("job", "qalyptus_propagate_runner");
    const reader = await server.role("reader", "qalyptus_propagate_auditor");
    const nobody = await server.role("nobody", "pg_monitor");
    const log = await open(server.url("roles", job));
    await log.append([createIntent("acme", 1)]);
    await log.close();
    expect((await read(server.url("roles", reader))).head?.seq).toBe(1);
    expect(await codeOf(open(server.url("roles", reader)))).toBe("6 LOG_NO_RIGHT");
    expect(await codeOf(read(server.url("roles", nobody)))).toBe("6 LOG_NO_RIGHT");
    const as = (role: string, text: string) => server.sql(`SET ROLE ${role}; ${text}`);
    for (const text of [
      "DELETE FROM qalyptus_propagate.records",
      "UPDATE qalyptus_propagate.records SET line = ''",
      "DELETE FROM qalyptus_propagate.logs",
      "CREATE TABLE qalyptus_propagate.more ()",
      "UPDATE qalyptus_propagate.logs SET head_seq = 0 WHERE name = 'roles'",
      "UPDATE qalyptus_propagate.logs SET fence = 0 WHERE name = 'roles'",
      "UPDATE qalyptus_propagate.logs SET header = '' WHERE name = 'roles'",
    ])
      await expect(as(job, text), text).rejects.toThrow(/permission denied|only grows/);
  });
});
