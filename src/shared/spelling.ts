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
