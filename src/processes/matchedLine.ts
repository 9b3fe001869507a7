import type { ProcessId } from "../contract/index.ts";
import { lineCharactersMax } from "../rules/index.ts";
import type { Context } from "./context.ts";
import { type Kept, keptOutput } from "./kept.ts";

/** What stands around a line is looked at within so many bytes on either side: most private keys are shorter. */
export const aroundBytesMax = 32_768;
const lineFeed = 0x0a;

/** What touches the beginning of a line from before, and from it on. */
export type Around = { readonly before: Buffer; readonly after: Buffer };

/** The bytes around the line that begins at `offset`, as far as they are kept. */
export function aroundLine(kept: Kept, offset: number): Around {
  return {
    before: join(kept.chunks(Math.max(0, offset - aroundBytesMax), offset), "end"),
    after: join(kept.chunks(offset, Math.min(kept.end, offset + aroundBytesMax)), "start"),
  };
}

/**
 * A line of output as it may be shown by itself. Whether it is part of a secret can depend on the text around it: a line of a private key looks
 * harmless alone, and so does the first half of a token.
 * @param line as the matcher saw it
 */
export function shownLine(context: Pick<Context, "shown">, command: Kept["command"], line: string, { before, after }: Around): string {
  const lineEnd = after.indexOf(lineFeed);
  // The line may have been cut; what stands behind the cut is not known here.
  const isWhole = lineEnd !== -1 && line.length < lineCharactersMax;
  const window = { before: before.toString(), text: line, after: isWhole ? after.subarray(lineEnd).toString() : "" };
  return context.shown.output(context.shown.window(window, command), command);
}

/** The same for a match in the output of a process. What has been removed in the meantime has nothing around it. */
export function shownMatchLine(context: Context, id: ProcessId, match: { readonly offset: number; readonly text: string }): string {
  let kept: Kept;
  try {
    kept = keptOutput(context, id);
  } catch {
    return context.shown.output(match.text, undefined);
  }
  return shownLine(context, kept.command, match.text, aroundLine(kept, match.offset));
}

/** Contiguous bytes that touch the range's end, or its start. */
function join(chunks: Iterable<{ readonly offset: number; readonly bytes: Buffer }>, touching: "start" | "end"): Buffer {
  let run: Buffer[] = [];
  let expected = -1;
  for (const { offset, bytes } of chunks) {
    if (expected !== -1 && offset !== expected) {
      if (touching === "start") break;
      run = [];
    }
    run.push(bytes);
    expected = offset + bytes.length;
  }
  return Buffer.concat(run);
}
