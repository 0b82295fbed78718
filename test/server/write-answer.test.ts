import { describe, expect, it } from "vitest";
import { parseServerUrl } from "../../src/server/address.js";
import type { Exchange, HttpAnswer } from "../../src/server/client.js";
import { failureOf, type TransportFailure } from "../../src/server/failures.js";
import { type Answering, classifyWrite } from "../../src/server/replies.js";
import { parseTaskId, type TaskId } from "../../src/shared/ids.js";

const SOURCE = "11111111-1111-4111-8111-111111111111" as TaskId;
const ACME = "aaaaaaaa-0000-4000-8000-00000000000a";
const OTHER = "bbbbbbbb-0000-4000-8000-00000000000b";
const ORIGIN = "https://qalyptus.acme.com";
const SERVER: Answering = {
  server: parseServerUrl(ORIGIN),
  proxyOrigin: undefined,
  redact: (text) => text.replaceAll("hunter2", "[API key]"),
};
const WHERE = { origin: ORIGIN, proxy: false };
const CUT = failureOf(Object.assign(new Error("closed"), { code: "UND_ERR_SOCKET" }), WHERE, false);

function answer(status: number, body: unknown = "", changes: Partial<HttpAnswer> = {}): HttpAnswer {
  return {
    kind: "answer",
    status,
    contentType: "application/json",
    retryAfter: undefined,
    date: "Sun, 01 Mar 2026 12:00:00 GMT",
    location: undefined,
    headers: {},
    body: Buffer.from(typeof body === "string" ? body : JSON.stringify(body), "utf8"),
    cutShort: undefined,
    ...changes,
  };
}

const create = (exchange: Exchange, server = SERVER) => classifyWrite(exchange, SOURCE, server);
const patch = (exchange: Exchange) => classifyWrite(exchange, undefined, SERVER);

describe("a create that is answered with an ID has succeeded", () => {
  it.each<readonly [string, unknown, number]>([
    ["as text in data", { data: ACME, isSuccess: true, error: null, errorDetails: null }, 200],
    ["with 201", { data: ACME, isSuccess: true }, 201],
    ["with 202", { data: ACME }, 202],
    ["as an object in data", { data: { id: ACME }, isSuccess: true }, 200],
    ["as taskId in data", { data: { taskId: ACME }, isSuccess: true }, 200],
    ["as ID", { data: { ID: ACME } }, 200],
    ["as TaskId", { Data: { TaskId: ACME }, IsSuccess: true }, 200],
    ["as newTaskId", { newTaskId: ACME }, 200],
    ["as task_id", { task_id: ACME }, 200],
    ["as id without an envelope", { id: ACME, name: "Sales - acme" }, 201],
    ["as taskId without an envelope", { taskId: ACME }, 200],
    ["in capitals and braces", { data: `{${ACME.toUpperCase()}}` }, 200],
    ["as the task itself", { data: { task: { id: ACME, name: "Sales - acme" } } }, 200],
    ["as the only one of a list", { data: [ACME] }, 200],
    ["as a bare JSON text", JSON.stringify(ACME), 200],
    ["as plain text", `${ACME}\r\n`, 200],
    ["after a byte order mark", `\ufeff{"data":"${ACME}"}`, 200],
    ["in the older envelope", { data: ACME, status: { message: "OK" } }, 200],
    ["beside the source task's", { id: ACME, taskId: SOURCE }, 200],
  ])("%s", (_, body, status) => {
    expect(create(answer(status, body))).toEqual({ kind: "succeeded", taskId: parseTaskId(ACME), httpStatus: status });
  });

  it("also where a server calls text HTML", () => {
    const html = { contentType: "text/html; charset=utf-8" };
    expect(create(answer(200, ACME, html))).toMatchObject({ kind: "succeeded", taskId: ACME });
    expect(create(answer(200, { data: ACME }, html))).toMatchObject({ kind: "succeeded", taskId: ACME });
  });
});

describe("a create whose 2xx has no ID that can be relied on is in doubt", () => {
  it.each<readonly [string, number, unknown]>([
    ["no body", 204, ""],
    ["an empty body", 200, ""],
    ["no data", 200, { data: null, isSuccess: true }],
    ["text that is no GUID", 200, { data: "created" }],
    ["a number", 200, { data: 17 }],
    ["the source task's own ID", 200, { data: SOURCE }],
    ["two different IDs", 200, { id: ACME, taskId: OTHER }],
    ["invalid JSON", 200, `{"data":"${ACME}"`],
    ["JSON without end", 200, "[".repeat(100_000)],
    ["XML", 200, `<?xml version="1.0"?><id>${ACME}</id>`],
    ["the older envelope with a message only", 200, { data: null, status: { message: "Name already taken" } }],
    ["success denied, and an ID all the same", 200, { data: ACME, isSuccess: false }],
  ])("%s", (_, status, body) => {
    expect(create(answer(status, body))).toMatchObject({ kind: "in-doubt", answered: true, httpStatus: status });
  });

  it("cut short, though the part that came reads well", () => {
    const cut = answer(200, { data: ACME, isSuccess: true }, { cutShort: CUT });
    expect(create(cut)).toMatchObject({ kind: "in-doubt", answered: true, problem: { code: "CUT_SHORT" } });
  });
});

describe("a web page or a redirect stops the run, and the write is in doubt", () => {
  it.each<readonly [string, HttpAnswer]>([
    ["HTML by its type", answer(200, "Please log in to go on", { contentType: "text/html" })],
    [
      "HTML by looking",
      answer(200, "\n<!doctype html><html><title>Log in</title>", { contentType: "application/json" }),
    ],
    ["HTML without a doctype", answer(200, "<HTML><body>hello", { contentType: "" })],
    ["XHTML", answer(201, '<?xml version="1.0"?>\n<!DOCTYPE html><html>', { contentType: "text/xml" })],
    ["HTML after a comment", answer(200, "<!-- gateway -->\n<html>", { contentType: "text/plain" })],
    ["301", answer(301, "", { location: "https://login.acme.com/?next=x" })],
    ["302", answer(302)],
    ["304", answer(304)],
    ["307", answer(307, "", { location: "/api/v3/tasks" })],
    ["308", answer(308, "", { location: "http://[" })],
  ])("%s", (_, exchange) => {
    expect(create(exchange)).toMatchObject({ kind: "stop", inDoubt: true, httpStatus: exchange.status });
    expect(patch(exchange)).toMatchObject({ kind: "stop", inDoubt: true });
  });

  it("and says where to, without what may be secret there", () => {
    const location = "https://user:hunter2@login.acme.com/start?token=abc";
    const reply = create(answer(302, "", { location }));
    expect(reply).toMatchObject({
      problem: { code: "REDIRECTED", message: expect.stringContaining("https://login.acme.com/start ") },
    });
    expect(JSON.stringify(reply)).not.toMatch(/hunter2|token/);
  });
});

describe("a refused key stops the run, and nothing was done", () => {
  it.each([401, 417])("%i", (status) => {
    const reply = { kind: "stop", inDoubt: false, httpStatus: status, problem: { code: "KEY_REFUSED" } };
    expect(create(answer(status))).toMatchObject(reply);
    expect(patch(answer(status, "<html>", { contentType: "text/html" }))).toMatchObject(reply);
  });
});

describe("a certain refusal", () => {
  it.each([400, 403, 404, 405, 409, 413, 415, 422])("%i, whatever its body", (status) => {
    for (const body of ["", "<html>", { isSuccess: true, data: ACME }, "[[["])
      expect(create(answer(status, body))).toMatchObject({ kind: "refused", httpStatus: status });
    expect(create(answer(status, "{", { cutShort: CUT }))).toMatchObject({ kind: "refused", httpStatus: status });
    expect(patch(answer(status))).toMatchObject({ kind: "refused", httpStatus: status });
  });

  it.each<readonly [string, unknown]>([
    ["isSuccess: false", { data: null, isSuccess: false, error: "Name already taken" }],
    ["IsSuccess: false", { Data: null, IsSuccess: false, Error: { Message: "Name already taken" } }],
    ["is_success as text", { data: {}, is_success: "false", error: ["Name already taken"] }],
  ])("200 with %s", (_, body) => {
    const reply = {
      kind: "refused",
      httpStatus: 200,
      problem: { message: expect.stringContaining("Name already taken") },
    };
    expect(create(answer(200, body))).toMatchObject(reply);
    expect(patch(answer(200, body))).toMatchObject(reply);
  });
});

describe("429 has certainly done nothing", () => {
  const noon = "Sun, 01 Mar 2026 12:00:00 GMT";
  it.each<readonly [string | undefined, string, number | undefined]>([
    ["7", noon, 7000],
    ["0", noon, 0],
    ["1.5", noon, 1500],
    ["Sun, 01 Mar 2026 12:00:30 GMT", noon, 30_000],
    ["Sun, 01 Mar 2026 12:00:30 GMT", "Sun, 01 Mar 2026 12:00:10 GMT", 20_000],
    ["Sun, 01 Mar 2026 11:00:00 GMT", noon, 0],
    ["99999999999", noon, 86_400_000],
    ["soon", noon, undefined],
    ["-5", noon, undefined],
    ["", noon, undefined],
    [undefined, noon, undefined],
  ])("Retry-After %j at %j is %s ms", (retryAfter, date, retryAfterMs) => {
    expect(create(answer(429, "", { retryAfter, date }))).toMatchObject({ kind: "slow-down", retryAfterMs });
  });
});

describe("every other status is in doubt", () => {
  const certain = new Set([400, 401, 403, 404, 405, 409, 413, 415, 417, 422, 429]);
  const others = Array.from({ length: 500 }, (_, index) => 400 + index).filter((status) => !certain.has(status));
  it("from 402 to 899", () => {
    for (const status of others) {
      const body = { data: ACME, isSuccess: true };
      expect(create(answer(status, body))).toMatchObject({ kind: "in-doubt", answered: true, httpStatus: status });
      expect(patch(answer(status))).toMatchObject({ kind: "in-doubt", answered: true, httpStatus: status });
    }
  });

  it("407 too, but not from our own proxy: that has passed nothing on", () => {
    const reply = create(answer(407), { ...SERVER, proxyOrigin: "http://proxy:3128" });
    expect(reply).toMatchObject({ kind: "not-sent", refusedConnection: true, problem: { code: "PROXY_REFUSED" } });
    expect(JSON.stringify(reply)).toContain("http://proxy:3128");
  });
});

describe("a write without an answer", () => {
  const failure = (code: string, connecting: boolean): TransportFailure =>
    failureOf(Object.assign(new Error(code), { code }), WHERE, connecting);

  it.each(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "UND_ERR_CONNECT_TIMEOUT", "SELF_SIGNED_CERT_IN_CHAIN", "EPROTO"])(
    "that found no connection (%s) was not sent",
    (code) => {
      const reply = create({ kind: "no-answer", sent: false, failure: failure(code, true) });
      expect(reply).toMatchObject({ kind: "not-sent", refusedConnection: true });
    },
  );

  it.each(["ECONNRESET", "UND_ERR_SOCKET", "EPIPE", "UND_ERR_HEADERS_OVERFLOW", "ETIMEDOUT"])(
    "that was sent (%s) is in doubt",
    (code) => {
      const reply = create({ kind: "no-answer", sent: true, failure: failure(code, false) });
      expect(reply).toMatchObject({ kind: "in-doubt", answered: false });
      expect(reply).not.toHaveProperty("httpStatus");
    },
  );
});

describe("a PATCH needs no ID", () => {
  it.each<readonly [number, unknown, string]>([
    [200, "", "text/html"],
    [204, "", ""],
    [200, "OK", "text/plain"],
    [200, "true", "application/json"],
    [200, { data: null, isSuccess: true }, "application/json"],
    [200, { data: null, status: { message: "Report updated" } }, "application/json"],
    [202, {}, "application/json"],
  ])("%i %j (%s) has succeeded", (status, body, contentType) => {
    expect(patch(answer(status, body, { contentType }))).toEqual({
      kind: "succeeded",
      taskId: undefined,
      httpStatus: status,
    });
  });

  it("but its answer must be whole", () => {
    expect(patch(answer(200, "{", { cutShort: CUT }))).toMatchObject({ kind: "in-doubt", answered: true });
  });
});

describe("what a server says", () => {
  const said = (body: unknown, contentType = "application/json"): string => {
    const reply = create(answer(400, body, { contentType }));
    if (reply.kind !== "refused") throw new Error(reply.kind);
    return reply.problem.message;
  };

  it.each<readonly [unknown, string]>([
    [{ error: "No such report", errorDetails: null }, "No such report"],
    [{ error: { code: 7, message: "No such report" } }, "code: 7, No such report"],
    [{ error: "Invalid", errorDetails: ["a", { field: "NewName" }] }, "Invalid: a, field: NewName"],
    [{ error: 12, errorDetails: true }, "12"],
    [{ status: { message: "Refusé" } }, "Refusé"],
    [{ title: "Bad request", status: 400, errors: { NewName: ["too long"] } }, "Bad request: NewName: too long: 400"],
    ["plain words", "plain words"],
    ["<html><head><title>Bad\nRequest</title>", "Bad Request"],
    [{ error: "one\r\n2026-03-01 FATAL: two\u001b[31m\u202e" }, "one 2026-03-01 FATAL: two [31m"],
  ])("%j is told on one line: %s", (body, text) => {
    expect(said(body)).toContain(`HTTP 400: ${text})`);
  });

  it("is cut, and never holds the key", () => {
    const long = said({ error: `hunter2 ${"x".repeat(5000)}` });
    expect(long).not.toContain("hunter2");
    expect(long.length).toBeLessThan(400);
    expect(said({ hunter2: 1, error: { hunter2: "hunter2" } })).not.toContain("hunter2");
    expect(said("<title>hunter2</title>".padStart(40), "text/html")).not.toContain("hunter2");
  });

  it("may be nested without end", () => {
    const deep = `${'{"error":'.repeat(60)}1${"}".repeat(60)}`;
    expect(said(deep)).toContain("HTTP 400");
    expect(said("[".repeat(500_000))).toContain("HTTP 400");
  });
});
