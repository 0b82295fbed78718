import { type ParseErrorCode, visit } from "jsonc-parser";

/**
 * A JSON value and the line on which it begins. Numbers and words keep their text: `1e3` stays `1e3`.
 */
export type JsonNode = Place &
  (
    | { readonly kind: "object"; readonly members: readonly JsonMember[] }
    | { readonly kind: "array"; readonly items: readonly JsonNode[] }
    | { readonly kind: "string" | "number" | "boolean" | "null"; readonly text: string }
  );

interface Place {
  /** From 1. */
  readonly line: number;
}

export interface JsonMember {
  readonly key: string;
  readonly value: JsonNode;
}

/** Why a text is no JSON, and where: line and column, both from 1. */
export interface JsonFault {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

export type JsonReading = { readonly kind: "read"; readonly root: JsonNode } | ({ readonly kind: "fault" } & JsonFault);

const DEEPEST = 64;

/** Reads a text as JSON, as strictly as JSON.parse, which tells neither the line of a value nor, in every Node version, that of a fault. */
export function readJsonText(text: string): JsonReading {
  const root: JsonNode[] = [];
  const open: Open[] = [{ take: (node) => root.push(node) }];
  const take = (node: JsonNode): unknown => open.at(-1)?.take(node);
  const begin = (node: JsonNode, container: Open, at: Position): void => {
    take(node);
    if (open.push(container) > DEEPEST) throw new JsonSyntaxError(at, `more than ${DEEPEST} levels of brackets`);
  };
  const end = (): void => void open.pop();
  try {
    visit(
      text,
      {
        onObjectBegin: (_offset, _length, line, column) => {
          const members: JsonMember[] = [];
          let key = "";
          const container = {
            take: (value: JsonNode) => members.push({ key, value }),
            name: (next: string) => (key = next),
          };
          begin({ kind: "object", line: line + 1, members }, container, { line, column });
        },
        onObjectProperty: (name) => void open.at(-1)?.name?.(name),
        onObjectEnd: end,
        onArrayBegin: (_offset, _length, line, column) => {
          const items: JsonNode[] = [];
          begin({ kind: "array", line: line + 1, items }, { take: (item) => items.push(item) }, { line, column });
        },
        onArrayEnd: end,
        onLiteralValue: (value, offset, length, line) => {
          const kind = value === null ? "null" : (typeof value as "string" | "number" | "boolean");
          take({ kind, line: line + 1, text: kind === "string" ? value : text.slice(offset, offset + length) });
        },
        onError: (error, offset, length, line, column) => {
          throw new JsonSyntaxError(
            { line, column },
            messageOf(error, text.slice(offset, offset + Math.max(length, 1))),
          );
        },
      },
      { disallowComments: true },
    );
  } catch (error) {
    if (error instanceof JsonSyntaxError) return { kind: "fault", ...error.at, message: error.message };
    throw error;
  }
  const [read] = root;
  return read === undefined
    ? { kind: "fault", line: 1, column: 1, message: "a value is expected, not the end of the file" }
    : { kind: "read", root: read };
}

/** An object or array that is being read. */
interface Open {
  readonly take: (node: JsonNode) => unknown;
  readonly name?: (key: string) => unknown;
}

/** Both from 0, as the parser counts. */
interface Position {
  readonly line: number;
  readonly column: number;
}

class JsonSyntaxError extends Error {
  /** Both from 1. */
  readonly at: Position;

  constructor({ line, column }: Position, message: string) {
    super(message);
    this.at = { line: line + 1, column: column + 1 };
  }
}

/** By the parser's numbers: its enum is a `const enum`, which is there for the compiler alone. */
const MESSAGES: Readonly<Record<number, string>> = {
  1: "a text or key stands in double quotes, and nothing but a number, true, false or null without",
  3: "a key in double quotes is expected",
  4: "a value is expected",
  5: '":" is expected after the key',
  6: '"," is expected',
  7: '"," or "}" is expected',
  8: '"," or "]" is expected',
  9: "the JSON ends before this, but more follows",
  10: "JSON has no comments",
  11: "JSON has no comments",
  12: "a text that is never closed on its line (a line break in a text is written \\n)",
  13: "a number that breaks off",
  14: "a \\u that is not followed by four hexadecimal digits",
  15: "a backslash that escapes nothing (write \\\\ for a backslash)",
  16: "a tab or control character inside a text (write \\t)",
};

function messageOf(error: ParseErrorCode, found: string): string {
  const message = MESSAGES[error] ?? "this is no value of JSON";
  return found === "" ? `${message}, not the end of the file` : `${message}, at ${JSON.stringify(found)}`;
}
