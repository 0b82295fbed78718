/** A text that mostly is the same from line to line: kept as it was read last, and read again only where its bytes differ. */
export interface Repeated {
  bytes: Uint8Array;
  text: string;
}

export function repeated(): Repeated {
  return { bytes: new Uint8Array(0), text: "" };
}

/** A literal's bytes, to be skipped. */
export function literal(text: string): Uint8Array {
  return Buffer.from(text, "latin1");
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const DASH = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
/** Longer numbers may lose digits. */
const MOST_DIGITS = 15;
const GUID_LENGTH = 36;
const DASHES = new Set([8, 13, 18, 23]);
/** For each place of a GUID and each byte, whether the byte may stand there. */
const IS_HEX = Uint8Array.from({ length: 256 }, (_, byte) => (/[0-9a-f]/.test(String.fromCharCode(byte)) ? 1 : 0));
const IS_DASH = Uint8Array.from({ length: GUID_LENGTH }, (_, at) => (DASHES.has(at) ? 1 : 0));

/**
 * Goes through one line's bytes, taking only what is written in one way: no blanks, and texts of plain ASCII without escapes.
 * Where anything else stands it fails, and all that it gave is void.
 */
export class LineCursor {
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #end = 0;
  #failed = true;

  /** Begins with the bytes from `start` to `end`. */
  begin(bytes: Buffer, start: number, end: number): void {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    this.#failed = false;
  }

  /** Whether all bytes were taken, each as it had to be. */
  isDone(): boolean {
    return !this.#failed && this.#at === this.#end;
  }

  skip(expected: Uint8Array): void {
    if (!this.takes(expected)) this.#failed = true;
  }

  /** Skips what is expected, where it stands here. */
  takes(expected: Uint8Array): boolean {
    const { length } = expected;
    const bytes = this.#bytes;
    const start = this.#at;
    if (start + length > this.#end) return false;
    for (let at = 0; at < length; at += 1) if (bytes[start + at] !== expected[at]) return false;
    this.#at = start + length;
    return true;
  }

  /** A whole number without a sign. */
  count(): number {
    const start = this.#at;
    let value = 0;
    for (; this.#at < this.#end; this.#at += 1) {
      const byte = this.#bytes[this.#at] ?? 0;
      if (byte < ZERO || byte > NINE) break;
      value = value * 10 + byte - ZERO;
    }
    const digits = this.#at - start;
    if (digits === 0 || digits > MOST_DIGITS || (digits > 1 && this.#bytes[start] === ZERO)) this.#failed = true;
    return value;
  }

  /** A text, up to its closing quotation mark. */
  text(): string {
    const start = this.#at;
    const end = this.#endOfText();
    this.#at = end;
    return this.#bytes.toString("latin1", start, end);
  }

  /** A text that is not empty. */
  word(): string {
    if (this.#bytes[this.#at] === QUOTE) this.#failed = true;
    return this.text();
  }

  guid(): string {
    const start = this.#at;
    if (!this.#isGuid(start)) this.#failed = true;
    this.#at = start + GUID_LENGTH;
    return this.#bytes.toString("latin1", start, start + GUID_LENGTH);
  }

  /** A text that mostly is what it was last. */
  again(kept: Repeated): string {
    if (!this.#isStill(kept)) this.#keep(kept, this.#endOfText());
    return kept.text;
  }

  /** A GUID that mostly is what it was last. */
  guidAgain(kept: Repeated): string {
    if (this.#isStill(kept)) return kept.text;
    if (this.#isGuid(this.#at)) this.#keep(kept, this.#at + GUID_LENGTH);
    else this.#failed = true;
    return kept.text;
  }

  /** A list, from behind its opening bracket to behind its closing one. */
  list<T>(item: () => T): readonly T[] {
    if (this.takes(LIST_END)) return [];
    const items: T[] = [];
    while (!this.#failed) {
      items.push(item());
      if (this.takes(LIST_END)) break;
      if (this.#bytes[this.#at] === COMMA) this.#at += 1;
      else this.#failed = true;
    }
    return items;
  }

  #isStill({ bytes }: Repeated): boolean {
    const start = this.#at;
    if (bytes.length === 0 || this.#bytes[start + bytes.length] !== QUOTE || !this.takes(bytes)) return false;
    if (this.#at < this.#end) return true;
    this.#at = start;
    return false;
  }

  #keep(kept: Repeated, end: number): void {
    const start = this.#at;
    const length = end - start;
    kept.text = this.#bytes.toString("latin1", start, end);
    if (kept.bytes.length !== length) kept.bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += 1) kept.bytes[at] = this.#bytes[start + at] ?? 0;
    this.#at = end;
  }

  #endOfText(): number {
    for (let at = this.#at; at < this.#end; at += 1) {
      const byte = this.#bytes[at] ?? 0;
      if (byte === QUOTE) return at;
      if (byte < 0x20 || byte > 0x7e || byte === BACKSLASH) break;
    }
    this.#failed = true;
    return this.#at;
  }

  #isGuid(start: number): boolean {
    if (start + GUID_LENGTH > this.#end) return false;
    for (let at = 0; at < GUID_LENGTH; at += 1) {
      const byte = this.#bytes[start + at] ?? 0;
      if (IS_DASH[at] === 1 ? byte !== DASH : IS_HEX[byte] !== 1) return false;
    }
    return true;
  }
}

const LIST_END = literal("]");
