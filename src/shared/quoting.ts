/** How a text is written where others read it by rules of their own: shells, JSON, URLs, spreadsheets. */

/** What sh or PowerShell reads between double quotes as more than text. PowerShell takes curly quotes for quotes. */
const LIVE_IN_DOUBLE_QUOTES = /["`$\\!\u201c-\u201e]/;
const SINGLE_QUOTES = /['\u2018-\u201b]/;

/** An argument typed for sh, and where it can be for PowerShell alike: who makes a hint does not know where it will be pasted. */
export function shellWord(text: string): string {
  if (/^[\w./:@=+-]+$/.test(text) && !/^[-@]/.test(text)) return text;
  if (!LIVE_IN_DOUBLE_QUOTES.test(text)) return `"${text}"`;
  // A text with both kinds cannot be typed for both shells: then it is typed for sh.
  return SINGLE_QUOTES.test(text) ? `'${text.replaceAll("'", "'\\''")}'` : `'${text}'`;
}

/** The shells that commands are typed for. Windows PowerShell (5.1) hands quotes to a program in another way than later ones. */
export type Shell = "sh" | "cmd" | "powershell" | "pwsh";

/**
 * The shell in which the program was probably started, by what shells leave in the environment. Windows names PowerShell's modules in
 * every shell; a PowerShell adds its user's, and a later one those of its own version.
 */
export function shellOf(
  platform: string,
  { PSModulePath: modules = "", MSYSTEM, SHELL, PROMPT }: Readonly<Record<string, string | undefined>>,
): Shell {
  if (platform !== "win32") return modules === "" ? "sh" : "pwsh";
  if (MSYSTEM !== undefined || SHELL !== undefined) return "sh";
  if (/\\powershell\\\d[^\\;]*\\modules/i.test(modules)) return "pwsh";
  const ofWindows = modules.split(";").filter((path) => /\\windowspowershell\\modules\\?$/i.test(path));
  return ofWindows.length > 1 || PROMPT === undefined ? "powershell" : "cmd";
}

/** Needs no quotes on Windows, where `\` stands in every path. */
function isPlainOnWindows(text: string): boolean {
  return /^[\w./:\\@=+-]+$/.test(text) && !/^[-@]/.test(text);
}

/**
 * cmd knows double quotes only, and fills in `%NAME%` within them too: where a text has two, each `%` stands outside of them, behind a
 * caret.
 */
function cmdWord(text: string): string {
  if (isPlainOnWindows(text)) return text;
  const isLive = /%[^%]+%/.test(text);
  const escaped = text.replace(isLive ? /\\+(?=["%]|$)/g : /\\+(?="|$)/g, "$&$&").replaceAll('"', '""');
  return `"${isLive ? escaped.replaceAll("%", '"^%"') : escaped}"`;
}

/** In PowerShell's single quotes nothing is filled in; it takes curly ones for the same. */
function pwshWord(text: string): string {
  return isPlainOnWindows(text) ? text : `'${text.replace(/['\u2018-\u201b]/g, "$&$&")}'`;
}

/** Windows PowerShell puts quotes around a text with blanks, and leaves it to us to escape those in it. */
function windowsPowerShellWord(text: string): string {
  const inner = text.replace(/(\\*)"/g, '$1$1\\"');
  return pwshWord(/\s/.test(text) ? inner.replace(/\\+$/, "$&$&") : inner);
}

const WORDS: Readonly<Record<Shell, (text: string) => string>> = {
  sh: shellWord,
  cmd: cmdWord,
  powershell: windowsPowerShellWord,
  pwsh: pwshWord,
};

/** How an argument is typed in a shell. */
export function wordsIn(shell: Shell): (text: string) => string {
  return WORDS[shell];
}

/** Quotes that were typed and arrived with the text, as by `set KEY="abc"` on Windows; a variable that nobody filled in. */
const IN_QUOTES = /^(?:"[^"]*"|'[^']*'|\u201c[^\u201d]*\u201d)$/;
const UNFILLED = /^(?:\$\(([\w.-]+)\)|\$\{([\w.-]+)\}|%(\w+)%|\$\{\{\s*([\w.-]+)\s*\}\})$/;

/** What a text has arrived as that was typed right and read wrong by a shell or a pipeline, and the remedy. It shows nothing of a secret. */
export function mistyped(text: string): { readonly why: string; readonly hint: string } | undefined {
  if (IN_QUOTES.test(text))
    return {
      why: "it stands in quotes, which belong to it as it was given",
      hint: 'Leave the quotes out; in cmd they stand around the whole: set "NAME=value"',
    };
  if (!UNFILLED.test(text)) return undefined;
  return {
    why: `it is ${text}, a variable that was not filled in`,
    hint: "Set that variable; a secret of a pipeline must also be handed to the step (Azure: env, and the variable group)",
  };
}

/**
 * What a spreadsheet takes for a formula, and the `'` that keeps it from doing so. The CSV result adds the mark and the CSV
 * manifest's reader takes it back, so that a result fed back names the same tenants. A text that stands behind such marks
 * already gets one more: what is added is always what is taken away. The pattern: `=`, `+`, `-`, `@` (also their wide forms, also after blanks), tab and line end. */
const FORMULA = /^'*(?:[\s\u200b\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n])/;

/**
 * The same within a cell, behind what an Excel of another country splits at: it finds quotes at the beginning of a cell only, and
 * there a quoted cell of ours is none. Neither blank nor quote before the sign makes it harmless.
 */
const BEHIND_DELIMITER = /(?<=[,;\t\r\n])(?='*(?:[^\S\t\r\n]|["\u200b\ufeff])*[=+\-@\uff1d\uff0b\uff0d\uff20])/g;
const MARK_BEHIND_DELIMITER = /(?<=[,;\t\r\n])'(?='*(?:[^\S\t\r\n]|["\u200b\ufeff])*[=+\-@\uff1d\uff0b\uff0d\uff20])/g;

/** A CSV cell of which no spreadsheet takes anything for a formula, at whatever delimiter it splits. */
export function disarmFormula(text: string): string {
  const inside = text.replace(BEHIND_DELIMITER, "'");
  return FORMULA.test(text) ? `'${inside}` : inside;
}

/** The delimiters that a CSV file is read with when nothing in it says another. */
export const CSV_DELIMITERS = [",", ";", "\t"] as const;

/** A line of a CSV file as Excel reads it. */
export function csvLine(cells: readonly string[], delimiter = ","): string {
  const quoted = cells.map((text) => (/[",;\t\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text));
  return `${quoted.join(delimiter)}\r\n`;
}

/** Excel's way to keep a text a text: `="007"`. */
const TEXT_FORMULA = /^="((?:[^"]|"")*)"$/s;

/** Whether a cell may say something else than it means; most do not. */
export function isArmed(cell: string): boolean {
  return cell.includes("'") || cell.startsWith('="');
}

/** What a cell means: what {@link disarmFormula} made it from, and of Excel's `="007"` the text. */
export function rearmFormula(cell: string): string {
  const inside = cell.replace(MARK_BEHIND_DELIMITER, "");
  if (cell.startsWith("'")) return FORMULA.test(inside.slice(1)) ? inside.slice(1) : inside;
  return TEXT_FORMULA.exec(cell)?.[1]?.replaceAll('""', '"') ?? inside;
}
