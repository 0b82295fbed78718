import { secretSpellings } from "../shared/secret-spellings.js";

/** Shorter text is no key, and to take it out would spoil the output. */
const SHORTEST_SECRET = 8;
const MASK = "[API key]";

/**
 * The last line of defence: takes secrets out of everything that is printed. Nothing is meant to reach it. Filled by whoever
 * reads a key; asked by the process's outputs.
 */
export class Redaction {
  readonly #secrets = new Set<string>();

  /** From now on the text is taken out, however it is spelled. */
  add(secret: string): void {
    const bare = secret.trim();
    if (bare.length < SHORTEST_SECRET) return;
    for (const spelling of secretSpellings(bare)) this.#secrets.add(spelling);
  }

  apply(text: string): string {
    let clean = text;
    for (const secret of this.#secrets) if (clean.includes(secret)) clean = clean.replaceAll(secret, MASK);
    return clean;
  }
}
