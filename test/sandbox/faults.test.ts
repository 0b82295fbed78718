import { describe, expect, it } from "vitest";
import { FAULT_NAMES, type FaultName, TRAITS } from "../../src/sandbox/faults.js";
import type { RunningSandbox } from "../../src/sandbox/server.js";
import {
  FIRST_SOURCE_TASK_ID,
  publishedReportId,
  SECOND_SOURCE_TASK_ID,
  tenantAppId,
} from "../../src/sandbox/world.js";
import {
  copies,
  duplicate,
  faulty,
  listedNames,
  mappedTo,
  onlyCopy,
  patchFirstReport,
  type Reply,
  sandboxWith,
  send,
  targets,
  until,
} from "./client.js";

const LIST = "/api/v2/tasks?get_all=true";
const FIRST = `/api/v2/tasks/${FIRST_SOURCE_TASK_ID}`;
const ACME = "Monthly Report - acme";

/** What a client sees of a create, and what is true on the server. */
async function createUnder(
  ...faults: readonly string[]
): Promise<{ reply: Reply; sandbox: RunningSandbox; made: number }> {
  const sandbox = await faulty(...faults);
  const reply = await duplicate(sandbox, ACME);
  return { reply, sandbox, made: copies(sandbox).length };
}

/** One story for each fault: what the client sees, and what is true on the server. */
const stories: Readonly<Record<FaultName, () => Promise<void>>> = {
  "cut-before": async () => {
    const { reply, sandbox, made } = await createUnder("cut-before");
    expect([reply.status, made]).toEqual(["cut", 0]);
    expect((await send(sandbox, LIST)).status).toBe("cut");
  },
  "cut-after": async () => {
    const { reply, made } = await createUnder("cut-after");
    expect([reply.status, made]).toEqual(["cut", 1]);
  },
  late: async () => {
    const { reply, sandbox, made } = await createUnder("late,ms=30");
    expect([reply.status, made]).toEqual(["cut", 0]);
    await until(() => copies(sandbox).length === 1);
    expect(sandbox.counts()).toMatchObject({ creates: 1, made: 1 });
  },
  "error-500": () => webError("error-500", 500),
  "error-502": () => webError("error-502", 502),
  "error-503": () => webError("error-503", 503),
  "login-page": () => webError("login-page", 200),
  redirect: async () => {
    const before = await createUnder("redirect,as=before");
    expect([before.reply.status, before.reply.headers.get("location"), before.made]).toEqual([302, "/login", 0]);
    expect((await createUnder("redirect,as=after")).made).toBe(1);
  },
  hang: async () => {
    for (const [form, made] of [
      ["before", 0],
      ["after", 1],
    ] as const) {
      const sandbox = await faulty(`hang,as=${form}`);
      const giveUp = new AbortController();
      const waiting = duplicate(sandbox, ACME, 1, { signal: giveUp.signal });
      await until(() => sandbox.counts().faults.hang === 1 && copies(sandbox).length === made);
      giveUp.abort();
      await expect(waiting).rejects.toMatchObject({ name: "AbortError" });
      expect(copies(sandbox)).toHaveLength(made);
    }
  },
  "short-body": async () => {
    const { reply, made } = await createUnder("short-body");
    expect([reply.status, made]).toEqual(["cut", 1]);
  },
  "too-many": async () => {
    const after = async (form: string) => {
      const { reply, made } = await createUnder(`too-many,as=${form}`);
      expect([reply.status, made]).toEqual([429, 0]);
      return reply.headers.get("retry-after");
    };
    expect(await after("seconds")).toBe("1");
    expect(await after("none")).toBeNull();
    expect(await after("date")).toMatch(/^\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT$/);
  },
  refuse: async () => {
    const { reply, sandbox, made } = await createUnder("refuse");
    expect([reply.status, made]).toEqual([200, 0]);
    expect(reply.json).toMatchObject({ isSuccess: false, data: null });
    expect(listedNames(await send(sandbox, LIST))).toHaveLength(2);
  },
  twice: async () => {
    const { reply, sandbox, made } = await createUnder("twice");
    expect([reply.status, made, sandbox.counts().creates]).toEqual([200, 2, 1]);
    expect(reply.json).toMatchObject({ data: copies(sandbox)[0]?.id });
    expect(copies(sandbox).map((copy) => copy.name)).toEqual([ACME, ACME]);
  },
  "wrong-id": async () => {
    const source = await createUnder("wrong-id,as=source");
    expect([source.reply.json, source.made]).toMatchObject([{ data: FIRST_SOURCE_TASK_ID }, 1]);
    const other = await faulty("wrong-id,as=other");
    await duplicate(other, ACME);
    const reply = await duplicate(other, "Monthly Report - globex", 2);
    expect(reply.json).toMatchObject({ data: copies(other)[0]?.id });
    expect(copies(other)).toHaveLength(2);
  },
  "no-id": async () => {
    const none = await createUnder("no-id,as=null");
    expect([none.reply.status, none.reply.json, none.made]).toMatchObject([200, { data: null, isSuccess: true }, 1]);
    const empty = await createUnder("no-id,as=empty");
    expect([empty.reply.status, empty.reply.text, empty.made]).toEqual([200, "", 1]);
  },
  "rate-limit": async () => {
    const now = new Date("2025-01-31T06:00:00Z");
    const faults = [{ name: "rate-limit", count: 2 }] as const;
    const sandbox = await sandboxWith({ chaos: { faults }, now: () => new Date(now) });
    const statuses = async () => [1, 2, 3].map(() => send(sandbox, LIST));
    const first = await Promise.all(await statuses());
    expect(first.map((reply) => reply.status).sort()).toEqual([200, 200, 429]);
    expect(first.find((reply) => reply.status === 429)?.headers.get("retry-after")).toBe("1");
    now.setMilliseconds(1000);
    expect((await Promise.all(await statuses())).map((reply) => reply.status).sort()).toEqual([200, 200, 429]);
  },
  "expire-key": async () => {
    for (const [fault, status] of [
      ["expire-key=2", 401],
      ["expire-key=2,as=417", 417],
    ] as const) {
      const sandbox = await faulty(fault);
      const statuses = [];
      for (let n = 0; n < 4; n += 1) statuses.push((await send(sandbox, LIST)).status);
      expect(statuses).toEqual([200, 200, status, status]);
      expect(sandbox.counts().keyRefusals).toBe(2);
    }
  },
  "forbid-tenant": async () => {
    const { reply, sandbox, made } = await createUnder("forbid-tenant=*ACME*");
    expect([reply.status, made]).toEqual([403, 0]);
    await duplicate(sandbox, "Monthly Report - globex", 2);
    expect((await patchFirstReport(sandbox, onlyCopy(sandbox), 3)).status).toBe(200);
  },
  "no-list": async () => {
    expect((await send(await faulty("no-list"), LIST)).status).toBe(404);
    const forbidding = await faulty("no-list=403");
    expect((await send(forbidding, "/api/v1/tasks")).status).toBe(403);
    expect((await send(forbidding, FIRST)).status).toBe(200);
  },
  "paged-only": async () => {
    const sandbox = await withCopies(await faulty("paged-only"), 12);
    expect(listedNames(await send(sandbox, LIST))).toHaveLength(10);
    expect(listedNames(await send(sandbox, "/api/v2/tasks?page=2"))).toHaveLength(4);
  },
  "get-all-only": async () => {
    const sandbox = await withCopies(await faulty("get-all-only"), 12);
    for (const page of [1, 2]) expect(listedNames(await send(sandbox, `/api/v2/tasks?page=${page}`))).toHaveLength(14);
  },
  "incomplete-list": async () => {
    const same = await withCopies(await faulty("incomplete-list=0.5"), 20);
    const once = listedNames(await send(same, LIST));
    expect(once.length).toBeGreaterThan(2);
    expect(once.length).toBeLessThan(22);
    expect(listedNames(await send(same, LIST))).toEqual(once);
    expect(once).toEqual(expect.arrayContaining(["Monthly Report", "Weekly Sales"]));
    const changing = await withCopies(await faulty("incomplete-list=0.5,as=changing"), 20);
    expect(listedNames(await send(changing, LIST))).not.toEqual(listedNames(await send(changing, LIST)));
  },
  "hide-copies": async () => {
    const { reply, sandbox, made } = await createUnder("hide-copies");
    expect([reply.status, made]).toEqual([200, 1]);
    expect(listedNames(await send(sandbox, LIST))).toEqual(["Monthly Report", "Weekly Sales"]);
    expect((await send(sandbox, `/api/v2/tasks/${onlyCopy(sandbox).id}`)).status).toBe(404);
    expect((await patchFirstReport(sandbox, onlyCopy(sandbox), 2)).status).toBe(404);
  },
  "no-single-task": async () => {
    const sandbox = await faulty("no-single-task");
    expect((await send(sandbox, FIRST)).status).toBe(404);
    expect((await send(sandbox, `${FIRST}/reports`)).status).toBe(200);
  },
  "no-reports": async () => {
    const { sandbox } = await createUnder("no-reports");
    expect((await send(sandbox, `${FIRST}/reports`)).status).toBe(404);
    expect((await patchFirstReport(sandbox, onlyCopy(sandbox), 2)).status).toBe(200);
  },
  "no-mappings-shown": async () => {
    const { sandbox } = await createUnder("no-mappings-shown");
    const { id, reports } = onlyCopy(sandbox);
    for (const path of [`/api/v2/tasks/${id}/reports`, `/api/v2/tasks/${id}/reports/${reports[0]?.rowId}`]) {
      const reply = await send(sandbox, path);
      expect([reply.status, reply.text.includes("overwriteReportApps")]).toEqual([200, false]);
    }
    expect(targets(onlyCopy(sandbox))[0]).toBe(tenantAppId(1));
  },
  "names-folded": () => namedUnder("names-folded", ACME, "MONTHLY REPORT - ACME"),
  "names-cut": async () => {
    await namedUnder("names-cut", "Monthly Report - Initech Corporation", "Monthly Report - Initech Corpo");
    await namedUnder("names-cut=5", ACME, "Month");
  },
  "names-trimmed": () => namedUnder("names-trimmed", "  Monthly  Report - acme ", ACME),
  "names-suffixed": () => namedUnder("names-suffixed", ACME, `${ACME} (copy)`),
  "names-unique": async () => {
    const { sandbox } = await createUnder("names-unique");
    expect((await duplicate(sandbox, ACME)).status).toBe(409);
    expect(copies(sandbox)).toHaveLength(1);
    const numbering = await createUnder("names-unique=suffix");
    await duplicate(numbering.sandbox, ACME);
    expect(copies(numbering.sandbox).map((copy) => copy.name)).toEqual([ACME, `${ACME} (1)`]);
  },
  "ignore-unknown-reports": async () => {
    const sandbox = await faulty("ignore-unknown-reports");
    const body = mappedTo(tenantAppId(1), ACME, [publishedReportId(1, 1)]);
    expect((await duplicate(sandbox, ACME, 1, { body })).status).toBe(200);
    expect(targets(onlyCopy(sandbox))).toEqual(["none", "none", "none"]);
  },
  "report-id-strict": async () => {
    const { reply, sandbox, made } = await createUnder("report-id-strict");
    expect([reply.status, made]).toEqual([400, 0]);
    const body = mappedTo(tenantAppId(1), ACME, [publishedReportId(1, 1)]);
    expect((await duplicate(sandbox, ACME, 1, { body })).status).toBe(200);
  },
  "wrong-id-kind": async () => {
    const { reply, sandbox, made } = await createUnder("wrong-id-kind");
    expect([reply.status, made]).toEqual([200, 1]);
    expect(targets(onlyCopy(sandbox))).toEqual(["none", "none", "none"]);
    expect((await patchFirstReport(sandbox, onlyCopy(sandbox), 1)).status).toBe(200);
    expect(targets(onlyCopy(sandbox))[0]).toBe("none");
  },
  "no-effect": async () => {
    const { sandbox } = await createUnder("no-effect");
    expect((await patchFirstReport(sandbox, onlyCopy(sandbox), 2)).status).toBe(200);
    expect(targets(onlyCopy(sandbox))[0]).toBe(tenantAppId(1));
  },
  "id-shape": async () => {
    const answers = new Map<string, string>();
    for (const shape of ["data", "data-id", "id", "task-id", "json-string", "text"]) {
      const { reply, sandbox } = await createUnder(`id-shape=${shape}`);
      answers.set(shape, reply.text.replace(onlyCopy(sandbox).id, "ID"));
    }
    expect(Object.fromEntries(answers)).toEqual({
      data: '{"data":"ID","isSuccess":true,"error":null,"errorDetails":null}',
      "data-id": '{"data":{"id":"ID"},"isSuccess":true,"error":null,"errorDetails":null}',
      id: '{"id":"ID"}',
      "task-id": '{"taskId":"ID"}',
      "json-string": '"ID"',
      text: "ID",
    });
  },
  "created-201": async () => {
    expect((await createUnder("created-201")).reply.status).toBe(201);
    expect((await createUnder("created-201", "id-shape=text")).reply.status).toBe(201);
  },
  "old-envelope": async () => {
    const { reply, sandbox } = await createUnder("old-envelope");
    expect(reply.json).toEqual({ data: onlyCopy(sandbox).id, status: { message: "OK" } });
    const refusal = (await send(sandbox, "/api/v2/nothing")).json;
    expect(refusal).toEqual({ data: null, status: { message: "there is no /api/v2/nothing" } });
  },
  "v1-reads": async () => {
    const { reply, sandbox } = await createUnder("v1-reads");
    expect(reply.status).toBe(200);
    for (const part of ["", "/reports", "/triggers", "/recipients"]) {
      expect((await send(sandbox, `${FIRST}${part}`)).status).toBe(404);
      expect((await send(sandbox, `/api/v1/tasks/${FIRST_SOURCE_TASK_ID}${part}`)).status).toBe(200);
    }
    expect((await send(sandbox, LIST)).status).toBe(404);
    expect((await patchFirstReport(sandbox, onlyCopy(sandbox), 2)).status).toBe(200);
  },
  "old-server": async () => {
    for (const [fault, status] of [
      ["old-server", 404],
      ["old-server=405", 405],
    ] as const) {
      const { reply, sandbox, made } = await createUnder(fault);
      expect([reply.status, made]).toEqual([status, 0]);
      expect((await send(sandbox, LIST)).status).toBe(200);
    }
  },
};

async function webError(name: FaultName, status: number): Promise<void> {
  for (const [form, made] of [
    ["before", 0],
    ["after", 1],
  ] as const) {
    const under = await createUnder(`${name},as=${form}`);
    expect([under.reply.status, under.made]).toEqual([status, made]);
    expect(under.reply.headers.get("content-type")).toMatch(/^text\/html/);
    expect(under.reply.text).toContain("<html>");
  }
}

async function namedUnder(fault: string, sent: string, stored: string): Promise<void> {
  const sandbox = await faulty(fault);
  expect((await duplicate(sandbox, sent)).status).toBe(200);
  expect(onlyCopy(sandbox).name).toBe(stored);
}

async function withCopies(sandbox: RunningSandbox, count: number): Promise<RunningSandbox> {
  for (let n = 1; n <= count; n += 1) await duplicate(sandbox, `Monthly Report - tenant ${n}`, n);
  return sandbox;
}

describe("each fault by name does what the table says", () => {
  it.each(FAULT_NAMES)("%s", (name) => stories[name]());
});

describe("faults", () => {
  it("are counted by name, requests that they befall", async () => {
    const sandbox = await faulty("cut-after,to=creates,times=2");
    for (const tenant of ["acme", "globex", "initech"]) await duplicate(sandbox, tenant);
    expect(sandbox.counts().faults).toEqual({ "cut-after": 2 });
    expect(Object.keys(TRAITS).filter((name) => name in sandbox.counts().faults)).toEqual([]);
  });

  it("can be put together: a name is folded, then cut", async () => {
    await namedUnder("names-folded", ACME, "MONTHLY REPORT - ACME");
    const sandbox = await faulty("names-folded", "names-cut=7", "id-shape=id");
    const reply = await duplicate(sandbox, ACME);
    expect([onlyCopy(sandbox).name, reply.json]).toEqual(["MONTHLY", { id: onlyCopy(sandbox).id }]);
  });

  it("aim at names, at kinds of request, and at some of many", async () => {
    const sandbox = await faulty("cut-before,on=*acme*,to=creates", "error-503,to=lists,after=1,times=1,as=before");
    expect((await duplicate(sandbox, ACME)).status).toBe("cut");
    expect((await duplicate(sandbox, "Monthly Report - globex", 2)).status).toBe(200);
    const lists = [];
    for (let n = 0; n < 3; n += 1) lists.push((await send(sandbox, LIST)).status);
    expect(lists).toEqual([200, 503, 200]);
  });

  it("befall PATCHes too, and leave a refused create as it is", async () => {
    const sandbox = await faulty("cut-after,to=patches", "no-id");
    const refused = await duplicate(sandbox, "", 1, { body: { NewName: "" } });
    expect(refused.status).toBe(400);
    await duplicate(sandbox, ACME);
    expect((await patchFirstReport(sandbox, onlyCopy(sandbox), 2)).status).toBe("cut");
    expect(targets(onlyCopy(sandbox))[0]).toBe(tenantAppId(2));
  });

  it("never befall the sandbox's own page, nor its run", async () => {
    const sandbox = await faulty("cut-before", "expire-key=0");
    expect((await send(sandbox, "/", { key: undefined })).status).toBe(200);
    const run = await send(sandbox, `/sandbox/tasks/${SECOND_SOURCE_TASK_ID}/run`, { method: "POST" });
    expect(run.status).toBe(200);
  });

  it("drop late work that is still to come when the sandbox closes", async () => {
    const { sandbox } = await createUnder("late,ms=3600000");
    await sandbox.close();
    expect(copies(sandbox)).toEqual([]);
  });
});
