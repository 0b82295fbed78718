import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client } from "pg";

export const TLS = fileURLToPath(new URL("../fixtures/tls", import.meta.url));

/** Debian's programs, the newest version; else those of the PATH. */
function binaries(): string | undefined {
  const root = "/usr/lib/postgresql";
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
  return versions.map((version) => join(root, version, "bin")).find((bin) => existsSync(join(bin, "initdb")));
}

/** Whether tests that start, kill and secure a PostgreSQL of their own can run here. */
export const OWN_POSTGRES = binaries() !== undefined;
/** Whether tests that need a PostgreSQL can run here: their own, or that of PGTEST_URL (a superuser's, without a database's name). */
export const HAS_POSTGRES = OWN_POSTGRES || process.env.PGTEST_URL !== undefined;
export const HAS_PGBOUNCER = OWN_POSTGRES && existsSync("/usr/sbin/pgbouncer");

/** PostgreSQL refuses to run as root: then its own user runs it. */
function asPostgres(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const id = (flag: string): number => Number(spawnSync("id", [flag, "postgres"], { encoding: "utf8" }).stdout);
  return { uid: id("-u"), gid: id("-g") };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** A PostgreSQL of this test's own, on a free port, whose data is removed with it; else a database of its own at PGTEST_URL. */
export class TestPostgres {
  readonly port: number;
  readonly folder: string;
  readonly #host: URL;
  readonly #database: string;
  readonly #roles: string[] = [];

  private constructor(host: URL, folder: string, database: string) {
    this.#host = host;
    this.port = Number(host.port);
    this.folder = folder;
    this.#database = database;
  }

  static async start(settings: readonly string[] = []): Promise<TestPostgres> {
    const folder = mkdtempSync(join(tmpdir(), "qalyptus-postgres-"));
    const given = process.env.PGTEST_URL;
    const own = new URL(`postgres://postgres@127.0.0.1:${await freePort()}`);
    const database = OWN_POSTGRES ? "logs" : `logs_${process.pid}_${Date.now()}`;
    const server = new TestPostgres(OWN_POSTGRES || given === undefined ? own : new URL(given), folder, database);
    if (OWN_POSTGRES) {
      const who = asPostgres();
      if (who.uid !== undefined && who.gid !== undefined) chownSync(folder, who.uid, who.gid);
      const data = join(folder, "data");
      server.#run("initdb", ["-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-locale", "-N"]);
      server.up(settings);
    }
    await server.sql(`CREATE DATABASE ${database}`, "postgres");
    return server;
  }

  /** `postgres://…` of a log in it. */
  url(log: string, user = "postgres", port = this.port): string {
    return `postgres://${user}@${this.#host.hostname}:${port}/${this.#database}?log=${log}`;
  }

  up(settings: readonly string[] = []): void {
    const options = [`-p ${this.port}`, "-c listen_addresses=127.0.0.1", `-c unix_socket_directories=${this.folder}`];
    const all = [...options, ...settings.map((setting) => `-c ${setting}`)].join(" ");
    this.#run("pg_ctl", ["-D", join(this.folder, "data"), "-o", all, "-l", join(this.folder, "log"), "-w", "start"]);
  }

  /** `immediate`: as a crash does. */
  down(mode: "fast" | "immediate" = "fast"): void {
    this.#run("pg_ctl", ["-D", join(this.folder, "data"), "-m", mode, "-w", "stop"]);
  }

  async sql<Row = Record<string, unknown>>(text: string, database = this.#database): Promise<readonly Row[]> {
    const { hostname: host, username, password } = this.#host;
    const client = new Client({ host, port: this.port, user: username, password, database, ssl: false });
    await client.connect();
    try {
      const { rows } = await client.query(text);
      return rows as readonly Row[];
    } finally {
      await client.end();
    }
  }

  /** Secures it with the tests' certificate. */
  secure(): void {
    const { uid = -1, gid = -1 } = asPostgres();
    for (const name of ["server.pem", "server-key.pem"]) {
      const path = join(this.folder, "data", name);
      copyFileSync(join(TLS, name), path);
      chmodSync(path, 0o600);
      chownSync(path, uid, gid);
    }
    this.down();
    this.up(["ssl=on", "ssl_cert_file=server.pem", "ssl_key_file=server-key.pem"]);
  }

  /** A user that may log in, with a group's rights; its name. */
  async role(name: string, group: string, more = ""): Promise<string> {
    const role = OWN_POSTGRES ? name : `${name}_${this.#database}`;
    await this.sql(`CREATE ROLE ${role} LOGIN ${more}; GRANT ${group} TO ${role}`);
    this.#roles.push(role);
    return role;
  }

  async stop(): Promise<void> {
    if (OWN_POSTGRES) this.down("immediate");
    else {
      await this.sql(`DROP DATABASE ${this.#database} WITH (FORCE)`, "postgres");
      for (const role of this.#roles) await this.sql(`DROP ROLE ${role}`, "postgres");
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  #run(program: string, args: readonly string[]): void {
    const done = spawnSync(join(binaries() ?? "", program), args, {
      ...asPostgres(),
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      cwd: "/",
    });
    if (done.status !== 0) throw new Error(`${program}: ${done.stderr}${done.stdout}`);
  }
}

/** A PgBouncer in transaction mode before a PostgreSQL, on a port of its own. */
export async function startPgBouncer(server: TestPostgres): Promise<{ readonly port: number; stop(): void }> {
  const port = await freePort();
  const config = join(server.folder, "pgbouncer.ini");
  const text = `[databases]
logs = host=127.0.0.1 port=${server.port} dbname=logs
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
auth_type = trust
auth_file = ${join(server.folder, "users")}
pool_mode = transaction
default_pool_size = 3
unix_socket_dir =
`;
  writeFileSync(config, text);
  writeFileSync(join(server.folder, "users"), '"postgres" ""\n"job" ""\n');
  const child = spawn("/usr/sbin/pgbouncer", [config], { ...asPostgres(), stdio: "ignore" });
  await untilListening(port);
  return { port, stop: () => void child.kill("SIGTERM") };
}

async function untilListening(port: number): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    const isThere = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => resolve(true)).on("error", () => resolve(false));
      socket.on("connect", () => socket.destroy());
    });
    if (isThere) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`nothing listens on ${port}`);
}
