import type { Socket } from "node:net";
import { type DetailedPeerCertificate, type PeerCertificate, TLSSocket } from "node:tls";
import type { Problem } from "../shared/problems.js";
import type { CertificateFacts, Security } from "./certificate.js";
import { type ConnectorSettings, makeConnector } from "./connector.js";
import { failureOf, problemOf } from "./transport-failure.js";

/** One connection to a server, looked at and closed again; `unreachable`: there is none. */
export type ConnectionSighting = Security | { readonly kind: "unreachable"; readonly problem: Problem };

/**
 * Makes one connection as the client makes them (straight or through the proxy), looks at its certificates, trusted or not,
 * and closes it. No request and no key is sent. Never rejects for what the network says.
 */
export async function sightConnection(settings: ConnectorSettings): Promise<ConnectionSighting> {
  const { server, proxy } = settings;
  const connected = await connectOnce({
    ...settings,
    // A certificate that is not trusted is to be shown too. Not so a proxy's own: it is sent its password.
    insecure: settings.insecure || proxy?.protocol !== "https:",
  });
  if (!("socket" in connected)) return { kind: "unreachable", problem: connected.problem };
  const { socket } = connected;
  const secured = server.protocol === "https:" && socket instanceof TLSSocket;
  const sighting: Security = secured ? securityOf(socket, server.origin) : { kind: "plain" };
  socket.destroy();
  return sighting;
}

function connectOnce(
  settings: ConnectorSettings,
): Promise<{ readonly socket: Socket } | { readonly problem: Problem }> {
  const { server, proxy } = settings;
  // In plain http the proxy itself is what is connected to.
  const target = server.protocol === "http:" && proxy !== undefined ? proxy : server;
  const hostname = target.hostname.replace(/^\[|\]$/g, "");
  const connect = makeConnector(settings);
  return new Promise((resolve) => {
    const options = { hostname, host: hostname, protocol: target.protocol, port: String(target.port) };
    connect(options, (error, socket) => {
      if (error === null) resolve({ socket });
      else resolve({ problem: failureOf(error, { origin: server.origin, proxy: false }, true).problem });
    });
  });
}

function securityOf(socket: TLSSocket, origin: string): Security {
  const chain = chainOf(socket.getPeerCertificate(true));
  const code = socket.authorized ? undefined : codeOf(socket.authorizationError);
  return {
    kind: "secure",
    protocol: socket.getProtocol() ?? "TLS",
    chain,
    distrust: code === undefined ? undefined : problemOf("certificate", code, { origin, proxy: false }),
  };
}

/** Declared as an error; Node keeps the error's code there. */
function codeOf(authorizationError: unknown): string {
  if (typeof authorizationError === "string") return authorizationError;
  if (authorizationError instanceof Error && "code" in authorizationError) return String(authorizationError.code);
  return "CERT_UNTRUSTED";
}

/** From the server's own certificate up; a root is its own issuer. */
function chainOf(own: DetailedPeerCertificate): readonly CertificateFacts[] {
  const chain: CertificateFacts[] = [];
  const seen = new Set<string>();
  let next: DetailedPeerCertificate | undefined = own;
  // An empty object where the server has none.
  while (next?.fingerprint256 !== undefined && !seen.has(next.fingerprint256)) {
    seen.add(next.fingerprint256);
    chain.push({ subject: nameOf(next.subject), issuer: nameOf(next.issuer), validUntil: new Date(next.valid_to) });
    next = next.issuerCertificate;
  }
  return chain;
}

function nameOf(name: Partial<PeerCertificate["subject"]>): string {
  const parts: readonly (string | string[] | undefined)[] = [name.CN, name.O, name.OU];
  const found = parts.find((part) => part !== undefined && part.length > 0);
  return found === undefined ? "a certificate without a name" : [found].flat().join(", ");
}
