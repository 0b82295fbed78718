import { setMaxListeners } from "node:events";
import { Pool } from "undici";
import { secretSpellings } from "../shared/secret-spellings.js";
import type { Chance, Clock } from "../shared/time.js";
import { makeConnector } from "./connector.js";
import { Attempt, type AttemptSettings, type Exchange, type HttpRequest } from "./exchange.js";
import { chooseProxy, type ProxyEnvironment, type ProxyServer } from "./proxy.js";
import { RequestRate } from "./request-rate.js";
import { type Authorities, secureContextOf } from "./tls.js";
import { type FailureKind, failureOf, problemOf, TransportFailure, type Whereabouts } from "./transport-failure.js";
import type { ServerUrl } from "./url.js";

/** What the client needs to know; made by `compose` from plain settings. */
export interface HttpClientSettings {
  readonly server: ServerUrl;
  readonly key: string;
  /** This program's version, for the user agent. */
  readonly version: string;
  /** One request, from sending to the last byte. Waiting in our own queue does not count. */
  readonly timeoutMs: number;
  /** Writes in flight; reads get some more. */
  readonly connections: number;
  /** Requests a second, over all requests. */
  readonly rate?: number | undefined;
  readonly authorities?: Authorities | undefined;
  readonly insecure?: boolean | undefined;
  readonly proxyEnv?: ProxyEnvironment | undefined;
  readonly onRequest?: ((exchange: RequestReport) => void) | undefined;
  readonly clock: Clock;
  readonly chance: Chance;
}

/** One exchange as `-v` shows it. Never holds the key. */
export interface RequestReport {
  readonly method: string;
  readonly path: string;
  /** An HTTP status, or the code of what went wrong. */
  readonly status: number | string;
  readonly ms: number;
  readonly requestId: string;
}

/** Connections for reads that go out while all writes are in flight. */
const CONNECTIONS_FOR_READS = 8;
const LONGEST_CONNECT_MS = 10_000;

/** Sends requests to one server; decides nothing about answers. No redirect is followed and nothing is sent twice. */
export class HttpClient {
  readonly server: ServerUrl;
  readonly #settings: HttpClientSettings;
  readonly #pool: Pool;
  readonly #where: Whereabouts;
  readonly #closing = new AbortController();
  readonly #attempts: AttemptSettings;
  readonly #rate: RequestRate | undefined;
  readonly #headers: readonly string[];
  /** The key, as it may come back. */
  readonly #spellings: readonly string[];
  readonly #pathPrefix: string;
  /** What all request IDs of this client begin with, so that a server's log shows what one run asked of it. */
  readonly #clientId: string;
  #requests = 0;
  /** A start was seen for an exchange that was answered: from then on, no start proves that nothing was sent. */
  #startsAreSeen = false;

  constructor(settings: HttpClientSettings) {
    const { server, key, version, clock } = settings;
    const proxy = chooseProxy(server, settings.proxyEnv ?? {});
    const absolute = proxy !== undefined && server.protocol === "http:";
    setMaxListeners(0, this.#closing.signal);
    this.server = server;
    this.#settings = settings;
    this.#where = absolute ? { origin: proxy.origin, proxy: true } : { origin: server.origin, proxy: false };
    this.#rate = settings.rate === undefined ? undefined : new RequestRate(settings.rate, clock);
    this.#spellings = secretSpellings(key);
    this.#clientId = settings.chance.uuid();
    this.#pathPrefix = absolute ? server.origin : "";
    this.#headers = [
      "accept",
      "application/json",
      // Nothing here unpacks: without this any coding would be as good.
      "accept-encoding",
      "identity",
      "user-agent",
      `qalyptus-propagate/${version}`,
      "authorization",
      `Bearer ${key}`,
      ...(absolute ? absoluteFormHeaders(server, proxy) : []),
    ];
    this.#attempts = {
      failureOf: (error) => failureOf(error, this.#where, false),
      giveUp: (kind) => this.#giveUp(kind),
      unstartedIsUnsent: () => this.#startsAreSeen,
      timeoutMs: settings.timeoutMs,
    };
    this.#pool = new Pool(this.#where.origin, {
      connections: settings.connections + CONNECTIONS_FOR_READS,
      pipelining: 1,
      // Our own deadline covers the whole exchange.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: makeConnector({
        server,
        proxy,
        connectMs: Math.min(settings.timeoutMs, LONGEST_CONNECT_MS),
        secureContext: secureContextOf(settings.authorities ?? []),
        insecure: settings.insecure === true,
      }),
    });
  }

  /** Aborted when the client is closed: ends every wait. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** Whether requests go to a proxy in absolute form, so that a status may be the proxy's own. */
  get proxyOrigin(): string | undefined {
    return this.#where.proxy ? this.#where.origin : undefined;
  }

  /** A text from outside without the key, in case that a server sends back what it got. */
  redact(text: string): string {
    return this.#spellings.reduce((clean, key) => clean.replaceAll(key, "[API key]"), text);
  }

  /** Waits for the turn of a request among all others, or until `signal` is aborted; `undefined`: there is no rate. */
  get turn(): ((signal: AbortSignal) => Promise<void>) | undefined {
    const rate = this.#rate;
    return rate === undefined ? undefined : (signal) => rate.turn(signal);
  }

  /** Sends one request once. Never rejects. */
  async exchange(request: HttpRequest): Promise<Exchange> {
    if (this.#rate !== undefined && request.hasTurn !== true) await this.#rate.turn(request.signal ?? this.closing);
    if (request.signal?.aborted === true || this.closing.aborted)
      return { kind: "no-answer", sent: false, failure: this.#giveUp("aborted") };
    const { clock, onRequest } = this.#settings;
    this.#requests += 1;
    const requestId = `${this.#clientId}-${this.#requests}`;
    const begun = clock.monotonic();
    const outcome = await this.#send(request, requestId);
    if (outcome.kind === "answer") this.#startsAreSeen = true;
    onRequest?.({
      method: request.method,
      path: request.path,
      status: outcome.kind === "answer" ? outcome.status : outcome.failure.faultCode,
      ms: Math.round(clock.monotonic() - begun),
      requestId,
    });
    return outcome;
  }

  /** Gives up what is in flight and closes every connection. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#pool.destroy();
  }

  #send(request: HttpRequest, requestId: string): Promise<Exchange> {
    return new Promise((resolve) => {
      const attempt = new Attempt(this.#attempts, request, resolve);
      this.#pool.dispatch(
        {
          method: request.method,
          path: this.#pathPrefix + request.path,
          headers: this.#headersOf(request, requestId),
          body: request.body ?? null,
        },
        attempt,
      );
    });
  }

  #headersOf(request: HttpRequest, requestId: string): string[] {
    const headers = [...this.#headers, "x-request-id", requestId];
    if (request.body !== undefined) headers.push("content-type", "application/json");
    if (request.idempotencyKey !== undefined) headers.push("idempotency-key", request.idempotencyKey);
    if (request.fresh === true) headers.push("cache-control", "no-cache", "pragma", "no-cache");
    return headers;
  }

  #giveUp(kind: FailureKind): TransportFailure {
    const code = kind === "timeout" ? "TIMEOUT" : kind === "too-large" ? "TOO_LARGE" : "ABORTED";
    const problem = problemOf(kind, code, this.#where);
    return new TransportFailure({ kind, code, connecting: false, passing: kind === "timeout", problem });
  }
}

function absoluteFormHeaders(server: ServerUrl, proxy: ProxyServer): readonly string[] {
  const host = new URL(server.origin).host;
  return ["host", host, ...(proxy.authorization === undefined ? [] : ["proxy-authorization", proxy.authorization])];
}
