import nodeProcess from "node:process";
import { styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

/** Node.js reports a failed write first to its callback and then as an event, each a tick later. This is more ticks than that takes. */
const ticksToError = 8;

/** Where a command prints. */
export const output = {
  /** To standard output, as it is. A promise when its reader should be waited for before more is written. */
  write(data: string | Uint8Array): Promise<void> | undefined {
    if (data.length === 0 || nodeProcess.stdout.write(data) || readerGone) return undefined;
    return new Promise((resolve) => {
      nodeProcess.stdout.once("drain", resolve);
    });
  },
  /** Resolves when everything printed has been taken by its reader. Never when it could not be written: that ends the program. */
  async flushed(): Promise<void> {
    const { stdout } = nodeProcess;
    if (!readerGone && stdout.writableLength > 0) await new Promise<void>((resolve) => stdout.write("", () => resolve()));
    // What went wrong with the last write is told a few ticks behind it.
    for (let tick = 0; tick < ticksToError && !unwritable; tick += 1) await new Promise<void>((resolve) => nodeProcess.nextTick(resolve));
    if (unwritable) await new Promise<void>(() => {});
  },
  /** One line to standard output. */
  line(text: string): void {
    nodeProcess.stdout.write(`${text}\n`);
  },
  /** One JSON document on one line, to standard output. */
  json(value: unknown): void {
    nodeProcess.stdout.write(`${JSON.stringify(value)}\n`);
  },
  /** One line to standard error, for people, beside the results. */
  note(text: string): void {
    nodeProcess.stderr.write(`${text}\n`);
  },
  /** Columns of the terminal on standard output, or null when that is none. */
  columns(): number | null {
    return nodeProcess.stdout.isTTY ? nodeProcess.stdout.columns : null;
  },
  /** Colours for standard output: only on a terminal, and never with NO_COLOR. */
  style(style: Style, text: string): string {
    return styleText(style, text, { stream: nodeProcess.stdout });
  },
  /** Colours for standard error. */
  noteStyle(style: Style, text: string): string {
    return styleText(style, text, { stream: nodeProcess.stderr });
  },
};

let readerGone = false;
let unwritable = false;
let whenGone: (() => void) | null = null;
let serves = false;

/**
 * Ends the program when whoever reads our output has gone (`herma logs | head`), quietly and with exit code 0, as other filters do.
 * A later call puts something else in the place of that. Output that cannot be written for another reason (a full disk) ends it as a failure.
 */
export function whenReaderLeaves(act: () => void = () => nodeProcess.exit(0)): void {
  const first = whenGone === null;
  whenGone = act;
  if (!first) return;
  nodeProcess.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (unwritable) return;
    if (!isReaderGone(error) && !serves) {
      unwritable = true;
      void endUnwritable(error);
      return;
    }
    readerGone = true;
    // Whoever waits for the reader waits no longer; what is written from now on is thrown away.
    nodeProcess.stdout.emit("drain");
    whenGone?.();
  });
  // Nobody reads what is wrong either: the exit code still tells.
  nodeProcess.stderr.on("error", () => {});
}

/**
 * For a program that serves: its lines tell people where it is, and are no result. It goes on when they are not wanted any more
 * (`herma gateway run | head -1`, a collector of logs that ends), and where they cannot be written (a full disk).
 */
export function servesOnWithoutReader(): void {
  serves = true;
  whenReaderLeaves(() => {});
}

function isReaderGone({ code }: NodeJS.ErrnoException): boolean {
  return code === "EPIPE" || code === "EIO" || code === "ERR_STREAM_DESTROYED";
}

/** Reported on standard error, also with `--json`, because standard output takes nothing. */
async function endUnwritable(cause: Error): Promise<never> {
  const { HermaError } = await import("../contract/index.ts");
  const { message, row } = new HermaError("IO", `standard output cannot be written: ${cause.message}`, { cause });
  output.note(`${output.noteStyle("red", "herma:")} ${message}`);
  output.note(`${output.noteStyle("dim", "hint:")} Make room, or print to somewhere else; no process is touched by this.`);
  return nodeProcess.exit(row.exit);
}
