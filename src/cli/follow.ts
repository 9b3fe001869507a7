import type { ProcessId } from "../contract/index.ts";
import type { Registry } from "../processes/index.ts";
import { output } from "./output.ts";

export type FollowOptions = {
  /** Absolute offset to begin at. */
  readonly since: number;
  /** Stop in front of this absolute offset instead of following to the process's end. */
  readonly until?: number;
  readonly signal?: AbortSignal;
  /** Tell on standard error which bytes are no longer kept. */
  readonly gaps: boolean;
  /** Takes the bytes as they come, with the absolute offset of the first; what it returns is waited for. */
  readonly bytes: (bytes: Uint8Array, offset: number) => unknown;
};

/** Reads a process's output in order and returns the absolute offset behind the last byte. */
export async function follow(registry: Registry, id: ProcessId, options: FollowOptions): Promise<number> {
  const until = options.until ?? Number.POSITIVE_INFINITY;
  let at = options.since;
  if (at >= until) return at;
  for await (const chunk of registry.follow(id, {
    since: options.since,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  })) {
    if (chunk.kind === "gap") {
      if (options.gaps) tellGap(chunk.from, Math.min(chunk.to, until));
      at = chunk.to;
    } else {
      const bytes = chunk.bytes.subarray(0, until - chunk.offset);
      await options.bytes(bytes, chunk.offset);
      at = chunk.offset + bytes.length;
    }
    if (at >= until) break;
  }
  return at;
}

function tellGap(from: number, to: number): void {
  output.note(`… ${to - from} bytes (${from}–${to}) are no longer kept`);
}
