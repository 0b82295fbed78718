import { trimAround } from "../shared/ids.js";

/**
 * One row's texts by folded column name: a view on the row's cells, because a map of its own for each of 200,000 tenants costs
 * more than all the rest of the manifest. A column without a name is not in it; of two of one name, the first is.
 */
export class RowColumns implements ReadonlyMap<string, string> {
  readonly #positions: ReadonlyMap<string, number>;
  readonly #cells: readonly string[];

  constructor(positions: ReadonlyMap<string, number>, cells: readonly string[]) {
    this.#positions = positions;
    this.#cells = cells;
  }

  get size(): number {
    return this.#positions.size;
  }

  has(name: string): boolean {
    return this.#positions.has(name);
  }

  get(name: string): string | undefined {
    const position = this.#positions.get(name);
    return position === undefined ? undefined : trimAround(this.#cells[position] ?? "");
  }

  forEach(tell: (text: string, name: string, columns: ReadonlyMap<string, string>) => void): void {
    for (const [name, text] of this) tell(text, name, this);
  }

  keys(): MapIterator<string> {
    return this.#positions.keys();
  }

  *values(): MapIterator<string> {
    for (const [, text] of this) yield text;
  }

  *entries(): MapIterator<[string, string]> {
    for (const name of this.#positions.keys()) yield [name, this.get(name) ?? ""];
  }

  [Symbol.iterator](): MapIterator<[string, string]> {
    return this.entries();
  }
}
