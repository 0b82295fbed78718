import { createScanner, type Node, printParseErrorCode } from "jsonc-parser";
import type { Steps } from "../shared/steps.js";

/*
 * JSON's grammar over jsonc-parser's tokens. Its own parser makes the whole tree in one call, for seconds deaf to every signal, and goes
 * on behind a fault.
 */

/** jsonc-parser's numbers of tokens: its enum is not there at run time. */
const OPEN_BRACE = 1;
const CLOSE_BRACE = 2;
const OPEN_BRACKET = 3;
const CLOSE_BRACKET = 4;
const COMMA = 5;
const COLON = 6;
const STRING = 10;
const LINE_COMMENT = 12;
const BLOCK_COMMENT = 13;
const LINE_BREAK = 14;
const BLANKS = 15;
const UNKNOWN = 16;
const END = 17;

const VALUES: Readonly<Record<number, Node["type"]>> = {
  [OPEN_BRACE]: "object",
  [OPEN_BRACKET]: "array",
  7: "null",
  8: "boolean",
  9: "boolean",
  [STRING]: "string",
  11: "number",
};

/** A fault of a token is the parser's fault of a number so much higher. */
const FIRST_TOKEN_FAULT = 10;

/** Far more than any manifest has. */
const MOST_LEVELS = 1000;
/** So many values are read in a few milliseconds. */
const VALUES_OF_STEP = 2000;

/** A value that is still being read. */
type Making = { -readonly [Key in keyof Node]: Node[Key] };

/** Ends the reading: why the text is no JSON, and where. */
export type RefuseJson = (offset: number, why: string) => never;

/** The text's values as a tree. As strict as JSON.parse. */
export function* readJsonTree(text: string, refuse: RefuseJson): Steps<Node> {
  const tokens = new Tokens(text, refuse);
  const open: Making[] = [];
  const root = tokens.takeValue(undefined);
  for (let [node, count] = [root, 1]; ; count += 1) {
    if (count % VALUES_OF_STEP === 0) yield;
    let isFirst = node.children !== undefined;
    if (isFirst && open.push(node) > MOST_LEVELS) refuse(node.offset, "it has too many levels of brackets");
    let inner = open.at(-1);
    for (; inner !== undefined && tokens.ends(inner); inner = open.at(-1)) {
      open.pop();
      isFirst = false;
    }
    if (inner === undefined) {
      tokens.take(END, "end of file expected");
      return root;
    }
    const isObject = inner.type === "object";
    if (!isFirst) tokens.take(COMMA, `comma or close ${isObject ? "brace" : "bracket"} expected`);
    node = tokens.takeValue(isObject ? tokens.takeKey(inner) : inner);
  }
}

/** A text's tokens, one after the other. Blanks are none. */
class Tokens {
  readonly #scanner: ReturnType<typeof createScanner>;
  readonly #text: string;
  readonly #refuse: RefuseJson;
  #kind = END;

  constructor(text: string, refuse: RefuseJson) {
    this.#scanner = createScanner(text, false);
    this.#text = text;
    this.#refuse = refuse;
    this.#next();
  }

  /** Takes the token that closes an object or an array, where it stands here. */
  ends(container: Making): boolean {
    if (this.#kind !== (container.type === "object" ? CLOSE_BRACE : CLOSE_BRACKET)) return false;
    container.length = this.#scanner.getTokenOffset() + 1 - container.offset;
    this.#next();
    return true;
  }

  take(kind: number, wanted: string): void {
    if (this.#kind !== kind) this.#fail(wanted);
    if (kind !== END) this.#next();
  }

  /** Takes a value, of an object or an array its beginning, and puts it below its parent. */
  takeValue(parent: Node | undefined): Making {
    const type = VALUES[this.#kind];
    if (type === undefined) return this.#fail("value expected");
    const node = this.#nodeBelow(parent, type);
    if (type === "object" || type === "array") node.children = [];
    else if (type === "string") node.value = this.#scanner.getTokenValue();
    this.#next();
    return node;
  }

  /** Takes an object's key and the colon; returns what takes its value. */
  takeKey(object: Node): Node {
    if (this.#kind !== STRING) this.#fail("property name expected");
    const property = this.#nodeBelow(object, "property");
    property.children = [];
    this.takeValue(property);
    this.take(COLON, "colon expected");
    return property;
  }

  #nodeBelow(parent: Node | undefined, type: Node["type"]): Making {
    const node: Making = { type, offset: this.#scanner.getTokenOffset(), length: this.#scanner.getTokenLength() };
    if (parent === undefined) return node;
    node.parent = parent;
    parent.children?.push(node);
    return node;
  }

  #next(): void {
    do this.#kind = this.#scanner.scan();
    while (this.#kind === BLANKS || this.#kind === LINE_BREAK);
    const fault = this.#scanner.getTokenError();
    if (this.#kind === LINE_COMMENT || this.#kind === BLOCK_COMMENT) this.#fail("a comment is no JSON");
    if (fault > 0) this.#fail(wordsOf(fault));
    if (this.#kind === UNKNOWN) this.#fail("invalid symbol");
  }

  #fail(why: string): never {
    const offset = this.#scanner.getTokenOffset();
    const found = this.#text.slice(offset, offset + Math.max(this.#scanner.getTokenLength(), 1));
    return this.#refuse(
      offset,
      found === "" ? `${why}, not the end of the file` : `${why}, at ${JSON.stringify(found)}`,
    );
  }
}

/** `UnexpectedEndOfString` as words. */
function wordsOf(fault: number): string {
  return printParseErrorCode(FIRST_TOKEN_FAULT + fault)
    .replace(/(?!^)[A-Z]/g, " $&")
    .toLowerCase();
}
