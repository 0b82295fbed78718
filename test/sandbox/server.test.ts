import { request } from "node:http";
import { connect } from "node:net";
import { describe, expect, it } from "vitest";
import { LARGEST_BODY } from "../../src/sandbox/requests.js";
import { type RunningSandbox, startSandbox } from "../../src/sandbox/server.js";
import {
  FIRST_SOURCE_TASK_ID,
  MASTER_APP_ID,
  publishedReportId,
  SECOND_SOURCE_TASK_ID,
  sourceRowId,
  tenantAppId,
} from "../../src/sandbox/world.js";
import {
  closed,
  copies,
  duplicate,
  faulty,
  firstRows,
  listedNames,
  mappedTo,
  onlyCopy,
  patchFirstReport,
  sandboxWith,
  send,
  targets,
  until,
} from "./client.js";

const V2 = "/api/v2/tasks";
const FIRST = `${V2}/${FIRST_SOURCE_TASK_ID}`;
const ok = (data: unknown) => ({ data, isSuccess: true, error: null, errorDetails: null });

describe("reading", () => {
  it("lists the two source tasks in the observed envelope", async () => {
    const sandbox = await sandboxWith();
    const reply = await send(sandbox, `${V2}?get_all=true`);
    expect(reply.status).toBe(200);
    expect(reply.json).toMatchObject({
      isSuccess: true,
      error: null,
      errorDetails: null,
      data: [
        { id: FIRST_SOURCE_TASK_ID, name: "Monthly Report", isActive: true, testMode: false },
        { id: SECOND_SOURCE_TASK_ID, name: "Weekly Sales", isActive: true, testMode: false },
      ],
    });
  });

  it("pages the v2 list: ten unless asked, at most fifty, empty beyond its end; get_all and v1 give it whole", async () => {
    const sandbox = await sandboxWith();
    for (let n = 1; n <= 60; n += 1) await duplicate(sandbox, `Monthly Report - tenant ${n}`, n);
    const size = async (path: string) => listedNames(await send(sandbox, path)).length;
    expect(await size(V2)).toBe(10);
    expect(await size(`${V2}?page_size=500`)).toBe(50);
    expect(await size(`${V2}?page=2&page_size=50`)).toBe(12);
    expect(await size(`${V2}?page=3&page_size=50`)).toBe(0);
    expect(await size(`${V2}?get_all=true`)).toBe(62);
    expect(await size("/api/v1/tasks")).toBe(62);
    const pages = [1, 2, 3, 4, 5, 6, 7].map((page) => send(sandbox, `${V2}?page=${page}`));
    const names = (await Promise.all(pages)).flatMap(listedNames);
    expect(new Set(names).size).toBe(62);
  });

  it.each(["page=0", "page=x", "page_size=0", "page_size=-1"])("refuses the query %s", async (query) => {
    const sandbox = await sandboxWith();
    expect((await send(sandbox, `${V2}?${query}`)).status).toBe(400);
  });

  it("shows a task, its reports, recipients and triggers, under v2 and v1", async () => {
    const sandbox = await sandboxWith();
    for (const version of ["v1", "v2"]) {
      const base = `/api/${version}/tasks/${SECOND_SOURCE_TASK_ID}`;
      expect((await send(sandbox, base)).json).toMatchObject({ data: { name: "Weekly Sales" } });
      expect((await send(sandbox, `${base}/reports`)).json).toMatchObject({
        data: [1, 2, 3].map((n) => ({
          id: sourceRowId(2, n),
          reportID: publishedReportId(2, n),
          overwriteReportApps: [],
        })),
      });
      expect((await send(sandbox, `${base}/reports/${sourceRowId(2, 1)}`)).json).toMatchObject({
        data: { id: sourceRowId(2, 1), connections: [{ appId: MASTER_APP_ID }] },
      });
      expect((await send(sandbox, `${base}/recipients`)).json).toMatchObject({ data: [{}, {}, {}] });
      expect((await send(sandbox, `${base}/triggers`)).json).toMatchObject({
        data: [{ isActive: true }, { isActive: true, type: "Qlik event", appId: MASTER_APP_ID }],
      });
    }
  });

  it("gives the first source task no trigger, so that a copy mails nobody by itself", async () => {
    const sandbox = await sandboxWith();
    expect((await send(sandbox, `${FIRST}/triggers`)).json).toEqual(ok([]));
  });

  it("answers an unknown task, row or path with 404 in JSON", async () => {
    const sandbox = await sandboxWith();
    const paths = [
      `${V2}/aaaaaaaa-0000-4000-8000-000000000009`,
      `${V2}/not-a-guid/reports`,
      `${FIRST}/reports/${sourceRowId(2, 1)}`,
      `${FIRST}/reports/${publishedReportId(1, 1)}`,
      `${FIRST}/nothing`,
      "/api/v3/tasks",
      "/elsewhere",
      "//",
    ];
    for (const path of paths) {
      const reply = await send(sandbox, path);
      expect([path, reply.status, reply.json]).toMatchObject([path, 404, { isSuccess: false }]);
    }
  });

  it("answers a wrong method with 405 and what is allowed", async () => {
    const sandbox = await sandboxWith();
    const reply = await send(sandbox, `${FIRST}/duplicate`);
    expect([reply.status, reply.headers.get("allow")]).toEqual([405, "POST"]);
    const put = await send(sandbox, `${FIRST}/reports/${sourceRowId(1, 1)}`, { method: "PUT", body: {} });
    expect([put.status, put.headers.get("allow")]).toEqual([405, "GET, PATCH"]);
  });
});

describe("the key", () => {
  it("is another one at each start, unless it is given", async () => {
    const keys = await Promise.all([1, 2].map(async () => (await sandboxWith({ seed: 7 })).key));
    expect(new Set(keys).size).toBe(2);
    for (const key of keys) expect(key).toMatch(/^sandbox-[0-9a-f]{32}$/);
    expect((await sandboxWith({ key: "try-it" })).key).toBe("try-it");
  });

  it.each([
    ["none", undefined],
    ["a wrong one", "wrong"],
    ["one with more behind it", "try-it2"],
  ])("refuses %s with 401, before anything is done", async (_, key) => {
    const sandbox = await sandboxWith({ key: "try-it" });
    expect((await send(sandbox, V2, { key })).status).toBe(401);
    expect((await duplicate(sandbox, "Monthly Report - acme", 1, { key })).status).toBe(401);
    expect((await send(sandbox, "/api/v2/nothing", { key })).status).toBe(401);
    expect(copies(sandbox)).toEqual([]);
    expect(sandbox.counts()).toMatchObject({ keyRefusals: 3, made: 0 });
  });
});

describe("the host", () => {
  const asked = (sandbox: RunningSandbox, host: string, method: string, path: string) =>
    new Promise<readonly [status: number | undefined, body: string]>((resolve, reject) => {
      const headers = { host, authorization: `Bearer ${sandbox.key}`, "content-type": "application/json" };
      const asking = request(`${sandbox.url}${path}`, { method, headers }, (response) => {
        const pieces: Buffer[] = [];
        response.on("data", (piece: Buffer) => pieces.push(piece));
        response.on("end", () => resolve([response.statusCode, Buffer.concat(pieces).toString()]));
      });
      asking.once("error", reject);
      asking.end(method === "POST" ? "{}" : undefined);
    });

  it("is answered under the names of its own address, with its own port", async () => {
    const sandbox = await sandboxWith();
    for (const name of ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
      expect((await asked(sandbox, `${name}:${sandbox.port}`, "GET", V2))[0], name).toBe(200);
  });

  it("is refused under every other name, page and runs too, whatever the key: a web page may have pointed its own here", async () => {
    const sandbox = await sandboxWith();
    const own = `:${sandbox.port}`;
    const others = [
      `evil.example${own}`,
      `127.0.0.1.evil.example${own}`,
      `localhost.evil.example${own}`,
      `a@127.0.0.1${own}`,
    ];
    for (const host of [...others, "127.0.0.1", "localhost", `localhost:${sandbox.port + 1}`, "evil.example"])
      for (const [method, path] of [
        ["GET", "/"],
        ["GET", V2],
        ["POST", `${FIRST}/duplicate`],
        ["POST", `/sandbox/tasks/${FIRST_SOURCE_TASK_ID}/run`],
      ] as const) {
        const [status, body] = await asked(sandbox, host, method, path);
        expect([host, path, status, JSON.parse(body)]).toMatchObject([host, path, 421, { isSuccess: false }]);
      }
    expect(copies(sandbox)).toEqual([]);
  });
});

describe("duplicate", () => {
  it("makes a copy with new IDs, the same published reports and the mappings that were sent", async () => {
    const sandbox = await sandboxWith();
    const reply = await duplicate(sandbox, "Monthly Report - acme", 7);
    const copy = onlyCopy(sandbox);
    expect([reply.status, reply.json]).toEqual([200, ok(copy.id)]);
    expect(copy).toMatchObject({ name: "Monthly Report - acme", copyOf: FIRST_SOURCE_TASK_ID });
    expect(copy.reports.map((report) => report.reportId)).toEqual([1, 2, 3].map((n) => publishedReportId(1, n)));
    for (const report of copy.reports) expect(firstRows()).not.toContain(report.rowId);
    expect(targets(copy)).toEqual([tenantAppId(7), tenantAppId(7), tenantAppId(7)]);
    expect((await send(sandbox, `${V2}/${copy.id}/reports`)).json).toMatchObject({
      data: copy.reports.map((report) => ({
        id: report.rowId,
        overwriteReportApps: [
          { reportId: report.rowId, qlikApps: [{ qlikAppId: MASTER_APP_ID, newQlikAppId: tenantAppId(7) }] },
        ],
      })),
    });
  });

  it("is not idempotent, and allows two tasks of one name", async () => {
    const sandbox = await sandboxWith();
    await duplicate(sandbox, "Monthly Report - acme");
    await duplicate(sandbox, "Monthly Report - acme");
    expect(copies(sandbox).map((copy) => copy.name)).toEqual(["Monthly Report - acme", "Monthly Report - acme"]);
    expect(new Set(copies(sandbox).map((copy) => copy.id)).size).toBe(2);
  });

  it("can number or refuse a taken name instead", async () => {
    const numbering = await faulty("names-unique=suffix");
    await duplicate(numbering, "Monthly Report - acme");
    await duplicate(numbering, "Monthly Report - acme");
    expect(copies(numbering).map((copy) => copy.name)).toEqual(["Monthly Report - acme", "Monthly Report - acme (1)"]);
    const refusing = await faulty("names-unique");
    await duplicate(refusing, "Monthly Report - acme");
    expect((await duplicate(refusing, "Monthly Report - acme")).status).toBe(409);
    expect(copies(refusing)).toHaveLength(1);
  });

  it("chooses an incremented name where none is sent", async () => {
    const sandbox = await sandboxWith();
    for (const body of [{}, { NewName: null }, { NewName: null, OverwriteReportApps: [] }])
      expect((await send(sandbox, `${FIRST}/duplicate`, { method: "POST", body })).status).toBe(200);
    expect(copies(sandbox).map((copy) => copy.name)).toEqual([1, 2, 3].map((n) => `Monthly Report (${n})`));
    expect(targets(copies(sandbox)[0] ?? onlyCopy(sandbox))).toEqual(["none", "none", "none"]);
  });

  const app = { QlikAppId: MASTER_APP_ID, NewQlikAppId: tenantAppId(1) };
  const row = sourceRowId(1, 1);
  const one = (entry: unknown) => ({ NewName: "acme", OverwriteReportApps: [entry] });
  it.each<[string, unknown]>([
    ["an unknown field", { NewName: "acme", Enabled: true }],
    ["a field in another case", { newName: "acme" }],
    ["an unknown field of an entry", one({ ReportId: row, QlikApps: [app], Name: "x" })],
    ["an unknown field of a swap", one({ ReportId: row, QlikApps: [{ ...app, Why: "x" }] })],
    ["an empty name", { NewName: "" }],
    ["a name that is no text", { NewName: 7 }],
    ["no list where one belongs", { OverwriteReportApps: {} }],
    ["an array for a body", []],
    ["null for a body", null],
    ["a missing ReportId", one({ QlikApps: [app] })],
    ["missing QlikApps", one({ ReportId: row })],
    ["a missing NewQlikAppId", one({ ReportId: row, QlikApps: [{ QlikAppId: MASTER_APP_ID }] })],
    ["a ReportId that is no GUID", one({ ReportId: "1", QlikApps: [app] })],
    ["a GUID in braces", one({ ReportId: `{${row}}`, QlikApps: [app] })],
    ["a report of another task", one({ ReportId: sourceRowId(2, 1), QlikApps: [app] })],
    ["a published report's ID", one({ ReportId: publishedReportId(1, 1), QlikApps: [app] })],
    ["an app that does not exist", one({ ReportId: row, QlikApps: [{ ...app, NewQlikAppId: tenantAppId(100_000) }] })],
    ["a source app that does not exist", one({ ReportId: row, QlikApps: [{ ...app, QlikAppId: row }] })],
    ["one report twice", { OverwriteReportApps: [1, 2].map(() => ({ ReportId: row, QlikApps: [app] })) }],
    ["one app twice", one({ ReportId: row, QlikApps: [app, { ...app, NewQlikAppId: tenantAppId(2) }] })],
  ])("refuses %s with 400 and does nothing", async (_, body) => {
    const sandbox = await sandboxWith();
    const reply = await send(sandbox, `${FIRST}/duplicate`, { method: "POST", body });
    expect([reply.status, reply.json]).toMatchObject([400, { isSuccess: false, data: null }]);
    expect(copies(sandbox)).toEqual([]);
  });

  it("takes GUIDs in capitals", async () => {
    const sandbox = await sandboxWith();
    const body = { OverwriteReportApps: [{ ReportId: row.toUpperCase(), QlikApps: [app] }] };
    expect(
      (await send(sandbox, `${FIRST.toUpperCase().replace("/API/V2/TASKS", V2)}/duplicate`, { method: "POST", body }))
        .status,
    ).toBe(200);
    expect(targets(onlyCopy(sandbox))).toEqual([tenantAppId(1), "none", "none"]);
  });

  it.each([
    ["another content type", 415, { raw: "{}", headers: { "content-type": "text/plain" } }],
    ["another charset", 415, { raw: "{}", headers: { "content-type": "application/json; charset=latin1" } }],
    ["no JSON", 400, { raw: "{" }],
    ["bytes that are no UTF-8", 400, { raw: new Uint8Array([0x22, 0xff, 0x22]) }],
    ["a body that is too large", 413, { raw: `"${"x".repeat(LARGEST_BODY)}"` }],
  ])("refuses %s with %i", async (_, status, sending) => {
    const sandbox = await sandboxWith();
    const reply = await send(sandbox, `${FIRST}/duplicate`, { method: "POST", ...sending });
    expect(reply.status).toBe(status);
    expect(copies(sandbox)).toEqual([]);
  });

  it("refuses a task that does not exist with 404", async () => {
    const sandbox = await sandboxWith();
    const path = `${V2}/aaaaaaaa-0000-4000-8000-000000000009/duplicate`;
    expect((await send(sandbox, path, { method: "POST", body: {} })).status).toBe(404);
  });

  it("does nothing for a client that hangs up in the midst of its body", async () => {
    const sandbox = await sandboxWith();
    const half = request(`${sandbox.url}${FIRST}/duplicate`, {
      method: "POST",
      headers: { authorization: `Bearer ${sandbox.key}`, "content-type": "application/json", "content-length": 100 },
    });
    half.on("error", () => {});
    half.write("{");
    await until(() => sandbox.counts().creates === 1);
    const hungUp = closed(half);
    half.destroy();
    await hungUp;
    expect((await send(sandbox, V2)).status).toBe(200);
    expect(copies(sandbox)).toEqual([]);
  });

  it("can take published report IDs in bodies, and rows in paths only", async () => {
    const sandbox = await faulty("report-id-strict");
    const published = [1, 2, 3].map((n) => publishedReportId(1, n));
    const wrong = await duplicate(sandbox, "Monthly Report - acme");
    expect(wrong.status).toBe(400);
    const body = mappedTo(tenantAppId(1), "Monthly Report - acme", published);
    expect((await duplicate(sandbox, "", 1, { body })).status).toBe(200);
    const [first] = onlyCopy(sandbox).reports;
    const patched = { OverwriteReportApps: [{ ReportId: first?.reportId, QlikApps: [] }] };
    const base = `${V2}/${onlyCopy(sandbox).id}/reports`;
    expect((await send(sandbox, `${base}/${first?.reportId}`, { method: "PATCH", body: patched })).status).toBe(404);
    expect((await send(sandbox, `${base}/${first?.rowId}`, { method: "PATCH", body: patched })).status).toBe(200);
    expect(targets(onlyCopy(sandbox))).toEqual(["none", tenantAppId(1), tenantAppId(1)]);
  });

  it("hands a copy's own mappings on to a copy of it", async () => {
    const sandbox = await sandboxWith();
    await duplicate(sandbox, "Monthly Report - acme", 4);
    const body = { NewName: "Monthly Report - acme, second" };
    await send(sandbox, `${V2}/${onlyCopy(sandbox).id}/duplicate`, { method: "POST", body });
    const [, second] = copies(sandbox);
    expect(second && targets(second)).toEqual([tenantAppId(4), tenantAppId(4), tenantAppId(4)]);
  });
});

describe("PATCH", () => {
  it("replaces one report's whole set, and an empty set removes it", async () => {
    const sandbox = await sandboxWith();
    await duplicate(sandbox, "Monthly Report - acme", 1);
    expect((await patchFirstReport(sandbox, onlyCopy(sandbox), 2)).json).toEqual(ok(null));
    expect(targets(onlyCopy(sandbox))).toEqual([tenantAppId(2), tenantAppId(1), tenantAppId(1)]);
    const row = onlyCopy(sandbox).reports[0]?.rowId;
    const body = { OverwriteReportApps: [{ ReportId: row, QlikApps: [] }] };
    await send(sandbox, `${V2}/${onlyCopy(sandbox).id}/reports/${row}`, { method: "PATCH", body });
    expect(targets(onlyCopy(sandbox))).toEqual(["none", tenantAppId(1), tenantAppId(1)]);
  });

  it("refuses the row of the source task, another report of the copy, no entry and several", async () => {
    const sandbox = await sandboxWith();
    await duplicate(sandbox, "Monthly Report - acme", 1);
    const copy = onlyCopy(sandbox);
    const [first = "", second = ""] = copy.reports.map((report) => report.rowId);
    const patch = (row: string, ids: readonly string[]) =>
      send(sandbox, `${V2}/${copy.id}/reports/${row}`, {
        method: "PATCH",
        body: { OverwriteReportApps: ids.map((ReportId) => ({ ReportId, QlikApps: [] })) },
      });
    expect((await patch(sourceRowId(1, 1), [sourceRowId(1, 1)])).status).toBe(404);
    expect((await patch(first, [sourceRowId(1, 1)])).status).toBe(400);
    expect((await patch(first, [second])).status).toBe(400);
    expect((await patch(first, [])).status).toBe(400);
    expect((await patch(first, [first, second])).status).toBe(400);
    expect(onlyCopy(sandbox)).toEqual(copy);
  });
});

describe("running a task", () => {
  it("shows that an unmapped report reads the master, and a mapped one its own tenant's app throughout", async () => {
    const sandbox = await sandboxWith();
    const body = mappedTo(tenantAppId(3), "Monthly Report - globex", firstRows().slice(0, 2));
    await duplicate(sandbox, "", 3, { body });
    const path = `/sandbox/tasks/${onlyCopy(sandbox).id}/run`;
    const reply = await send(sandbox, path, { method: "POST", key: undefined });
    const { reports } = reply.json as { reports: { readsApps: string[]; filters: object[]; conditions: object[] }[] };
    expect(reports.map((report) => report.readsApps)).toEqual([[tenantAppId(3)], [tenantAppId(3)], [MASTER_APP_ID]]);
    const read = { originalAppId: MASTER_APP_ID, readsAppId: tenantAppId(3), replaced: true };
    expect(reports[0]).toMatchObject({ connections: [read], filters: [read, read], conditions: [read] });
    expect((await send(sandbox, path)).status).toBe(405);
    expect((await send(sandbox, "/sandbox/tasks/nobody/run", { method: "POST" })).status).toBe(404);
  });
});

describe("the server itself", () => {
  it("counts each kind of request and the most writes at once", async () => {
    const sandbox = await sandboxWith({ latencyMs: 200 });
    await Promise.all([1, 2, 3, 4].map((n) => duplicate(sandbox, `Monthly Report - tenant ${n}`, n)));
    await patchFirstReport(sandbox, copies(sandbox)[0] ?? onlyCopy(sandbox), 9);
    for (const part of ["", "/reports", "/recipients", "/triggers"]) await send(sandbox, `${FIRST}${part}`);
    await send(sandbox, V2);
    await send(sandbox, "/api/v2/nothing");
    expect(sandbox.counts()).toEqual({
      requests: 11,
      creates: 4,
      writes: 5,
      made: 4,
      keyRefusals: 0,
      mostWritesAtOnce: 4,
      faults: {},
    });
  });

  it("never counts more writes at once than a client has on their way", async () => {
    const sandbox = await sandboxWith();
    for (let n = 1; n <= 100; n += 1) await duplicate(sandbox, `Monthly Report - tenant ${n}`, n);
    expect(sandbox.counts().mostWritesAtOnce).toBe(1);
  });

  it("gives back the request's ID", async () => {
    const sandbox = await sandboxWith();
    const reply = await send(sandbox, V2, { headers: { "x-request-id": "run-1/7" } });
    expect(reply.headers.get("x-request-id")).toBe("run-1/7");
  });

  it("listens on loopback only, and says so when its port is taken", async () => {
    const sandbox = await sandboxWith();
    expect(sandbox.url).toBe(`http://127.0.0.1:${sandbox.port}`);
    await expect(startSandbox({ port: sandbox.port })).rejects.toMatchObject({
      exitCode: 2,
      problems: [{ code: "PORT_TAKEN" }],
    });
  });

  it("takes any free port where the usual one is taken and none was asked for", async () => {
    const first = await sandboxWith({ port: undefined });
    const second = await sandboxWith({ port: undefined });
    expect(second.port).not.toBe(first.port);
    expect((await send(second, V2)).status).toBe(200);
  });

  it("closes at once while requests hang, wait, or were never finished, and may be closed twice", async () => {
    const sandbox = await sandboxWith({ latencyMs: 3_600_000 });
    const idle = connect(sandbox.port, "127.0.0.1").resume();
    const idleEnded = closed(idle);
    const waiting = send(sandbox, V2);
    await until(() => sandbox.counts().requests === 1);
    await Promise.all([sandbox.close(), sandbox.close()]);
    expect((await waiting).status).toBe("cut");
    await idleEnded;
  });
});
