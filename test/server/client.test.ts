import { getEventListeners } from "node:events";
import { readFileSync } from "node:fs";
import { Socket } from "node:net";
import tls from "node:tls";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { HttpResponse, http } from "msw";
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  type Exchange,
  type HttpClient,
  openClient,
  type QalyptusApiSettings,
  type RequestReport,
} from "../../src/server/client.js";
import { parseAuthorities, readAuthorities } from "../../src/server/credentials.js";
import { systemClock } from "../../src/shared/time.js";
import {
  type LoopbackServer,
  serve,
  serveBytes,
  serveHandlers,
  serveProxy,
  TLS_FIXTURES,
} from "../support/loopback-server.js";
import { clientSettings, KEY } from "../support/qalyptus-client.js";

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

function kept<T extends { close(): Promise<void> }>(one: T): T {
  open.push(one);
  return one;
}

function clientOf(origin: string, changes: Partial<QalyptusApiSettings> = {}): HttpClient {
  return kept(openClient(clientSettings(origin, changes)));
}

const GET = { method: "GET", path: "/api/v2/tasks", maxBytes: 10_000 } as const;
const POST = {
  method: "POST",
  path: "/api/v2/tasks/x/duplicate",
  body: "{}",
  idempotencyKey: "idem-1",
  maxBytes: 10_000,
} as const;

function failureOf(exchange: Exchange) {
  if (exchange.kind === "no-answer")
    return { sent: exchange.sent, kind: exchange.failure.kind, code: exchange.failure.faultCode };
  throw new Error(`answered with ${exchange.status}`);
}

const AUTHORITY = parseAuthorities("authority.pem", readFileSync(new URL("authority.pem", TLS_FIXTURES)));

describe("a request", () => {
  it("carries the key, our version, its own ID, and on a write the idempotency key", async () => {
    const server = kept(await serveHandlers([http.all("*", () => HttpResponse.json({ data: [] }))]));
    const client = clientOf(server.origin);
    expect(await client.exchange({ ...GET, fresh: true })).toMatchObject({ kind: "answer", status: 200 });
    await client.exchange(POST);
    await client.exchange(POST);
    const [get, post, again] = server.seen;
    expect(get?.headers).toMatchObject({
      authorization: `Bearer ${KEY}`,
      accept: "application/json",
      "user-agent": "qalyptus-propagate/1.2.3",
      "cache-control": "no-cache",
    });
    expect(get?.headers).not.toHaveProperty("idempotency-key");
    expect(get?.headers).not.toHaveProperty("content-type");
    expect(post).toMatchObject({ method: "POST", url: POST.path, body: "{}" });
    expect(post?.headers).toMatchObject({
      "idempotency-key": "idem-1",
      "content-type": "application/json",
      "content-length": "2",
    });
    const ids = [get, post, again].map((one) => one?.headers["x-request-id"]);
    expect(new Set(ids).size).toBe(3);
    expect(ids.every((id) => typeof id === "string" && id.length > 8)).toBe(true);
  });

  it("is reported without the key", async () => {
    const server = kept(await serveHandlers([http.get("*/tasks", () => new HttpResponse(null, { status: 503 }))]));
    const reports: RequestReport[] = [];
    const client = clientOf(server.origin, { onRequest: (one) => reports.push(one) });
    await client.exchange(GET);
    await server.close();
    await client.exchange(GET);
    expect(reports).toMatchObject([
      { method: "GET", path: "/api/v2/tasks", status: 503, requestId: server.seen[0]?.headers["x-request-id"] },
      { method: "GET", path: "/api/v2/tasks", status: "ECONNREFUSED" },
    ]);
    expect(reports.every((one) => one.ms >= 0)).toBe(true);
    expect(inspect(reports)).not.toContain(KEY);
  });

  it("is not sent on to where a redirect points", async () => {
    const other = kept(await serve((_, response) => void response.end("{}")));
    const server = kept(await serve((_, response) => void response.writeHead(302, { location: other.origin }).end()));
    expect(await clientOf(server.origin).exchange(GET)).toMatchObject({ status: 302, location: other.origin });
    expect(other.seen).toEqual([]);
  });

  it("reuses its connections, and opens no more than it may", async () => {
    let inFlight = 0;
    let most = 0;
    const sockets = new Set<unknown>();
    const server = kept(
      await serve(async (_, response) => {
        sockets.add(response.socket?.remotePort);
        inFlight += 1;
        most = Math.max(most, inFlight);
        await new Promise((resolve) => setTimeout(resolve, 5));
        inFlight -= 1;
        response.end("{}");
      }),
    );
    const client = clientOf(server.origin, { connections: 1 });
    await Promise.all(Array.from({ length: 60 }, () => client.exchange(POST)));
    expect(server.seen).toHaveLength(60);
    expect(most).toBeLessThanOrEqual(9);
    expect(sockets.size).toBeLessThanOrEqual(9);
  });
});

describe("what never left this machine is known not to have been sent", () => {
  it("a refused connection", async () => {
    const server = await serve(() => undefined);
    await server.close();
    expect(failureOf(await clientOf(server.origin).exchange(POST))).toEqual({
      sent: false,
      kind: "refused",
      code: "ECONNREFUSED",
    });
  });

  it("a name that nobody knows", async () => {
    const exchange = await clientOf("https://qalyptus.invalid").exchange(POST);
    expect(failureOf(exchange)).toMatchObject({ sent: false, kind: "name-unknown" });
  });

  it("a certificate that is not trusted", async () => {
    const server = kept(await serve((_, response) => void response.end("{}"), { tls: true }));
    expect(failureOf(await clientOf(server.origin).exchange(POST))).toMatchObject({ sent: false, kind: "certificate" });
    expect(server.seen).toEqual([]);
  });

  it("https to a port that speaks http", async () => {
    const server = kept(await serve((_, response) => void response.end("{}")));
    const exchange = await clientOf(server.origin.replace("http:", "https:")).exchange(POST);
    expect(failureOf(exchange)).toMatchObject({ sent: false, kind: "tls" });
  });

  it("a handshake that never comes", async () => {
    const server = kept(await serveBytes(() => undefined));
    const client = clientOf(server.origin.replace("http:", "https:"), { timeoutMs: 300 });
    expect(failureOf(await client.exchange(POST))).toMatchObject({ sent: false, kind: "connect-timeout" });
  });

  it("a request that was called off before its turn", async () => {
    const server = kept(await serve((_, response) => void response.end("{}")));
    const exchange = await clientOf(server.origin).exchange({ ...POST, signal: AbortSignal.abort() });
    expect(failureOf(exchange)).toMatchObject({ sent: false, kind: "aborted" });
    expect(server.seen).toEqual([]);
  });

  it("a request that was still queued when it was called off, once the server has answered", async () => {
    const answers: (() => void)[] = [];
    const server = kept(
      await serve((seen, response) => {
        if (seen.method === "GET") response.end("{}");
        else answers.push(() => response.end("{}"));
      }),
    );
    const client = clientOf(server.origin, { connections: 1 });
    await client.exchange(GET);
    const drain = new AbortController();
    const sends = Array.from({ length: 12 }, () => client.exchange({ ...POST, signal: drain.signal }));
    await until(() => answers.length === 9);
    drain.abort();
    const sent = (await Promise.all(sends)).map((exchange) => failureOf(exchange).sent);
    expect(sent.filter((one) => one)).toHaveLength(9);
    expect(sent.filter((one) => !one)).toHaveLength(3);
    expect(await client.exchange(GET)).toMatchObject({ status: 200 });
    expect(server.seen.filter((one) => one.method === "POST")).toHaveLength(9);
  });
});

describe("what was sent and not answered is known as that", () => {
  const hello = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";

  it("a reset", async () => {
    const server = kept(await serveBytes((socket) => void socket.resetAndDestroy()));
    expect(failureOf(await clientOf(server.origin).exchange(POST))).toMatchObject({ sent: true, kind: "hang-up" });
    expect(server.connections()).toBe(1);
  });

  it("a hang-up", async () => {
    const server = kept(await serveBytes((socket) => void socket.end()));
    expect(failureOf(await clientOf(server.origin).exchange(POST))).toMatchObject({ sent: true, kind: "hang-up" });
    expect(server.connections()).toBe(1);
  });

  it("an answer that takes too long", async () => {
    const server = kept(await serveBytes(() => undefined));
    const exchange = await clientOf(server.origin, { timeoutMs: 100 }).exchange(POST);
    expect(failureOf(exchange)).toEqual({ sent: true, kind: "timeout", code: "TIMEOUT" });
  });

  it.each([
    ["100 Continue", "HTTP/1.1 100 Continue\r\n\r\n"],
    ["101 Switching Protocols", "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"],
  ])("a %s that nobody asked for, which is no hang-up", async (name, bytes) => {
    const server = kept(await serveBytes((socket) => void socket.write(`${bytes}${hello}content-length: 2\r\n\r\n{}`)));
    const exchange = await clientOf(server.origin).exchange(POST);
    expect(failureOf(exchange)).toMatchObject({ sent: true, kind: "unasked" });
    const problem = { code: "UNASKED_ANSWER", message: expect.stringContaining(name) };
    expect(exchange).toMatchObject({ failure: { problem } });
  });

  it("nothing, where hints come before the answer: they are read past", async () => {
    const hints = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n";
    const server = kept(await serveBytes((socket) => void socket.write(`${hints}${hello}content-length: 2\r\n\r\n{}`)));
    expect(await clientOf(server.origin).exchange(POST)).toMatchObject({ status: 200, body: Buffer.from("{}") });
  });

  it("bytes that are no HTTP", async () => {
    const server = kept(await serveBytes((socket) => void socket.write(`\u0015\u0003\u0001 ${KEY}\r\n\r\n`)));
    const exchange = await clientOf(server.origin).exchange(POST);
    expect(failureOf(exchange)).toMatchObject({ sent: true, kind: "protocol" });
    expect(inspect(exchange, { depth: 10 })).not.toContain(KEY);
  });

  it("a request that was called off while it waited", async () => {
    const drain = new AbortController();
    const server = kept(await serveBytes(() => drain.abort()));
    const exchange = await clientOf(server.origin).exchange({ ...POST, signal: drain.signal });
    expect(failureOf(exchange)).toMatchObject({ sent: true, kind: "aborted" });
  });

  it("and is never sent again by the library, when a server closes a connection that it had kept", async () => {
    let posts = 0;
    const server = kept(
      await serveBytes((socket, received) => {
        if (received.includes("POST")) {
          posts += 1;
          socket.destroy();
        } else socket.write(`${hello}content-length: 2\r\n\r\n{}`);
      }),
    );
    const client = clientOf(server.origin);
    expect(await client.exchange(GET)).toMatchObject({ status: 200 });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(failureOf(await client.exchange(POST))).toMatchObject({ sent: true, kind: "hang-up" });
    expect(posts).toBe(1);
    expect(server.connections()).toBe(1);
  });

  it.each([
    ["a body shorter than its length", `${hello}content-length: 100\r\n\r\n{"data"`, true, "hang-up"],
    ["a chunked body without its end", `${hello}transfer-encoding: chunked\r\n\r\n6\r\n{"data\r\n`, true, "hang-up"],
    ["a body that stops coming", `${hello}content-length: 100\r\n\r\n{"data"`, false, "timeout"],
    ["a body larger than it may be", `${hello}content-length: 99999\r\n\r\n${"x".repeat(20_000)}`, false, "too-large"],
  ])("%s is an answer that is cut short", async (_, bytes, ends, kind) => {
    const server = kept(await serveBytes((socket) => void (ends ? socket.end(bytes) : socket.write(bytes))));
    const exchange = await clientOf(server.origin, { timeoutMs: 300 }).exchange(POST);
    expect(exchange).toMatchObject({ kind: "answer", status: 200, cutShort: { kind } });
  });

  it("an answer without a date has the one of this machine", async () => {
    const server = kept(await serveBytes((socket) => void socket.end(`${hello}connection: close\r\n\r\n{}`)));
    const exchange = await clientOf(server.origin).exchange(POST);
    const age = exchange.kind === "answer" ? Date.now() - Date.parse(exchange.date) : Number.NaN;
    expect(Math.abs(age)).toBeLessThan(60_000);
  });

  it("a body that ends with the connection is whole", async () => {
    const server = kept(await serveBytes((socket) => void socket.end(`${hello}connection: close\r\n\r\n{}`)));
    const exchange = await clientOf(server.origin).exchange(POST);
    expect(exchange).toMatchObject({ kind: "answer", status: 200, body: Buffer.from("{}"), cutShort: undefined });
  });
});

describe("the time limit", () => {
  it("does not count the wait in our own queue", async () => {
    const server = kept(
      await serve(async (_, response) => {
        await new Promise((resolve) => setTimeout(resolve, 120));
        response.end("{}");
      }),
    );
    const client = clientOf(server.origin, { connections: 1, timeoutMs: 400 });
    const answers = await Promise.all(Array.from({ length: 45 }, () => client.exchange(POST)));
    expect(answers.every((one) => one.kind === "answer")).toBe(true);
  });

  it("leaves no listener behind on the signal that many writes share", async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    process.on("warning", onWarning);
    const server = kept(await serve((_, response) => void response.end("{}")));
    const client = clientOf(server.origin, { connections: 64 });
    const { signal } = new AbortController();
    await Promise.all(Array.from({ length: 200 }, () => client.exchange({ ...POST, signal })));
    await new Promise((resolve) => setImmediate(resolve));
    process.off("warning", onWarning);
    expect(warnings).toEqual([]);
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });
});

describe("--rate", () => {
  it("spaces all requests evenly", async () => {
    const server = kept(await serve((_, response) => void response.end("{}")));
    const waits: number[] = [];
    const clock = { ...systemClock, monotonic: () => 0, sleep: async (ms: number) => void waits.push(ms) };
    const client = clientOf(server.origin, { rate: 4, clock });
    await Promise.all(Array.from({ length: 5 }, () => client.exchange(GET)));
    expect(waits).toEqual([250, 500, 750, 1000]);
  });
});

describe("trust", () => {
  it("is given to an authority of --ca-file, in PEM and in DER", async () => {
    const server = kept(await serve((_, response) => void response.end("{}"), { tls: true }));
    expect(await clientOf(server.origin, { authorities: AUTHORITY }).exchange(GET)).toMatchObject({ status: 200 });
    const pem = AUTHORITY[0] ?? "";
    const der = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ""), "base64");
    expect(parseAuthorities("authority.cer", der)).toEqual(AUTHORITY);
    expect(parseAuthorities("two.pem", Buffer.from(`# ours\r\n${pem}\r\n${pem}`))).toEqual([pem, pem]);
    expect(parseAuthorities("powershell.pem", Buffer.from(`\ufeff${pem}`, "utf16le"))).toEqual(AUTHORITY);
  });

  it("is not given to a host that the certificate does not name", async () => {
    const server = kept(await serve((_, response) => void response.end("{}"), { tls: true }));
    const proxy = kept(await serveProxy({ targetPort: server.port }));
    const proxyEnv = { HTTPS_PROXY: proxy.origin };
    const client = clientOf("https://other.test", { authorities: AUTHORITY, proxyEnv });
    const exchange = await client.exchange(POST);
    expect(failureOf(exchange)).toMatchObject({
      sent: false,
      kind: "certificate",
      code: "ERR_TLS_CERT_ALTNAME_INVALID",
    });
  });

  it("is given to what the system trusts, which is asked only where nobody else knows the authority", async () => {
    const server = kept(await serve((_, response) => void response.end("{}"), { tls: true }));
    const node = tls as { getCACertificates?: unknown };
    const { getCACertificates } = node;
    let asked = 0;
    node.getCACertificates = (type: string) => {
      asked += 1;
      return type === "system" ? AUTHORITY : [];
    };
    try {
      const known = clientOf(server.origin, { authorities: AUTHORITY });
      expect([await known.exchange(GET), asked]).toEqual([expect.objectContaining({ status: 200 }), 0]);
      const client = clientOf(server.origin);
      const answers = await Promise.all(Array.from({ length: 6 }, () => client.exchange(POST)));
      expect(answers.every((one) => one.kind === "answer")).toBe(true);
      expect(asked).toBe(1);
    } finally {
      node.getCACertificates = getCACertificates;
    }
  });

  it("is given by --insecure to the server alone: a proxy's certificate must be good", async () => {
    const server = kept(await serve((_, response) => void response.end("{}"), { tls: true }));
    const proxy = kept(await serveProxy({ targetPort: server.port, tls: true, credentials: "jo:hunter2" }));
    const origin = proxy.origin.replace("://", "://jo:hunter2@");
    const proxyEnv = { HTTP_PROXY: origin, HTTPS_PROXY: origin };
    for (const target of ["https://qalyptus.test", "http://qalyptus.test"]) {
      const exchange = await clientOf(target, { proxyEnv, insecure: true }).exchange(POST);
      expect(failureOf(exchange)).toMatchObject({ sent: false, kind: "certificate" });
      const problem = { code: "CERTIFICATE", message: expect.stringMatching(/^the proxy https/) };
      expect(exchange).toMatchObject({ failure: { problem } });
      expect(exchange).toMatchObject({ failure: { problem: { hint: expect.stringContaining("proxy's authority") } } });
    }
    expect([proxy.connects, proxy.seen, server.seen]).toEqual([[], [], []]);
    const client = clientOf("https://other.test", { proxyEnv, insecure: true, authorities: AUTHORITY });
    expect(await client.exchange(POST)).toMatchObject({ status: 200 });
    expect(proxy.connects).toEqual(["other.test:443"]);
  });

  it("is given to anyone with --insecure", async () => {
    const server = kept(await serve((_, response) => void response.end("{}"), { tls: true }));
    expect(await clientOf(server.origin, { insecure: true }).exchange(GET)).toMatchObject({ status: 200 });
  });

  it("keeps what Node was started with, and ignores that file where it is no good, as Node does", async () => {
    const path = fileURLToPath(new URL("authority.pem", TLS_FIXTURES));
    expect(await readAuthorities([path], path)).toEqual([...AUTHORITY, ...AUTHORITY]);
    expect(await readAuthorities([path], `${path}.gone`)).toEqual(AUTHORITY);
    expect(await readAuthorities([path], fileURLToPath(import.meta.url))).toEqual(AUTHORITY);
    expect(await readAuthorities([], path)).toEqual([]);
  });

  it.each([
    ["a file that is not there", "gone.pem"],
    ["a key", "server-key.pem"],
    ["text", "README.md"],
  ])("is refused to %s, by name", async (_, name) => {
    const path = fileURLToPath(new URL(name, TLS_FIXTURES));
    await expect(readAuthorities([path], undefined)).rejects.toMatchObject({
      exitCode: 2,
      problems: [{ code: "CA_FILE", file: path, message: expect.stringContaining(name) }],
    });
  });
});

describe("a proxy", () => {
  const through = (proxy: LoopbackServer, userInfo = "") => ({
    HTTP_PROXY: proxy.origin.replace("://", `://${userInfo}`),
    HTTPS_PROXY: proxy.origin.replace("://", `://${userInfo}`),
  });

  it("gets plain http in absolute form, with its credentials", async () => {
    const server = kept(await serve((_, response) => void response.end("{}")));
    const proxy = kept(await serveProxy({ targetPort: server.port, credentials: "jo:hunter2" }));
    const client = clientOf("http://qalyptus.test:3994/acme", { proxyEnv: through(proxy, "jo:hunter2@") });
    expect(await client.exchange(POST)).toMatchObject({ status: 200 });
    expect(proxy.connects).toEqual([]);
    expect(proxy.seen[0]).toMatchObject({ url: `http://qalyptus.test:3994${POST.path}` });
    expect(proxy.seen[0]?.headers.host).toBe("qalyptus.test:3994");
  });

  it("gets https by CONNECT, and never the key", async () => {
    const server = kept(await serve((_, response) => void response.end("{}"), { tls: true }));
    const proxy = kept(await serveProxy({ targetPort: server.port, credentials: "jo:hunter2" }));
    const proxyEnv = through(proxy, "jo:hunter2@");
    const client = clientOf("https://qalyptus.test", { proxyEnv, authorities: AUTHORITY });
    expect(await client.exchange(POST)).toMatchObject({ status: 200 });
    expect(proxy.connects).toEqual(["qalyptus.test:443"]);
    expect(server.seen[0]?.headers).toMatchObject({ authorization: `Bearer ${KEY}`, host: "qalyptus.test" });
    expect(server.seen[0]?.headers).not.toHaveProperty("proxy-authorization");
  });

  it.each([403, 407, 502, 503])(
    "that refuses CONNECT with %i is told as the proxy's, and nothing was sent",
    async (status) => {
      const proxy = kept(await serveProxy({ targetPort: 9, refuseWith: status }));
      const client = clientOf("https://qalyptus.test", { proxyEnv: through(proxy) });
      const exchange = await client.exchange(POST);
      expect(failureOf(exchange)).toEqual({ sent: false, kind: "proxy", code: `HTTP ${status}` });
      expect(exchange).toMatchObject({
        failure: {
          connecting: true,
          passing: status > 500,
          problem: { code: "PROXY_REFUSED", message: expect.stringContaining(proxy.origin) },
        },
      });
    },
  );

  it("that hangs up on CONNECT is asked once, and nothing was sent", async () => {
    const proxy = kept(await serveBytes((socket) => void socket.destroy()));
    const client = clientOf("https://qalyptus.test", { proxyEnv: through(proxy) });
    expect(failureOf(await client.exchange(POST))).toMatchObject({ sent: false });
    expect(proxy.connections()).toBe(1);
  });

  it("that never answers CONNECT is given up in time", async () => {
    const proxy = kept(await serveBytes(() => undefined));
    const client = clientOf("https://qalyptus.test", { proxyEnv: through(proxy), timeoutMs: 200 });
    expect(failureOf(await client.exchange(POST))).toMatchObject({ sent: false, kind: "connect-timeout" });
  });

  it("that is down is told as the proxy's", async () => {
    const proxy = await serveProxy({ targetPort: 9 });
    await proxy.close();
    for (const origin of ["https://qalyptus.test", "http://qalyptus.test"]) {
      const exchange = await clientOf(origin, { proxyEnv: through(proxy) }).exchange(POST);
      expect(failureOf(exchange)).toMatchObject({ sent: false, kind: "refused" });
      expect(exchange).toMatchObject({
        failure: { problem: { message: expect.stringContaining(`the proxy ${proxy.origin}`) } },
      });
    }
  });

  it("nor anybody else gets what is meant for this machine, though its name leads elsewhere", async () => {
    const server = kept(await serve((_, response) => void response.end("{}")));
    const client = clientOf(`http://localhost:${server.port}`);
    const peer = Socket.prototype as unknown as { _getpeername: () => unknown };
    const address = vi.spyOn(peer, "_getpeername").mockReturnValue({ address: "203.0.113.7" });
    const exchange = await client.exchange(POST).finally(() => address.mockRestore());
    expect(failureOf(exchange)).toEqual({ sent: false, kind: "elsewhere", code: "203.0.113.7" });
    expect(exchange).toMatchObject({ failure: { passing: false, problem: { code: "LOOPBACK_ELSEWHERE" } } });
    expect(server.seen).toEqual([]);
  });

  it("is not asked for this machine", async () => {
    const server = kept(await serve((_, response) => void response.end("{}")));
    const proxy = kept(await serveProxy({ targetPort: 9, refuseWith: 403 }));
    const client = clientOf(`http://localhost:${server.port}`, { proxyEnv: through(proxy) });
    expect(await client.exchange(GET)).toMatchObject({ status: 200 });
  });
});

describe("secrets", () => {
  it("are in no failure and in no client that is looked at", async () => {
    const bytes = kept(await serveBytes((socket, received) => void socket.end(`HTTP/1.1 2x0 ${received}`)));
    const proxy = kept(await serveProxy({ targetPort: 9, refuseWith: 407 }));
    const proxyEnv = { HTTPS_PROXY: proxy.origin.replace("://", "://jo:hunter2@") };
    const tls = kept(await serve((_, response) => void response.end("{}"), { tls: true }));
    const gone = await serve(() => undefined);
    await gone.close();
    for (const client of [
      clientOf(bytes.origin),
      clientOf("https://qalyptus.test", { proxyEnv }),
      clientOf(tls.origin),
      clientOf(gone.origin),
      clientOf("https://qalyptus.invalid"),
    ]) {
      const exchange = await client.exchange(POST);
      const shown = inspect([exchange, client], { depth: 10, showHidden: true });
      expect(shown).not.toContain(KEY);
      expect(shown).not.toContain(Buffer.from(KEY).toString("base64"));
      expect(shown).not.toMatch(/hunter2|am86aHVudGVyMg/);
    }
  });
});

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2));
}
