import { request as httpRequest } from "node:http";
import { request as httpsRequest, type RequestOptions } from "node:https";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { SecureContext } from "node:tls";
import { buildConnector, errors } from "undici";
import type { ProblemCode } from "../shared/codes.js";
import { type Problem, problem } from "../shared/problems.js";
import type { ProxyServer, ServerUrl } from "./address.js";

/** How connections are made. */
export interface ConnectorSettings {
  readonly server: ServerUrl;
  readonly proxy: ProxyServer | undefined;
  /** The longest that making one connection may take. */
  readonly connectMs: number;
  /** Who is trusted. */
  readonly tls: { readonly rejectUnauthorized: boolean; readonly secureContext?: SecureContext };
}

/**
 * Makes the function with which undici opens a connection: straight, to the proxy (plain http goes to it in absolute form), or
 * through the proxy by CONNECT (https). Every fault is a TransportFailure that says `connecting`: with undici's own, a proxy
 * that hangs up would be asked again without end.
 */
export function makeConnector(settings: ConnectorSettings): buildConnector.connector {
  const { server, proxy } = settings;
  const connect = buildConnector({ timeout: settings.connectMs, ...settings.tls });
  const reporting =
    (where: Whereabouts): buildConnector.connector =>
    (options, callback) =>
      connect(options, (...[error, socket]: Parameters<buildConnector.Callback>) => {
        if (error !== null) callback(failureOf(error, where, true), null);
        else callback(null, socket);
      });
  if (proxy !== undefined && server.protocol === "http:") return reporting({ origin: proxy.origin, proxy: true });
  const connectToServer = reporting({ origin: server.origin, proxy: false });
  if (proxy === undefined) return connectToServer;
  return (options, callback) =>
    openTunnel(settings, proxy, (opened) => {
      if (opened instanceof TransportFailure) callback(opened, null);
      else connectToServer({ ...options, httpSocket: opened }, callback);
    });
}

/** Asks the proxy for a connection to the server; calls back once. */
function openTunnel(
  settings: ConnectorSettings,
  proxy: ProxyServer,
  callback: (opened: Socket | TransportFailure) => void,
): void {
  const where: Whereabouts = { origin: proxy.origin, proxy: true };
  const target = `${settings.server.hostname}:${settings.server.port}`;
  const options: RequestOptions = {
    method: "CONNECT",
    host: proxy.hostname,
    port: proxy.port,
    path: target,
    headers: { host: target, ...(proxy.authorization && { "proxy-authorization": proxy.authorization }) },
    agent: false,
    ...settings.tls,
  };
  const request = proxy.protocol === "https:" ? httpsRequest(options) : httpRequest(options);
  const tooLate = new TransportFailure("connect-timeout", where, { code: "PROXY_TIMEOUT", connecting: true });
  const timer = setTimeout(() => request.destroy(tooLate), settings.connectMs);
  let open = true;
  const finish = (opened: Socket | TransportFailure): void => {
    clearTimeout(timer);
    if (open) callback(opened);
    open = false;
  };
  request.on("error", (error) => finish(failureOf(error, where, true)));
  request.once("connect", (response, stream: Duplex, head) => {
    const status = response.statusCode ?? 0;
    if (status >= 200 && status < 300 && stream instanceof Socket) {
      if (head.length > 0) stream.unshift(head);
      finish(stream);
      return;
    }
    stream.destroy();
    finish(proxyRefusal(status, proxy.origin));
  });
  request.end();
}

/** What may go wrong below HTTP, as far as it makes a difference: the problem's code, and what a person is told of the other party. */
const KINDS = {
  "name-unknown": { code: "UNREACHABLE", says: "has a name that is not known" },
  refused: { code: "UNREACHABLE", says: "takes no connection" },
  "connect-timeout": { code: "UNREACHABLE", says: "took no connection in time" },
  certificate: { code: "CERTIFICATE", says: "has a certificate that is not trusted" },
  tls: { code: "TLS_FAILED", says: "made no secure connection" },
  proxy: { code: "PROXY_REFUSED", says: "refuses to connect to the server" },
  timeout: { code: "TIMEOUT", says: "did not answer in time" },
  "hang-up": { code: "CONNECTION_LOST", says: "closed the connection before it had answered" },
  protocol: { code: "NOT_HTTP", says: "sent what is no HTTP answer" },
  unasked: {
    code: "UNASKED_ANSWER",
    says: 'sent "100 Continue" or "101 Switching Protocols", which nobody asked for; this program reads no answer after it',
  },
  "too-large": { code: "ANSWER_TOO_LARGE", says: "sent more than an answer may hold" },
  aborted: { code: "ABORTED", says: "was not waited for, because the run is ending" },
} as const satisfies Readonly<Record<string, { readonly code: ProblemCode; readonly says: string }>>;

export type FailureKind = keyof typeof KINDS;

/** Where a failure happened: who was spoken to, and whether that was a proxy. */
export interface Whereabouts {
  readonly origin: string;
  readonly proxy: boolean;
}

/**
 * One exchange that did not come to an answer, or whose answer did not come to its end. Made by the connector and the HTTP
 * client; never shown itself: its `problem` is. Holds nothing of what was sent or received.
 */
export class TransportFailure extends Error {
  readonly kind: FailureKind;
  /** The system's or the library's code, for `-v` and for searching. Not `code`: undici acts on that of a connect error. */
  readonly faultCode: string;
  /** While a connection was made: nothing can have been sent. */
  readonly connecting: boolean;
  /** Whether the same attempt may fare better a moment later. */
  readonly passing: boolean;
  readonly problem: Problem;

  constructor(
    kind: FailureKind,
    where: Whereabouts,
    more: { code?: string; connecting?: boolean; passing?: boolean; cause?: unknown } = {},
  ) {
    const told = problemOf(kind, where, more.code);
    super(told.message, { cause: more.cause });
    this.name = "TransportFailure";
    this.kind = kind;
    this.faultCode = more.code ?? told.code;
    this.connecting = more.connecting ?? false;
    this.passing = more.passing ?? !["certificate", "tls", "too-large", "aborted"].includes(kind);
    this.problem = told;
  }
}

function problemOf(kind: FailureKind, where: Whereabouts, faultCode: string | undefined): Problem {
  const { code, says } = KINDS[kind];
  const told = `${where.proxy ? `the proxy ${where.origin}` : where.origin} ${says}`;
  return problem(code, faultCode === undefined ? told : `${told} (${faultCode})`, { hint: hintOf(kind, where) });
}

/** The next step where it is another than the table's: a proxy's settings, or the other scheme. */
function hintOf(kind: FailureKind, { origin, proxy }: Whereabouts): string | undefined {
  if (proxy && KINDS[kind].code === "UNREACHABLE") return "Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY";
  if (kind === "tls" && origin.startsWith("https:"))
    return `The port may speak plain http: try ${origin.replace(/^https:/, "http:")}. Qalyptus Server's own port 3994 often does`;
  if ((kind === "hang-up" || kind === "protocol") && origin.startsWith("http:"))
    return `If this port speaks https, use ${origin.replace(/^http:/, "https:")}`;
  return undefined;
}

/**
 * Names an error of a socket, of TLS or of the HTTP library by its code; by its text only where one code has two meanings: what
 * undici says when it gives a connection up over a `100 Continue` or a `101 Switching Protocols` that nobody asked for has the
 * code of a peer that hangs up. (It reads on past neither.)
 */
export function failureOf(error: unknown, where: Whereabouts, connecting: boolean): TransportFailure {
  if (error instanceof TransportFailure) return error;
  const { name, code: given, message }: NodeJS.ErrnoException = error instanceof Error ? error : new Error();
  const code = typeof given === "string" ? given : name;
  // An error of the HTTP parser carries what the server sent, and that may hold what we sent.
  if (error instanceof errors.HTTPParserError) return new TransportFailure("protocol", where, { code, connecting });
  const isUnasked = error instanceof errors.SocketError && /^bad (?:response|upgrade)$/.test(message);
  return new TransportFailure(isUnasked ? "unasked" : kindOf(code, connecting), where, {
    code,
    connecting,
    cause: error,
  });
}

/** What OpenSSL and Node say of a certificate that is not accepted. */
const CERTIFICATE_CODE =
  /^(?:UNABLE_TO_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|INVALID_CA$|INVALID_PURPOSE$|PATH_LENGTH_|ERR_TLS_CERT_)/;
const REFUSED_CODE = /^(?:ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENETDOWN|EADDRNOTAVAIL|EACCES|EPERM)$/;

function kindOf(code: string, connecting: boolean): FailureKind {
  if (code === "ENOTFOUND" || code.startsWith("EAI_")) return "name-unknown";
  if (code === "UND_ERR_CONNECT_TIMEOUT" || (connecting && code === "ETIMEDOUT")) return "connect-timeout";
  if (CERTIFICATE_CODE.test(code)) return "certificate";
  if (/^(?:EPROTO$|ERR_SSL_|ERR_TLS_)/.test(code)) return "tls";
  if (/^(?:HPE_|UND_ERR_HEADERS|UND_ERR_RES)/.test(code)) return "protocol";
  if (/^UND_ERR_(?:DESTROYED|CLOSED|ABORTED)$/.test(code)) return "aborted";
  return connecting && REFUSED_CODE.test(code) ? "refused" : "hang-up";
}

/** A proxy that says 5xx could not reach the server, which may pass; any other refusal stays. */
export function proxyRefusal(status: number, proxyOrigin: string): TransportFailure {
  const passing = status >= 500 || status === 429 || status === 408;
  const where = { origin: proxyOrigin, proxy: true };
  return new TransportFailure("proxy", where, { code: `HTTP ${status}`, connecting: true, passing });
}
