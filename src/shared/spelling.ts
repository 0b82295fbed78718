import { foldTenantKey, type TenantKey } from "./ids.js";

/** How many single letters must be put in, left out, changed or exchanged with the next to get from one word to the other. */
export function spellingDistance(a: string, b: string): number {
  let beforeLast: readonly number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const current = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const changed = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isExchanged = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const exchanged = isExchanged ? (beforeLast[j - 2] ?? 0) + 1 : changed;
      current.push(Math.min(changed, exchanged, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1));
    }
    beforeLast = previous;
    previous = current;
  }
  return previous[b.length] ?? 0;
}

/** A misspelt word is told by its beginning; the time for a pair grows with the product of their lengths. */
const LONGEST_COMPARED = 64;

function byDistance<T extends string>(word: string, candidates: Iterable<T>) {
  const start = word.slice(0, LONGEST_COMPARED);
  const distanceTo = (candidate: T): number => spellingDistance(start, candidate.slice(0, LONGEST_COMPARED));
  const measured = [...candidates].map((candidate) => ({ candidate, distance: distanceTo(candidate) }));
  return measured.sort((a, b) => a.distance - b.distance);
}

/**
 * The candidates that are most like a word, nearest first: what "did you mean" offers. Words are compared as given, so fold
 * them before. A candidate counts where at most a third of the longer word's letters (but one at least) would have to change, or
 * where one word begins with the other.
 */
export function nearestSpellings(word: string, candidates: Iterable<string>, count = 3): readonly string[] {
  const near = byDistance(word, candidates).filter(
    ({ candidate, distance }) =>
      distance <= Math.max(1, Math.floor(Math.max(word.length, candidate.length) / 3)) ||
      (word.length > 2 && (candidate.startsWith(word) || word.startsWith(candidate))),
  );
  return near.slice(0, count).map(({ candidate }) => candidate);
}

/** The keys nearest to a pattern that matched nothing; of equally near ones the first. */
export function nearestKeys<T extends string>(pattern: string, keys: readonly T[], count: number): readonly T[] {
  const nearest = byDistance(foldTenantKey(pattern).replace(/[*?]/g, ""), keys);
  return nearest.slice(0, count).map(({ candidate }) => candidate);
}

/** A test made from `--only` patterns: `*` stands for any text, `?` for one character; folded as keys are. */
export function tenantMatcher(patterns: readonly string[]): (key: TenantKey) => boolean {
  if (patterns.length === 0) return () => true;
  const folded = patterns.map(foldTenantKey);
  const plain = new Set(folded.filter((pattern) => !isWild(pattern)));
  const wild = folded.filter(isWild).map((pattern) => [...pattern]);
  if (wild.length === 0) return (key) => plain.has(key);
  return (key) => {
    if (plain.has(key)) return true;
    const letters = [...key];
    return wild.some((pattern) => fits(pattern, letters));
  };
}

/**
 * Whether a text fits a pattern, letter by letter. Where it does not, only the last `*` takes one letter more: those before it need
 * no other try, so that the time is the product of both lengths at most. A regular expression tries them all.
 */
function fits(pattern: readonly string[], text: readonly string[]): boolean {
  let [inPattern, inText] = [0, 0];
  /** Behind the last `*`, and where the text that it does not take begins. */
  let [behindStar, afterStar] = [-1, 0];
  while (inText < text.length) {
    if (pattern[inPattern] === "*") [behindStar, afterStar] = [++inPattern, inText];
    else if (pattern[inPattern] === "?" || pattern[inPattern] === text[inText])
      [inPattern, inText] = [inPattern + 1, inText + 1];
    else if (behindStar < 0) return false;
    else [inPattern, inText] = [behindStar, ++afterStar];
  }
  while (pattern[inPattern] === "*") inPattern += 1;
  return inPattern === pattern.length;
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
