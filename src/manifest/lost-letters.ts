import { trimAround } from "../shared/ids.js";
import type { Problem } from "../shared/problems.js";
import { keptValue, quote } from "../shared/quotation.js";
import type { ColumnIndex } from "./columns.js";
import { columnsUsedBy } from "./name-template.js";
import type { RawManifest } from "./raw-manifest.js";
import type { ManifestRow } from "./rows.js";

const BETWEEN_LETTERS = /[A-Za-z]\?[A-Za-z]/;
const LETTER_BEYOND_ASCII = /(?![A-Za-z])\p{Letter}/u;

/**
 * A program that saves in a narrow encoding writes `?` for each letter that it lacks: then no letter beyond ASCII is left in the
 * file. Told once, of the first key, or value that a name uses.
 */
export function checkLostLetters(
  rows: readonly ManifestRow[],
  {
    raw,
    index,
    nameTemplate,
  }: { readonly raw: RawManifest; readonly index: ColumnIndex; readonly nameTemplate: string },
): readonly Problem[] {
  const { tenant, name } = index.positions;
  const used = columnsUsedBy(nameTemplate).map((column) => index.named.get(column));
  const positions = [tenant, name, ...used].filter((position) => position !== undefined);
  for (const row of rows) {
    if (row.enabled === false) continue;
    const position = positions.find((at) => BETWEEN_LETTERS.test(row.raw.cells[at] ?? ""));
    if (position === undefined) continue;
    if (rows.some(({ raw: { cells } }) => cells.some((cell) => LETTER_BEYOND_ASCII.test(cell)))) return [];
    const value = trimAround(row.raw.cells[position] ?? "");
    return [
      {
        code: "LETTERS_PERHAPS_LOST",
        message: `${raw.header[position] ?? ""} is ${quote(value)}, and no letter of the file is beyond ASCII: each "?" may stand for a letter that was lost when the file was saved.`,
        hint: 'Look at that value. Excel\'s "CSV UTF-8" and Export-Csv -Encoding UTF8 keep all letters.',
        tenant: row.tenant,
        file: raw.file,
        line: row.line,
        column: raw.header[position],
        value: keptValue(value),
      },
    ];
  }
  return [];
}
