/**
 * Characters that no key and no name may hold: they would break a line of the log or of the output, cannot be sent as UTF-8, or
 * make two texts that look the same. Joiners and variation selectors may stand: scripts and emoji need them, and folding takes
 * them out.
 */
const UNFIT =
  /[\p{Control}\p{Surrogate}\u2028\u2029\u2800]|(?!\u200c|\u200d|\p{Variation_Selector})\p{Default_Ignorable_Code_Point}/u;
const UNFIT_ALL = new RegExp(UNFIT.source, "gu");
const UNSEEN_ALL = /\u2800|(?!\u200c|\u200d|\p{Variation_Selector})\p{Default_Ignorable_Code_Point}/gu;

/** One character of a text: its code point as it is written (`U+200E`), and its place, from 1. */
export interface PlacedCharacter {
  readonly codePoint: string;
  readonly place: number;
}

/** The first character that a pattern finds in a text. */
export function firstOf(pattern: RegExp, text: string): PlacedCharacter | undefined {
  const found = pattern.exec(text);
  if (found === null) return undefined;
  const code = text.codePointAt(found.index) ?? 0;
  return {
    codePoint: `U+${code.toString(16).toUpperCase().padStart(4, "0")}`,
    place: [...text.slice(0, found.index)].length + 1,
  };
}

/** The first character of a text that no key and no name may hold. */
export function firstUnfit(text: string): PlacedCharacter | undefined {
  return firstOf(UNFIT, text);
}

/** A text that shows each of its unfit characters by its code. */
export function escapeUnfit(text: string): string {
  return text.replace(UNFIT_ALL, (char) => {
    const code = (char.codePointAt(0) ?? 0).toString(16);
    return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, "0")}`;
  });
}

/** What a person sees of a text that was typed or pasted: without the marks that nobody sees and no key may hold. */
export function withoutUnseen(text: string): string {
  return text.replace(UNSEEN_ALL, "");
}
