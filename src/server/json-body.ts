/** A body as JSON, or why it is none. */
export type JsonBody =
  | { readonly kind: "json"; readonly value: unknown }
  | { readonly kind: "empty" }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "html"; readonly title: string | undefined };

/** Deeper than anything that this API sends; JSON nested without end would eat all memory. */
const DEEPEST = 64;
/** How much of a body is looked at to tell what it is. */
const LOOKED_AT = 1024;
/** Texts are for people: more than this is not kept. */
const LONGEST_TEXT = 4096;

/** Tells what a body is: JSON wins over its content type, HTML is known by its content type or by looking. */
export function readBody(body: Buffer, contentType: string): JsonBody {
  if (body[0] === OPENING_BRACE) {
    const json = parseJson(body);
    if (json !== undefined) return { kind: "json", value: json.value };
  }
  const start = body.toString("utf8", 0, LOOKED_AT).replace(/^[\s\ufeff]+/, "");
  if (start === "" && body.length <= LOOKED_AT) return { kind: "empty" };
  if (start.startsWith("<")) {
    const html = isHtmlType(contentType) || LOOKS_LIKE_HTML.test(start);
    return html ? { kind: "html", title: titleOf(body) } : { kind: "text", text: textOf(body) };
  }
  const json = parseJson(body);
  if (json !== undefined) return { kind: "json", value: json.value };
  if (isHtmlType(contentType) && !/^[\w{}()-]+\s*$/.test(start)) return { kind: "html", title: titleOf(body) };
  return { kind: "text", text: textOf(body) };
}

const LOOKS_LIKE_HTML =
  /^(?:<\?xml[^>]{0,200}>\s*)?(?:<!--[^>]{0,500}>\s*)?<(?:!doctype|html|head|body|meta|script|title)\b/i;

function isHtmlType(contentType: string): boolean {
  return /^\s*(?:text\/html|application\/xhtml\+xml)\b/i.test(contentType);
}

function titleOf(body: Buffer): string | undefined {
  return /<title[^>]{0,100}>([^<]{1,200})/i.exec(textOf(body))?.[1]?.trim();
}

function textOf(body: Buffer): string {
  return body.toString("utf8", 0, LONGEST_TEXT);
}

/** Parses JSON text in a body; `undefined` where it is none, or nested too deep. */
export function parseJson(body: Buffer): { readonly value: unknown } | undefined {
  if (isTooDeep(body)) return undefined;
  const text = body.toString("utf8");
  try {
    return { value: JSON.parse(text.startsWith("\ufeff") ? text.slice(1) : text) };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENING_BRACE = 0x7b;

function isTooDeep(body: Buffer): boolean {
  let depth = 0;
  let inText = false;
  for (let at = 0; at < body.length; at += 1) {
    const byte = body[at];
    if (inText) {
      if (byte === BACKSLASH) at += 1;
      else if (byte === QUOTE) inText = false;
    } else if (byte === QUOTE) inText = true;
    else if (byte === 0x5b || byte === OPENING_BRACE) {
      depth += 1;
      if (depth > DEEPEST) return true;
    } else if (byte === 0x5d || byte === 0x7d) depth -= 1;
  }
  return false;
}

/** The object that a value is, or `undefined`. */
export function asObject(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return isObject(value) ? value : undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * One field of an object, whatever its casing, `_` and `-`. `names` are tried in turn, each spelled in lower case letters only;
 * `undefined` where there is none.
 */
export function field(object: Readonly<Record<string, unknown>>, ...names: readonly string[]): unknown {
  for (const name of names) {
    if (Object.hasOwn(object, name)) return object[name];
    for (const key of Object.keys(object)) if (key.length >= name.length && folded(key) === name) return object[key];
  }
  return undefined;
}

/** Whether an object has a field of one of these names. */
export function hasField(object: Readonly<Record<string, unknown>>, ...names: readonly string[]): boolean {
  return Object.keys(object).some((key) => names.includes(folded(key)));
}

/** A server's bodies have the same few keys, over and over; how many are remembered is bounded, for a body may have any. */
const FOLDED = new Map<string, string>();
const MOST_FOLDED = 1000;
const LONGEST_FOLDED = 64;

function folded(key: string): string {
  const known = FOLDED.get(key);
  if (known !== undefined) return known;
  const fold = key.toLowerCase().replace(/[_-]/g, "");
  if (FOLDED.size < MOST_FOLDED && key.length <= LONGEST_FOLDED) FOLDED.set(key, fold);
  return fold;
}
