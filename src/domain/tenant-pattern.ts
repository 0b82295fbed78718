import { foldTenantKey, type TenantKey } from "./ids.js";

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

/** The keys nearest to a pattern that matched nothing. */
export function nearestKeys(pattern: string, keys: readonly TenantKey[], count: number): readonly TenantKey[] {
  const wanted = foldTenantKey(pattern).replace(/[*?]/g, "");
  return [...keys]
    .map((key) => ({ key, distance: editDistance(wanted, key) }))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, count)
    .map((near) => near.key);
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1)
      row.push(
        Math.min(
          (previous[j] ?? 0) + 1,
          (row[j - 1] ?? 0) + 1,
          (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1),
        ),
      );
    previous = row;
  }
  return previous[b.length] ?? 0;
}
