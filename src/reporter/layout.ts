import stringWidth from "string-width";
import { oneLine, withoutCommand } from "../shared/text-safety.js";
import type { Look, Tone } from "./look.js";

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

/** The text, cut to so many columns with `…` where it is longer. For text without colour codes. */
export function fitWidth(text: string, columns: number): string {
  if (stringWidth(text) <= columns) return text;
  let kept = "";
  for (const { segment } of graphemes.segment(text)) {
    if (stringWidth(kept + segment) >= columns) break;
    kept += segment;
  }
  return columns < 1 ? "" : `${kept}…`;
}

/** Finished lines (they may be painted) as text, none of them a CI system's command. */
export function toText(lines: readonly string[]): string {
  return lines.map((line) => `${withoutCommand(line)}\n`).join("");
}

/** An endless list in pieces of some length: it is written without ever being one string. */
export function* inPieces<Item>(items: Iterable<Item>): Generator<readonly Item[]> {
  let piece: Item[] = [];
  for (const item of items) {
    piece.push(item);
    if (piece.length < 500) continue;
    yield piece;
    piece = [];
  }
  if (piece.length > 0) yield piece;
}

/** One column of a table for people. */
export interface TableColumn<Row> {
  readonly title: string;
  /** Text from outside as it is; the table makes it safe. */
  readonly text: (row: Row) => string;
  readonly tone?: ((row: Row) => Tone) | undefined;
  /** No wider than this, where the width is limited. */
  readonly atMost?: number | undefined;
}

const NARROWEST_LAST = 12;
/** Where nothing is cut, no row is filled up further: one endless text would make every other row as long. */
const WIDEST_PADDED = 200;

/**
 * Rows as aligned lines with a title line. Where the width is known, cells are cut so that each row is one line; the last column
 * takes what the others leave. The rows are gone through twice, and none is held.
 */
export function* tableLines<Row>(
  columns: readonly TableColumn<Row>[],
  rows: Iterable<Row>,
  { palette, width }: Look,
): Generator<string> {
  const widths = columns.map(({ title }) => title.length);
  for (const row of rows)
    columns.forEach(({ text }, at) => {
      widths[at] = Math.max(widths[at] ?? 0, stringWidth(oneLine(text(row))));
    });
  let left = width ?? Number.POSITIVE_INFINITY;
  columns.forEach(({ atMost = WIDEST_PADDED }, at) => {
    const room =
      at === columns.length - 1 ? Math.max(NARROWEST_LAST, left) : width === undefined ? WIDEST_PADDED : atMost;
    widths[at] = Math.min(widths[at] ?? 0, room);
    left -= widths[at] + 2;
  });
  const lineOf = (cell: (column: TableColumn<Row>) => string, row?: Row): string => {
    const cells = columns.map((column, at) => {
      const columnWidth = widths[at] ?? 0;
      const text = width === undefined ? cell(column) : fitWidth(cell(column), columnWidth);
      const tone = row === undefined ? undefined : column.tone?.(row);
      const blanks = " ".repeat(Math.max(0, columnWidth - stringWidth(text)));
      return (tone === undefined ? text : palette[tone](text)) + blanks;
    });
    return cells.join("  ").trimEnd();
  };
  yield palette.dim(lineOf(({ title }) => title.toUpperCase()));
  for (const row of rows) yield lineOf(({ text }) => oneLine(text(row)), row);
}
