import { request as httpRequest } from "node:http";
import { request as httpsRequest, type RequestOptions } from "node:https";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { SecureContext } from "node:tls";
import { buildConnector } from "undici";
import type { ProxyServer, ServerUrl } from "./address.js";
import { failureOf, proxyRefusal, TransportFailure, type Whereabouts } from "./failure.js";

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
  const tls = trustOf(settings);
  const connect = buildConnector({ timeout: settings.connectMs, ...tls });
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

function trustOf({ insecure, secureContext }: ConnectorSettings) {
  return { rejectUnauthorized: !insecure, ...(secureContext === undefined ? {} : { secureContext }) };
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
    ...trustOf(settings),
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
