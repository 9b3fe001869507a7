import nodeProcess from "node:process";
import type { TerminalSize } from "../contract/index.ts";

/** The size of our own terminal, or null when standard output is none. */
export function terminalSize(): TerminalSize | null {
  const { isTTY, rows, columns } = nodeProcess.stdout;
  if (!isTTY || !(rows > 0) || !(columns > 0)) return null;
  return { rows: Math.min(rows, 1000), cols: Math.min(columns, 1000) };
}

/** True when a person sits at both ends: keys come one by one, and the screen is ours to paint. */
export function isInteractive(): boolean {
  return nodeProcess.stdin.isTTY === true && nodeProcess.stdout.isTTY === true;
}
