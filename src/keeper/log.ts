import { timestampOf } from "../contract/index.ts";
import { createRedactor } from "../rules/index.ts";
import type { Clock } from "../system/index.ts";

/** One line for people in the keeper's log. Never output, variables or commands of processes; secrets that errors quote are masked. */
export type Log = (line: string) => void;

const logBytesMax = 4_194_304;

/** A log with a limit: behind it, it says so once and falls silent. */
export function createLog(clock: Clock, write: (text: string) => void): Log {
  const redactor = createRedactor({ enabled: true });
  let bytes = 0;
  return (line) => {
    if (bytes > logBytesMax) return;
    const text = `${timestampOf(clock.wallMs())} ${redactor.text(line).replaceAll("\n", " ")}\n`;
    bytes += text.length;
    write(text);
    if (bytes > logBytesMax) write("the log has reached its limit; nothing more is written until the keeper restarts\n");
  };
}

/** What a line of the log says of something thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
