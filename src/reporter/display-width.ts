/** How many columns a terminal gives to text: wide (CJK) characters and emoji take two, combining marks none. */

/** Characters of one column each that combine with nothing: ASCII, Latin letters, and dashes, dots and quotation marks. */
const PLAIN = /^[\u0020-\u007e\u00a1-\u00ac\u00ae-\u024f\u2010-\u2027]*$/;
const COLOUR = /\u001b\[[\d;]*m/g;
const NO_WIDTH = /^[\p{Mark}\p{Cf}\p{Cc}]+$/u;
const EMOJI = /\p{Emoji_Presentation}|\p{Extended_Pictographic}\ufe0f/u;
const WIDE =
  /^[\u1100-\u115f\u2329\u232a\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18cff}\u{1aff0}-\u{1b2ff}\u{1f200}-\u{1f2ff}\u{20000}-\u{3fffd}]/u;

let segmenter: Intl.Segmenter | undefined;

/** Made when the first text needs it: that takes longer than a whole dry run of ten tenants. */
function graphemesOf(text: string): Iterable<Intl.SegmentData> {
  segmenter ??= new Intl.Segmenter("en", { granularity: "grapheme" });
  return segmenter.segment(text);
}

function widthOfGrapheme(grapheme: string): number {
  if (NO_WIDTH.test(grapheme)) return 0;
  return EMOJI.test(grapheme) || WIDE.test(grapheme) ? 2 : 1;
}

/** Columns that a text takes; colour codes take none. */
export function displayWidth(text: string): number {
  const bare = text.includes("\u001b") ? text.replace(COLOUR, "") : text;
  if (PLAIN.test(bare)) return bare.length;
  let width = 0;
  for (const { segment } of graphemesOf(bare)) width += widthOfGrapheme(segment);
  return width;
}

/** The text, cut to so many columns with `…` where it is longer. For text without colour codes. */
export function fitWidth(text: string, columns: number): string {
  if (PLAIN.test(text) ? text.length <= columns : displayWidth(text) <= columns) return text;
  if (columns <= 1) return "…".slice(0, Math.max(0, columns));
  let width = 0;
  let kept = "";
  for (const { segment } of graphemesOf(text)) {
    const next = widthOfGrapheme(segment);
    if (width + next > columns - 1) break;
    width += next;
    kept += segment;
  }
  return `${kept}…`;
}

/** The text, filled up with blanks to so many columns; never cut. */
export function padWidth(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - displayWidth(text)));
}
