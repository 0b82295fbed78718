import { displayWidth, fitWidth, padWidth } from "./display-width.js";
import type { Look } from "./look.js";
import { oneLine } from "./text-safety.js";

/** One column of a table for people. */
export interface TableColumn<Row> {
  readonly title: string;
  /** Text from outside as it is; the table makes it safe. */
  readonly text: (row: Row) => string;
  readonly paint?: ((row: Row) => (text: string) => string) | undefined;
  /** No wider than this, where the width is limited. */
  readonly atMost?: number | undefined;
}

const GAP = 2;
const NARROWEST_LAST = 12;

/** Rows as aligned lines with a title line. Where the width is known, cells are cut so that each row is one line. */
export function tableLines<Row>(
  columns: readonly TableColumn<Row>[],
  rows: readonly Row[],
  look: Look,
): readonly string[] {
  const cells = rows.map((row) => columns.map((column) => oneLine(column.text(row))));
  const widths = columnWidths(columns, cells, look.width);
  const title = columns.map((column, at) => padWidth(column.title, widths[at] ?? 0)).join("  ");
  const lines = rows.map((row, index) =>
    columns
      .map((column, at) => paintedCell(column, row, { text: cells[index]?.[at] ?? "", width: widths[at] ?? 0, look }))
      .join("  "),
  );
  return [look.palette.dim(title.trimEnd()), ...lines.map((line) => line.trimEnd())];
}

function paintedCell<Row>(
  column: TableColumn<Row>,
  row: Row,
  cell: { readonly text: string; readonly width: number; readonly look: Look },
): string {
  const text = cell.look.width === undefined ? cell.text : fitWidth(cell.text, cell.width);
  const paint = column.paint?.(row) ?? ((plain: string) => plain);
  return paint(text) + " ".repeat(Math.max(0, cell.width - displayWidth(text)));
}

function columnWidths<Row>(
  columns: readonly TableColumn<Row>[],
  cells: readonly (readonly string[])[],
  width: number | undefined,
): readonly number[] {
  const natural = columns.map((column, at) =>
    cells.reduce((widest, row) => Math.max(widest, displayWidth(row[at] ?? "")), displayWidth(column.title)),
  );
  if (width === undefined) return natural;
  const limited = natural.map((wide, at) => Math.min(wide, columns[at]?.atMost ?? wide));
  const last = limited.length - 1;
  const before = limited.slice(0, last).reduce((sum, wide) => sum + wide + GAP, 0);
  return limited.map((wide, at) => (at === last ? Math.min(wide, Math.max(NARROWEST_LAST, width - before)) : wide));
}
