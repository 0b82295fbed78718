import { request as httpRequest } from "node:http";
import { request as httpsRequest, type RequestOptions } from "node:https";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { SecureContext } from "node:tls";
import { buildConnector } from "undici";
import type { ProxyServer } from "./proxy.js";
import { failureOf, problemOf, proxyRefusal, TransportFailure, type Whereabouts } from "./transport-failure.js";
import type { ServerUrl } from "./url.js";

/** How connections are made. */
export interface ConnectorSettings {
  readonly server: ServerUrl;
  readonly proxy: ProxyServer | undefined;
  /** The longest that making one connection may take. */
  readonly connectMs: number;
  readonly secureContext: SecureContext | undefined;
  readonly insecure: boolean;
}

/**
 * Makes the function with which undici opens a connection: straight, to the proxy (plain http goes to it in absolute form), or
 * through the proxy by CONNECT (https). Every fault is a TransportFailure that says `connecting`: with undici's own, a proxy
 * that hangs up would be asked again without end.
 */
export function makeConnector(settings: ConnectorSettings): buildConnector.connector {
  const { server, proxy } = settings;
  const connect = buildConnector({
    timeout: settings.connectMs,
    rejectUnauthorized: !settings.insecure,
    ...(settings.secureContext === undefined ? {} : { secureContext: settings.secureContext }),
  });
  if (proxy === undefined) return reporting(connect, { origin: server.origin, proxy: false });
  if (server.protocol === "http:") return reporting(connect, { origin: proxy.origin, proxy: true });
  const connectInside = reporting(connect, { origin: server.origin, proxy: false });
  return (options, callback) => {
    openTunnel(settings, proxy, (opened) => {
      if (opened instanceof TransportFailure) callback(opened, null);
      else connectInside({ ...options, httpSocket: opened }, callback);
    });
  };
}

function reporting(connect: buildConnector.connector, where: Whereabouts): buildConnector.connector {
  return (options, callback) => {
    connect(options, (...[error, socket]: Parameters<buildConnector.Callback>) => {
      if (error !== null) callback(failureOf(error, where, true), null);
      else callback(null, socket);
    });
  };
}

/** Asks the proxy for a connection to the server; calls back once. */
function openTunnel(
  settings: ConnectorSettings,
  proxy: ProxyServer,
  callback: (opened: Socket | TransportFailure) => void,
): void {
  const where: Whereabouts = { origin: proxy.origin, proxy: true };
  const options = tunnelRequest(settings, proxy);
  const request = proxy.protocol === "https:" ? httpsRequest(options) : httpRequest(options);
  const timer = setTimeout(() => request.destroy(tunnelTimeout(where)), settings.connectMs);
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
    finish(proxyRefusal(status, where));
  });
  request.end();
}

function tunnelRequest(
  settings: ConnectorSettings,
  proxy: ProxyServer,
): RequestOptions & { secureContext?: SecureContext } {
  const target = `${settings.server.hostname}:${settings.server.port}`;
  return {
    method: "CONNECT",
    host: proxy.hostname,
    port: proxy.port,
    path: target,
    headers: { host: target, ...(proxy.authorization ? { "proxy-authorization": proxy.authorization } : {}) },
    agent: false,
    rejectUnauthorized: !settings.insecure,
    ...(settings.secureContext === undefined ? {} : { secureContext: settings.secureContext }),
  };
}

function tunnelTimeout(where: Whereabouts): TransportFailure {
  const code = "PROXY_TIMEOUT";
  return new TransportFailure({
    kind: "connect-timeout",
    code,
    connecting: true,
    passing: true,
    problem: problemOf("connect-timeout", code, where),
  });
}
