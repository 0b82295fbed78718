import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { type ProxyServer, parseServerUrl } from "../../src/server/address.js";
import { sightConnection } from "../../src/server/certificate.js";
import { readAuthorities, secureContextOf } from "../../src/server/credentials.js";
import { type LoopbackServer, serve, serveProxy, TLS_FIXTURES } from "../support/loopback-server.js";

const open: LoopbackServer[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

async function started<T extends LoopbackServer>(server: Promise<T>): Promise<T> {
  const running = await server;
  open.push(running);
  return running;
}

async function sight(origin: string, more: { readonly trusted?: boolean; readonly proxy?: ProxyServer } = {}) {
  const authority = fileURLToPath(new URL("authority.pem", TLS_FIXTURES));
  const authorities = more.trusted === true ? await readAuthorities([authority], undefined) : [];
  return sightConnection({
    server: parseServerUrl(origin),
    proxy: more.proxy,
    connectMs: 5_000,
    secureContext: secureContextOf(authorities),
    insecure: false,
  });
}

function proxyAt(port: number): ProxyServer {
  const origin = `http://127.0.0.1:${port}`;
  return { protocol: "http:", hostname: "127.0.0.1", port, origin, authorization: undefined };
}

describe("a connection that is looked at", () => {
  it("shows the server's certificates, trusted by the authorities that were given", async () => {
    const server = await started(serve((_, response) => void response.end(), { tls: true }));
    const sighting = await sight(server.origin, { trusted: true });
    if (sighting.kind !== "secure") throw new Error(sighting.kind);
    expect(sighting.distrust).toBeUndefined();
    expect(sighting.protocol).toMatch(/^TLSv1\.[23]$/);
    expect(sighting.subject).toBe("localhost");
    expect(sighting.issuer).not.toBe("localhost");
    expect(sighting.validUntil.getTime()).toBeGreaterThan(Date.UTC(2100, 0));
  });

  it("shows them too where they are not trusted, says why, and sends no request", async () => {
    const server = await started(serve((_, response) => void response.end(), { tls: true }));
    const sighting = await sight(server.origin);
    if (sighting.kind !== "secure") throw new Error(sighting.kind);
    expect(sighting.subject).toBe("localhost");
    expect(sighting.distrust).toMatchObject({ code: "CERTIFICATE" });
    expect(sighting.distrust?.hint).toContain("--ca-file");
    expect(server.seen).toEqual([]);
  });

  it("looks through a proxy's tunnel", async () => {
    const server = await started(serve((_, response) => void response.end(), { tls: true }));
    const proxy = await started(serveProxy({ targetPort: server.port }));
    const sighting = await sight("https://qalyptus.test", { trusted: true, proxy: proxyAt(proxy.port) });
    expect(sighting).toMatchObject({ kind: "secure", distrust: undefined });
    expect(proxy.connects).toEqual(["qalyptus.test:443"]);
  });

  it("tells a proxy's refusal as the proxy's", async () => {
    const proxy = await started(serveProxy({ targetPort: 1, refuseWith: 403 }));
    const sighting = await sight("https://qalyptus.test", { proxy: proxyAt(proxy.port) });
    expect(sighting).toMatchObject({ kind: "unreachable", problem: { code: "PROXY_REFUSED" } });
  });

  it("says of plain http only that it is so", async () => {
    const server = await started(serve((_, response) => void response.end()));
    expect(await sight(server.origin)).toEqual({ kind: "plain" });
    expect(server.seen).toEqual([]);
  });

  it("says why no connection came about", async () => {
    const server = await started(serve((_, response) => void response.end()));
    await server.close();
    expect(await sight(server.origin)).toMatchObject({ kind: "unreachable", problem: { code: "UNREACHABLE" } });
    const plain = await started(serve((_, response) => void response.end()));
    const asTls = await sight(plain.origin.replace("http:", "https:"));
    expect(asTls).toMatchObject({ kind: "unreachable", problem: { code: "TLS_FAILED" } });
  });
});
