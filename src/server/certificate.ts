import type { Socket } from "node:net";
import { type DetailedPeerCertificate, type PeerCertificate, TLSSocket } from "node:tls";
import { type Check, failed, passed, warned } from "../shared/diagnosis.js";
import { EXIT, type Problem, problem } from "../shared/problems.js";
import { type ConnectorSettings, makeConnector } from "./connect.js";
import { failureOf, TransportFailure, type Whereabouts } from "./failure.js";

/** One certificate of a server's chain, as a person reads it. */
export interface CertificateFacts {
  readonly subject: string;
  readonly issuer: string;
  readonly validUntil: Date;
}

/** How the connection to a server is secured. */
export type Security =
  | { readonly kind: "plain" }
  | {
      readonly kind: "secure";
      /** `TLSv1.3` */
      readonly protocol: string;
      /** The server's own certificate first. */
      readonly chain: readonly CertificateFacts[];
      /** Why it is not trusted, or `undefined` where it is. */
      readonly distrust: Problem | undefined;
    };

/**
 * Makes one connection as the client makes them (straight or through the proxy), looks at its certificates, trusted or not,
 * and closes it. No request and no key is sent. Never rejects for what the network says.
 */
export async function sightConnection(
  settings: ConnectorSettings,
): Promise<Security | { readonly kind: "unreachable"; readonly problem: Problem }> {
  const { server, proxy } = settings;
  const where = { origin: server.origin, proxy: false };
  // A certificate that is not trusted is to be shown too. Not so a proxy's own: it is sent its password.
  const connect = makeConnector({ ...settings, insecure: settings.insecure || proxy?.protocol !== "https:" });
  // In plain http the proxy itself is what is connected to.
  const target = server.protocol === "http:" && proxy !== undefined ? proxy : server;
  const hostname = target.hostname.replace(/^\[|\]$/g, "");
  const options = { hostname, host: hostname, protocol: target.protocol, port: String(target.port) };
  const connected = await new Promise<Socket | Error>((resolve) => {
    connect(options, (error, socket) => resolve(error ?? socket));
  });
  if (connected instanceof Error) return { kind: "unreachable", problem: failureOf(connected, where, true).problem };
  const isSecure = server.protocol === "https:" && connected instanceof TLSSocket;
  const security: Security = isSecure ? securityOf(connected, where) : { kind: "plain" };
  connected.destroy();
  return security;
}

function securityOf(socket: TLSSocket, where: Whereabouts): Security {
  const code = socket.authorized ? undefined : faultCodeOf(socket.authorizationError);
  return {
    kind: "secure",
    protocol: socket.getProtocol() ?? "TLS",
    chain: chainOf(socket.getPeerCertificate(true)),
    distrust: code === undefined ? undefined : new TransportFailure("certificate", where, { code }).problem,
  };
}

/** Declared as an error; Node keeps the error's code there. */
function faultCodeOf(authorizationError: unknown): string {
  if (typeof authorizationError === "string") return authorizationError;
  if (authorizationError instanceof Error && "code" in authorizationError) return String(authorizationError.code);
  return "CERT_UNTRUSTED";
}

/** From the server's own certificate up; a root is its own issuer. Node gives an empty object where the server has none. */
function chainOf(own: DetailedPeerCertificate): readonly CertificateFacts[] {
  const chain = new Map<string, CertificateFacts>();
  let next: DetailedPeerCertificate | undefined = own;
  while (next?.fingerprint256 !== undefined && !chain.has(next.fingerprint256)) {
    const facts = { subject: nameOf(next.subject), issuer: nameOf(next.issuer), validUntil: new Date(next.valid_to) };
    chain.set(next.fingerprint256, facts);
    next = next.issuerCertificate;
  }
  return [...chain.values()];
}

function nameOf({ CN, O, OU }: Partial<PeerCertificate["subject"]>): string {
  return [CN ?? O ?? OU ?? "a certificate without a name"].flat().join(", ");
}

/** So many days before its end a certificate is warned of. */
const SOON_DAYS = 30;

/** Judges how the connection is secured. `warnings`: what the connection itself warns of (plain http, `--insecure`). */
export function judgeSecurity(seen: {
  readonly security: Security;
  readonly now: Date;
  readonly insecure: boolean;
  readonly warnings: readonly Problem[];
}): Check {
  const { security, now, insecure, warnings } = seen;
  if (security.kind === "plain")
    return warnings.length === 0
      ? passed("certificate", "none: plain http, as it is usual on one's own machine")
      : warned("certificate", warnings);
  const { chain, distrust, protocol } = security;
  if (distrust !== undefined && !insecure)
    return failed("certificate", { exitCode: EXIT.server, problems: [distrust] });
  const doubts = [distrust, endingSoon(chain, now)].filter((doubt) => doubt !== undefined);
  const shown = describe(chain, protocol, now);
  const problems = [...warnings, ...doubts];
  if (problems.length === 0) return passed("certificate", shown);
  return warned("certificate", problems, `${doubts[0]?.message ?? problems[0]?.message}; ${shown}`);
}

function describe(chain: readonly CertificateFacts[], protocol: string, now: Date): string {
  const [own, ...above] = chain;
  if (own === undefined) return protocol;
  const days = daysLeft(own, now);
  const left = days < 0 ? `ended ${-days} days ago` : `${days} days left`;
  const subjects = above.length === 0 ? "" : `, chain ${chain.map((one) => one.subject).join(" < ")}`;
  return `${own.subject}, issued by ${own.issuer}, valid until ${dayOf(own)} (${left}), ${protocol}${subjects}`;
}

/** The certificate of the chain that ends first, where that is soon. */
function endingSoon(chain: readonly CertificateFacts[], now: Date): Problem | undefined {
  const [first] = [...chain].sort((a, b) => a.validUntil.getTime() - b.validUntil.getTime());
  if (first === undefined || daysLeft(first, now) >= SOON_DAYS) return undefined;
  const days = daysLeft(first, now);
  const when = days < 0 ? `ended on ${dayOf(first)}` : `ends on ${dayOf(first)}, in ${days} days`;
  return problem("CERTIFICATE_ENDS", `the certificate ${first.subject} ${when}`);
}

function daysLeft(certificate: CertificateFacts, now: Date): number {
  return Math.floor((certificate.validUntil.getTime() - now.getTime()) / (24 * 60 * 60 * 1000));
}

function dayOf(certificate: CertificateFacts): string {
  return certificate.validUntil.toISOString().slice(0, 10);
}
