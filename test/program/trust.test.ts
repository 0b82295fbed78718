import tls from "node:tls";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import type { Diagnosis } from "../../src/shared/diagnosis.js";
import { certificate, type LoopbackServer, serve, serveProxy, TLS_FIXTURES } from "../support/loopback-server.js";
import { startProgram } from "../support/program.js";

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

function kept<T extends { close(): Promise<void> }>(one: T): T {
  open.push(one);
  return one;
}

const pathOf = (name: string): string => fileURLToPath(new URL(name, TLS_FIXTURES));
const NO_DNS = fileURLToPath(new URL("../support/no-dns.cjs", import.meta.url));

/** Runs `doctor`, and tells its exit code and the codes of what it found. */
async function doctor(server: string, args: readonly string[], env: Readonly<Record<string, string>>) {
  const line = ["doctor", "--server", server, "--retries", "0", "--format", "json", ...args];
  const { code, stdout } = await startProgram(line, { cwd: ".", env: { QALYPTUS_API_KEY: "qk-1", ...env } }).ended;
  const { errors, warnings } = JSON.parse(stdout) as Diagnosis;
  return { code, errors, codes: [...errors, ...warnings].map((one) => one.code) };
}

describe("who is trusted", () => {
  const secured = (): Promise<LoopbackServer> =>
    serve((_, response) => void response.writeHead(401).end(), {
      tls: { key: certificate("leaf-key.pem"), cert: certificate("leaf.pem") + certificate("intermediate.pem") },
    });

  it("is who Node was told to trust, also where --ca-file adds another, and nobody else", async () => {
    const { origin } = kept(await secured());
    const more = ["--ca-file", pathOf("authority.pem")];
    const root = pathOf("root.pem");
    const seen = await Promise.all([
      doctor(origin, more, {}),
      doctor(origin, more, { NODE_OPTIONS: "--use-openssl-ca", SSL_CERT_FILE: root }),
      doctor(origin, more, { NODE_EXTRA_CA_CERTS: root }),
      doctor(origin, [...more, "--ca-file", root], {}),
    ]);
    expect(seen.map(({ code, codes }) => [code, codes])).toEqual([
      [5, ["CERTIFICATE"]],
      [5, ["KEY_REFUSED"]],
      [5, ["KEY_REFUSED"]],
      [5, ["KEY_REFUSED"]],
    ]);
    expect(seen[0]?.errors[0]?.message).toContain('"Acme Test Root"');
  });

  it.runIf(process.platform === "linux")("is whom the system trusts, where Node can tell", async () => {
    const { origin } = kept(await secured());
    const { code, codes } = await doctor(origin, [], { SSL_CERT_FILE: pathOf("root.pem") });
    expect([code, codes]).toEqual([5, ["getCACertificates" in tls ? "KEY_REFUSED" : "CERTIFICATE"]]);
  });

  it("is a server by its IP address, where the certificate has it", async () => {
    const { port } = kept(await secured());
    const seen = await doctor(`https://127.0.0.1:${port}`, ["--ca-file", pathOf("root.pem")], {});
    expect([seen.code, seen.codes]).toEqual([5, ["KEY_REFUSED"]]);
    const tlsOf = { key: certificate("leaf-key.pem"), cert: certificate("other-name.pem") };
    const other = kept(await serve((_, response) => void response.end("{}"), { tls: tlsOf }));
    const refused = await doctor(`https://127.0.0.1:${other.port}`, ["--ca-file", pathOf("root.pem")], {});
    expect([refused.code, refused.codes, other.seen]).toEqual([5, ["CERTIFICATE"], []]);
  });
});

describe("a name below .localhost", () => {
  it("is this machine by its address alone: else it goes by proxy, and plain http is warned of", async () => {
    const server = kept(await serve((_, response) => void response.writeHead(401).end()));
    const proxy = kept(await serveProxy({ targetPort: server.port }));
    const env = { NODE_OPTIONS: `--require ${NO_DNS}`, HTTP_PROXY: proxy.origin };
    const url = `http://tasks.localhost:${server.port}`;
    const here = await doctor(url, [], { ...env, FAKE_ADDRESS: "127.0.0.1" });
    expect([here.code, here.codes, proxy.seen.length]).toEqual([5, ["KEY_REFUSED"], 0]);
    const elsewhere = { ...env, FAKE_ADDRESS: "203.0.113.7" };
    const away = await doctor(url, [], elsewhere);
    expect([away.code, away.codes]).toEqual([5, ["KEY_REFUSED", "PLAIN_HTTP"]]);
    expect(proxy.seen.length).toBeGreaterThan(0);
    const meant = await doctor(url, ["--allow-http"], elsewhere);
    expect([meant.code, meant.codes]).toEqual([5, ["KEY_REFUSED"]]);
  });
});

describe("a server that is told by what it shows", () => {
  it.each([
    ["IIS's Windows login", 401, { "www-authenticate": "NTLM" }, "LOGIN_REQUIRED", "IIS"],
    ["a web filter's page", 403, { "content-type": "text/html" }, "FORBIDDEN_PAGE", "not about the key's role"],
    ["headers without end", 200, { "set-cookie": "x".repeat(20_000) }, "SERVER_FAILING", "--max-http-header-size"],
    ["a redirect", 302, { location: "https://login.example/" }, "REDIRECTED", "--server"],
  ])("%s ends a sync with 5", async (_, status, headers, code, hint) => {
    const server = kept(
      await serve((_, response) => void response.writeHead(status, headers).end("<html><title>Blocked</title>")),
    );
    const seen = await doctor(server.origin, ["--source-task", "5f0c6a1e-0000-4000-8000-000000000001"], {});
    expect(seen).toMatchObject({ code: 5, errors: [{ code, hint: expect.stringContaining(hint) }] });
  });
});
