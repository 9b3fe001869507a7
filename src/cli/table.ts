/** One column of a table for people. */
export type Column<Row> = {
  readonly title: string;
  readonly value: (row: Row) => string;
  readonly align?: "right";
  /** This column gives way when the table is wider than the terminal; at most one, the last. */
  readonly shrinks?: true;
};

const wide =
  /^(?:\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}])$/u;
const none = /^[\p{Mn}\p{Me}\p{Cf}]$/u;

/** Columns a text takes on a terminal. */
export function textWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += none.test(character) ? 0 : wide.test(character) ? 2 : 1;
  return width;
}

/** Cuts a text to `width` columns, the last one an ellipsis when something was cut. */
export function cutText(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  let kept = "";
  let used = 0;
  for (const character of text) {
    const more = textWidth(character);
    if (used + more > width - 1) break;
    kept += character;
    used += more;
  }
  return width < 1 ? "" : `${kept}…`;
}

/** Makes control characters, line breaks and direction overrides in foreign text visible, so that they do nothing to a terminal. */
export function harmless(text: string): string {
  return text.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (character) => {
    if (character === "\n") return "\\n";
    if (character === "\t") return " ";
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}

/**
 * Lines of a table: titles first, two blanks between columns, no blanks at line ends.
 * `width` is the terminal's, in columns; null: nothing is cut.
 */
export function tableLines<Row>(columns: readonly Column<Row>[], rows: readonly Row[], width: number | null): string[] {
  const cells = [columns.map((column) => column.title), ...rows.map((row) => columns.map((column) => harmless(column.value(row))))];
  const widths = columns.map((_, index) => Math.max(...cells.map((line) => textWidth(line[index]!))));
  const shrinking = columns.findIndex((column) => column.shrinks);
  if (width !== null && shrinking !== -1) {
    const others = widths.reduce((sum, each, index) => sum + (index === shrinking ? 0 : each + 2), 0);
    widths[shrinking] = Math.min(widths[shrinking]!, Math.max(textWidth(columns[shrinking]!.title), width - others));
  }
  return cells.map((line) =>
    line
      .map((cell, index) => padded(index === shrinking ? cutText(cell, widths[index]!) : cell, widths[index]!, columns[index]!.align))
      .join("  ")
      .trimEnd(),
  );
}

function padded(text: string, width: number, align: "right" | undefined): string {
  const blanks = " ".repeat(Math.max(0, width - textWidth(text)));
  return align === "right" ? blanks + text : text + blanks;
}
