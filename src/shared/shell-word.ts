/** What sh or PowerShell reads between double quotes as more than text. PowerShell takes curly quotes for quotes. */
const LIVE_IN_DOUBLE_QUOTES = /["`$\\!\u201c-\u201e]/;
const SINGLE_QUOTES = /['\u2018-\u201b]/;

/** An argument typed so that it can be pasted into sh and PowerShell alike, and arrives there as it is. */
export function shellWord(text: string): string {
  if (/^[\w./:@=+-]+$/.test(text) && !/^[-@]/.test(text)) return text;
  if (!LIVE_IN_DOUBLE_QUOTES.test(text)) return `"${text}"`;
  // A text with both kinds cannot be typed for both shells: then it is typed for sh.
  return SINGLE_QUOTES.test(text) ? `'${text.replaceAll("'", "'\\''")}'` : `'${text}'`;
}

/** An option with its value. A value that begins like an option would be taken for one, unless it stands behind `=`. */
export function optionWord(flag: `--${string}`, value: string): string {
  return `${flag}${value.startsWith("-") ? "=" : " "}${shellWord(value)}`;
}

/**
 * An argument typed for Windows, where cmd knows double quotes only and `\` stands in every path. A quote is doubled, and `\` before
 * a quote too. What PowerShell would run or fill in gets its escape: in cmd, which has none for it, the escape arrives with it.
 */
function windowsWord(text: string): string {
  if (/^[\w./:\\@=+-]+$/.test(text) && !/^[-@]/.test(text)) return text;
  return `"${text
    .replace(/\\+(?="|$)/g, "$&$&")
    .replace(/[`$\u201c-\u201e]/g, "`$&")
    .replaceAll('"', '""')}"`;
}

/** How an argument is typed on a platform. */
export function wordsOn(platform: string): (text: string) => string {
  return platform === "win32" ? windowsWord : shellWord;
}

/** A word in double quotes, or one that {@link shellWord} put into single quotes. */
const QUOTED = /"[^"]*"|(?<=[ =])'(?:[^']|'\\'')*'(?=[\s.;,)]|$)/g;

/** Text with commands in it that {@link shellWord} has typed, typed for a platform. */
export function retypedOn(platform: string, text: string): string {
  if (platform !== "win32") return text;
  return text.replace(QUOTED, (word) =>
    word.startsWith('"') ? word : windowsWord(word.slice(1, -1).replaceAll("'\\''", "'")),
  );
}
