import { HermaError, type ProcessId, type ReadResult } from "../contract/index.ts";
import type { Context } from "./context.ts";
import { keptOutput } from "./kept.ts";
import { lazily } from "./lazy.ts";
import { getProcess } from "./list.ts";
import { type PlainRead, readProcess } from "./read.ts";

/** A screen is drawn anew from at most so much; what painted a part of it longer ago is not seen. */
const screenBytesMax = 1_048_576;
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
  // The rest of the answer is that of a window of nothing at the place the screen is of.
  const window = readProcess(context, id, { since: to, until: to, view: "delta" });
  return { ...window, text: context.shown.output(drawn.text, kept.command), from, to, more: false, screen: { ...tty, ...drawn.screen } };
}

type Drawn = { readonly text: string; readonly screen: Pick<NonNullable<ReadResult["screen"]>, "cursor" | "alternate"> };

function draw(size: { readonly rows: number; readonly cols: number }, chunks: readonly { readonly bytes: Buffer }[], cut: boolean): Drawn {
  const { Terminal } = lazily.terminal();
  const terminal = new Terminal({ ...size, scrollback: 0, allowProposedApi: true, logLevel: "off" });
  try {
    for (const [index, { bytes }] of chunks.entries()) writeNow(terminal, cut && index === 0 ? afterCut(bytes) : bytes);
    const { active } = terminal.buffer;
    const lines = Array.from({ length: size.rows }, (_, row) => lineAt(active.getLine(active.baseY + row)));
    while (lines.at(-1) === "") lines.pop();
    return {
      text: lines.join("\n"),
      screen: { cursor: { row: active.cursorY, col: active.cursorX }, alternate: active.type === "alternate" },
    };
  } finally {
    terminal.dispose();
  }
}

/** Programs fill lines up with blanks, which nobody sees. */
function lineAt(line: { translateToString(): string } | undefined): string {
  return line?.translateToString().trimEnd() ?? "";
}

/**
 * The terminal's own `write` draws on a later turn of the loop, for people who watch; here it is asked what it shows. Its warning about that
 * speaks of handlers that take their time, and there are none.
 */
function writeNow(terminal: object, bytes: Uint8Array): void {
  (terminal as { readonly _core: { writeSync(data: Uint8Array): void } })._core.writeSync(bytes);
}

/** A cut may have gone through a sequence or a character: drawing begins at the next thing that is whole. */
function afterCut(bytes: Buffer): Buffer {
  const starts = [bytes.indexOf(escapeByte), bytes.indexOf(lineFeed)].filter((at) => at !== -1);
  return starts.length === 0 ? bytes : bytes.subarray(Math.min(...starts));
}
