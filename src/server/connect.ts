import { request as httpRequest } from "node:http";
import { isIP, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type PeerCertificate, type SecureContext, type TLSSocket, connect as tlsConnect } from "node:tls";
import { buildConnector } from "undici";
import { isLoopbackAddress } from "../shared/hosts.js";
import type { ProxyServer, ServerUrl } from "./address.js";
import type { Trust } from "./credentials.js";
import { failureOf, proxyRefusal, type ShownCertificate, TransportFailure, type Whereabouts } from "./failures.js";

/** How connections are made. */
export interface ConnectorSettings {
  readonly server: ServerUrl;
  readonly proxy: ProxyServer | undefined;
  /** The longest that each step of making one connection may take. */
  readonly connectMs: number;
  readonly trust: Trust;
  /** Whoever answers as the server is trusted; a proxy is not. */
  readonly insecure: boolean;
}

/** Who a connection leads to. */
interface Party {
  readonly hostname: string;
  readonly where: Whereabouts;
  readonly isTrustedBlindly: boolean;
}

/**
 * Makes the function with which undici opens a connection: straight, to the proxy (plain http goes to it in absolute form), or
 * through the proxy by CONNECT (https). Every fault is a TransportFailure that says `connecting`: with undici's own, a proxy
 * that hangs up would be asked again without end.
 */
export function makeConnector(settings: ConnectorSettings): buildConnector.connector {
  const { server, proxy, trust, connectMs } = settings;
  const connectTcp = buildConnector({ timeout: connectMs });

  const openTcp = ({ hostname, port }: Pick<ProxyServer, "hostname" | "port">, where: Whereabouts): Promise<Socket> =>
    new Promise((resolve, reject) => {
      const host = hostname.replace(/^\[(.*)\]$/, "$1");
      const options = { hostname: host, host, protocol: "http:", port: String(port) };
      connectTcp(options, (...[error, socket]: Parameters<buildConnector.Callback>) => {
        if (error !== null) reject(failureOf(error, where, true));
        else resolve(socket);
      });
    });

  /** A connection secured with what is trusted, and once more with what the system trusts too, where only that was lacking. */
  const secured = async (open: () => Promise<Socket>, party: Party): Promise<Socket> => {
    const context = trust.context;
    try {
      return await secure(await open(), party, context, connectMs);
    } catch (failure) {
      const wider = isOfUnknownAuthority(failure) ? trust.withSystemsOwn() : context;
      if (wider === context) throw failure;
      return await secure(await open(), party, wider, connectMs);
    }
  };

  const openProxy = async (one: ProxyServer): Promise<Socket> => {
    const where = { origin: one.origin, proxy: true };
    const open = () => openTcp(one, where);
    return one.protocol === "http:"
      ? open()
      : secured(open, { hostname: one.hostname, where, isTrustedBlindly: false });
  };

  const openServer = async (): Promise<Socket> => {
    const where = { origin: server.origin, proxy: false };
    const open = async (): Promise<Socket> => {
      if (proxy !== undefined) return openTunnel(await openProxy(proxy), settings, proxy);
      const socket = await openTcp(server, where);
      if (!server.isLoopback || isLoopbackAddress(socket.remoteAddress ?? "")) return socket;
      socket.destroy();
      throw new TransportFailure("elsewhere", where, { code: socket.remoteAddress ?? "", connecting: true });
    };
    return server.protocol === "http:"
      ? open()
      : secured(open, { hostname: server.hostname, where, isTrustedBlindly: settings.insecure });
  };

  return (_, callback) => {
    const isInAbsoluteForm = proxy !== undefined && server.protocol === "http:";
    const where = isInAbsoluteForm ? { origin: proxy.origin, proxy: true } : { origin: server.origin, proxy: false };
    (isInAbsoluteForm ? openProxy(proxy) : openServer()).then(
      (socket) => callback(null, socket),
      (error: unknown) => callback(failureOf(error, where, true), null),
    );
  };
}

/** A certificate by somebody whom the system may know. */
function isOfUnknownAuthority(failure: unknown): boolean {
  return (
    failure instanceof TransportFailure &&
    /^(?:UNABLE_TO_VERIFY_LEAF|UNABLE_TO_GET_ISSUER|SELF_SIGNED_|DEPTH_ZERO_)/.test(failure.faultCode)
  );
}

/** Secures a connection. Rejects, and gives the connection up, where the other party is not who it shall be. */
function secure(socket: Socket, party: Party, secureContext: SecureContext, withinMs: number): Promise<TLSSocket> {
  const { hostname, where, isTrustedBlindly } = party;
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  return new Promise((resolve, reject) => {
    let shown: readonly ShownCertificate[] = [];
    const secured = tlsConnect({
      socket,
      host,
      // An IP address is no name that a server could be asked for.
      servername: isIP(host) === 0 ? host : "",
      secureContext,
      rejectUnauthorized: !isTrustedBlindly,
      ALPNProtocols: ["http/1.1"],
    });
    const tooLate = new TransportFailure("connect-timeout", where, { connecting: true });
    const timer = setTimeout(() => secured.destroy(tooLate), withinMs);
    // Comes before Node judges the certificate; after that a refused one cannot be looked at any more. It is looked at for a message alone.
    secured.prependOnceListener("secure", () => {
      shown = certificatesOf(secured);
    });
    secured.once("secureConnect", () => {
      clearTimeout(timer);
      resolve(secured.setNoDelay(true));
    });
    secured.on("error", (error) => {
      clearTimeout(timer);
      reject(failureOf(error, where, true, shown));
    });
  });
}

/** The certificates that the other party showed, its own first, each followed by its issuer's. */
function certificatesOf(socket: TLSSocket): readonly ShownCertificate[] {
  const shown = new Map<string, ShownCertificate>();
  let one: (PeerCertificate & { issuerCertificate?: PeerCertificate }) | undefined = socket.getPeerCertificate(true);
  while (one?.subject !== undefined && !shown.has(one.fingerprint256)) {
    shown.set(one.fingerprint256, {
      subject: nameIn(one.subject),
      issuer: nameIn(one.issuer),
      names: one.subjectaltname ?? "",
      from: one.valid_from,
      to: one.valid_to,
    });
    one = one.issuerCertificate;
  }
  return [...shown.values()];
}

function nameIn(of: Readonly<Record<string, string | readonly string[] | undefined>> | undefined): string {
  return [of?.CN ?? of?.OU ?? of?.O ?? "(no name)"].flat().join(", ");
}

/** Asks the proxy, over a connection to it, for a connection to the server. */
function openTunnel(
  connection: Socket,
  { server, connectMs }: ConnectorSettings,
  { origin, authorization }: ProxyServer,
): Promise<Socket> {
  const where: Whereabouts = { origin, proxy: true };
  const target = `${server.hostname}:${server.port}`;
  const request = httpRequest({
    method: "CONNECT",
    path: target,
    headers: { host: target, ...(authorization && { "proxy-authorization": authorization }) },
    createConnection: () => connection,
  });
  const tooLate = new TransportFailure("connect-timeout", where, { code: "PROXY_TIMEOUT", connecting: true });
  const timer = setTimeout(() => request.destroy(tooLate), connectMs);
  return new Promise<Socket>((resolve, reject) => {
    request.on("error", (error) => reject(failureOf(error, where, true)));
    request.once("connect", (response, stream: Duplex, head) => {
      const status = response.statusCode ?? 0;
      if (status >= 200 && status < 300 && stream instanceof Socket) {
        if (head.length > 0) stream.unshift(head);
        resolve(stream);
        return;
      }
      stream.destroy();
      const { "proxy-authenticate": challenges, location } = response.headers;
      const authenticate = challenges && [challenges].flat().join(", ");
      const answer = { status, authenticate, location, hadCredentials: authorization !== undefined };
      reject(proxyRefusal(answer, origin, target));
    });
    request.end();
  }).finally(() => clearTimeout(timer));
}
