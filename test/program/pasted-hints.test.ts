import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rename, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { runShell } from "../../src/cli/shell.js";
import { fakeHost } from "../support/fake-host.js";
import { HostileServer, REPORTS } from "../support/hostile-server.js";
import { LOG } from "../support/hostile-stage.js";
import { app, MASTER, MONTHLY, WEEKLY } from "../support/manifests.js";

const run = promisify(execFile);
const QUICK = ["--settle", "100ms", "--timeout", "3s", "--retries", "0"];
const SHAPED = ["--source-task", MONTHLY, "--master-app", MASTER];
const SYNC = ["sync", "tenants.csv", ...SHAPED];
const nameOf = (tenant: string): string => `Monthly Report - ${tenant}`;
const MUELLER = "Müller & Söhne $x";
const TWO = { acme: 1, [MUELLER]: 2 };

/** How a command line ended, and what it said to a person. */
interface Ended {
  readonly exit: number;
  readonly said: string;
}

/** A bent server and a folder, on which command lines are carried out in this process. */
class Scene {
  readonly server = new HostileServer();
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  async carryOut(argv: readonly string[], usual = false): Promise<Ended> {
    const QALYPTUS_SERVER = usual ? this.server.origin : undefined;
    const host = fakeHost({ cwd: this.folder, env: { QALYPTUS_API_KEY: "key-of-acme", QALYPTUS_SERVER } });
    const exit = await runShell(argv, { host, hasAnswered: () => false, untakenSignal: new Promise(() => undefined) });
    return { exit, said: `${host.written.stdout()}\n${host.written.stderr()}` };
  }

  /** The command line with the server and with short waits, as a person would type it. */
  readonly tell = (argv: readonly string[]): Promise<Ended> => {
    const { origin } = this.server;
    const more = argv[0] === "sync" ? [...QUICK, "--server", origin] : argv[0] === "doctor" ? ["--server", origin] : [];
    return this.carryOut([...argv, ...more]);
  };

  readonly manifest = async (
    rows: Readonly<Record<string, number | string>>,
    columns = "newQlikAppId",
  ): Promise<void> => {
    const lines = Object.entries(rows).map(
      ([tenant, rest]) => `"${tenant}",${typeof rest === "number" ? app(rest) : rest}`,
    );
    await writeFile(join(this.folder, "tenants.csv"), [`tenant,${columns}`, ...lines, ""].join("\n"));
  };

  copy(tenant: string) {
    return this.server.named(nameOf(tenant));
  }

  loseLog(): Promise<void> {
    return rm(join(this.folder, LOG));
  }
}

/** One command of one hint: how the state is made, what is told, and what pasting the command comes to. */
interface Case {
  readonly code: string;
  /** Makes the state. By default two tenants have been copied. */
  readonly make?: (scene: Scene) => unknown;
  readonly fresh?: true;
  readonly told?: readonly string[];
  /** The server is named in the environment, as its key is. */
  readonly usual?: true;
  /** What a person does first, as the sentence says. The server is honest again by then. */
  readonly first?: (scene: Scene, line: string) => unknown;
  readonly command: RegExp;
  /** The sentence above it, where several have such a command. */
  readonly below?: string;
  /** All commands below the sentence are pasted, one after the other. */
  readonly all?: true;
  readonly exit?: number;
  /** What the sentence promised. By default: the same sync ends well. */
  readonly after?: (scene: Scene, pasted: Ended) => unknown;
}

const endsWell = async (scene: Scene, argv: readonly string[] = SYNC): Promise<void> => {
  const { exit, said } = await scene.tell(argv);
  expect(exit, said).toBe(0);
};
const only = (tenants: Readonly<Record<string, number | string>>) => (scene: Scene) => scene.manifest(tenants);
const rows =
  (...lines: readonly string[]) =>
  (scene: Scene) =>
    writeFile(join(scene.folder, "tenants.csv"), [...lines, ""].join("\n"));
const isThere = (tenant: string) => async (scene: Scene) => {
  await endsWell(scene);
  scene.copy(tenant);
};

const NEW = { ...TWO, new: 3 };
/** A third tenant, whose create is lost on its way; `named`: it was made, under this name. Then the list cannot be read. */
const doubt =
  (named?: string) =>
  async ({ server, manifest, tell }: Scene): Promise<void> => {
    await manifest(NEW);
    if (named !== undefined) server.nameGiven = () => named;
    server.fate = ({ kind }) => (kind === "patch" ? "ok" : named === undefined ? "lost-before" : "lost-after");
    server.listed = (tasks) => (server.writes.length > 2 ? 500 : tasks);
    expect((await tell(SYNC)).exit).toBe(4);
    server.listed = (tasks) => tasks;
    server.fate = () => "ok";
  };
const forgotten = { command: / --forget --reason /, after: (s: Scene) => endsWell(s) };
/** Deletes all tasks of a name but that of the command. */
const keepOnly = (name: string) => (s: Scene, line: string) => {
  for (const copy of s.server.copies) if (copy.name === name && !line.includes(copy.id)) s.server.remove(copy);
};
const swapIds = (s: Scene): void => {
  const [one, other] = [s.copy("acme"), s.copy(MUELLER)];
  [one.id, other.id] = [other.id, one.id];
};
const lock =
  (ageMs: number) =>
  async ({ folder }: Scene): Promise<void> => {
    const path = join(folder, `${LOG}.lock`);
    const owner = { v: 1, id: "0123456789abcdef", host: "elsewhere", pid: 1, startedAt: "2026-01-01T00:00:00Z" };
    await writeFile(path, `${JSON.stringify({ ...owner, command: "sync", beat: "0000000000" })}\n`);
    const written = new Date(Date.now() - ageMs);
    await utimes(path, written, written);
  };
const COMPLETE = {
  fresh: true,
  usual: true,
  make: rows("tenant,newQlikAppId,sourceTaskId,qlikAppId", `acme,${app(1)},${MONTHLY},${MASTER}`),
  command: / sync tenants.csv --dry-run$/,
  after: (_: Scene, { said }: Ended) => expect(said).toContain("1 create"),
} as const;
const DOCTOR = ["doctor", "tenants.csv", ...SHAPED];

const CASES: readonly Case[] = [
  // plan/conflicts.ts: gone
  { code: "GONE", make: (s) => s.server.remove(s.copy("acme")), command: / --recreate$/, after: isThere("acme") },
  {
    code: "GONE",
    make: (s) => s.server.remove(s.copy("acme")),
    command: / --forget$/,
    first: only({ [MUELLER]: 2 }),
    after: async (s) => {
      await endsWell(s);
      expect(s.server.copies).toHaveLength(1);
    },
  },
  {
    code: "GONE",
    make: (s) => {
      s.server.remove(s.copy("acme"));
      s.server.add(nameOf("acme"), app(1));
    },
    command: / --task-id \S+$/,
  },
  {
    code: "NOT_SEEN",
    make: (s) => {
      s.server.remove(s.copy("acme"));
      s.server.totalNamed = (tasks) => tasks.length + 1;
    },
    command: / --retry$/,
    after: isThere("acme"),
  },
  {
    code: "NOT_SEEN",
    make: (s) => {
      s.server.remove(s.copy("acme"));
      s.server.totalNamed = (tasks) => tasks.length + 1;
    },
    first: only({ [MUELLER]: 2 }),
    command: / --forget$/,
  },
  // nameTaken
  { code: "NAME_TAKEN", make: (s) => s.loseLog(), command: / --adopt$/ },
  {
    code: "NAME_TAKEN",
    make: (s) => s.loseLog(),
    command: / acme .* --task-id \S+$/,
    after: (s) => endsWell(s, [...SYNC, "--only", "acme"]),
  },
  {
    code: "NAME_TAKEN",
    make: (s) => {
      s.server.add(nameOf("new"), app(9));
      return s.manifest(NEW);
    },
    command: / --retry$/,
    after: async (s) => {
      await s.tell(SYNC);
      expect(s.server.copies).toHaveLength(4);
    },
  },
  {
    code: "NAME_TAKEN",
    make: async (s) => {
      await s.loseLog();
      s.server.add(nameOf("acme"), app(1));
    },
    command: / acme .* --task-id \S+$/,
    first: keepOnly(nameOf("acme")),
    after: (s) => endsWell(s, [...SYNC, "--only", "acme"]),
  },
  {
    code: "NAME_TAKEN",
    make: rows("tenant,newQlikAppId,name", `Acme AG,${app(8)},${nameOf("acme")}`),
    command: / --from acme$/,
  },
  {
    code: "NAME_TAKEN",
    make: async (s) => {
      await doubt()(s);
      await rows("tenant,newQlikAppId,name", `other,${app(4)},${nameOf("new")}`)(s);
    },
    ...forgotten,
  },
  // looksLikeCopy
  {
    code: "LOOKS_LIKE_COPY",
    fresh: true,
    make: (s) => s.server.add("Old - acme", app(1)),
    command: / --adopt$/,
  },
  {
    code: "LOOKS_LIKE_COPY",
    fresh: true,
    make: (s) => s.server.add("Old - acme", app(1)),
    command: / --new-log$/,
    after: isThere("acme"),
  },
  {
    code: "LOOKS_LIKE_COPY",
    fresh: true,
    make: (s) => [s.server.add("Old - acme", app(1)), s.server.add("Older - acme", app(1))],
    command: / --task-id \S+$/,
  },
  {
    code: "TWIN",
    make: async (s) => {
      await s.manifest(NEW);
      s.server.fate = () => "twice";
      await s.tell(SYNC);
    },
    command: / --task-id \S+$/,
    first: keepOnly(nameOf("new")),
  },
  {
    code: "GAVE_UP",
    make: async (s) => {
      await s.manifest(NEW);
      s.server.fate = () => "lost-before";
      for (let run = 0; run < 4; run += 1) await s.tell(SYNC);
    },
    command: / --retry$/,
    after: isThere("new"),
  },
  // crossed
  { code: "CROSSED", make: swapIds, command: / --task-id \S+ --from \S.* --reason /, all: true },
  {
    code: "CROSSED",
    make: async (s) => {
      s.copy(MUELLER).name = nameOf("neu");
      await s.manifest({ acme: 1, neu: 2 });
    },
    command: / neu .* --from /,
  },
  {
    code: "CROSSED",
    make: async (s) => {
      s.copy(MUELLER).name = nameOf("neu");
      await s.manifest({ ...TWO, neu: 3 });
    },
    command: / --reason /,
    first: only(TWO),
  },
  {
    code: "CROSSED",
    make: async (s) => {
      await s.manifest(NEW);
      s.server.add(nameOf("other"), app(3));
      await rows("tenant,newQlikAppId,newTaskId", `new,${app(3)},${s.copy("other").id}`, `other,${app(4)},`)(s);
    },
    command: / new .* --reason /,
    after: (s) => endsWell(s, [...SYNC, "--only", "new"]),
  },
  // logLost, unreadCandidates, otherTaskId
  {
    code: "LOG_LOST",
    make: (s) => Promise.all([s.loseLog(), s.manifest(NEW)]),
    command: / --adopt --dry-run$/,
    after: (_, { said }) => expect(said).toContain("adopt"),
  },
  {
    code: "LOG_LOST",
    fresh: true,
    make: (s) => s.server.add("Old - acme", app(1)),
    command: / --new-log$/,
    below: "another's:",
    after: isThere(MUELLER),
  },
  {
    code: "LOG_LOST",
    fresh: true,
    told: [...SYNC, "--adopt"],
    make: (s) => {
      s.server.add("Monthly Report of old", app(7));
      s.server.reportsShown = (task) => (task === s.server.source ? task.reports : 500);
    },
    command: / --new-log$/,
    after: isThere("acme"),
  },
  {
    code: "TASK_ID_DIFFERS",
    make: (s) => rows("tenant,newQlikAppId,newTaskId", `acme,${app(1)},${s.server.add("Other", app(1)).id}`)(s),
    first: (s) => s.server.remove(s.copy("acme")),
    command: / --task-id \S+$/,
  },
  // appInUse, moved
  { code: "APP_IN_USE", make: only({ acme: 1, "Müller AG": 2 }), command: / --task-id \S+ --from / },
  { code: "APP_IN_USE", make: only({ acme: 1, "Müller AG": 2 }), command: / --forget$/ },
  {
    code: "APP_IN_USE",
    make: only({ acme: 1, "Müller AG": 2 }),
    command: / --allow-shared-app \S+$/,
    after: (s) => s.copy("Müller AG"),
  },
  {
    code: "APP_IN_USE",
    make: async (s) => {
      await doubt()(s);
      await s.manifest({ other: 3 });
    },
    ...forgotten,
  },
  {
    code: "MOVED",
    make: (s) => {
      s.server.add("Weekly").id = WEEKLY;
      return rows("tenant,newQlikAppId,sourceTaskId", `acme,${app(1)},${WEEKLY}`)(s);
    },
    first: (s) => s.server.remove(s.copy("acme")),
    command: / --forget$/,
    after: (s) => endsWell(s),
  },
  {
    code: "MOVED",
    make: (s) => {
      s.server.add("Weekly").id = WEEKLY;
      return rows("tenant,newQlikAppId,sourceTaskId", `acme,${app(1)},${WEEKLY}`)(s);
    },
    command: / --allow-shared-app \S+$/,
    after: (s) => s.server.named("Weekly - acme"),
  },
  // removalRefused, copiesLackReport; read-copies.ts
  {
    code: "REPORT_LEFT_OUT",
    fresh: true,
    make: async (s) => {
      const [one, two] = REPORTS.map((report) => `acme,${app(1)},${report}`);
      await rows("tenant,newQlikAppId,reportId", one ?? "", two ?? "")(s);
      await endsWell(s);
      s.server.source.reports.pop();
      await rows("tenant,newQlikAppId,reportId", one ?? "")(s);
    },
    command: / --allow-unmapped-report \S+$/,
    after: (s) => expect(s.copy("acme").reports[1]?.apps).toEqual([]),
  },
  {
    code: "COPY_LACKS_REPORT",
    make: (s) => s.server.source.reports.push(s.server.row("cccccccc-0000-4000-8000-000000000003")),
    first: (s) => s.server.remove(s.copy("acme")),
    command: / --recreate$/,
    after: (s) => expect(s.copy("acme").reports).toHaveLength(3),
  },
  {
    code: "COPY_LACKS_REPORT",
    told: [...SYNC, "--verify"],
    make: (s) => s.copy("acme").reports.pop(),
    command: / --task-id \S+$/,
    after: (s) => endsWell(s, [...SYNC, "--verify"]),
  },
  // plan/make-plan.ts
  {
    code: "SERVER_MIGRATED",
    make: (s) => s.server.migrate(s.server.copies),
    command: / --adopt --dry-run$/,
    after: (_, { said }) => expect(said).toContain("2 adopt"),
  },
  // run/settle.ts
  {
    code: "DOUBT",
    make: async (s) => {
      await doubt()(s);
      await s.manifest(TWO);
    },
    ...forgotten,
  },
  {
    code: "DOUBT",
    make: async (s) => {
      await doubt(`${nameOf("new")} (1)`)(s);
      await s.manifest(TWO);
    },
    command: / --task-id \S+$/,
  },
  // run/doubts.ts
  {
    code: "LIST_NOT_WHOLE",
    make: async (s) => {
      await doubt()(s);
      s.server.totalNamed = (tasks) => tasks.length + 1;
    },
    command: / --retry$/,
    after: isThere("new"),
  },
  {
    code: "LIST_UNPROVEN",
    fresh: true,
    make: (s) => {
      s.server.fate = () => "lost-before";
    },
    command: / --retry$/,
    after: isThere("acme"),
  },
  { code: "CANDIDATE", make: doubt(`${nameOf("new")} (1)`), command: / --task-id \S+$/ },
  {
    code: "CANDIDATE",
    make: doubt(`${nameOf("new")} (1)`),
    command: / --retry$/,
    after: async (s) => {
      await s.tell(SYNC);
      s.copy("new");
    },
  },
  // run/read-back.ts, run/create.ts
  {
    code: "MAPPINGS_DIFFER",
    fresh: true,
    told: [...SYNC, "--report-id", "row"],
    make: (s) => {
      s.server.reportsShown = ({ reports }) => reports.map((report) => ({ ...report, apps: [] }));
    },
    command: / --report-id report$/,
  },
  {
    code: "PATCH_NO_EFFECT",
    make: async (s) => {
      await s.manifest({ acme: 5 });
      s.server.fate = () => "no-effect";
    },
    command: / --report-id report$/,
    after: (s) => expect(s.copy("acme").reports[0]?.apps[0]?.newQlikAppId).toBe(app(5)),
  },
  {
    code: "REJECTED",
    fresh: true,
    make: (s) => {
      s.server.fate = () => 400;
    },
    command: / --report-id report$/,
    after: isThere("acme"),
  },
  {
    code: "DUPLICATE_MISSING",
    fresh: true,
    make: (s) => {
      s.server.fate = () => 404;
    },
    command: / doctor /,
    after: (_, { said }) => expect(said).toContain("server"),
  },
  // manifest/checks.ts, plan/desired.ts
  {
    code: "MASTER_APP",
    make: rows("tenant,newQlikAppId", `acme,${MASTER}`),
    command: / sync .* --allow-master-app acme$/,
    after: (_, { said }) => expect(said).toContain("1 update"),
  },
  {
    code: "MASTER_APP",
    told: ["validate", "tenants.csv", ...SHAPED],
    make: rows("tenant,newQlikAppId", `-acme,${MASTER}`),
    command: / validate .*--allow-master-app=-acme"$/,
    after: (_, { said }) => expect(said).toContain("1 tenant"),
  },
  {
    code: "APP_SHARED",
    fresh: true,
    make: only({ acme: 1, [MUELLER]: 1 }),
    command: / --allow-shared-app \S+$/,
    after: (_, { said }) => expect(said).toContain("2 create"),
  },
  {
    code: "REPORT_LEFT_OUT",
    fresh: true,
    make: rows("tenant,newQlikAppId,reportId", `acme,${app(1)},${REPORTS[0]}`),
    command: / --allow-unmapped-report \S+$/,
    after: (s) => expect(s.copy("acme").reports[1]?.apps).toEqual([]),
  },
  // log/heartbeat.ts, commands/doctor.ts
  { code: "LOG_LOCKED", make: lock(0), command: / sync .* --break-lock \S+$/ },
  { code: "is locked by", told: DOCTOR, make: lock(0), command: / sync .* --break-lock \S+$/ },
  { code: "is locked by", told: DOCTOR, make: lock(90_000), command: / sync .* --break-lock \S+$/ },
  // commands/status.ts, log.ts, command-log.ts, resolve.ts
  { code: "NO_LOG", ...COMPLETE, told: ["status", "tenants.csv"] },
  { code: "NO_LOG", ...COMPLETE, told: ["log", "verify", "--idempotency-log", "none.jsonl"] },
  { code: "NO_LOG", ...COMPLETE, told: ["status"] },
  {
    code: "NO_LOG",
    told: ["status", LOG],
    command: / status --idempotency-log /,
    after: (_, { said }) => expect(said).toContain("acme"),
  },
  {
    code: "MANIFEST_FAULTY",
    told: ["status", "tenants.csv", "--column", "tenant=Kunde"],
    make: rows("Kunde,newQlikAppId", "acme,none", "other,nothing"),
    command: / validate /,
    exit: 2,
    after: (_, { said }) => {
      expect(said).toContain("nothing");
      expect(said).not.toContain("[COLUMN_MISSING]");
    },
  },
  {
    code: "LOG_MOVED",
    make: (s) => s.carryOut(["log", "copy", LOG, "new place.jsonl"]),
    command: / --idempotency-log "[^"]*new place.jsonl"$/,
    after: (_, { said }) => expect(said).toContain("2 unchanged"),
  },
  {
    code: "LOG_MOVED",
    told: [...SYNC, "--idempotency-log", LOG],
    make: (s) => s.carryOut(["log", "copy", LOG, "new place.jsonl"]),
    command: / --idempotency-log "[^"]*new place.jsonl"$/,
    after: (_, { said }) => expect(said).toContain("2 unchanged"),
  },
  {
    code: "OTHER_LOG",
    told: ["sync", "clients.csv", ...SHAPED],
    make: (s) => rename(join(s.folder, "tenants.csv"), join(s.folder, "clients.csv")),
    command: / --idempotency-log /,
    after: (_, { said }) => expect(said).toContain("2 unchanged"),
  },
  {
    code: "REASON_MISSING",
    told: ["resolve", "new", "--forget"],
    make: doubt(),
    command: / --reason /,
    first: only(TWO),
  },
  // commands/sync.ts
  {
    code: "To carry this plan out",
    fresh: true,
    told: [...SYNC, "--dry-run"],
    command: / sync /,
    after: isThere("acme"),
  },
  {
    code: "To carry out exactly",
    fresh: true,
    told: [...SYNC, "--dry-run", "--save-plan", "plan $1.json"],
    command: / --plan-digest /,
    after: isThere("acme"),
  },
  {
    code: "For the next tenants",
    fresh: true,
    told: [...SYNC, "--limit", "1"],
    command: / --limit 1/,
    after: isThere(MUELLER),
  },
  {
    code: "To go on",
    make: async (s) => {
      await s.manifest(NEW);
      s.server.fate = () => "lost-before";
      s.server.listed = (tasks) => (s.server.writes.length > 2 ? 500 : tasks);
    },
    command: / --resume/,
    after: isThere("new"),
  },
];

let words: string;

beforeAll(async () => {
  words = await mkdtemp(join(tmpdir(), "qalyptus-test-"));
  await writeFile(join(words, "qalyptus-propagate"), `#!/bin/sh\nprintf '%s\\0' "$@"\n`, { mode: 0o755 });
});
afterAll(() => rm(words, { recursive: true }));

/** The words that reach the program when a line is pasted into sh. */
async function pastedWords(line: string): Promise<readonly string[]> {
  const { stdout } = await run("sh", ["-c", line], { env: { PATH: `${words}:${process.env.PATH}` } });
  return stdout.split("\0").slice(0, -1);
}

/** The commands that are told, each with the sentence above it. */
function commandsIn(
  said: string,
): readonly { readonly line: string; readonly sentence: string; readonly hint: number }[] {
  let sentence = "";
  let hint = 0;
  return said.split("\n").flatMap((text) => {
    if (!/^ {4,}qalyptus-propagate /.test(text)) {
      sentence = text.trim();
      hint += 1;
      return [];
    }
    return [{ line: text.trim(), sentence, hint }];
  });
}

/** The sentence above each command that was pasted. */
const pasted: string[] = [];
/** Pasted in `test/program/postgres.test.ts`, where there is a database. */
const ELSEWHERE = ["Make them once, as a user that may:"];

describe.skipIf(process.platform === "win32")("a command that a hint gives", { timeout: 60_000 }, () => {
  let scene: Scene;
  const home = process.cwd();

  afterEach(async () => {
    process.chdir(home);
    await scene.server.close();
    await rm(scene.folder, { recursive: true });
  });

  it.each(CASES.map((each) => [each.code, String(each.command), each] as const))(
    "for %s does what it says: %s",
    async (_code, _command, each) => {
      scene = new Scene(await mkdtemp(join(tmpdir(), "qalyptus-test-")));
      process.chdir(scene.folder);
      await scene.server.open();
      await scene.manifest(TWO);
      if (each.fresh === undefined) await endsWell(scene);
      await each.make?.(scene);
      const { said } = await scene.tell(each.told ?? SYNC);
      expect(said).toContain(each.code);
      const commands = commandsIn(said);
      const found = commands.find(
        ({ line, sentence }) => each.command.test(line) && sentence.includes(each.below ?? ""),
      );
      if (found === undefined) throw new Error(`no such command: ${said}`);
      expect(found.sentence).toMatch(/:$/);
      pasted.push(found.sentence);
      Object.assign(scene.server, honest());
      await each.first?.(scene, found.line);
      let ended: Ended = { exit: -1, said: "" };
      for (const { line } of each.all ? commands.filter(({ hint }) => hint === found.hint) : [found]) {
        ended = await scene.carryOut(await pastedWords(line), each.usual);
        expect(ended.exit, `${line}\n${ended.said}`).toBe(each.exit ?? 0);
      }
      await (each.after ?? ((s: Scene) => endsWell(s)))(scene, ended);
    },
  );
});

describe.skipIf(process.platform === "win32")("the table of pasted commands", () => {
  // Behind the cases: what they have pasted is held against the sources.
  it("has a case for each sentence of the sources that stands above a command", () => {
    const open = [...pasted];
    const unpasted = sentencesInSources().filter((literal) => {
      const at = open.findIndex((sentence) => told(literal).test(sentence));
      if (at >= 0) open.splice(at, 1);
      return at < 0 && !ELSEWHERE.includes(literal);
    });
    expect(unpasted).toEqual([]);
  });
});

/** The sentences of the sources that end in a colon where hints are made: each stands above a command. */
function sentencesInSources(): readonly string[] {
  const src = join(import.meta.dirname, "../../src");
  const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
  const makers = files
    .map((file) => readFileSync(join(src, file), "utf8"))
    .filter((text) => /\b(?:sameSync|sameLine|commandLine|resolveCommand|lockedProblem)\(/.test(text));
  const literals = /"((?:[^"\\\n]|\\.)*:)"|'([^'\n]*:)'|`([^`\n]*:)`/g;
  return makers.flatMap((text) =>
    [...text.matchAll(literals)].flatMap(([, ...read]) => read.filter((words) => words?.includes(" "))),
  );
}

/** A text of the sources as it may be told. */
function told(literal: string): RegExp {
  const parts = literal.split(/\$\{[^}]*\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`${parts.join(".*")}$`);
}

function honest() {
  const { nameGiven, fate, idAnswered, listed, totalNamed, reportsShown, refusal } = new HostileServer();
  return { nameGiven, fate, idAnswered, listed, totalNamed, reportsShown, refusal };
}
