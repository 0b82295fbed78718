import type { Node } from "jsonc-parser";
import { EXIT, stopError } from "../shared/problems.js";
import type { Steps } from "../shared/steps.js";
import { readJsonTree } from "./json-tree.js";
import type { Findings, Place } from "./manifest.js";

/** A JSON text as a tree of values that know their lines: JSON.parse tells neither these nor, in every Node version, a fault's. */
export class JsonText {
  readonly root: Node;
  readonly #text: string;
  /** The offset at which each line begins. */
  readonly #lines: readonly number[];

  private constructor(text: string, lines: readonly number[], root: Node) {
    this.#text = text;
    this.#lines = lines;
    this.root = root;
  }

  /** Throws a StopError (exit 2) where the text is no JSON, as strict as JSON.parse, or has more values than are read. */
  static *read(text: string, findings: Findings): Steps<JsonText> {
    const { file } = findings;
    findings.checkSize(text.length, MOST_CHARACTERS, "characters of JSON");
    findings.checkSize(marksIn(text), MOST_MARKS, "JSON values");
    yield;
    const lines = yield* lineStarts(text);
    const root = yield* readJsonTree(text, (offset, why) => {
      const line = lineAt(offset, lines);
      const column = String(offset - (lines[line - 1] ?? 0) + 1);
      const message = `${file} is not valid JSON: line ${line}, column ${column}: ${why}.`;
      throw stopError(EXIT.usage, "JSON_SYNTAX", message, { file, line, column });
    });
    return new JsonText(text, lines, root);
  }

  /** The line on which a value begins, from 1. */
  lineOf(node: Node): number {
    return lineAt(node.offset, this.#lines);
  }

  /** The line on which a value begins, and the path that leads to it (empty for the root), or to a key that it lacks. */
  placeOf(node: Node, lacking?: string): Place {
    const path = pathOf(node);
    return { line: this.lineOf(node), column: lacking === undefined ? path : pathTo(path, lacking) };
  }

  /** A single value's text: a number's and a word's as the file has it (`1e3` stays `1e3`), none of `null`. */
  textOf(node: Node): string | undefined {
    if (node.type === "object" || node.type === "array") return undefined;
    if (node.type === "string") return String(node.value);
    return node.type === "null" ? "" : this.#text.slice(node.offset, node.offset + node.length);
  }
}

/** The tree takes some 150 bytes a value: a larger manifest has to be CSV. */
const MOST_CHARACTERS = 64 * 1024 * 1024;
const MOST_MARKS = 5_000_000;

/** How many brackets, colons and commas there are: about as many as values and keys. */
function marksIn(text: string): number {
  let marks = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === COMMA || code === COLON || code === BRACE || code === BRACKET) marks += 1;
  }
  return marks;
}

const [COMMA, COLON, BRACE, BRACKET] = [0x2c, 0x3a, 0x7b, 0x5b];

/** Which one begins at this offset, or last before it, of so many that are in order. */
function lastUpTo(offset: number, count: number, beginOf: (nth: number) => number | undefined): number {
  let [low, high] = [0, count];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((beginOf(middle) ?? 0) <= offset) low = middle;
    else high = middle;
  }
  return low;
}

function pathOf(node: Node): string {
  const { parent } = node;
  if (parent === undefined) return "";
  if (parent.type === "property") return pathTo(parent.parent === undefined ? "" : pathOf(parent.parent), keyOf(node));
  const { children = [] } = parent;
  return `${pathOf(parent)}[${lastUpTo(node.offset, children.length, (nth) => children[nth]?.offset)}]`;
}

function pathTo(path: string, key: string): string {
  return path === "" ? key : `${path}.${key}`;
}

/** The keys and values of an object, in the file's order. */
export function membersOf(node: Node): readonly (readonly [key: string, value: Node])[] {
  return (node.children ?? []).flatMap(({ children: [key, value] = [] }) =>
    key === undefined || value === undefined ? [] : [[String(key.value), value] as const],
  );
}

/** The key under which a value stands in its object. */
export function keyOf(node: Node): string {
  return String(node.parent?.children?.[0]?.value ?? "");
}

/** So many lines are found in a few milliseconds. */
const LINES_OF_STEP = 20_000;

function* lineStarts(text: string): Steps<readonly number[]> {
  const starts = [0];
  for (const end of text.matchAll(/\r\n?|\n/g)) if (starts.push(end.index + end[0].length) % LINES_OF_STEP === 0) yield;
  return starts;
}

function lineAt(offset: number, lines: readonly number[]): number {
  return 1 + lastUpTo(offset, lines.length, (nth) => lines[nth]);
}
