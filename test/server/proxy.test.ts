import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chooseProxy, isExempt, parseServerUrl } from "../../src/server/address.js";
import { StopError } from "../../src/shared/problems.js";

const chosen = (server: string, env: Record<string, string>) => chooseProxy(parseServerUrl(server), env)?.origin;

describe("the proxy", () => {
  it("is chosen by the server's scheme", () => {
    const env = { HTTP_PROXY: "http://plain:3128", HTTPS_PROXY: "secure:8080" };
    expect(chosen("https://acme.com", env)).toBe("http://secure:8080");
    expect(chosen("http://acme.com", env)).toBe("http://plain:3128");
    expect(chosen("https://acme.com", { HTTP_PROXY: "http://plain:3128" })).toBeUndefined();
  });

  it("is read in lower case first", () => {
    expect(chosen("https://acme.com", { HTTPS_PROXY: "http://a:1", https_proxy: "http://b:2" })).toBe("http://b:2");
  });

  it.each(["http://localhost:1", "https://127.0.0.1", "https://[::1]:9"])("is never used for %s", (server) => {
    expect(chosen(server, { HTTP_PROXY: "http://p:1", HTTPS_PROXY: "http://p:1" })).toBeUndefined();
  });

  it("takes a user name and a password that are percent-encoded, and keeps them out of its address", () => {
    const proxy = chooseProxy(parseServerUrl("https://acme.com"), { HTTPS_PROXY: "http://jo:p%40ss@proxy:3128" });
    expect(proxy).toMatchObject({
      origin: "http://proxy:3128",
      authorization: `Basic ${Buffer.from("jo:p@ss").toString("base64")}`,
    });
  });

  it.each(["socks5://hunter2@proxy:1080", "http://", "http://jo:hunter2%@proxy:1", "http://jo:hunter2@proxy:port"])(
    "that cannot be used is named by its variable, never shown: %s",
    (value) => {
      try {
        chooseProxy(parseServerUrl("https://acme.com"), { HTTPS_PROXY: value });
        expect.unreachable();
      } catch (error) {
        expect(error).toBeInstanceOf(StopError);
        expect(String(error)).toContain("HTTPS_PROXY");
        expect(JSON.stringify((error as StopError).problems)).not.toContain("hunter2");
      }
    },
  );
});

describe("NO_PROXY", () => {
  it.each([
    ["*", "acme.com", 443, true],
    ["acme.com", "acme.com", 443, true],
    ["ACME.com", "acme.com", 443, true],
    ["acme.com", "eu.acme.com", 443, true],
    [".acme.com", "eu.acme.com", 443, true],
    [".acme.com", "acme.com", 443, true],
    ["*.acme.com", "eu.acme.com", 443, true],
    ["acme.com", "notacme.com", 443, false],
    ["acme.com:3994", "acme.com", 3994, true],
    ["acme.com:3994", "acme.com", 443, false],
    ["globex.com, acme.com", "acme.com", 443, true],
    ["globex.com acme.com", "acme.com", 443, true],
    ["10.0.0.0/8", "10.1.2.3", 443, true],
    ["10.0.0.0/8", "11.1.2.3", 443, false],
    ["10.1.2.3", "10.1.2.3", 443, true],
    ["10.1.2.3:3994", "10.1.2.3", 443, false],
    ["2.3", "10.1.2.3", 443, false],
    ["2001:db8::/32", "[2001:db8::7]", 443, true],
    ["[2001:db8::7]:3994", "[2001:db8::7]", 3994, true],
    ["2001:db8:0::7", "[2001:db8::7]", 443, true],
    ["10.0.0.0/8", "10.acme.com", 443, false],
    ["10.0.0.0/99", "10.1.2.3", 443, false],
    ["10.0.0.0/", "10.1.2.3", 443, false],
    ["<local>", "qalyptus", 443, true],
    ["<local>", "qalyptus.acme.com", 443, false],
    ["<local>", "[2001:db8::7]", 443, false],
    ["münchen.example", "xn--mnchen-3ya.example", 443, true],
    ["", "acme.com", 443, false],
    [".", "acme.com", 443, false],
    [",,", "acme.com", 443, false],
  ])("%j and %s:%i: %s", (rules, hostname, port, exempt) => {
    expect(isExempt({ hostname, port }, rules)).toBe(exempt);
  });

  it("exempts an address exactly where its network holds it", () => {
    const octet = fc.integer({ min: 0, max: 255 });
    const address = fc.tuple(octet, octet, octet, octet);
    fc.assert(
      fc.property(address, address, fc.integer({ min: 0, max: 32 }), (network, host, bits) => {
        const number = (parts: readonly number[]) => parts.reduce((sum, part) => sum * 256 + part, 0);
        const size = 2 ** (32 - bits);
        const inside = Math.floor(number(network) / size) === Math.floor(number(host) / size);
        expect(isExempt({ hostname: host.join("."), port: 443 }, `${network.join(".")}/${bits}`)).toBe(inside);
      }),
    );
  });

  it("exempts all names below a name and none beside it", () => {
    const label = fc.stringMatching(/^[a-z][a-z0-9]{0,6}$/);
    const dotted = fc.array(label, { minLength: 1, maxLength: 3 }).map((labels) => labels.join("."));
    fc.assert(
      fc.property(dotted, label, fc.constantFrom("", ".", "*."), (domain, sub, lead) => {
        const rule = lead + domain;
        expect(isExempt({ hostname: `${sub}.${domain}`, port: 443 }, rule)).toBe(true);
        expect(isExempt({ hostname: `${sub}${domain}`, port: 443 }, rule)).toBe(false);
      }),
    );
  });

  it("never throws, whatever it holds", () => {
    fc.assert(
      fc.property(fc.string(), (rules) => typeof isExempt({ hostname: "10.1.2.3", port: 1 }, rules) === "boolean"),
    );
  });
});
