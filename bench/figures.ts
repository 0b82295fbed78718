/** The middle of some numbers. */
export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

/** The middle, and between what all were. */
export function spread(numbers: readonly number[], digits = 2): string {
  const fixed = (value: number): string => value.toFixed(digits);
  if (numbers.length < 2) return fixed(median(numbers));
  return `${fixed(median(numbers))} (${fixed(Math.min(...numbers))} to ${fixed(Math.max(...numbers))})`;
}

/** A Markdown table; the first row is its head. */
export function table(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows;
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...body.map(line)].join("\n");
}
