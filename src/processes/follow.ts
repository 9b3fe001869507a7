import { HermaError, type ProcessId, processPaths } from "../contract/index.ts";
import { type Bell, openBell } from "./bell.ts";
import type { Context } from "./context.ts";
import { readFolder, standsAt } from "./folder.ts";
import { isOver, requireFolder } from "./list.ts";
import { OutputCursor } from "./output.ts";
import type { FollowChunk } from "./types.ts";

const chunkBytesMax = 65_536;

/** See `Registry.follow`. The files are read; bells only tell when. */
export async function* followProcess(
  context: Context,
  id: ProcessId,
  options: { readonly since?: number; readonly signal?: AbortSignal } = {},
): AsyncGenerator<FollowChunk, void, void> {
  const { since = 0 } = options;
  // A signal of this follow's own: what listens to it goes with it.
  const signal = AbortSignal.any(options.signal === undefined ? [context.closing] : [options.signal, context.closing]);
  if (!Number.isSafeInteger(since) || since < 0) throw new HermaError("BAD_REQUEST", "since is an absolute byte offset, 0 or more");
  requireFolder(context, id);
  const paths = processPaths(context.home, id);
  const cursor = new OutputCursor(context.system.files, paths.output, since);
  let bell: Bell | null = null;
  try {
    while (!signal.aborted) {
      // Asked before the last look at the output: what was printed before the end is on disk before the ending is.
      const over = isOver(context, id);
      for (let chunk = cursor.next(chunkBytesMax); chunk !== null; chunk = cursor.next(chunkBytesMax)) {
        yield chunk;
        if (signal.aborted) return;
      }
      if (over) {
        const gap = cursor.skipTo(lostAtTheEnd(context, id));
        if (gap !== null) yield gap;
        return;
      }
      // Removed under us: it had ended, and nothing will come any more.
      if (!standsAt(context.system.files, paths.folder)) return;
      // With the bell open there is one more look, for what came before it.
      if (bell === null) bell = openBell(context, { ids: [id], heard: () => true, signal });
      else await bell.rung();
    }
  } finally {
    bell?.close();
  }
}

/** Where the output ends by the ending's own account: bytes that the disk refused last have no segment behind them to show it. */
function lostAtTheEnd(context: Context, id: ProcessId): number {
  const { exit, state } = readFolder(context.system.files, context.home, id);
  const losses = exit?.losses ?? state?.losses ?? [];
  return Math.max(exit?.output_end ?? 0, ...losses.map((loss) => loss.from + (loss.bytes ?? 0)));
}
