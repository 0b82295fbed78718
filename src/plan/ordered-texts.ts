const NONE: readonly never[] = [];

/** Texts in order, each once, so that all that begin with a given text stand together and are found without looking at the rest. */
export class OrderedTexts {
  readonly #texts: readonly string[];

  constructor(texts: Iterable<string>) {
    this.#texts = [...texts].sort();
  }

  /** How many begin with a text. */
  countOf(beginning: string): number {
    const from = this.#firstFrom(beginning);
    return this.#endOf(from, beginning) - from;
  }

  /** Those that begin with a text, in order. */
  beginningWith(beginning: string): readonly string[] {
    const from = this.#firstFrom(beginning);
    const to = this.#endOf(from, beginning);
    return from === to ? NONE : this.#texts.slice(from, to);
  }

  /** The place of the first text that does not come before this one. */
  #firstFrom(text: string): number {
    const texts = this.#texts;
    let low = 0;
    let high = texts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((texts[middle] ?? "") < text) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Behind the last text, from a place on, that begins so. Most often that is this place or the next: it is looked for from there. */
  #endOf(from: number, beginning: string): number {
    let step = 1;
    let low = from;
    while (this.#beginsWith(low + step - 1, beginning)) {
      low += step;
      step *= 2;
    }
    for (let high = low + step - 1; low < high; ) {
      const middle = (low + high) >>> 1;
      if (this.#beginsWith(middle, beginning)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #beginsWith(place: number, beginning: string): boolean {
    return this.#texts[place]?.startsWith(beginning) === true;
  }
}
