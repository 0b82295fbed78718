import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { foldTenantKey } from "../../src/shared/ids.js";
import { nearestKeys, patternsWithout, spellingDistance, tenantMatcher } from "../../src/shared/spelling.js";

/** What a pattern means, letter by letter. */
function means(pattern: string, key: string): boolean {
  const [letter, ...rest] = pattern;
  if (letter === undefined) return key === "";
  const [first, ...others] = key;
  if (letter === "*") return means(rest.join(""), key) || (first !== undefined && means(pattern, others.join("")));
  return first !== undefined && (letter === "?" || letter === first) && means(rest.join(""), others.join(""));
}

const key = fc.string({ unit: fc.constantFrom("a", "B", "é", ".", "-", "(", "👍", " "), maxLength: 4 });
const pattern = fc.string({ unit: fc.constantFrom("a", "B", "é", ".", "-", "(", "👍", "*", "?"), maxLength: 4 });

describe("--only patterns", () => {
  test("match what they mean letter by letter, folded as keys are, plain ones and others together", () => {
    fc.assert(
      fc.property(fc.array(pattern, { minLength: 1, maxLength: 4 }), key, (patterns, text) => {
        const folded = foldTenantKey(text);
        const meant = patterns.some((one) => means(foldTenantKey(one), folded));
        expect(tenantMatcher(patterns)(folded)).toBe(meant);
      }),
    );
  });

  test("that match no key are told in the order in which they are given", () => {
    const keys = ["acme", "eu-1", "eu-2"].map(foldTenantKey);
    expect(patternsWithout(keys, ["nobody", "ACME", "us-*", "eu-?"])).toEqual(["nobody", "us-*"]);
  });

  test("that match nothing have the nearest keys named, the first of equally near ones", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", "c", "👍"), maxLength: 6 });
    fc.assert(
      fc.property(text, fc.array(text, { maxLength: 12 }), fc.integer({ min: 1, max: 4 }), (wanted, texts, count) => {
        const keys = texts.map(foldTenantKey);
        const byDistance = keys
          .map((key) => ({ key, distance: spellingDistance(wanted, key) }))
          .sort((a, b) => a.distance - b.distance);
        expect(nearestKeys(`${wanted}*`, keys, count)).toEqual(byDistance.slice(0, count).map(({ key }) => key));
      }),
    );
  });

  test("none match every key", () => {
    expect(tenantMatcher([])(foldTenantKey("acme"))).toBe(true);
  });
});
