import { describe, expect, it } from "vitest";
import { crossing, type Fate, type HostileServer } from "../support/hostile-server.js";
import {
  appsRead,
  type HostileRun,
  type HostileStage,
  LOG,
  openHostileStage,
  PATIENT,
} from "../support/hostile-stage.js";
import { app, MONTHLY } from "../support/manifests.js";

/** Whose task a task is: the server says it, by its names, in every list. */

/** Says which log and source task a tenant belongs to who is in no log yet, as the hints do. */
const UNLOGGED = ["--source-task", MONTHLY, "--idempotency-log", LOG];

/** The writes of one name get these fates, one after the other, and then none. */
function fates(stage: HostileStage, ending: string, ...given: readonly Fate[]): void {
  const left = [...given];
  stage.server.fate = ({ name }) => (name.endsWith(ending) ? left.shift() : undefined) ?? "ok";
}

const writesTo = (stage: HostileStage, kind: "create" | "patch"): readonly string[] =>
  stage.server.writes.filter((write) => write.kind === kind).map(({ name }) => name);

/** A list that lags behind by one copy; the source task is its first. */
const withoutNewest: HostileServer["listed"] = (tasks) => tasks.slice(0, Math.max(1, tasks.length - 1));

const copyOf = (tenant: string): string => `Monthly Report - ${tenant}`;

/** A stage whose manifest is in force: one copy a tenant. */
async function synced(rows: Readonly<Record<string, number>>): Promise<HostileStage> {
  const stage = await openHostileStage();
  await stage.manifest(rows);
  expect((await stage.sync()).exit).toBe(0);
  return stage;
}

function expectEachOnItsOwnApp(stage: HostileStage, rows: Readonly<Record<string, number>>): void {
  const read = stage.server.copies.map((task) => [task.name, appsRead(task)]);
  const wanted = Object.entries(rows).map(([tenant, number]) => [copyOf(tenant), [app(number)]]);
  expect(Object.fromEntries(read)).toEqual(Object.fromEntries(wanted));
  expect(read).toHaveLength(wanted.length);
}

describe("a server that changes some names", () => {
  const CHANGES: readonly (readonly [string, (name: string) => string, readonly [string, string], string])[] = [
    [
      "escapes & and '",
      (name) => name.replaceAll("&", "&amp;").replaceAll("'", "&#39;"),
      ["smith & sons", "o'hara"],
      "{task} - {tenant}",
    ],
    [
      "writes ? for letters of another code page",
      (name) => name.replace(/[^\x20-\xff]/g, "?"),
      ["łódź", "čapek"],
      "{task} - {tenant}",
    ],
    ["strips accents", (name) => name.normalize("NFD").replace(/\p{M}/gu, ""), ["café", "müller"], "{task} - {tenant}"],
    ["writes _ for /", (name) => name.replaceAll("/", "_"), ["north/south", "a/s"], "{task} - {tenant}"],
    [
      "cuts them at 14 characters",
      (name) => name.slice(0, 14),
      ["wayne enterprises", "stark industries"],
      "{tenant} monthly",
    ],
  ];

  it.each(CHANGES)("that %s makes no second task where an answer is lost", async (_, change, [kept, lost], name) => {
    const stage = await openHostileStage();
    stage.server.nameGiven = change;
    await stage.manifest({ acme: 1, globex: 2, [kept]: 3, [lost]: 4 });
    stage.server.fate = (write) => (write.name.includes(lost) ? "lost-after" : "ok");
    for (const run of [await stage.sync("--name", name), await stage.sync("--name", name)]) {
      expect(run.exit).toBe(4);
      expect(run.told(lost)).toMatch(/in-doubt/);
      expect(stage.server.copies).toHaveLength(4);
    }
  });

  it.each(CHANGES)("that %s is told where the first list shows it", async (_, change, [one, other], name) => {
    const stage = await openHostileStage();
    stage.server.nameGiven = change;
    await stage.manifest({ acme: 1, [one]: 2, [other]: 3 });
    const first = await stage.sync("--name", name);
    expect(first.codes).toContain("NAME_CHANGED");
    expect({ exit: first.exit, codes: first.codes.filter((code) => code === "TWIN" || code === "CROSSED") }).toEqual({
      exit: 0,
      codes: [],
    });
    const second = await stage.sync("--name", name);
    expect(second.exit).toBe(0);
    expect(stage.server.copies).toHaveLength(3);
  });

  it("keeps in doubt what never arrived too: absence by name proves nothing there", async () => {
    const stage = await openHostileStage();
    stage.server.nameGiven = (name) => name.replaceAll("&", "&amp;");
    await stage.manifest({ acme: 1, "smith & sons": 2 });
    expect((await stage.sync()).exit).toBe(0);
    await stage.manifest({ acme: 1, "smith & sons": 2, globex: 3 });
    fates(stage, "globex", "lost-before");
    for (const run of [await stage.sync(), await stage.sync()]) {
      expect(run.exit).toBe(4);
      expect(run.told("globex")).toMatch(/in-doubt/);
      expect(stage.server.copies).toHaveLength(2);
    }
  });

  it("is not found silently where the only changed name is the lost one: it stays in doubt, or its twin is told", async () => {
    const stage = await openHostileStage();
    stage.server.nameGiven = (name) => name.replaceAll("&", "&amp;");
    await stage.manifest({ acme: 1, globex: 2, "smith & sons": 3 });
    fates(stage, "sons", "lost-after");
    for (const run of [await stage.sync(), await stage.sync()]) {
      const copies = stage.server.copies.filter(({ name }) => name.includes("smith"));
      if (copies.length === 1) expect(run.exit).toBe(4);
      else expect(run).toMatchObject({ exit: 3, codes: expect.arrayContaining(["TWIN"]) });
    }
  });

  it("has two doubts ended by a person who says why: each task may be either's", async () => {
    const stage = await openHostileStage();
    stage.server.nameGiven = (name) => name.replaceAll("&", "&amp;");
    await stage.manifest({ acme: 1, globex: 2, "smith & sons": 3, "b & b": 4 });
    stage.server.fate = (write) => (write.name.includes("&") ? "lost-after" : "ok");
    expect((await stage.sync()).exit).toBe(4);
    stage.server.fate = () => "ok";
    for (const tenant of ["smith & sons", "b & b"]) {
      const mine = stage.server.copies.find(({ name }) => name.endsWith(tenant.replace("&", "&amp;")));
      const words = ["resolve", tenant, "--task-id", mine?.id ?? "", "--source-task", stage.server.source.id];
      const refused = await stage.run(...words);
      expect(refused.code === 0 || refused.stderr.includes("add --reason TEXT")).toBe(true);
      expect((await stage.run(...words, "--reason", "its mappings are shown")).code).toBe(0);
    }
    expect(await stage.sync()).toMatchObject({ exit: 0 });
    expect(stage.server.copies).toHaveLength(4);
  });
});

describe("a server that keeps names as they are", () => {
  const odd = { acme: 1, "smith & sons": 2, "o'hara": 3, "north/south": 4, müller: 5, łódź: 6 };

  it("has its lost creates found, whatever is in a name", async () => {
    const stage = await openHostileStage();
    await stage.manifest(odd);
    const lost = new Set<string>();
    stage.server.fate = ({ name }) => {
      if (name === copyOf("acme") || lost.has(name)) return "ok";
      lost.add(name);
      return "lost-after";
    };
    const run = await stage.sync("--concurrency", "8");
    expect(run.exit).toBe(0);
    expect(run.codes).not.toContain("NAME_CHANGED");
    expectEachOnItsOwnApp(stage, odd);
  });

  it("has what never arrived made once more", async () => {
    const stage = await openHostileStage();
    await stage.manifest(odd);
    fates(stage, "sons", "lost-before");
    const run = await stage.sync();
    expect(run.exit).toBe(0);
    expect(run.told("smith & sons")).toMatch(/succeeded$/);
    expectEachOnItsOwnApp(stage, odd);
  });

  it("that differs in case and blanks alone has changed no name", async () => {
    const stage = await openHostileStage();
    stage.server.nameGiven = (name) => name.toUpperCase().replaceAll(" ", "  ");
    await stage.manifest({ acme: 1, globex: 2, initech: 3 });
    fates(stage, "initech", "lost-before");
    const run = await stage.sync();
    expect(run.exit).toBe(0);
    expect(run.codes).not.toContain("NAME_CHANGED");
    expect(stage.server.copies).toHaveLength(3);
  });
});

describe("a copy that a person renamed", () => {
  it("stays its tenant's copy, which is said", async () => {
    const stage = await synced({ acme: 1, globex: 2 });
    stage.server.named(copyOf("globex")).name = "Figures for Globex Ltd";
    await stage.manifest({ acme: 1, globex: 3 });
    const run = await stage.sync();
    expect(run.exit).toBe(0);
    expect(run.codes).toContain("RENAMED");
    expect(run.told("globex")).toBe("update succeeded");
    expect(appsRead(stage.server.named("Figures for Globex Ltd"))).toEqual([app(3)]);
    expect((await stage.sync()).exit).toBe(0);
    expect(stage.server.copies).toHaveLength(2);
  });

  it("does not keep the absence of another from being believed", async () => {
    const stage = await synced({ acme: 1, globex: 2 });
    stage.server.named(copyOf("globex")).name = "Figures for Globex Ltd";
    await stage.manifest({ acme: 1, globex: 2, initech: 3 });
    fates(stage, "initech", "lost-before");
    expect((await stage.sync()).exit).toBe(0);
    expect(stage.server.copies).toHaveLength(3);
  });

  it("to another tenant's name is a conflict for both, and nothing is sent to either", async () => {
    const stage = await synced({ acme: 1, initech: 3 });
    stage.server.named(copyOf("acme")).name = copyOf("globex");
    await stage.manifest({ acme: 4, globex: 2, initech: 3 });
    const sent = stage.server.writes.length;
    const run = await stage.sync();
    expect(run.exit).toBe(3);
    expect(run.told("acme")).toBe("conflict failed CROSSED");
    expect(run.told("globex")).toBe("conflict failed CROSSED");
    expect(run.told("initech")).toBe("unchanged succeeded");
    expect(stage.server.writes).toHaveLength(sent);
  });
});

describe("two answers that a proxy crossed", () => {
  const rows = { acme: 1, globex: 2, initech: 3, umbrella: 4 };

  async function crossed(): Promise<{ readonly stage: HostileStage; readonly run: HostileRun }> {
    const stage = await openHostileStage();
    stage.server.idAnswered = crossing(copyOf("globex"), copyOf("initech"));
    await stage.manifest(rows);
    return { stage, run: await stage.sync("--concurrency", "8") };
  }

  it("are seen in that very run's last list: a conflict for both, verified for neither", async () => {
    const { stage, run } = await crossed();
    expect(run.exit).toBe(3);
    for (const tenant of ["globex", "initech"]) {
      expect(run.told(tenant)).toMatch(/CROSSED$/);
      expect(run.result.tenants.find((one) => one.tenant === tenant)?.verified).not.toBe(true);
    }
    for (const tenant of ["acme", "umbrella"]) expect(run.told(tenant)).toBe("create succeeded");
    expect(stage.server.copies).toHaveLength(4);
  });

  it("never map one tenant's task to the other's app, whatever is allowed", async () => {
    const { stage } = await crossed();
    await stage.manifest({ ...rows, globex: 7, initech: 8 });
    for (const more of [[], ["--verify"], ["--adopt", "--allow-shared-app", app(7), "--allow-shared-app", app(8)]]) {
      const run = await stage.sync(...more);
      expect(run.exit).toBe(3);
      expect(run.told("globex")).toBe("conflict failed CROSSED");
      expect(run.told("initech")).toBe("conflict failed CROSSED");
    }
    expect(writesTo(stage, "patch")).toEqual([]);
    expectEachOnItsOwnApp(stage, rows);
  });

  it("are mended once the names on the server are right: each task then reads the app of its name", async () => {
    const { stage } = await crossed();
    const [globex, initech] = [stage.server.named(copyOf("globex")), stage.server.named(copyOf("initech"))];
    [globex.name, initech.name] = [initech.name, globex.name];
    expect((await stage.sync("--verify", "--allow-shared-app", app(2), "--allow-shared-app", app(3))).exit).toBe(0);
    expectEachOnItsOwnApp(stage, rows);
  });
});

describe("a list that has never shown a copy", () => {
  it.each<readonly [string, HostileServer["listed"]]>([
    ["is blind to copies", (tasks) => tasks.slice(0, 1)],
    ["comes late", withoutNewest],
  ])("proves no absence: it %s", async (_, listed) => {
    const stage = await openHostileStage();
    await stage.manifest({ acme: 1 });
    fates(stage, "acme", "lost-after");
    stage.server.listed = listed;
    for (const run of [await stage.sync(), await stage.sync()]) {
      expect(run.exit).toBe(4);
      expect(run.codes).toContain("LIST_UNPROVEN");
    }
    expect(stage.server.copies).toHaveLength(1);
    stage.server.listed = (tasks) => tasks;
    expect((await stage.sync()).exit).toBe(0);
    expectEachOnItsOwnApp(stage, { acme: 1 });
  });

  it("keeps the very first create in doubt, and `resolve --retry` ends that by one more", async () => {
    const stage = await openHostileStage();
    await stage.manifest({ acme: 1 });
    fates(stage, "acme", "lost-before");
    for (const run of [await stage.sync(), await stage.sync()])
      expect(run).toMatchObject({ exit: 4, codes: expect.arrayContaining(["LIST_UNPROVEN"]) });
    expect(writesTo(stage, "create")).toHaveLength(1);
    expect((await stage.run("resolve", "acme", "--retry")).code).toBe(0);
    expect((await stage.sync()).exit).toBe(0);
    expectEachOnItsOwnApp(stage, { acme: 1 });
  });

  it("is proven by the next tenant's copy: the first is then made once more, in the same run", async () => {
    const stage = await openHostileStage();
    await stage.manifest({ acme: 1, globex: 2 });
    fates(stage, "acme", "lost-before");
    expect((await stage.sync()).exit).toBe(0);
    expectEachOnItsOwnApp(stage, { acme: 1, globex: 2 });
  });

  it("finds a lost first copy without any proof", async () => {
    const stage = await openHostileStage();
    await stage.manifest({ acme: 1 });
    fates(stage, "acme", "lost-after");
    const run = await stage.sync();
    expect(run.exit).toBe(0);
    expectEachOnItsOwnApp(stage, { acme: 1 });
  });
});

describe("a list that lags behind by one task", () => {
  it("leaves a doubt, or a twin that is told: never two tasks in silence", async () => {
    const stage = await synced({ acme: 1, globex: 2 });
    await stage.manifest({ acme: 1, globex: 2, initech: 3 });
    stage.server.listed = withoutNewest;
    fates(stage, "initech", "lost-after");
    const run = await stage.sync();
    if (stage.server.copies.length === 3) expect(run.exit).toBe(4);
    else expect(run).toMatchObject({ exit: 3, codes: expect.arrayContaining(["TWIN"]) });
  });
});

describe("a list whose envelope names a larger total than its rows", () => {
  it("is told also by a run with nothing to do", async () => {
    const stage = await synced({ acme: 1, globex: 2 });
    stage.server.totalNamed = (tasks) => tasks.length + 1;
    const idle = await stage.sync();
    expect(idle.exit).toBe(0);
    expect(idle.codes).toContain("LIST_NOT_WHOLE");
  });

  it("proves no absence", async () => {
    const stage = await synced({ acme: 1, globex: 2 });
    stage.server.totalNamed = (tasks) => tasks.length + 1;
    await stage.manifest({ acme: 1, globex: 2, initech: 3 });
    fates(stage, "initech", "lost-before");
    const run = await stage.sync();
    expect(run.exit).toBe(4);
    expect(run.told("initech")).toMatch(/^create in-doubt/);
    expect(run.codes).toContain("LIST_NOT_WHOLE");
    expect(JSON.stringify(run.result)).toContain("3 of 4");
    expect(writesTo(stage, "create").filter((name) => name === copyOf("initech"))).toHaveLength(1);
  });

  it("is whole where the total is right: what never arrived is made once more", async () => {
    const stage = await synced({ acme: 1 });
    stage.server.totalNamed = (tasks) => tasks.length;
    await stage.manifest({ acme: 1, initech: 3 });
    fates(stage, "initech", "lost-before");
    const run = await stage.sync();
    expect(run).toMatchObject({ exit: 0, codes: expect.not.arrayContaining(["LIST_NOT_WHOLE"]) });
    expectEachOnItsOwnApp(stage, { acme: 1, initech: 3 });
  });
});

describe("twins", () => {
  it("of a server that numbers taken names are told, until one is gone", async () => {
    const stage = await openHostileStage();
    stage.server.nameGiven = (name, taken) => (taken.has(name) ? `${name} (1)` : name);
    await stage.manifest({ acme: 1, globex: 2 });
    fates(stage, "globex", "twice");
    for (const run of [await stage.sync(), await stage.sync()]) {
      expect(run.exit).toBe(3);
      expect(run.told("globex")).toMatch(/TWIN$/);
      expect(run.told("acme")).toMatch(/succeeded$/);
    }
    const logged = (await stage.sync()).result.tenants.find((one) => one.tenant === "globex")?.newTaskId;
    const twin = stage.server.copies.find(({ name, id }) => name.includes("globex") && id !== logged);
    if (twin === undefined) throw new Error("there is no twin: the test is wrong");
    stage.server.remove(twin);
    expect((await stage.sync()).exit).toBe(0);
  });

  it("are told by whatever a server adds to a taken name", async () => {
    const added = [" (1)", " 2", "-1", "_2", " - Kopie", " copy", " - copie"];
    const rows = Object.fromEntries(added.map((_, at) => [`globex ${"abcdefg"[at]}`, at + 2]));
    const stage = await synced({ acme: 1, ...rows });
    for (const [at, tenant] of Object.keys(rows).entries()) stage.server.add(copyOf(tenant) + added[at], app(at + 2));
    const run = await stage.sync();
    expect(run.exit).toBe(3);
    expect(Object.keys(rows).map((tenant) => run.told(tenant))).toEqual(added.map(() => "conflict failed TWIN"));
    expect(run.told("acme")).toBe("unchanged succeeded");
  });

  it("are none where another tenant has that name", async () => {
    const stage = await synced({ acme: 1, "acme (1)": 2, "acme 2": 3 });
    const run = await stage.sync();
    expect(run).toMatchObject({ exit: 0, codes: expect.not.arrayContaining(["TWIN"]) });
  });

  it("are none where the other task was there before the copy was made", async () => {
    const stage = await openHostileStage();
    stage.server.add(`${copyOf("acme")} (1)`);
    await stage.manifest({ acme: 1, globex: 2 });
    const run = await stage.sync("--new-log");
    expect(run).toMatchObject({ exit: 0, codes: expect.not.arrayContaining(["TWIN"]) });
    expect((await stage.sync()).exit).toBe(0);
  });

  it.each(["--adopt", "newTaskId", "resolve --task-id"])(
    "beside a copy that was taken over by %s are told",
    async (way) => {
      const stage = await openHostileStage();
      const task = stage.server.add(copyOf("acme"), app(1));
      if (way === "newTaskId") await stage.manifest({ acme: `${app(1)},${task.id}` }, "newQlikAppId,newTaskId");
      else await stage.manifest({ acme: 1 });
      if (way === "resolve --task-id") {
        expect((await stage.sync()).told("acme")).toMatch(/^conflict failed/);
        expect((await stage.run("resolve", "acme", "--task-id", task.id, ...UNLOGGED)).code).toBe(0);
      }
      const taken = await stage.sync(...(way === "--adopt" ? ["--adopt"] : []));
      expect(taken.exit).toBe(0);
      expect((await stage.sync()).exit).toBe(0);
      const other = stage.server.add(copyOf("acme"), app(1));
      const run = await stage.sync();
      expect(run.exit).toBe(3);
      expect(run.told("acme")).toMatch(/TWIN$/);
      expect(run.result.tenants[0]?.error?.message).toContain(other.id);
    },
  );

  it("are none where a task of that name was there when the copy was taken over", async () => {
    const stage = await openHostileStage();
    const task = stage.server.add(copyOf("acme"), app(1));
    stage.server.add(copyOf("acme"), app(1));
    await stage.manifest({ acme: `${app(1)},${task.id}` }, "newQlikAppId,newTaskId");
    for (const run of [await stage.sync(), await stage.sync()])
      expect(run).toMatchObject({ exit: 0, codes: expect.not.arrayContaining(["TWIN"]) });
  });

  it("of a tenant who was renamed are looked for by the earlier name too", async () => {
    const stage = await synced({ acme: 1, globex: 2 });
    const task = stage.server.named(copyOf("acme"));
    await stage.manifest({ "acme gmbh": 1, globex: 2 });
    const resolved = await stage.run("resolve", "acme gmbh", "--task-id", task.id, "--from", "acme");
    expect(resolved.code).toBe(0);
    expect((await stage.sync()).exit).toBe(0);
    stage.server.add(copyOf("acme"), app(1));
    const run = await stage.sync();
    expect(run.exit).toBe(3);
    expect(run.told("acme gmbh")).toMatch(/TWIN$/);
  });

  it("of a create that was forgotten are told when it arrives after all", async () => {
    const stage = await synced({ globex: 2 });
    await stage.manifest({ globex: 2, acme: 1 });
    stage.server.fate = ({ name }) => (name === copyOf("acme") ? "late" : "ok");
    const run = stage.start();
    await expect.poll(() => writesTo(stage, "create"), PATIENT).toContain(copyOf("acme"));
    run.child.kill("SIGKILL");
    await run.ended;
    stage.server.fate = () => "ok";
    expect((await stage.run("resolve", "acme", "--forget", "--reason", "left")).code).toBe(0);
    expect((await stage.sync("--name", "{tenant} monthly")).exit).toBe(0);
    stage.server.deliver();
    const told = await stage.sync("--name", "{tenant} monthly");
    expect(told.exit).toBe(3);
    expect(told.told("acme")).toMatch(/TWIN$/);
  });
});

describe("a task that is named for another tenant", () => {
  it("is taken by `resolve --task-id` only with a reason", async () => {
    const stage = await openHostileStage();
    await stage.manifest({ globex: 2, acme: 1 });
    fates(stage, "acme", 400);
    expect((await stage.sync()).told("acme")).toMatch(/failed/);
    const task = stage.server.add(copyOf("globex"), app(1));
    const resolve = ["resolve", "acme", "--task-id", task.id, "--source-task", MONTHLY];
    const refused = await stage.run(...resolve, "--format", "json");
    expect([2, 7]).toContain(refused.code);
    expect(refused.stdout).toContain("CROSSED");
    const reasoned = await stage.run(...resolve, "--reason", "globex became acme");
    expect(reasoned.code).toBe(0);
  });

  it.each([
    ["shown", true],
    ["hidden", false],
  ])("is not taken by a column newTaskId that slipped by a row, where mappings are %s", async (_, shown) => {
    const stage = await openHostileStage();
    stage.server.showsMappings = shown;
    const rows = { acme: 1, globex: 2, initech: 3 };
    const [acme, globex, initech] = Object.entries(rows).map(([tenant, n]) => stage.server.add(copyOf(tenant), app(n)));
    await stage.manifest(
      {
        acme: `${app(1)},${globex?.id}`,
        globex: `${app(2)},${initech?.id}`,
        initech: `${app(3)},${acme?.id}`,
      },
      "newQlikAppId,newTaskId",
    );
    const sharing = [1, 2, 3].flatMap((n) => ["--allow-shared-app", app(n)]);
    for (const more of [[], sharing]) {
      const run = await stage.sync(...more);
      expect(run.exit).toBe(3);
      for (const tenant of Object.keys(rows)) expect(run.told(tenant)).toBe("conflict failed CROSSED");
      expect(run.hints).not.toContain("--allow-shared-app");
    }
    expect(stage.server.writes).toEqual([]);
  });

  it("is another matter than a name of its own: newTaskId takes that over", async () => {
    const stage = await openHostileStage();
    const [right, free] = [stage.server.add(copyOf("acme"), app(1)), stage.server.add("Figures for Globex Ltd")];
    await stage.manifest({ acme: `${app(1)},${right.id}`, globex: `${app(2)},${free.id}` }, "newQlikAppId,newTaskId");
    const run = await stage.sync();
    expect(run.exit).toBe(0);
    expect(stage.server.copies).toHaveLength(2);
    expect(appsRead(free)).toEqual([app(2)]);
  });
});
