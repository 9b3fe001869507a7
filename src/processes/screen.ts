import { HermaError, type ProcessId, type ReadResult } from "../contract/index.ts";
import type { Context } from "./context.ts";
import { keptOutput } from "./kept.ts";
import { lazily } from "./lazy.ts";
import { getProcess } from "./list.ts";
import { type PlainRead, readProcess } from "./read.ts";

/** A screen is drawn anew from at most this much of the newest output; what was painted before that is missing. */
const screenBytesMax = 1_048_576;
/** Rows above the screen that are kept, because the first row of the screen may continue their line. */
const rowsAbove = 64;
const escapeByte = 0x1b;
const lineFeed = 0x0a;

/** What a process's terminal shows now. Throws NO_TERMINAL. */
export function readScreen(context: Context, id: ProcessId, plain: PlainRead): ReadResult {
  const { tty } = getProcess(context, id);
  if (tty === null) throw new HermaError("NO_TERMINAL", `${id} has no terminal, so it has no screen`);
  const kept = keptOutput(context, id);
  const to = Math.min(kept.end, plain.until ?? kept.end);
  const from = Math.max(0, to - screenBytesMax);
  const drawn = draw(tty, [...kept.chunks(from, to)], from > 0);
  // Everything but the text is as in an empty window at the end of the drawn output.
  const window = readProcess(context, id, { since: to, until: to, view: "delta" });
  const text = masked(context, kept.command, drawn, tty.cols);
  return { ...window, text, from, to, more: false, screen: { ...tty, ...drawn.screen } };
}

type Drawn = {
  /** The beginning of the first row's line, above the screen; `""` when the row begins a line. */
  readonly above: string;
  /** Lines of the screen, each with the rows it takes. */
  readonly lines: readonly (readonly string[])[];
  readonly screen: Pick<NonNullable<ReadResult["screen"]>, "cursor" | "alternate">;
};

/** Secrets are looked for in whole lines, because one may go on in the next row. A line in which something is masked is broken into rows again. */
function masked(context: Context, command: Command, { above, lines }: Drawn, cols: number): string {
  const whole = lines.map((rows) => rows.join("")).join("\n");
  const shown = context.shown.output(context.shown.window({ before: above, text: whole, after: "" }, command), command);
  const rows = shown === whole ? lines.flat() : shown.split("\n").flatMap((line) => line.match(new RegExp(`.{1,${cols}}`, "gu")) ?? [""]);
  // Programs fill rows up with blanks, which nobody sees.
  return rows.map((row) => row.trimEnd()).join("\n");
}
type Command = string | readonly string[] | undefined;

function draw(size: { readonly rows: number; readonly cols: number }, chunks: readonly { readonly bytes: Buffer }[], cut: boolean): Drawn {
  const { Terminal } = lazily.terminal();
  const terminal = new Terminal({ ...size, scrollback: rowsAbove, allowProposedApi: true, logLevel: "off" });
  try {
    for (const [index, { bytes }] of chunks.entries()) writeNow(terminal, cut && index === 0 ? afterCut(bytes) : bytes);
    const { active } = terminal.buffer;
    const goesOn = (row: number): boolean => active.getLine(row)?.isWrapped === true;
    const textOf = (row: number): string => {
      const text = active.getLine(row)?.translateToString() ?? "";
      return goesOn(row + 1) ? text : text.trimEnd();
    };
    const lines: string[][] = [];
    for (let row = active.baseY; row < active.baseY + size.rows; row += 1) {
      const line = lines.at(-1);
      if (line !== undefined && goesOn(row)) line.push(textOf(row));
      else lines.push([textOf(row)]);
    }
    while (lines.at(-1)?.join("") === "") lines.pop();
    let above = "";
    for (let row = active.baseY; row > 0 && goesOn(row); row -= 1) above = textOf(row - 1) + above;
    return {
      above,
      lines,
      screen: { cursor: { row: active.cursorY, col: active.cursorX }, alternate: active.type === "alternate" },
    };
  } finally {
    terminal.dispose();
  }
}

/**
 * The terminal's own `write` draws on a later turn of the event loop, and reads are synchronous. The library warns of `writeSync` because of slow
 * handlers; there are none here.
 */
function writeNow(terminal: object, bytes: Uint8Array): void {
  (terminal as { readonly _core: { writeSync(data: Uint8Array): void } })._core.writeSync(bytes);
}

/** The cut may lie inside a control sequence or a character: drawing begins behind it. */
function afterCut(bytes: Buffer): Buffer {
  const starts = [bytes.indexOf(escapeByte), bytes.indexOf(lineFeed)].filter((at) => at !== -1);
  return starts.length === 0 ? bytes : bytes.subarray(Math.min(...starts));
}
