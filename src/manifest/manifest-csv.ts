import { isArmed, rearmFormula } from "../shared/spreadsheet-formula.js";
import { columnOf, indexColumns, type ManifestColumn, normalHeader } from "./columns.js";
import { readCsvTable } from "./csv-table.js";
import type { Place, RawManifest, RawRow } from "./raw-manifest.js";

/**
 * A CSV manifest as rows of text. A result's cells have a `'` before what looks like a formula; it is taken back here, and so
 * is Excel's `="007"`.
 * Never throws: what is wrong with the file is among the faults.
 */
export function readCsvManifest(text: string, file: string): RawManifest {
  const table = readCsvTable(text, file, (header) => columnOf(normalHeader(header)) !== undefined);
  const { positions } = indexColumns(table.header, { file, line: table.headerLine });
  const place = (row: RawRow, column: ManifestColumn): Place => {
    const position = positions[column];
    return { line: row.line, column: (position === undefined ? undefined : table.header[position]) ?? column };
  };
  return {
    file,
    format: "csv",
    header: table.header,
    headerLine: table.headerLine,
    rows: table.rows.map(withFormulas),
    shared: {},
    place,
    faults: table.faults,
    warnings: [],
  };
}

/** Most rows have no such cell, and stay the same object: a manifest may have 200,000 of them. */
function withFormulas(row: RawRow): RawRow {
  return row.cells.some(isArmed) ? { ...row, cells: row.cells.map(rearmFormula) } : row;
}
