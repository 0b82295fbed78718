import { readFileSync } from "node:fs";
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createHttpsServer, type ServerOptions } from "node:https";
import {
  type AddressInfo,
  connect,
  createServer as createNetServer,
  type Server as NetServer,
  type Socket,
} from "node:net";
import { getResponse, type RequestHandler } from "msw";

/** A request as it came over the socket. */
export interface SeenRequest {
  readonly method: string;
  /** Path and query, or the absolute form that a proxy gets. */
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** A server on this machine, on a port of its own. */
export interface LoopbackServer {
  readonly port: number;
  readonly origin: string;
  readonly seen: readonly SeenRequest[];
  close(): Promise<void>;
}

export const TLS_FIXTURES = new URL("../fixtures/tls/", import.meta.url);

function listening(server: Server | NetServer): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

function closing(server: Server | NetServer, sockets: ReadonlySet<Socket>): Promise<void> {
  for (const socket of sockets) socket.destroy();
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}

function tracked(server: Server | NetServer): Set<Socket> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => sockets.delete(socket));
  });
  return sockets;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

type Listener = (seen: SeenRequest, response: ServerResponse) => void | Promise<void>;

/** The content of one of the certificates for tests. */
export function certificate(name: string): string {
  return readFileSync(new URL(name, TLS_FIXTURES), "utf8");
}

function usualTls(): ServerOptions {
  return { key: certificate("server-key.pem"), cert: certificate("server.pem") };
}

/** Serves with a plain function. `tls`: with the usual certificate, or as it says. */
export async function serve(
  listener: Listener,
  options: { readonly tls?: boolean | ServerOptions } = {},
): Promise<LoopbackServer> {
  const seen: SeenRequest[] = [];
  const onRequest = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = "", url = "", headers } = request;
    const one = { method, url, headers, body: await bodyOf(request) };
    seen.push(one);
    await listener(one, response);
  };
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    onRequest(request, response).catch((error: unknown) => response.destroy(error as Error));
  };
  const server = options.tls
    ? createHttpsServer(options.tls === true ? usualTls() : options.tls, handle)
    : createHttpServer(handle);
  const sockets = tracked(server);
  const port = await listening(server);
  const origin = `${options.tls ? "https://localhost" : "http://127.0.0.1"}:${port}`;
  return { port, origin, seen, close: () => closing(server, sockets) };
}

/**
 * Serves msw's handlers over a real socket: msw itself does not intercept npm's undici. A request that no handler wants is
 * answered with 404 and no body.
 */
export function serveHandlers(
  handlers: readonly RequestHandler[],
  options: { readonly tls?: boolean } = {},
): Promise<LoopbackServer> {
  return serve(async (seen, response) => {
    const request = new Request(new URL(seen.url, `http://${seen.headers.host}`), {
      method: seen.method,
      headers: seen.headers as Record<string, string>,
      ...(seen.body === "" ? {} : { body: seen.body }),
    });
    const answer = await getResponse([...handlers], request);
    if (answer === undefined) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    response.end(Buffer.from(await answer.arrayBuffer()));
  }, options);
}

/** Serves bytes: for answers that no HTTP library would send. `onData` gets what has arrived on that connection. */
export async function serveBytes(
  onData: (socket: Socket, received: string, connection: number) => void,
): Promise<LoopbackServer & { readonly connections: () => number }> {
  let connections = 0;
  const server = createNetServer((socket) => {
    connections += 1;
    const connection = connections;
    let received = "";
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1");
      onData(socket, received, connection);
    });
  });
  const sockets = tracked(server);
  const port = await listening(server);
  const close = () => closing(server, sockets);
  return { port, origin: `http://127.0.0.1:${port}`, seen: [], connections: () => connections, close };
}

/** A proxy that tunnels every CONNECT, and sends every request in absolute form, to one port of this machine. */
export async function serveProxy(options: {
  readonly targetPort: number;
  /** Refuses everything with this status. */
  readonly refuseWith?: number;
  /** Headers of the refusal. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The proxy itself speaks https, with the usual certificate. */
  readonly tls?: boolean;
  /** Refuses with 407 what comes without these credentials, `user:password`. */
  readonly credentials?: string;
}): Promise<LoopbackServer & { readonly connects: readonly string[] }> {
  const seen: SeenRequest[] = [];
  const connects: string[] = [];
  const statusFor = (headers: IncomingMessage["headers"]): number => {
    const wanted = options.credentials && `Basic ${Buffer.from(options.credentials).toString("base64")}`;
    if (wanted !== undefined && headers["proxy-authorization"] !== wanted) return 407;
    return options.refuseWith ?? 200;
  };
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const { method = "", url = "", headers } = request;
    bodyOf(request)
      .then(async (body) => {
        seen.push({ method, url, headers, body });
        const status = statusFor(headers);
        if (status !== 200) return response.writeHead(status, options.headers).end();
        const { pathname, search } = new URL(url);
        const answer = await fetch(`http://127.0.0.1:${options.targetPort}${pathname}${search}`, {
          method,
          headers: { authorization: headers.authorization ?? "" },
          ...(body === "" ? {} : { body }),
        });
        return response.writeHead(answer.status).end(await answer.text());
      })
      .catch((error: unknown) => response.destroy(error as Error));
  };
  const server = options.tls ? createHttpsServer(usualTls(), handle) : createHttpServer(handle);
  server.on("connect", (request, client: Socket) => {
    connects.push(request.url ?? "");
    const status = statusFor(request.headers);
    if (status !== 200) {
      const lines = Object.entries(options.headers ?? {}).map(([name, value]) => `${name}: ${value}\r\n`);
      client.end(`HTTP/1.1 ${status} Refused\r\n${lines.join("")}content-length: 0\r\n\r\n`);
      return;
    }
    const target = connect(options.targetPort, "127.0.0.1", () => {
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      target.pipe(client);
      client.pipe(target);
    });
    target.on("error", () => client.destroy());
    client.on("close", () => target.destroy());
  });
  const sockets = tracked(server);
  const port = await listening(server);
  const close = () => closing(server, sockets);
  const origin = `${options.tls ? "https://localhost" : "http://127.0.0.1"}:${port}`;
  return { port, origin, seen, connects, close };
}
