import { describe, expect, it } from "vitest";
import { judgeSecurity, type Security } from "../../src/server/certificate.js";

const NOW = new Date("2026-03-01T12:00:00Z");
const secure = (validUntil: string, distrusted = false): Security => ({
  kind: "secure",
  protocol: "TLSv1.3",
  subject: "reports.example.com",
  issuer: "Acme Authority",
  validUntil: new Date(validUntil),
  distrust: distrusted ? { code: "CERTIFICATE", message: "not trusted", hint: "--ca-file FILE" } : undefined,
});
const judge = (security: Security, more: { readonly insecure?: boolean } = {}) =>
  judgeSecurity({ security, now: NOW, insecure: more.insecure ?? false, warnings: [] });

describe("the certificate's check", () => {
  it("names subject, issuer and end", () => {
    expect(judge(secure("2027-03-01T12:00:00Z"))).toMatchObject({
      status: "ok",
      message: "reports.example.com, issued by Acme Authority, valid until 2027-03-01 (365 days left), TLSv1.3",
    });
  });

  it.each([
    ["2026-03-31T12:00:00Z", "ok"],
    ["2026-03-31T11:59:59Z", "warn"],
    ["2026-02-27T00:00:00Z", "warn"],
  ] as const)("warns from less than 30 days before the end on (%s: %s)", (end, status) => {
    expect(judge(secure(end)).status).toBe(status);
  });

  it("says when one that ends soon will end", () => {
    const check = judge(secure("2026-03-11T12:00:00Z"));
    expect(check).toMatchObject({ status: "warn", problems: [{ code: "CERTIFICATE_ENDS" }] });
    expect(check.message).toContain("2026-03-11 (10 days left)");
  });

  it("fails with exit 5 where it is not trusted, and only warns with --insecure", () => {
    const strange = secure("2027-03-01T12:00:00Z", true);
    expect(judge(strange)).toMatchObject({ status: "fail", exitCode: 5, hint: "--ca-file FILE" });
    expect(judge(strange, { insecure: true })).toMatchObject({ status: "warn" });
  });

  it("warns of plain http to another host, not of plain http to this one", () => {
    const warnings = [{ code: "PLAIN_HTTP", message: "the key travels in the clear" }];
    const plain = { security: { kind: "plain" as const }, now: NOW, insecure: false };
    expect(judgeSecurity({ ...plain, warnings }).status).toBe("warn");
    expect(judgeSecurity({ ...plain, warnings: [] }).status).toBe("ok");
  });
});
