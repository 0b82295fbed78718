import { hash } from "node:crypto";

/**
 * How much of a text from outside is read. What is longer is refused, or cut where it is only shown, before a pattern sees it. In
 * UTF-16 units, as `length` counts.
 */

/** A tenant's key, a copy's name, a header, a template, a value that means something. */
export const LONGEST_NAME = 1024;
/** A cell of a column that only names use, and any text of a log or a saved plan. */
export const LONGEST_CELL = 64 * 1024;
/** What a server says, before it is made one line. */
export const LONGEST_MESSAGE = 8 * 1024;

/** Far more marks on one letter than any script writes. */
const MOST_MARKS = 32;
const TOO_MANY_MARKS = new RegExp(`[\\p{M}\\uff9e\\uff9f]{${MOST_MARKS + 1}}`, "u");

/** Why a text is too long to be read, as it follows the text in a sentence; `undefined` where it is not. */
export function excessOf(text: string, longest: number = LONGEST_NAME): string | undefined {
  if (text.length <= longest) return undefined;
  return `, which has ${text.length} characters; at most ${longest} are read`;
}

/** Why no key and no name can be made of a text: it is too long, or has more marks on one letter than could be compared. */
export function excessOfName(text: string): string | undefined {
  if (!TOO_MANY_MARKS.test(text.slice(0, LONGEST_NAME))) return excessOf(text);
  return `, which has more than ${MOST_MARKS} combining marks in a row`;
}

/** A text that is only shown, cut where it is too long. */
export function cutText(text: string, longest: number = LONGEST_NAME): string {
  return text.length <= longest ? text : `${text.slice(0, longest - 1)}…`;
}

/** Four times as many as a name may have: no form of such a name, composed or not, is taken apart. */
const MANY_MARKS = new RegExp(`([\\p{M}\\uff9e\\uff9f]{${4 * MOST_MARKS}})`, "u");

/**
 * A text's NFKC. Unicode puts the marks behind a letter in order, in time that grows with the square of their number: where there are
 * more than any key or name may have, in whatever form, they are normalized a few at a time.
 */
export function nfkc(text: string): string {
  if (text.length <= LONGEST_NAME) return text.normalize("NFKC");
  const parts = text.split(MANY_MARKS);
  return parts.map((part) => part.normalize("NFKC")).join("");
}

/** Compatibility forms may be eighteen times as long: no server's form of a name that we sent is longer. */
const LONGEST_LISTED_NAME = 20 * LONGEST_NAME;

/**
 * A name as a server shows it, to be compared and kept. A longer one is none that we ever sent: of it the beginning is kept, and
 * the digest of all of it, so that it equals itself alone.
 */
export function listedName(name: string): string {
  if (name.length <= LONGEST_LISTED_NAME) return name;
  return `${name.slice(0, LONGEST_LISTED_NAME)}… (SHA-256 ${hash("sha256", name, "hex")})`;
}
