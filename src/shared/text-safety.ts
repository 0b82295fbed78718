/**
 * Text from outside (names, server messages, cells of a manifest): what of it may be in a key or a name, and how it is made safe
 * for the place where it is shown. Every output goes through here.
 */

/** C0, DEL, C1, line and paragraph separators: never shown, whatever the format. */
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;
const BLANK_CONTROL = /[\t\n\v\f\r\u0085\u2028\u2029]+/g;
const OTHER_CONTROL = /[\u0000-\u001f\u007f-\u009f]/g;
/** Marks that reorder or hide what stands around them: bidi controls, interlinear annotation, the byte order mark. */
const REORDERING = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]/;
const REORDERING_ALL = new RegExp(REORDERING.source, "g");
const LONE_SURROGATE = /\p{Surrogate}/gu;
const ANYTHING_ODD = new RegExp(`${CONTROL.source}|${REORDERING.source}|[\\ud800-\\udfff]|##|^\\s*::`);

/** Without control characters: line ends and tabs become a blank, the others go. Broken halves of a character are replaced. */
export function withoutControls(text: string): string {
  return text.replace(BLANK_CONTROL, " ").replace(OTHER_CONTROL, "").replace(LONE_SURROGATE, "\ufffd");
}

const ESCAPED_IN_JSON = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]|#(?=#)/g;

/**
 * JSON text that says the same and is harmless where it is shown: what a terminal obeys, what reorders text, and the `##` of a CI
 * system's command are written as escapes.
 */
export function harmlessJson(json: string): string {
  return json.replace(ESCAPED_IN_JSON, (char) => `\\u${codePointOf(char)}`);
}

/** Text from outside as a part of one line of a terminal or a log: one line, no control or reordering characters, no command. */
export function oneLine(text: string): string {
  if (!ANYTHING_ODD.test(text)) return text;
  return withoutCommand(withoutControls(text).replace(REORDERING_ALL, ""));
}

/**
 * A finished line that no CI system takes for a command: GitHub's `::error::` at the start of a line, GitHub's old `##[…]`,
 * Azure's `##vso[…]` and TeamCity's `##teamcity[…]` anywhere.
 */
export function withoutCommand(line: string): string {
  return line.replace(/(?<!#)##+(?=[\w-]*\[)/g, spacedOut).replace(/^((?:\s|\u001b\[[\d;]*m)*):(?=:)/, "$1: ");
}

function spacedOut(signs: string): string {
  return [...signs].join(" ");
}

const HTML_ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** For HTML text and quoted attributes. */
export function escapeHtml(text: string): string {
  return oneLine(text).replace(/[&<>"']/g, (char) => HTML_ENTITIES[char] ?? "");
}

/** For XML 1.0 text and quoted attributes: characters that XML forbids are dropped. */
export function escapeXml(text: string): string {
  return escapeHtml(text).replace(/[\ufffe\uffff]/g, "");
}

/**
 * For Markdown text and table cells: nothing in it is markup, a link, a mention or a reference to an issue. A zero-width space
 * stands where an escape does not help.
 */
export function escapeMarkdown(text: string): string {
  return oneLine(text)
    .replace(/&/g, "&amp;")
    .replace(/</g, "&lt;")
    .replace(/>/g, "&gt;")
    .replace(/[\\`*_[\]{}~|$^!]/g, "\\$&")
    .replace(/^(\s*)([-+=#:])/, "$1\\$2")
    .replace(/^(\s*\d+)([.)])/, "$1\\$2")
    .replace(/[@#](?=[\p{L}\p{N}])/gu, "$&\u200b")
    .replace(/(https?|ftp|mailto|xmpp):/gi, "$1:\u200b")
    .replace(/www\./gi, "www\u200b.");
}

/**
 * Characters that no key and no name may hold: they would break a line of the log or of the output, cannot be sent as UTF-8, or
 * make two texts that look the same. Joiners and variation selectors may stand: scripts and emoji need them, and folding takes
 * them out.
 */
const UNFIT =
  /[\p{Control}\p{Surrogate}\u2028\u2029\u2800]|(?!\u200c|\u200d|\p{Variation_Selector})\p{Default_Ignorable_Code_Point}/u;
const UNFIT_ALL = new RegExp(UNFIT.source, "gu");
const UNSEEN_ALL = /\u2800|(?!\u200c|\u200d|\p{Variation_Selector})\p{Default_Ignorable_Code_Point}/gu;

/** One character of a text: its code point as it is written (`U+200E`), and its place, from 1. */
interface PlacedCharacter {
  readonly codePoint: string;
  readonly place: number;
}

/** The first character that a pattern finds in a text. */
export function firstOf(pattern: RegExp, text: string): PlacedCharacter | undefined {
  const found = pattern.exec(text);
  if (found === null) return undefined;
  const codePoint = `U+${codePointOf(text.slice(found.index)).toUpperCase()}`;
  return { codePoint, place: [...text.slice(0, found.index)].length + 1 };
}

/** The code of a text's first character: `200e`. */
function codePointOf(text: string): string {
  return (text.codePointAt(0) ?? 0).toString(16).padStart(4, "0");
}

/** The first character of a text that no key and no name may hold. */
export function firstUnfit(text: string): PlacedCharacter | undefined {
  return firstOf(UNFIT, text);
}

/** A text that shows each of its unfit characters by its code. */
function escapeUnfit(text: string): string {
  return text.replace(UNFIT_ALL, (char) => {
    const code = codePointOf(char);
    return code.length > 4 ? `\\u{${code}}` : `\\u${code}`;
  });
}

/** What a person sees of a text that was typed or pasted: without the marks that nobody sees and no key may hold. */
export function withoutUnseen(text: string): string {
  return text.replace(UNSEEN_ALL, "");
}

const LONGEST_SHOWN = 80;
const LONGEST_KEPT = 200;

/** A value from outside as a message shows it: in quotes, long ones cut, what cannot be seen by its code. */
export function quote(text: string): string {
  return escapeUnfit(JSON.stringify(cut(text, LONGEST_SHOWN)));
}

/** A thing of the server as a message shows it: by its name, where that is known, and its ID. */
export function nameAndId({ name, id }: { readonly name: string | undefined; readonly id: string }): string {
  return name === undefined ? id : `${quote(name)} (${id})`;
}

/** A value from outside as a problem keeps it: whole, unless it is very long. */
export function keptValue(text: string): string {
  return cut(text, LONGEST_KEPT);
}

const MOST_LISTED = 12;

/** The names of what a manifest has, as a hint lists them: the first dozen, and how many more. */
export function listed(names: readonly string[]): string {
  const more = names.length > MOST_LISTED ? ` and ${names.length - MOST_LISTED} more` : "";
  return names.length === 0 ? "none" : names.slice(0, MOST_LISTED).join(", ") + more;
}

/** `line 3`, `lines 3, 4, 5 and 34 more`. */
export function linesOf(lines: readonly number[]): string {
  return `${lines.length === 1 ? "line" : "lines"} ${listed(lines.map(String))}`;
}

function cut(text: string, longest: number): string {
  return text.length <= longest ? text : `${text.slice(0, longest)}…`;
}

/** A number and its noun: `1 tenant`, `2 tenants`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
