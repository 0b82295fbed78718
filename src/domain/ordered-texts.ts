/** Texts in order, each once, so that all that begin with a given text stand together and are found without looking at the rest. */
export class OrderedTexts<Text extends string> {
  readonly #texts: readonly Text[];

  constructor(texts: Iterable<Text>) {
    this.#texts = [...texts].sort();
  }

  /** How many begin with a text. */
  countOf(beginning: string): number {
    const [from, to] = this.#rangeOf(beginning);
    return to - from;
  }

  /** Those that begin with a text, in order. */
  beginningWith(beginning: string): readonly Text[] {
    return this.#texts.slice(...this.#rangeOf(beginning));
  }

  #rangeOf(beginning: string): readonly [number, number] {
    const from = this.#firstWhere(0, (text) => text >= beginning);
    return [from, this.#firstWhere(from, (text) => !text.startsWith(beginning))];
  }

  /** The first place, from one on, where something is true that is true of all texts behind it too. */
  #firstWhere(from: number, isBehind: (text: string) => boolean): number {
    let low = from;
    let high = this.#texts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isBehind(this.#texts[middle] ?? "")) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
