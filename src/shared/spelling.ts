import { foldTenantKey, type TenantKey } from "./ids.js";

/** How many single letters must be put in, left out or changed to get from one word to the other; at most `limit + 1`. */
export function spellingDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const current = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const changed = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(changed, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1));
    }
    if (Math.min(...current) > limit) return limit + 1;
    previous = current;
  }
  return previous[b.length] ?? limit + 1;
}

/**
 * The candidates that are most like a word, nearest first: what "did you mean" offers. Words are compared as given, so fold
 * them before. A candidate counts where at most a third of the longer word's letters (but one at least) would have to change, or
 * where one word begins with the other.
 */
export function nearestSpellings(word: string, candidates: Iterable<string>, count = 3): readonly string[] {
  const near: { readonly candidate: string; readonly distance: number }[] = [];
  for (const candidate of candidates) {
    const limit = Math.max(1, Math.floor(Math.max(word.length, candidate.length) / 3));
    const distance = spellingDistance(word, candidate, limit);
    if (distance <= limit) near.push({ candidate, distance });
    else if (word.length > 2 && (candidate.startsWith(word) || word.startsWith(candidate)))
      near.push({ candidate, distance: limit + 1 });
  }
  near.sort((a, b) => a.distance - b.distance);
  return near.slice(0, count).map((entry) => entry.candidate);
}

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
