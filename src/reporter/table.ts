import { oneLine } from "../shared/text-safety.js";
import { displayWidth, fitWidth, padWidth } from "./display-width.js";
import type { Look } from "./look.js";

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
/** Where nothing is cut, no row is filled up further: one endless text would make every other row as long. */
const WIDEST_PADDED = 200;

/** Rows as aligned lines with a title line. Where the width is known, cells are cut so that each row is one line. */
export function tableLines<Row>(
  columns: readonly TableColumn<Row>[],
  rows: readonly Row[],
  look: Look,
): readonly string[] {
  return [...eachTableLine(columns, rows, look)];
}

/** {@link tableLines} one by one: goes through the rows twice, and holds none of them. */
export function* eachTableLine<Row>(
  columns: readonly TableColumn<Row>[],
  rows: Iterable<Row>,
  look: Look,
): Generator<string> {
  const cells = columns.map(cellsOf);
  const widths = columnWidths(columns, naturalWidths(columns, cells, rows), look.width);
  const title = columns.map((column, at) => padWidth(column.title, widths[at] ?? 0)).join("  ");
  yield look.palette.dim(title.trimEnd());
  for (const row of rows) yield tableLine(row, { columns, cells, widths, look }).trimEnd();
}

function tableLine<Row>(
  row: Row,
  of: {
    readonly columns: readonly TableColumn<Row>[];
    readonly cells: readonly CellOf<Row>[];
    readonly widths: readonly number[];
    readonly look: Look;
  },
): string {
  let line = "";
  of.cells.forEach((cellOf, at) => {
    const width = of.widths[at] ?? 0;
    const cell = cellOf(row);
    const fits = of.look.width === undefined || cell.width <= width;
    const text = fits ? cell.text : fitWidth(cell.text, width);
    const paint = of.columns[at]?.paint?.(row);
    const filling = " ".repeat(Math.max(0, width - (fits ? cell.width : displayWidth(text))));
    line += `${at === 0 ? "" : "  "}${paint === undefined ? text : paint(text)}${filling}`;
  });
  return line;
}

interface Cell {
  readonly text: string;
  readonly width: number;
}

type CellOf<Row> = (row: Row) => Cell;

/** Makes a column's cells. Rows below each other often say the same (a state, a source task): that is looked at once. */
function cellsOf<Row>(column: TableColumn<Row>): CellOf<Row> {
  let before: string | undefined;
  let cell: Cell = { text: "", width: 0 };
  return (row) => {
    const text = column.text(row);
    if (text === before) return cell;
    const safe = oneLine(text);
    before = text;
    cell = { text: safe, width: displayWidth(safe) };
    return cell;
  };
}

function naturalWidths<Row>(
  columns: readonly TableColumn<Row>[],
  cells: readonly CellOf<Row>[],
  rows: Iterable<Row>,
): readonly number[] {
  const widths = columns.map((column) => displayWidth(column.title));
  for (const row of rows)
    cells.forEach((cellOf, at) => {
      widths[at] = Math.max(widths[at] ?? 0, cellOf(row).width);
    });
  return widths;
}

function columnWidths<Row>(
  columns: readonly TableColumn<Row>[],
  natural: readonly number[],
  width: number | undefined,
): readonly number[] {
  if (width === undefined) return natural.map((wide) => Math.min(wide, WIDEST_PADDED));
  const limited = natural.map((wide, at) => Math.min(wide, columns[at]?.atMost ?? wide));
  const last = limited.length - 1;
  const before = limited.slice(0, last).reduce((sum, wide) => sum + wide + GAP, 0);
  return limited.map((wide, at) => (at === last ? Math.min(wide, Math.max(NARROWEST_LAST, width - before)) : wide));
}
