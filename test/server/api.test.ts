import { inspect } from "node:util";
import { HttpResponse, http } from "msw";
import { afterEach, describe, expect, it } from "vitest";
import type { QalyptusApiSettings } from "../../src/server/client.js";
import { type AppId, parseTaskId, type TaskId } from "../../src/shared/ids.js";
import { StopError } from "../../src/shared/problems.js";
import { type LoopbackServer, serve, serveBytes, serveHandlers } from "../support/loopback-server.js";
import { call, hurriedClock, KEY, openApi } from "../support/qalyptus-client.js";

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

function kept<T extends { close(): Promise<void> }>(one: T): T {
  open.push(one);
  return one;
}

type Handlers = Parameters<typeof serveHandlers>[0];

async function apiWith(handlers: Handlers, changes: Partial<QalyptusApiSettings> = {}) {
  const server = kept(await serveHandlers(handlers));
  const api = kept(openApi(server.origin, changes));
  return { server, ...api };
}

const guid = (number: number): TaskId => `00000000-0000-4000-8000-${String(number).padStart(12, "0")}` as TaskId;
const SOURCE = guid(1);
const task = (number: number) => ({
  id: guid(number),
  name: `Sales - tenant ${number}`,
  isActive: true,
  testMode: false,
});
const tasks = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => task(from + index));
const envelope = (data: unknown) => ({ data, isSuccess: true, error: null, errorDetails: null });
const paths = (server: LoopbackServer) => server.seen.map((one) => one.url.replace(/^\/api\//, ""));

/** A task list as a server may keep it: what `get_all` gives, and how its pages go. */
function listOf(
  all: readonly unknown[],
  options: { readonly getAll?: "all" | "ignored" | 400 | 500; readonly largestPage?: number } = {},
) {
  return http.get("*/api/v2/tasks", ({ request }) => {
    const query = new URL(request.url).searchParams;
    if (query.has("get_all")) {
      if (options.getAll === 400 || options.getAll === 500)
        return HttpResponse.json({ isSuccess: false }, { status: options.getAll });
      return HttpResponse.json(envelope(options.getAll === "ignored" ? all.slice(0, 10) : all));
    }
    const size = Math.min(Number(query.get("page_size") ?? 10), options.largestPage ?? 100);
    const start = (Number(query.get("page") ?? 1) - 1) * size;
    return HttpResponse.json(envelope(all.slice(start, start + size)));
  });
}

describe("the task list", () => {
  it("is read to its end: everything, then pages from the first, at least two", async () => {
    const { reader, server } = await apiWith([listOf(tasks(1, 3))]);
    const list = await reader.listTasks({ fresh: false });
    expect(list).toEqual({ kind: "read", tasks: tasks(1, 3).map(({ id, name }) => ({ id, name })) });
    expect(paths(server)).toEqual([
      "v2/tasks?get_all=true",
      "v2/tasks?page=1&page_size=50",
      "v2/tasks?page=2&page_size=50",
    ]);
  });

  it("says that it is one as soon as everything came at once, and not where that is refused", async () => {
    const { reader, server } = await apiWith([listOf(tasks(1, 3))]);
    const asked: number[] = [];
    await reader.listTasks({ fresh: false, onRecognised: () => asked.push(server.seen.length) });
    expect(asked).toEqual([1]);
    const refusing = await apiWith([listOf(tasks(1, 3), { getAll: 400 })]);
    await refusing.reader.listTasks({ fresh: false, onRecognised: () => asked.push(0) });
    expect(asked).toEqual([1]);
  });

  it.each([
    ["get_all is ignored and pages hold ten", 300, { getAll: "ignored", largestPage: 10 }],
    ["get_all is refused", 300, { getAll: 400 }],
    ["get_all fails", 120, { getAll: 500 }],
    ["the last page is full", 100, { getAll: "ignored" }],
    ["there is nothing", 0, {}],
    ["there is much", 3000, { getAll: "ignored" }],
  ] as const)("is whole where %s", async (_, count, options) => {
    const { reader } = await apiWith([listOf(tasks(1, count), options)]);
    const list = await reader.listTasks({ fresh: false });
    expect(list.kind).toBe("read");
    expect(list.kind === "read" && list.tasks.map((one) => one.id).sort()).toEqual(
      tasks(1, count).map((one) => one.id),
    );
  });

  it("misses no task that was there throughout, where rows move to later pages while it is read", async () => {
    const listed = tasks(1, 300);
    const { reader } = await apiWith([
      http.get("*/api/v2/tasks", async ({ request }) => {
        const query = new URL(request.url).searchParams;
        const page = Number(query.get("page") ?? 1);
        if (query.has("get_all")) return HttpResponse.json(listed.slice(0, 50));
        // Page 3 is answered late; meanwhile a task comes to the front, and the last row of page 3 moves to page 4.
        if (page === 3) await new Promise((resolve) => setTimeout(resolve, 50));
        if (page === 3 && listed.length === 300) listed.unshift(task(999));
        return HttpResponse.json(listed.slice(page * 50 - 50, page * 50));
      }),
    ]);
    const list = await reader.listTasks({ fresh: false });
    const ids = new Set(list.kind === "read" ? list.tasks.map((one) => one.id) : []);
    expect(tasks(1, 300).filter((one) => !ids.has(one.id))).toEqual([]);
  });

  it("spares the pages between, where the first two and the last add up to what came at once", async () => {
    const { reader, server } = await apiWith([listOf(tasks(1, 260))]);
    expect(await reader.listTasks({ fresh: false })).toMatchObject({ kind: "read", tasks: { length: 260 } });
    const pages = [1, 2, 6, 7].map((page) => `v2/tasks?page=${page}&page_size=50`);
    expect(paths(server).sort()).toEqual(["v2/tasks?get_all=true", ...pages]);
  });

  it("is whole where the server knows no pages at all", async () => {
    const { reader, server } = await apiWith([http.get("*/api/v2/tasks", () => HttpResponse.json(tasks(1, 80)))]);
    expect(await reader.listTasks({ fresh: false })).toMatchObject({ kind: "read", tasks: { length: 80 } });
    expect(server.seen).toHaveLength(3);
  });

  it("joins what came at once with what pages bring, whichever is cut", async () => {
    const { reader } = await apiWith([
      http.get("*/api/v2/tasks", ({ request }) => {
        const query = new URL(request.url).searchParams;
        if (query.has("get_all")) return HttpResponse.json(tasks(1, 100));
        const page = Number(query.get("page"));
        return HttpResponse.json(page > 4 ? [] : tasks(page * 50 - 49, page * 50));
      }),
    ]);
    expect(await reader.listTasks({ fresh: false })).toMatchObject({ kind: "read", tasks: { length: 200 } });
  });

  it("is read for two pages, though the first is empty", async () => {
    const { reader, server } = await apiWith([
      http.get("*/api/v2/tasks", ({ request }) =>
        HttpResponse.json(envelope(new URL(request.url).searchParams.get("page") === "2" ? tasks(1, 3) : [])),
      ),
    ]);
    expect(await reader.listTasks({ fresh: false })).toMatchObject({ kind: "read", tasks: { length: 3 } });
    expect(paths(server)).toContain("v2/tasks?page=3&page_size=50");
  });

  it("is asked for past every cache", async () => {
    const { reader, server } = await apiWith([listOf(tasks(1, 1))]);
    await reader.listTasks({ fresh: true });
    expect(server.seen.map((one) => one.headers["cache-control"])).toEqual(["no-cache", "no-cache", "no-cache"]);
  });

  it.each<readonly [string, (rows: readonly unknown[]) => object]>([
    ["beside the rows", (items) => ({ items, total: 64 })],
    ["in the envelope", (data) => ({ ...envelope(data), totalCount: 64 })],
    ["in data, beside the rows", (items) => envelope({ items, Total_Records: "64" })],
    ["in a paging object", (data) => ({ data, isSuccess: true, pagination: { page: 1, total: 64 } })],
    ["in meta", (tasks) => ({ tasks, Meta: { TotalItems: 64 } })],
    ["as a count that is larger than all rows", (value) => ({ "@odata.count": 64, value, count: 64 })],
  ])("is not whole where a larger total is named %s", async (_, body) => {
    const { reader } = await apiWith([
      http.get("*/api/v2/tasks", ({ request }) => {
        const query = new URL(request.url).searchParams;
        const page = Number(query.get("page") ?? 1);
        return HttpResponse.json(
          body(query.has("get_all") ? tasks(1, 63) : tasks(1, 63).slice(page * 50 - 50, page * 50)),
        );
      }),
    ]);
    expect(await reader.listTasks({ fresh: false })).toMatchObject({
      kind: "partial",
      tasks: { length: 63 },
      problem: { code: "LIST_ROWS_LACKING", message: expect.stringContaining("63 of 64") },
    });
  });

  it.each<readonly [string, object]>([
    ["the rows' own number", { total: 3, count: 3, totalPages: 7 }],
    ["a page's own number", { count: 2 }],
    ["no number", { total: null, count: -1, totalCount: "many", totalItems: {} }],
  ])("is whole where the envelope names %s", async (_, names) => {
    const { reader } = await apiWith([
      http.get("*/api/v2/tasks", ({ request }) => {
        const query = new URL(request.url).searchParams;
        return HttpResponse.json({ ...names, data: query.get("page") === "2" ? [] : tasks(1, 3) });
      }),
    ]);
    expect(await reader.listTasks({ fresh: false })).toMatchObject({ kind: "read", tasks: { length: 3 } });
  });

  it("is whole where tasks are made while it is read, though each answer names one more", async () => {
    let made = 60;
    const { reader } = await apiWith([
      http.get("*/api/v2/tasks", ({ request }) => {
        made += 1;
        const query = new URL(request.url).searchParams;
        const page = Number(query.get("page") ?? 1);
        const rows = query.has("get_all") ? tasks(1, 50) : tasks(1, made).slice(page * 50 - 50, page * 50);
        return HttpResponse.json({ ...envelope(rows), total: made });
      }),
    ]);
    const list = await reader.listTasks({ fresh: false });
    expect(list.kind).toBe("read");
    expect(list.kind === "read" && list.tasks.length).toBeGreaterThanOrEqual(60);
  });

  it.each<readonly [string, unknown]>([
    ["in data", envelope(tasks(1, 2))],
    ["bare", tasks(1, 2)],
    ["in items", { items: tasks(1, 2), total: 2 }],
    ["in tasks", { Tasks: tasks(1, 2) }],
    ["in data.items", envelope({ items: tasks(1, 2) })],
    [
      "in capitals",
      { Data: tasks(1, 2).map((one) => ({ ID: one.id.toUpperCase(), Name: one.name })), IsSuccess: true },
    ],
    ["in the older envelope", { data: tasks(1, 2), status: { message: "OK" } }],
  ])("may come %s", async (_, body) => {
    const { reader } = await apiWith([http.get("*/api/v2/tasks", () => HttpResponse.json(body as object))]);
    expect(await reader.listTasks({ fresh: false })).toMatchObject({
      kind: "read",
      tasks: [
        { id: guid(1), name: "Sales - tenant 1" },
        { id: guid(2), name: "Sales - tenant 2" },
      ],
    });
  });

  it.each<readonly [string, unknown]>([
    ["no ID", { name: "Sales" }],
    ["an ID that is no GUID", { id: 17, name: "Sales" }],
    ["no name", { id: guid(9) }],
    ["a blank name", { id: guid(9), name: " " }],
    ["nothing", null],
  ])("with an entry that has %s proves nothing", async (_, entry) => {
    const { reader } = await apiWith([listOf([...tasks(1, 3), entry])]);
    const list = await reader.listTasks({ fresh: false });
    expect(list).toMatchObject({ kind: "partial", tasks: { length: 3 }, problem: { code: "LIST_ENTRY_UNREADABLE" } });
  });

  it.each([500, 400, 403, 404])("is partial where a page is answered with %i", async (status) => {
    const { reader } = await apiWith([
      http.get("*/tasks", ({ request }) => {
        const query = new URL(request.url).searchParams;
        if (query.get("page") === "3") return HttpResponse.json({ isSuccess: false }, { status });
        return HttpResponse.json(
          envelope(
            query.has("get_all")
              ? tasks(1, 10)
              : tasks(Number(query.get("page")) * 50, Number(query.get("page")) * 50 + 49),
          ),
        );
      }),
    ]);
    expect(await reader.listTasks({ fresh: false })).toMatchObject({ kind: "partial", tasks: { length: 110 } });
  });

  it("that never ends is given up after a while", async () => {
    let next = 1;
    const clock = hurriedClock();
    const { reader } = await apiWith(
      [
        http.get("*/tasks", async () => {
          await clock.sleep(60_000);
          next += 1;
          return HttpResponse.json(envelope([task(next)]));
        }),
      ],
      { clock },
    );
    expect(await reader.listTasks({ fresh: false })).toMatchObject({
      kind: "partial",
      problem: { code: "LIST_ENDLESS" },
    });
  });

  it.each([
    [403, { kind: "none", forbidden: true }],
    [404, { kind: "none", forbidden: false }],
    [405, { kind: "none", forbidden: false }],
    [500, { kind: "none", forbidden: false }],
    [503, { kind: "none", forbidden: false }],
    [400, { kind: "none", forbidden: false }],
  ] as const)("is none where every answer is %i", async (status, reading) => {
    const { reader } = await apiWith([
      http.get("*/tasks", () => HttpResponse.json({ isSuccess: false, error: "hm" }, { status })),
    ]);
    expect(await reader.listTasks({ fresh: false })).toMatchObject({
      ...reading,
      problem: { message: expect.stringContaining("hm") },
    });
  });

  it("is none where the server hangs, tried again as often as --retries says", async () => {
    const server = kept(await serveBytes(() => undefined));
    const api = kept(openApi(server.origin, { timeoutMs: 50, retries: 2 }));
    expect(await api.reader.listTasks({ fresh: false })).toMatchObject({ kind: "none", problem: { code: "TIMEOUT" } });
    expect(api.reports).toHaveLength(3);
  });

  it("comes from the older route where the newer is missing, and is not looked for there again", async () => {
    const { reader, server } = await apiWith([
      http.get("*/api/v1/tasks", () => HttpResponse.json(envelope(tasks(1, 2)))),
    ]);
    expect(await reader.listTasks({ fresh: false })).toMatchObject({ kind: "read", tasks: { length: 2 } });
    expect(paths(server)).toEqual([
      "v2/tasks?get_all=true",
      "v1/tasks?get_all=true",
      "v1/tasks?page=1&page_size=50",
      "v1/tasks?page=2&page_size=50",
    ]);
  });
});

describe("a task by its ID", () => {
  const route = "*/api/v2/tasks/:id";

  it("is read with what it would do by itself", async () => {
    const { reader } = await apiWith([
      http.get(route, () => HttpResponse.json(envelope({ ...task(1), testMode: true }))),
    ]);
    expect(await reader.readTask(SOURCE)).toEqual({
      kind: "read",
      value: { id: SOURCE, name: "Sales - tenant 1", enabled: true, testMode: true },
    });
  });

  it("is absent with a 404 of a route that works, without asking elsewhere", async () => {
    const { reader, server } = await apiWith([
      http.get("*/api/v2/tasks/:id", ({ params }) =>
        params.id === SOURCE ? HttpResponse.json(task(1)) : new HttpResponse(null, { status: 404 }),
      ),
      http.get("*/api/v1/tasks/:id", () => HttpResponse.json(task(2))),
    ]);
    expect(await reader.readTask(SOURCE)).toMatchObject({ kind: "read" });
    expect(await reader.readTask(guid(2))).toMatchObject({ kind: "absent" });
    expect(server.seen).toHaveLength(2);
  });

  it("is absent where both versions answer 404, and unreadable where one says 405", async () => {
    const { reader } = await apiWith([
      http.get(`*/api/v2/tasks/${guid(5)}`, () => new HttpResponse(null, { status: 405 })),
    ]);
    expect(await reader.readTask(guid(4))).toMatchObject({ kind: "absent" });
    expect(await reader.readTask(guid(5))).toMatchObject({ kind: "unreadable", forbidden: false });
  });

  it.each<readonly [string, () => Response, boolean]>([
    ["403", () => HttpResponse.json({}, { status: 403 }), true],
    ["500", () => HttpResponse.json({}, { status: 500 }), false],
    ["isSuccess: false", () => HttpResponse.json({ isSuccess: false, error: "gone" }), false],
    ["another task", () => HttpResponse.json(task(7)), false],
    ["nothing", () => HttpResponse.json(envelope(null)), false],
    ["no content", () => new HttpResponse(null, { status: 204 }), false],
  ])("is unreadable with %s", async (_, respond, forbidden) => {
    const { reader } = await apiWith([http.get(route, respond)]);
    expect(await reader.readTask(SOURCE)).toMatchObject({ kind: "unreadable", forbidden });
  });
});

describe("a task's reports", () => {
  const [row, report, other] = [guid(100), guid(200), guid(201)];
  const [master, own] = [guid(300), guid(301)];
  const swap = { qlikAppId: master, newQlikAppId: own };
  const readRows = async (rows: readonly unknown[]) => {
    const { reader } = await apiWith([http.get("*/tasks/:id/reports", () => HttpResponse.json(envelope(rows)))]);
    return reader.readReports(SOURCE);
  };

  it.each<readonly [string, unknown, unknown]>([
    ["by report", [{ reportId: row, qlikApps: [swap] }], [swap]],
    ["by the published report", [{ ReportID: report, QlikApps: [{ QlikAppId: master, NewQlikAppId: own }] }], [swap]],
    ["plain", [swap], [swap]],
    ["as one object", { reportId: row, qlikApps: [swap] }, [swap]],
    ["as one swap", swap, [swap]],
    ["as an object of IDs", { [master]: own }, [swap]],
    ["as JSON in a text", JSON.stringify([swap]), [swap]],
    [
      "with those of another report",
      [
        { reportId: other, qlikApps: [{ ...swap, newQlikAppId: other }] },
        { reportId: row, qlikApps: [swap] },
      ],
      [swap],
    ],
    ["empty", [], []],
    ["empty for this report", [{ reportId: row, qlikApps: [] }], []],
    ["of another report only", [{ reportId: other, qlikApps: [swap] }], []],
    ["null", null, undefined],
    ["with an app that is none", [{ ...swap, newQlikAppId: "customer app" }], undefined],
    ["of an unknown shape", [{ from: 1 }], undefined],
    ["as a text", "yes", undefined],
  ])("shows mappings %s", async (_, overwriteReportApps, mappings) => {
    expect(await readRows([{ id: row, reportID: report, name: "Sales", overwriteReportApps }])).toEqual({
      kind: "read",
      value: [{ rowId: row, reportId: report, name: "Sales", mappings }],
    });
  });

  it("are not known where the list names more of them than it has, however few", async () => {
    const rows = [{ id: row, reportID: report, name: "Sales" }];
    const body = { ...envelope(rows), total: 2 };
    const inPages = await apiWith([http.get("*/tasks/:id/reports", () => HttpResponse.json(body))]);
    expect(await inPages.reader.readReports(SOURCE)).toMatchObject({
      kind: "unreadable",
      problem: { code: "LIST_ROWS_LACKING", message: expect.stringContaining("1 of 2") },
    });
    const withoutQuery = await apiWith([
      http.get("*/tasks/:id/reports", ({ request }) =>
        new URL(request.url).search === "" ? HttpResponse.json(body) : HttpResponse.json({}, { status: 400 }),
      ),
    ]);
    expect(await withoutQuery.reader.readReports(SOURCE)).toMatchObject({ kind: "unreadable" });
  });

  it("does not show mappings where there is no such field", async () => {
    expect(await readRows([{ id: row, reportID: report }])).toMatchObject({ value: [{ mappings: undefined }] });
  });

  it("shows that there are none with null, where another row shows some", async () => {
    const reading = await readRows([
      { id: row, reportID: report, overwriteReportApps: [swap] },
      { id: guid(101), reportID: other, overwriteReportApps: null },
    ]);
    expect(reading).toMatchObject({ value: [{ mappings: [swap] }, { mappings: [] }] });
  });

  it("takes a row's only ID for both", async () => {
    expect(await readRows([{ Id: row.toUpperCase() }])).toMatchObject({ value: [{ rowId: row, reportId: row }] });
    expect(await readRows([{ id: row, report: { id: report } }])).toMatchObject({
      value: [{ rowId: row, reportId: report }],
    });
  });

  it("is unreadable as a whole where one row is", async () => {
    expect(await readRows([{ id: row, reportID: report }, { name: "Sales" }])).toMatchObject({ kind: "unreadable" });
  });

  it("reads on where ten rows may be a first page, and not where they are fewer", async () => {
    const rows = Array.from({ length: 23 }, (_, index) => ({ id: guid(400 + index), reportID: guid(500 + index) }));
    const { reader, server } = await apiWith([
      http.get("*/api/v2/tasks/:id/reports", ({ request, params }) => {
        const page = Number(new URL(request.url).searchParams.get("page") ?? 1);
        return HttpResponse.json(params.id === SOURCE ? rows.slice(page * 10 - 10, page * 10) : rows.slice(0, 3));
      }),
    ]);
    expect(await reader.readReports(SOURCE)).toMatchObject({ kind: "read", value: { length: 23 } });
    expect(await reader.readReports(guid(2))).toMatchObject({ kind: "read", value: { length: 3 } });
    expect(paths(server).filter((path) => path.includes(guid(2)))).toHaveLength(1);
  });

  it("asks without a query where the server refuses every one", async () => {
    const { reader } = await apiWith([
      http.get("*/api/v2/tasks/:id/reports", ({ request }) =>
        new URL(request.url).search === ""
          ? HttpResponse.json([{ id: row, reportID: report }])
          : HttpResponse.json({}, { status: 400 }),
      ),
    ]);
    expect(await reader.readReports(SOURCE)).toMatchObject({ kind: "read", value: [{ rowId: row }] });
  });
});

describe("what would make a copy mail", () => {
  it.each<readonly [unknown, unknown]>([
    [
      [{ id: guid(7), name: "Nightly", isActive: true, appId: guid(300).toUpperCase(), eventType: "reload" }],
      [{ name: "Nightly", appId: guid(300) }],
    ],
    [[{ Name: "Nightly", IsActive: false }], []],
    [[], []],
    [[{ name: "Weekly", isActive: true }, { name: "?" }], [{ name: "Weekly", appId: undefined }]],
  ])("active triggers of %j", async (rows, value) => {
    const { reader } = await apiWith([http.get("*/triggers", () => HttpResponse.json(envelope(rows)))]);
    expect(await reader.readTriggers(SOURCE)).toEqual({ kind: "read", value });
  });

  it("is not shown where more triggers are named than shown, and none of these is active", async () => {
    const triggersOf = async (isActive: boolean) => {
      const body = { ...envelope([{ name: "Nightly", isActive }]), total: 2 };
      const { reader } = await apiWith([http.get("*/triggers", () => HttpResponse.json(body))]);
      return reader.readTriggers(SOURCE);
    };
    expect(await triggersOf(false)).toMatchObject({ kind: "unreadable" });
    expect(await triggersOf(true)).toMatchObject({ kind: "read", value: [{ name: "Nightly" }] });
  });

  it("is not shown where triggers do not say whether they are active", async () => {
    const { reader } = await apiWith([http.get("*/triggers", () => HttpResponse.json([{ name: "Nightly" }]))]);
    expect(await reader.readTriggers(SOURCE)).toMatchObject({ kind: "unreadable" });
  });

  it.each<readonly [unknown, number]>([
    [[{ email: "jo@acme.com" }, { email: "al@acme.com" }], 2],
    [{ users: [{ id: 1 }], groups: [{ id: 2 }, { id: 3 }] }, 3],
    [{ recipients: [{ id: 1 }] }, 1],
    [{ totalCount: 7 }, 7],
    [[], 0],
  ])("recipients of %j", async (body, value) => {
    const { reader } = await apiWith([http.get("*/recipients", () => HttpResponse.json(envelope(body)))]);
    expect(await reader.readRecipients(SOURCE)).toEqual({ kind: "read", value });
  });
});

describe("a read ends the run", () => {
  const stopOf = async (work: Promise<unknown>): Promise<StopError> => {
    try {
      await work;
    } catch (error) {
      if (error instanceof StopError) return error;
      throw error;
    }
    throw new Error("the run went on");
  };
  const listStop = async (respond: () => Response, status?: number) => {
    const { reader } = await apiWith([http.all("*", respond)]);
    const error = await stopOf(reader.listTasks({ fresh: false }));
    expect(error.exitCode).toBe(5);
    return { code: error.problems[0]?.code, message: error.message, status };
  };

  it.each<readonly [string, () => Response]>([
    ["KEY_REFUSED", () => HttpResponse.json({}, { status: 401 })],
    ["KEY_REFUSED", () => new HttpResponse("expired", { status: 417 })],
    ["REDIRECTED", () => new HttpResponse(null, { status: 302, headers: { location: "https://login.acme.com/" } })],
    ["WEB_PAGE", () => HttpResponse.html("<html><title>Log in</title></html>")],
    ["NOT_QALYPTUS", () => HttpResponse.json({ hello: "world" })],
    ["NOT_QALYPTUS", () => HttpResponse.text("it works")],
    ["NOT_QALYPTUS", () => new HttpResponse("<html>The plain HTTP request was sent to HTTPS port", { status: 400 })],
  ])("%s", async (code, respond) => {
    expect(await listStop(respond)).toMatchObject({ code });
  });

  it("where nothing there answers as this API does, but every address is a web page that is not found", async () => {
    const { reader } = await apiWith([
      http.all(
        "*",
        () => new HttpResponse("<html>404</html>", { status: 404, headers: { "content-type": "text/html" } }),
      ),
    ]);
    expect(await reader.listTasks({ fresh: false })).toMatchObject({ kind: "none" });
    const error = await stopOf(Promise.all([reader.readTask(SOURCE), reader.readReports(SOURCE)]));
    expect(error).toMatchObject({ exitCode: 5, problems: [{ code: "NOT_QALYPTUS" }] });
  });

  it("but not where a server that reads nothing says so as an API does", async () => {
    const { reader } = await apiWith([http.all("*", () => HttpResponse.json({ isSuccess: false }, { status: 404 }))]);
    expect(await reader.listTasks({ fresh: false })).toMatchObject({ kind: "none" });
    expect(await reader.readTask(SOURCE)).toMatchObject({ kind: "absent" });
    expect(await reader.readReports(SOURCE)).toMatchObject({ kind: "absent" });
  });

  it("but not where the older version shows a login page and the newer works", async () => {
    const { reader } = await apiWith([
      listOf(tasks(1, 1)),
      http.all("*/api/v1/*", () => HttpResponse.html("<html>log in")),
    ]);
    await reader.listTasks({ fresh: false });
    expect(await reader.readTriggers(SOURCE)).toMatchObject({ kind: "absent" });
  });

  it("where it cannot be reached, after as many tries as --retries says", async () => {
    const server = await serve(() => undefined);
    await server.close();
    const api = kept(openApi(server.origin, { retries: 3 }));
    const error = await stopOf(api.reader.listTasks({ fresh: false }));
    expect(error).toMatchObject({
      exitCode: 5,
      problems: [{ code: "UNREACHABLE", message: expect.stringContaining(server.origin) }],
    });
    expect(api.reports).toHaveLength(4);
  });

  it("where it has answered before and is refused for half a minute", async () => {
    const clock = hurriedClock();
    const server = await serve((_, response) => void response.end("[]"));
    const api = kept(openApi(server.origin, { retries: 1, clock }));
    await api.reader.listTasks({ fresh: false });
    await server.close();
    const before = clock.monotonic();
    await stopOf(api.reader.readTask(SOURCE));
    expect(clock.monotonic() - before).toBeGreaterThanOrEqual(30_000);
  });

  it("where a certificate is not trusted, at once and with the way out", async () => {
    const server = kept(await serve(() => undefined, { tls: true }));
    const api = kept(openApi(server.origin, { retries: 4 }));
    const error = await stopOf(api.reader.readTask(SOURCE));
    expect(error).toMatchObject({
      exitCode: 5,
      problems: [{ code: "CERTIFICATE", hint: expect.stringContaining("--ca-file") }],
    });
    expect(api.reports).toHaveLength(1);
  });

  it("where http is spoken to a port of https, and the other way round", async () => {
    const https = kept(await serve(() => undefined, { tls: true }));
    const wrong = await stopOf(kept(openApi(`http://127.0.0.1:${https.port}`)).reader.readTask(SOURCE));
    expect(wrong).toMatchObject({ exitCode: 5, problems: [{ hint: expect.stringContaining("https://") }] });
    const http = kept(await serve(() => undefined));
    const other = await stopOf(kept(openApi(`https://127.0.0.1:${http.port}`)).reader.readTask(SOURCE));
    expect(other).toMatchObject({ exitCode: 5, problems: [{ hint: expect.stringContaining("http://") }] });
  });

  it("and no error of it holds the key, though the server sends it back", async () => {
    const echo = async (seen: { readonly headers: { readonly authorization?: string | undefined } }, status: number) =>
      HttpResponse.json({ isSuccess: false, error: { message: `refused ${seen.headers.authorization}` } }, { status });
    for (const status of [401, 400, 403, 500, 302]) {
      const server = kept(
        await serve(async (seen, response) => {
          const body = await (await echo(seen, status)).text();
          response
            .writeHead(status, { "content-type": "application/json", location: `/x/${seen.headers.authorization}` })
            .end(body);
        }),
      );
      const api = kept(openApi(server.origin));
      const found = await api.reader.readTask(SOURCE).catch((error: unknown) => error);
      const reply = await api.writer.createCopy({ sourceTaskId: SOURCE, name: "x", reports: [] })(call());
      expect(inspect([found, reply, api], { depth: 10, showHidden: true })).not.toContain(KEY);
      expect(inspect([found, reply], { depth: 10 })).not.toContain(encodeURIComponent(KEY));
    }
  });
});

describe("a read is tried again", () => {
  it.each([408, 425, 429, 500, 502, 503, 504])("after %i", async (status) => {
    let failures = 2;
    const clock = hurriedClock();
    const { reader } = await apiWith(
      [
        http.get("*/tasks/:id", () => {
          failures -= 1;
          return failures < 0
            ? HttpResponse.json(task(1))
            : new HttpResponse("<html>", { status, headers: { "retry-after": "2" } });
        }),
      ],
      { clock, chance: { fraction: () => 0.5, uuid: () => crypto.randomUUID() } },
    );
    expect(await reader.readTask(SOURCE)).toMatchObject({ kind: "read" });
    expect(clock.waits).toEqual([2000, 2000]);
  });

  it("after a reset, with full jitter", async () => {
    const clock = hurriedClock();
    const server = kept(
      await serveBytes((socket, _, connection) => {
        if (connection <= 2) socket.resetAndDestroy();
        else
          socket.end(
            `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n${JSON.stringify(task(1))}`,
          );
      }),
    );
    const api = kept(
      openApi(server.origin, { clock, chance: { fraction: () => 0.5, uuid: () => crypto.randomUUID() } }),
    );
    expect(await api.reader.readTask(SOURCE)).toMatchObject({ kind: "read" });
    expect(clock.waits).toEqual([100, 200]);
  });

  it("but waits no longer than --timeout for a server that asks for more", async () => {
    const clock = hurriedClock();
    const respond = () => new HttpResponse(null, { status: 429, headers: { "retry-after": "3600" } });
    const { reader } = await apiWith([http.get("*/tasks/:id", respond)], { clock, retries: 1, timeoutMs: 5000 });
    expect(await reader.readTask(SOURCE)).toMatchObject({ kind: "unreadable" });
    expect(clock.waits).toEqual([5000]);
  });
});

describe("a write", () => {
  const apps = [{ qlikAppId: guid(300) as unknown as AppId, newQlikAppId: guid(301) as unknown as AppId }];

  it("is a create exactly as it is documented", async () => {
    const { writer, server } = await apiWith([
      http.post("*/api/v2/tasks/:id/duplicate", () => HttpResponse.json(envelope(guid(7)))),
    ]);
    const request = { sourceTaskId: SOURCE, name: "Sales - Müller & Söhne", reports: [{ reportId: guid(100), apps }] };
    const reply = await writer.createCopy(request)(call());
    expect(reply).toEqual({ kind: "succeeded", taskId: parseTaskId(guid(7)), httpStatus: 200 });
    expect(server.seen[0]).toMatchObject({ method: "POST", url: `/api/v2/tasks/${SOURCE}/duplicate` });
    expect(server.seen[0]?.headers).toMatchObject({ "content-type": "application/json", "idempotency-key": "idem-1" });
    expect(JSON.parse(server.seen[0]?.body ?? "")).toEqual({
      NewName: "Sales - Müller & Söhne",
      OverwriteReportApps: [{ ReportId: guid(100), QlikApps: [{ QlikAppId: guid(300), NewQlikAppId: guid(301) }] }],
    });
  });

  it("is a PATCH of one report's whole set, empty for a removal", async () => {
    const { writer, server } = await apiWith([
      http.patch("*/api/v2/tasks/:id/reports/:row", () => new HttpResponse(null, { status: 204 })),
    ]);
    const request = { taskId: guid(7), rowId: guid(100), reportId: guid(200), apps: [] };
    expect(await writer.patchReport(request)(call())).toEqual({
      kind: "succeeded",
      taskId: undefined,
      httpStatus: 204,
    });
    expect(server.seen[0]).toMatchObject({ method: "PATCH", url: `/api/v2/tasks/${guid(7)}/reports/${guid(100)}` });
    expect(JSON.parse(server.seen[0]?.body ?? "")).toEqual({
      OverwriteReportApps: [{ ReportId: guid(200), QlikApps: [] }],
    });
  });

  it.each([500, 503, 404, 429])("is sent once, also after %i", async (status) => {
    const { writer, server } = await apiWith([http.post("*", () => new HttpResponse(null, { status }))]);
    await writer.createCopy({ sourceTaskId: SOURCE, name: "x", reports: [] })(call());
    expect(server.seen).toHaveLength(1);
  });

  it("below a path and to the newer version only", async () => {
    const server = kept(await serveHandlers([http.post("*", () => new HttpResponse(null, { status: 404 }))]));
    const api = kept(openApi(`${server.origin}/acme/api/v1`));
    await api.writer.createCopy({ sourceTaskId: SOURCE, name: "x", reports: [] })(call());
    expect(server.seen.map((one) => one.url)).toEqual([`/acme/api/v2/tasks/${SOURCE}/duplicate`]);
  });

  it("whose drain is over is in doubt where it was sent, and not sent where it was not", async () => {
    const drain = new AbortController();
    const server = kept(await serveBytes(() => drain.abort()));
    const api = kept(openApi(server.origin));
    const request = { sourceTaskId: SOURCE, name: "x", reports: [] };
    expect(await api.writer.createCopy(request)(call({ signal: drain.signal }))).toMatchObject({
      kind: "in-doubt",
      answered: false,
    });
    expect(await api.writer.createCopy(request)(call({ signal: drain.signal }))).toMatchObject({
      kind: "not-sent",
      refusedConnection: false,
    });
  });

  it("that is in flight when the client is closed is in doubt, and nothing goes out afterwards", async () => {
    const request = { sourceTaskId: SOURCE, name: "x", reports: [] };
    let arrived = (): void => undefined;
    const isThere = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const server = kept(await serveBytes(() => arrived()));
    const api = openApi(server.origin);
    const sent = api.writer.createCopy(request)(call());
    await isThere;
    await api.close();
    expect(await sent).toMatchObject({ kind: "in-doubt", answered: false });
    expect(await api.writer.createCopy(request)(call())).toMatchObject({ kind: "not-sent" });
    expect(await api.reader.readTask(SOURCE)).toMatchObject({ kind: "unreadable", problem: { code: "ABORTED" } });
    expect(server.connections()).toBe(1);
  });
});
