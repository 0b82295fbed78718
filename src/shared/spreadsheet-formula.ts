/**
 * What a spreadsheet takes for a formula, and the `'` that keeps it from doing so. The CSV result adds the mark and the CSV
 * manifest's reader takes it back, so that a result fed back names the same tenants. A text that stands behind such marks
 * already gets one more: what is added is always what is taken away.
 */

/** `=`, `+`, `-`, `@` (also their wide forms, also after blanks), tab and line end. */
const FORMULA = /^'*(?:[\s\u200b\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n])/;

/** A CSV cell that no spreadsheet takes for a formula. */
export function disarmFormula(text: string): string {
  return FORMULA.test(text) ? `'${text}` : text;
}

/** Excel's way to keep a text a text: `="007"`. */
const TEXT_FORMULA = /^="((?:[^"]|"")*)"$/s;

/** Whether a cell may say something else than it means; most do not. */
export function isArmed(cell: string): boolean {
  return cell.startsWith("'") || cell.startsWith('="');
}

/** What a cell means: what {@link disarmFormula} made it from, and of Excel's `="007"` the text. */
export function rearmFormula(cell: string): string {
  if (cell.startsWith("'")) return FORMULA.test(cell.slice(1)) ? cell.slice(1) : cell;
  return TEXT_FORMULA.exec(cell)?.[1]?.replaceAll('""', '"') ?? cell;
}
