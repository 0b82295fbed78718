/**
 * Text from outside (names, server messages, cells of a manifest) made safe for the place where it is shown. Every output
 * goes through here: nothing else in this folder escapes by hand.
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
  return line.replace(/#(?=#+[\w-]*\[)/g, "# ").replace(/^((?:\s|\u001b\[[\d;]*m)*):(?=:)/, "$1: ");
}

/** Many finished lines, each without a command. */
export function withoutCommands(lines: readonly string[]): readonly string[] {
  return lines.map(withoutCommand);
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

/** The message of a GitHub workflow command. */
export function escapeWorkflowData(text: string): string {
  return text.replace(/%/g, "%25").replace(/\r/g, "%0D").replace(/\n/g, "%0A");
}

/** A property (`file=…`) of a GitHub workflow command. */
export function escapeWorkflowProperty(text: string): string {
  return escapeWorkflowData(text).replace(/:/g, "%3A").replace(/,/g, "%2C");
}
