import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { foldName, foldTenantKey } from "../../src/shared/ids.js";
import { app, faultsOf, read } from "../support/manifests.js";

/** What nobody sees; the first line may stand inside a key, the second may not. */
const STANDING = ["\u200c", "\u200d", "\ufe0f", "\u{e0100}", "\u180b"];
const UNSEEN = [
  ..."\u200e\u200f\u00ad\u061c\u202a\u202e\u2060\u2063\u2066\u2800\u3164\u115f\u180e\ufeff\u200b\uffa0\u034f",
  "\u{e0001}",
  "\u{e0067}",
];
/** Also what stands around a value is trimmed, not refused. */
const AROUND = ["\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00a0", " "];

const codePointOf = (char: string) => `U+${char.codePointAt(0)?.toString(16).toUpperCase().padStart(4, "0")}`;
const manifest = (...tenants: readonly string[]) =>
  ["tenant,appId", ...tenants.map((tenant, at) => `${tenant},${app(at + 1)}`)].join("\n");

describe("folding", () => {
  it("leaves what is folded as it is", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary", maxLength: 8 }),
      fc.string({
        unit: fc.constantFrom(...STANDING, ...UNSEEN, "ẞ", "ß", "Σ", "İ", "i", "\u0307", "\u0301", "a", " "),
      }),
    );
    fc.assert(
      fc.property(text, (any) => {
        expect(foldTenantKey(foldTenantKey(any))).toBe(foldTenantKey(any));
      }),
      { numRuns: 5000 },
    );
  });

  it("leaves every single character as it is once it is folded", () => {
    for (let code = 0; code <= 0x10ffff; code += 1) {
      const folded = foldTenantKey(`a${String.fromCodePoint(code)}b`);
      if (foldTenantKey(folded) !== folded) expect.fail(codePointOf(String.fromCodePoint(code)));
    }
  });

  it("takes texts that differ only in what nobody sees for one", () => {
    const mark = fc.constantFrom(...STANDING, ...UNSEEN);
    const piece = fc.oneof(fc.constantFrom("a", "M", "é", "e\u0301", "株", "😀", "-"), mark);
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const seen = pieces.filter((one) => !STANDING.includes(one) && !UNSEEN.includes(one)).join("");
        expect(foldName(pieces.join(""))).toBe(foldName(seen));
      }),
    );
  });

  it("knows a name in capitals, with a capital ß too", () => {
    expect(new Set(["Groß", "GROẞ", "GROSS", "groß"].map(foldName)).size).toBe(1);
  });
});

describe("a tenant's key in a manifest", () => {
  it("is refused for a mark that nobody sees, wherever it stands, and the mark and its place are named", async () => {
    for (const mark of UNSEEN) {
      const places = AROUND.includes(mark) ? [2] : [0, 2, 4];
      for (const place of places) {
        const tenant = `${"acme".slice(0, place)}${mark}${"acme".slice(place)}`;
        const [fault, ...others] = await faultsOf(manifest(tenant));
        expect(others).toEqual([]);
        expect(fault).toMatchObject({ code: "CONTROL_CHARACTER", line: 2, column: "tenant" });
        expect(fault?.message).toContain(`its character ${place + 1} is ${codePointOf(mark)}`);
        expect(fault?.message).not.toContain(mark);
      }
    }
  });

  it("may hold joiners and variation selectors, and is one key with and without them", async () => {
    for (const mark of STANDING) {
      expect((await read(manifest(`ac${mark}me`))).tenants.map((tenant) => tenant.key)).toEqual(["acme"]);
      expect(await faultsOf(manifest("acme", `ac${mark}me`))).toContainEqual(
        expect.objectContaining({
          code: "TENANT_SPELLED_TWO_WAYS",
          message: expect.stringContaining("look alike") as string,
        }),
      );
    }
  });

  it("is never another key for marks in and around it: it is the same, or a fault", async () => {
    const mark = fc.constantFrom(...STANDING, ...UNSEEN, ...AROUND);
    await fc.assert(
      fc.asyncProperty(fc.array(mark), fc.array(mark), fc.array(mark), async (before, inside, after) => {
        const middle = inside.filter((one) => one.trim() !== "").join("");
        const tenant = `${before.join("")}ac${middle}me${after.join("")}`;
        const keys = await read(manifest(`"${tenant}"`)).then(
          ({ tenants }) => tenants.map((one) => one.key as string),
          () => ["refused"],
        );
        expect(["acme", "refused"]).toContain(keys.join());
      }),
    );
  });

  it("that is nothing but marks that nobody sees is refused for the mark", async () => {
    expect((await faultsOf(manifest('"\u200e"')))[0]?.message).toContain("U+200E");
    expect(await faultsOf(manifest('"\ufe0f"'))).toMatchObject([{ code: "VALUE_MISSING" }]);
  });
});
