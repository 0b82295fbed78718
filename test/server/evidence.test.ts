import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { type HttpAnswer, openClient, type QalyptusApiSettings } from "../../src/server/client.js";
import { failureOf } from "../../src/server/failures.js";
import { type Answering, classifyRead, classifyWrite } from "../../src/server/replies.js";
import type { TaskId } from "../../src/shared/ids.js";
import type { Problem } from "../../src/shared/problems.js";
import { certificate, serve, serveBytes, serveProxy } from "../support/loopback-server.js";
import { clientSettings, KEY } from "../support/qalyptus-client.js";

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

function kept<T extends { close(): Promise<void> }>(one: T): T {
  open.push(one);
  return one;
}

const clientOf = (origin: string, changes: Partial<QalyptusApiSettings> = {}) =>
  kept(openClient(clientSettings(origin, { timeoutMs: 3000, ...changes })));

const SOURCE = "11111111-1111-4111-8111-111111111111" as TaskId;
const NEW = "aaaaaaaa-0000-4000-8000-00000000000a";
const POST = { method: "POST", path: `/api/v2/tasks/${SOURCE}/duplicate`, body: "{}", maxBytes: 10_000 } as const;

/** What a person is told of a create that was sent there, and what it proves. */
async function told(origin: string, changes: Partial<QalyptusApiSettings> = {}) {
  const client = clientOf(origin, changes);
  const reply = classifyWrite(await client.exchange(POST), SOURCE, client);
  return { kind: reply.kind, ...("problem" in reply ? reply.problem : undefined), reply };
}

const says = (text: string | RegExp) =>
  typeof text === "string" ? expect.stringContaining(text) : expect.stringMatching(text);

describe("a connection that cannot be secured is told by what was seen, and nothing was sent", () => {
  const leaf = { key: certificate("leaf-key.pem") };
  const ROOT = { authorities: [certificate("root.pem")] };

  it.each([
    [
      "the intermediate certificate was not sent",
      { cert: "leaf.pem" },
      ROOT,
      "CERTIFICATE",
      'not known here: "Acme Issuing CA 2"',
      "the server should send its certificate too; else --ca-file must hold it",
    ],
    [
      "the whole chain, whose root is not known",
      { cert: "leaf.pem", more: "intermediate.pem" },
      {},
      "CERTIFICATE",
      'not known here: "Acme Test Root"',
      "--ca-file",
    ],
    [
      "the root was sent along, and is not known",
      { cert: "leaf.pem", more: "intermediate.pem", root: "root.pem" },
      {},
      "CERTIFICATE",
      'under a root that is not trusted here: "Acme Test Root"',
      "--ca-file",
    ],
    ["it signed itself", { cert: "self-signed.pem" }, ROOT, "CERTIFICATE", "that it signed itself", "--ca-file"],
    ["it has ended", { cert: "expired.pem" }, ROOT, "CERTIFICATE", "ended on Jan  1 00:00:00 2025", "clock"],
    [
      "it is for another name",
      { cert: "other-name.pem" },
      ROOT,
      "CERTIFICATE",
      'for another name: "DNS:other.example"',
      "--server",
    ],
    [
      "it is signed with SHA-1",
      { cert: "sha1.pem", ciphers: "DEFAULT@SECLEVEL=0" },
      ROOT,
      "CERTIFICATE",
      "SHA-1",
      "SHA-256",
    ],
    [
      "TLS 1.0 only",
      { cert: "leaf.pem", minVersion: "TLSv1", maxVersion: "TLSv1", ciphers: "DEFAULT@SECLEVEL=0" },
      ROOT,
      "TLS_FAILED",
      "no version of TLS that is still safe",
      "TLS 1.2",
    ],
    ["HTTP/2 only", { cert: "leaf.pem", ALPNProtocols: ["h2"] }, ROOT, "TLS_FAILED", "speaks HTTP/2 only", "HTTP/1.1"],
    [
      "it wants our certificate",
      { cert: "leaf.pem", requestCert: true, maxVersion: "TLSv1.2" },
      ROOT,
      "TLS_FAILED",
      "no common ground",
      "this program has none",
    ],
  ] as const)(
    "%s",
    async (_, { cert, more, root, ...options }: Record<string, unknown>, changes, code, message, hint) => {
      const chain = [cert, more, root]
        .flatMap((name) => (name === undefined ? [] : certificate(String(name))))
        .join("");
      const server = kept(
        await serve((_, response) => void response.end("{}"), { tls: { ...leaf, ...options, cert: chain } }),
      );
      expect(await told(server.origin, changes)).toMatchObject({
        kind: "not-sent",
        code,
        message: says(message),
        hint: says(hint),
      });
      expect(server.seen).toEqual([]);
    },
  );

  it("plain http on that port", async () => {
    const server = kept(await serve((_, response) => void response.end("{}")));
    const heard = await told(server.origin.replace("http:", "https:"));
    expect(heard).toMatchObject({
      kind: "not-sent",
      code: "TLS_FAILED",
      message: says("does not answer in TLS"),
      hint: says("try http://"),
    });
  });

  it.each([
    ["ENOTFOUND", "", "UNREACHABLE", "a name that is not known", "how the host is spelled"],
    ["EAI_AGAIN", "", "UNREACHABLE", "the name service gives no answer", "DNS"],
    ["EHOSTUNREACH", "", "UNREACHABLE", "cannot be reached from this machine's network", "VPN"],
    ["EACCES", "", "UNREACHABLE", "lets no connection out", "firewall"],
    ["EMFILE", "", "UNREACHABLE", "no socket left", "--concurrency"],
    ["UNSPECIFIED", "EE certificate key too weak", "CERTIFICATE", "whose key is too weak", "RSA 2048"],
    ["ERR_SSL_DH_KEY_TOO_SMALL", "dh key too small", "TLS_FAILED", "Diffie-Hellman", "ECDHE"],
    ["ERR_SSL_UNSUPPORTED_PROTOCOL", "unsupported protocol", "TLS_FAILED", "no version of TLS", "TLS 1.2"],
    [
      "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED",
      "",
      "TLS_FAILED",
      "wants a certificate of who asks",
      "without client certificates",
    ],
    [
      "ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE",
      "",
      "TLS_FAILED",
      "wants a certificate of who asks",
      "without client certificates",
    ],
    ["ERR_SSL_INTERNAL_ERROR", "internal error", "TLS_FAILED", "made no secure connection", "TLS settings"],
  ])("%s %s", (code, text, expected, message, hint) => {
    const error = Object.assign(new Error(text), { code });
    const { problem } = failureOf(error, { origin: "https://qalyptus.acme.com", proxy: false }, true);
    expect(problem).toMatchObject({ code: expected, message: says(message), hint: says(hint) });
    const ofProxy = failureOf(error, { origin: "https://proxy:1", proxy: true }, true).problem;
    expect(ofProxy.message).toMatch(/^the proxy /);
    expect(ofProxy.hint).not.toContain("--server");
  });
});

describe("bytes that are no answer are told by what was seen, and the write is in doubt", () => {
  it.each([
    [
      "HTTP/2 that nobody asked for",
      Buffer.from("00001204000000000000030000006400", "hex"),
      "NOT_HTTP",
      "answers in HTTP/2",
      "HTTP/1.1",
    ],
    ["an alert of TLS", Buffer.from("15030300020246", "hex"), "NOT_HTTP", "answers in TLS", "use https://"],
    [
      "more headers than are read",
      Buffer.from(`HTTP/1.1 200 OK\r\nset-cookie: ${"x".repeat(20_000)}\r\n\r\n{}`),
      "ANSWER_TOO_LARGE",
      "more headers than are read",
      "--max-http-header-size",
    ],
  ])("%s", async (_, bytes, code, message, hint) => {
    const server = kept(await serveBytes((socket) => void socket.write(bytes)));
    const { origin } = server;
    expect(await told(origin)).toMatchObject({ kind: "in-doubt", code, message: says(message), hint: says(hint) });
    const client = clientOf(origin);
    const exchange = await client.exchange({ method: "GET", path: "/api/v2/tasks", maxBytes: 1000 });
    expect(classifyRead(exchange, client)).toMatchObject({ kind: "failing", problem: { code, hint: says(hint) } });
  });
});

describe("an answer that comes packed in spite of what was asked for", () => {
  const plain = JSON.stringify({ data: NEW, isSuccess: true });
  const packed = (coding: string, body: Buffer) =>
    serve(
      (_, response) =>
        void response.writeHead(200, { "content-type": "application/json", "content-encoding": coding }).end(body),
    );

  it.each([
    ["gzip", gzipSync(plain)],
    ["X-GZIP", gzipSync(plain)],
    ["deflate", deflateSync(plain)],
    ["deflate", deflateRawSync(plain)],
    ["br", brotliCompressSync(plain)],
    ["gzip, br", brotliCompressSync(gzipSync(plain))],
    ["identity", Buffer.from(plain)],
  ])("is read: %s", async (coding, body) => {
    const { origin } = kept(await packed(coding, body));
    expect((await told(origin)).reply).toEqual({ kind: "succeeded", taskId: NEW, httpStatus: 200 });
  });

  it.each([
    ["gzip", gzipSync(plain).subarray(0, 30), "UNREADABLE", "content-encoding: gzip"],
    ["gzip", Buffer.from(plain), "UNREADABLE", "content-encoding: gzip"],
    ["zstd-x", Buffer.from(plain), "UNREADABLE", "content-encoding: zstd-x"],
    [`${KEY} \u001b[31m`.slice(0, 20), Buffer.from(plain), "UNREADABLE", "content-encoding: unknown"],
    ["gzip, gzip, gzip", gzipSync(gzipSync(gzipSync(plain))), "UNREADABLE", "cannot be unpacked"],
    // 5 MB in 5 KB: the limit is on what comes out.
    ["gzip", gzipSync(Buffer.alloc(5_000_000, " ")), "ANSWER_TOO_LARGE", "too large an answer"],
    ["br", brotliCompressSync(Buffer.alloc(5_000_000, " ")), "ANSWER_TOO_LARGE", "too large an answer"],
  ])("is told where it cannot be, and the write is in doubt: %s", async (coding, body, code, message) => {
    const { origin } = kept(
      await serveBytes((socket) => {
        socket.write(
          `HTTP/1.1 200 OK\r\ncontent-encoding: ${coding.replace(/[^ -~]/g, "")}\r\ncontent-length: ${body.length}\r\n\r\n`,
        );
        socket.write(body);
      }),
    );
    expect(await told(origin)).toMatchObject({ kind: "in-doubt", code, message: says(message) });
  });
});

describe("a proxy that makes no connection is told by its answer", () => {
  it.each([
    [407, {}, "", "wants a user name and a password", "http://USER:PASSWORD@HOST:PORT"],
    [407, {}, "jo:hunter2@", "refuses the user name and password", "Check them"],
    [407, { "proxy-authenticate": "NTLM" }, "", "wants a Windows login", "relay on this machine"],
    [403, {}, "", "does not allow connections to qalyptus.test:443", "NO_PROXY=qalyptus.test"],
    [
      302,
      { location: "https://login.proxy.example/x?token=1" },
      "",
      "redirect to login.proxy.example instead",
      "login in a browser",
    ],
    [502, {}, "", "could not connect to qalyptus.test:443", "host and port in --server"],
    [504, {}, "", "could not connect to qalyptus.test:443", "NO_PROXY"],
    [405, {}, "", "does not make the connection", "allows CONNECT"],
  ])("%i %j %s", async (refuseWith, headers, login, message, hint) => {
    const proxy = kept(await serveProxy({ targetPort: 9, refuseWith, headers: headers as Record<string, string> }));
    const proxyEnv = { HTTPS_PROXY: proxy.origin.replace("://", `://${login}`) };
    const heard = await told("https://qalyptus.test", { proxyEnv });
    expect(heard).toMatchObject({ kind: "not-sent", code: "PROXY_REFUSED", message: says(message), hint: says(hint) });
    if (refuseWith !== 407) expect(`${heard.message}${heard.hint}`).not.toMatch(/user name|password/i);
    expect(JSON.stringify(heard)).not.toMatch(/hunter2|token/);
  });

  it("in absolute form too", async () => {
    const proxy = kept(await serveProxy({ targetPort: 9, credentials: "jo:other" }));
    const proxyEnv = { HTTP_PROXY: proxy.origin.replace("://", "://jo:hunter2@") };
    const heard = await told("http://qalyptus.test", { proxyEnv });
    expect(heard).toMatchObject({ kind: "not-sent", code: "PROXY_REFUSED", message: says("refuses the user name") });
  });
});

describe("an answer is told by what it shows, and proves what its status does", () => {
  const ANSWERING: Answering = {
    ...clientSettings("https://qalyptus.acme.com/reports"),
    proxyOrigin: undefined,
    redact: (text) => text.replaceAll("hunter2", "[API key]"),
  };
  const answer = (
    status: number,
    headers: Record<string, string>,
    body = "",
    contentType = "text/html",
  ): HttpAnswer => ({
    ...{ kind: "answer", status, contentType, headers, location: headers.location, body: Buffer.from(body) },
    ...{ retryAfter: undefined, date: "Sun, 01 Mar 2026 12:00:00 GMT", cutShort: undefined },
  });
  const IIS = "Microsoft-IIS/10.0";
  const page = (title: string) => `<html><head><title>${title}</title></head></html>`;

  it.each<readonly ["GET" | "POST" | "PATCH", HttpAnswer, string, string, string | RegExp, string | RegExp]>([
    [
      "POST",
      answer(401, { "www-authenticate": "Negotiate, NTLM", server: IIS }, page("401 - Unauthorized")),
      "stop",
      "LOGIN_REQUIRED",
      "Windows login (Negotiate, NTLM)",
      "anonymous access",
    ],
    ["GET", answer(401, { "www-authenticate": "NTLM" }), "stop", "LOGIN_REQUIRED", "Windows login", "port"],
    [
      "GET",
      answer(401, { "www-authenticate": 'Basic realm="gateway, NTLM"' }),
      "stop",
      "LOGIN_REQUIRED",
      '("Basic")',
      "gateway",
    ],
    [
      "GET",
      answer(401, { "www-authenticate": 'Bearer error="invalid_token", error_description="NTLM"' }),
      "stop",
      "KEY_REFUSED",
      "refuses the API key",
      "Check the key",
    ],
    [
      "GET",
      answer(401, { "www-authenticate": "Negotiate, Bearer" }),
      "stop",
      "KEY_REFUSED",
      "refuses the API key",
      "Check the key",
    ],
    ["GET", answer(401, {}), "stop", "KEY_REFUSED", "refuses the API key", "Check the key"],
    [
      "PATCH",
      answer(405, { allow: "GET, HEAD, OPTIONS, TRACE", server: IIS }, page("405")),
      "refused",
      "METHOD_REFUSED",
      'only "GET, HEAD, OPTIONS, TRACE"',
      /WebDAVModule.*web\.config/,
    ],
    ["PATCH", answer(405, { server: IIS }), "refused", "METHOD_REFUSED", "does not let PATCH through", "WebDAV"],
    ["PATCH", answer(405, { allow: "GET, POST" }), "refused", "METHOD_REFUSED", "does not let PATCH through", "WebDAV"],
    ["PATCH", answer(405, { allow: "GET, PATCH" }), "refused", "NOT_FOUND", "does not know this address", "--server"],
    [
      "POST",
      answer(405, { allow: "GET", server: IIS }),
      "refused",
      "NOT_FOUND",
      "does not know this address",
      "--server",
    ],
    [
      "POST",
      answer(403, { server: "squid/5.7", via: "1.1 fw (squid/5.7)" }, page("ERROR: Access Denied")),
      "refused",
      "FORBIDDEN_PAGE",
      /squid\/5\.7.*ERROR: Access Denied/,
      "not about the key's role",
    ],
    [
      "GET",
      answer(403, {}, page("hunter2 Web Filter")),
      "forbidden",
      "FORBIDDEN_PAGE",
      "[API key] Web Filter",
      "not about the key's role",
    ],
    [
      "GET",
      answer(403, { "x-squid-error": "ERR_ACCESS_DENIED 0" }, "no", "text/plain"),
      "forbidden",
      "FORBIDDEN_PAGE",
      "HTTP 403: no",
      "NO_PROXY",
    ],
    [
      "GET",
      answer(403, {}, '{"error":"no"}', "application/json"),
      "forbidden",
      "FORBIDDEN",
      "forbids it",
      "role of the key",
    ],
    [
      "POST",
      answer(502, { server: "nginx" }, page("502 Bad Gateway")),
      "in-doubt",
      "SERVER_ERROR",
      'not reached by "nginx"',
      "Qalyptus Server runs",
    ],
    [
      "POST",
      answer(503, { server: "Microsoft-HTTPAPI/2.0" }, page("Service Unavailable")),
      "in-doubt",
      "SERVER_ERROR",
      "Service Unavailable",
      "application pool",
    ],
    [
      "GET",
      answer(400, { server: "Microsoft-HTTPAPI/2.0" }, page("Bad Request")),
      "rejected",
      "REJECTED",
      "Bad Request",
      "host name that the site in IIS",
    ],
    [
      "GET",
      answer(511, {}, page("Log in")),
      "failing",
      "SERVER_ERROR",
      "this network wants a login",
      "Log in to the network",
    ],
    ["POST", answer(407, {}), "in-doubt", "PROXY_REFUSED", "a proxy that wants a login", "HTTPS_PROXY"],
    ["POST", answer(413, {}, page("413")), "refused", "REJECTED", "too large", "maxAllowedContentLength"],
    [
      "POST",
      answer(
        400,
        {},
        JSON.stringify({
          Message: "The request is invalid.",
          ModelState: { "model.NewName": ["It is too long.", "It has a colon."] },
        }),
        "application/json",
      ),
      "refused",
      "REJECTED",
      "The request is invalid.: model.NewName: It is too long., It has a colon.",
      "what the server says",
    ],
    [
      "POST",
      answer(
        400,
        {},
        JSON.stringify({
          type: "https://x",
          title: "One or more validation errors occurred.",
          status: 400,
          traceId: "0",
          errors: { "$.OverwriteReportApps[0].ReportId": ["It cannot be converted."] },
        }),
        "application/problem+json",
      ),
      "refused",
      "REJECTED",
      "$.OverwriteReportApps[0].ReportId: It cannot be converted.",
      "what the server says",
    ],
  ])("%s %j: %s %s", (method, exchange, kind, code, message, hint) => {
    const reply =
      method === "GET"
        ? classifyRead(exchange, ANSWERING)
        : classifyWrite(exchange, method === "POST" ? SOURCE : undefined, ANSWERING);
    const { problem } = reply as { readonly problem: Problem };
    expect([reply.kind, problem]).toEqual([
      kind,
      expect.objectContaining({ code, message: says(message), hint: says(hint) }),
    ]);
    expect(JSON.stringify(problem)).not.toContain("hunter2");
  });

  it("so that no header changes what is proved, nor breaks the line", () => {
    const value = fc.oneof(
      fc.constantFrom(
        "NTLM",
        "Negotiate",
        "GET, POST",
        IIS,
        "Microsoft-HTTPAPI/2.0",
        "squid",
        'Basic realm="x"',
        "gzip",
      ),
      fc.string({ unit: "binary" }),
    );
    const names = ["www-authenticate", "proxy-authenticate", "allow", "server", "via", "x-squid-error", "location"];
    const some = fc.dictionary(fc.constantFrom(...names), value);
    const bodies = fc.constantFrom("", page("Blocked"), JSON.stringify({ data: NEW, isSuccess: true }));
    const classes = (status: number, headers: Record<string, string>, body: string) => {
      const exchange = answer(status, headers, body, "");
      return [
        classifyRead(exchange, ANSWERING),
        ...[SOURCE, undefined].map((id) => classifyWrite(exchange, id, ANSWERING)),
      ];
    };
    fc.assert(
      fc.property(fc.integer({ min: 200, max: 599 }), some, bodies, (status, headers, body) => {
        const withWords = classes(status, headers, body);
        const told = (one: object) => (one as { readonly problem?: Problem }).problem;
        for (const one of withWords) expect(`${told(one)?.message}${told(one)?.hint}`).not.toMatch(/[\p{Cc}\u2028]/u);
        const proved = (all: readonly object[]) => all.map((one) => ({ ...one, problem: undefined }));
        expect(proved(withWords)).toEqual(proved(classes(status, {}, body)));
      }),
    );
  });

  it("a redirect of the same host to https, by the address to give", () => {
    const answering = { ...ANSWERING, ...clientSettings("http://qalyptus.acme.com/reports") };
    const to = (location: string) => classifyWrite(answer(301, { location }), SOURCE, answering);
    expect(to("https://qalyptus.acme.com/x")).toMatchObject({
      kind: "stop",
      inDoubt: true,
      problem: { code: "REDIRECTED", hint: says("--server https://qalyptus.acme.com/reports") },
    });
    expect(to("https://login.acme.com/x")).toMatchObject({
      problem: { hint: expect.not.stringContaining("wants https") },
    });
  });
});
