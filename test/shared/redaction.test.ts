import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Redactor } from "../../src/shared/redaction.js";

const KEY = 'qk/4f+9Zt="7&Xw1-Lr8_Bn3.Vd6~Hs0<Pm';
const GUID_KEY = "7d1f0c52-93ab-4e6d-8c11-0a5b9e77f3d4";

function redactorOf(...secrets: readonly string[]): Redactor {
  const redactor = new Redactor();
  for (const secret of secrets) redactor.add(secret);
  return redactor;
}

describe("a secret is taken out", () => {
  const bytes = Buffer.from(KEY);
  const inHtml = KEY.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
  it.each([
    ["as it is", KEY],
    ["in another case", KEY.toUpperCase()],
    ["in JSON", JSON.stringify(KEY).slice(1, -1)],
    ["in JSON of .NET", KEY.replace(/[+<>&'"`]/g, (char) => `\\u00${char.charCodeAt(0).toString(16).toUpperCase()}`)],
    ["in a URL", encodeURIComponent(KEY)],
    ["in a URL, in lower case", encodeURIComponent(KEY).toLowerCase()],
    ["in HTML", inHtml],
    ["in HTML by numbers", KEY.replace(/\W/g, (char) => `&#${char.charCodeAt(0)};`)],
    ["in hex", bytes.toString("hex")],
    ["in base64", bytes.toString("base64")],
    ["in base64 for URLs", bytes.toString("base64url")],
  ])("%s", (_, spelled) => {
    expect(redactorOf(KEY).apply(`before ${spelled} behind`)).toMatch(/^before \[API key\]\S{0,2} behind$/);
  });

  it.each([1, 2, 3, 4])("in base64 behind %i more bytes", (more) => {
    const told = Buffer.concat([Buffer.alloc(more, "x"), bytes, Buffer.from("yz")]).toString("base64");
    const clean = redactorOf(KEY).apply(told);
    expect(clean).toContain("[API key]");
    expect(clean.length).toBeLessThan(22);
  });

  it("with half a character in it", () => {
    expect(redactorOf("\ud800-a-secret").apply("is \ud800-a-secret.")).toBe("is [API key].");
  });

  it("in each part of 12 characters, wherever it stands", () => {
    const key = "Zk3v9Qx7Lm2Tb8Rw5Nc4Hd6Jf1Gs0PyU";
    fc.assert(
      fc.property(
        fc.string({ maxLength: 40 }),
        fc.nat({ max: key.length - 12 }),
        fc.integer({ min: 12, max: key.length }),
        fc.string({ maxLength: 40 }),
        (before, start, length, behind) => {
          const part = key.slice(start, start + length);
          const clean = redactorOf(key).apply(before + part + behind);
          expect(clean).toContain("[API key]");
          expect(clean).not.toContain(part);
        },
      ),
    );
  });

  it("that a server sends back cut in two", () => {
    const key = "Zk3v9Qx7Lm2Tb8Rw5Nc4Hd6Jf1Gs0PyU";
    expect(redactorOf(key).apply(`${key.slice(0, 15)} ${key.slice(15)}`)).toBe("[API key] [API key]");
  });
});

describe("what is no secret stays", () => {
  it("where it is too short to be a key", () => {
    expect(redactorOf("", "acme", "1234567").apply("acme 1234567 succeeded")).toBe("acme 1234567 succeeded");
  });
  it("where a part of the key is words, as a tenant may be called", () => {
    expect(redactorOf("acme-production-key-2024-07").apply("acme-production succeeded")).toBe(
      "acme-production succeeded",
    );
  });
  it("where an ID ends as the key does; the key itself goes", () => {
    const id = `11111111-0000-4000-8c11-${GUID_KEY.slice(24)}`;
    expect(redactorOf(GUID_KEY).apply(`task ${id}, key ${GUID_KEY}`)).toBe(`task ${id}, key [API key]`);
  });
  it("and a value without a secret is the same value, not a copy", () => {
    const value = { tenants: [{ name: "acme", line: 2, none: null }] };
    expect(redactorOf(KEY).applyAll(value)).toBe(value);
    expect(redactorOf(KEY).applyAll({ ...value, told: [KEY] })).toEqual({ ...value, told: ["[API key]"] });
  });
  it("by the whole alone, where a name is judged", () => {
    const key = "Zk3v9Qx7Lm2Tb8Rw5Nc4Hd6Jf1Gs0PyU";
    expect(redactorOf(key).isIn({ name: [`Report ${key.slice(4)}`] })).toBe(false);
    expect(redactorOf(key).isIn({ name: [`Report ${key.toLowerCase()}`] })).toBe(true);
  });
});

it("a long text costs little, whatever it holds", () => {
  const redactor = redactorOf("Zk3v9Qx7".repeat(1000), KEY);
  const texts = ["a".repeat(1_000_000), "Zk3v9Qx".repeat(70_000), KEY.slice(0, 11).repeat(100_000)];
  const began = performance.now();
  for (const text of texts) redactor.apply(text);
  expect(performance.now() - began).toBeLessThan(10_000);
});
