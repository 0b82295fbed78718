import { foldTenantKey, type TenantKey } from "./ids.js";
import { spellingDistance } from "./spelling.js";

/** A test made from `--only` patterns: `*` stands for any text, `?` for one character; folded as keys are. */
export function tenantMatcher(patterns: readonly string[]): (key: TenantKey) => boolean {
  if (patterns.length === 0) return () => true;
  const folded = patterns.map(foldTenantKey);
  const plain = new Set(folded.filter((pattern) => !isWild(pattern)));
  const tests = folded.filter(isWild).map((pattern) => {
    const escaped = pattern
      .replace(/[.+^${}()|[\]\\]/g, "\\$&")
      .replace(/\*/g, ".*")
      .replace(/\?/g, ".");
    return new RegExp(`^${escaped}$`, "su");
  });
  return (key) => plain.has(key) || tests.some((test) => test.test(key));
}

function isWild(pattern: string): boolean {
  return /[*?]/.test(pattern);
}

/** The patterns that match none of these keys. Plain keys are looked up: a script may give 10,000 of them. */
export function patternsWithout(keys: readonly TenantKey[], patterns: readonly string[]): readonly string[] {
  const known = new Set(keys);
  return patterns.filter((pattern) => {
    const folded = foldTenantKey(pattern);
    return isWild(folded) ? !keys.some(tenantMatcher([pattern])) : !known.has(folded);
  });
}

/** The keys nearest to a pattern that matched nothing; of equally near ones the first. */
export function nearestKeys(pattern: string, keys: readonly TenantKey[], count: number): readonly TenantKey[] {
  const wanted = foldTenantKey(pattern).replace(/[*?]/g, "");
  const nearest: { readonly key: TenantKey; readonly distance: number }[] = [];
  for (const key of keys) {
    const farthest = nearest.length < count ? Number.POSITIVE_INFINITY : (nearest.at(-1)?.distance ?? 0);
    // One that is as far as the farthest of the nearest so far comes behind it: its own distance need not be known.
    const distance = spellingDistance(wanted, key, Math.min(farthest - 1, Math.max(wanted.length, key.length)));
    if (distance >= farthest) continue;
    const place = nearest.findIndex((other) => other.distance > distance);
    nearest.splice(place < 0 ? nearest.length : place, 0, { key, distance });
    if (nearest.length > count) nearest.pop();
  }
  return nearest.map((near) => near.key);
}
