import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { apiRoot, parseServerUrl } from "../../src/server/address.js";
import { isLoopback } from "../../src/shared/hosts.js";
import { StopError } from "../../src/shared/problems.js";

describe("a server's address", () => {
  it.each([
    ["https://qalyptus.acme.com", "https://qalyptus.acme.com", ""],
    ["qalyptus.acme.com", "https://qalyptus.acme.com", ""],
    ["qalyptus.acme.com:3994", "https://qalyptus.acme.com:3994", ""],
    ["qalyptus:3994", "https://qalyptus:3994", ""],
    ["http://qalyptus.acme.com:3994/", "http://qalyptus.acme.com:3994", ""],
    ["HTTPS://Qalyptus.ACME.com:443", "https://qalyptus.acme.com", ""],
    ["http://qalyptus.acme.com:80", "http://qalyptus.acme.com", ""],
    ["localhost:3994", "http://localhost:3994", ""],
    ["tasks.localhost", "https://tasks.localhost", ""],
    ["127.0.0.1:8080/api", "http://127.0.0.1:8080", ""],
    ["127.9.9.9", "http://127.9.9.9", ""],
    ["[::1]:3994", "http://[::1]:3994", ""],
    ["::1", "http://[::1]", ""],
    ["[2001:db8::7]:3994", "https://[2001:db8::7]:3994", ""],
    ["https://localhost:8443", "https://localhost:8443", ""],
    ["https://münchen.example", "https://xn--mnchen-3ya.example", ""],
    ["https://qalyptus.acme.com.", "https://qalyptus.acme.com", ""],
    ["https://acme.com/qalyptus", "https://acme.com", "/qalyptus"],
    ["acme.com/reports/Qalyptus/", "https://acme.com", "/reports/Qalyptus"],
    ["https://acme.com/qalyptus/api", "https://acme.com", "/qalyptus"],
    ["https://acme.com/qalyptus/api/v1/", "https://acme.com", "/qalyptus"],
    ["https://acme.com/API/V2", "https://acme.com", ""],
    ["https://acme.com/api/v3", "https://acme.com", "/api/v3"],
    ["https://acme.com/myapi", "https://acme.com", "/myapi"],
    [" \ufeffhttps://acme.com/api/v2\u200b\r\n", "https://acme.com", ""],
  ])("%s is %s with the path %j", (typed, origin, basePath) => {
    const server = parseServerUrl(typed);
    expect(server).toMatchObject({ origin, basePath, identity: `${origin}${basePath}` });
    expect(apiRoot(server, "v2")).toBe(`${basePath}/api/v2`);
  });

  it.each([
    ["http://qalyptus.acme.com", false],
    ["http://localhost", true],
    ["http://127.0.0.1:3994", true],
    ["https://[::1]", true],
    ["http://evil.localhost", false],
    ["http://localhost.evil.com", false],
  ])("tells whether it is this machine, as far as its text does: %s %s", (typed, here) => {
    expect(parseServerUrl(typed).isLoopback).toBe(here);
  });

  it.each([
    "",
    "  ",
    "https://",
    "ftp://acme.com",
    "file:///etc/hosts",
    "acme.com:port",
    "acme.com:99999",
    "acme.com:0",
    "https://acme.com?x=1",
    "https://acme.com/#x",
    "https://acme.com/?",
    "https://a b.com",
    "https://user@acme.com",
    "https://exa mple",
    "http://[::1",
  ])("%j is refused", (typed) => {
    expect(() => parseServerUrl(typed)).toThrow(StopError);
  });

  it.each([
    "https://admin:hunter2@acme.com",
    "admin:hunter2@acme.com",
    "https://admin:hunter2@acme.com:99999",
    "https://admin:hunt er2@acme.com/hunter2@x",
    "ftp://admin:hunter2@acme.com",
    "https://acme.com/?key=hunter2",
    "https://admin:?hunter2@acme.com/#hunter2",
  ])("a password is never shown: %s", (typed) => {
    const error = refusalOf(typed);
    expect(error.exitCode).toBe(2);
    expect(JSON.stringify(error.problems) + error.message).not.toContain("unter2");
  });

  it("is read the same with and without what may follow it", () => {
    const host = fc.constantFrom("acme.com", "qalyptus", "10.1.2.3", "[2001:db8::1]", "localhost");
    const port = fc.option(fc.integer({ min: 1, max: 65535 }), { nil: undefined });
    const prefix = fc.array(fc.stringMatching(/^[a-z0-9]{1,5}$/), { maxLength: 2 });
    const ending = fc.constantFrom("", "/", "/api", "/api/", "/api/v1", "/api/v2", "/api/v2/", "/API/V1/");
    fc.assert(
      fc.property(host, port, prefix, ending, (name, number, parts, tail) => {
        const path = parts.map((part) => `/${part}`).join("");
        fc.pre(!/\/api(\/v[12])?$/.test(path));
        const typed = `${name}${number === undefined ? "" : `:${number}`}${path}`;
        const server = parseServerUrl(typed + tail);
        expect(server).toEqual(parseServerUrl(typed));
        expect(server.basePath).toBe(path);
        expect(server.protocol).toBe(isLoopback(name) ? "http:" : "https:");
        expect(server.port).toBe(number ?? (server.protocol === "http:" ? 80 : 443));
        expect(parseServerUrl(server.identity)).toEqual(server);
      }),
    );
  });
});

function refusalOf(typed: string): StopError {
  try {
    parseServerUrl(typed);
  } catch (error) {
    if (error instanceof StopError) return error;
    throw error;
  }
  throw new Error(`${typed} was not refused`);
}
