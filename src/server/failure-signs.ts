import { quote } from "../shared/text-safety.js";
import type { FailureKind, ShownCertificate, Whereabouts } from "./failures.js";

/**
 * What a failure shows of its cause: the words and the next step that fit it. What it proves, its kind says (`failures.ts`).
 */

/** The words for what was seen, where they are others than the kind's. */
export interface Words {
  readonly says?: string | undefined;
  readonly hint?: string | undefined;
}

/** What the first bytes of a port that speaks no HTTP/1 show. */
export function wordsForBytes(bytes: string, { origin, proxy }: Whereabouts): Words | undefined {
  const party = proxy ? "the proxy" : "the server, or the gateway before it,";
  // A SETTINGS frame: with it HTTP/2 begins.
  if (/^\0\0.\x04.\0{4}/s.test(bytes))
    return { says: "answers in HTTP/2 without being asked for it", hint: `Let ${party} speak HTTP/1.1 on this port` };
  // An alert, or a handshake, of TLS.
  if (/^[\x15\x16]\x03[\0-\x04]/.test(bytes) && origin.startsWith("http:"))
    return { says: "answers in TLS", hint: `This port speaks https: use ${origin.replace(/^http:/, "https:")}` };
  return undefined;
}

/** What one fault shows, known by its code and text in capitals with `_` between the words. */
interface Sign {
  readonly kind: FailureKind;
  readonly seen: RegExp;
  readonly says?: (shown: readonly ShownCertificate[]) => string | undefined;
  readonly hint: string | ((where: Whereabouts, shown: readonly ShownCertificate[]) => string | undefined);
}

const OLD_TLS = "Let the server, or what stands before it, offer TLS 1.2 or 1.3 (on Windows: its SCHANNEL settings)";
const NEW_CERTIFICATE = "Have a certificate made with a key of RSA 2048 or EC P-256 or more, signed with SHA-256";

const SIGNS: readonly Sign[] = [
  {
    kind: "name-unknown",
    seen: /^EAI_AGAIN/,
    says: () => "could not be looked up: the name service gives no answer",
    hint: "Check this machine's network and DNS, then run again",
  },
  {
    kind: "name-unknown",
    seen: /./,
    hint: "Check how the host is spelled in --server, this machine's DNS, and whether a VPN is needed; a name that only a proxy knows needs HTTPS_PROXY",
  },
  {
    kind: "refused",
    seen: /^(?:EHOST|ENET)/,
    says: () => "cannot be reached from this machine's network",
    hint: "Check this machine's network, a VPN, and whether a proxy is needed (HTTPS_PROXY)",
  },
  {
    kind: "refused",
    seen: /^(?:EACCES|EPERM)/,
    says: () => "was not asked: this machine lets no connection out to it",
    hint: "Look at this machine's own firewall",
  },
  {
    kind: "refused",
    seen: /^(?:EMFILE|ENFILE|EADDRNOTAVAIL)/,
    says: () => "was not asked: this machine has no socket left for it",
    hint: "Look at what has so many files or connections open (ulimit -n), or give a lower --concurrency",
  },
  {
    kind: "certificate",
    seen: /^(?:UNABLE_TO_VERIFY_LEAF|UNABLE_TO_GET_ISSUER)/,
    says: (shown) =>
      shown.length === 0
        ? undefined
        : `has a certificate by an authority that is not known here: ${quote(shown.at(-1)?.issuer ?? "")}`,
    hint: (_, shown) =>
      shown.length > 1
        ? "Name that authority's certificate with --ca-file"
        : "The server sends its own certificate alone: if that authority is an intermediate one, the server should send its certificate too; else --ca-file must hold it, with the one above it",
  },
  {
    kind: "certificate",
    seen: /^SELF_SIGNED_/,
    says: (shown) =>
      shown.length === 0
        ? undefined
        : `has a certificate under a root that is not trusted here: ${quote(shown.at(-1)?.subject ?? "")}`,
    hint: "If that is your company's authority (also of a filter that opens TLS), name its certificate with --ca-file",
  },
  {
    kind: "certificate",
    seen: /^DEPTH_ZERO_/,
    says: () => "has a certificate that it signed itself",
    hint: "Save that certificate, make sure that it is the server's, and name it with --ca-file; or give the server one of your authority",
  },
  {
    kind: "certificate",
    seen: /^CERT_HAS_EXPIRED/,
    says: (shown) => {
      const ended = shown.find(({ to }) => Date.parse(to) < Date.now());
      return ended && `shows a certificate that ended on ${ended.to}: ${quote(ended.subject)}`;
    },
    hint: "Have it renewed on the server; if the day is still to come, set this machine's clock",
  },
  {
    kind: "certificate",
    seen: /^CERT_NOT_YET_VALID/,
    says: ([own]) => own && `shows a certificate that begins on ${own.from}`,
    hint: "Set this machine's clock; if that is right, wait until the certificate begins",
  },
  {
    kind: "certificate",
    seen: /^(?:ERR_TLS_CERT_ALTNAME|HOSTNAME_MISMATCH)/,
    says: ([own]) => own && `has a certificate for another name: ${quote(own.names || own.subject)}`,
    hint: "Write --server with a name that stands in the certificate, or have one made for this name",
  },
  {
    kind: "certificate",
    seen: /KEY_TOO_(?:SMALL|WEAK|SHORT)/,
    says: () => "has a certificate whose key is too weak to be trusted",
    hint: NEW_CERTIFICATE,
  },
  {
    kind: "certificate",
    seen: /(?:MD|DIGEST_ALGORITHM)_TOO_WEAK/,
    says: () => "has a certificate that is signed in a way too weak to be trusted, as with SHA-1",
    hint: NEW_CERTIFICATE,
  },
  {
    kind: "tls",
    seen: /(?:EE|CA)_(?:KEY|MD)_TOO_/,
    says: () => "has a certificate that is too weak to be trusted",
    hint: NEW_CERTIFICATE,
  },
  {
    kind: "tls",
    seen: /DH_KEY_TOO_SMALL/,
    says: () => "offers a key exchange (Diffie-Hellman) that is too weak",
    hint: "Let the server offer ECDHE, or Diffie-Hellman with 2048 bits",
  },
  {
    kind: "tls",
    seen: /UNSUPPORTED_PROTOCOL|ALERT_PROTOCOL_VERSION|VERSION_TOO_LOW/,
    says: () => "offers no version of TLS that is still safe",
    hint: OLD_TLS,
  },
  {
    kind: "tls",
    seen: /NO_APPLICATION_PROTOCOL/,
    says: () => "speaks HTTP/2 only",
    hint: "Let the server, or the gateway before it, offer HTTP/1.1 too",
  },
  {
    kind: "tls",
    seen: /CERTIFICATE_REQUIRED|ALERT_BAD_CERTIFICATE/,
    says: () => "wants a certificate of who asks, and this program has none",
    hint: "Let it take the API's path without client certificates, or go past it",
  },
  {
    kind: "tls",
    seen: /HANDSHAKE_FAILURE|NO_SHARED_CIPHER|INSUFFICIENT_SECURITY/,
    says: () => "found no common ground for a secure connection",
    hint: "Look at its ciphers and its certificate's key, and whether it wants a certificate of who asks: this program has none",
  },
  {
    kind: "tls",
    seen: /UNRECOGNIZED_NAME/,
    says: () => "serves no host of this name",
    hint: "Give it the name that its certificate has",
  },
  {
    kind: "tls",
    seen: /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|RECORD_LAYER_FAILURE|HTTP_REQUEST|UNKNOWN_PROTOCOL/,
    says: () => "does not answer in TLS",
    hint: ({ origin, proxy }) =>
      proxy
        ? `The proxy's port may speak plain http: write ${origin.replace(/^https:/, "http:")} in HTTPS_PROXY`
        : `The port may speak plain http: try ${origin.replace(/^https:/, "http:")}. Qalyptus Server's own port 3994 often does`,
  },
  {
    kind: "headers-too-large",
    seen: /./,
    hint: "Look at what adds them (a gateway's cookies, Windows tickets); NODE_OPTIONS=--max-http-header-size=65536 reads more than the usual 16 KiB",
  },
];

export function wordsFor(
  kind: FailureKind,
  text: string,
  where: Whereabouts,
  shown: readonly ShownCertificate[],
): Words | undefined {
  const sign = SIGNS.find((one) => one.kind === kind && one.seen.test(text));
  if (sign === undefined) return undefined;
  const hint = typeof sign.hint === "string" ? sign.hint : sign.hint(where, shown);
  // What is to be set for a proxy is other than for the server.
  const isForServer = where.proxy && (kind === "name-unknown" || kind === "refused" || kind === "certificate");
  return { says: sign.says?.(shown), hint: isForServer ? undefined : hint };
}

/** What a proxy's answer other than 2xx to CONNECT shows. */
export interface ProxyAnswer {
  readonly status: number;
  readonly authenticate: string | undefined;
  readonly location: string | undefined;
  /** It was sent a user name and a password. */
  readonly hadCredentials: boolean;
}

/** Windows's own ways to log in, which this program does not speak. */
export function wantsWindowsLogin(authenticate: string | undefined): boolean {
  const schemes = schemesIn(authenticate);
  return schemes.length > 0 && schemes.every((scheme) => /^(?:ntlm|negotiate|kerberos)$/i.test(scheme));
}

/** The schemes that a `WWW-Authenticate` or `Proxy-Authenticate` names. */
export function schemesIn(authenticate: string | undefined): readonly string[] {
  const challenges = (authenticate ?? "").slice(0, 2000).replace(/"[^"]*"/g, "");
  return [...challenges.matchAll(/(?:^|,)\s*([a-z][\w-]*)(?=\s*(?:,|$)|\s+[^\s=,])/gi)].map(
    ([, scheme = ""]) => scheme,
  );
}

export function wordsForRefusal(
  { status, authenticate, location, hadCredentials }: ProxyAnswer,
  target: string,
): Words {
  const leaveOut = `leave the server out with NO_PROXY=${target.replace(/:\d+$/, "")}`;
  if (status === 407 && wantsWindowsLogin(authenticate))
    return {
      says: "wants a Windows login (NTLM or Negotiate), which this program does not speak",
      hint: `Let a relay on this machine log in to it (such as cntlm or px) and name that in HTTPS_PROXY, or ${leaveOut}`,
    };
  if (status === 407)
    return {
      says: hadCredentials ? "refuses the user name and password" : "wants a user name and a password",
      hint: `${hadCredentials ? "Check" : "Write"} them in HTTPS_PROXY or HTTP_PROXY as http://USER:PASSWORD@HOST:PORT, or ${leaveOut}`,
    };
  if (status >= 300 && status < 400) {
    const to = location !== undefined && URL.canParse(location) ? ` to ${new URL(location).host}` : "";
    return {
      says: `answers with a redirect${to} instead of a connection to ${target}`,
      hint: `It seems to want a login in a browser first; have this machine let through, or ${leaveOut}`,
    };
  }
  if (status === 403 || status === 451)
    return {
      says: `does not allow connections to ${target}`,
      hint: `Have ${target} allowed in the proxy (many allow CONNECT to port 443 alone), or ${leaveOut}`,
    };
  if (status >= 500 && status !== 501)
    return {
      says: `could not connect to ${target}`,
      hint: `Check host and port in --server; a server in your own network may have to be asked without the proxy: ${leaveOut}`,
    };
  return {
    says: `does not make the connection to ${target}`,
    hint: `Check that HTTPS_PROXY names a proxy that allows CONNECT, or ${leaveOut}`,
  };
}
