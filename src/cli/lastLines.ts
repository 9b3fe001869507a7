import type { ProcessId } from "../contract/index.ts";
import type { Registry } from "../processes/index.ts";
import { follow } from "./follow.ts";

/** Bytes read at a time, from the end backwards. */
const windowBytes = 65_536;
const lineBreak = 0x0a;

/** The absolute offset at which the last `lines` lines before `end` begin. A line without a break at its end counts. */
export async function startOfLastLines(registry: Registry, id: ProcessId, end: number, lines: number): Promise<number> {
  if (lines <= 0) return end;
  let missing = lines;
  for (let until = end; until > 0; ) {
    const from = Math.max(0, until - windowBytes);
    const breaks: number[] = [];
    await follow(registry, id, {
      since: from,
      until,
      gaps: false,
      bytes: (bytes, offset) => {
        for (let at = bytes.indexOf(lineBreak); at !== -1; at = bytes.indexOf(lineBreak, at + 1)) {
          // The break that ends the very last line begins no other.
          if (offset + at + 1 !== end) breaks.push(offset + at + 1);
        }
      },
    });
    if (breaks.length >= missing) return breaks[breaks.length - missing]!;
    missing -= breaks.length;
    until = from;
  }
  return 0;
}
