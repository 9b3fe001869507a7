import { timestampOf } from "../contract/index.ts";
import { createRedactor } from "../rules/index.ts";
import type { Clock, OutputFile } from "../system/index.ts";

/** One line for people in the keeper's log. Never output, variables or commands of processes; secrets that errors quote are masked. */
export type Log = (line: string) => void;

/** Bytes of a log file; then it begins anew. The one before is kept beside it. */
export const logBytesMax = 4_194_304;

type LogFile = {
  readonly output: OutputFile;
  /** What the full file is renamed to; the one that stood there goes. */
  readonly olderPath: string;
};

/** A log with a limit: its file begins anew when it is full. What is no file, or cannot begin anew, falls silent there and says so. */
export function createLog(clock: Clock, write: (text: string) => void, file: LogFile | null = null): Log {
  const redactor = createRedactor({ enabled: true });
  let bytes = file?.output.size() ?? 0;
  let silent = false;
  const makeRoom = (): void => {
    try {
      file?.output.beginAnew(file.olderPath);
      silent = file === null;
    } catch {
      silent = true;
    }
    bytes = 0;
    if (silent) write("the log has reached its limit; nothing more is written until the keeper restarts\n");
  };
  return (line) => {
    if (silent) return;
    const text = `${timestampOf(clock.wallMs())} ${redactor.text(line).replaceAll("\n", " ")}\n`;
    if (bytes + text.length > logBytesMax) makeRoom();
    if (silent) return;
    bytes += text.length;
    write(text);
  };
}

/** What a line of the log says of something thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
