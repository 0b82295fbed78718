/** Shorter text is no key, and to take it out would spoil the output. */
const SHORTEST_SECRET = 8;
const MASK = "[API key]";

/**
 * The last line of defence: takes secrets out of everything that is printed. Nothing is meant to reach it. Filled by whoever
 * reads a key; asked by the process's outputs.
 */
export class Concealment {
  readonly #secrets = new Set<string>();

  /** From now on the text is taken out, as it is and as JSON writes it. */
  add(secret: string): void {
    const bare = secret.trim();
    if (bare.length < SHORTEST_SECRET) return;
    this.#secrets.add(bare);
    this.#secrets.add(JSON.stringify(bare).slice(1, -1));
  }

  apply(text: string): string {
    let clean = text;
    for (const secret of this.#secrets) if (clean.includes(secret)) clean = clean.replaceAll(secret, MASK);
    return clean;
  }
}
