/**
 * JSON with positions. Our own, because JSON.parse tells neither the line of a value nor, in every Node version, that of a
 * fault. Strict: what JSON.parse refuses is refused here.
 */

/** A JSON value and where it begins (an offset into the text). Numbers and words keep their text: `007` is no number, `1e3` stays `1e3`. */
export type JsonNode =
  | { readonly kind: "object"; readonly at: number; readonly members: readonly JsonMember[] }
  | { readonly kind: "array"; readonly at: number; readonly items: readonly JsonNode[] }
  | { readonly kind: "string" | "number" | "boolean" | "null"; readonly at: number; readonly text: string };

export interface JsonMember {
  readonly key: string;
  readonly value: JsonNode;
}

/** Why a text is no JSON. */
export interface JsonFault {
  readonly at: number;
  readonly message: string;
}

export type JsonReading = { readonly kind: "read"; readonly root: JsonNode } | ({ readonly kind: "fault" } & JsonFault);

const DEEPEST = 64;

/** Takes one item of an array at once, so that a list of 200,000 need not be held as nodes; the array's own `items` stay empty. */
export type ItemSink = (item: JsonNode, index: number) => void;

/** Which array's items go to a sink: asked for the root (`undefined`) and for each array that is the root's member, by its key. */
export type SinkOf = (key: string | undefined) => ItemSink | undefined;

/** Reads a text as JSON. What a sink was given before a fault is void. */
export function readJsonText(text: string, sinkOf: SinkOf = () => undefined): JsonReading {
  const reader = new JsonReader(text, sinkOf);
  try {
    return { kind: "read", root: reader.document() };
  } catch (error) {
    if (error instanceof JsonSyntaxError) return { kind: "fault", at: error.at, message: error.message };
    throw error;
  }
}

/** Reads the one value that begins at an offset of a text that was read before. */
export function readJsonAt(text: string, at: number): JsonNode {
  return new JsonReader(text, () => undefined, at).value(0);
}

class JsonSyntaxError extends Error {
  readonly at: number;

  constructor(at: number, message: string) {
    super(message);
    this.at = at;
  }
}

const BLANKS = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORD = /[A-Za-z_]+/y;
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

class JsonReader {
  readonly #text: string;
  readonly #sinkOf: SinkOf;
  #at: number;

  constructor(text: string, sinkOf: SinkOf, at = 0) {
    this.#text = text;
    this.#sinkOf = sinkOf;
    this.#at = at;
  }

  document(): JsonNode {
    const root = this.value(0);
    this.#skipBlanks();
    if (this.#at < this.#text.length) this.#fail(`the JSON ends here, but ${this.#found()} follows`);
    return root;
  }

  value(depth: number, key?: string): JsonNode {
    this.#skipBlanks();
    if (depth > DEEPEST) this.#fail(`more than ${DEEPEST} levels of brackets`);
    switch (this.#text[this.#at]) {
      case "{":
        return this.#object(depth);
      case "[":
        return this.#array(depth, key);
      case '"': {
        const at = this.#at;
        return { kind: "string", at, text: this.#string() };
      }
      default:
        return this.#scalar();
    }
  }

  #object(depth: number): JsonNode {
    const at = this.#at;
    const members: JsonMember[] = [];
    this.#at += 1;
    if (this.#ends("}")) return { kind: "object", at, members };
    do {
      this.#skipBlanks();
      if (this.#text[this.#at] !== '"') this.#fail(`a key in double quotes is expected, not ${this.#found()}`);
      const key = this.#string();
      this.#skipBlanks();
      if (this.#text[this.#at] !== ":") this.#fail(`":" is expected after the key, not ${this.#found()}`);
      this.#at += 1;
      members.push({ key, value: this.value(depth + 1, key) });
    } while (this.#goesOn("}"));
    return { kind: "object", at, members };
  }

  #array(depth: number, key: string | undefined): JsonNode {
    const at = this.#at;
    const items: JsonNode[] = [];
    const sink = depth === 0 || (depth === 1 && key !== undefined) ? this.#sinkOf(key) : undefined;
    let index = 0;
    this.#at += 1;
    if (this.#ends("]")) return { kind: "array", at, items };
    do {
      const item = this.value(depth + 1);
      if (sink === undefined) items.push(item);
      else sink(item, index);
      index += 1;
    } while (this.#goesOn("]"));
    return { kind: "array", at, items };
  }

  #ends(bracket: string): boolean {
    this.#skipBlanks();
    if (this.#text[this.#at] !== bracket) return false;
    this.#at += 1;
    return true;
  }

  /** Past a comma: true. Past the closing bracket: false. */
  #goesOn(bracket: string): boolean {
    if (this.#ends(bracket)) return false;
    if (this.#text[this.#at] !== ",") this.#fail(`"," or "${bracket}" is expected, not ${this.#found()}`);
    const comma = this.#at;
    this.#at += 1;
    if (!this.#ends(bracket)) return true;
    this.#at = comma;
    return this.#fail(`a comma before "${bracket}" is one too many`);
  }

  #string(): string {
    const start = this.#at + 1;
    let text = "";
    let from = start;
    for (let at = start; at < this.#text.length; at += 1) {
      const code = this.#text.charCodeAt(at);
      if (code === 0x22) {
        this.#at = at + 1;
        return text + this.#text.slice(from, at);
      }
      if (code < 0x20) this.#failAt(at, "a line break, tab or control character inside a text (write \\n or \\t)");
      if (code !== 0x5c) continue;
      const escaped = this.#escape(at);
      text += this.#text.slice(from, at) + escaped.text;
      from = at + escaped.length;
      at = from - 1;
    }
    return this.#failAt(start - 1, "a text that is never closed");
  }

  #escape(at: number): { readonly text: string; readonly length: number } {
    const letter = this.#text.charAt(at + 1);
    const plain = Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined;
    if (plain !== undefined) return { text: plain, length: 2 };
    const hex = this.#text.slice(at + 2, at + 6);
    if (letter === "u" && /^[0-9a-fA-F]{4}$/.test(hex))
      return { text: String.fromCharCode(Number.parseInt(hex, 16)), length: 6 };
    return this.#failAt(at, "a backslash that escapes nothing (write \\\\ for a backslash)");
  }

  #scalar(): JsonNode {
    const at = this.#at;
    const number = this.#match(NUMBER);
    if (number !== undefined && !/[0-9A-Za-z_.]/.test(this.#text.charAt(this.#at)))
      return { kind: "number", at, text: number };
    this.#at = at;
    const word = this.#match(WORD);
    if (word === "true" || word === "false") return { kind: "boolean", at, text: word };
    if (word === "null") return { kind: "null", at, text: word };
    this.#at = at;
    return this.#fail(`a value is expected, not ${this.#found()}`);
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const matched = pattern.exec(this.#text)?.[0];
    if (matched !== undefined) this.#at += matched.length;
    return matched;
  }

  #skipBlanks(): void {
    BLANKS.lastIndex = this.#at;
    BLANKS.test(this.#text);
    this.#at = BLANKS.lastIndex;
  }

  #found(): string {
    return this.#at >= this.#text.length ? "the end of the file" : JSON.stringify(this.#text.charAt(this.#at));
  }

  #fail(message: string): never {
    return this.#failAt(this.#at, message);
  }

  #failAt(at: number, message: string): never {
    throw new JsonSyntaxError(at, message);
  }
}

/** Where an offset stands: line and column, both from 1. */
export type LineFinder = (at: number) => { readonly line: number; readonly column: number };

/** Finds the lines of offsets into this text. Lines end in LF, CRLF or CR. */
export function lineFinder(text: string): LineFinder {
  const starts = lineStarts(text);
  return (at) => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] ?? 0) <= at) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: at - (starts[low] ?? 0) + 1 };
  };
}

const LF = 0x0a;
const CR = 0x0d;

/** Where each line begins. A file of 200,000 tenants may have four million: they are numbers in a row, and nothing else. */
function lineStarts(text: string): Uint32Array {
  let starts = new Uint32Array(1024);
  let count = 1;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code !== LF && (code !== CR || text.charCodeAt(at + 1) === LF)) continue;
    if (count === starts.length) {
      const more = new Uint32Array(count * 2);
      more.set(starts);
      starts = more;
    }
    starts[count] = at + 1;
    count += 1;
  }
  return starts.subarray(0, count);
}
