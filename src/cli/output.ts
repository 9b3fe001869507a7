import nodeProcess from "node:process";
import { styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

/**
 * Where a command prints. Writes to pipes, files and terminals are taken at once on POSIX, so nothing waits when the program exits.
 */
export const output = {
  /** To standard output, as it is. */
  write(data: string | Uint8Array): void {
    nodeProcess.stdout.write(data);
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

/**
 * Ends the program when whoever reads our output has gone (`herma logs | head`), quietly, as other filters do.
 * `closed` may do something else first; without it the exit code is 0.
 */
export function whenReaderLeaves(closed: () => void = () => nodeProcess.exit(0)): void {
  nodeProcess.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE" || error.code === "EIO") closed();
    else throw error;
  });
  // Nobody reads what is wrong either: the exit code still tells.
  nodeProcess.stderr.on("error", () => {});
}
