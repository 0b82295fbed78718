import { columnOf, indexColumns, type ManifestColumn, normalHeader } from "../domain/manifest-columns.js";
import type { Place, RawManifest, RawRow } from "../domain/raw-manifest.js";
import { readCsvTable } from "./csv-table.js";

/** A CSV manifest as rows of text. Never throws: what is wrong with the file is among the faults. */
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
    rows: table.rows,
    shared: {},
    place,
    faults: table.faults,
    warnings: [],
  };
}
