import { setMaxListeners } from "node:events";
import { promisify } from "node:util";
import { brotliDecompress, inflateRaw, unzip, type ZlibOptions } from "node:zlib";
import { type Dispatcher, Pool } from "undici";
import { codeOf } from "../files/paths.js";
import { Redactor } from "../shared/redaction.js";
import type { RunEvent } from "../shared/results.js";
import type { Chance, Clock } from "../shared/time.js";
import { chooseProxy, type ProxyEnvironment, type ServerUrl } from "./address.js";
import { makeConnector } from "./connect.js";
import { Trust } from "./credentials.js";
import { type FailureKind, failureOf, TransportFailure, type Whereabouts } from "./failures.js";

/** What a server is asked with. */
export interface QalyptusApiSettings {
  readonly server: ServerUrl;
  readonly key: string;
  /** This program's version, for the user agent. */
  readonly version: string;
  /** One request, from sending to the last byte. Waiting in our own queue does not count. */
  readonly timeoutMs: number;
  /** Writes in flight; reads get some more. */
  readonly connections: number;
  /** Further tries of a read. */
  readonly retries: number;
  /** Requests a second, over all requests. */
  readonly rate?: number | undefined;
  readonly authorities?: readonly string[] | undefined;
  readonly insecure?: boolean | undefined;
  readonly proxyEnv?: ProxyEnvironment | undefined;
  readonly onSent?: ((request: SentReport) => void) | undefined;
  readonly onRequest?: ((exchange: RequestReport) => void) | undefined;
  /** Told of a pause before a request goes out again. */
  readonly onPause?: ((reason: string, ms: number) => void) | undefined;
  readonly clock: Clock;
  readonly chance: Chance;
}

/** One exchange as `-v` shows it; `status` is an HTTP status, or the code of what went wrong. */
export type RequestReport = Omit<Extract<RunEvent, { kind: "request" }>, "kind">;

type SentReport = Omit<Extract<RunEvent, { kind: "sent" }>, "kind">;

export interface HttpRequest {
  readonly method: "GET" | "POST" | "PATCH";
  /** Below the server's origin, with its query. */
  readonly path: string;
  readonly body?: string;
  readonly idempotencyKey?: string;
  /** Past any cache. */
  readonly fresh?: boolean | undefined;
  readonly maxBytes: number;
  readonly signal?: AbortSignal;
  /** Asked once, right before the first byte goes out; false: it must not. */
  readonly mayStart?: () => boolean;
}

/** What came of one request. `cutShort`: the body did not come to its end. `sent`: the request left this machine, or may have. */
export type Exchange =
  | {
      readonly kind: "answer";
      readonly status: number;
      readonly contentType: string;
      readonly retryAfter: string | undefined;
      /** When the answer was made by the server's clock, else by ours. */
      readonly date: string;
      readonly location: string | undefined;
      /** What shows who answers, and why: {@link TELLING_HEADERS} as far as they came. */
      readonly headers: Readonly<Record<string, string>>;
      /** Unpacked. */
      readonly body: Buffer;
      readonly cutShort: TransportFailure | undefined;
    }
  | { readonly kind: "no-answer"; readonly sent: boolean; readonly failure: TransportFailure };

/** Headers that a message may be made of, in lower case. */
const TELLING_HEADERS = [
  ...(["www-authenticate", "proxy-authenticate", "allow", "server", "via", "x-squid-error"] as const),
  "content-encoding",
];
/** They come from outside, and are read for a few words. */
const LONGEST_HEADER = 2000;

export type HttpAnswer = Extract<Exchange, { kind: "answer" }>;

export interface HttpClient {
  readonly server: QalyptusApiSettings["server"];
  /** Aborted when the client is closed: ends every wait. */
  readonly closing: AbortSignal;
  /** The proxy that requests go to in absolute form, so that a status may be its own. */
  readonly proxyOrigin: string | undefined;
  /** That proxy was sent a user name and a password. */
  readonly hasProxyCredentials: boolean;
  /** Waits for the turn of a write among all requests, or until its signal is aborted; `undefined`: there is no rate. */
  readonly turn: ((signal: AbortSignal) => Promise<void>) | undefined;
  /** A text from outside without the key, in case that a server sends back what it got. */
  redact(text: string): string;
  /** Sends one request once; a read waits for its turn, a write has had it. Never rejects. */
  exchange(request: HttpRequest): Promise<Exchange>;
  /** Gives up what is in flight and closes every connection. */
  close(): Promise<void>;
}

/** Connections for reads that go out while all writes are in flight. */
const CONNECTIONS_FOR_READS = 8;
const LONGEST_CONNECT_MS = 10_000;

/** Sends requests to one server; decides nothing about answers. No redirect is followed and nothing is sent twice. */
export function openClient(settings: QalyptusApiSettings): HttpClient {
  const { server, key, timeoutMs, clock, onSent, onRequest } = settings;
  const proxy = chooseProxy(server, settings.proxyEnv ?? {});
  const proxyOrigin = proxy !== undefined && server.protocol === "http:" ? proxy.origin : undefined;
  const where: Whereabouts = { origin: proxyOrigin ?? server.origin, proxy: proxyOrigin !== undefined };
  const secrets = new Redactor();
  secrets.add(key);
  const redact = (text: string): string => secrets.apply(text);
  const turn = settings.rate === undefined ? undefined : turnsOf(settings.rate, clock);
  // What all request IDs of one run begin with, so that a server's log shows what it asked.
  const clientId = settings.chance.uuid();
  const headers = {
    accept: "application/json",
    // What comes packed all the same is unpacked; without this any coding would be as good.
    "accept-encoding": "identity",
    "user-agent": `qalyptus-propagate/${settings.version}`,
    authorization: `Bearer ${key}`,
    ...(proxyOrigin !== undefined && {
      host: new URL(server.origin).host,
      "proxy-authorization": proxy?.authorization,
    }),
  };
  const pool = new Pool(where.origin, {
    connections: settings.connections + CONNECTIONS_FOR_READS,
    pipelining: 1,
    // Our own deadline covers the whole exchange.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: makeConnector({
      server,
      proxy,
      connectMs: Math.min(timeoutMs, LONGEST_CONNECT_MS),
      trust: new Trust(settings.authorities ?? []),
      insecure: settings.insecure === true,
    }),
  });
  const closing = new AbortController();
  setMaxListeners(0, closing.signal);
  let requests = 0;
  // A start was seen for a request that was answered: from then on, no start proves that nothing was sent.
  let startsAreSeen = false;

  return {
    server,
    closing: closing.signal,
    proxyOrigin,
    hasProxyCredentials: proxy?.authorization !== undefined,
    turn,
    redact,
    async exchange(request) {
      if (turn !== undefined && request.method === "GET") await turn(closing.signal);
      if (request.signal?.aborted === true || closing.signal.aborted)
        return { kind: "no-answer", sent: false, failure: new TransportFailure("aborted", where) };
      const { method, path, body } = request;
      requests += 1;
      const requestId = `${clientId}-${requests}`;
      const begun = clock.monotonic();
      const onStart = () => onSent?.({ method, path, requestId, timeoutMs });
      const answered = await sendOnce(pool, { ...settings, where, startsAreSeen, redact, onStart }, request, {
        method,
        path: proxyOrigin === undefined ? path : server.origin + path,
        body: body ?? null,
        headers: {
          ...headers,
          "x-request-id": requestId,
          ...(body !== undefined && { "content-type": "application/json" }),
          ...(request.idempotencyKey !== undefined && { "idempotency-key": request.idempotencyKey }),
          ...(request.fresh === true && { "cache-control": "no-cache", pragma: "no-cache" }),
        },
      });
      if (answered.kind === "answer") startsAreSeen = true;
      const exchange = await unpacked(answered, request.maxBytes, where);
      const status = exchange.kind === "answer" ? exchange.status : exchange.failure.faultCode;
      onRequest?.({ method, path, status, ms: Math.round(clock.monotonic() - begun), requestId });
      return exchange;
    },
    async close() {
      closing.abort();
      await pool.destroy();
    },
  };
}

/**
 * Spaces requests evenly (`--rate N`): each takes the next free slot, so that there is never a burst, and a request that waits
 * long does not slow those behind it.
 */
function turnsOf(perSecond: number, clock: Clock): (signal: AbortSignal) => Promise<void> {
  let nextSlot = Number.NEGATIVE_INFINITY;
  return async (signal) => {
    const now = clock.monotonic();
    const slot = Math.max(now, nextSlot);
    nextSlot = slot + 1000 / perSecond;
    // A timer cannot wait less than a millisecond; the slots keep the pace all the same.
    if (slot - now >= 1) await clock.sleep(slot - now, signal);
  };
}

/** A way to unpack; `deflate` comes with a header and, from some servers, without. */
const UNPACKERS: ReadonlyMap<string, (body: Buffer, options: ZlibOptions) => Promise<Buffer>> = new Map([
  ["gzip", promisify<Buffer, ZlibOptions, Buffer>(unzip)],
  ["x-gzip", promisify<Buffer, ZlibOptions, Buffer>(unzip)],
  [
    "deflate",
    (body, options) => promisify<Buffer, ZlibOptions, Buffer>(isWrapped(body) ? unzip : inflateRaw)(body, options),
  ],
  ["br", promisify<Buffer, ZlibOptions, Buffer>(brotliDecompress)],
]);

function isWrapped(body: Buffer): boolean {
  return ((body[0] ?? 0) & 0x0f) === 8;
}

/**
 * An answer whose body was packed, though we asked for it as it is: filters and gateways do that. It may hold no more than one that came
 * unpacked: few bytes can be made of very many. What cannot be unpacked did not come whole.
 */
async function unpacked(exchange: Exchange, maxBytes: number, where: Whereabouts): Promise<Exchange> {
  if (exchange.kind !== "answer" || exchange.cutShort !== undefined || exchange.body.length === 0) return exchange;
  const named = (exchange.headers["content-encoding"] ?? "").toLowerCase().split(",");
  const codings = named.map((one) => one.trim()).filter((one) => one !== "" && one !== "identity");
  let { body } = exchange;
  // The last was put on last. More than two are no server's, but somebody's who wants to see us work.
  for (const coding of codings.length > 2 ? [""] : codings.reverse()) {
    const unpack = UNPACKERS.get(coding);
    try {
      if (unpack === undefined) throw new Error("unknown");
      body = await unpack(body, { maxOutputLength: maxBytes });
    } catch (cause) {
      const kind = codeOf(cause) === "ERR_BUFFER_TOO_LARGE" ? "too-large" : "packed";
      const code =
        kind === "packed" ? `content-encoding: ${/^[a-z0-9-]{1,20}$/.exec(coding)?.[0] ?? "unknown"}` : undefined;
      const cutShort = new TransportFailure(kind, where, code === undefined ? {} : { code });
      return { ...exchange, body: Buffer.alloc(0), cutShort };
    }
  }
  return { ...exchange, body };
}

/**
 * One request on its way. undici calls `onRequestStart` right before it writes a request to a connection, and only then: that
 * is how a request that is still queued is told from one that was sent.
 */
function sendOnce(
  pool: Pool,
  {
    clock,
    timeoutMs,
    where,
    startsAreSeen,
    redact,
    onStart,
  }: QalyptusApiSettings & {
    where: Whereabouts;
    startsAreSeen: boolean;
    redact: HttpClient["redact"];
    onStart: () => void;
  },
  request: HttpRequest,
  options: Dispatcher.DispatchOptions,
): Promise<Exchange> {
  const { signal } = request;
  return new Promise((resolve) => {
    let controller: Dispatcher.DispatchController | undefined;
    let deadline: NodeJS.Timeout | undefined;
    let started = false;
    let settled = false;
    let head: Omit<HttpAnswer, "kind" | "body" | "cutShort"> | undefined;
    let bytes = 0;
    const chunks: Buffer[] = [];

    const settle = (failure?: TransportFailure): void => {
      if (settled) return;
      settled = true;
      clearTimeout(deadline);
      signal?.removeEventListener("abort", onAbort);
      if (head !== undefined) {
        resolve({ kind: "answer", ...head, body: Buffer.concat(chunks), cutShort: failure });
        return;
      }
      const why = failure ?? failureOf(new Error("no status"), where, false);
      resolve({ kind: "no-answer", sent: started || !(why.connecting || startsAreSeen), failure: why });
    };
    const stop = (kind: FailureKind): void => {
      if (settled) return;
      const failure = new TransportFailure(kind, where);
      settle(failure);
      controller?.abort(failure);
    };
    const onAbort = (): void => stop("aborted");

    if (signal !== undefined) {
      // All writes in flight go by one signal.
      setMaxListeners(0, signal);
      signal.addEventListener("abort", onAbort, { once: true });
    }
    pool.dispatch(options, {
      onRequestStart: (starting) => {
        controller = starting;
        if (settled) controller.abort(new TransportFailure("aborted", where));
        else if (request.mayStart?.() === false) stop("aborted");
        else {
          started = true;
          // What has come while this process could not look (a suspended machine) is read first: once around the loop. The
          // connection keeps the process alive.
          deadline = setTimeout(() => setImmediate(() => stop("timeout")), timeoutMs).unref();
          onStart();
        }
      },
      onResponseStart: (_, status, headers) => {
        if (status < 200) return;
        const header = (name: string) => [headers[name]].flat()[0];
        head = {
          status,
          contentType: header("content-type") ?? "",
          retryAfter: header("retry-after"),
          date: Number.isNaN(Date.parse(header("date") ?? "")) ? clock.now().toUTCString() : (header("date") ?? ""),
          location: header("location"),
          headers: Object.fromEntries(
            TELLING_HEADERS.flatMap((name) => {
              const values = [headers[name] ?? []].flat();
              return values.length === 0 ? [] : [[name, redact(values.join(", ")).slice(0, LONGEST_HEADER)]];
            }),
          ),
        };
      },
      onResponseData: (_, chunk) => {
        bytes += chunk.length;
        if (bytes > request.maxBytes) stop("too-large");
        else chunks.push(chunk);
      },
      onResponseEnd: () => settle(),
      onResponseError: (_, error) => settle(failureOf(error, where, false)),
    });
  });
}
