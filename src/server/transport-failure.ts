import { errors } from "undici";
import type { Problem } from "../shared/problems.js";

/** What went wrong below HTTP, as far as it makes a difference. */
export type FailureKind =
  | "name-unknown"
  | "refused"
  | "connect-timeout"
  | "certificate"
  | "tls"
  | "proxy"
  | "timeout"
  | "hang-up"
  | "protocol"
  | "unasked"
  | "too-large"
  | "aborted";

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

  constructor(of: {
    readonly kind: FailureKind;
    readonly code: string;
    readonly connecting: boolean;
    readonly passing: boolean;
    readonly problem: Problem;
    readonly cause?: unknown;
  }) {
    super(of.problem.message, { cause: of.cause });
    this.name = "TransportFailure";
    this.kind = of.kind;
    this.faultCode = of.code;
    this.connecting = of.connecting;
    this.passing = of.passing;
    this.problem = of.problem;
  }
}

/** Where a failure happened: who was spoken to, and whether that was a proxy. */
export interface Whereabouts {
  readonly origin: string;
  readonly proxy: boolean;
}

const CERTIFICATE_CODES: ReadonlySet<string> = new Set([
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "CERT_SIGNATURE_FAILURE",
  "CERT_NOT_YET_VALID",
  "CERT_HAS_EXPIRED",
  "CERT_REVOKED",
  "CERT_UNTRUSTED",
  "CERT_REJECTED",
  "CERT_CHAIN_TOO_LONG",
  "INVALID_CA",
  "INVALID_PURPOSE",
  "PATH_LENGTH_EXCEEDED",
  "ERR_TLS_CERT_ALTNAME_INVALID",
]);

const REFUSED_CODES: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EHOSTDOWN",
  "ENETDOWN",
  "EADDRNOTAVAIL",
  "EACCES",
  "EPERM",
]);

/**
 * What undici says when it gives a connection up over a `100 Continue` or a `101 Switching Protocols` that nobody asked for. It
 * reads on past neither, and its code is the same for a peer that hangs up; so this text alone tells them apart.
 */
const UNASKED_ANSWERS: ReadonlySet<string> = new Set(["bad response", "bad upgrade"]);

/** Names an error of a socket, of TLS or of the HTTP library by its code; by its text only where one code has two meanings. */
export function failureOf(error: unknown, where: Whereabouts, connecting: boolean): TransportFailure {
  if (error instanceof TransportFailure) return error;
  const code = codeOf(error);
  const kind =
    error instanceof errors.HTTPParserError ? "protocol" : isUnasked(error) ? "unasked" : kindOf(code, connecting);
  return new TransportFailure({
    kind,
    code,
    connecting,
    passing: kind !== "certificate" && kind !== "tls",
    problem: problemOf(kind, code, where),
    // An error of the HTTP parser carries what the server sent, and that may hold what we sent.
    cause: error instanceof errors.HTTPParserError ? undefined : error,
  });
}

function isUnasked(error: unknown): boolean {
  return error instanceof errors.SocketError && UNASKED_ANSWERS.has(error.message);
}

function codeOf(error: unknown): string {
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code;
  return error instanceof Error ? error.name : "UNKNOWN";
}

function kindOf(code: string, connecting: boolean): FailureKind {
  if (code === "ENOTFOUND" || code.startsWith("EAI_")) return "name-unknown";
  if (code === "UND_ERR_CONNECT_TIMEOUT") return "connect-timeout";
  if (CERTIFICATE_CODES.has(code)) return "certificate";
  if (code === "EPROTO" || code.startsWith("ERR_SSL_") || code.startsWith("ERR_TLS_")) return "tls";
  if (code.startsWith("HPE_") || code.startsWith("UND_ERR_HEADERS") || code.startsWith("UND_ERR_RES"))
    return "protocol";
  if (code === "UND_ERR_DESTROYED" || code === "UND_ERR_CLOSED" || code === "UND_ERR_ABORTED") return "aborted";
  if (connecting && REFUSED_CODES.has(code)) return "refused";
  if (connecting && code === "ETIMEDOUT") return "connect-timeout";
  return "hang-up";
}

/** A proxy that says 5xx could not reach the server, which may pass; any other refusal stays. */
export function proxyRefusal(status: number, where: Whereabouts): TransportFailure {
  const code = `HTTP ${status}`;
  return new TransportFailure({
    kind: "proxy",
    code,
    connecting: true,
    passing: status >= 500 || status === 429 || status === 408,
    problem: problemOf("proxy", code, where),
  });
}

/** What a person is told of one kind of failure. */
export function problemOf(kind: FailureKind, code: string, where: Whereabouts): Problem {
  const party = where.proxy ? `the proxy ${where.origin}` : where.origin;
  const setting = where.proxy ? "HTTPS_PROXY, HTTP_PROXY and NO_PROXY" : "--server";
  const https = where.origin.startsWith("https:");
  switch (kind) {
    case "name-unknown":
      return {
        code: "UNREACHABLE",
        message: `the name of ${party} is not known (${code})`,
        hint: where.proxy
          ? `Check ${setting}`
          : "Check the host name in --server, and whether this machine must go through a proxy (HTTPS_PROXY)",
      };
    case "refused":
      return {
        code: "UNREACHABLE",
        message: `${party} takes no connection (${code})`,
        hint: where.proxy
          ? `Check ${setting}`
          : "Check that Qalyptus Server runs, the port (its own is often 3994, in plain http: --server http://host:3994), and the firewall",
      };
    case "connect-timeout":
      return {
        code: "UNREACHABLE",
        message: `no connection to ${party} came about in time (${code})`,
        hint: `Check the host and port in ${setting}, the firewall, and whether a proxy is needed`,
      };
    case "certificate":
      return certificateProblem(code, party);
    case "tls":
      return {
        code: "TLS_FAILED",
        message: `no secure connection to ${party} came about (${code})`,
        hint: https
          ? `The port may speak plain http: try ${where.origin.replace(/^https:/, "http:")}. Qalyptus Server's own port 3994 often does`
          : "Look at the server's TLS settings",
      };
    case "proxy":
      return {
        code: "PROXY_REFUSED",
        message: `${party} refuses to connect to the server (${code})`,
        hint: "Check the proxy's user name and password in HTTPS_PROXY, or leave the server out with NO_PROXY",
      };
    case "timeout":
      return {
        code: "TIMEOUT",
        message: `${party} did not answer in time`,
        hint: "Look at the server's load, or give it longer with --timeout",
      };
    case "hang-up":
      return {
        code: "CONNECTION_LOST",
        message: `${party} closed the connection before it had answered (${code})`,
        hint: https
          ? "Look at the server's log"
          : `If this port speaks https, use ${where.origin.replace(/^http:/, "https:")}`,
      };
    case "protocol":
      return {
        code: "NOT_HTTP",
        message: `${party} sent what is no HTTP answer (${code})`,
        hint: https
          ? "Check the port in --server"
          : `If this port speaks https, use ${where.origin.replace(/^http:/, "https:")}`,
      };
    case "unasked":
      return {
        code: "UNASKED_ANSWER",
        message: `${party} sent "100 Continue" or "101 Switching Protocols", which nobody asked for; this program reads no answer after it (${code})`,
        hint: "Look at the proxy or gateway before the server: it must pass on the server's own answer alone",
      };
    case "too-large":
      return {
        code: "ANSWER_TOO_LARGE",
        message: `${party} sent more than an answer may hold`,
        hint: "Check that --server is a Qalyptus Server",
      };
    case "aborted":
      return {
        code: "ABORTED",
        message: "the request was given up because the run is ending",
        hint: "Run the same command again",
      };
    default:
      return kind satisfies never;
  }
}

function certificateProblem(code: string, party: string): Problem {
  const message = `the certificate of ${party} is not trusted (${code})`;
  switch (code) {
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return {
        code: "CERTIFICATE",
        message: `the certificate of ${party} is for another host name (${code})`,
        hint: "Use the host name that the certificate is made for in --server; --insecure trusts anyone",
      };
    case "CERT_HAS_EXPIRED":
    case "CERT_NOT_YET_VALID":
      return {
        code: "CERTIFICATE",
        message: `the certificate of ${party} is not valid at this time (${code})`,
        hint: "Renew it on the server, or set this machine's clock right; --insecure trusts anyone",
      };
    default:
      return {
        code: "CERTIFICATE",
        message,
        hint: "If it is of your own authority, give that authority's certificate with --ca-file FILE; --insecure trusts anyone",
      };
  }
}
