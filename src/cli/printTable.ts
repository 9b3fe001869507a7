import { output } from "./output.ts";
import { type Column, tableLines } from "./table.ts";

/**
 * Prints a table: bold titles, then one line for each row. `width`: of the terminal, in characters; null cuts nothing. `isDim`: which rows matter
 * less to whoever reads.
 */
export function printTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  options: { readonly width?: number | null; readonly isDim?: (row: Row) => boolean } = {},
): void {
  const { width = output.columns(), isDim = () => false } = options;
  const [titles, ...lines] = tableLines(columns, rows, width);
  output.line(output.style("bold", titles!));
  for (const [index, line] of lines.entries()) output.line(isDim(rows[index]!) ? output.style("dim", line) : line);
}
