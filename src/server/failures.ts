import { errors } from "undici";
import type { ProblemCode } from "../shared/codes.js";
import { type Problem, problem } from "../shared/problems.js";
import { type ProxyAnswer, type Words, wordsFor, wordsForBytes, wordsForRefusal } from "./failure-signs.js";

/** What may go wrong below HTTP, as far as it makes a difference: the problem's code, and what a person is told of the other party. */
const KINDS = {
  "name-unknown": { code: "UNREACHABLE", says: "has a name that is not known" },
  refused: { code: "UNREACHABLE", says: "takes no connection" },
  "connect-timeout": { code: "UNREACHABLE", says: "took no connection in time" },
  elsewhere: { code: "LOOPBACK_ELSEWHERE", says: "is named as this machine is, and leads to another" },
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
  "headers-too-large": { code: "ANSWER_TOO_LARGE", says: "sent more headers than are read" },
  "too-large": { code: "ANSWER_TOO_LARGE", says: "sent more than an answer may hold" },
  packed: { code: "UNREADABLE", says: "packed its answer in a way that cannot be unpacked" },
  aborted: { code: "ABORTED", says: "was not waited for, because the run is ending" },
} as const satisfies Readonly<Record<string, { readonly code: ProblemCode; readonly says: string }>>;

export type FailureKind = keyof typeof KINDS;

/** Kinds that will be the same a moment later. */
const LASTING: readonly FailureKind[] = [
  ...(["certificate", "tls", "elsewhere", "headers-too-large", "too-large", "packed", "aborted"] as const),
];

/** Where a failure happened: who was spoken to, and whether that was a proxy. */
export interface Whereabouts {
  readonly origin: string;
  readonly proxy: boolean;
}

/** One certificate that the other party showed, as far as it is told. */
export interface ShownCertificate {
  readonly subject: string;
  readonly issuer: string;
  /** As a certificate has it: `DNS:a.example, DNS:b.example`. */
  readonly names: string;
  readonly from: string;
  readonly to: string;
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
    more: { code?: string; connecting?: boolean; passing?: boolean; cause?: unknown; words?: Words | undefined } = {},
  ) {
    const { code, says } = KINDS[kind];
    const { words } = more;
    const told = `${where.proxy ? `the proxy ${where.origin}` : where.origin} ${words?.says ?? says}`;
    const message = more.code === undefined ? told : `${told} (${more.code})`;
    super(message, { cause: more.cause });
    this.name = "TransportFailure";
    this.kind = kind;
    this.faultCode = more.code ?? code;
    this.connecting = more.connecting ?? false;
    this.passing = more.passing ?? !LASTING.includes(kind);
    this.problem = problem(code, message, { hint: words?.hint ?? hintOf(kind, where) });
  }
}

/** The next step where it is another than the table's and nothing more is known: a proxy's settings, or the other scheme. */
function hintOf(kind: FailureKind, { origin, proxy }: Whereabouts): string | undefined {
  if (proxy && KINDS[kind].code === "UNREACHABLE") return "Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY";
  if (proxy && kind === "certificate")
    return "Name the proxy's authority with --ca-file; --insecure is for the server alone";
  if ((kind === "hang-up" || kind === "protocol") && origin.startsWith("http:"))
    return `If this port speaks https, use ${origin.replace(/^http:/, "https:")}`;
  return undefined;
}

/** What OpenSSL and Node say of a certificate that is not accepted. Node has no name for some of it. */
const CERTIFICATE_CODE =
  /^(?:UNABLE_TO_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH$|INVALID_CA$|INVALID_PURPOSE$|PATH_LENGTH_|ERR_TLS_CERT_|(?:EE|CA)_(?:KEY|MD)_TOO_|UNSPECIFIED$)/;
/** What is said of a connection that was there and was closed. */
const HANG_UP_CODE = /^(?:ECONNRESET|ECONNABORTED|EPIPE|UND_ERR_SOCKET)$/;
const HEADERS_CODE = /^(?:UND_ERR_HEADERS_OVERFLOW|HPE_HEADER_OVERFLOW)$/;

function kindOf(code: string, connecting: boolean): FailureKind {
  if (code === "ENOTFOUND" || code.startsWith("EAI_")) return "name-unknown";
  if (code === "UND_ERR_CONNECT_TIMEOUT" || (connecting && code === "ETIMEDOUT")) return "connect-timeout";
  if (CERTIFICATE_CODE.test(code)) return "certificate";
  if (/^(?:EPROTO$|ERR_SSL_|ERR_TLS_)/.test(code)) return "tls";
  if (HEADERS_CODE.test(code)) return "headers-too-large";
  if (/^(?:HPE_|UND_ERR_HEADERS|UND_ERR_RES)/.test(code)) return "protocol";
  if (/^UND_ERR_(?:DESTROYED|CLOSED|ABORTED)$/.test(code)) return "aborted";
  // A code that nobody has met says no more than that there was no connection.
  return connecting && !HANG_UP_CODE.test(code) ? "refused" : "hang-up";
}

/**
 * Names an error of a socket, of TLS or of the HTTP library by its code; by its text only where one code has two meanings: what
 * undici says when it gives a connection up over a `100 Continue` or a `101 Switching Protocols` that nobody asked for has the
 * code of a peer that hangs up. (It reads on past neither.) `shown`: the certificates of the other party, its own first.
 */
export function failureOf(
  error: unknown,
  where: Whereabouts,
  connecting: boolean,
  shown: readonly ShownCertificate[] = [],
): TransportFailure {
  if (error instanceof TransportFailure) return error;
  const { name, code: given, message }: NodeJS.ErrnoException = error instanceof Error ? error : new Error();
  const code = typeof given === "string" ? given : name;
  // An error of the HTTP parser carries what the server sent, and that may hold what we sent.
  if (error instanceof errors.HTTPParserError) {
    const { data } = error as { readonly data?: unknown };
    return new TransportFailure(HEADERS_CODE.test(code) ? "headers-too-large" : "protocol", where, {
      code,
      connecting,
      words: wordsForBytes(String(data ?? ""), where),
    });
  }
  const isUnasked = error instanceof errors.SocketError && /^bad (?:response|upgrade)$/.test(message);
  const kind = isUnasked ? "unasked" : kindOf(code, connecting);
  const words = wordsFor(kind, `${code} ${message}`.toUpperCase().replace(/[^A-Z0-9]+/g, "_"), where, shown);
  return new TransportFailure(kind, where, { code, connecting, cause: error, words });
}

/** A proxy that says 5xx could not reach the server, which may pass; any other refusal stays. */
export function proxyRefusal(answer: ProxyAnswer, proxyOrigin: string, target: string): TransportFailure {
  const { status } = answer;
  const passing = status >= 500 || status === 429 || status === 408;
  const where = { origin: proxyOrigin, proxy: true };
  return new TransportFailure("proxy", where, {
    code: `HTTP ${status}`,
    connecting: true,
    passing,
    words: wordsForRefusal(answer, target),
  });
}
